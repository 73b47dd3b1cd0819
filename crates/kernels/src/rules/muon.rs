//! Muon (Jordan, 2024), without its last pass (`norms::Scaled`): b ← b + (1−μ)·(g − b), m = b − (1−μ)·(b − g) with
//! Nesterov's momentum, otherwise m = b, and O = NS(m), a matrix close to m in which all singular values are about 1.
//!
//! NS: X = m / max(‖m‖, ε), transposed if it has more rows than columns. Each iteration computes P = X·Xᵀ, X ← a·X +
//! (b·P + c·P·P)·X. In bfloat16, m, ‖m‖, the quotient, P, the sum in parentheses, and X are rounded; sums are not.

use std::ptr;

use crate::arena::{ArenaError, LINE};
use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::matrices::{Compiled, Matrices, MatrixKernel, Shape, ThreadTeam, Work, WorkspaceBytes};
use crate::kernel::pipeline::Scratch;
use crate::kernel::{Kernel, Output};
use crate::sums::product::{Product, rounded};
use crate::vector::{Vector, splat};

lanes! {
    /// `nesterov` is 1 − μ or 0. Then the number of iterations, ε, whether to use bfloat16, and a, b, c of each of the
    /// first iterations; the last triple serves all further iterations.
    Row {
        one_minus_mu, nesterov, steps, eps, bfloat16,
        a0, b0, c0, a1, b1, c1, a2, b2, c2, a3, b3, c3, a4, b4, c4, a5, b5, c5, a6, b6, c6, a7, b7, c7,
    }
    Buffer { b }
}

impl Row<f64> {
    /// a, b and c of each of the first iterations.
    fn triples(&self) -> [[f64; 3]; 8] {
        [
            [self.a0, self.b0, self.c0],
            [self.a1, self.b1, self.c1],
            [self.a2, self.b2, self.c2],
            [self.a3, self.b3, self.c3],
            [self.a4, self.b4, self.c4],
            [self.a5, self.b5, self.c5],
            [self.a6, self.b6, self.c6],
            [self.a7, self.b7, self.c7],
        ]
    }
}

/// A larger number means that the row was overwritten, because no rule requests it.
const MAX_STEPS: f64 = 100.0;

/// Updates b, and writes m over the gradient.
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

/// Writes O over m.
pub struct NewtonSchulz;

impl MatrixKernel for NewtonSchulz {
    type Row = Row;
    type State = Nothing;
    type Lines = Nothing;
    const WORKSPACE: Option<WorkspaceBytes> = Some(|&Shape { rows, columns, .. }, size| {
        let lines = |numbers: usize| (numbers as u64 * size as u64).next_multiple_of(LINE as u64);
        let least = rows.min(columns);
        2 * lines(least * least) + lines(rows * columns)
    });

