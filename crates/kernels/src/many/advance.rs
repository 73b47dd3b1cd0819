//! Cohorts of runs, all at the same update: gradient, rule, and the test whether a run has stopped.

use super::batch::Batch;
use super::joined::Join;
use super::layout::{BLOCK, GAP, Header, STEP, Settings, Short};
use super::program::{Lanes, Routine, Slots, Step};
use super::results::{Reason, Run};
use super::rows::RowTeam;
use crate::arena::{ArenaError, LINE};
use crate::kernel::code::Entry;
use crate::kernel::pipeline::Preparation;
use crate::kernel::{MAX_TENSOR, Streams};
use crate::memory;
use crate::programs;
use crate::programs::operations::{Operand, Operate};
#[cfg(feature = "equations")]
use crate::programs::pairs::Pair;
use crate::vector::{Scalar, Vector, splat, store_at};
use std::cell::Cell;
use std::cmp::Ordering;
use std::ops::Range;

/// Subnormal numbers of the state become 0 at each update of which this is a divisor, as in `ts/model/cohorts.ts`.
const FLUSHING: u64 = 256;

/// Updates by a program after which a cohort closes up. Most of its runs stop after a few updates, and not in the same
/// one.
const CLOSING: usize = 4;

/// Bytes of a second-level cache that slots may fill, and the least number of lanes that are computed together.
const CACHE: usize = 1 << 19;
const MIN_LANES: usize = 128;

/// Workspace of a thread: blocks, followed by slots of one vector.
#[derive(Clone, Copy)]
pub struct Scratch {
    /// Slots of the gradient's program, and of the objective's.
    pub computed: *mut u8,
    pub values: *mut u8,
    /// The parameters before a step.
    pub before: *mut u8,
    /// Each lane's largest change of a parameter, and the sum of its changes.
    pub largest: *mut u8,
    pub sum: *mut u8,
    /// A gradient that is scaled, clipped and decayed.
    pub prepared: *mut u8,
    /// Columns, and the slots of a single run.
    pub columns: *mut u8,
    pub single: *mut u8,
    /// Directions in which a single run explores, in float64.
    pub directions: *mut u8,
    /// Steps of the block's gradient, of one other routine of runs at a time, and of rows in lanes.
    pub steps: *mut Step,
    pub other_steps: *mut Step,
    pub row_steps: *mut Step,
    pub number: usize,
}

/// Numbers from a block's slot to the next one.
pub const fn width<T>() -> usize {
    BLOCK + GAP / size_of::<T>()
}

/// Parameters of a block before and after a step, for [`moved`].
pub struct Movement {
    pub theta: *const u8,
    pub stride: usize,
    pub before: *const u8,
    pub parameters: usize,
    pub count: usize,
    pub tolerance: f64,
}

/// Code for many runs at once, for one dtype and instruction set.
pub struct ManyCode {
    /// Operations by number.
    pub operations: &'static [Operate],
    /// Pairs of operations in programs of expressions.
    pub joins: &'static [Join],
    /// For equations.
    #[cfg(feature = "equations")]
    pub pairs: &'static [Pair],
    pub clamp: Operate,
    /// All operations on matrices.
    #[cfg(feature = "matrices")]
    pub matrix: Operate,
    pub moved: unsafe fn(&Movement, *mut u8, *mut u8) -> bool,
}

