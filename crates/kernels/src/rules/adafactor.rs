//! Adafactor (Shazeer and Stern, 2018, algorithms 4 and 5). For a matrix it stores only the row means and the column
//! means of g², r and c: V̂ = r·c/mean(r). Then U = g/√V̂, and θ ← d·θ − rate·U, with the rate ρ·max(ε₂, RMS(θ)) /
//! max(1, RMS(U)/d).
//!
//! `Factored` passes over a tensor three times. The first pass sums g² per row and column, for r and c. The second one
//! sums U² and θ², and the third one moves θ. U is recomputed each time, because storing it would move more bytes.
//! Tensors that are not matrices have an elementwise v (`Unfactored`), and TypeScript computes their rate.

use std::ptr;

use crate::arena::{ArenaError, HOLD_PARAMS};
use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::matrices::{Compiled, Matrices, MatrixKernel, Shape, ThreadTeam, Work};
use crate::kernel::pipeline::{Scratch, ZEROES};
use crate::kernel::{Kernel, Output, Sum};
use crate::sums::{BLOCK, STRIPES, Stripes, combine, sum_lines};
use crate::target::SMALL;
use crate::vector::{Scalar, Vector, splat};

lanes! {
    /// `beta2` is β̂₂. `added` is added to g², `floor` bounds √v from below, and `cap` bounds 1/√V̂. Then ρ, whether
    /// RMS(θ) `scales` it, ε₂, the `clip` of RMS(U), and the decay, `fixed` and as a `share` of the rate.
    Row {
        beta2, one_minus_beta2, added, floor, cap, beta1, one_minus_beta1,
        rho, scales, eps2, clip, fixed, share,
    }
    /// Σ θ² and Σ U², the tensor's rate and its decay d.
    Measured { parameters, direction, rate, decay }
    SecondMoment { v }
    Momentum { m }
    Both { v, m }
    /// Means of rows, and of columns.
    Means { r, c }
}

/// Updates θ, r and c from the gradient after the pipeline.
pub struct Factored;

impl MatrixKernel for Factored {
    type Row = Row;
    type State = Nothing;
    type Lines = Means;

    unsafe fn run<V: Compiled>(
        matrices: &Matrices<V::Scalar>,
        row: &Row<f64>,
        _: Nothing,
        means: Means<*mut V::Scalar>,
        team: &mut ThreadTeam<V>,
    ) -> Result<(), ArenaError> {
        // SAFETY: the caller guarantees the matrix, its arrays and the instruction set.
        unsafe { factored(matrices, row, None, means, team) }
    }
}

/// Same as `Factored`, with m ← β₁·m + (1−β₁)·(rate·U), θ ← d·θ − m.
pub struct FactoredMomentum;

impl MatrixKernel for FactoredMomentum {
    type Row = Row;
    type State = Momentum;
    type Lines = Means;

    unsafe fn run<V: Compiled>(
        matrices: &Matrices<V::Scalar>,
        row: &Row<f64>,
        state: Momentum<*mut V::Scalar>,
        means: Means<*mut V::Scalar>,
        team: &mut ThreadTeam<V>,
    ) -> Result<(), ArenaError> {
        // SAFETY: the caller guarantees the matrix, its arrays and the instruction set.
        unsafe { factored(matrices, row, Some(state.m), means, team) }
    }
}

/// v ← β̂₂·v + (1−β̂₂)·(g·g + ε), and U = g / max(√v, floor).
pub struct Unfactored;

impl Kernel for Unfactored {
    type Row = Row;
    type State = SecondMoment;
    type Tensor = Measured;
    const OUTPUT: Output = Output::Gradients;
    const SUMS: &'static [Sum] = &[Sum::Parameters, Sum::Gradients];
    const DIVIDES: bool = true;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, _: &Measured<V>, _: V, _: V, g: V, s: &mut SecondMoment<V>) -> V {
        s.v = row.beta2 * s.v + row.one_minus_beta2 * (g * g + row.added);
        let root = s.v.sqrt();
        // A NaN in v propagates.
        g.div_or_zero(row.floor.max(root))
    }
}

/// θ ← d·θ − rate·U.
pub struct UnfactoredStep;

