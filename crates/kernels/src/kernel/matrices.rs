//! Kernels that take each tensor whole, as matrices, and do so in pieces that threads may share.

use std::marker::PhantomData;

use super::MAX_STATE;
use super::code::Code;
use super::lanes::Lanes;
use super::pipeline::Scratch;
use crate::arena::{ArenaError, LINE, Numbers};
use crate::sums::BLOCK;
use crate::sums::product::{self, Product};
use crate::vector::{Scalar, Vector};

/// A kernel for matrices, which is a stage of its own.
pub trait MatrixKernel {
    /// Its coefficients, behind the pipeline's; as they are, not rounded.
    type Row: Lanes;
    /// Its arrays of state by element, and behind them, if it has these, one by row and one by column.
    type State: Lanes;
    type Lines: Lanes;

    /// Bytes of workspace, if each thread may process its own small tensors; otherwise threads share every tensor.
    const WORKSPACE: Option<WorkspaceBytes> = None;

    /// Processes a tensor; an error leaves it unchanged.
    ///
    /// # Safety
    /// The instruction set must be available, and nothing else may use the tensor and its arrays.
    unsafe fn run<V: Compiled>(
        matrices: &Matrices<V::Scalar>,
        row: &<Self::Row as Lanes>::Of<f64>,
        state: <Self::State as Lanes>::Of<*mut V::Scalar>,
        lines: <Self::Lines as Lanes>::Of<*mut V::Scalar>,
        team: &mut ThreadTeam<V>,
    ) -> Result<(), ArenaError>;
}

/// How many bytes of scratch a tensor takes, given the bytes of a number.
pub type WorkspaceBytes = fn(&Shape, usize) -> u64;

/// A tensor as matrices, one behind the other, each row by row.
#[derive(Clone, Copy)]
pub struct Matrices<S> {
    pub shape: Shape,
    pub theta: *mut S,
    /// The gradient, and the direction that a stage leaves for the next one.
    pub g: *mut S,
    /// Key of the tensor's name.
    pub key: u32,
    /// Pipeline operations that would surround a pass.
    pub around: usize,
    pub scratch: Workspace,
    pub code: &'static Code,
}

impl<S> Matrices<S> {
    pub fn has(&self, flag: usize) -> bool {
        self.around & flag != 0
    }

    /// Σ x² of some numbers, block by block.
    ///
    /// # Safety
    /// `from` must be readable for `length` numbers, and the instruction set of the code available.
    #[inline(never)]
    pub unsafe fn squares(&self, from: *const S, length: usize) -> f64 {
        sum_of_blocks(length, |at, count| {
            // SAFETY: the caller guarantees `length` numbers, of which `at` is one.
            let from = unsafe { from.add(at) };
            // SAFETY: as above, for `count` from there on; the code is of an instruction set that is available.
            unsafe { (self.code.squares)(from.cast(), count) }
        })
    }

    /// Σ x, or of their bits that a mask leaves.
    ///
    /// # Safety
    /// Same as for `squares`.
    #[inline(never)]
    pub unsafe fn values(&self, from: *const S, length: usize, mask: u64) -> f64 {
        sum_of_blocks(length, |at, count| {
            // SAFETY: the caller guarantees `length` numbers, of which `at` is one.
            let from = unsafe { from.add(at) };
            // SAFETY: as above, for `count` from there on; the code is of an instruction set that is available.
            unsafe { (self.code.values)(from.cast(), count, mask) }
        })
    }
}

fn sum_of_blocks(length: usize, of: impl Fn(usize, usize) -> f64) -> f64 {
    (0..length).step_by(BLOCK).fold(0.0, |total, at| total + of(at, BLOCK.min(length - at)))
}

/// Rows and columns of each matrix, and how many there are; by unit, 0 for a tensor that is not a matrix.
#[derive(Clone, Copy)]
pub struct Shape {
    pub rows: usize,
    pub columns: usize,
    pub count: usize,
}

impl Shape {
    /// Rows that are about a block of sums, or one.
    pub fn rows_of_a_block(&self) -> usize {
        (BLOCK / self.columns).max(1)
    }
}

/// Workspace of a kernel. Kernels take as many arrays as `scratch` of the rule in TypeScript names, in that order.
#[derive(Clone, Copy)]
pub struct Workspace {
    /// The start of a line, and how many bytes there are.
    at: *mut u8,
    bytes: usize,
}

impl Workspace {
    pub fn new(at: *mut u8, bytes: usize) -> Self {
        Self { at, bytes }
    }

    /// Takes the next array, of `count` numbers, from the beginning of a line.
    pub fn take<T: Scalar>(&mut self, count: usize) -> Result<*mut T, ArenaError> {
        // 64 bits hold this product.
        self.take_bytes(count as u64 * size_of::<T>() as u64).map(<*mut u8>::cast)
    }

