//! The update loops of antigrad: every rule, the one loop that runs them, and the reductions.
//!
//! Nothing here knows of JavaScript or of who owns the memory. An [`Arena`] is a region of bytes
//! that describes itself (see [`arena`]); [`Arena::step`] updates it in place.
//!
//! The same bits on every instruction set: each `+ − × ÷ √` is rounded on its own, in the order
//! that the rule's file states, and a rule is written once for lanes of any width.
//!
//! # Sound
//!
//! A crate that forbids unsafe code gets no further than this:
//!
//! ```
//! #![forbid(unsafe_code)]
//! use antigrad_kernels::{Arena, InstructionSet};
//! fn sums(arena: &Arena) -> bool {
//!     arena.sum_squares().is_ok()
//! }
//! println!("{}", InstructionSet::best().name());
//! ```
//!
//! It cannot execute an instruction that the processor may lack, as vectors are private:
//!
//! ```compile_fail,E0603
//! #![forbid(unsafe_code)]
//! use antigrad_kernels::vector::Vector;
//! ```
//!
//! It can neither step an arena, which another thread may step at once, nor make one of some address:
//!
//! ```compile_fail,E0133
//! #![forbid(unsafe_code)]
//! fn step(arena: &antigrad_kernels::Arena) -> bool {
//!     arena.step().is_ok()
//! }
//! ```
//!
//! ```compile_fail,E0133
//! #![forbid(unsafe_code)]
//! fn step(arena: &antigrad_kernels::Arena, piece: &antigrad_kernels::Piece) {
//!     arena.step_piece(piece)
//! }
//! ```
//!
//! ```compile_fail,E0133
//! #![forbid(unsafe_code)]
//! use antigrad_kernels::{Arena, InstructionSet};
//! let arena = Arena::new(8 as *mut u8, 1 << 20, 0, InstructionSet::best());
//! ```
//!
//! Where unsafe code is allowed, the same lines compile:
//!
//! ```no_run
//! use antigrad_kernels::{Arena, InstructionSet, Piece};
//! fn step(arena: &Arena) -> bool {
//!     unsafe { arena.step() }.is_ok()
//! }
//! fn step_piece(arena: &Arena, piece: &Piece) {
//!     unsafe { arena.step_piece(piece) }
//! }
//! let arena = unsafe { Arena::new(8 as *mut u8, 1 << 20, 0, InstructionSet::best()) };
//! ```

pub mod arena;
mod dispatch;
mod reduce;
mod rules;
mod update;
mod vector;

pub use arena::{Arena, Fault, Gradient, Layout, Piece};
pub use dispatch::InstructionSet;
pub use rules::NAMES;
