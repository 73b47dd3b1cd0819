//! The update loops of antigrad: every rule, the loop that runs a rule, and the sums.
//!
//! This crate depends neither on JavaScript nor on the owner of the memory. An [`Arena`] is a region of bytes
//! that describes itself (see [`layout`]). [`Arena::run`] runs a stage of a step on it.
//!
//! Results are bit-identical on every instruction set: each `+ − × ÷ √` is rounded on its own, in the order
//! that the rule's file states. A rule is written once for lanes of any width.
//!
//! # Soundness
//!
//! A crate that forbids unsafe code cannot execute an instruction that the processor may lack, because vectors
//! are private:
//!
//! ```compile_fail,E0603
//! #![forbid(unsafe_code)]
//! use antigrad_kernels::vector::Vector;
//! ```
//!
//! Such a crate can neither make an arena at an arbitrary address, nor run a stage, which another thread may be running:
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
//! If unsafe code is allowed, the same lines compile:
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
//! lists of rows and per-tensor numbers are read and written atomically. The arrays per element, row and column are
//! not: parameters, gradients, state and scratch are read by plain loads. Such a race is undefined behavior in Rust, and
//! this crate takes part in one if JavaScript writes these arrays. The crate assumes only the following of the compiler:
//!
//! **A racing load yields some bits, and a racing store changes no bytes but its own.**
//!
//! LLVM guarantees this for its own instructions. A plain load that races is not undefined behavior but returns `undef`
//! ("Atomic Instructions and Concurrency Guide", NotAtomic). LLVM invents no stores to shared memory. Rust demands
//! more. It marks a load of a single number as never `undef`, so a race makes it undefined behavior in LLVM as well. A
//! load of a vector has no such mark (both as of Rust 1.95, see `rustc --emit=llvm-ir`). Rust may also assume that
//! nothing else writes to arrays that are taken as slices (`from_raw_parts`). So the assumption concerns the resulting
//! instructions, which are plain moves. Rust does not promise it.
//!
//! Corrupted bits remain numbers. Every bit pattern is a valid float, and of the contents of these arrays
//!
//! - nothing is a length, a pointer, a `bool` or an enum. Comparisons of such numbers select numbers, or decide whether a
//!   loop runs, but not where it ends;
//! - one index is computed, in `functions/quarter_turns.rs`: the exponent of a large angle selects where the digits of
//!   2/π begin in a table of constants. The index is computed from a copy on the stack, and the access is checked.
//!
//! Positions, lengths and counts in memory that JavaScript may write are read atomically, once, before they are checked
//! and used. These reads are in `arena/table.rs` (`Tables`: header, arrays, tensors, segments) and
//! `stages/row_list.rs` (`Arena::list`, and `List::entry` for each entry). The others are in `programs/equations.rs`
//! (`Program::read` and `Program::wanted`, for the program in a row) and `rules/muon.rs` (the number of steps). A [`CachedArena`] has its own tables, which nothing writes. The memory of a [`many::Batch`] has no
//! other user during a call, and its numbers are checked, too.
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
pub use programs::operations::{Operand, Operands};
pub use stages::arena::Arena;
pub use stages::plan::{CachedArena, PLAN, Planned, run_planned};
pub use stages::run::BorrowedGradients;
pub use sums::BLOCK;

/// Layout of an arena, for code that writes its tables.
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
