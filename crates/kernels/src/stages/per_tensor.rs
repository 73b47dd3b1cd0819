//! Runs segments tensor by tensor, if each tensor has its own values, a borrowed gradient, or sums.

use crate::arena::*;
#[cfg(not(target_arch = "wasm32"))]
use crate::kernel::MAX_SUMS;
use crate::kernel::pipeline::Scratch;
use crate::kernel::{MAX_TENSOR, Streams, Sum};
#[cfg(feature = "equations")]
use crate::programs::equations;
use crate::stages::arena::Arena;
use crate::stages::run::{BorrowedGradients, Job};
use crate::sums;
#[cfg(not(target_arch = "wasm32"))]
use crate::sums::STRIPES;
use crate::target::SMALL;

/// Bytes of the longest end of a gradient that is copied: less than a line, or than what has all stripes of sums.
const END: usize = if SMALL { LINE } else { sums::STRIPES * size_of::<f64>() };

impl Arena {
    /// Runs a segment tensor by tensor, if each has its own values, a borrowed gradient, or sums. Returns the next
    /// tensor.
    ///
    /// # Safety
    /// Same as for `run_passes`.
    #[allow(clippy::too_many_arguments)]
    #[inline(never)] // By value: what lies in memory in one case would do so in each.
    pub(crate) unsafe fn walk(
        self,
        job: Job,
        segment: Segment,
        start: usize,
        end: usize,
        to: usize,
        borrowed: BorrowedGradients,
        scratch: &mut Scratch,
        expected: Option<usize>,
    ) -> Result<usize, ArenaError> {
        let is_next = |number: &usize| {
            self.tables
                .tensor(*number)
                .is_ok_and(|tensor| tensor.offset == segment.offset && tensor.length > 0)
        };
        let mut number = match expected.filter(is_next) {
            Some(number) => number,
            None => self.tables.tensor_from(start)?,
        };
        let segment_end = segment.offset + segment.length;
        while number < self.tables.header.tensors {
            let tensor = self.tables.tensor(number)?;
            if tensor.offset >= segment_end || tensor.offset >= to {
                break;
            }
            if tensor.offset + tensor.length > segment_end {
                return Err(ArenaError::new(&"a tensor does not end with its segment"));
            }
            let gradient =
                borrowed.map(|borrowed| self.lent_to(number, tensor.length, borrowed)).transpose()?;
            if job.sums.is_empty() {
                let (first, last) = (start.max(tensor.offset), end.min(tensor.offset + tensor.length));
                let gradient = gradient.map(|at| at.wrapping_add((first - tensor.offset) * self.size()));
                // SAFETY: the caller guarantees that nothing else accesses the range, and the borrowed gradients are
                // valid, which `lent_to` has found to be as long as its tensor.
                unsafe { self.part(&job, number, first, last, gradient, scratch) }?;
            } else {
                // SAFETY: see above.
                unsafe { self.summed(&job, number, &tensor, start, to, gradient, scratch) }?;
            }
            number += 1;
        }
        Ok(number)
    }

