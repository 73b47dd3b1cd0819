//! Kernels that take each tensor whole, as matrices, and do so in pieces that threads may share.

use super::MAX_STATE;
use super::code::Code;
use super::pipeline::Scratch;
use crate::arena::{Fault, Numbers};
use crate::rules::adafactor::Factoring;
use crate::rules::muon::Transfer;
use crate::rules::noise::{Draw, Noise};
use crate::rules::sm3::Covering;
use crate::rules::unitwise::Clipping;
use crate::sums::BLOCK;
use crate::sums::product::Product;

/// What such kernels compute with, for one dtype and instruction set.
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
                const WHOLE: Option<$crate::kernel::matrices::Compute> = Some($compute);
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

/// A kernel of this kind.
#[derive(Clone, Copy)]
pub struct Whole {
    pub compute: Compute,
    pub tools: Tools,
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
    pub around: usize,
}

impl Matrix {
    pub fn length(&self) -> usize {
        self.rows * self.columns * self.count
    }

    /// Rows that are about a block of sums, or one.
    pub fn rows_of_a_block(&self) -> usize {
        (BLOCK / self.columns).max(1)
    }

    pub fn has(&self, flag: usize) -> bool {
        self.around & flag != 0
    }
}
