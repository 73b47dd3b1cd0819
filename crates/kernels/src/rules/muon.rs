//! Muon (Jordan, 2024), up to the last pass (`norms::Scaled`): b ← b + (1−μ)·(g − b),
//! m = b − (1−μ)·(b − g) with Nesterov's momentum or b, and O = NS(m), a matrix near to m's own, in
//! which all singular values are about 1.
//!
//! NS: X = m / max(‖m‖, ε), transposed if it has more rows than columns, and then some times
//! P = X·Xᵀ, X ← a·X + (b·P + c·P·P)·X. Where it is computed in bfloat16, m, ‖m‖, the quotient, P and what
//! is in brackets, and X are rounded to it; sums are not.

use std::ptr;

use crate::Fault;
use crate::dispatch::Code;
use crate::kernel::{Kernel, Output};
use crate::lanes::{Nothing, lanes};
use crate::matrices::{Matrix, Workers};
use crate::product::Product;
use crate::sums;
use crate::table::Numbers;
use crate::vector::{Scalar, Vector};

lanes! {
    /// `rest` is 1 − μ, `nesterov` the same or 0; then how often, ε, whether in bfloat16, and a, b, c for
    /// each of the first times, of which the last ones are for all that follow.
    Row {
        rest, nesterov, steps, eps, bfloat16,
        a0, b0, c0, a1, b1, c1, a2, b2, c2, a3, b3, c3, a4, b4, c4, a5, b5, c5, a6, b6, c6, a7, b7, c7,
    }
    Buffer { b }
}

/// Where in a row a0 is, and how many triples follow.
const FIRST: usize = 5;
const TRIPLES: usize = 8;
/// Nobody wants more, and a row that says so was overwritten.
const MOST_STEPS: f64 = 100.0;

/// b, and m where the gradient was.
pub struct MuonMomentum;

impl Kernel for MuonMomentum {
    type Row = Row;
    type State = Buffer;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::Gradients;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, _: &Nothing, _: V, _: V, g: V, s: &mut Buffer<V>) -> V {
        s.b = s.b + row.rest * (g - s.b);
        s.b - row.nesterov * (s.b - g)
    }
}

/// O where m was.
pub struct NewtonSchulz;

impl Kernel for NewtonSchulz {
    type Row = Row;
    type State = Nothing;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::Matrix;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(_: &Row<V>, _: &Nothing, _: V, _: V, g: V, _: &mut Nothing) -> V {
        g
    }
}

/// # Safety
/// The matrix and its scratch must be there, and the row, from number `first` on, have all coefficients.
pub unsafe fn newton_schulz(
    code: &Code,
    matrix: &Matrix,
    row: Numbers,
    first: usize,
    workers: &mut dyn Workers,
) -> Result<(), Fault> {
    // SAFETY: passed on.
    unsafe {
        match matrix.size {
            4 => orthogonalize::<f32>(code, matrix, row, first, workers),
            _ => orthogonalize::<f64>(code, matrix, row, first, workers),
        }
    }
}

unsafe fn orthogonalize<S: Scalar>(
    code: &Code,
    matrix: &Matrix,
    row: Numbers,
    first: usize,
    workers: &mut dyn Workers,
) -> Result<(), Fault> {
    let Matrix { rows, columns, .. } = *matrix;
    let (least, most) = (rows.min(columns), rows.max(columns));
    let given = matrix.at.cast::<S>();
    let p = matrix.scratch.cast::<S>();
    let q = p.wrapping_add(least * least);
    let other = q.wrapping_add(least * least);
    // SAFETY: the caller vouches for the row and for room for all of these; each product writes to another
    // one than it reads.
    unsafe {
        let coefficient = |k: usize| row.get(first + k);
        let [steps, eps, bfloat16] = array(|k| coefficient(2 + k));
        if !(steps <= MOST_STEPS) {
            return Err(Fault(&"a row of coefficients has too many steps"));
        }
        let is_rounded = bfloat16 != 0.0;
        let round = |x: S| if is_rounded { x.to_bfloat16() } else { x };
        let count = rows * columns;
        (0..count).for_each(|i| given.add(i).write(round(given.add(i).read())));
        let norm = norm(code, given, count);
        // A norm that is NaN is taken over.
        let larger = if eps > norm { eps } else { norm };
        let divisor = round(S::from_f64(larger));
        let divide = |x: S| if divisor.to_f64() == 0.0 { divisor } else { round(x / divisor) };
        let is_wide = rows <= columns;
        let [mut x, mut next] = if is_wide { [given, other] } else { [other, given] };
        if is_wide {
            (0..count).for_each(|i| x.add(i).write(divide(x.add(i).read())));
        } else {
            transpose(given, x, rows, columns, divide);
        }
        let square = Product {
            a: x.cast(),
            b: x.cast(),
            b_step: 1,
            b_column: most,
            c: p.cast(),
            d: ptr::null(),
            alpha: 1.0,
            beta: 0.0,
            rows: least,
            columns: least,
            depth: most,
            is_symmetric: true,
            is_rounded,
        };
        for step in 0..steps as usize {
            let triple = FIRST + step.min(TRIPLES - 1) * 3;
            let [a, b, c] = array(|k| coefficient(triple + k));
            let mut multiply = |product: Product| {
                workers.run(product.blocks(), &|number, scratch| {
                    // SAFETY: the matrices are there, and blocks do not overlap.
                    (code.product)(&product, number, scratch.panel())
                });
            };
            multiply(Product { a: x.cast(), b: x.cast(), ..square });
            let polynomial = Product {
                a: p.cast(),
                b: p.cast(),
                b_step: least,
                b_column: 1,
                c: q.cast(),
                d: p.cast(),
                alpha: c,
                beta: b,
                depth: least,
                ..square
            };
            multiply(polynomial);
            multiply(Product {
                a: q.cast(),
                b: x.cast(),
                b_step: most,
                c: next.cast(),
                d: x.cast(),
                alpha: 1.0,
                beta: a,
                columns: most,
                is_symmetric: false,
                ..polynomial
            });
            (x, next) = (next, x);
        }
        if !is_wide && x == given {
            ptr::copy(x, other, count);
            x = other;
        }
        if !is_wide {
            transpose(x, given, columns, rows, |x| x);
        } else if x != given {
            ptr::copy(x, given, count);
        }
    }
    Ok(())
}

fn array<const N: usize>(of: impl FnMut(usize) -> f64) -> [f64; N] {
    std::array::from_fn(of)
}

/// ‖m‖, from the same sums as those of a stage.
unsafe fn norm<S: Scalar>(code: &Code, from: *const S, count: usize) -> f64 {
    let blocks = (0..count).step_by(sums::BLOCK);
    // SAFETY: the caller vouches for the numbers.
    let of_block = |at: usize| unsafe { (code.squares)(from.add(at).cast(), sums::BLOCK.min(count - at)) };
    blocks.fold(0.0, |total, at| total + of_block(at)).sqrt()
}

/// `to` ← the transposed of `from`, of so many rows and columns, each element by way of `of`.
unsafe fn transpose<S: Scalar>(from: *const S, to: *mut S, rows: usize, columns: usize, of: impl Fn(S) -> S) {
    for i in 0..rows {
        for j in 0..columns {
            // SAFETY: the caller vouches for both.
            unsafe { to.add(j * rows + i).write(of(from.add(i * columns + j).read())) };
        }
    }
}