    /// The blocks of a tensor that begin in the range, and the sums over each.
    ///
    /// # Safety
    /// Same as for `run_passes`.
    #[allow(clippy::too_many_arguments)]
    unsafe fn summed(
        &self,
        job: &Job,
        number: usize,
        tensor: &Tensor,
        from: usize,
        to: usize,
        gradient: Option<*const u8>,
        scratch: &mut Scratch,
    ) -> Result<(), ArenaError> {
        let end = tensor.offset + tensor.length;
        let partials = self.whole(PARTIALS, Extent::Blocks, self.tables.header.blocks * MAX_TENSOR)?;
        // The first block that does not begin before the range.
        let skipped = from.saturating_sub(tensor.offset).div_ceil(sums::BLOCK);
        for block in skipped.. {
            let first = tensor.offset + block * sums::BLOCK;
            if first >= end || first >= to {
                return Ok(());
            }
            if tensor.block + block >= self.tables.header.blocks {
                return Err(ArenaError::new(&"a tensor has too many blocks"));
            }
            let last = end.min(first + sums::BLOCK);
            let gradient = gradient.map(|at| at.wrapping_add((first - tensor.offset) * self.size()));
            // SAFETY: the array has a number for this block; this was just checked.
            let set =
                |k: usize, sum: f64| unsafe { partials.set((tensor.block + block) * MAX_TENSOR + k, sum) };
            #[cfg(not(target_arch = "wasm32"))]
            if let Some(pass) = job.entry.summed.filter(|_| job.around == 0) {
                let mut stripes = [[0.0; STRIPES]; MAX_SUMS];
                let pass = |streams: &Streams, length: usize, values: &[f64; MAX_TENSOR]| {
                    // SAFETY: `part_by` has found the streams, `job` has checked the row, and the instruction set is
                    // available.
                    unsafe { pass(streams, job.row, values, length, &mut stripes) };
                };
                // SAFETY: the caller guarantees that nothing else accesses the block, and the borrowed gradients are
                // valid.
                unsafe { self.part_by(job, number, first, last, gradient, pass) }?;
                for (k, stripes) in stripes.into_iter().enumerate().take(job.sums.len()) {
                    set(k, sums::combine(stripes));
                }
                continue;
            }
            // SAFETY: the caller guarantees that nothing else accesses the block, and the borrowed gradients are valid.
            unsafe { self.part(job, number, first, last, gradient, scratch) }?;
            let mut streams = Streams::NOWHERE;
            self.find(job, first, last, &mut streams)?;
            #[cfg(feature = "equations")]
            if let Some(measure) = job.entry.measure {
                let values = self.values(job, number)?;
                // SAFETY: `find` has found the streams, `job` has checked the row, and the instruction set is
                // available.
                let sums = unsafe { measure(&streams, job.row, &values, last - first) };
                for (k, sum) in sums.into_iter().enumerate().take(job.sums.len()) {
                    set(k, sum);
                }
                continue;
            }
            let source = if job.entry.pass.is_none() { gradient } else { None };
            for (k, sum) in job.sums.iter().enumerate() {
                let [theta, s] = [streams.theta, streams.state[0]].map(<*mut u8>::cast_const);
                let count = last - first;
                let sum = match sum {
                    // SAFETY: `find` has found `count` parameters, and the instruction set is available.
                    Sum::Parameters => unsafe { (self.code.squares)(theta, count) },
                    // SAFETY: as above, for gradients; the caller guarantees borrowed gradients.
                    Sum::Gradients => unsafe { (self.code.squares)(source.unwrap_or(streams.g), count) },
                    // SAFETY: see above.
                    Sum::Values => unsafe { (self.code.values)(streams.g, count, sums::VALUE) },
                    // SAFETY: as above, of the first array of state, which a kernel with such a sum has.
                    Sum::Sizes => unsafe { (self.code.values)(s, count, sums::SIZE) },
                    // SAFETY: as above, of gradients, which are there up to the end of a line.
                    Sum::Nonzero => unsafe { (self.code.nonzero)(streams.g, count) },
                };
                set(k, sum);
            }
        }
        Ok(())
    }

    /// Adds up what a stage has summed by block, in order, by tensor.
    ///
    /// # Safety
    /// Same as for `run`.
    #[inline(never)]
    pub unsafe fn gather(self, stage: usize) -> Result<(), ArenaError> {
        self.each_job(stage, 0, usize::MAX, |job, segment| {
            // The sum over listed rows is already complete.
            if job.sums.is_empty() || segment.flags & BY_ROW != 0 {
                return Ok(true);
            }
            let partials = self.whole(PARTIALS, Extent::Blocks, self.tables.header.blocks * MAX_TENSOR)?;
            for number in self.tables.tensor_from(segment.offset)?..self.tables.header.tensors {
                let tensor = self.tables.tensor(number)?;
                if tensor.offset >= segment.offset + segment.length {
                    break;
                }
                let blocks = tensor.length.div_ceil(sums::BLOCK);
                if tensor.block + blocks > self.tables.header.blocks {
                    return Err(ArenaError::new(&"a tensor has too many blocks"));
                }
                for k in 0..job.sums.len() {
                    let by_tensor = self.by_tensor(&job, k)?;
                    #[cfg(feature = "equations")]
                    let is_largest =
                        job.entry.program.is_some_and(|program| equations::is_largest(job.row, program, k));
                    // SAFETY: the array has numbers for all of the tensor's blocks; this was just checked.
                    let part =
                        |block: usize| unsafe { partials.get((tensor.block + block) * MAX_TENSOR + k) };
                    // SAFETY: it has a number for each tensor.
                    let set = |sum: f64| unsafe { by_tensor.set(number, sum) };
                    #[cfg(feature = "equations")]
                    if is_largest {
                        set((0..blocks).map(part).fold(0.0, equations::larger));
                        continue;
                    }
                    set((0..blocks).fold(0.0, |total, block| total + part(block)));
                }
            }
            Ok(true)
        })?;
        Ok(())
    }