/// Writes the largest change, which may miss a NaN, and the sum of changes by lane; says whether one is below the
/// tolerance or not finite. (Rounded, the tolerance may be a bit too large, and finite sums may overflow:
/// who asks looks again.)
///
/// # Safety
/// The arrays must be there for whole blocks.
#[inline(always)]
pub unsafe fn moved<V: Vector>(movement: &Movement, largest: *mut u8, sum: *mut u8) -> bool {
    const { assert!(BLOCK.is_multiple_of(V::LANES)) };
    let Movement { theta, stride, before, parameters, count, tolerance } = *movement;
    let infinity = splat::<V>(f64::INFINITY);
    let (mut least, mut all) = (infinity, splat::<V>(0.0));
    let mut at = 0;
    while at < count {
        let (mut most, mut total) = (splat::<V>(0.0), splat::<V>(0.0));
        for p in 0..parameters {
            let now = theta.wrapping_add(p * stride).cast::<V::Scalar>().wrapping_add(at);
            let then = before.cast::<V::Scalar>().wrapping_add(p * width::<V::Scalar>() + at);
            // SAFETY: the caller guarantees whole blocks of the parameters.
            let now = unsafe { V::load(now) };
            // SAFETY: as above, of what was before.
            let change = (now - unsafe { V::load(then) }).abs();
            most = change.if_greater(most, change, most);
            total = total + change;
        }
        // SAFETY: the caller guarantees a whole block of the largest changes.
        unsafe { store_at(most, largest.cast(), at) };
        // SAFETY: as above, of the sums.
        unsafe { store_at(total, sum.cast(), at) };
        at += V::LANES;
        if at <= count {
            least = least.if_greater(most, most, least);
            all = all + total;
        }
    }
    let tolerance = tolerance * (1.0 + 1e-6);
    let is_unsound = infinity.if_greater(all, splat(0.0), splat(1.0));
    let whole = count - count % V::LANES;
    splat::<V>(tolerance).any_greater(least)
        || is_unsound.any_greater(splat(0.0))
        || (whole..count).any(|lane| {
            // SAFETY: just written.
            let [most, total] =
                [largest, sum].map(|at| unsafe { memory::read(at.cast::<V::Scalar>().cast_const(), lane) });
            most.to_f64() < tolerance || total.to_f64().partial_cmp(&f64::INFINITY) != Some(Ordering::Less)
        })
}

impl Batch {
    /// Makes the updates of this call for all living runs of a cohort.
    ///
    /// # Safety
    /// No other thread may use this cohort or this scratch during the call.
    pub unsafe fn advance(&self, cohort: usize, scratch: usize) -> Result<(), ArenaError> {
        // SAFETY: the caller guarantees that no other thread uses the cohort and the scratch, with which this thread
        // processes all pieces.
        unsafe {
            self.advance_by(cohort, scratch, &|count, piece| {
                (0..count).for_each(|number| piece(scratch, number));
                true
            })
        }
    }

    /// Performs a part of an update by a program, for at most a block of runs: some rows, or with rows in lanes some
    /// pieces of rows. The last part makes the update. Returns whether parts are left.
    ///
    /// # Safety
    /// Same as for `advance`. Parts must follow one after the other from 0 on, without other access to this cohort or
    /// this scratch in between. With rows in lanes, the sums of all pieces must exist at once.
    pub unsafe fn advance_part(
        &self,
        cohort: usize,
        scratch: usize,
        part: &Range<usize>,
    ) -> Result<bool, ArenaError> {
        let is_left = Cell::new(false);
        // SAFETY: the caller guarantees that no other thread uses the cohort and the scratch, also between parts.
        let done = unsafe {
            self.advance_some(cohort, scratch, part, &|count, piece| {
                (part.start..part.end.min(count)).for_each(|number| piece(scratch, number));
                is_left.set(part.end < count);
                !is_left.get()
            })
        };
        if is_left.get() { Ok(true) } else { done.map(|all| !all) }
    }

    /// Same as `advance` with a team of threads, each with its own scratch. With rows in lanes, the team shares the
    /// pieces of rows.
    ///
    /// # Safety
    /// Same as for `advance`. No other thread may use the scratches of the team during the call, and each thread must
    /// have its own.
    pub unsafe fn advance_by(&self, cohort: usize, scratch: usize, team: RowTeam) -> Result<(), ArenaError> {
        // SAFETY: the caller guarantees the cohort, the scratch and the team; these are all rows.
        unsafe { self.advance_some(cohort, scratch, &(0..usize::MAX), team).map(|_| ()) }
    }

