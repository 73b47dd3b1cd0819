//! The update loops of antigrad: every rule, the one loop that runs them, and the reductions.
//!
//! Nothing here knows of JavaScript or of who owns the memory. An [`Arena`] is a region of bytes
//! that describes itself (see [`arena`]); [`Arena::step`] updates it in place.
//!
//! The same bits on every instruction set: each `+ − × ÷ √` is rounded on its own, in the order
//! that the rule's file states, and a rule is written once for lanes of any width.

pub mod arena;
mod dispatch;
mod reduce;
pub mod rules;
mod update;
pub mod vector;

pub use arena::{Arena, Fault, Piece};
pub use dispatch::InstructionSet;
