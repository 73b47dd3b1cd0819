//! Stages whose kernels take each tensor as matrices: they run tensor by tensor.

use std::ptr;

use crate::arena::*;
use crate::kernel::matrices::{Compute, Matrices, MatrixTensor, Shape, SingleThread, Workers, Workspace};
use crate::kernel::pipeline::Scratch;
use crate::kernel::{PIPELINE, Streams};
use crate::stages::arena::Arena;
use crate::stages::run::Job;
#[cfg(not(target_arch = "wasm32"))]
use crate::stages::small_tensors::SmallTensors;

impl Arena {
    /// Runs a stage over the tensors that begin in the range and are matrices in it.
    ///
    /// # Safety
    /// Nothing else may access this arena during the call.
    pub unsafe fn run_matrices(
        &self,
        stage: usize,
        from: usize,
        to: usize,
        workers: &mut dyn Workers,
    ) -> Result<(), ArenaError> {
        self.each_job(stage, from, to, |job, segment| {
            if let Some(compute) = job.entry.compute {
                // SAFETY: the caller guarantees that nothing else accesses the arena.
                unsafe { self.matrices(compute, &job, segment, from, to, workers) }?;
            }
            Ok(true)
        })?;
        Ok(())
    }

    /// Runs the stage over the matrices of one segment, on one thread.
    ///
    /// # Safety
    /// Same as for `run_matrices`.
    #[inline(never)] // By value, as `walk`.
    pub(crate) unsafe fn matrices_alone(
        self,
        compute: Compute,
        job: Job,
        segment: Segment,
        from: usize,
        to: usize,
        scratch: &mut Scratch,
    ) -> Result<(), ArenaError> {
        // SAFETY: the caller guarantees that nothing else accesses the arena.
        unsafe { self.matrices(compute, &job, segment, from, to, &mut SingleThread(scratch)) }
    }

    /// # Safety
    /// Same as for `run_matrices`.
    unsafe fn matrices(
        &self,
        compute: Compute,
        job: &Job,
        segment: Segment,
        from: usize,
        to: usize,
        workers: &mut dyn Workers,
    ) -> Result<(), ArenaError> {
        let end = to.min(segment.offset + segment.length);
        let run = |found: &MatrixTensor, workers: &mut dyn Workers| {
            // SAFETY: `job` has checked the row, with which all of the pipeline's coefficients are there.
            let row = unsafe { job.row.skip(PIPELINE.len()) };
            // SAFETY: the arena's creator guarantees the instruction set, `job` has checked the row, `found` has found
            // all of it, and the caller guarantees that nothing else accesses the arena.
            unsafe { compute(found, row, workers) }?;
            if job.around & FLUSH_STATE != 0 {
                // SAFETY: see above.
                unsafe { self.flush(job, found) };
            }
            Ok(())
        };
        #[cfg(not(target_arch = "wasm32"))]
        let mut small = SmallTensors::new(job.entry.room.filter(|_| workers.are_many()), self.size());
        let mut from = from;
        for number in self.tables.tensor_from(from.max(segment.offset))?..self.tables.header.tensors {
            let tensor = self.tables.tensor(number)?;
            if tensor.offset >= end {
                break;
            }
            if tensor.offset < from || tensor.length == 0 {
                continue;
            }
            // Overlapping tensors are skipped, because they must not be processed at once.
            from = tensor.offset + tensor.length;
            let found = self.found(job, &tensor)?;
            #[cfg(not(target_arch = "wasm32"))]
            if small.takes(&found) {
                if small.are_enough() {
                    small.run(&run, workers)?;
                }
                continue;
            }
            run(&found, workers)?;
        }
        #[cfg(not(target_arch = "wasm32"))]
        small.run(&run, workers)?;
        Ok(())
    }

    /// # Safety
    /// What was found must be there, and nothing else use it.
    unsafe fn flush(&self, job: &Job, found: &MatrixTensor) {
        let Shape { rows, columns, count } = found.matrices.shape;
        let length = rows * columns * count.max(1);
        let lines = found.lines.iter().zip([rows * count, columns * count]).take(job.entry.lines);
        let elements = found.state.iter().map(|state| (state, length)).take(job.entry.state);
        for (state, length) in elements.chain(lines) {
            // SAFETY: the caller guarantees the state, `length` numbers each by the shape; the instruction set is
            // available.
            unsafe { (self.code.flush)(*state, length) };
        }
    }

    fn found(&self, job: &Job, tensor: &Tensor) -> Result<MatrixTensor, ArenaError> {
        let Tensor { offset, length, first_row, first_column, .. } = *tensor;
        let [rows, columns] = match tensor.units.max(1) {
            units if job.by_unit => [units, length / units],
            _ => [tensor.rows, tensor.columns],
        };
        let one = rows as u64 * columns as u64;
        if one == 0 || !(length as u64).is_multiple_of(one) {
            return Err(ArenaError::new(&"a tensor is no matrix"));
        }
        let count = if job.by_unit { tensor.units.min(1) } else { (length as u64 / one) as usize };
        let mut streams = Streams::NOWHERE;
        self.find(job, offset, offset + length, &mut streams)?;
        // Their products are no larger than the length.
        let wanted = [rows * count, columns * count];
        let mut by_line = [ptr::null_mut(); 2];
        for k in 0..job.entry.lines {
            let array = job.array + job.entry.state + k;
            by_line[k] = self.room(array, Extent::Lines, [first_row, first_column][k], wanted[k])?.0;
        }
        let (at, bytes) = self.room(SCRATCH, Extent::Elements, 0, 0)?;
        let Streams { theta, direction: g, state, .. } = streams;
        let matrices = Matrices {
            shape: Shape { rows, columns, count },
            theta,
            g,
            key: tensor.key as u32,
            around: job.around,
            scratch: Workspace::new(at, bytes),
            code: self.code,
        };
        Ok(MatrixTensor { matrices, state, lines: by_line })
    }

    /// Address of element `first` of an array, and the number of bytes available there, which hold at least `count`
    /// numbers.
    fn room(
        &self,
        array: usize,
        extent: Extent,
        first: usize,
        count: usize,
    ) -> Result<(*mut u8, usize), ArenaError> {
        let Array { extent: found, position, first: begins, length } = self.tables.array(array)?;
        // All of it in 64 bits, which hold these products.
        let (size, at) = (self.size() as u64, position as u64 * LINE as u64);
        let fits =
            at + length as u64 * size <= self.bytes() as u64 && first as u64 + count as u64 <= length as u64;
        if found != extent as usize || begins != 0 || !fits {
            return Err(ArenaError::new(&"an array does not have room for a matrix"));
        }
        let skipped = first * self.size();
        Ok((self.start(position * LINE).wrapping_add(skipped), length * self.size() - skipped))
    }
}