impl Kernel for UnfactoredStep {
    type Row = Row;
    type State = SecondMoment;
    type Tensor = Measured;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(_: &Row<V>, by: &Measured<V>, _: V, theta: V, u: V, _: &mut SecondMoment<V>) -> V {
        theta * by.decay - by.rate * u
    }
}

/// m ← β₁·m + (1−β₁)·(rate·U), θ ← d·θ − m.
pub struct UnfactoredMomentum;

impl Kernel for UnfactoredMomentum {
    type Row = Row;
    type State = Both;
    type Tensor = Measured;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, by: &Measured<V>, _: V, theta: V, u: V, s: &mut Both<V>) -> V {
        s.m = row.beta1 * s.m + row.one_minus_beta1 * (by.rate * u);
        theta * by.decay - s.m
    }
}

/// Minimum rows of a piece. A piece also has at least a block of elements, so there are few sums of columns per piece.
const ROWS: usize = 64;

/// Division of rows into units, in which g² is summed: a piece of a matrix, or several whole matrices if they are
/// small. The result does not depend on the number of threads.
#[derive(Clone, Copy)]
struct Cuts {
    height: usize,
    columns: usize,
    /// Columns, padded to whole lines: the distance from one piece's sums to the next one's.
    across: usize,
    /// Rows of all matrices.
    rows: usize,
    /// Rows of a piece; the last piece of a matrix has more.
    least: usize,
    /// Pieces of a matrix, and if this is 1, matrices of a unit.
    pieces: usize,
    together: usize,
    units: usize,
    /// Rows that are measured and moved together.
    some: usize,
}

impl Cuts {
    fn new(shape: Shape) -> Self {
        let Shape { rows: height, columns, count } = shape;
        let least = ROWS.max(BLOCK.div_ceil(columns));
        let pieces = (height / least).max(1);
        let together = if pieces > 1 { 1 } else { least.div_ceil(height) };
        let units = if pieces > 1 { count * pieces } else { count.div_ceil(together) };
        let some = shape.rows_of_a_block();
        let across = columns.next_multiple_of(STRIPES);
        Self { height, columns, across, rows: height * count, least, pieces, together, units, some }
    }

    /// Number of groups of `some` rows.
    fn parts(&self) -> usize {
        self.rows.div_ceil(self.some)
    }

    /// The rows of a unit, and the index of the piece in its matrix.
    fn unit(&self, unit: usize) -> (usize, usize, usize) {
        if self.pieces == 1 {
            let rows = self.together * self.height;
            return (unit * rows, ((unit + 1) * rows).min(self.rows), 0);
        }
        let (matrix, piece) = (unit / self.pieces, unit % self.pieces);
        let first = matrix * self.height + piece * self.least;
        let is_last = piece + 1 == self.pieces;
        (first, if is_last { (matrix + 1) * self.height } else { first + self.least }, piece)
    }
}

#[derive(Clone, Copy)]
enum Pass {
    /// Sums g² per row and per column, for each unit.
    Sum,
    /// Computes r, c and the factors from the sums, for each matrix.
    Factor,
    /// Sums θ² and U², for each group of rows.
    Measure,
    /// Moves m and θ, for each group of rows.
    Move,
}

/// A pass over a tensor, and the memory it reads and writes.
struct Factoring<'a, S> {
    matrices: &'a Matrices<S>,
    row: &'a Row<f64>,
    m: Option<*mut S>,
    means: Means<*mut S>,
    cuts: Cuts,
    pass: Pass,
    /// Σ g² per row, and per column for each piece of each matrix.
    rows: *mut f64,
    pieces: *mut f64,
    /// Partial sums of θ² and of U², each over some rows.
    squares: *mut f64,
    /// Factors of rows and of columns, whose product is 1/√V̂.
    row_factors: *mut S,
    column_factors: *mut S,
    rate: f64,
    decay: f64,
}

