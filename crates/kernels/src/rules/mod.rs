//! The rules: each file is one, readable beside its paper.
//!
//! θ are the parameters, g the gradient, η the learning rate. What depends on the update's number
//! alone arrives as finished coefficients, by name. `ts/rules/<rule>.ts` computes them and states the
//! same equations in the same order.

#![cfg_attr(not(feature = "catalogue"), allow(dead_code))]
// Equations are to be read beside their papers: where one reads and writes arrays, that is one block.
#![allow(clippy::multiple_unsafe_ops_per_block)]

use crate::kernel::code;

/// The one list of kernels. First the core, which every build has: its order numbers them, from 2 on, as 0 is none and 1
/// sums the gradients' squares, and passes over the plane come first, in the order of their stages. Then the
/// catalogue, whose names number them: those that many runs may have, which are the only stages of elementwise
/// rules, those that take tensors as matrices, and all others, each part in alphabetical order.
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

/// Where in the table of kernels each number stands.
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
