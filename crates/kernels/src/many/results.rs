//! Whether a run has stopped, and why: what `ts/minimize/minimize.ts` and `ts/minimize/convergence.ts` do, with the same bits.

use super::advance::{Block, Scratch, width};
use super::batch::Batch;
use super::layout::{BLOCK, Header, Outcome, Settings, Short};
use super::program::{Lanes, Program, Routine, Slots};
use crate::arena::{ArenaError, LINE};
use crate::kernel::Pipeline;
use crate::memory;
use crate::vector::Scalar;
use std::cell::Cell;

/// Why a run has stopped; the numbers are TypeScript's too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    Converged = 1,
    Stalled = 2,
    MaxIterations = 3,
    Diverged = 4,
}

/// How far the gradient may be from vanishing, in tolerances; and in how many directions that is sought.
const REACH: f64 = 100.0;
const PROBES: usize = 3;
/// Number of consecutive short steps without any change after which a run stops: such a series is no accident.
const PATIENCE: f64 = 100.0;

impl Batch {
    /// Writes where runs of a block have ended that their program stops: lanes in the block, and why.
    ///
    /// # Safety
    /// Same as for `Batch::advance`; the lanes live.
    pub unsafe fn put<T: Scalar>(
        &self,
        block: &Block,
        ended: &[(usize, u32)],
        updates: f64,
    ) -> Result<(), ArenaError> {
        let Header { parameters, cohorts, lanes, .. } = self.header;
        let Block { cohort, first, .. } = *block;
        let all = cohorts * lanes;
        let mut runs = [0; BLOCK];
        let mut at = self.place(self.header.results);
        for (run, (lane, _)) in runs.iter_mut().zip(ended) {
            // SAFETY: the caller guarantees the lane.
            *run = unsafe { *cohort.run(first + lane) } as usize;
            if *run >= all {
                return Err(ArenaError::new(&"there is no such run"));
            }
        }
        let ended = runs.iter().zip(ended);
        // Column by column, which is the memory order.
        for p in 0..parameters {
            let (from, to) = (cohort.theta(p, first).cast::<T>(), at.cast::<T>());
            ended.clone().for_each(|(run, (lane, _))| {
                // SAFETY: the caller guarantees the lane.
                let x = unsafe { memory::read(from, *lane) };
                // SAFETY: the number of the run was checked, and `Batch::new` found room for all.
                unsafe { memory::write(to, *run, x) };
            });
            at = at.wrapping_add(all * size_of::<T>());
        }
        // SAFETY: `Batch::new` found columns of an outcome, of all runs each.
        let to = unsafe { at.cast::<f64>().add(Outcome::AT.updates as usize * all) };
        // SAFETY: as above; the numbers of runs were checked.
        ended.clone().for_each(|(run, _)| unsafe { memory::write(to, *run, updates) });
        // SAFETY: behind these it found a reason for each.
        let to = unsafe { at.cast::<f64>().add(Outcome::SIZE * all) }.cast::<u32>();
        // SAFETY: as above; the numbers of runs were checked.
        ended.for_each(|(run, (_, reason))| unsafe { memory::write(to, *run, *reason) });
        Ok(())
    }
}

/// A run after an update, whose gradient is still in the slots of its block. The run has a living lane in its cohort
/// and in its block. The unsafe code here relies on this, and on exclusive access to the cohort and the scratch.
pub struct Run<'a> {
    pub batch: &'a Batch,
    pub block: &'a Block<'a>,
    pub update: usize,
    /// In its cohort, and in its block.
    pub lane: usize,
    pub in_block: usize,
    /// The objective, where it is known.
    pub value: Cell<Option<f64>>,
}