    #[inline(never)]
    fn take_bytes(&mut self, bytes: u64) -> Result<*mut u8, ArenaError> {
        let taken = bytes.next_multiple_of(LINE as u64);
        if taken > self.bytes as u64 {
            return Err(ArenaError::new(&"there is no room for a matrix"));
        }
        let at = self.at;
        *self = Self::new(at.wrapping_add(taken as usize), self.bytes - taken as usize);
        Ok(at)
    }
}

/// Work in pieces.
///
/// # Safety
/// Pieces may be done at once, in any order: none may write what another one reads or writes.
pub unsafe trait Work<V: Vector> {
    fn pieces(&self) -> usize;

    /// Does one of them; to be inlined, as all that has vectors.
    ///
    /// # Safety
    /// All that the work points to must be there.
    unsafe fn piece(&self, number: usize, scratch: &mut Scratch);
}

// SAFETY: blocks of a product do not overlap, and what is read stays.
unsafe impl<V: Vector> Work<V> for Product<V::Scalar> {
    fn pieces(&self) -> usize {
        self.blocks()
    }

    #[inline(always)]
    unsafe fn piece(&self, number: usize, scratch: &mut Scratch) {
        // SAFETY: the caller guarantees the matrices; a scratch has a panel, from a line on.
        unsafe { product::block::<V>(self, number, scratch.panel()) }
    }
}

/// Vectors of an instruction set for which code is compiled.
pub trait Compiled: Vector {
    /// A piece of work, compiled for it.
    ///
    /// # Safety
    /// Same as for [`Work::piece`], and the instruction set must be available.
    unsafe fn piece<W: Work<Self>>(work: &W, number: usize, scratch: &mut Scratch);
}

/// Threads that process pieces of work.
pub trait Workers {
    /// Calls `piece` once for each number below `count`, and returns when all are done.
    fn run(&mut self, count: usize, piece: &(dyn Fn(usize, &mut Scratch) + Sync));

    /// Whether there may be several.
    fn are_many(&self) -> bool {
        true
    }
}

/// The thread that asks for it.
pub struct SingleThread<'a>(pub &'a mut Scratch);

impl Workers for SingleThread<'_> {
    fn run(&mut self, count: usize, piece: &(dyn Fn(usize, &mut Scratch) + Sync)) {
        (0..count).for_each(|number| piece(number, self.0));
    }

    fn are_many(&self) -> bool {
        false
    }
}

/// Workers, and the vectors that they compute with.
pub struct ThreadTeam<'a, V>(&'a mut dyn Workers, PhantomData<V>);

impl<V: Compiled> ThreadTeam<'_, V> {
    /// Does all pieces of some work.
    ///
    /// # Safety
    /// Same as for [`Compiled::piece`].
    #[inline(never)]
    pub unsafe fn run<W: Work<V>>(&mut self, work: &W) {
        let shared = Shared(work);
        self.0.run(work.pieces(), &|number, scratch| {
            // SAFETY: the caller guarantees all that the work points to, and the instruction set.
            unsafe { V::piece(shared.work(), number, scratch) }
        });
    }
}

struct Shared<'a, W>(&'a W);

// SAFETY: `Work` promises that its pieces may be done at once.
unsafe impl<W> Sync for Shared<'_, W> {}

impl<'a, W> Shared<'a, W> {
    fn work(&self) -> &'a W {
        self.0
    }
}

/// A tensor with its arrays, of any dtype.
#[derive(Clone, Copy)]
pub struct MatrixTensor {
    pub matrices: Matrices<u8>,
    pub state: [*mut u8; MAX_STATE],
    pub lines: [*mut u8; 2],
}

/// A kernel for one dtype and instruction set.
pub type Compute = unsafe fn(&MatrixTensor, Numbers, &mut dyn Workers) -> Result<(), ArenaError>;

/// Calls [`MatrixKernel::run`] with the kernel's own coefficients.
///
/// # Safety
/// Same as for `run`. All arrays that were found must exist, and the row must have all coefficients of the kernel from
/// its beginning.
pub unsafe fn compute<V: Compiled, K: MatrixKernel>(
    found: &MatrixTensor,
    row: Numbers,
    workers: &mut dyn Workers,
) -> Result<(), ArenaError> {
    let Matrices { shape, theta, g, key, around, scratch, code } = found.matrices;
    let matrices = Matrices { shape, theta: theta.cast(), g: g.cast(), key, around, scratch, code };
    let state = K::State::each(|k| found.state[k].cast());
    let lines = K::Lines::each(|k| found.lines[k].cast());
    // SAFETY: the caller guarantees all coefficients.
    let row = K::Row::each(|k| unsafe { row.get(k) });
    // SAFETY: the caller guarantees all that was found, that nothing else uses it, and the instruction set.
    unsafe { K::run(&matrices, &row, state, lines, &mut ThreadTeam::<V>(workers, PhantomData)) }
}