    /// Same as `advance_by` for some rows, unless lanes are rows. Returns whether these were the last rows.
    ///
    /// # Safety
    /// Same as for `advance_by`, and between such calls for one update same as for `advance_part`.
    unsafe fn advance_some(
        &self,
        cohort: usize,
        scratch: usize,
        rows: &Range<usize>,
        team: RowTeam,
    ) -> Result<bool, ArenaError> {
        if cohort >= self.header.cohorts || scratch >= self.header.scratches {
            return Err(ArenaError::new(&"there is no such cohort or scratch"));
        }
        if cfg!(feature = "rules") && self.header.size == 4 {
            // SAFETY: both exist; this was just checked, and the caller guarantees that no other thread uses them.
            unsafe { self.advance_as::<f32>(cohort, scratch, rows, team) }
        } else {
            // SAFETY: see above.
            unsafe { self.advance_as::<f64>(cohort, scratch, rows, team) }
        }
    }

    /// # Safety
    /// Same as for `advance_some`; the batch must have this cohort and this scratch, and numbers be `T`.
    unsafe fn advance_as<T: Scalar>(
        &self,
        cohort: usize,
        scratch: usize,
        rows: &Range<usize>,
        team: RowTeam,
    ) -> Result<bool, ArenaError> {
        let cohort = self.cohort(cohort);
        let scratch = self.scratch(scratch);
        let live = cohort.live.get();
        if live > self.header.lanes || (self.has_own_lanes() && live > self.header.data_lanes) {
            return Err(ArenaError::new(&"a cohort has too many runs"));
        }
        if live == 0 {
            return Ok(true);
        }
        let all = self.header.updates;
        // Parts of an update leave their slots to the next part, so they are of one block.
        let most = if *rows == (0..usize::MAX) { self.block_lanes() } else { BLOCK };
        let mut done = 0;
        let slots = self.block_slots(&cohort, &scratch, 0);
        // SAFETY: the caller guarantees that no other thread uses the scratch, whose first steps are only used here.
        let mut gradient = unsafe { Routine::new(self, &self.gradient, slots, scratch.steps)? };
        while done < all {
            let live = cohort.live.get();
            let now = if self.entry.is_none() && live > most { CLOSING.min(all - done) } else { all - done };
            // In reverse order of blocks: runs that replace stopped runs have already made these updates.
            for first in (0..live).step_by(most).rev() {
                gradient.move_to(self.block_slots(&cohort, &scratch, first));
                // SAFETY: `live` does not exceed the number of lanes.
                let block = unsafe { Block::new(&cohort, &scratch, &gradient, first, most) };
                // SAFETY: the caller guarantees that no other thread uses the cohort and the scratch.
                if !unsafe { self.block::<T>(block, done..done + now, rows, team)? } {
                    return Ok(false);
                }
            }
            done += now;
        }
        // SAFETY: `new` found the count.
        unsafe { cohort.count.write(cohort.live.get() as u32) };
        Ok(true)
    }

    /// Makes some updates of this call for the runs in a block of lanes. Returns whether all rows are done.
    ///
    /// # Safety
    /// Same as for `advance_as`, of the block's cohort and scratch.
    unsafe fn block<T: Scalar>(
        &self,
        mut block: Block,
        updates: Range<usize>,
        rows: &Range<usize>,
        team: RowTeam,
    ) -> Result<bool, ArenaError> {
        let Block { cohort, scratch, gradient, first, count: begun, .. } = block;
        for update in updates {
            if block.count == 0 {
                break;
            }
            if self.header.row_lanes == 0 {
                // SAFETY: `Batch::new` found the slots, and the caller guarantees that no other thread uses them.
                if !unsafe { gradient.run_rows::<T>(block.count, rows) }? {
                    return Ok(false);
                }
            } else {
                let numbers = cohort.run(first);
                // SAFETY: as above, the numbers of these runs too; the caller guarantees the team.
                unsafe { self.run_by_rows::<T>(gradient, numbers, block.count, scratch, team) }?;
            }
            if cfg!(feature = "rules")
                && let Some(entry) = self.entry
            {
                // SAFETY: these lanes live, no other thread uses them, and the gradient's program has just run.
                unsafe { self.step::<T>(&block, entry, update) }?;
                // SAFETY: see above.
                unsafe { self.stop::<T>(&mut block, update) }?;
            } else {
                // SAFETY: see above.
                unsafe { self.iterate::<T>(&mut block, update) }?;
            }
        }
        // SAFETY: the cohort has these lanes.
        unsafe { cohort.close::<T>(first + block.count..first + begun) };
        Ok(true)
    }

