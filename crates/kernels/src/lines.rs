//! Tensors as matrices, one behind the other: sums of squares by row and by column, and passes with a
//! factor for each row and each column.
//!
//! Rows are cut into *units*, of which each is one thread's: a piece of a matrix, or some whole matrices
//! where these are small. So all sums have one order, whatever the threads. `ts/matrices.ts` has the same cuts.
//!
//! LINES has for such a tensor a number for each row, and for each piece of each matrix one for each column.
//! `Lines::Summed` writes sums there, by piece; TypeScript adds up pieces, and writes factors for
//! `Lines::Scaled`: those of rows where their sums were, those of a matrix's columns, in the arena's dtype,
//! from where its first piece began.

use crate::Fault;
use crate::arena::Arena;
use crate::kernel::{Lines, MAX_TENSOR, Streams, Sum};
use crate::pipeline::Scratch;
use crate::run::Job;
use crate::sums::{BLOCK, STRIPES, combine};
use crate::table::*;
use crate::vector::Scalar;

/// A piece of a matrix has at least so many rows, and a block's elements: so columns' sums by piece are few.
pub const ROWS: usize = 64;
/// About so many elements of whole rows stay in a cache from one thing that is done to them to the next.
pub const GROUP: usize = 1 << 12;

/// A row's factor comes as this value by tensor.
const FACTOR: usize = 2;

/// How a tensor is cut. All that is counted in 32 bits fits 64, products too.
#[derive(Clone, Copy)]
pub struct Cuts {
    columns: u64,
    height: u64,
    rows: u64,
    /// Rows of a piece; the last one of a matrix has more.
    least: u64,
    /// Pieces of a matrix, and if it is one, matrices of a unit.
    pieces: u64,
    together: u64,
    /// Where its numbers are: the rows', and then the columns'.
    first: u64,
}

impl Cuts {
    fn new(length: usize, [columns, height, first]: [u32; 3]) -> Result<Self, Fault> {
        let (length, columns, height) = (length as u64, u64::from(columns), u64::from(height));
        if columns == 0 || height == 0 || !length.is_multiple_of(columns * height) {
            return Err(Fault(&"a tensor is no matrix"));
        }
        let least = (ROWS as u64).max((BLOCK as u64).div_ceil(columns));
        let pieces = (height / least).max(1);
        let together = if pieces > 1 { 1 } else { least.div_ceil(height) };
        Ok(Self { columns, height, rows: length / columns, least, pieces, together, first: u64::from(first) })
    }

    fn matrices(&self) -> u64 {
        self.rows / self.height
    }

    pub fn units(&self) -> u64 {
        if self.pieces > 1 { self.matrices() * self.pieces } else { self.matrices().div_ceil(self.together) }
    }

    /// The rows of a unit.
    fn unit(&self, unit: u64) -> (u64, u64) {
        if self.pieces == 1 {
            let rows = self.together * self.height;
            return (unit * rows, ((unit + 1) * rows).min(self.rows));
        }
        let (matrix, piece) = (unit / self.pieces, unit % self.pieces);
        let first = matrix * self.height + piece * self.least;
        let is_last = piece + 1 == self.pieces;
        (first, if is_last { (matrix + 1) * self.height } else { first + self.least })
    }

    /// The first unit that does not begin before an element.
    fn unit_from(&self, element: u64) -> u64 {
        let row = element.div_ceil(self.columns);
        if self.pieces == 1 {
            return row.div_ceil(self.together * self.height);
        }
        let piece = (row % self.height).div_ceil(self.least).min(self.pieces);
        row / self.height * self.pieces + piece
    }

    /// How many numbers it has in LINES.
    fn numbers(&self) -> Option<u64> {
        self.rows.checked_add((self.matrices() * self.pieces).checked_mul(self.columns)?)
    }
}

impl Arena {
    pub(crate) fn cuts(&self, number: usize, tensor: &Tensor) -> Result<Cuts, Fault> {
        Cuts::new(tensor.length, self.tables.matrix(number)?)
    }

    /// Where the numbers of its rows and columns are, all of which there are.
    fn lines(&self, cuts: &Cuts) -> Result<*mut u8, Fault> {
        let end = cuts.numbers().and_then(|numbers| numbers.checked_add(cuts.first));
        let end = end.and_then(|end| usize::try_from(end).ok()).ok_or(Fault(&"an array is too short"))?;
        let at = self.start_of(LINES, Extent::Lines, end)?;
        Ok(at.wrapping_add(cuts.first as usize * 8))
    }

