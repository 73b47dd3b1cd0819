//! Many small runs at once, each from its own start: a program gives their gradients, and a rule moves them.

pub(crate) mod advance;
mod batch;
pub(crate) mod operations;
mod program;
mod results;

pub use batch::{BLOCK, Batch, GAP, Header, LINE, NO_KERNEL, Settings};
pub use operations::{NAMES as OPERATIONS, apply};
pub use results::Reason;
