//! Code by number: kernels and the pipeline's passes, for one dtype and instruction set.

use super::lanes::Lanes;
use super::matrices::Compute;
#[cfg(not(target_arch = "wasm32"))]
use super::matrices::WorkspaceBytes;
#[cfg(feature = "catalogue")]
use super::matrices::{self, Compiled, MatrixKernel};
use super::pipeline::{Factors, Preparation};
use super::{Kernel, MAX_STATE, MAX_SUMS, MAX_TENSOR, Output, RowAt, Streams, Sum, Sums};
use crate::arena::Numbers;
#[cfg(feature = "catalogue")]
use crate::sums::STRIPES;
use crate::target::SMALL;

pub type Pass = unsafe fn(&Streams, Numbers, &[f64; MAX_TENSOR], usize);
pub type PassSummed = unsafe fn(&Streams, Numbers, &[f64; MAX_TENSOR], usize, &mut Sums);
pub type PassByRow = unsafe fn(&Streams, Numbers, Option<&Preparation>, usize, &[RowAt]);

/// Sums over a block of a tensor's elements.
#[cfg(feature = "equations")]
pub type Measure = unsafe fn(&Streams, Numbers, &[f64; MAX_TENSOR], usize) -> [f64; MAX_SUMS];

/// See [`super::pipeline::prepare`].
pub type Prepare = unsafe fn(*const u8, *const u8, &Preparation, *mut u8, usize);

/// A kernel for one dtype and instruction set, and what it needs.
pub struct Entry {
    /// None for a kernel that only computes sums.
    pub pass: Option<Pass>,
    /// The same, which adds the row's λ·θ to gradients that want nothing else before it; None where that is a pass of its own.
    #[cfg(not(target_arch = "wasm32"))]
    pub decayed: Option<Pass>,
    /// The pass with its sums. None if the sums are separate passes, as in WebAssembly, where code size matters.
    #[cfg(not(target_arch = "wasm32"))]
    pub summed: Option<PassSummed>,
    /// The pass over rows. None if each row takes a pass of its own.
    pub by_row: Option<PassByRow>,
    /// How many arrays of state it has, coefficients behind the pipeline's, and values by tensor.
    pub state: usize,
    /// How many it has by row and by column.
    pub lines: usize,
    pub row: usize,
    pub tensor: usize,
    pub sums: &'static [Sum],
    /// For kernels of matrices, which have no pass.
    pub compute: Option<Compute>,
    /// Bytes of workspace of such a kernel, if each thread may process its own small tensors.
    #[cfg(not(target_arch = "wasm32"))]
    pub room: Option<WorkspaceBytes>,
    /// Whether its output is the gradient as it is.
    pub copies: bool,
    /// For kernels that interpret their row: the index of their program in the row, and their summing code.
    #[cfg(feature = "equations")]
    pub program: Option<usize>,
    #[cfg(feature = "equations")]
    pub measure: Option<Measure>,
}

impl Entry {
    pub const NOTHING: Self = Self {
        pass: None,
        #[cfg(not(target_arch = "wasm32"))]
        decayed: None,
        #[cfg(not(target_arch = "wasm32"))]
        summed: None,
        by_row: None,
        state: 0,
        lines: 0,
        row: 0,
        tensor: 0,
        sums: &[],
        copies: false,
        compute: None,
        #[cfg(not(target_arch = "wasm32"))]
        room: None,
        #[cfg(feature = "equations")]
        program: None,
        #[cfg(feature = "equations")]
        measure: None,
    };

    #[cfg_attr(target_arch = "wasm32", allow(unused_variables))]
    pub const fn of<K: Kernel>(pass: Pass, decayed: Pass, summed: PassSummed, by_row: PassByRow) -> Self {
        let (state, row) = (K::State::NAMES.len(), K::Row::NAMES.len());
        let tensor = K::Tensor::NAMES.len();
        assert!(state <= MAX_STATE && tensor <= MAX_TENSOR && K::SUMS.len() <= tensor);
        // Sums read the output of the pass.
        assert!(K::SUMS.is_empty() || (K::SUMS.len() <= MAX_SUMS && matches!(K::OUTPUT, Output::Gradients)));
        // The core has no code that sums values.
        let sums_values =
            matches!(K::SUMS, [Sum::Values | Sum::Sizes, ..] | [_, Sum::Values | Sum::Sizes, ..]);
        assert!(cfg!(feature = "catalogue") || !sums_values);
        let by_row = if K::BY_ROW && !SMALL { Some(by_row) } else { None };
        Self {
            pass: Some(pass),
            #[cfg(not(target_arch = "wasm32"))]
            decayed: if super::can_decay::<K>() { Some(decayed) } else { None },
            #[cfg(not(target_arch = "wasm32"))]
            // If the kernel only copies and computes one sum, a plain pass is enough.
            summed: if K::SUMS.is_empty() || (K::COPIES && K::SUMS.len() == 1) { None } else { Some(summed) },
            by_row,
            state,
            row,
            tensor,
            sums: K::SUMS,
            copies: K::COPIES,
            ..Self::NOTHING
        }
    }