/// # Safety
/// Same as for [`MatrixKernel::run`].
unsafe fn factored<V: Compiled>(
    matrices: &Matrices<V::Scalar>,
    row: &Row<f64>,
    m: Option<*mut V::Scalar>,
    means: Means<*mut V::Scalar>,
    team: &mut ThreadTeam<V>,
) -> Result<(), ArenaError> {
    let cuts = Cuts::new(matrices.shape);
    let columns = cuts.columns * matrices.shape.count;
    let parts = cuts.parts();
    let mut scratch = matrices.scratch;
    let mut factoring = Factoring {
        matrices,
        row,
        m,
        means,
        cuts,
        pass: Pass::Sum,
        rows: scratch.take(cuts.rows)?,
        pieces: scratch.take(cuts.across * matrices.shape.count * cuts.pieces)?,
        squares: scratch.take(2 * parts)?,
        row_factors: scratch.take(cuts.rows)?,
        column_factors: scratch.take(columns)?,
        rate: 0.0,
        decay: 0.0,
    };
    // SAFETY: the caller guarantees the matrices, for r, c and m, and the instruction set; in the scratch there is room
    // for all else; this was just checked. Passes follow one another, and `parts` numbers were written by the one
    // before.
    unsafe {
        team.run(&factoring);
        factoring.pass = Pass::Factor;
        team.run(&factoring);
        factoring.pass = Pass::Measure;
        team.run(&factoring);
        let [parameters, direction] = [0, 1].map(|k| {
            let total =
                (0..parts).fold(0.0, |total, part| total + factoring.squares.add(2 * part + k).read());
            (total / (cuts.rows * cuts.columns) as f64).sqrt()
        });
        let least = if parameters > row.eps2 { parameters } else { row.eps2 };
        let full = if row.scales == 0.0 { row.rho } else { row.rho * least };
        let excess = direction / row.clip;
        factoring.rate = if excess > 1.0 { full / excess } else { full };
        factoring.decay = 1.0 - (row.fixed + row.share * full);
        factoring.pass = Pass::Move;
        team.run(&factoring);
    }
    Ok(())
}

// SAFETY: pieces write to places that do not overlap, and what they read stays meanwhile.
unsafe impl<V: Vector> Work<V> for Factoring<'_, V::Scalar> {
    fn pieces(&self) -> usize {
        match self.pass {
            Pass::Sum => self.cuts.units,
            Pass::Factor => self.matrices.shape.count,
            Pass::Measure | Pass::Move => self.cuts.parts(),
        }
    }

    #[inline(always)]
    unsafe fn piece(&self, number: usize, _: &mut Scratch) {
        // SAFETY: the caller guarantees all that the work points to; numbers are below `pieces`.
        unsafe {
            match self.pass {
                Pass::Sum => self.sum_unit::<V>(number),
                Pass::Factor => self.factor(number),
                // In reverse order, because the rows that were read last are still in the cache.
                Pass::Measure => self.some_rows::<V>(self.cuts.parts() - 1 - number),
                Pass::Move => self.some_rows::<V>(number),
            }
        }
    }
}

