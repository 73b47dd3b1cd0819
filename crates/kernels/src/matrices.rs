//! Stages that take each tensor as a matrix, whole: they run tensor by tensor, and each in pieces that
//! threads may share.

use crate::Fault;
use crate::arena::Arena;
use crate::dispatch::Code;
use crate::kernel::PIPELINE;
use crate::pipeline::Scratch;
use crate::product::Product;
use crate::rules::muon::Transfer;
use crate::run::Job;
use crate::table::*;

/// What such stages compute with, for one dtype and instruction set.
#[derive(Clone, Copy)]
pub struct Tools {
    /// One block of a product of matrices.
    pub product: unsafe fn(&Product, usize, *mut u8),
    /// A piece of a copy of a matrix.
    pub transfer: unsafe fn(&Transfer, usize),
}

/// What a kernel does with a matrix, given the kernel's own coefficients.
pub type Compute = unsafe fn(&Code, &Tools, &Matrix, Numbers, &mut dyn Workers) -> Result<(), Fault>;

type Run = unsafe fn(Arena, &Whole, Job, Segment, usize, usize, &mut Scratch) -> Result<(), Fault>;

/// A stage of this kind.
#[derive(Clone, Copy)]
pub struct Whole {
    compute: Compute,
    tools: Tools,
    /// On one thread. By a pointer, so that what has no such kernel has no such code.
    pub run: Run,
}

impl Whole {
    pub const fn new(compute: Compute, tools: Tools) -> Self {
        Self { compute, tools, run: Arena::matrices_alone }
    }
}

/// Who does pieces of work.
pub trait Workers {
    /// Calls `piece` once for each number below `count`, and returns when all are done.
    fn run(&mut self, count: usize, piece: &(dyn Fn(usize, &mut Scratch) + Sync));
}

/// The thread that asks for it.
pub struct Alone<'a>(pub &'a mut Scratch);

impl Workers for Alone<'_> {
    fn run(&mut self, count: usize, piece: &(dyn Fn(usize, &mut Scratch) + Sync)) {
        (0..count).for_each(|number| piece(number, self.0));
    }
}

impl Arena {
    /// Runs a stage over the tensors that begin in the range and are matrices in it.
    ///
    /// # Safety
    /// Nothing else may run on this arena meanwhile.
    pub unsafe fn run_matrices(
        &self,
        stage: usize,
        from: usize,
        to: usize,
        workers: &mut dyn Workers,
    ) -> Result<(), Fault> {
        for number in self.tables.segment_from(from)?..self.tables.header.segments {
            let segment = self.tables.segment(number)?;
            if segment.offset >= to {
                break;
            }
            let Some(job) = self.job(stage, &segment)? else { continue };
            if let Some(whole) = &job.entry.whole {
                // SAFETY: passed on.
                unsafe { self.matrices(whole, job, segment, from, to, workers) }?;
            }
        }
        Ok(())
    }

    /// Those of one segment, on one thread.
    ///
    /// # Safety
    /// As for `run_matrices`.
    unsafe fn matrices_alone(
        self,
        whole: &Whole,
        job: Job,
        segment: Segment,
        from: usize,
        to: usize,
        scratch: &mut Scratch,
    ) -> Result<(), Fault> {
        // SAFETY: passed on.
        unsafe { self.matrices(whole, job, segment, from, to, &mut Alone(scratch)) }
    }

    /// # Safety
    /// As for `run_matrices`.
    unsafe fn matrices(
        &self,
        whole: &Whole,
        job: Job,
        segment: Segment,
        from: usize,
        to: usize,
        workers: &mut dyn Workers,
    ) -> Result<(), Fault> {
        let end = to.min(segment.offset + segment.length);
        for number in self.tables.tensor_from(from.max(segment.offset))?..self.tables.header.tensors {
            let tensor = self.tables.tensor(number)?;
            if tensor.offset >= end {
                break;
            }
            if tensor.offset >= from && tensor.length > 0 {
                let matrix = self.matrix(&tensor)?;
                // SAFETY: the instruction set is available, `job` has checked the row, and `matrix` found all of it.
                unsafe {
                    let row = job.row.skip(PIPELINE.len());
                    (whole.compute)(self.code, &whole.tools, &matrix, row, workers)
                }?;
            }
        }
        Ok(())
    }

    fn matrix(&self, tensor: &Tensor) -> Result<Matrix, Fault> {
        let Tensor { offset, length, rows, columns, .. } = *tensor;
        if rows as u64 * columns as u64 != length as u64 {
            return Err(Fault(&"a tensor is no matrix"));
        }
        let least = rows.min(columns);
        // The square is no larger than the length, and three lengths of four bytes are counted in 32 bits.
        let needed = 2 * least * least + length;
        let (at, is_there) = self.elements(GRADIENTS, offset, offset + length)?;
        let (scratch, has_room) = self.elements(SCRATCH, 0, needed)?;
        if !is_there || !has_room {
            return Err(Fault(&"an array does not have room for a matrix"));
        }
        Ok(Matrix { at, scratch, rows, columns, size: self.size() })
    }
}

/// A tensor as a matrix, row by row, and room for two squares of its smaller side and another one like it.
pub struct Matrix {
    pub at: *mut u8,
    pub scratch: *mut u8,
    pub rows: usize,
    pub columns: usize,
    /// Bytes of an element.
    pub size: usize,
}
