//! The update loops of antigrad: every rule, the one loop that runs them, and the sums.
//!
//! Nothing here knows of JavaScript or of who owns the memory. An [`Arena`] is a region of bytes
//! that describes itself (see [`layout`]); [`Arena::run`] runs a stage of a step on it.
//!
//! The same bits on every instruction set: each `+ − × ÷ √` is rounded on its own, in the order
//! that the rule's file states, and a rule is written once for lanes of any width.

mod arena;
mod dispatch;
mod kernel;
mod lanes;
pub mod manifest;
mod pipeline;
mod rules;
mod run;
mod sums;
mod table;
mod vector;
mod walk;

use std::fmt;

pub use arena::Arena;
pub use dispatch::InstructionSet;
pub use pipeline::Scratch;
pub use run::Lent;
pub use sums::BLOCK;

/// How an arena is laid out, for whoever writes its tables.
pub mod layout {
    pub use crate::run::{NORM, POINT};
    pub use crate::table::{
        ARRAY, Extent, FLUSHES, GRADIENTS, HEADER, HOLDS, LINE, PARAMETERS, PARTIALS, SEGMENT, SQUARES,
        STAGES, TENSOR,
    };
}

/// What is wrong with an arena; as one word, which is returned in a register.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault(&'static &'static str);

impl Fault {
    /// Where several threads have found something wrong.
    pub const OVERWRITTEN: Self = Self(&"it was overwritten");
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "this is not an arena of this version: {}", self.0)
    }
}

impl std::error::Error for Fault {}
