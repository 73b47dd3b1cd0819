//! Rows in lanes. If runs have enough rows to fill blocks, the lanes are runs before and after the rows, and rows of
//! one run in between. So a single run is as fast as many, and threads share its rows.
//!
//! Each lane sums up its rows of a piece. At the end of a piece the sums of the lanes are added up by halves, and then
//! the sums of the pieces in order. The number of rows alone determines the order of additions. `ts/expressions/run.ts`
//! does the same.

use super::advance::Scratch;
use super::batch::Batch;
use super::layout::{BLOCK, GAP, Header};
use super::program::{Lanes, Program, Routine, SHARED, Slots};
use crate::arena::{ArenaError, LINE};
use crate::memory;
use crate::vector::Scalar;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// A team of threads: calls the work for all indices below a count, each call with a thread number that no other thread
/// uses. Returns whether all are done.
pub type RowTeam<'a> = &'a dyn Fn(usize, &(dyn Fn(usize, usize) + Sync)) -> bool;

/// Pieces whose sums are there at once.
pub const PIECES: usize = 1024;
/// Blocks of a piece at least, and pieces of a run at most.
pub const MIN_BLOCKS: usize = 16;
pub const MAX_PIECES: usize = 256;

/// The rows of a block of runs.
struct Work<'a> {
    batch: &'a Batch,
    program: &'a Program,
    /// Slots of the runs with the values that all rows share.
    runs: &'a Slots,
    /// Their numbers.
    numbers: *const u32,
    /// Destination of the sums of pieces.
    sums: *mut u8,
    /// Rows of a piece, and how many pieces a run has.
    size: usize,
    pieces: usize,
}

// SAFETY: threads write to scratches of their own, and to sums of pieces that are theirs.
unsafe impl Sync for Work<'_> {}

impl Batch {
    /// Runs a routine with runs in lanes, whose rows are in lanes in between.
    ///
    /// # Safety
    /// Same as for [`Batch::sum_rows`].
    pub unsafe fn run_by_rows<T: Scalar>(
        &self,
        routine: &Routine,
        numbers: *const u32,
        count: usize,
        scratch: &Scratch,
        team: RowTeam,
    ) -> Result<(), ArenaError> {
        // SAFETY: the caller guarantees the slots.
        unsafe { routine.head(count) }?;
        // SAFETY: see above.
        unsafe { self.sum_rows::<T>(routine, numbers, count, scratch, team) }?;
        // SAFETY: see above.
        unsafe { routine.tail(count) }
    }

    /// Writes the sums over the rows of `count` runs to the slots in which the routine with runs in lanes reads them.
    ///
    /// # Safety
    /// Same as for [`Routine::run`]. `numbers` must be the runs' numbers, and the scratch the routine's. The routine
    /// must not compute in `values` of the scratch, where rows are computed.
    unsafe fn sum_rows<T: Scalar>(
        &self,
        routine: &Routine,
        numbers: *const u32,
        count: usize,
        scratch: &Scratch,
        team: RowTeam,
    ) -> Result<(), ArenaError> {
        let rows = self.header.rows;
        let size = BLOCK * MIN_BLOCKS.max(rows.div_ceil(BLOCK).div_ceil(MAX_PIECES));
        let pieces = rows.div_ceil(size).max(1);
        let program = routine.program;
        let sums = program.sums();
        let to = self.place(self.header.pieces).wrapping_add(scratch.number * self.pieces_bytes() as usize);
        let work = Work { batch: self, program, runs: &routine.slots, numbers, sums: to, size, pieces };
        // Runs of a few rows are done by one thread one after the other.
        let together = (size / rows.max(1)).max(1);
        for first in (0..count).step_by(PIECES / pieces) {
            let all = first * pieces..count.min(first + PIECES / pieces) * pieces;
            let failed = AtomicBool::new(false);
            let some = |thread: usize, number: usize| {
                let from = all.start + number * together;
                // SAFETY: the team gives each number to one thread, with a scratch of its own; the caller guarantees
                // the rest.
                let done = unsafe { work.sum::<T>(thread, all.start, from..all.end.min(from + together)) };
                if done.is_err() {
                    failed.store(true, Ordering::Relaxed);
                }
            };
            if !team(all.len().div_ceil(together), &some) || failed.into_inner() {
                return Err(ArenaError::new(&"rows could not be summed"));
            }
            for k in 0..sums {
                let lanes = routine.sum(k)?.cast::<T>();
                for run in first..count.min(first + PIECES / pieces) {
                    let of = |piece: usize| {
                        to.cast::<T>().wrapping_add(((run - first) * pieces + piece) * sums + k)
                    };
                    // SAFETY: just written, of pieces whose sums are there at once.
                    let add = |sum: T, piece: usize| sum + unsafe { of(piece).read() };
                    let sum = (0..pieces).fold(T::from_f64(0.0), add);
                    // SAFETY: the caller guarantees the slots of the routine, in which `run` is one of `count` lanes.
                    unsafe { memory::write(lanes, run, sum) };
                }
            }
        }
        Ok(())
    }
}

