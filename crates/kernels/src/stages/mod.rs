//! Stages of a step. A step runs a few stages one after the other, and a call of the engine runs one stage over a range
//! of the flat parameter array. This module leads from the tables of an arena to passes over ranges of arrays.
//!
//! A stage has a number:
//!
//! - The first stages belong to rules. Each segment (a group of neighboring tensors with the same rule) has its own
//!   kernel per stage, for example `Lamb` in stage 0 and `Scaled` in stage 1. `POINT` is the last of them.
//! - `NORM` sums the squares of gradients, for clipping by the global norm.
//! - `ACCUMULATE`, `RELEASE`, `AVERAGING` and `SYNCHRONIZE` treat the whole array alike: gradient accumulation,
//!   averaged parameters and lookahead (plane.rs).
//! - `UNITS` comes before all others: it clips gradients per unit and adds noise.
//!
//! A call takes one of these ways:
//!
//! - `plan.rs` looks up and checks the passes of a stage once, if the stage consists of plain passes, and repeats
//!   them in later steps.
//! - `run.rs` finds the segments of the range, checks their kernels, rows and arrays, and runs a kernel's pass over
//!   each segment. The pipeline (`kernel/pipeline.rs`) surrounds the pass if gradients must be clipped, scaled,
//!   decayed or masked.
//! - `per_tensor.rs` visits tensors one by one, if they have their own values, borrowed gradients or sums.
//! - `rows.rs` and `row_list.rs` visit only the listed rows of a tensor with sparse gradients.
//! - `matrices.rs` and `small_tensors.rs` pass whole tensors to kernels of matrices.
//!
//! Example: a step of LAMB with clipping by the global norm. TypeScript calls `run(NORM)` and computes the gradients'
//! factor from the sums. `run(0)` updates m and v, writes the direction u over the gradient, and sums θ² and u² per
//! tensor. TypeScript computes one rate per tensor from these sums, and `run(1)` moves θ.
//!
//! Tables, rows and lists may be overwritten by JavaScript at any time. So every number from them is checked when it is
//! read; see the crate's documentation.

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

/// Number of the last stage of rules, which writes the point at which the next gradient is evaluated.
pub const POINT: usize = STAGES - 1;
/// Sums the squares of gradients.
pub const NORM: usize = STAGES;

/// Passes over the flat parameter array, each with one kernel.
pub const ACCUMULATE: usize = NORM + 1;
pub const RELEASE: usize = NORM + 2;
pub const AVERAGING: usize = NORM + 3;
pub const SYNCHRONIZE: usize = NORM + 4;

/// Precedes all other stages: clips gradients per unit, and adds noise.
pub const UNITS: usize = SYNCHRONIZE + 1;

/// The kernel of NORM, which is not a pass.
pub const SUM_SQUARES: usize = 1;
/// The kernel of ACCUMULATE, which begins the list of kernels.
pub const FIRST_KERNEL: usize = SUM_SQUARES + 1;
