//! Nesterov's momentum (Nesterov, 1983) in its two forms, which visit the same points under
//! u = θ + α·v.
//!
//! Shifted: the heavy ball with the gradient taken at u; its update is [`super::momentum`]'s, and
//! [`Lookahead`] gives u. Reparametrised: v' = α·v − η·g, u ← (u − α·v) + (1+α)·v'.

use super::{Row, Rule, State};
use crate::vector::Vector;

pub struct Nesterov;

impl Rule for Nesterov {
    const STATE: usize = 1;

    #[inline(always)]
    fn update<V: Vector>(row: &Row<V>, theta: V, g: V, [v, ..]: &mut State<V>) -> V {
        let [lr, alpha, one_plus_alpha, ..] = *row;
        let coasted = alpha * *v;
        *v = coasted - lr * g;
        (theta - coasted) + one_plus_alpha * *v
    }
}

/// Not an update: writes the point θ + α·v, at which the shifted form wants the gradient.
pub struct Lookahead;

impl Rule for Lookahead {
    const STATE: usize = 2;

    #[inline(always)]
    fn update<V: Vector>(row: &Row<V>, theta: V, _: V, [v, point, ..]: &mut State<V>) -> V {
        let [_, alpha, ..] = *row;
        *point = theta + alpha * *v;
        theta
    }
}
