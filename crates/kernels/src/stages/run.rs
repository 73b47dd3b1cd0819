//! Runs stages: from segments to passes over ranges of arrays.
//!
//! A thread runs a range of the flat parameter array. It finds the segments in the range, and visits them.

use std::ptr;

use crate::arena::*;
use crate::kernel::code::Entry;
use crate::kernel::pipeline::{Factors, PREPARES, Preparation, Scratch, ZEROES, block_of};
use crate::kernel::{MAX_TENSOR, PIPELINE, Streams, Sum};
#[cfg(feature = "equations")]
use crate::programs::equations;
use crate::programs::flushes;
use crate::stages::arena::Arena;
use crate::stages::{NORM, POINT, SUM_SQUARES, UNITS};
use crate::sums;

/// Bytes of caller-owned gradients by tensor, each as long as its tensor. For listed rows they are the rows' gradients,
/// contiguously. Null if the arena has the gradient.
pub type BorrowedGradients<'a> = Option<&'a [*const [u8]]>;

/// A stage's work on one segment.
#[derive(Clone, Copy)]
pub struct Job {
    pub entry: &'static Entry,
    /// The first of its arrays of state.
    pub array: usize,
    /// The first that has numbers by tensor.
    pub by_tensor: usize,
    pub row: Numbers,
    /// Sums per tensor that follow the pass.
    pub sums: &'static [Sum],
    /// Whether tensors are processed one by one, because they have their own values or row lists.
    pub walks: bool,
    /// Factor of the gradients, in addition to the row's factor.
    pub scale: f64,
    /// Pipeline operations around the pass: `HOLD_PARAMS`, `FLUSH_STATE`, `CLIPPED_PER_TENSOR`, `MASKED` and related
    /// flags, and the following flag.
    pub around: usize,
    /// Whether a tensor's rows are its units.
    pub by_unit: bool,
}

impl Arena {
    /// Runs a stage over all elements, sums by tensor included.
    ///
    /// # Safety
    /// Nothing else may access this arena during the call; borrowed gradients must be readable.
    #[inline(always)]
    pub unsafe fn run(
        &self,
        stage: usize,
        borrowed: BorrowedGradients,
        scratch: &mut Scratch,
    ) -> Result<(), ArenaError> {
        // SAFETY: the caller guarantees that nothing else accesses the arena, and the borrowed gradients are valid.
        if unsafe { self.run_range(stage, 0, self.length(), borrowed, scratch) }? {
            // SAFETY: see above.
            unsafe { self.gather(stage) }
        } else {
            Ok(())
        }
    }

    /// Runs a stage over the elements from `from` to `to` of the flat parameter array, both of which must be multiples
    /// of [`crate::BLOCK`], or the flat parameter array's end. Says whether sums by tensor are wanted, which
    /// [`Self::gather`] makes.
    ///
    /// # Safety
    /// Same as for `run`, but other threads may run the same stage on ranges that do not overlap, unless it takes
    /// tensors as matrices: these share the arena's scratch.
    #[inline(always)]
    pub unsafe fn run_range(
        &self,
        stage: usize,
        from: usize,
        to: usize,
        borrowed: BorrowedGradients,
        scratch: &mut Scratch,
    ) -> Result<bool, ArenaError> {
        // SAFETY: the caller guarantees that nothing else accesses the range, and the borrowed gradients are valid.
        unsafe { self.run_stage::<true>(stage, from, to, borrowed, scratch) }
    }

    /// Same as `run_range`, without the work of [`Self::run_matrices`] and [`Self::run_rows`].
    ///
    /// # Safety
    /// Same as for `run`, but other threads may run the same stage with this function on ranges that do not overlap.
    #[inline(always)]
    pub unsafe fn run_passes(
        &self,
        stage: usize,
        from: usize,
        to: usize,
        borrowed: BorrowedGradients,
        scratch: &mut Scratch,
    ) -> Result<bool, ArenaError> {
        // SAFETY: the caller guarantees that nothing else accesses the range, and the borrowed gradients are valid.
        unsafe { self.run_stage::<false>(stage, from, to, borrowed, scratch) }
    }