    /// Writes the results of runs that stop with this update; others of the block take their places.
    ///
    /// # Safety
    /// Same as for `step`.
    unsafe fn stop<T: Scalar>(&self, block: &mut Block, update: usize) -> Result<(), ArenaError> {
        let Header { parameters, lanes, size, .. } = self.header;
        let Settings { most_updates, exempt, .. } = self.settings;
        let Block { cohort, scratch, first, .. } = *block;
        let t = self.t(update);
        let tolerance = if t > exempt { self.settings.tolerance } else { 0.0 };
        let movement = Movement {
            theta: cohort.theta(0, first),
            stride: lanes * size + GAP,
            before: scratch.before,
            parameters,
            count: block.count,
            tolerance,
        };
        // SAFETY: `Batch::new` found whole blocks of all of them, and the caller guarantees that no other thread uses
        // them; the instruction set is available.
        let found = unsafe { (self.many.moved)(&movement, scratch.largest, scratch.sum) };
        let all = t >= most_updates || block.is_short;
        if !found && !all {
            return Ok(());
        }
        // If all runs end here, their values are computed together, unless rows are in lanes.
        let mut values = None;
        if t >= most_updates && self.header.row_lanes == 0 {
            let slots = self.block_slots(cohort, scratch, first);
            let slots = Slots {
                computed: scratch.values,
                #[cfg(not(target_arch = "wasm32"))]
                rows: std::ptr::null_mut(),
                ..slots
            };
            // SAFETY: no other routine uses these steps now.
            let value = unsafe { Routine::new(self, &self.value, slots, scratch.other_steps) }?;
            // SAFETY: as above, of the slots.
            unsafe { value.run::<T>(block.count) }?;
            values = Some(value.output(0)?.cast::<T>());
        }
        block.is_short = false;
        for lane in (0..block.count).rev() {
            // SAFETY: as above; `lane` is one of a block.
            let largest = unsafe { memory::read(scratch.largest.cast::<T>(), lane) }.to_f64();
            // SAFETY: see above.
            let sum = unsafe { memory::read(scratch.sum.cast::<T>(), lane) }.to_f64();
            let is_short = largest <= tolerance * (1.0 + 1e-6);
            if !is_short && sum < f64::INFINITY && !all {
                continue;
            }
            // SAFETY: see above.
            let value = Cell::new(values.map(|at| unsafe { memory::read(at, lane) }.to_f64()));
            let run = Run { batch: self, block, update, lane: first + lane, in_block: lane, value };
            // SAFETY: the caller guarantees the block, of which this is a lane that lives.
            if let Some(reason) = unsafe { run.judge::<T>() }? {
                // SAFETY: see above.
                unsafe { run.write::<T>(reason) }?;
                block.count -= 1;
                // SAFETY: the cohort has both lanes.
                unsafe { cohort.copy::<T>(first + block.count, first + lane) };
            } else {
                // SAFETY: `Batch::new` found a number for each lane.
                block.is_short |= unsafe { *cohort.short_since(first + lane) } != 0.0;
            }
        }
        Ok(())
    }