    /// The units of a tensor that begin in the range.
    ///
    /// # Safety
    /// As for `run_range`; the kernel is one of lines.
    #[allow(clippy::too_many_arguments)]
    #[inline(never)]
    pub(crate) unsafe fn by_lines(
        &self,
        job: &Job,
        number: usize,
        tensor: &Tensor,
        from: usize,
        to: usize,
        gradient: Option<*const u8>,
        scratch: &mut Scratch,
    ) -> Result<(), Fault> {
        if tensor.length == 0 {
            return Ok(());
        }
        let cuts = self.cuts(number, tensor)?;
        let lines = self.lines(&cuts)?;
        let partials = self.whole(PARTIALS, Extent::Blocks, self.tables.header.blocks * MAX_TENSOR)?;
        let skipped = cuts.unit_from(from.saturating_sub(tensor.offset) as u64);
        for unit in skipped..cuts.units() {
            let (first, last) = cuts.unit(unit);
            if tensor.offset as u64 + first * cuts.columns >= to as u64 {
                break;
            }
            let block = tensor.block as u64 + unit;
            if block >= self.tables.header.blocks as u64 {
                return Err(Fault(&"a tensor has too many blocks"));
            }
            // SAFETY: passed on; `lines` has all numbers of these rows, and of their columns.
            let sums = unsafe {
                if job.entry.lines == Some(Lines::Summed) {
                    self.sum_lines(job, tensor, &cuts, unit, lines, gradient, scratch)?;
                    continue;
                }
                self.scale_lines(job, tensor, &cuts, (first, last), lines, scratch)?
            };
            for k in 0..job.entry.sums.len() {
                // SAFETY: just checked.
                unsafe { partials.set(block as usize * MAX_TENSOR + k, sums[k]) }
            }
        }
        Ok(())
    }

    /// Groups of rows of a unit, as elements of the tensor.
    fn groups(cuts: &Cuts, (first, last): (u64, u64)) -> impl Iterator<Item = (u64, u64)> {
        let rows = (GROUP as u64 / cuts.columns).max(1);
        (first..last).step_by(rows as usize).map(move |row| (row, (row + rows).min(last)))
    }

    /// # Safety
    /// As for `by_lines`.
    #[allow(clippy::too_many_arguments)]
    unsafe fn sum_lines(
        &self,
        job: &Job,
        tensor: &Tensor,
        cuts: &Cuts,
        unit: u64,
        lines: *mut u8,
        gradient: Option<*const u8>,
        scratch: &mut Scratch,
    ) -> Result<(), Fault> {
        let (first, last) = cuts.unit(unit);
        let columns = cuts.columns as usize;
        let numbers = Tables::numbers(lines);
        let piece = if cuts.pieces > 1 { unit % cuts.pieces } else { 0 };
        for (row, end) in Self::groups(cuts, (first, last)) {
            let streams = self.rows(tensor, cuts, row, end)?;
            let before = row as usize * columns * self.size();
            let g = gradient.map_or(streams.g, |at| at.wrapping_add(before));
            let length = (end - row) as usize * columns;
            // SAFETY: passed on.
            unsafe { self.exactly(job, &Streams { g, ..streams }, length, &[0.0; MAX_TENSOR], scratch) }
            for at in row..end {
                let begins = at == first || at % cuts.height == 0;
                let place = cuts.rows + (at / cuts.height * cuts.pieces + piece) * cuts.columns;
                let into = lines.cast::<f64>().wrapping_add(place as usize);
                let from = streams.direction.wrapping_add((at - row) as usize * columns * self.size());
                // SAFETY: passed on.
                unsafe { numbers.set(at as usize, (self.code.line)(from, into, columns, begins)) }
            }
        }
        Ok(())
    }

