//! The rules: each file is one, readable beside its paper.
//!
//! θ are the parameters, g the gradient, η the learning rate. What depends on the update's number
//! alone arrives as finished coefficients, by name. `ts/rules/<rule>.ts` computes them and states the
//! same equations in the same order.

#![cfg_attr(not(feature = "catalogue"), allow(dead_code))]

/// The one list of kernels; its order numbers them, from 2 on: 0 is none, 1 sums the gradients' squares.
/// First the core, which every build has, then the catalogue. Passes over the plane come first of all, in the
/// order of their stages.
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
                rmsprop::RmsProp,
                rmsprop::RmsPropMomentum,
                adam::Adam,
                adam::AmsGrad,
                radam::RAdam,
                cautious::Cautious,
                sign_sgd::SignSgd,
            ]
            [
                unitwise::Unitwise,
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
                prodigy::ProdigyMoments,
                prodigy::Prodigy,
                muon::MuonMomentum,
                muon::NewtonSchulz,
                adafactor::Factored,
                adafactor::FactoredMomentum,
                adafactor::Unfactored,
                adafactor::UnfactoredStep,
                adafactor::UnfactoredMomentum,
                sm3::Sm3Covered,
                sm3::Sm3CoveredMomentum,
                sm3::Sm3Single,
                sm3::Sm3SingleMomentum,
                sm3::Sm3Momentum,
                #[cfg(feature = "trial")] trial::Measure,
                #[cfg(feature = "trial")] trial::Move,
            ]
        }
    };
}
pub(crate) use for_each_kernel;

macro_rules! core_count {
    (() [$($core:ident::$kernel:ident,)*] [$($rest:tt)*]) => { 0 $(+ [stringify!($kernel)].len())* };
}

/// The number of the first kernel behind the core, which runs in a stage that is no rule's.
pub(crate) const UNITWISE: usize = 2 + for_each_kernel!(core_count!());

pub(crate) use crate::plane;

pub(crate) mod adafactor;
pub(crate) mod adagrad;
pub(crate) mod adam;
pub(crate) mod cautious;
pub(crate) mod gradient_descent;
pub(crate) mod lamb;
pub(crate) mod lars;
pub(crate) mod momentum;
pub(crate) mod muon;
pub(crate) mod nesterov;
pub(crate) mod norms;
pub(crate) mod novograd;
pub(crate) mod prodigy;
pub(crate) mod radam;
pub(crate) mod rmsprop;
pub(crate) mod schedule_free;
pub(crate) mod sgd;
pub(crate) mod sign_sgd;
pub(crate) mod sm3;
pub(crate) mod stable_adamw;
#[cfg(feature = "trial")]
pub(crate) mod trial;
pub(crate) mod unitwise;
