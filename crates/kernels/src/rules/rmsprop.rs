//! RMSProp (Hinton, Coursera lecture 6e, 2012): v ← α·v + (1−α)·(g·g), σ = √v + ε,
//! θ ← θ − η·(g/σ); with momentum, b ← μ·b + g/σ and θ ← θ − η·b, as in Torch.
//!
//! The essay's form starts from v = g·g (its first row has α = 0) and has no ε.
//! Where σ is exactly 0, g/σ counts as 0.

use super::{Row, Rule, State};
use crate::vector::Vector;

pub struct RmsProp;

impl Rule for RmsProp {
    const STATE: usize = 1;

    #[inline(always)]
    fn update<V: Vector>(row: &Row<V>, theta: V, g: V, [v, ..]: &mut State<V>) -> V {
        let [lr, ..] = *row;
        theta - lr * normalized(row, g, v)
    }
}

pub struct RmsPropMomentum;

impl Rule for RmsPropMomentum {
    const STATE: usize = 2;

    #[inline(always)]
    fn update<V: Vector>(row: &Row<V>, theta: V, g: V, [v, b, ..]: &mut State<V>) -> V {
        let [lr, _, _, _, mu, ..] = *row;
        *b = mu * *b + normalized(row, g, v);
        theta - lr * *b
    }
}

/// g/σ, with v updated.
#[inline(always)]
fn normalized<V: Vector>(row: &Row<V>, g: V, v: &mut V) -> V {
    let [_, alpha, one_minus_alpha, eps, ..] = *row;
    *v = alpha * *v + one_minus_alpha * (g * g);
    g.div_or_zero(v.sqrt() + eps)
}
