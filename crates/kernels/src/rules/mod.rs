//! The rules: each file is one, readable beside its paper.
//!
//! θ are the parameters, g the gradient, η the learning rate. What depends on the update's number
//! alone arrives as finished coefficients, in the order in which a rule destructures its [`Row`].
//! `ts/rules/<rule>.ts` computes them and states the same equations in the same order.

use crate::vector::Vector;

/// The most arrays of state that a rule keeps beside its parameters.
pub const MAX_STATE: usize = 3;
/// The most coefficients that a rule takes.
pub const MAX_COEFFICIENTS: usize = 10;

pub type Row<V> = [V; MAX_COEFFICIENTS];
pub type State<V> = [V; MAX_STATE];

pub trait Rule {
    /// How many arrays of state it keeps; the rest of [`State`] is not loaded and not stored.
    const STATE: usize;

    /// The new θ of some lanes; `state` is updated in place.
    fn update<V: Vector>(row: &Row<V>, theta: V, g: V, state: &mut State<V>) -> V;
}

/// The one list of kernels. Its order numbers them; `ts/rules/kernels.ts` has the same.
macro_rules! kernels {
    ($($module:ident::$kernel:ident),* $(,)?) => {
        pub const NAMES: &[&str] = &[$(stringify!($kernel)),*];

        /// Calls `visitor` with the rule of that number; `None` where there is none.
        pub fn visit<T: Visitor>(number: usize, visitor: T) -> Option<T::Output> {
            #[allow(non_upper_case_globals)]
            mod numbers {
                enum Order { $($kernel),* }
                $(pub const $kernel: usize = Order::$kernel as usize;)*
            }
            match number {
                $(numbers::$kernel => Some(visitor.visit::<$module::$kernel>()),)*
                _ => None,
            }
        }
    };
}

/// What is to be done with a rule that is only known by its number.
pub trait Visitor {
    type Output;
    fn visit<R: Rule>(self) -> Self::Output;
}

mod adagrad;
mod adam;
mod gradient_descent;
mod momentum;
mod nesterov;
mod radam;
mod rmsprop;
mod sgd;

kernels! {
    gradient_descent::GradientDescent,
    momentum::Momentum,
    nesterov::Nesterov,
    nesterov::Lookahead,
    sgd::SgdMomentum,
    sgd::SgdNesterov,
    adagrad::Adagrad,
    rmsprop::RmsProp,
    rmsprop::RmsPropMomentum,
    adam::Adam,
    adam::AmsGrad,
    radam::RAdam,
}
