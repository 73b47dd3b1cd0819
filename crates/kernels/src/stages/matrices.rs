//! Stages that take each tensor as matrices, whole: they run tensor by tensor, and each in pieces that
//! threads may share.

use std::ptr;

use crate::Fault;
use crate::arena::table::*;
use crate::dispatch::Code;
use crate::kernel::pipeline::Scratch;
use crate::kernel::{MAX_STATE, PIPELINE, Streams};
use crate::rules::adafactor::Factoring;
use crate::rules::muon::Transfer;
use crate::rules::noise::{Draw, Noise};
use crate::rules::sm3::Covering;
use crate::rules::unitwise::Clipping;
use crate::stages::arena::Arena;
use crate::stages::run::Job;
use crate::sums::BLOCK;
use crate::sums::product::Product;

/// What such stages compute with, for one dtype and instruction set.
#[derive(Clone, Copy)]
pub struct Tools {
    /// One block of a product of matrices.
    pub product: unsafe fn(&Product, usize, *mut u8),
    /// A piece of a copy of a matrix.
    pub transfer: unsafe fn(&Transfer, usize),
    /// A piece of a pass of Adafactor.
    pub factor: unsafe fn(&Factoring, usize),
    /// A piece of SM3's pass.
    pub cover: unsafe fn(&Covering, usize),
    /// Clips some rows.
    pub clip: unsafe fn(&Clipping, usize),
    /// Adds noise to a block.
    pub perturb: unsafe fn(&Noise, usize),
    pub draw: Draw,
}

/// Declares kernels that are no passes: `Name { its row, its state, what it does, its state by row and column }`.
macro_rules! whole {
    ($($(#[$doc:meta])* $name:ident { $row:ty, $state:ty, $compute:path, $lines:expr })*) => {
        $(
            $(#[$doc])*
            pub struct $name;

            impl $crate::kernel::Kernel for $name {
                type Row = $row;
                type State = $state;
                type Tensor = $crate::kernel::lanes::Nothing;
                const OUTPUT: $crate::kernel::Output = $crate::kernel::Output::State;
                const WHOLE: Option<$crate::stages::matrices::Compute> = Some($compute);
                const LINES: &'static [&'static str] = $lines;
                const DIVIDES: bool = false;

                #[inline(always)]
                fn apply<V: $crate::vector::Vector>(
                    _: &<$row as $crate::kernel::lanes::Lanes>::Of<V>,
                    _: &$crate::kernel::lanes::Nothing,
                    _: V,
                    theta: V,
                    _: V,
                    _: &mut <$state as $crate::kernel::lanes::Lanes>::Of<V>,
                ) -> V {
                    theta
                }
            }
        )*
    };
}
pub(crate) use whole;

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
                let matrix = self.matrix(&job, &tensor)?;
                // SAFETY: the instruction set is available, `job` has checked the row, and `matrix` found all of it.
                unsafe {
                    let row = job.row.skip(PIPELINE.len());
                    (whole.compute)(self.code, &whole.tools, &matrix, row, workers)
                }?;
            }
        }
        Ok(())
    }

    fn matrix(&self, job: &Job, tensor: &Tensor) -> Result<Matrix, Fault> {
        let Tensor { offset, length, lines, key, .. } = *tensor;
        let [rows, columns] = match tensor.units.max(1) {
            units if job.by_unit => [units, length / units],
            _ => [tensor.rows, tensor.columns],
        };
        let one = rows as u64 * columns as u64;
        if one == 0 || !(length as u64).is_multiple_of(one) {
            return Err(Fault::new(&"a tensor is no matrix"));
        }
        let count = if job.by_unit { tensor.units.min(1) } else { (length as u64 / one) as usize };
        let mut streams = Streams::NOWHERE;
        self.find(job, offset, offset + length, &mut streams)?;
        // Their products are no larger than the length.
        let wanted = [rows * count, columns * count];
        let mut by_line = [ptr::null_mut(); 2];
        for k in 0..job.entry.lines {
            let array = job.array + job.entry.state + k;
            by_line[k] = self.room(array, Extent::Lines, lines[k], wanted[k])?.0;
        }
        let (scratch, room) = self.room(SCRATCH, Extent::Elements, 0, 0)?;
        let Streams { theta, direction: at, state, .. } = streams;
        let (size, around) = (self.size(), job.around);
        Ok(Matrix {
            at,
            theta,
            state,
            lines: by_line,
            scratch,
            room,
            rows,
            columns,
            count,
            key,
            size,
            around,
        })
    }

    /// Where number `first` of an array is, and for how many bytes it goes on: for `count` numbers at least.
    fn room(
        &self,
        array: usize,
        extent: Extent,
        first: usize,
        count: usize,
    ) -> Result<(*mut u8, usize), Fault> {
        let Array { extent: found, position, first: begins, length } = self.tables.array(array)?;
        // All of it in 64 bits, which hold these products.
        let (size, at) = (self.size() as u64, position as u64 * LINE as u64);
        let fits =
            at + length as u64 * size <= self.bytes() as u64 && first as u64 + count as u64 <= length as u64;
        if found != extent as u32 || begins != 0 || !fits {
            return Err(Fault::new(&"an array does not have room for a matrix"));
        }
        let skipped = first * self.size();
        Ok((self.start(position * LINE).wrapping_add(skipped), length * self.size() - skipped))
    }
}

/// A tensor as matrices, one behind the other, each row by row, and what a kernel has for it.
#[derive(Clone, Copy)]
pub struct Matrix {
    /// The gradient.
    pub at: *mut u8,
    pub theta: *mut u8,
    pub state: [*mut u8; MAX_STATE],
    /// A number for each row, and one for each column.
    pub lines: [*mut u8; 2],
    /// To compute in; it begins with a line, and `room` counts its bytes.
    pub scratch: *mut u8,
    pub room: usize,
    pub rows: usize,
    pub columns: usize,
    /// By unit, 0 for a tensor that is no matrix.
    pub count: usize,
    /// Of the tensor's name.
    pub key: u32,
    /// Bytes of an element.
    pub size: usize,
    /// What the pipeline would do around a pass.
    pub around: u32,
}

impl Matrix {
    pub fn length(&self) -> usize {
        self.rows * self.columns * self.count
    }

    /// Rows that are about a block of sums, or one.
    pub fn rows_of_a_block(&self) -> usize {
        (BLOCK / self.columns).max(1)
    }

    pub fn has(&self, flag: u32) -> bool {
        self.around & flag != 0
    }
}
