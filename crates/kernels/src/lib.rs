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
//!
//! ## One assumption
//!
//! A step may run on another thread (`run_async` of the addon) while JavaScript writes to the arena. Tables, coefficients,
//! lists of rows and numbers by tensor are read and written atomically. The arrays by element, row and column are
//! not: parameters, gradients, state and scratch are read by plain loads. Such a race is undefined behavior to Rust, and
//! this crate takes part in one where JavaScript does write them. It assumes this of the compiler, and nothing more:
//!
//! **A racing load gives some bits, and a racing store changes no bytes but its own.**
//!
//! LLVM says as much of its own instructions: a plain load that races is no undefined behavior but returns `undef` ("Atomic
//! Instructions and Concurrency Guide", NotAtomic), and no stores to shared memory are invented. Rust adds to it: a
//! load of a single number is marked as one that is never `undef`, which a race would make undefined behavior there too; a
//! load of a vector has no such mark (both as of Rust 1.95, see `rustc --emit=llvm-ir`). And of arrays that are taken as
//! slices (`from_raw_parts`) Rust may assume that nobody else writes them. So the assumption is one on the instructions
//! that come of it, which are plain moves, and no promise of Rust's.
//!
//! Spoiled bits remain numbers. All floats of any bits are valid, and of what arrays have
//!
//! - nothing is a length, a pointer, a `bool` or an enum. Comparisons of such numbers choose numbers, or whether a loop
//!   runs, not where it ends;
//! - one index is made, in `functions/quarter_turns.rs`: the exponent of a large angle says where in a table of constants
//!   the digits of 2/π begin. It is made of a copy on the stack, and the access is checked.
//!
//! From memory that JavaScript may write, each number that says where something is, how long or how often is read
//! atomically, and it is the number that was read that is checked and used: in `arena/table.rs` (`Tables`: header, arrays,
//! tensors, segments), in `stages/row_list.rs` (`Arena::list`, and `List::entry` whenever it reads one), in
//! `programs/equations.rs` (`Program::read` and `Program::wanted`, of a row's program) and in `rules/muon.rs` (the steps).
//! A [`CachedArena`] has tables of its own, which nobody writes. A [`many::Batch`] is nobody else's memory while it is
//! used, and its numbers are checked too.
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