impl<S: Scalar> Factoring<'_, S> {
    /// # Safety
    /// All pointers must be valid: the matrices and `means`, m if present, sums and factors of all rows, columns and
    /// pieces. Unit `unit` must exist, and no other thread may process it.
    #[inline(always)]
    unsafe fn sum_unit<V: Vector<Scalar = S>>(&self, unit: usize) {
        let Self { cuts, rows, pieces, .. } = *self;
        let g = self.matrices.g;
        let (first, last, piece) = cuts.unit(unit);
        let mut row = first;
        while row < last {
            let begins = row == first || row % cuts.height == 0;
            let place = (row / cuts.height * cuts.pieces + piece) * cuts.across;
            let left = last.min((row / cuts.height + 1) * cuts.height) - row;
            // SAFETY: the caller guarantees all of this.
            unsafe {
                let lines = g.add(row * cuts.columns);
                // Several streams keep more of the memory busy than one, and columns are read less often. The number of
                // streams is as large as the registers permit.
                let summed = if left >= 4 && size_of::<V>() == 64 {
                    sum_lines::<V, 4>(lines, pieces.add(place), cuts.columns, begins, rows.add(row));
                    4
                } else if left >= 2 {
                    sum_lines::<V, 2>(lines, pieces.add(place), cuts.columns, begins, rows.add(row));
                    2
                } else {
                    sum_lines::<V, 1>(lines, pieces.add(place), cuts.columns, begins, rows.add(row));
                    1
                };
                row += summed;
            }
        }
    }

    /// Computes r and c from a matrix's sums, and factors of rows and columns whose product is 1/√V̂. (Loops that do
    /// one thing each are vectorized.)
    ///
    /// # Safety
    /// Same as for `sum_unit`, for a matrix.
    #[inline(always)]
    unsafe fn factor(&self, number: usize) {
        let Self { cuts, rows, pieces, row_factors, column_factors, means: Means { r, c }, .. } = *self;
        let Row { beta2, one_minus_beta2, added, floor, .. } = *self.row;
        let Cuts { height, columns, .. } = cuts;
        // If V̂ is 0, the step is 0, unless the cap replaces the factor.
        let of_nothing = if floor > 0.0 { f64::INFINITY } else { 0.0 };
        let root = |x: f64| if x == 0.0 { of_nothing } else { 1.0 / x.sqrt() };
        let moved = |average: S, sum: f64, count: usize| {
            S::from_f64(beta2 * average.to_f64() + one_minus_beta2 * (sum / count as f64 + added))
        };
        // SAFETY: the caller guarantees all of this.
        unsafe {
            let [r, row_factors] = [r, row_factors].map(|at| at.add(number * height));
            let [c, column_factors] = [c, column_factors].map(|at| at.add(number * columns));
            let (rows, own) = (rows.add(number * height), pieces.add(number * cuts.pieces * cuts.across));
            for i in 0..height {
                r.add(i).write(moved(r.add(i).read(), rows.add(i).read(), columns));
            }
            let total = (0..height).fold(0.0, |total, i| total + r.add(i).read().to_f64());
            let mean = total / height as f64;
            let divisor = if floor > mean { floor } else { mean };
            for i in 0..height {
                let factor =
                    if divisor == 0.0 { of_nothing } else { root(r.add(i).read().to_f64() / divisor) };
                row_factors.add(i).write(S::from_f64(factor));
            }
            for piece in 1..cuts.pieces {
                for j in 0..columns {
                    *own.add(j) += own.add(piece * cuts.across + j).read();
                }
            }
            for j in 0..columns {
                let mean = moved(c.add(j).read(), own.add(j).read(), height);
                c.add(j).write(mean);
                column_factors.add(j).write(S::from_f64(root(mean.to_f64())));
            }
        }
    }

    /// Sums θ² and U², or moves m and θ.
    ///
    /// # Safety
    /// Same as for `sum_unit`, for a group of rows.
    #[inline(always)]
    unsafe fn some_rows<V: Vector<Scalar = S>>(&self, number: usize) {
        let Cuts { height, columns, rows, some, .. } = self.cuts;
        let Matrices { g, theta, .. } = *self.matrices;
        let cap = S::from_f64(self.row.cap);
        let by = [self.rate, self.decay, self.row.beta1, self.row.one_minus_beta1];
        let (holds, zeroes) = (self.matrices.has(HOLD_PARAMS), self.matrices.has(ZEROES));
        let Self { pass, m, row_factors, column_factors, .. } = *self;
        let mut sums = [Stripes::<V>::new(&[0.0; STRIPES]); 2];
        let (first, last) = (number * some, rows.min((number + 1) * some));
        // SAFETY: the caller guarantees all of this.
        unsafe {
            for row in first..last {
                let at = row * columns;
                let line = Line {
                    g: g.add(at),
                    row: row_factors.add(row).read(),
                    columns: column_factors.add(row / height * columns),
                    cap,
                    length: columns,
                };
                if let Pass::Measure = pass {
                    measure(&line, theta.add(at), &mut sums);
                    continue;
                }
                match m {
                    Some(m) => move_line::<V, true>(&line, by, holds, theta.add(at), m.add(at)),
                    None => move_line::<V, false>(&line, by, holds, theta.add(at), ptr::null_mut()),
                }
            }
            if let Pass::Measure = pass {
                for (k, sums) in sums.into_iter().enumerate() {
                    self.squares.add(2 * number + k).write(combine(sums.to_array()));
                }
            } else if zeroes {
                g.add(first * columns).write_bytes(0, (last - first) * columns);
            }
        }
    }
}

