//! Update rules. Each file implements one rule in the notation of its paper: θ are the parameters, g the gradient, η
//! the learning rate.
//!
//! A rule consists of kernels. A kernel is a type with three sets of named numbers and one function:
//!
//! - `Row`: coefficients, the same for all elements. Everything that depends only on the update's number is computed by
//!   TypeScript (`ts/rules/<rule>.ts`) in float64 and arrives as a finished coefficient, for example c₁ = η/(1−∏β₁).
//! - `State`: one number per element that the rule stores, such as the moments m and v.
//! - `Tensor`: float64 numbers per tensor, such as sums of squares and the rate that TypeScript computes from them.
//! - `apply`: the equations for one vector of elements, written once for lanes of any width. `+ − × ÷ √` are rounded
//!   operation by operation, so the order of operations determines the bits. The loop in TypeScript uses the same
//!   order.
//!
//! `OUTPUT` tells whether `apply` returns the new parameters or a direction for the next stage. `kernel/mod.rs`
//! contains the loop over the elements of a segment, and `kernel/pipeline.rs` the steps around it (clipping, decay,
//! flushing).
//!
//! Example: the kernel of the heavy ball.
//!
//! ```text
//! lanes! {
//!     Ball { lr, alpha }
//!     Velocity { v }
//! }
//!
//! fn apply<V: Vector>(row: &Ball<V>, _: &Nothing, _: V, theta: V, g: V, s: &mut Velocity<V>) -> V {
//!     s.v = row.alpha * s.v - row.lr * g;
//!     theta + s.v
//! }
//! ```
//!
//! Rules that need sums over a whole tensor have several stages (`norms.rs`, `lamb.rs`). Rules for matrices implement
//! `MatrixKernel` instead (`adafactor.rs`, `muon.rs`, `sm3.rs`). `for_each_kernel!` below lists all kernels; a new rule
//! is added there. contributing/extending.md describes the steps.

#![cfg_attr(not(feature = "catalogue"), allow(dead_code))]
// Equations should read as in their papers, so code that reads and writes arrays may share one unsafe block.
#![allow(clippy::multiple_unsafe_ops_per_block)]

use crate::kernel::code;

/// The list of all kernels. First the core, which every build contains: positions determine its numbers from 2 on,
/// because 0 is no kernel and 1 sums the squares of gradients. Passes over the flat parameter array come first, in the
/// order of their stages. The catalogue follows, where names determine the numbers: kernels that many runs support,
/// which are the only stages of elementwise rules; kernels that process tensors as matrices; and all others. Each part
/// is in alphabetical order.
macro_rules! for_each_kernel {
    ($then:ident!($($arguments:tt)*)) => {
        $then! {
            ($($arguments)*)
            [
                plane::Accumulate,
                plane::Release,
                plane::Average,
                plane::Synchronize,
                gradient_descent::GradientDescent,
                momentum::Momentum,
                nesterov::Point,
                nesterov::Nesterov,
                sgd::SgdMomentum,
                sgd::SgdNesterov,
                adagrad::Adagrad,
                adam::Adam,
                adam::AmsGrad,
                radam::RAdam,
                cautious::Cautious,
            ]
            [
                adabelief::AdaBelief,
                adadelta::Adadelta,
                adam_per_row::AdamPerRow,
                adamax::Adamax,
                adan::Adan,
                ademamix::AdEmaMix,
                adopt::Adopt,
                laprop::LaProp,
                lion::Lion,
                nadam::NAdam,
                rmsprop::RmsProp,
                rmsprop::RmsPropCentered,
                rmsprop::RmsPropCenteredMomentum,
                rmsprop::RmsPropMomentum,
                rprop::Rprop,
                sign_sgd::SignSgd,
                sign_sgd::Signum,
                yogi::Yogi,
            ]
            [
                adafactor::Factored,
                adafactor::FactoredMomentum,
                muon::NewtonSchulz,
                sm3::Sm3Covered,
                sm3::Sm3CoveredMomentum,
                unitwise::Unitwise,
            ]
            [
                adafactor::Unfactored,
                adafactor::UnfactoredMomentum,
                adafactor::UnfactoredStep,
                lamb::Lamb,
                lars::Lars,
                lars::LarsNesterov,
                mars::Mars,
                mars::MarsAdamW,
                mars::MarsLion,
                muon::MuonMomentum,
                norms::BothNorms,
                norms::GradientNorm,
                norms::Prepared,
                norms::Scaled,
                novograd::NovoGrad,
                prodigy::Prodigy,
                prodigy::ProdigyMoments,
                schedule_free::ScheduleFreeAdam,
                schedule_free::ScheduleFreeAdamPoint,
                schedule_free::ScheduleFreePoint,
                schedule_free::ScheduleFreeSgd,
                sm3::Sm3Momentum,
                sm3::Sm3Single,
                sm3::Sm3SingleMomentum,
                stable_adamw::StableAdamW,
                stable_adamw::StableMoments,
                #[cfg(feature = "trial")] trial::Fails,
                #[cfg(feature = "trial")] trial::Measure,
                #[cfg(feature = "trial")] trial::Move,
            ]
        }
    };
}
pub(crate) use for_each_kernel;

/// The number of the kernel that runs in a stage that is no rule's.
pub(crate) const PER_UNIT: usize = code::number_of("Unitwise");

#[cfg(feature = "elementwise")]
macro_rules! positions {
    (
        ()
        [$($core:ident::$kernel:ident,)*]
        [$($elementwise:ident::$single:ident,)*]
        [$($rule:ident::$matrices:ident,)*]
        [$($(#[$cfg:meta])* $module:ident::$further:ident,)*]
    ) => {
        code::positions(
            crate::stages::FIRST_KERNEL + [$(stringify!($kernel)),*].len(),
            &[
                $(stringify!($single),)*
                $(#[cfg(feature = "catalogue")] stringify!($matrices),)*
                $(#[cfg(feature = "catalogue")] $(#[$cfg])* stringify!($further),)*
            ],
        )
    };
}

/// Position of each number in the table of kernels.
#[cfg(feature = "elementwise")]
pub(crate) static POSITIONS: [u8; code::KERNELS] = for_each_kernel!(positions!());

pub(crate) use crate::stages::plane;

pub(crate) mod adabelief;
pub(crate) mod adadelta;
pub(crate) mod adafactor;
pub(crate) mod adagrad;
pub(crate) mod adam;
pub(crate) mod adam_per_row;
pub(crate) mod adamax;
pub(crate) mod adan;
pub(crate) mod ademamix;
pub(crate) mod adopt;
pub(crate) mod cautious;
pub(crate) mod gradient_descent;
pub(crate) mod lamb;
pub(crate) mod laprop;
pub(crate) mod lars;
pub(crate) mod lion;
pub(crate) mod mars;
pub(crate) mod momentum;
pub(crate) mod muon;
pub(crate) mod nadam;
pub(crate) mod nesterov;
pub(crate) mod noise;
pub(crate) mod norms;
pub(crate) mod novograd;
pub(crate) mod prodigy;
pub(crate) mod radam;
pub(crate) mod rmsprop;
pub(crate) mod rprop;
pub(crate) mod schedule_free;
pub(crate) mod sgd;
pub(crate) mod sign_sgd;
pub(crate) mod sm3;
pub(crate) mod stable_adamw;
#[cfg(feature = "trial")]
pub(crate) mod trial;
pub(crate) mod unitwise;
pub(crate) mod yogi;