    /// The program's outputs become the parameters, and runs stop that it tells to.
    ///
    /// # Safety
    /// Same as for `step`.
    unsafe fn iterate<T: Scalar>(&self, block: &mut Block, update: usize) -> Result<(), ArenaError> {
        let Header { parameters, .. } = self.header;
        let Block { cohort, gradient, first, count, .. } = *block;
        let bytes = (count * size_of::<T>()).next_multiple_of(LINE);
        for p in 0..parameters {
            let output = gradient.output(p)?;
            // SAFETY: `Batch::new` found whole blocks of both, and the caller guarantees that no other thread uses
            // them.
            unsafe { cohort.theta(p, first).copy_from_nonoverlapping(output, bytes) };
        }
        let reasons = gradient.output(parameters)?.cast::<T>();
        let is_last = self.t(update) >= self.settings.most_updates;
        let mut ended = [(0, 0); BLOCK];
        let mut number = 0;
        for lane in 0..count {
            // SAFETY: as above; `lane` is one of a block.
            let reason = unsafe { memory::read(reasons, lane) }.to_f64();
            if reason != 0.0 || is_last {
                let most = Reason::MaxIterations as u32;
                ended[number] = (lane, if reason == 0.0 { most } else { reason as u32 });
                number += 1;
            }
        }
        let mut ended = &ended[..number];
        // SAFETY: these lanes live, and the caller guarantees that no other thread uses them.
        unsafe { self.put::<T>(block, ended, self.t(update)) }?;
        block.count -= number;
        // The last ones that go on take the places of the first ones that do not.
        let mut last = count;
        while let [(lane, _), others @ ..] = ended {
            last -= 1;
            if let [rest @ .., (end, _)] = ended
                && *end == last
            {
                ended = rest;
            } else {
                // SAFETY: the cohort has both lanes.
                unsafe { cohort.copy::<T>(first + last, first + lane) };
                ended = others;
            }
        }
        Ok(())
    }

    /// The rule, a parameter after the other; what was before is kept.
    ///
    /// # Safety
    /// Same as for `block`; lanes of the block must live, and the gradient's program have run over them.
    unsafe fn step<T: Scalar>(&self, block: &Block, entry: &Entry, update: usize) -> Result<(), ArenaError> {
        let Header { parameters, flushes, bounded, .. } = self.header;
        let Block { cohort, scratch, gradient, first, count, .. } = *block;
        let (row, t) = (self.row(update), self.t(update));
        let bytes = (count * size_of::<T>()).next_multiple_of(LINE);
        let pass = entry.pass.ok_or(ArenaError::new(&"there is no such kernel"))?;
        // SAFETY: `Batch::new` found the rows, each with the coefficients of the pipeline and of the kernel.
        let preparation = unsafe { Preparation::new(row) };
        for p in 0..parameters {
            let theta = cohort.theta(p, first);
            let before = scratch.before.cast::<T>().wrapping_add(p * width::<T>()).cast::<u8>();
            // SAFETY: `Batch::new` found whole blocks of both, and the caller guarantees that no other thread uses
            // them.
            unsafe { before.copy_from_nonoverlapping(theta, bytes) };
            let mut g = gradient.output(p)?;
            if preparation.is_needed() {
                // SAFETY: as above, of what is prepared too; the instruction set is available.
                unsafe { (self.code.prepare)(theta, g, &preparation, scratch.prepared, count) };
                g = scratch.prepared;
            }
            // No rule of one stage leaves a direction, but a number in a header may be any kernel's.
            let mut streams = Streams { theta, g, direction: scratch.prepared, ..Streams::NOWHERE };
            for k in 0..entry.state {
                streams.state[k] = cohort.state(p, k, first);
            }
            // SAFETY: as above, of the state and the row too.
            unsafe { pass(&streams, row, &[0.0; MAX_TENSOR], count) };
            if t <= self.settings.delay {
                // SAFETY: see above.
                unsafe { theta.copy_from_nonoverlapping(before, bytes) };
            }
            if flushes != 0 && (t as u64).is_multiple_of(FLUSHING) {
                for (k, state) in streams.state.iter().enumerate().take(entry.state) {
                    if programs::flushes(entry, row, k) {
                        // SAFETY: see above.
                        unsafe { (self.code.flush)(*state, count) };
                    }
                }
            }
            if bounded != 0 {
                let lanes = |at: *mut u8| Operand { at, mask: usize::MAX };
                let [min, max] = [0, 1].map(|side| cohort.bound(p, side, first));
                let operands = [theta, min, max, max].map(lanes);
                // SAFETY: as above, of the bounds too.
                unsafe { (self.many.clamp)(theta, &operands, count) };
            }
        }
        Ok(())
    }

