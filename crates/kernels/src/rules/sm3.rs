//! SM3-II (Anil, Gupta, Koren and Singer, 2019). For a matrix it stores the largest ν of each row and column, r and c:
//! ν = min(rᵢ, cⱼ) + g·g, u = g/√(ν + ε), rᵢ ← maxⱼ ν, cⱼ ← maxᵢ ν. A tensor that is not a matrix has an elementwise v:
//! v ← v + g·g, u = g/√(v + ε). Then θ ← θ − η·m, m ← β₁·m + (1−β₁)·u. Without momentum `norms::Scaled` moves θ.
//!
//! r, c and v never decay, so only m can become subnormal.
//!
//! A maximum does not depend on the order of numbers, so the result does not depend on the division of a matrix into
//! pieces.

use std::array;

use crate::arena::ArenaError;
use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::matrices::{Compiled, Matrices, MatrixKernel, Shape, ThreadTeam, Work};
use crate::kernel::pipeline::Scratch;
use crate::kernel::{Kernel, Output};
use crate::sums::{BLOCK, STRIPES};
use crate::target::SMALL;
use crate::vector::{Scalar, Stored, Vector, splat};

lanes! {
    Row { lr, beta1, one_minus_beta1, eps }
    Cover { v }
    Momentum { m }
    Both { v, m }
    /// Maxima of rows, and of columns.
    Largest { r, c }
}

/// Writes u over the gradient, and updates r and c.
pub struct Sm3Covered;

impl MatrixKernel for Sm3Covered {
    type Row = Row;
    type State = Nothing;
    type Lines = Largest;

    unsafe fn run<V: Compiled>(
        matrices: &Matrices<V::Scalar>,
        row: &Row<f64>,
        _: Nothing,
        largest: Largest<*mut V::Scalar>,
        team: &mut ThreadTeam<V>,
    ) -> Result<(), ArenaError> {
        // SAFETY: the caller guarantees the matrix, its arrays and the instruction set.
        unsafe { covered(matrices, row, largest, team) }
    }
}

/// Same as `Sm3Covered`, for a following stage with m.
pub struct Sm3CoveredMomentum;

impl MatrixKernel for Sm3CoveredMomentum {
    type Row = Row;
    type State = Momentum;
    type Lines = Largest;

    unsafe fn run<V: Compiled>(
        matrices: &Matrices<V::Scalar>,
        row: &Row<f64>,
        _: Momentum<*mut V::Scalar>,
        largest: Largest<*mut V::Scalar>,
        team: &mut ThreadTeam<V>,
    ) -> Result<(), ArenaError> {
        // SAFETY: the caller guarantees the matrix, its arrays and the instruction set.
        unsafe { covered(matrices, row, largest, team) }
    }
}

/// Updates v, and writes u over the gradient.
pub struct Sm3Single;

impl Kernel for Sm3Single {
    type Row = Row;
    type State = Cover;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::Gradients;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, _: &Nothing, _: V, _: V, g: V, s: &mut Cover<V>) -> V {
        s.v = s.v + g * g;
        g.div_or_zero((s.v + row.eps).sqrt())
    }
}

/// m ← β₁·m + (1−β₁)·u, θ ← d·θ − η·m.
pub struct Sm3Momentum;

impl Kernel for Sm3Momentum {
    type Row = Row;
    type State = Momentum;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, _: &Nothing, decay: V, theta: V, u: V, s: &mut Momentum<V>) -> V {
        moved(row, decay, theta, u, &mut s.m)
    }
}

/// Same as `Sm3Momentum`, for a tensor with v.
pub struct Sm3SingleMomentum;

impl Kernel for Sm3SingleMomentum {
    type Row = Row;
    type State = Both;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, _: &Nothing, decay: V, theta: V, u: V, s: &mut Both<V>) -> V {
        moved(row, decay, theta, u, &mut s.m)
    }
}

#[inline(always)]
fn moved<V: Vector>(row: &Row<V>, decay: V, theta: V, u: V, m: &mut V) -> V {
    *m = row.beta1 * *m + row.one_minus_beta1 * u;
    theta * decay - row.lr * *m
}

/// Maximum number of pieces of a matrix. Each piece has its own column maxima of ν.
const PIECES: usize = 16;

