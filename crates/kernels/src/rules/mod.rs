//! The rules: each file is one, readable beside its paper.
//!
//! θ are the parameters, g the gradient, η the learning rate. What depends on the update's number
//! alone arrives as finished coefficients, by name. `ts/rules/<rule>.ts` computes them and states the
//! same equations in the same order.

#![cfg_attr(not(feature = "catalogue"), allow(dead_code))]

/// The one list of kernels; its order numbers them, from 2 on: 0 is none, 1 sums the gradients' squares.
/// First the core, which every build has, then the catalogue: those that many runs may have, which are the only
/// stages of elementwise rules, those that take tensors as matrices, and all others. Passes over the plane come first of all, in the order of their
/// stages.
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
                sign_sgd::SignSgd,
                sign_sgd::Signum,
                adam_per_row::AdamPerRow,
                rmsprop::RmsProp,
                rmsprop::RmsPropMomentum,
                rmsprop::RmsPropCentered,
                rmsprop::RmsPropCenteredMomentum,
                adamax::Adamax,
                nadam::NAdam,
                adadelta::Adadelta,
                rprop::Rprop,
                lion::Lion,
                adabelief::AdaBelief,
                yogi::Yogi,
                laprop::LaProp,
                adopt::Adopt,
                adan::Adan,
                ademamix::AdEmaMix,
            ]
            [
                unitwise::Unitwise,
                muon::NewtonSchulz,
                adafactor::Factored,
                adafactor::FactoredMomentum,
                sm3::Sm3Covered,
                sm3::Sm3CoveredMomentum,
            ]
            [
                norms::Prepared,
                norms::BothNorms,
                norms::GradientNorm,
                norms::Scaled,
                lamb::Lamb,
                lars::Lars,
                lars::LarsNesterov,
                novograd::NovoGrad,
                stable_adamw::StableMoments,
                stable_adamw::StableAdamW,
                schedule_free::ScheduleFreeSgd,
                schedule_free::ScheduleFreeAdam,
                schedule_free::ScheduleFreePoint,
                schedule_free::ScheduleFreeAdamPoint,
                mars::Mars,
                mars::MarsAdamW,
                mars::MarsLion,
                prodigy::ProdigyMoments,
                prodigy::Prodigy,
                muon::MuonMomentum,
                adafactor::Unfactored,
                adafactor::UnfactoredStep,
                adafactor::UnfactoredMomentum,
                sm3::Sm3Single,
                sm3::Sm3SingleMomentum,
                sm3::Sm3Momentum,
                #[cfg(feature = "trial")] trial::Measure,
                #[cfg(feature = "trial")] trial::Move,
                #[cfg(feature = "trial")] trial::Fails,
            ]
        }
    };
}
pub(crate) use for_each_kernel;

macro_rules! before_matrices {
    (() [$($core:ident::$kernel:ident,)*] [$($module:ident::$further:ident,)*] $($others:tt)*) => {
        0 $(+ [stringify!($kernel)].len())* $(+ [stringify!($further)].len())*
    };
}

/// The number of the first kernel of matrices, which runs in a stage that is no rule's.
pub(crate) const PER_UNIT: usize = crate::stages::FIRST_KERNEL + for_each_kernel!(before_matrices!());

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