    /// Gives back the sums by unit that the kernel wants.
    ///
    /// # Safety
    /// As for `by_lines`.
    unsafe fn scale_lines(
        &self,
        job: &Job,
        tensor: &Tensor,
        cuts: &Cuts,
        rows: (u64, u64),
        lines: *mut u8,
        scratch: &mut Scratch,
    ) -> Result<[f64; MAX_TENSOR], Fault> {
        let columns = cuts.columns as usize;
        let numbers = Tables::numbers(lines);
        let mut sums = [0.0; MAX_TENSOR];
        let mut values = [0.0; MAX_TENSOR];
        for (row, end) in Self::groups(cuts, rows) {
            let streams = self.rows(tensor, cuts, row, end)?;
            for at in row..end {
                let place = cuts.rows + at / cuts.height * cuts.pieces * cuts.columns;
                let theta = lines.wrapping_add(place as usize * 8);
                let line = self.advanced(&streams, (at - row) as usize * columns);
                // SAFETY: passed on; a factor is no longer than the number in whose place it is.
                unsafe {
                    values[FACTOR] = numbers.get(at as usize);
                    self.exactly(job, &Streams { theta, ..line }, columns, &values, scratch);
                }
            }
            for (total, sum) in sums.iter_mut().zip(job.entry.sums) {
                let from = match sum {
                    Sum::Parameters => streams.theta,
                    Sum::Gradients => streams.direction,
                };
                // SAFETY: `rows` has found them.
                *total += unsafe { (self.code.squares)(from, (end - row) as usize * columns) };
            }
        }
        Ok(sums)
    }

    /// Where some rows of a tensor are.
    fn rows(&self, tensor: &Tensor, cuts: &Cuts, row: u64, end: u64) -> Result<Streams, Fault> {
        let at = |row: u64| tensor.offset + (row * cuts.columns) as usize;
        let mut streams = Streams::NOWHERE;
        self.find_plain(at(row), at(end), &mut streams)?;
        Ok(streams)
    }

    /// Runs a pass over elements that need not end with a vector: what follows may be another thread's, and
    /// was or will be updated by itself. A broken line goes through a copy.
    ///
    /// # Safety
    /// As for `stretch`, but the streams need only have `length` numbers.
    unsafe fn exactly(
        &self,
        job: &Job,
        streams: &Streams,
        length: usize,
        values: &[f64; MAX_TENSOR],
        scratch: &mut Scratch,
    ) {
        let whole = length & !(LINE / self.size() - 1);
        let bytes = (length - whole) * self.size();
        // SAFETY: passed on; what is copied is shorter than a line.
        unsafe {
            if whole > 0 {
                self.stretch(job, streams, whole, values, scratch);
            }
            if bytes > 0 {
                let rest = self.advanced(streams, whole);
                let mut lines = [[0_u64; LINE / 8]; 2];
                let [theta, g] = lines.each_mut().map(|line| line.as_mut_ptr().cast::<u8>());
                theta.copy_from_nonoverlapping(rest.theta, bytes);
                g.copy_from_nonoverlapping(rest.g, bytes);
                let copied = Streams { theta, g, direction: g, ..Streams::NOWHERE };
                self.stretch(job, &copied, length - whole, values, scratch);
                rest.direction.copy_from_nonoverlapping(g, bytes);
            }
        }
    }
}

/// Σ x² of a row, in the order of [`crate::sums`]; each x² is added to its column's sum, which begins with it
/// where `begins`.
///
/// # Safety
/// There must be `length` numbers to read and columns to write.
#[inline(always)]
pub unsafe fn sum_line<T: Scalar>(from: *const T, columns: *mut f64, length: usize, begins: bool) -> f64 {
    let mut sums = [0.0; STRIPES];
    let mut at = 0;
    // SAFETY: the caller vouches for all of them.
    unsafe {
        while at + STRIPES <= length {
            let line = from.add(at).cast::<[T; STRIPES]>().read_unaligned();
            let into = columns.add(at).cast::<[f64; STRIPES]>();
            let squares = line.map(|x| x.to_f64() * x.to_f64());
            let mut totals = squares;
            if !begins {
                totals = into.read_unaligned();
                for (total, square) in totals.iter_mut().zip(squares) {
                    *total += square;
                }
            }
            into.write_unaligned(totals);
            for (sum, square) in sums.iter_mut().zip(squares) {
                *sum += square;
            }
            at += STRIPES;
        }
        for (sum, k) in sums.iter_mut().zip(at..length) {
            let x = from.add(k).read().to_f64();
            let into = columns.add(k);
            *sum += x * x;
            into.write(if begins { x * x } else { into.read() + x * x });
        }
    }
    combine(sums)
}