    #[cfg(feature = "catalogue")]
    pub const fn of_matrices<V: Compiled, K: MatrixKernel>() -> Self {
        let (state, lines, row) = (K::State::NAMES.len(), K::Lines::NAMES.len(), K::Row::NAMES.len());
        assert!(state <= MAX_STATE && lines <= 2);
        Self {
            compute: Some(matrices::compute::<V, K>),
            #[cfg(not(target_arch = "wasm32"))]
            room: K::WORKSPACE,
            ..Self { state, lines, row, ..Self::NOTHING }
        }
    }

    pub const fn sums(tensor: usize, sums: &'static [Sum]) -> Self {
        Self { tensor, sums, ..Self::NOTHING }
    }
}

/// Kernels' numbers are below it.
pub const KERNELS: usize = 1024;
/// First number of kernels that interpret their row, after the core's numbers.
pub const EQUATIONS: usize = 256;
/// First number of the catalogue's kernels, after the kernels of equations.
pub const CATALOGUE: usize = 320;
const _: () = assert!(EQUATIONS + 4 * (MAX_STATE + 1) <= CATALOGUE);

/// The number of a kernel of the catalogue, by its name (FNV-1a): so it stays whatever else there is.
pub const fn number_of(name: &str) -> usize {
    let (mut hash, mut at) = (0x811c_9dc5_u32, 0);
    while at < name.len() {
        hash = (hash ^ name.as_bytes()[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    CATALOGUE + (hash >> 9) as usize % (KERNELS - CATALOGUE)
}

/// Position in the table of the kernel with each number, or a position beyond the table's end if no kernel has the
/// number. `names` follow the core's.
#[cfg(feature = "elementwise")]
pub const fn positions(core: usize, names: &[&str]) -> [u8; KERNELS] {
    const NONE: u8 = u8::MAX;
    let (mut positions, mut at) = ([NONE; KERNELS], 0);
    assert!(core <= EQUATIONS && core + names.len() <= NONE as usize);
    while at < core + names.len() {
        let number = if at < core { at } else { number_of(names[at - core]) };
        assert!(positions[number] == NONE, "two kernels have one number: give the new one another name");
        positions[number] = at as u8;
        at += 1;
    }
    positions
}

/// All code for one dtype and instruction set.
pub struct Code {
    /// 0 is no kernel, 1 sums the squares of gradients, and passes over the flat parameter array follow. Numbers of
    /// core kernels are their positions.
    pub kernels: &'static [Entry],
    #[cfg(feature = "elementwise")]
    pub positions: &'static [u8; KERNELS],
    /// Kernels that interpret their rows; the first one has the number [`EQUATIONS`].
    #[cfg(feature = "equations")]
    pub equations: &'static [Entry],
    pub prepare: Prepare,
    pub mask: unsafe fn(*const u8, *const u8, *mut u8, Factors, usize),
    pub flush: unsafe fn(*mut u8, usize),
    pub squares: unsafe fn(*const u8, usize) -> f64,
    /// Adds the squares of numbers to stripes. The last argument is the stripe of the first number.
    #[cfg(feature = "catalogue")]
    pub add_squares: unsafe fn(*const u8, usize, usize, &mut [f64; STRIPES]),
    pub values: unsafe fn(*const u8, usize, u64) -> f64,
    pub nonzero: unsafe fn(*const u8, usize) -> f64,
    /// The number of the kernel that clips gradients by unit and adds noise.
    pub units: usize,
}

impl Code {
    #[inline(always)]
    pub fn entry(&self, number: usize) -> Option<&'static Entry> {
        #[cfg(feature = "equations")]
        if let Some(equation) = number.checked_sub(EQUATIONS).and_then(|number| self.equations.get(number)) {
            return Some(equation);
        }
        #[cfg(feature = "elementwise")]
        let number = usize::from(*self.positions.get(number)?);
        self.kernels.get(number)
    }
}