    unsafe fn run<V: Compiled>(
        matrices: &Matrices<V::Scalar>,
        row: &Row<f64>,
        _: Nothing,
        _: Nothing,
        team: &mut ThreadTeam<V>,
    ) -> Result<(), ArenaError> {
        let (g, rows, columns) = (matrices.g, matrices.shape.rows, matrices.shape.columns);
        let (least, most) = (rows.min(columns), rows.max(columns));
        let mut scratch = matrices.scratch;
        // The square is no larger than the length.
        let [p, q] = [scratch.take(least * least)?, scratch.take(least * least)?];
        let other = scratch.take(rows * columns)?;
        if matrices.shape.count != 1 || row.steps.is_nan() || row.steps > MAX_STEPS {
            return Err(ArenaError::new(
                &"it is several matrices, or a row of coefficients has too many steps",
            ));
        }
        let is_rounded = row.bfloat16 != 0.0;
        let is_wide = rows <= columns;
        let all = Divided { from: g, to: g, length: rows * columns, divisor: 1.0, is_rounded };
        // SAFETY: the caller guarantees the matrix, and there is room for the others; each product writes to a matrix
        // that it does not read.
        unsafe {
            if is_rounded {
                team.run(&all);
            }
            let norm = matrices.squares(g, rows * columns).sqrt();
            // A NaN in the norm propagates. A divisor of 0 yields zeros.
            let larger = if row.eps > norm { row.eps } else { norm };
            team.run(&Divided { divisor: if larger == 0.0 { f64::INFINITY } else { larger }, ..all });
            let [mut x, mut next] = if is_wide { [g, other] } else { [other, g] };
            if !is_wide {
                team.run(&Transposed { from: g, to: x, rows, columns });
            }
            let triples = row.triples();
            for step in 0..row.steps as usize {
                let [a, b, c] = triples[step.min(triples.len() - 1)];
                // Until X is recomputed there, `next` contains the transpose.
                team.run(&Transposed { from: x, to: next, rows: least, columns: most });
                let square = Product {
                    a: x.cast_const(),
                    b: next.cast_const(),
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
                let polynomial =
                    Product { a: p, b: p, c: q, d: p, alpha: c, beta: b, depth: least, ..square };
                let last =
                    Product { a: q, b: x, c: next, d: x, alpha: 1.0, beta: a, columns: most, ..polynomial };
                for product in [square, polynomial, Product { is_symmetric: false, ..last }] {
                    team.run(&product);
                }
                (x, next) = (next, x);
            }
            // (Source and destination may be the same.)
            team.run(&Divided { from: x, to: if is_wide { g } else { other }, ..all });
            if !is_wide {
                team.run(&Transposed { from: other, to: g, rows: least, columns: most });
            }
        }
        Ok(())
    }
}

/// Divides and rounds numbers, in place or into another array.
#[derive(Clone, Copy)]
struct Divided<S> {
    from: *const S,
    /// The source itself, or an array that does not overlap it.
    to: *mut S,
    length: usize,
    divisor: f64,
    /// Rounds to bfloat16, including the divisor.
    is_rounded: bool,
}

/// Elements per piece of work; whole vectors.
const PIECE: usize = 1 << 12;

// SAFETY: pieces are different numbers. The source is constant, or equals the destination.
unsafe impl<V: Vector> Work<V> for Divided<V::Scalar> {
    fn pieces(&self) -> usize {
        self.length.div_ceil(PIECE)
    }

    #[inline(always)]
    unsafe fn piece(&self, number: usize, _: &mut Scratch) {
        let Self { from, to, length, is_rounded, .. } = *self;
        let divisor = splat::<V>(self.divisor);
        let divisor = if is_rounded { rounded(divisor) } else { divisor };
        let end = length.min((number + 1) * PIECE);
        for at in (number * PIECE..end).step_by(V::LANES) {
            // SAFETY: the caller guarantees both.
            unsafe {
                let x = V::load_some(from.add(at), end - at);
                // Division by 1 changes nothing, and is slow.
                let x = if self.divisor == 1.0 { x } else { x / divisor };
                let x = if is_rounded { rounded(x) } else { x };
                x.store_some(to.add(at), end - at);
            }
        }
    }
}

/// Transposes a matrix into another array.
#[derive(Clone, Copy)]
struct Transposed<S> {
    from: *const S,
    to: *mut S,
    rows: usize,
    columns: usize,
}

/// Rows per piece of work.
const ROWS: usize = 64;
/// Rows and columns that are moved at a time, so that the destination stays in the cache.
const SQUARE: usize = 16;

// SAFETY: pieces are different rows, and the source is constant.
unsafe impl<V: Vector> Work<V> for Transposed<V::Scalar> {
    fn pieces(&self) -> usize {
        self.rows.div_ceil(ROWS)
    }

    #[inline(always)]
    unsafe fn piece(&self, number: usize, _: &mut Scratch) {
        let Self { from, to, rows, columns } = *self;
        let end = rows.min((number + 1) * ROWS);
        for top in (number * ROWS..end).step_by(SQUARE) {
            for left in (0..columns).step_by(SQUARE) {
                for j in left..columns.min(left + SQUARE) {
                    for i in top..end.min(top + SQUARE) {
                        // SAFETY: the caller guarantees both.
                        unsafe { to.add(j * rows + i).write(from.add(i * columns + j).read()) };
                    }
                }
            }
        }
    }
}