impl Run<'_> {
    /// Why it has stopped, if it has.
    ///
    /// # Safety
    /// Same as for `Batch::advance`; the lanes live, and the gradient is that of the update.
    pub unsafe fn judge<T: Scalar>(&self) -> Result<Option<Reason>, ArenaError> {
        let Settings { tolerance, most_updates, exempt, .. } = self.batch.settings;
        let t = self.t();
        // SAFETY: the caller guarantees the run.
        let change = unsafe { self.change::<T>() };
        if change.is_nan() || change == f64::INFINITY {
            return Ok(Some(Reason::Diverged));
        }
        if change < tolerance && t > exempt {
            // SAFETY: see above.
            return unsafe { self.when_short::<T>(change) };
        }
        if t >= most_updates {
            // SAFETY: see above.
            let is_finite = unsafe { self.is_finite::<T>() }?;
            return Ok(Some(if is_finite { Reason::MaxIterations } else { Reason::Diverged }));
        }
        // SAFETY: as above; `Batch::new` found a number for each lane.
        unsafe { *self.block.cohort.short_since(self.lane) = 0.0 };
        Ok(None)
    }

    /// # Safety
    /// Same as for `judge`.
    unsafe fn when_short<T: Scalar>(&self, change: f64) -> Result<Option<Reason>, ArenaError> {
        let t = self.t();
        // SAFETY: the caller guarantees the run.
        unsafe { self.count(Short::AT.steps) };
        // SAFETY: see above.
        if !unsafe { self.is_finite::<T>() }? {
            return Ok(Some(Reason::Diverged));
        }
        // SAFETY: see above.
        if unsafe { self.is_at_rest::<T>() }? {
            return Ok(Some(Reason::Converged));
        }
        if t >= self.batch.settings.most_updates {
            return Ok(Some(Reason::MaxIterations));
        }
        // SAFETY: see above.
        let norm = unsafe { self.free_norm::<T>() }?;
        let cohort = self.block.cohort;
        // SAFETY: as above; `Batch::new` found such numbers for each lane.
        let began = Short::read(|column| unsafe { *cohort.short(column, self.lane) });
        if began.since == 0.0 || norm < 0.99 * began.gradient_norm || change > 1.01 * began.change {
            let begins = Short { change, gradient_norm: norm, since: t, ..began };
            // SAFETY: see above.
            begins.write(|column, x| unsafe { *cohort.short(column, self.lane) = x });
        } else if t - began.since >= PATIENCE {
            return Ok(Some(Reason::Stalled));
        }
        Ok(None)
    }

    /// Writes its result.
    ///
    /// # Safety
    /// Same as for `judge`.
    pub unsafe fn write<T: Scalar>(&self, reason: Reason) -> Result<(), ArenaError> {
        // SAFETY: the caller guarantees the run.
        let value = unsafe { self.value::<T>() }?;
        // SAFETY: see above.
        let gradient_norm = unsafe { self.gradient_norm::<T>() }?;
        // SAFETY: see above.
        let change = unsafe { self.change::<T>() };
        // SAFETY: see above.
        unsafe { self.put::<T>([value, gradient_norm, change], reason as u32) }
    }

    /// Writes the point, and with it the value, the gradient's norm, the change, and why it has stopped.
    ///
    /// # Safety
    /// Same as for `judge`.
    unsafe fn put<T: Scalar>(&self, values: [f64; 3], reason: u32) -> Result<(), ArenaError> {
        let Header { parameters, cohorts, lanes, .. } = self.batch.header;
        let runs = cohorts * lanes;
        // SAFETY: the caller guarantees the run.
        let run = unsafe { *self.block.cohort.run(self.lane) } as usize;
        if run >= runs {
            return Err(ArenaError::new(&"there is no such run"));
        }
        let mut at = self.batch.place(self.batch.header.results);
        let numbers = at.wrapping_add(parameters * runs * size_of::<T>()).cast::<f64>();
        for p in 0..parameters {
            // SAFETY: the caller guarantees the run.
            let x = unsafe { self.theta::<T>(p) };
            // SAFETY: the number of the run was checked, and `Batch::new` found room for all.
            unsafe { memory::write(at.cast(), run, x) };
            at = at.wrapping_add(runs * size_of::<T>());
        }
        let [value, gradient_norm, change] = values;
        // SAFETY: as above, of columns of an outcome.
        Outcome { value, gradient_norm, change, updates: self.t() }
            .write(|column, x| unsafe { memory::write(numbers, column * runs + run, x) });
        // SAFETY: as above; behind these it found a reason for each.
        let reasons = unsafe { numbers.add(Outcome::SIZE * runs) }.cast::<u32>();
        // SAFETY: see above.
        unsafe { memory::write(reasons, run, reason) };
        Ok(())
    }

    fn t(&self) -> f64 {
        self.batch.t(self.update)
    }

    /// # Safety
    /// Same as for `judge`; `p` must be a parameter.
    unsafe fn theta<T: Scalar>(&self, p: usize) -> T {
        // SAFETY: the caller guarantees the run and the parameter, whose plane `Batch::new` found.
        unsafe { self.block.cohort.theta(p, self.lane).cast::<T>().read() }
    }

    /// A derivative at the last update, before clipping and decay.
    ///
    /// # Safety
    /// Same as for `judge`.
    unsafe fn gradient<T: Scalar>(&self, p: usize) -> Result<f64, ArenaError> {
        let at = self.block.gradient.output(p)?.cast::<T>();
        // SAFETY: the caller guarantees the run, whose lane in the block is one of the output.
        Ok(unsafe { memory::read(at, self.in_block) }.to_f64())
    }

    /// # Safety
    /// Same as for `judge`.
    unsafe fn gradient_norm<T: Scalar>(&self) -> Result<f64, ArenaError> {
        let parameters = 0..self.batch.header.parameters;
        // SAFETY: the caller guarantees the run.
        largest(parameters.map(|p| unsafe { self.gradient::<T>(p) }))
    }

    /// The norm of the gradient without components that a bound holds, as `freeNorm` in `ts/minimize/convergence.ts`.
    ///
    /// # Safety
    /// Same as for `judge`.
    unsafe fn free_norm<T: Scalar>(&self) -> Result<f64, ArenaError> {
        let parameters = 0..self.batch.header.parameters;
        largest(parameters.map(|p| {
            // SAFETY: the caller guarantees the run.
            let is_held = unsafe { self.is_held::<T>(p) }?;
            // SAFETY: see above.
            if is_held { Ok(0.0) } else { unsafe { self.gradient::<T>(p) } }
        }))
    }

    /// Lower and upper bound of a parameter.
    ///
    /// # Safety
    /// Same as for `theta`; there must be bounds.
    unsafe fn bounds<T: Scalar>(&self, p: usize) -> [f64; 2] {
        // SAFETY: the caller guarantees the run and the parameter, and that there are bounds, whose planes `Batch::new`
        // found.
        [0, 1].map(|side| unsafe { self.block.cohort.bound(p, side, self.lane).cast::<T>().read() }.to_f64())
    }

    /// Whether a parameter is at a bound, and pulled out of its box: as `isHeld` in `ts/minimize/convergence.ts`.
    ///
    /// # Safety
    /// Same as for `theta`.
    unsafe fn is_held<T: Scalar>(&self, p: usize) -> Result<bool, ArenaError> {
        if self.batch.header.bounded == 0 {
            return Ok(false);
        }
        let row = self.batch.row(self.update);
        let Pipeline { scale, l2, .. } = Pipeline::AT;
        // SAFETY: the caller guarantees the run and the parameter.
        let x = unsafe { self.theta::<T>(p) }.to_f64();
        // SAFETY: as above; there are bounds.
        let [min, max] = unsafe { self.bounds::<T>(p) };
        // SAFETY: each row begins with the pipeline's coefficients.
        let coefficient = |k: usize| unsafe { row.get(k) };
        // SAFETY: the caller guarantees the run.
        let pull = sign(coefficient(scale)) * unsafe { self.gradient::<T>(p) }? + coefficient(l2) * x;
        Ok((pull > 0.0 && x <= min) || (pull < 0.0 && x >= max))
    }

    /// The largest change of a parameter, which is taken in the dtype.
    ///
    /// # Safety
    /// Same as for `judge`.
    unsafe fn change<T: Scalar>(&self) -> f64 {
        let changes = (0..self.batch.header.parameters).map(|p| {
            let before = self.block.scratch.before.cast::<T>().wrapping_add(p * width::<T>() + self.in_block);
            // SAFETY: the caller guarantees the run.
            let now = unsafe { self.theta::<T>(p) };
            // SAFETY: as above; `step` has kept what was before.
            Ok((now - unsafe { before.read() }).to_f64())
        });
        largest(changes).unwrap_or(f64::NAN)
    }

    /// The parameters are known to be finite.
    ///
    /// # Safety
    /// Same as for `judge`.
    unsafe fn is_finite<T: Scalar>(&self) -> Result<bool, ArenaError> {
        let state = |k: usize| {
            let at = |p: usize| self.block.cohort.state(p, k, self.lane).cast::<T>();
            // SAFETY: the caller guarantees the run; `Batch::new` found the planes of its state.
            (0..self.batch.header.parameters).all(|p| unsafe { at(p).read() }.to_f64().is_finite())
        };
        // SAFETY: the caller guarantees the run.
        Ok(unsafe { self.value::<T>() }?.is_finite()
            // SAFETY: see above.
            && unsafe { self.gradient_norm::<T>() }?.is_finite()
            && (0..self.batch.states()).all(state))
    }

    /// # Safety
    /// Same as for `judge`.
    unsafe fn value<T: Scalar>(&self) -> Result<f64, ArenaError> {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        (0..self.batch.header.parameters).for_each(|p| {
            // SAFETY: the caller guarantees the run.
            let x = unsafe { self.theta::<T>(p) };
            // SAFETY: a scratch has a line for each slot of a single run.
            unsafe { self.near::<T>(p).write(x) };
        });
        // SAFETY: the routine is dropped at the end of this function.
        let value = unsafe { self.single(&self.batch.value) }?;
        // SAFETY: see above.
        unsafe { self.run::<T>(&value) }?;
        let at = value.output(0)?.cast::<T>();
        // SAFETY: see above.
        let value = unsafe { at.read() }.to_f64();
        self.value.set(Some(value));
        Ok(value)
    }

    /// Address of the parameter of a single run.
    fn near<T>(&self, p: usize) -> *mut T {
        self.block.scratch.single.wrapping_add(p * LINE).cast()
    }

    /// A program for that run.
    ///
    /// # Safety
    /// The routine must be dropped before another one is made.
    unsafe fn single<'a>(&'a self, program: &'a Program) -> Result<Routine<'a>, ArenaError> {
        let Header { parameters, columns, constants, .. } = self.batch.header;
        let Scratch { single, columns: column_slots, .. } = *self.block.scratch;
        let slots = Slots {
            parameters: single,
            stride: LINE,
            computed: single.wrapping_add((parameters + columns + constants) * LINE),
            step: LINE,
            columns: column_slots,
            data: self.block.cohort.data(self.lane),
            lanes: Lanes::Runs,
            #[cfg(not(target_arch = "wasm32"))]
            rows: std::ptr::null_mut(),
        };
        // SAFETY: the caller uses one routine of a single run at a time, and no other routine uses these steps.
        unsafe { Routine::new(self.batch, program, slots, self.block.scratch.other_steps) }
    }

    /// Runs such a program.
    ///
    /// # Safety
    /// Same as for `judge`; the parameters must be written.
    unsafe fn run<T: Scalar>(&self, routine: &Routine) -> Result<(), ArenaError> {
        let Block { cohort, scratch, .. } = *self.block;
        if self.batch.header.row_lanes == 0 {
            // SAFETY: a scratch has a line for each slot of a single run, which is as much as one lane takes.
            return unsafe { routine.run::<T>(1) };
        }
        let alone = |count: usize, piece: &(dyn Fn(usize, usize) + Sync)| {
            (0..count).for_each(|number| piece(scratch.number, number));
            true
        };
        // SAFETY: as above. The rows share this run's own lines. Filling a line with its first number keeps that number.
        // No other thread uses the scratch.
        unsafe { self.batch.run_by_rows::<T>(routine, cohort.run(self.lane), 1, scratch, &alone) }
    }

    /// Adds 1 to a count of [`Short`].
    ///
    /// # Safety
    /// Same as for `judge`.
    unsafe fn count(&self, column: f64) {
        // SAFETY: the caller guarantees the run; `Batch::new` found such a number for each lane.
        unsafe { *self.block.cohort.short(column as usize, self.lane) += 1.0 };
    }

    /// Whether the gradient is as good as zero: see `isAtRest` in `ts/minimize/convergence.ts`.
    ///
    /// # Safety
    /// Same as for `judge`.
    unsafe fn is_at_rest<T: Scalar>(&self) -> Result<bool, ArenaError> {
        let parameters = self.batch.header.parameters;
        let tolerance = self.batch.settings.tolerance;
        let row = self.batch.row(self.update);
        let Pipeline { scale, l2, decay, .. } = Pipeline::AT;
        // SAFETY: each row begins with the pipeline's coefficients.
        let coefficient = |k: usize| unsafe { row.get(k) };
        let (l2, decoupled) = (coefficient(l2), 1.0 - coefficient(decay));
        let sign = sign(coefficient(scale));
        // SAFETY: the caller guarantees the run, here and in all that follows.
        let x = |p: usize| unsafe { self.theta::<T>(p) }.to_f64();
        let finest = |p: usize| tolerance.max(T::EPSILON * x(p).abs());
        let pull = |p: usize, at: f64, g: f64| {
            // SAFETY: see above.
            let is_still = decoupled * x(p).abs() >= finest(p) || unsafe { self.is_held::<T>(p) }?;
            Ok(if is_still { 0.0 } else { sign * g + l2 * at })
        };
        // SAFETY: see above.
        let here = |p: usize| pull(p, x(p), unsafe { self.gradient::<T>(p) }?);
        let size = largest((0..parameters).map(here))?;
        if size == 0.0 {
            return Ok(true);
        }
        let direction = |p: usize| self.block.scratch.directions.cast::<f64>().wrapping_add(p);
        for p in 0..parameters {
            // SAFETY: a scratch has a line of directions for each parameter.
            unsafe { direction(p).write(if here(p)? > 0.0 { -1.0 } else { 1.0 }) };
        }
        // SAFETY: no value is computed as long as this routine exists.
        let gradient = unsafe { self.single(&self.batch.gradient) }?;
        for _ in 0..PROBES {
            for p in 0..parameters {
                // SAFETY: just written.
                let mut near = x(p) + unsafe { direction(p).read() } * REACH * finest(p);
                if self.batch.header.bounded != 0 {
                    // SAFETY: as above; there are bounds.
                    let [min, max] = unsafe { self.bounds::<T>(p) };
                    // SAFETY: see above.
                    near = if unsafe { self.is_held::<T>(p) }? { x(p) } else { within(near, min, max) };
                }
                // SAFETY: a scratch has a line for each slot of a single run.
                unsafe { self.near::<T>(p).write(T::from_f64(near)) };
            }
            // SAFETY: see above.
            unsafe { self.run::<T>(&gradient) }?;
            // SAFETY: see above.
            unsafe { self.count(Short::AT.probes) };
            let answer = |p: usize| {
                let at = gradient.output(p)?.cast::<T>();
                // SAFETY: see above.
                let g = unsafe { at.read() }.to_f64();
                // SAFETY: just written.
                let near = unsafe { self.near::<T>(p).read() }.to_f64();
                Ok(pull(p, near, g)? - here(p)?)
            };
            if largest((0..parameters).map(answer))? >= size {
                return Ok(true);
            }
            for p in 0..parameters {
                // SAFETY: a scratch has a line of directions for each parameter.
                unsafe { direction(p).write(if answer(p)? < 0.0 { -1.0 } else { 1.0 }) };
            }
        }
        Ok(false)
    }
}

/// Same as in `ts/objectives/bounds.ts`; `f64::clamp` does not specify which zero it returns.
fn within(x: f64, min: f64, max: f64) -> f64 {
    if x < min {
        min
    } else if x > max {
        max
    } else {
        x
    }
}

/// −1 to climb.
fn sign(scale: f64) -> f64 {
    if scale < 0.0 { -1.0 } else { 1.0 }
}

/// The largest absolute value, NaN if one is.
fn largest(values: impl Iterator<Item = Result<f64, ArenaError>>) -> Result<f64, ArenaError> {
    let mut most = 0.0_f64;
    for value in values {
        let size = value?.abs();
        if size > most || size.is_nan() {
            most = size;
        }
        if most.is_nan() {
            break;
        }
    }
    Ok(most)
}
