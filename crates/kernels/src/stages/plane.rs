//! Passes over the whole plane, whatever segments there are: gradients are accumulated, parameters
//! averaged, and set back to slow ones (lookahead; Zhang et al., 2019).
//!
//! Each has an array of its own that every arena may have. `ts/engines/typescript/all-tensors.ts` states the same equations.

use crate::arena::*;
use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::pipeline::Scratch;
use crate::kernel::{Kernel, MAX_TENSOR, Output, PIPELINE, Streams};
use crate::stages::arena::Arena;
use crate::stages::run::{BorrowedGradients, Job};
use crate::stages::{ACCUMULATE, FIRST_KERNEL};
use crate::vector::{Vector, splat};

/// The array that each updates.
const ARRAYS: [usize; 4] = [ACCUMULATED, ACCUMULATED, AVERAGE, SLOW];

lanes! {
    /// How much of the way is gone.
    Weight { weight }
    Sum { accumulated }
    Mean { average }
    Slow { slow }
}

/// a ← a + g.
pub struct Accumulate;

impl Kernel for Accumulate {
    type Row = Nothing;
    type State = Sum;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::State;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(_: &Nothing, _: &Nothing, _: V, theta: V, g: V, s: &mut Sum<V>) -> V {
        s.accumulated = s.accumulated + g;
        theta
    }
}

/// g ← a + g, a ← 0.
pub struct Release;

impl Kernel for Release {
    type Row = Nothing;
    type State = Sum;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::Gradients;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(_: &Nothing, _: &Nothing, _: V, _: V, g: V, s: &mut Sum<V>) -> V {
        let sum = s.accumulated + g;
        s.accumulated = splat(0.0);
        sum
    }
}

/// e ← e + w·(θ − e).
pub struct Average;

impl Kernel for Average {
    type Row = Weight;
    type State = Mean;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::State;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Weight<V>, _: &Nothing, _: V, theta: V, _: V, s: &mut Mean<V>) -> V {
        s.average = s.average + row.weight * (theta - s.average);
        theta
    }
}

/// s ← s + w·(θ − s), θ ← s.
pub struct Synchronize;

impl Kernel for Synchronize {
    type Row = Weight;
    type State = Slow;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Weight<V>, _: &Nothing, _: V, theta: V, _: V, s: &mut Slow<V>) -> V {
        s.slow = s.slow + row.weight * (theta - s.slow);
        s.slow
    }
}

impl Arena {
    /// Runs such a stage over the elements from `from` to `to` of all tensors that do not stay.
    ///
    /// # Safety
    /// Same as for `run_passes`.
    #[inline(never)] // By value, as `walk`.
    pub(crate) unsafe fn over_plane(
        self,
        stage: usize,
        from: usize,
        to: usize,
        borrowed: BorrowedGradients,
        scratch: &mut Scratch,
    ) -> Result<(), ArenaError> {
        let job = self.plane_job(stage)?;
        let tensors = self.tables.header.tensors;
        let mut stretch = from..from;
        for number in self.tables.tensor_from(from)?..tensors {
            let tensor = self.tables.tensor(number)?;
            if tensor.offset >= to {
                break;
            }
            let (start, end) = (from.max(tensor.offset), to.min(tensor.offset + tensor.length));
            if tensor.stays() {
                // SAFETY: the caller guarantees that nothing else accesses the range.
                unsafe { self.neighbors(&job, stretch, scratch) }?;
                stretch = to..to;
            } else if let Some(borrowed) = borrowed {
                let gradient = self.lent_to(number, tensor.length, borrowed)?;
                let gradient = gradient.wrapping_add((start - tensor.offset) * self.size());
                // SAFETY: as above, and the borrowed gradients are valid, which `lent_to` has found to be as long as
                // its tensor.
                unsafe { self.part(&job, number, start, end, Some(gradient), scratch) }?;
            } else if stretch.is_empty() {
                stretch = start..end;
            } else {
                stretch.end = end;
            }
        }
        // SAFETY: the caller guarantees that nothing else accesses the range.
        unsafe { self.neighbors(&job, stretch, scratch) }
    }

    fn plane_job(&self, stage: usize) -> Result<Job, ArenaError> {
        let pass = stage.wrapping_sub(ACCUMULATE);
        let array = *ARRAYS.get(pass).ok_or(ArenaError::new(&"there is no such stage"))?;
        // Before anything is changed, and even where all stays.
        if self.tables.array(array)?.length < self.length() {
            return Err(ArenaError::new(&"it was made without this array"));
        }
        let entry =
            self.code.kernels.get(FIRST_KERNEL + pass).ok_or(ArenaError::new(&"there is no such kernel"))?;
        let row = self.tables.row(self.tables.header.tensors, PIPELINE.len() + entry.row)?;
        Ok(Job {
            entry,
            array,
            by_tensor: 0,
            row,
            sums: &[],
            walks: false,
            scale: 1.0,
            around: 0,
            by_unit: false,
        })
    }

    /// A range of neighboring tensors, what pads them included.
    ///
    /// # Safety
    /// Same as for `run_passes`.
    unsafe fn neighbors(
        &self,
        job: &Job,
        stretch: std::ops::Range<usize>,
        scratch: &mut Scratch,
    ) -> Result<(), ArenaError> {
        if stretch.is_empty() {
            return Ok(());
        }
        let mut streams = Streams::NOWHERE;
        self.find(job, stretch.start, stretch.end, &mut streams)?;
        // SAFETY: `find` has found all of it, and the caller guarantees that nothing else accesses it.
        unsafe { self.stretch(job, &streams, stretch.len(), &[0.0; MAX_TENSOR], scratch) }
        Ok(())
    }
}
