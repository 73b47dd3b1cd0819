//! Adafactor (Shazeer and Stern, 2018, algorithms 4 and 5). Of a matrix only the rows' and the columns' means
//! of g² are kept, r and c: V̂ = r·c/mean(r). Then U = g/√V̂, and θ ← d·θ − rate·U, where the rate is
//! ρ·max(ε₂, RMS(θ)) / max(1, RMS(U)/d).
//!
//! `Factored` goes three times through a tensor: it sums g² by row and by column, of which r and c are made;
//! then U² and θ²; then it moves θ. U is made anew each time: to keep it would move more bytes. Tensors that
//! are no matrices have v, one for each element: `Unfactored`, and TypeScript makes the rate.

use std::ptr;

use crate::arena::{Fault, HOLDS};
use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::matrices::{Compiled, Matrices, MatrixKernel, Shape, Team, Work};
use crate::kernel::pipeline::{Scratch, ZEROES};
use crate::kernel::{Kernel, Output, Sum};
use crate::sums::{BLOCK, STRIPES, Stripes, combine, sum_lines};
use crate::vector::{Scalar, Vector, splat};

lanes! {
    /// `beta2` is β̂₂; `added` to g², `floor` of √v, `cap` of 1/√V̂. Then ρ, whether RMS(θ) `scales` it, ε₂, the `clip`
    /// of RMS(U), and the decay, `fixed` and as a `share` of the rate.
    Row {
        beta2, one_minus_beta2, added, floor, cap, beta1, one_minus_beta1,
        rho, scales, eps2, clip, fixed, share,
    }
    /// Σ θ² and Σ U², the tensor's rate and its decay d.
    Measured { parameters, direction, rate, decay }
    SecondMoment { v }
    Momentum { m }
    Both { v, m }
    /// Of rows, and of columns.
    Means { r, c }
}

/// θ, r and c, from the gradient as it was prepared.
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
        team: &mut Team<V>,
    ) -> Result<(), Fault> {
        // SAFETY: passed on.
        unsafe { factored(matrices, row, None, means, team) }
    }
}

/// The same with m ← β₁·m + (1−β₁)·(rate·U), θ ← d·θ − m.
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
        team: &mut Team<V>,
    ) -> Result<(), Fault> {
        // SAFETY: passed on.
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
        // A NaN in v is taken over.
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

/// A piece of a matrix has at least so many rows, and a block's elements: so sums of columns by piece are few.
const ROWS: usize = 64;

/// How rows are cut into units, in which g² is summed: a piece of a matrix, or some whole matrices where these
/// are small. No bit depends on the threads.
#[derive(Clone, Copy)]
struct Cuts {
    height: usize,
    columns: usize,
    /// Rows of all matrices.
    rows: usize,
    /// Rows of a piece; the last one of a matrix has more.
    least: usize,
    /// Pieces of a matrix, and if it is one, matrices of a unit.
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
        Self { height, columns, rows: height * count, least, pieces, together, units, some }
    }

    /// How often some rows are measured and moved.
    fn parts(&self) -> usize {
        self.rows.div_ceil(self.some)
    }

    /// The rows of a unit, and which piece of its matrix it is.
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
    /// Sums g² by row and by column, by unit.
    Sum,
    /// Sums θ² and U², by some rows.
    Measure,
    /// Moves m and θ, by some rows.
    Move,
}

/// A pass over a tensor, and what it reads and writes.
struct Factoring<'a, S> {
    matrices: &'a Matrices<S>,
    row: &'a Row<f64>,
    m: Option<*mut S>,
    cuts: Cuts,
    pass: Pass,
    /// Σ g² by row, and by column of each piece of each matrix.
    rows: *mut f64,
    pieces: *mut f64,
    /// By some rows Σ θ² and Σ U².
    squares: *mut f64,
    /// Factors of rows and of columns, whose product is 1/√V̂.
    row_factors: *mut S,
    column_factors: *mut S,
    rate: f64,
    decay: f64,
}

