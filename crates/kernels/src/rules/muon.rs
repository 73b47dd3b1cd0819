//! Muon (Jordan, 2024), up to the last pass (`norms::Scaled`): b ← b + (1−μ)·(g − b),
//! m = b − (1−μ)·(b − g) with Nesterov's momentum or b, and O = NS(m), a matrix near to m's own, in
//! which all singular values are about 1.
//!
//! NS: X = m / max(‖m‖, ε), transposed if it has more rows than columns, and then some times
//! P = X·Xᵀ, X ← a·X + (b·P + c·P·P)·X. Where it is computed in bfloat16, m, ‖m‖, the quotient, P and what
//! is in brackets, and X are rounded to it; sums are not.

use std::ptr;

use crate::arena::Fault;
use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::matrices::{Compiled, Matrices, MatrixKernel, Team, Work};
use crate::kernel::pipeline::Scratch;
use crate::kernel::{Kernel, Output};
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

impl Row<f64> {
    /// a, b and c of each of the first times.
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

/// O where m was.
pub struct NewtonSchulz;

impl MatrixKernel for NewtonSchulz {
    type Row = Row;
    type State = Nothing;
    type Lines = Nothing;

    unsafe fn run<V: Compiled>(
        matrices: &Matrices<V::Scalar>,
        row: &Row<f64>,
        _: Nothing,
        _: Nothing,
        team: &mut Team<V>,
    ) -> Result<(), Fault> {
        let (g, rows, columns) = (matrices.g, matrices.shape.rows, matrices.shape.columns);
        let (least, most) = (rows.min(columns), rows.max(columns));
        let mut scratch = matrices.scratch;
        // The square is no larger than the length.
        let [p, q] = [scratch.take(least * least)?, scratch.take(least * least)?];
        let other = scratch.take(rows * columns)?;
        if matrices.shape.count != 1 || row.steps.is_nan() || row.steps > MOST_STEPS {
            return Err(Fault::new(&"it is several matrices, or a row of coefficients has too many steps"));
        }
        let is_rounded = row.bfloat16 != 0.0;
        let is_wide = rows <= columns;
        let start = Transfer { from: g, to: g, rows, columns, divisor: 1.0, transposes: false, is_rounded };
        // SAFETY: the caller vouches for the matrix, and there is room for the others; each product writes to
        // another one than it reads.
        unsafe {
            team.run(&start);
            let norm = matrices.squares(g, rows * columns).sqrt();
            // A norm that is NaN is taken over, and divided by nothing all is 0.
            let larger = if row.eps > norm { row.eps } else { norm };
            let divisor = if larger == 0.0 { f64::INFINITY } else { larger };
            let [mut x, mut next] = if is_wide { [g, other] } else { [other, g] };
            team.run(&Transfer { to: x, divisor, transposes: !is_wide, ..start });
            let wide = Transfer { rows: least, columns: most, ..start };
            let triples = row.triples();
            for step in 0..row.steps as usize {
                let [a, b, c] = triples[step.min(triples.len() - 1)];
                // Until X is made anew there, `next` is its transposed.
                team.run(&Transfer { from: x, to: next, transposes: true, ..wide });
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
            if is_wide {
                team.run(&Transfer { from: x, ..wide });
            } else {
                team.run(&Transfer { from: x, to: other, ..wide });
                team.run(&Transfer { from: other, transposes: true, ..wide });
            }
        }
        Ok(())
    }
}

/// A matrix that becomes another one, or its transposed, each element divided and rounded.
#[derive(Clone, Copy)]
struct Transfer<S> {
    from: *const S,
    /// The same matrix, or one that does not overlap it.
    to: *mut S,
    rows: usize,
    columns: usize,
    divisor: f64,
    transposes: bool,
    /// To bfloat16, the divisor too.
    is_rounded: bool,
}

/// Rows of a transfer that are one piece of work.
const ROWS: usize = 64;
/// Columns that are moved at a time, so that what they become in a transposed matrix stays in the cache.
const COLUMNS: usize = 16;

// SAFETY: pieces are other rows, and what is read stays, or is what is written.
unsafe impl<V: Vector> Work<V> for Transfer<V::Scalar> {
    fn pieces(&self) -> usize {
        self.rows.div_ceil(ROWS)
    }

    #[inline(always)]
    unsafe fn piece(&self, number: usize, _: &mut Scratch) {
        let Self { from, to, rows, columns, transposes, is_rounded, .. } = *self;
        let round = |x: V::Scalar| if is_rounded { x.to_bfloat16() } else { x };
        let divisor = round(V::Scalar::from_f64(self.divisor));
        // By 1 nothing changes, and it takes long.
        let divides = self.divisor != 1.0;
        let (row, column) = if transposes { (1, rows) } else { (columns, 1) };
        for first in (0..columns).step_by(COLUMNS) {
            for i in number * ROWS..rows.min((number + 1) * ROWS) {
                for j in first..columns.min(first + COLUMNS) {
                    // SAFETY: the caller vouches for both.
                    unsafe {
                        let x = from.add(i * columns + j).read();
                        to.add(i * row + j * column).write(round(if divides { x / divisor } else { x }));
                    };
                }
            }
        }
    }
}
