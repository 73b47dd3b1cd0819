//! The update loops of antigrad: every rule, the one loop that runs them, and the sums.
//!
//! Nothing here knows of JavaScript or of who owns the memory. An [`Arena`] is a region of bytes
//! that describes itself (see [`layout`]); [`Arena::run`] runs a stage of a step on it.
//!
//! The same bits on every instruction set: each `+ − × ÷ √` is rounded on its own, in the order
//! that the rule's file states, and a rule is written once for lanes of any width.
//!
//! # Sound
//!
//! A crate that forbids unsafe code cannot execute an instruction that the processor may lack, as vectors
//! are private:
//!
//! ```compile_fail,E0603
//! #![forbid(unsafe_code)]
//! use antigrad_kernels::vector::Vector;
//! ```
//!
//! It can neither make an arena of some address, nor run a stage, which another thread may run at once:
//!
//! ```compile_fail,E0133
//! #![forbid(unsafe_code)]
//! use antigrad_kernels::{Arena, InstructionSet};
//! let arena = Arena::new(8 as *mut u8, 1 << 20, InstructionSet::best());
//! ```
//!
//! ```compile_fail,E0133
//! #![forbid(unsafe_code)]
//! use antigrad_kernels::{Arena, Scratch};
//! fn run(arena: &Arena, scratch: &mut Scratch) -> bool {
//!     arena.run(0, None, scratch).is_ok()
//! }
//! ```
//!
//! ```compile_fail,E0133
//! #![forbid(unsafe_code)]
//! use antigrad_kernels::{Arena, Scratch};
//! fn run(arena: &Arena, scratch: &mut Scratch) -> bool {
//!     arena.run_range(0, 0, arena.length(), None, scratch).is_ok()
//! }
//! ```
//!
//! ```compile_fail,E0133
//! #![forbid(unsafe_code)]
//! fn gather(arena: &antigrad_kernels::Arena) -> bool {
//!     arena.gather(0).is_ok()
//! }
//! ```
//!
//! Where unsafe code is allowed, the same lines compile:
//!
//! ```no_run
//! use antigrad_kernels::{Arena, InstructionSet, Scratch};
//! let arena = unsafe { Arena::new(8 as *mut u8, 1 << 20, InstructionSet::best()) }.unwrap();
//! let mut scratch = Scratch::new();
//! unsafe { arena.run(0, None, &mut scratch) }.unwrap();
//! unsafe { arena.run_range(0, 0, arena.length(), None, &mut scratch) }.unwrap();
//! unsafe { arena.gather(0) }.unwrap();
//! ```
#![deny(clippy::multiple_unsafe_ops_per_block)]

mod arena;
mod dispatch;
mod functions;
mod kernel;
pub mod manifest;
pub mod many;
mod memory;
mod programs;
mod rules;
mod stages;
mod sums;
mod target;
mod vector;

pub use arena::ArenaError;
pub use dispatch::InstructionSet;
pub use kernel::matrices::{SingleThread, Workers};
pub use kernel::pipeline::Scratch;
pub use stages::arena::Arena;
pub use stages::plan::{CachedArena, PLAN, Planned, run_planned};
pub use stages::run::BorrowedGradients;
pub use sums::BLOCK;

/// How an arena is laid out, for whoever writes its tables.
pub mod layout {
    pub use crate::arena::{
        ACCUMULATED, AVERAGE, Array, BY_ROW, CLIPPED_PER_TENSOR, EXCLUDED, Extent, FLUSH_STATE, GRADIENTS,
        HOLD_PARAMS, Header, LINE, MASK_KEEPS_ALL, MASK_TAKES_SIGN, MASKED, NEEDS_PARAM_NORM,
        PARAMETER_SQUARES, PARAMETERS, PARTIALS, PER_UNIT, ROW_LISTS, SCALES, SCRATCH, SLOW, SQUARES, STAGES,
        Segment, Tensor,
    };
    pub use crate::kernel::code::EQUATIONS;
    #[cfg(feature = "equations")]
    pub use crate::programs::pairs::NAMES as PAIRS;
    pub use crate::programs::{MAX_INSTRUCTIONS, MAX_SLOTS, MAX_TEMPORARIES, Places};
    pub use crate::stages::{ACCUMULATE, AVERAGING, NORM, POINT, RELEASE, SYNCHRONIZE, UNITS};
}
