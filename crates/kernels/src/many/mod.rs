//! Many small runs at once, each from its own start: a program gives their gradients, and a rule moves them.

pub(crate) mod advance;
mod batch;
#[cfg_attr(not(feature = "matrices"), allow(dead_code))]
mod factorizations;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod join_loops;
pub(crate) mod joined;
mod layout;
#[cfg_attr(not(feature = "matrices"), allow(dead_code))]
pub(crate) mod matrices;
mod program;
mod results;
mod rows;

pub use crate::arena::LINE;
pub use crate::programs::operations::NAMES as OPERATIONS;
pub use batch::Batch;
pub use layout::*;
pub use matrices::{FIRST_MATRIX_OPERATION, Kind as MatrixOperation, MAX_MATRIX, Shape as MatrixShape};
pub use results::Reason;
pub use rows::{MAX_PIECES, MIN_BLOCKS, PIECES, RowTeam};
