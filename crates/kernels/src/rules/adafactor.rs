//! Adafactor (Shazeer and Stern, 2018, algorithms 4 and 5). Of a matrix only the rows' and the columns' means
//! of g² are kept, r and c: V̂ = r·c/mean(r). Then U = g/√V̂, and θ ← d·θ − rate·U, where the rate is
//! ρ·max(ε₂, RMS(θ)) / max(1, RMS(U)/d).
//!
//! `Factored` goes three times through a tensor: it sums g² by row and by column, of which r and c are made;
//! then U² and θ²; then it moves θ. U is made anew each time: to keep it would move more bytes. Tensors that
//! are no matrices have v, one for each element: `Unfactored`, and TypeScript makes the rate.

use std::array;

use crate::arena::{FLUSHES, Fault, HOLDS, LINE, Numbers};
use crate::kernel::code::Code;
use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::matrices::{Matrix, Tools, Workers, whole};
use crate::kernel::pipeline::ZEROES;
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
}

whole! {
    /// θ, r and c, from the gradient as it was prepared.
    Factored { Row, Nothing, factored, &["r", "c"] }
    /// The same with m ← β₁·m + (1−β₁)·(rate·U), θ ← d·θ − m.
    FactoredMomentum { Row, Momentum, factored, &["r", "c"] }
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
        g.div_or_zero(row.floor.if_greater(root, row.floor, root))
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
pub const ROWS: usize = 64;

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
    fn new(matrix: &Matrix) -> Self {
        let Matrix { rows: height, columns, count, .. } = *matrix;
        let least = ROWS.max(BLOCK.div_ceil(columns));
        let pieces = (height / least).max(1);
        let together = if pieces > 1 { 1 } else { least.div_ceil(height) };
        let units = if pieces > 1 { count * pieces } else { count.div_ceil(together) };
        let some = matrix.rows_of_a_block();
        Self { height, columns, rows: height * count, least, pieces, together, units, some }
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
#[derive(Clone, Copy)]
pub struct Factoring {
    matrix: Matrix,
    cuts: Cuts,
    pass: Pass,
    /// By row, and by column of each piece of each matrix.
    rows: *mut f64,
    pieces: *mut f64,
    /// By some rows Σ θ² and Σ U².
    squares: *mut f64,
    /// In the dtype: factors of rows and of columns, whose product is 1/√V̂.
    row_factors: *mut u8,
    column_factors: *mut u8,
    has_momentum: bool,
    /// Whether θ stays.
    holds: bool,
    cap: f64,
    beta1: f64,
    one_minus_beta1: f64,
    rate: f64,
    decay: f64,
}

// SAFETY: pieces write to places that do not overlap, and what they read stays meanwhile; see `piece`.
unsafe impl Sync for Factoring {}

/// # Safety
/// The matrices and their scratch must be there, and the row have all coefficients.
unsafe fn factored(
    code: &Code,
    tools: &Tools,
    matrix: &Matrix,
    row: Numbers,
    workers: &mut dyn Workers,
) -> Result<(), Fault> {
    let cuts = Cuts::new(matrix);
    let (length, columns) = (matrix.length(), cuts.columns * matrix.count);
    let parts = cuts.rows.div_ceil(cuts.some);
    // One behind the other, each a whole number of lines.
    let bytes = |count: usize, size: usize| (count as u64 * size as u64).next_multiple_of(LINE as u64);
    let sizes = [
        bytes(cuts.rows, 8),
        bytes(columns * cuts.pieces, 8),
        bytes(2 * parts, 8),
        bytes(cuts.rows, matrix.size),
        bytes(columns, matrix.size),
    ];
    if sizes.iter().sum::<u64>() > matrix.room as u64 {
        return Err(Fault::new(&"there is no room for a matrix"));
    }
    let mut places = [matrix.scratch; 5];
    for k in 1..places.len() {
        places[k] = places[k - 1].wrapping_add(sizes[k - 1] as usize);
    }
    let [rows, pieces, squares, row_factors, column_factors] = places;
    // SAFETY: the caller vouches for the row.
    let [
        beta2,
        one_minus_beta2,
        added,
        floor,
        cap,
        beta1,
        one_minus_beta1,
        rho,
        scales,
        eps2,
        clip,
        fixed,
        share,
    ] = array::from_fn(|k| unsafe { row.get(k) });
    let mut factoring = Factoring {
        matrix: *matrix,
        cuts,
        pass: Pass::Sum,
        rows: rows.cast(),
        pieces: pieces.cast(),
        squares: squares.cast(),
        row_factors,
        column_factors,
        has_momentum: !matrix.state[0].is_null(),
        holds: matrix.has(HOLDS),
        cap,
        beta1,
        one_minus_beta1,
        rate: 0.0,
        decay: 0.0,
    };
    // SAFETY: all of it has just been found; pieces do not overlap.
    unsafe {
        run(tools, workers, &factoring, cuts.units);
        if matrix.size == 4 {
            factor::<f32>(&factoring, [beta2, one_minus_beta2, added, floor]);
        } else {
            factor::<f64>(&factoring, [beta2, one_minus_beta2, added, floor]);
        }
        if matrix.has(FLUSHES) {
            (code.flush)(matrix.lines[0], cuts.rows);
            (code.flush)(matrix.lines[1], columns);
        }
        factoring.pass = Pass::Measure;
        run(tools, workers, &factoring, parts);
        let [parameters, direction] = [0, 1].map(|k| {
            let total =
                (0..parts).fold(0.0, |total, part| total + factoring.squares.add(2 * part + k).read());
            (total / length as f64).sqrt()
        });
        let full = if scales == 0.0 { rho } else { rho * if parameters > eps2 { parameters } else { eps2 } };
        let excess = direction / clip;
        factoring.rate = if excess > 1.0 { full / excess } else { full };
        factoring.decay = 1.0 - (fixed + share * full);
        factoring.pass = Pass::Move;
        run(tools, workers, &factoring, parts);
        if matrix.has(FLUSHES) && factoring.has_momentum {
            (code.flush)(matrix.state[0], length);
        }
    }
    Ok(())
}

/// # Safety
/// As for `piece`.
#[inline(never)]
unsafe fn run(tools: &Tools, workers: &mut dyn Workers, factoring: &Factoring, count: usize) {
    // SAFETY: passed on, and no two of them have the same number.
    workers.run(count, &|number, _| unsafe { (tools.factor)(factoring, number) });
}

/// Makes of the sums r and c, and factors of rows and columns whose product is 1/√V̂.
///
/// # Safety
/// As for `piece`; nothing else may run.
unsafe fn factor<S: Scalar>(factoring: &Factoring, [beta2, one_minus_beta2, added, floor]: [f64; 4]) {
    let Factoring { matrix, cuts, rows, pieces, row_factors, column_factors, .. } = *factoring;
    let [r, c] = matrix.lines.map(<*mut u8>::cast::<S>);
    let Cuts { height, columns, .. } = cuts;
    // Of nothing the step is 0, unless the cap is its factor.
    let of_nothing = if floor > 0.0 { f64::INFINITY } else { 0.0 };
    let root = |x: f64| if x == 0.0 { of_nothing } else { 1.0 / x.sqrt() };
    for number in 0..matrix.count {
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
                row_factors.cast::<S>().add(i).write(S::from_f64(factor));
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
                column_factors.cast::<S>().add(j).write(S::from_f64(root(moved.to_f64())));
            }
        }
    }
}