    /// A part of one tensor, with a gradient of its own or the arena's.
    ///
    /// # Safety
    /// Same as for `run_passes`; the part must be of that tensor.
    pub(crate) unsafe fn part(
        &self,
        job: &Job,
        number: usize,
        first: usize,
        last: usize,
        gradient: Option<*const u8>,
        scratch: &mut Scratch,
    ) -> Result<(), ArenaError> {
        if first >= last || job.entry.pass.is_none() {
            return Ok(());
        }
        let mut job = *job;
        if job.around & CLIPPED_PER_TENSOR != 0 {
            let scales = self.whole(SCALES, Extent::Tensors, self.tables.header.tensors)?;
            // SAFETY: it has a number for each tensor.
            job.scale = unsafe { scales.get(number) };
        }
        let run = |streams: &Streams, length: usize, values: &[f64; MAX_TENSOR]| {
            // SAFETY: `part_by` has found the streams, and the kernel has a pass.
            unsafe { self.stretch(&job, streams, length, values, scratch) };
        };
        // SAFETY: the caller guarantees that nothing else accesses the part, and that a borrowed gradient is valid.
        unsafe { self.part_by(&job, number, first, last, gradient, run) }
    }

    /// The same, by whatever takes some streams and the tensor's values.
    ///
    /// # Safety
    /// Same as for `part`; what is run must be safe on such streams.
    #[inline(always)] // In WebAssembly it is there once.
    unsafe fn part_by(
        &self,
        job: &Job,
        number: usize,
        first: usize,
        last: usize,
        gradient: Option<*const u8>,
        mut run: impl FnMut(&Streams, usize, &[f64; MAX_TENSOR]),
    ) -> Result<(), ArenaError> {
        let values = self.values(job, number)?;
        let mut streams = Streams::NOWHERE;
        self.find(job, first, last, &mut streams)?;
        let length = last - first;
        let Some(g) = gradient else {
            run(&streams, length, &values);
            return Ok(());
        };
        // A borrowed gradient ends where its tensor ends: its last, incomplete line is copied first.
        let whole = length & !(END / self.size() - 1);
        let rest = length - whole;
        let mut end = [0_u64; END / 8];
        let end = end.as_mut_ptr().cast::<u8>();
        run(&Streams { g, ..streams }, whole, &values);
        if rest > 0 {
            // SAFETY: the caller guarantees the gradient; what is copied is shorter than that.
            unsafe { end.copy_from_nonoverlapping(g.wrapping_add(whole * self.size()), rest * self.size()) };
            run(&Streams { g: end, ..self.advanced(&streams, whole) }, rest, &values);
        }
        Ok(())
    }

    /// The values of a tensor.
    #[inline(always)]
    fn values(&self, job: &Job, number: usize) -> Result<[f64; MAX_TENSOR], ArenaError> {
        let mut values = [0.0; MAX_TENSOR];
        for (k, value) in values.iter_mut().enumerate().take(job.entry.tensor) {
            // SAFETY: it has a number for each tensor.
            *value = unsafe { self.by_tensor(job, k)?.get(number) };
        }
        Ok(values)
    }

    /// The borrowed gradient of a tensor, which must have at least this many numbers.
    pub(crate) fn lent_to(
        &self,
        number: usize,
        length: usize,
        borrowed: &[*const [u8]],
    ) -> Result<*const u8, ArenaError> {
        match borrowed.get(number) {
            Some(gradient) if gradient.len() / self.size() >= length => Ok(gradient.cast()),
            _ => Err(ArenaError::new(&"a gradient is missing")),
        }
    }
}