    /// How many lanes are computed together: fewer if the slots of a whole block do not fit the cache.
    fn block_lanes(&self) -> usize {
        let Header { slots, size, .. } = self.header;
        let mut lanes = BLOCK;
        while lanes > MIN_LANES && slots * lanes * size > CACHE {
            lanes /= 2;
        }
        lanes
    }

    fn block_slots(&self, cohort: &Cohort, scratch: &Scratch, first: usize) -> Slots {
        let Header { size, lanes, .. } = self.header;
        Slots {
            parameters: cohort.theta(0, first),
            stride: lanes * size + GAP,
            computed: scratch.computed,
            step: BLOCK * size + GAP,
            columns: scratch.columns,
            data: cohort.data(first),
            lanes: if self.has_own_lanes() { Lanes::OwnData } else { Lanes::Runs },
            // The objective's program does not run at the same time.
            #[cfg(not(target_arch = "wasm32"))]
            rows: scratch.values,
        }
    }

    pub fn scratch(&self, number: usize) -> Scratch {
        let Header { parameters, slots, size, tile, .. } = self.header;
        let mut next = self.place(self.header.scratch).wrapping_add(number * self.scratch_bytes() as usize);
        let mut take = |bytes: usize| {
            let at = next;
            next = next.wrapping_add(bytes);
            at
        };
        let block = BLOCK * size + GAP;
        let (computed, values) = (take(slots * block), take(slots * block));
        let before = take(parameters * block);
        let [largest, sum, prepared] = [(); 3].map(|()| take(block));
        let (columns, single) = (take(slots * LINE), take(slots * LINE));
        let directions = take(parameters * LINE);
        // Matrices are computed here: see `look_up_matrix`.
        take(tile * LINE);
        Scratch {
            computed,
            values,
            before,
            largest,
            sum,
            prepared,
            columns,
            single,
            directions,
            steps: take(self.gradient.instructions() * STEP).cast(),
            other_steps: take(self.steps_of_others() * STEP).cast(),
            row_steps: take(self.steps_of_rows() * STEP).cast(),
            number,
        }
    }

    fn cohort(&self, number: usize) -> Cohort<'_> {
        let at = self.place(self.header.planes).wrapping_add(number * self.cohort_bytes() as usize);
        let count = self.place(self.header.live).cast::<u32>().wrapping_add(number);
        // SAFETY: `new` found the count.
        let live = Cell::new(unsafe { count.read() } as usize);
        Cohort { batch: self, at, data: self.lane_data(number), count, live }
    }
}

/// Runs that have had the same updates, a lane each.
pub struct Cohort<'a> {
    batch: &'a Batch,
    at: *mut u8,
    data: *mut u8,
    /// How many live: where that is told, and the number, which is read there once and checked.
    count: *mut u32,
    live: Cell<usize>,
}