/// One piece of a pass: a unit, or some rows.
///
/// # Safety
/// All of it must be there. Other threads may do other pieces of the same pass.
#[inline(always)]
pub unsafe fn piece<V: Vector>(factoring: &Factoring, number: usize) {
    let Factoring { matrix, cuts, pass, row_factors, column_factors, squares, .. } = *factoring;
    let Cuts { height, columns, rows, some, .. } = cuts;
    // SAFETY: the caller vouches for all of them; no two of these overlap.
    unsafe {
        if let Pass::Sum = pass {
            return sum_unit::<V>(factoring, number);
        }
        let cap = V::Scalar::from_f64(factoring.cap);
        let mut sums = [[0.0; STRIPES]; 2];
        for row in number * some..rows.min((number + 1) * some) {
            let at = row * columns;
            let [g, theta, m] = [matrix.at, matrix.theta, matrix.state[0]].map(|at| at.cast::<V::Scalar>());
            let factors = column_factors.cast::<V::Scalar>().add(row / height * columns);
            let line = Line {
                g: g.add(at),
                row: row_factors.cast::<V::Scalar>().add(row).read(),
                columns: factors,
                cap,
                length: columns,
            };
            if let Pass::Measure = pass {
                measure::<V>(&line, theta.add(at), &mut sums);
                continue;
            }
            if factoring.has_momentum {
                move_line::<V, true>(factoring, &line, theta.add(at), m.add(at));
            } else {
                move_line::<V, false>(factoring, &line, theta.add(at), m);
            }
            if matrix.has(ZEROES) {
                g.add(at).write_bytes(0, columns);
            }
        }
        if let Pass::Measure = pass {
            sums.iter().enumerate().for_each(|(k, &sums)| squares.add(2 * number + k).write(combine(sums)));
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
        g * factor.if_greater(cap, cap, factor)
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
    factoring: &Factoring,
    line: &Line<V::Scalar>,
    theta: *mut V::Scalar,
    m: *mut V::Scalar,
) {
    let whole = line.length - line.length % V::LANES;
    // SAFETY: passed on.
    unsafe {
        let mut at = 0;
        // Some at a time, so that several are in flight; in WebAssembly bytes count.
        while at + 4 * V::LANES <= whole && cfg!(not(target_arch = "wasm32")) {
            (0..4).for_each(|k| move_lanes::<V, MOMENTUM>(factoring, line, theta, m, at + k * V::LANES));
            at += 4 * V::LANES;
        }
        while at < whole {
            move_lanes::<V, MOMENTUM>(factoring, line, theta, m, at);
            at += V::LANES;
        }
        (whole..line.length).for_each(|at| move_lanes::<V::One, MOMENTUM>(factoring, line, theta, m, at));
    }
}

/// # Safety
/// As for `move_line`.
#[inline(always)]
unsafe fn move_lanes<V: Vector, const MOMENTUM: bool>(
    factoring: &Factoring,
    line: &Line<V::Scalar>,
    theta: *mut V::Scalar,
    m: *mut V::Scalar,
    at: usize,
) {
    let Factoring { rate, decay, beta1, one_minus_beta1, holds, .. } = *factoring;
    let [rate, decay, beta1, one_minus_beta1] = [rate, decay, beta1, one_minus_beta1].map(splat::<V>);
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

/// # Safety
/// As for `piece`.
#[inline(always)]
unsafe fn sum_unit<V: Vector>(factoring: &Factoring, unit: usize) {
    let Factoring { matrix, cuts, rows, pieces, .. } = *factoring;
    let (first, last, piece) = cuts.unit(unit);
    let mut row = first;
    while row < last {
        let begins = row == first || row % cuts.height == 0;
        let place = (row / cuts.height * cuts.pieces + piece) * cuts.columns;
        let left = last.min((row / cuts.height + 1) * cuts.height) - row;
        // SAFETY: the caller vouches for all of them.
        unsafe {
            let lines = matrix.at.cast::<V::Scalar>().add(row * cuts.columns);
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