    /// # Safety
    /// Same as for `run_range`; without `MATRICES` as for `run_passes`.
    #[inline(always)]
    unsafe fn run_stage<const MATRICES: bool>(
        &self,
        stage: usize,
        from: usize,
        to: usize,
        borrowed: BorrowedGradients,
        scratch: &mut Scratch,
    ) -> Result<bool, ArenaError> {
        if !from.is_multiple_of(sums::BLOCK) || !(to.is_multiple_of(sums::BLOCK) || to == self.length()) {
            return Err(ArenaError::new(&"a range does not begin or end with a block"));
        }
        if stage > NORM && stage != UNITS {
            // SAFETY: the caller guarantees that nothing else accesses the range, and the borrowed gradients are valid.
            return unsafe { self.over_plane(stage, from, to, borrowed, scratch) }.map(|()| false);
        }
        let mut tensor = None;
        let mut sums = false;
        self.each_job(stage, from, to, |job, segment| {
            if let Some(compute) = job.entry.compute {
                // The core has neither such kernels nor this code.
                if MATRICES && cfg!(feature = "catalogue") {
                    // SAFETY: the caller guarantees that nothing else accesses the arena where the stage takes
                    // matrices.
                    unsafe { self.matrices_alone(compute, job, segment, from, to, scratch) }?;
                }
                return Ok(true);
            }
            if segment.flags & BY_ROW != 0 {
                // The core has not this code.
                #[cfg(not(feature = "catalogue"))]
                return Err(ArenaError::new(&"there are no gradients by row"));
                #[cfg(feature = "catalogue")]
                if MATRICES {
                    // SAFETY: the caller guarantees that nothing else accesses the range, and the borrowed gradients
                    // are valid.
                    unsafe { self.rows(job, segment, from, to, borrowed, scratch) }?;
                }
                #[cfg(feature = "catalogue")]
                return Ok(true);
            }
            sums |= !job.sums.is_empty();
            let (start, end) = (from.max(segment.offset), to.min(segment.offset + segment.length));
            if borrowed.is_some() || job.walks {
                // SAFETY: the caller guarantees that nothing else accesses the range, and the borrowed gradients are
                // valid.
                let next = unsafe { self.walk(job, segment, start, end, to, borrowed, scratch, tensor) }?;
                tensor = Some(next);
            } else if start < end {
                let mut streams = Streams::NOWHERE;
                self.find(&job, start, end, &mut streams)?;
                // SAFETY: `find` has found the streams, and the caller guarantees that nothing else accesses the range.
                unsafe { self.stretch(&job, &streams, end - start, &[0.0; MAX_TENSOR], scratch) };
            }
            Ok(true)
        })?;
        Ok(sums)
    }