impl Work<'_> {
    /// Sums some pieces of rows; the pieces of a run have consecutive numbers.
    ///
    /// # Safety
    /// Same as for [`Batch::sum_rows`]. No other thread may use the scratch of this thread's number, or sum these
    /// pieces.
    unsafe fn sum<T: Scalar>(
        &self,
        thread: usize,
        first: usize,
        numbers: Range<usize>,
    ) -> Result<(), ArenaError> {
        let Header { rows, row_lanes, columns, shared, data_lanes, size, scratches, .. } = self.batch.header;
        if thread >= scratches {
            return Err(ArenaError::new(&"there is no such scratch"));
        }
        let scratch = self.batch.scratch(thread);
        let slots = Slots {
            parameters: scratch.single,
            stride: LINE,
            computed: scratch.values,
            step: BLOCK * size + GAP,
            columns: scratch.columns,
            data: self.batch.lane_data(0),
            lanes: Lanes::Rows,
            #[cfg(not(target_arch = "wasm32"))]
            rows: std::ptr::null_mut(),
        };
        // SAFETY: the scratch is this thread's, and its steps of rows have no other user.
        let body = unsafe { Routine::new(self.batch, self.program, slots, scratch.row_steps) }?;
        let sums = self.program.sums();
        for number in numbers {
            let (lane, piece) = (number / self.pieces, number % self.pieces);
            // SAFETY: the caller guarantees the numbers of all runs, of which `lane` is one.
            let run = unsafe { memory::read(self.numbers, lane) } as usize;
            if columns > shared && run >= data_lanes {
                return Err(ArenaError::new(&"there is no such run"));
            }
            let own = run * (columns - shared) * row_lanes * size;
            // SAFETY: the caller guarantees what the runs have in their slots, and this thread's scratch.
            unsafe { self.spread::<T>(&body, lane, scratch.single) };
            for k in 0..sums {
                let sum = body.sum(k)?;
                // SAFETY: a slot of this thread's scratch is a block.
                unsafe { sum.write_bytes(0, BLOCK * size_of::<T>()) };
            }
            let (begin, end) = (piece * self.size, rows.min((piece + 1) * self.size));
            let rest = (end - begin) % BLOCK;
            // An incomplete block comes first, because operations fill up lines, and the additional lanes have no row.
            if rest > 0 {
                let row = end - rest;
                // SAFETY: `Batch::new` found the data, whose columns have all rows, rounded up to whole lines; slots
                // are this thread's.
                unsafe { body.rows(row * size, own + row * size, rest) }?;
                for k in 0..sums {
                    // SAFETY: a slot is a block, and `rest` less than one.
                    let lanes = unsafe { body.sum(k)?.cast::<T>().add(rest) };
                    // SAFETY: as above; a block has whole lines.
                    unsafe { lanes.write_bytes(0, rest.next_multiple_of(LINE / size) - rest) };
                }
            }
            for row in (begin..end - rest).step_by(BLOCK) {
                // SAFETY: `Batch::new` found the data; slots are this thread's, and blocks.
                unsafe { body.rows(row * size, own + row * size, BLOCK) }?;
            }
            for k in 0..sums {
                let sum = body.sum(k)?.cast::<T>();
                // SAFETY: a slot of this thread's scratch is a block, which was set to 0 above.
                let lanes = unsafe { std::slice::from_raw_parts_mut(sum, BLOCK) };
                // SAFETY: `Batch::new` found the sums of the pieces that exist at once, and no other thread sums this
                // piece.
                unsafe { memory::write(self.sums.cast::<T>(), (number - first) * sums + k, halved(lanes)) };
            }
        }
        Ok(())
    }

    /// Writes what rows of a run share as vectors of equal numbers.
    ///
    /// # Safety
    /// Same as for [`Batch::sum_rows`], and `to` must be this thread's line for each slot.
    unsafe fn spread<T: Scalar>(&self, body: &Routine, lane: usize, to: *mut u8) {
        let Header { parameters, columns, constants, slots, .. } = self.batch.header;
        let inputs = parameters + columns + constants;
        for slot in (0..parameters).chain(inputs..slots).filter(|slot| body.mark_of(*slot) == SHARED) {
            let of_runs = match slot.checked_sub(inputs) {
                None => self.runs.parameters.wrapping_add(slot * self.runs.stride),
                Some(computed) => self.runs.computed.wrapping_add(computed * self.runs.step),
            };
            let line = to.wrapping_add(slot * LINE).cast::<T>();
            // SAFETY: the caller guarantees the slots of the runs, of which `lane` is one.
            let number = unsafe { memory::read(of_runs.cast::<T>(), lane) };
            // SAFETY: the caller guarantees a line of each slot.
            (0..LINE / size_of::<T>()).for_each(|k| unsafe { memory::write(line, k, number) });
        }
    }
}

/// The sum of lanes, of which the second half is added to the first until there is one.
fn halved<T: Scalar>(lanes: &mut [T]) -> T {
    let mut half = lanes.len() / 2;
    while half > 0 {
        let (low, high) = lanes.split_at_mut(half);
        low.iter_mut().zip(high).for_each(|(low, high)| *low = *low + *high);
        half /= 2;
    }
    lanes[0]
}
