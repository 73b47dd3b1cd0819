//! Muon (Jordan, 2024), up to the last pass (`norms::Scaled`): b ← b + (1−μ)·(g − b),
//! m = b − (1−μ)·(b − g) with Nesterov's momentum or b, and O = NS(m), a matrix near to m's own, in
//! which all singular values are about 1.
//!
//! NS: X = m / max(‖m‖, ε), transposed if it has more rows than columns, and then some times
//! P = X·Xᵀ, X ← a·X + (b·P + c·P·P)·X. Where it is computed in bfloat16, m, ‖m‖, the quotient, P and what
//! is in brackets, and X are rounded to it; sums are not.

use std::ptr;

use crate::arena::{Fault, Numbers};
use crate::kernel::code::Code;
use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::matrices::{Matrix, Tools, Workers, whole};
use crate::kernel::{Kernel, Output};
use crate::sums;
use crate::sums::product::Product;
use crate::vector::{Scalar, Vector};

lanes! {
    /// `nesterov` is 1 − μ or 0; then how often, ε, whether in bfloat16, and a, b, c for each of the first times, of
    /// which the last ones are for all that follow.
    Row {
        one_minus_mu, nesterov, steps, eps, bfloat16,
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
        s.b = s.b + row.one_minus_mu * (g - s.b);
        s.b - row.nesterov * (s.b - g)
    }
}

whole! {
    /// O where m was.
    NewtonSchulz { Row, Nothing, newton_schulz, &[] }
}

/// # Safety
/// The matrix and its scratch must be there, and the row have all coefficients.
unsafe fn newton_schulz(
    code: &Code,
    tools: &Tools,
    matrix: &Matrix,
    row: Numbers,
    workers: &mut dyn Workers,
) -> Result<(), Fault> {
    let Matrix { at: given, rows, columns, size, .. } = *matrix;
    let (least, most) = (rows.min(columns), rows.max(columns));
    // The square is no larger than the length, and three lengths of four bytes are counted in 32 bits.
    if matrix.count != 1 || (2 * least * least + rows * columns) as u64 * size as u64 > matrix.room as u64 {
        return Err(Fault::new(&"there is no room for a matrix, or it is several"));
    }
    let p = matrix.scratch;
    let q = p.wrapping_add(least * least * size);
    let other = q.wrapping_add(least * least * size);
    // SAFETY: the caller vouches for the row and for room for all of these; each product writes to another
    // one than it reads.
    unsafe {
        let [steps, eps, bfloat16] = std::array::from_fn(|k| row.get(2 + k));
        if steps.is_nan() || steps > MOST_STEPS {
            return Err(Fault::new(&"a row of coefficients has too many steps"));
        }
        let is_rounded = bfloat16 != 0.0;
        let is_wide = rows <= columns;
        let start =
            Transfer { from: given, to: given, rows, columns, divisor: 1.0, transposes: false, is_rounded };
        move_by(tools, workers, &start);
        let norm = norm(code, given, rows * columns, size);
        // A norm that is NaN is taken over, and divided by nothing all is 0.
        let larger = if eps > norm { eps } else { norm };
        let divisor = if larger == 0.0 { f64::INFINITY } else { larger };
        let [mut x, mut next] = if is_wide { [given, other] } else { [other, given] };
        move_by(tools, workers, &Transfer { to: x, divisor, transposes: !is_wide, ..start });
        let wide = Transfer { rows: least, columns: most, ..start };
        for step in 0..steps as usize {
            let triple = FIRST + step.min(TRIPLES - 1) * 3;
            let [a, b, c] = std::array::from_fn(|k| row.get(triple + k));
            // Until X is made anew there, `next` is its transposed.
            move_by(tools, workers, &Transfer { from: x, to: next, transposes: true, ..wide });
            let square = Product {
                a: x,
                b: next,
                c: p,
                d: ptr::null(),
                alpha: 1.0,
                beta: 0.0,
                rows: least,
                columns: least,
                depth: most,
                is_symmetric: true,
                is_rounded,
            };
            let polynomial = Product { a: p, b: p, c: q, d: p, alpha: c, beta: b, depth: least, ..square };
            let last =
                Product { a: q, b: x, c: next, d: x, alpha: 1.0, beta: a, columns: most, ..polynomial };
            for product in [square, polynomial, Product { is_symmetric: false, ..last }] {
                multiply(tools, workers, &product);
            }
            (x, next) = (next, x);
        }
        if is_wide {
            move_by(tools, workers, &Transfer { from: x, ..wide });
        } else {
            move_by(tools, workers, &Transfer { from: x, to: other, ..wide });
            move_by(tools, workers, &Transfer { from: other, transposes: true, ..wide });
        }
    }
    Ok(())
}

/// # Safety
/// All of the matrices must be there.
#[inline(never)]
unsafe fn multiply(tools: &Tools, workers: &mut dyn Workers, product: &Product) {
    // SAFETY: passed on, and blocks do not overlap.
    workers.run(product.blocks(), &|number, scratch| unsafe {
        (tools.product)(product, number, scratch.panel())
    });
}

/// # Safety
/// As for `multiply`.
#[inline(never)]
unsafe fn move_by(tools: &Tools, workers: &mut dyn Workers, transfer: &Transfer) {
    // SAFETY: as in `multiply`.
    workers.run(transfer.rows.div_ceil(ROWS), &|number, _| unsafe { (tools.transfer)(transfer, number) });
}

/// ‖m‖, from the same sums as those of a stage.
unsafe fn norm(code: &Code, from: *const u8, count: usize, size: usize) -> f64 {
    let blocks = (0..count).step_by(sums::BLOCK);
    // SAFETY: the caller vouches for the numbers.
    let of_block = |at: usize| unsafe { (code.squares)(from.add(at * size), sums::BLOCK.min(count - at)) };
    blocks.fold(0.0, |total, at| total + of_block(at)).sqrt()
}

/// A matrix that becomes another one, or its transposed, each element divided and rounded.
#[derive(Clone, Copy)]
pub struct Transfer {
    pub from: *const u8,
    /// The same matrix, or one that does not overlap it.
    pub to: *mut u8,
    pub rows: usize,
    pub columns: usize,
    pub divisor: f64,
    pub transposes: bool,
    /// To bfloat16, the divisor too.
    pub is_rounded: bool,
}

// SAFETY: pieces do not overlap, and what is read stays; see `transfer`.
unsafe impl Sync for Transfer {}

/// Rows of a transfer that are one piece of work.
const ROWS: usize = 64;
/// Columns that are moved at a time, so that what they become in a transposed matrix stays in the cache.
const COLUMNS: usize = 16;

/// Moves the rows of piece `number`.
///
/// # Safety
/// Both matrices must be there; other threads may move other pieces.
#[inline(always)]
pub unsafe fn transfer<S: Scalar>(transfer: &Transfer, number: usize) {
    let Transfer { rows, columns, transposes, is_rounded, .. } = *transfer;
    let (from, to) = (transfer.from.cast::<S>(), transfer.to.cast::<S>());
    let round = |x: S| if is_rounded { x.to_bfloat16() } else { x };
    let divisor = round(S::from_f64(transfer.divisor));
    let (row, column) = if transposes { (1, rows) } else { (columns, 1) };
    for first in (0..columns).step_by(COLUMNS) {
        for i in number * ROWS..rows.min((number + 1) * ROWS) {
            for j in first..columns.min(first + COLUMNS) {
                // SAFETY: the caller vouches for both.
                unsafe {
                    to.add(i * row + j * column).write(round(from.add(i * columns + j).read() / divisor))
                };
            }
        }
    }
}
