//! SGD with momentum as Torch defines it: b ← μ·b + (1−τ)·g, without the dampening τ at the first
//! update, and θ ← θ − η·b, or θ ← θ − η·(g + μ·b) with Nesterov's correction.

use super::{Row, Rule, State};
use crate::vector::Vector;

pub struct SgdMomentum;

impl Rule for SgdMomentum {
    const STATE: usize = 1;

    #[inline(always)]
    fn update<V: Vector>(row: &Row<V>, theta: V, g: V, [b, ..]: &mut State<V>) -> V {
        let [lr, mu, undampened, ..] = *row;
        *b = mu * *b + undampened * g;
        theta - lr * *b
    }
}

pub struct SgdNesterov;

impl Rule for SgdNesterov {
    const STATE: usize = 1;

    #[inline(always)]
    fn update<V: Vector>(row: &Row<V>, theta: V, g: V, [b, ..]: &mut State<V>) -> V {
        let [lr, mu, undampened, ..] = *row;
        *b = mu * *b + undampened * g;
        theta - lr * (g + mu * *b)
    }
}
