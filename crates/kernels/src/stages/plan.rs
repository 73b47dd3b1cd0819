//! What a stage runs, found once: most steps run what the one before has run.

use super::arena::Arena;
use crate::arena::{Fault, Numbers};
use crate::kernel::code::Pass;
use crate::kernel::pipeline::Preparation;
use crate::kernel::{MAX_STATE, MAX_TENSOR, Streams};

/// 32-bit words in front of a plan's passes: what it is known by, and how many they are.
pub const PLAN: usize = 2;
/// 32-bit words that a planned pass takes in WebAssembly, where it lies in the arena.
pub const PLANNED: usize = 6 + MAX_STATE;
#[cfg(target_arch = "wasm32")]
const _: () = assert!(size_of::<Planned>() == PLANNED * 4);

/// A pass whose kernel, row and arrays have been looked up and checked.
#[derive(Clone, Copy)]
pub struct Planned {
    pass: Pass,
    row: Numbers,
    length: usize,
    streams: Streams,
}

impl Arena {
    /// Gives the passes of a stage, one a segment. False where it is more than that: where it sums, takes tensors
    /// whole, or has a pipeline around it, which the segments' flags say.
    pub fn plan(&self, stage: usize, mut take: impl FnMut(Planned) -> bool) -> Result<bool, Fault> {
        for number in 0..self.tables.header.segments {
            let segment = self.tables.segment(number)?;
            let Some(job) = self.job(stage, &segment)? else { continue };
            let Some(pass) = job.entry.pass.filter(|_| job.around == 0 && !job.walks) else {
                return Ok(false);
            };
            let mut streams = Streams::NOWHERE;
            let end = segment.offset + segment.length;
            self.find(&job, segment.offset, end, &mut streams)?;
            if job.entry.copies || !take(Planned { pass, row: job.row, length: segment.length, streams }) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Runs passes of a plan; false, and nothing is done, where coefficients want the pipeline now.
///
/// # Safety
/// The arena that they were planned on must be where it was, and nothing else may run on it.
#[inline(always)]
pub unsafe fn run_planned(passes: &[Planned]) -> bool {
    for planned in passes {
        // SAFETY: the row was checked, and is where it was.
        if unsafe { Preparation::new(planned.row) }.is_needed() {
            return false;
        }
    }
    for Planned { pass, row, length, streams } in passes {
        // SAFETY: all of them were checked, the instruction set is the arena's, and the caller vouches for the rest.
        unsafe { pass(streams, *row, &[0.0; MAX_TENSOR], *length) }
    }
    true
}
