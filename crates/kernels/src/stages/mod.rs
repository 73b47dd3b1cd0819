//! Stages of a step, by number: from tables to passes over stretches of arrays, and to matrices.
//!
//! The first ones are the rules' own, and have other kernels in each segment.

use crate::arena::STAGES;

pub mod arena;
pub mod matrices;
pub mod per_tensor;
pub mod plan;
pub mod plane;
#[cfg(feature = "catalogue")]
pub mod row_list;
#[cfg(feature = "catalogue")]
pub mod rows;
pub mod run;
#[cfg(not(target_arch = "wasm32"))]
pub mod small_tensors;

/// The last of the rules' own: it writes the point where the next gradient is wanted.
pub const POINT: usize = STAGES - 1;
/// Sums the squares of gradients.
pub const NORM: usize = STAGES;

/// Passes over the plane, each of which has one kernel.
pub const ACCUMULATE: usize = NORM + 1;
pub const RELEASE: usize = NORM + 2;
pub const AVERAGING: usize = NORM + 3;
pub const SYNCHRONIZE: usize = NORM + 4;

/// Before all others: clips gradients by unit, and adds noise.
pub const UNITS: usize = SYNCHRONIZE + 1;

/// The kernel of NORM, which is no pass.
pub const SUM_SQUARES: usize = 1;
/// The kernel of ACCUMULATE, with which the list of kernels begins.
pub const FIRST_KERNEL: usize = SUM_SQUARES + 1;