    /// Visits the segments that lie in a range and have the stage, until `visit` says false, which is returned.
    #[inline(always)]
    pub(crate) fn each_job(
        &self,
        stage: usize,
        from: usize,
        to: usize,
        mut visit: impl FnMut(Job, Segment) -> Result<bool, ArenaError>,
    ) -> Result<bool, ArenaError> {
        // No search where all are wanted, of which the first may be empty.
        let first = if from == 0 { 0 } else { self.tables.segment_from(from)? };
        for number in first..self.tables.header.segments {
            let segment = self.tables.segment(number)?;
            if segment.offset >= to {
                break;
            }
            let Some(job) = self.job(stage, &segment)? else { continue };
            if !visit(job, segment)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The stage's work on the segment; None if the stage skips the segment.
    // Not inlined in WebAssembly, where code size matters and most steps use a plan.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    pub(crate) fn job(&self, stage: usize, segment: &Segment) -> Result<Option<Job>, ArenaError> {
        let by_unit = stage == UNITS;
        let (kernel, by_tensor) = match stage {
            NORM => (SUM_SQUARES, SQUARES),
            UNITS if segment.flags & PER_UNIT == 0 => (0, 0),
            UNITS => (self.code.units, 0),
            _ => (segment.kernel(stage), segment.by_tensor),
        };
        if kernel == 0 {
            return Ok(None);
        }
        let entry = self.code.entry(kernel).ok_or(ArenaError::new(&"there is no such kernel"))?;
        let row = self.tables.row(segment.row, PIPELINE.len() + entry.row)?;
        let mut around = 0;
        let mut sums = entry.sums;
        #[cfg(feature = "equations")]
        if let (Some(program), Some(_)) = (entry.program, entry.measure) {
            sums = &sums[..equations::count_of_sums(row, program)];
        }
        if stage == 0 && segment.flags & MASKED != 0 {
            // No other stage has the state.
            around = segment.flags & (MASKED | MASK_TAKES_SIGN | MASK_KEEPS_ALL | FLUSH_STATE);
            sums = &[Sum::Nonzero];
        } else if stage < POINT && (stage + 1 == POINT || segment.kernel(stage + 1) == 0) {
            around = segment.flags & (HOLD_PARAMS | FLUSH_STATE);
            around |= if self.tables.header.zeroes != 0 { ZEROES } else { 0 };
        }
        if stage == NORM && segment.flags & NEEDS_PARAM_NORM != 0 {
            sums = &[Sum::Gradients, Sum::Parameters];
        }
        let clips = if stage == 0 { segment.flags & CLIPPED_PER_TENSOR } else { 0 };
        // SAFETY: just checked that they are there.
        if stage == 0 && (clips != 0 || unsafe { Preparation::new(row) }.is_needed()) {
            around |= clips | PREPARES;
        }
        let walks =
            entry.tensor > 0 || around & (MASKED | CLIPPED_PER_TENSOR) != 0 || segment.flags & BY_ROW != 0;
        Ok(Some(Job {
            entry,
            array: segment.array,
            by_tensor,
            row,
            sums,
            walks,
            scale: 1.0,
            around,
            by_unit,
        }))
    }

    /// Runs a kernel over a range, through the pipeline where that is wanted.
    ///
    /// # Safety
    /// The streams must have `length` numbers, rounded up to a line, and nothing else use them.
    #[inline(always)]
    pub(crate) unsafe fn stretch(
        &self,
        job: &Job,
        streams: &Streams,
        length: usize,
        values: &[f64; MAX_TENSOR],
        scratch: &Scratch,
    ) {
        if job.around != 0 {
            // SAFETY: the caller guarantees the streams.
            return unsafe { self.piped(*job, streams, length, values, scratch) };
        }
        let is_there = job.entry.copies && ptr::eq(streams.g, streams.direction);
        if let Some(pass) = job.entry.pass.filter(|_| !is_there) {
            // SAFETY: the caller guarantees the streams, the arena's creator guarantees the instruction set, and `job`
            // has checked the row.
            unsafe { pass(streams, job.row, values, length) }
        }
    }

    /// Block by block through a buffer that stays in the first-level cache.
    ///
    /// # Safety
    /// Same as for `stretch`.
    #[inline(never)]
    unsafe fn piped(
        self,
        job: Job,
        streams: &Streams,
        length: usize,
        values: &[f64; MAX_TENSOR],
        scratch: &Scratch,
    ) {
        let [prepared, held] = scratch.blocks();
        let does = |what| job.around & what != 0;
        // SAFETY: `job` has checked the row.
        let mut preparation = unsafe { Preparation::new(job.row) };
        preparation.scale *= job.scale;
        // In later stages the row is the same. Masks compare with the gradients and need no parameters.
        #[cfg(not(target_arch = "wasm32"))]
        let decayed = job
            .entry
            .decayed
            .filter(|_| does(PREPARES) && !does(MASKED) && preparation.only_decays(self.size()));
        #[cfg(target_arch = "wasm32")]
        let decayed = None;
        let Some(pass) = decayed.or(job.entry.pass) else { return };
        let is_pass = decayed.is_some() && job.around == PREPARES;
        let most = if is_pass { length } else { block_of(job.entry, self.size()) }.max(1);
        for done in (0..length).step_by(most) {
            let count = most.min(length - done);
            let mut block = self.advanced(streams, done);
            if does(PREPARES) && decayed.is_none() {
                // SAFETY: the caller guarantees the streams; the buffer holds a block, rounded up to whole vectors.
                unsafe { (self.code.prepare)(block.theta, block.g, &preparation, prepared, count) };
                block.g = prepared;
            }
            if does(MASKED) {
                // d·0 − u is −u.
                // SAFETY: the buffer holds a block, rounded up to a line.
                unsafe { held.write_bytes(0, self.padded(count) * self.size()) };
                block.theta = held;
            } else if does(HOLD_PARAMS) {
                let padded = self.padded(count);
                // SAFETY: as above, and the caller guarantees the streams.
                unsafe { held.copy_from_nonoverlapping(block.theta, padded * self.size()) };
                block.theta = held;
            }
            // SAFETY: as in `stretch`; buffers that stand for streams hold a block, rounded up to whole vectors.
            unsafe { pass(&block, job.row, values, count) };
            if does(MASKED) {
                let against = if does(MASK_TAKES_SIGN) { -1.0 } else { f64::from(does(MASK_KEEPS_ALL)) };
                let factors = Factors { against, neither: f64::from(does(MASK_KEEPS_ALL)) };
                // SAFETY: see above.
                unsafe { (self.code.mask)(held, block.g, block.direction, factors, count) };
            }
            if does(FLUSH_STATE) {
                for (k, state) in block.state.iter().enumerate().take(job.entry.state) {
                    if flushes(job.entry, job.row, k) {
                        // SAFETY: the caller guarantees `count` numbers of each array of state.
                        unsafe { (self.code.flush)(*state, count) };
                    }
                }
            }
            if does(ZEROES) {
                // SAFETY: the caller guarantees `count` gradients of the arena.
                unsafe { block.direction.write_bytes(0, count * self.size()) };
            }
        }
    }
}