impl Cohort<'_> {
    fn plane(&self, number: usize, lane: usize) -> *mut u8 {
        let Header { lanes, size, .. } = self.batch.header;
        self.at.wrapping_add(number * (lanes * size + GAP) + lane * size)
    }

    /// A lane's number of the first row and the first column that differs by run.
    pub fn data(&self, lane: usize) -> *mut u8 {
        self.data.wrapping_add(lane * self.batch.header.size)
    }

    pub fn theta(&self, p: usize, lane: usize) -> *mut u8 {
        self.plane(p, lane)
    }

    pub fn state(&self, p: usize, k: usize, lane: usize) -> *mut u8 {
        self.plane(self.batch.header.parameters + p * self.batch.states() + k, lane)
    }

    /// The least number that a parameter may be (side 0), or the greatest.
    pub fn bound(&self, p: usize, side: usize, lane: usize) -> *mut u8 {
        let Header { parameters, .. } = self.batch.header;
        self.plane(parameters * (1 + self.batch.states()) + 2 * p + side, lane)
    }

    fn planes(&self) -> usize {
        self.batch.planes() as usize
    }

    /// A number of a lane, by its place in [`Short`].
    pub fn short(&self, column: usize, lane: usize) -> *mut f64 {
        let first = self.plane(self.planes(), 0).cast::<f64>();
        first.wrapping_add(column * self.batch.header.lanes + lane)
    }

    /// The update since when its steps are short, 0 if they are not.
    pub fn short_since(&self, lane: usize) -> *mut f64 {
        self.short(Short::AT.since as usize, lane)
    }

    /// The number of its run.
    pub fn run(&self, lane: usize) -> *mut u32 {
        self.short(Short::SIZE, 0).cast::<u32>().wrapping_add(lane)
    }

    /// Fills the lanes of stopped runs with the last living runs behind them, each once.
    ///
    /// # Safety
    /// The lanes must exist, and no other thread may use the cohort.
    unsafe fn close<T: Scalar>(&self, lanes: Range<usize>) {
        let live = self.live.get();
        let behind = live - lanes.end;
        for k in 0..lanes.len().min(behind) {
            // SAFETY: the caller guarantees the lanes, and behind them these live.
            unsafe { self.copy::<T>(live - 1 - k, lanes.start + k) };
        }
        self.live.set(live - lanes.len());
    }

    /// # Safety
    /// Both lanes must exist, and no other thread may use the cohort.
    unsafe fn copy<T: Scalar>(&self, from: usize, to: usize) {
        let Header { size, rows, columns, shared, data_lanes, .. } = self.batch.header;
        if from == to {
            return;
        }
        let step = data_lanes * size;
        let one = |lanes: *mut u8| {
            let lanes = lanes.cast::<T>();
            // SAFETY: the caller guarantees lane `from`.
            let number = unsafe { lanes.wrapping_add(from).read() };
            // SAFETY: the caller guarantees lane `to`.
            unsafe { lanes.wrapping_add(to).write(number) };
        };
        (0..self.planes()).for_each(|k| one(self.plane(k, 0)));
        // With rows in lanes, these values are stored by run.
        let own = if self.batch.has_own_lanes() { rows * (columns - shared) } else { 0 };
        (0..own).for_each(|k| one(self.data.wrapping_add(k * step)));
        (0..Short::SIZE).for_each(|column| {
            // SAFETY: the caller guarantees lane `from`.
            let number = unsafe { *self.short(column, from) };
            // SAFETY: the caller guarantees lane `to`.
            unsafe { *self.short(column, to) = number };
        });
        // SAFETY: the caller guarantees lane `from`.
        let run = unsafe { *self.run(from) };
        // SAFETY: the caller guarantees lane `to`.
        unsafe { *self.run(to) = run };
    }
}

/// Lanes that are computed together, while they have some updates.
pub struct Block<'a> {
    pub cohort: &'a Cohort<'a>,
    pub scratch: &'a Scratch,
    pub gradient: &'a Routine<'a>,
    /// The first lane, and how many live.
    pub first: usize,
    count: usize,
    /// Whether steps of some of them are short.
    is_short: bool,
}

impl<'a> Block<'a> {
    /// The living lanes of a block, at most this many.
    ///
    /// # Safety
    /// The cohort must have living lanes from the first one on, not more than it has lanes.
    unsafe fn new(
        cohort: &'a Cohort<'a>,
        scratch: &'a Scratch,
        gradient: &'a Routine<'a>,
        first: usize,
        most: usize,
    ) -> Self {
        let count = most.min(cohort.live.get() - first);
        // SAFETY: these lanes live, and `Batch::new` found since when the steps of each are short.
        let is_short = (first..first + count).any(|lane| unsafe { *cohort.short_since(lane) } != 0.0);
        Self { cohort, scratch, gradient, first, count, is_short }
    }
}