/// # Safety
/// Same as for [`MatrixKernel::run`].
unsafe fn covered<V: Compiled>(
    matrices: &Matrices<V::Scalar>,
    row: &Row<f64>,
    Largest { r, c }: Largest<*mut V::Scalar>,
    team: &mut ThreadTeam<V>,
) -> Result<(), ArenaError> {
    let Shape { rows, columns, count } = matrices.shape;
    let some = rows.div_ceil((rows * columns / BLOCK).clamp(1, PIECES));
    let pieces = rows.div_ceil(some);
    let mut scratch = matrices.scratch;
    // In whole lines: each vector of them is one.
    let across = columns.next_multiple_of(STRIPES);
    let found = scratch.take(pieces * across)?;
    if count != 1 {
        return Err(ArenaError::new(&"it is several matrices"));
    }
    // SAFETY: the caller guarantees the matrix, its r and c with all rows and columns, and the instruction set. The
    // scratch has room for a row of each piece.
    unsafe {
        team.run(&Covering { g: matrices.g, r, c, found, rows, columns, across, some, eps: row.eps });
        for j in 0..columns {
            let mut most = found.add(j).read();
            for piece in 1..pieces {
                most = larger(most, found.add(piece * across + j).read());
            }
            c.add(j).write(most);
        }
    }
    Ok(())
}

/// The larger number, or a NaN.
#[inline(always)]
fn larger<S: Scalar>(a: S, b: S) -> S {
    if a < b || b.to_f64().is_nan() { b } else { a }
}

/// The largest lane, or a NaN.
#[inline(always)]
fn largest<V: Vector>(lanes: V) -> V::Scalar {
    let mut lanes = Stored::new(lanes);
    let mut width = V::LANES;
    while width > 1 {
        width /= 2;
        for k in 0..width {
            lanes[k] = larger(lanes[k], lanes[k + width]);
        }
    }
    lanes[0]
}

/// 0 for a number above −∞.
#[inline(always)]
fn nan_of<V: Vector>(x: V) -> V {
    x.if_greater(splat::<V>(f64::NEG_INFINITY), splat::<V>(0.0), x)
}

/// A matrix, and what is largest.
struct Covering<S> {
    g: *mut S,
    r: *mut S,
    c: *const S,
    /// Column maxima of each piece.
    found: *mut S,
    rows: usize,
    columns: usize,
    /// From a piece's columns to the next one's.
    across: usize,
    /// Rows of a piece.
    some: usize,
    eps: f64,
}

// SAFETY: pieces are of other rows, and each has its own columns in the scratch.
unsafe impl<V: Vector> Work<V> for Covering<V::Scalar> {
    fn pieces(&self) -> usize {
        self.rows.div_ceil(self.some)
    }

    #[inline(always)]
    unsafe fn piece(&self, number: usize, _: &mut Scratch) {
        let Self { g, r, c, found, rows, columns, across, some, eps } = *self;
        let first = number * some;
        // SAFETY: the caller guarantees all of this.
        unsafe {
            let found = found.add(number * across);
            found.write_bytes(0, across);
            for i in first..rows.min(first + some) {
                let r = r.add(i);
                let of_row = V::splat(r.read());
                let g = g.add(i * columns);
                let line = Line { g, r: of_row, nan: nan_of(of_row), c, found, eps: splat(eps) };
                let mut most = splat::<V>(0.0);
                let mut j = 0;
                // Roots, then divisions, so that their unit does not wait.
                while j + 4 * V::LANES <= columns && !SMALL {
                    line.cover::<4>(j, V::LANES, &mut most);
                    j += 4 * V::LANES;
                }
                while j < columns {
                    line.cover::<1>(j, columns - j, &mut most);
                    j += V::LANES;
                }
                r.write(largest(most));
            }
        }
    }
}

/// A row: its gradients, its r, a NaN if that is one, and by column c and the largest ν so far.
struct Line<V: Vector> {
    g: *mut V::Scalar,
    r: V,
    nan: V,
    c: *const V::Scalar,
    found: *mut V::Scalar,
    eps: V,
}

impl<V: Vector> Line<V> {
    /// Writes u and the maxima of the columns of `N` vectors; if `N` is 1, `count` columns are left. Updates the row's
    /// maximum of ν. Padding columns have no gradient, so their ν is no larger than r.
    ///
    /// # Safety
    /// `count` columns from `j` on must exist, or `N` vectors of them, and whole vectors of `found`.
    #[inline(always)]
    unsafe fn cover<const N: usize>(&self, j: usize, count: usize, most: &mut V) {
        let at = |k: usize| j + k * V::LANES;
        // SAFETY: the caller guarantees these columns of g, c and `found`.
        unsafe {
            let g: [V; N] = array::from_fn(|k| V::load_some(self.g.add(at(k)), count));
            let nu = array::from_fn::<V, N, _>(|k| {
                // A NaN of c passes; that of r comes with g·g.
                let least = self.r.min(V::load_some(self.c.add(at(k)), count));
                least + (g[k] * g[k] + self.nan)
            });
            let root = nu.map(|nu| (nu + self.eps).sqrt());
            let u: [V; N] = array::from_fn(|k| g[k].div_or_zero(root[k]));
            for k in 0..N {
                u[k].store_some(self.g.add(at(k)), count);
                // A NaN stays NaN.
                let nan = nan_of(nu[k]);
                let found = self.found.add(at(k));
                (nu[k].max(V::load(found)) + nan).store(found);
                *most = nu[k].max(*most) + nan;
            }
        }
    }
}