/// # Safety
/// As for [`MatrixKernel::run`].
unsafe fn factored<V: Compiled>(
    matrices: &Matrices<V::Scalar>,
    row: &Row<f64>,
    m: Option<*mut V::Scalar>,
    means: Means<*mut V::Scalar>,
    team: &mut Team<V>,
) -> Result<(), Fault> {
    let cuts = Cuts::new(matrices.shape);
    let columns = cuts.columns * matrices.shape.count;
    let parts = cuts.parts();
    let mut scratch = matrices.scratch;
    let mut factoring = Factoring {
        matrices,
        row,
        m,
        cuts,
        pass: Pass::Sum,
        rows: scratch.take(cuts.rows)?,
        pieces: scratch.take(columns * cuts.pieces)?,
        squares: scratch.take(2 * parts)?,
        row_factors: scratch.take(cuts.rows)?,
        column_factors: scratch.take(columns)?,
        rate: 0.0,
        decay: 0.0,
    };
    // SAFETY: passed on.
    unsafe {
        team.run(&factoring);
        factor(&factoring, means);
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

/// Makes of the sums r and c, and factors of rows and columns whose product is 1/√V̂.
///
/// # Safety
/// As for `factored`; nothing else may run.
unsafe fn factor<S: Scalar>(factoring: &Factoring<S>, Means { r, c }: Means<*mut S>) {
    let Factoring { cuts, rows, pieces, row_factors, column_factors, .. } = *factoring;
    let Row { beta2, one_minus_beta2, added, floor, .. } = *factoring.row;
    let Cuts { height, columns, .. } = cuts;
    // Of nothing the step is 0, unless the cap is its factor.
    let of_nothing = if floor > 0.0 { f64::INFINITY } else { 0.0 };
    let root = |x: f64| if x == 0.0 { of_nothing } else { 1.0 / x.sqrt() };
    for number in 0..factoring.matrices.shape.count {
        let (first, last) = (number * height, (number + 1) * height);
        let mut total = 0.0;
        // SAFETY: the caller vouches for all of them.
        unsafe {
            for i in first..last {
                let mean = rows.add(i).read() / columns as f64 + added;
                let moved = S::from_f64(beta2 * r.add(i).read().to_f64() + one_minus_beta2 * mean);
                r.add(i).write(moved);
                total += moved.to_f64();
            }
            let mean = total / height as f64;
            let divisor = if floor > mean { floor } else { mean };
            for i in first..last {
                let ratio = r.add(i).read().to_f64() / divisor;
                let factor = if divisor == 0.0 { of_nothing } else { root(ratio) };
                row_factors.add(i).write(S::from_f64(factor));
            }
            let own = pieces.add(number * cuts.pieces * columns);
            for piece in 1..cuts.pieces {
                for j in 0..columns {
                    *own.add(j) += own.add(piece * columns + j).read();
                }
            }
            for j in number * columns..(number + 1) * columns {
                let mean = own.add(j - number * columns).read() / height as f64 + added;
                let moved = S::from_f64(beta2 * c.add(j).read().to_f64() + one_minus_beta2 * mean);
                c.add(j).write(moved);
                column_factors.add(j).write(S::from_f64(root(moved.to_f64())));
            }
        }
    }
}

// SAFETY: pieces write to places that do not overlap, and what they read stays meanwhile.
unsafe impl<V: Vector> Work<V> for Factoring<'_, V::Scalar> {
    fn pieces(&self) -> usize {
        if let Pass::Sum = self.pass { self.cuts.units } else { self.cuts.parts() }
    }

    /// A unit, or some rows.
    #[inline(always)]
    unsafe fn piece(&self, number: usize, _: &mut Scratch) {
        // SAFETY: passed on.
        unsafe {
            if let Pass::Sum = self.pass { self.sum_unit::<V>(number) } else { self.some_rows::<V>(number) }
        }
    }
}

impl<S: Scalar> Factoring<'_, S> {
    /// # Safety
    /// All of it must be there, as for what follows.
    #[inline(always)]
    unsafe fn sum_unit<V: Vector<Scalar = S>>(&self, unit: usize) {
        let Self { cuts, rows, pieces, .. } = *self;
        let g = self.matrices.g;
        let (first, last, piece) = cuts.unit(unit);
        let mut row = first;
        while row < last {
            let begins = row == first || row % cuts.height == 0;
            let place = (row / cuts.height * cuts.pieces + piece) * cuts.columns;
            let left = last.min((row / cuts.height + 1) * cuts.height) - row;
            // SAFETY: the caller vouches for all of them.
            unsafe {
                let lines = g.add(row * cuts.columns);
                // Several streams keep more of the memory busy than one, and columns are read less often. As many
                // as registers have room for.
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

    /// Sums θ² and U², or moves m and θ.
    #[inline(always)]
    unsafe fn some_rows<V: Vector<Scalar = S>>(&self, number: usize) {
        let Cuts { height, columns, rows, some, .. } = self.cuts;
        let Matrices { g, theta, .. } = *self.matrices;
        let cap = S::from_f64(self.row.cap);
        let by = [self.rate, self.decay, self.row.beta1, self.row.one_minus_beta1];
        let (holds, zeroes) = (self.matrices.has(HOLDS), self.matrices.has(ZEROES));
        let Self { pass, m, row_factors, column_factors, .. } = *self;
        let mut sums = [[0.0; STRIPES]; 2];
        // SAFETY: the caller vouches for all of them.
        unsafe {
            for row in number * some..rows.min((number + 1) * some) {
                let at = row * columns;
                let line = Line {
                    g: g.add(at),
                    row: row_factors.add(row).read(),
                    columns: column_factors.add(row / height * columns),
                    cap,
                    length: columns,
                };
                if let Pass::Measure = pass {
                    measure::<V>(&line, theta.add(at), &mut sums);
                    continue;
                }
                match m {
                    Some(m) => move_line::<V, true>(&line, by, holds, theta.add(at), m.add(at)),
                    None => move_line::<V, false>(&line, by, holds, theta.add(at), ptr::null_mut()),
                }
                if zeroes {
                    g.add(at).write_bytes(0, columns);
                }
            }
            if let Pass::Measure = pass {
                sums.iter()
                    .enumerate()
                    .for_each(|(k, &sums)| self.squares.add(2 * number + k).write(combine(sums)));
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
    /// U = g·min(row·column, cap) from element `at` on. A NaN is taken over.
    ///
    /// # Safety
    /// So many elements must be there.
    #[inline(always)]
    unsafe fn direction<V: Vector<Scalar = S>>(&self, at: usize) -> V {
        // SAFETY: passed on.
        let [g, column] = [self.g, self.columns].map(|from| unsafe { V::load(from.add(at)) });
        let (factor, cap) = (V::splat(self.row) * column, V::splat(self.cap));
        g * cap.min(factor)
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
    sums: &mut [[f64; STRIPES]; 2],
) {
    let whole = line.length - line.length % STRIPES;
    let [mut of_theta, mut of_u] = sums.each_ref().map(Stripes::<V>::new);
    // SAFETY: the caller vouches for all of them.
    unsafe {
        for at in (0..whole).step_by(STRIPES) {
            for k in (0..STRIPES).step_by(V::LANES) {
                of_theta.add(k, V::load(theta.add(at + k)));
                of_u.add(k, line.direction::<V>(at + k));
            }
        }
        *sums = [of_theta, of_u].map(Stripes::to_array);
        for i in whole..line.length {
            let numbers = [V::One::load(theta.add(i)), line.direction(i)].map(|x| x.widen()[0]);
            let mut squares = [0.0; 2];
            numbers.into_iter().zip(&mut squares).for_each(|(x, square)| (x * x).store(square));
            sums.iter_mut().zip(squares).for_each(|(sums, square)| sums[i - whole] += square);
        }
    }
}

/// θ ← d·θ − rate·U, or m ← β₁·m + (1−β₁)·(rate·U), θ ← d·θ − m, of a row.
///
/// # Safety
/// θ must be as long as the line, and m too where there is momentum.
#[inline(always)]
unsafe fn move_line<V: Vector, const MOMENTUM: bool>(
    line: &Line<V::Scalar>,
    by: [f64; 4],
    holds: bool,
    theta: *mut V::Scalar,
    m: *mut V::Scalar,
) {
    let whole = line.length - line.length % V::LANES;
    // SAFETY: passed on.
    unsafe {
        let mut at = 0;
        // Some at a time, so that several are in flight; in WebAssembly bytes count.
        while at + 4 * V::LANES <= whole && cfg!(not(target_arch = "wasm32")) {
            (0..4).for_each(|k| move_lanes::<V, MOMENTUM>(line, by, holds, theta, m, at + k * V::LANES));
            at += 4 * V::LANES;
        }
        while at < whole {
            move_lanes::<V, MOMENTUM>(line, by, holds, theta, m, at);
            at += V::LANES;
        }
        (whole..line.length).for_each(|at| move_lanes::<V::One, MOMENTUM>(line, by, holds, theta, m, at));
    }
}

/// # Safety
/// As for `move_line`.
#[inline(always)]
unsafe fn move_lanes<V: Vector, const MOMENTUM: bool>(
    line: &Line<V::Scalar>,
    by: [f64; 4],
    holds: bool,
    theta: *mut V::Scalar,
    m: *mut V::Scalar,
    at: usize,
) {
    let [rate, decay, beta1, one_minus_beta1] = by.map(splat::<V>);
    // SAFETY: the caller vouches for all of them.
    unsafe {
        let mut step = rate * line.direction(at);
        if MOMENTUM {
            step = beta1 * V::load(m.add(at)) + one_minus_beta1 * step;
            step.store(m.add(at));
        }
        if !holds {
            (V::load(theta.add(at)) * decay - step).store(theta.add(at));
        }
    }
}