/// A row of a matrix with its factors.
struct Line<S> {
    g: *const S,
    row: S,
    columns: *const S,
    cap: S,
    length: usize,
}

impl<S: Scalar> Line<S> {
    /// U = g·min(row·column, cap) from element `at` on; `left` elements remain. A NaN propagates.
    ///
    /// # Safety
    /// The line's gradients and columns must have `left` elements from `at` on.
    #[inline(always)]
    unsafe fn direction<V: Vector<Scalar = S>>(&self, at: usize, left: usize) -> V {
        // SAFETY: the caller guarantees `left` elements from there on.
        let [g, column] = [self.g, self.columns].map(|x| unsafe { V::load_some(x.wrapping_add(at), left) });
        g * V::splat(self.cap).min(V::splat(self.row) * column)
    }
}

/// Adds θ² and U² of a row to their striped sums.
///
/// # Safety
/// θ must be as long as the line.
#[inline(always)]
unsafe fn measure<V: Vector>(
    line: &Line<V::Scalar>,
    theta: *const V::Scalar,
    [of_theta, of_u]: &mut [Stripes<V>; 2],
) {
    let whole = line.length - line.length % STRIPES;
    // SAFETY: the caller guarantees all of this.
    unsafe {
        for at in (0..whole).step_by(STRIPES) {
            for k in (0..STRIPES).step_by(V::LANES) {
                of_theta.add(k, V::load(theta.add(at + k)));
                of_u.add(k, line.direction::<V>(at + k, V::LANES));
            }
        }
        let left = line.length - whole;
        let ones = [V::Scalar::from_f64(1.0); STRIPES];
        for k in (0..STRIPES).step_by(V::LANES) {
            if k < left {
                of_theta.add(k, V::load_some(theta.add(whole + k), left - k));
                // An infinite factor turns padding into NaN, so the padding is masked.
                let there = V::load_some(ones.as_ptr(), left - k);
                of_u.add(k, line.direction::<V>(whole + k, left - k).zero_unless(there));
            }
        }
    }
}

/// θ ← d·θ − rate·U, or m ← β₁·m + (1−β₁)·(rate·U), θ ← d·θ − m, for a row.
///
/// # Safety
/// θ must be as long as the line, and with momentum m as well.
#[inline(always)]
unsafe fn move_line<V: Vector, const MOMENTUM: bool>(
    line: &Line<V::Scalar>,
    by: [f64; 4],
    holds: bool,
    theta: *mut V::Scalar,
    m: *mut V::Scalar,
) {
    let mut at = 0;
    // SAFETY: the caller guarantees the line, and as many elements of θ and m.
    unsafe {
        // Several vectors at a time, so that several operations are in flight.
        while at + 4 * V::LANES <= line.length && !SMALL {
            for k in 0..4 {
                move_lanes::<V, MOMENTUM>(line, by, holds, theta, m, at + k * V::LANES, V::LANES);
            }
            at += 4 * V::LANES;
        }
        while at + V::LANES <= line.length {
            move_lanes::<V, MOMENTUM>(line, by, holds, theta, m, at, V::LANES);
            at += V::LANES;
        }
        if at < line.length {
            move_lanes::<V, MOMENTUM>(line, by, holds, theta, m, at, line.length - at);
        }
    }
}

/// # Safety
/// Same as for `move_line`, for `left` remaining elements.
#[inline(always)]
unsafe fn move_lanes<V: Vector, const MOMENTUM: bool>(
    line: &Line<V::Scalar>,
    [rate, decay, beta1, one_minus_beta1]: [f64; 4],
    holds: bool,
    theta: *mut V::Scalar,
    m: *mut V::Scalar,
    at: usize,
    left: usize,
) {
    // SAFETY: the caller guarantees all of this.
    unsafe {
        let mut step = splat::<V>(rate) * line.direction(at, left);
        if MOMENTUM {
            let kept = splat::<V>(beta1) * V::load_some(m.add(at), left);
            step = kept + splat::<V>(one_minus_beta1) * step;
            step.store_some(m.add(at), left);
        }
        if !holds {
            let kept = V::load_some(theta.add(at), left) * splat(decay);
            (kept - step).store_some(theta.add(at), left);
        }
    }
}
