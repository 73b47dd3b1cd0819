//! Adagrad (Duchi, Hazan and Singer, 2011): s ← s + g·g, σ = √(c·s) + ε, θ ← θ − η·(g/σ).
//!
//! c is 1 for the sum of squares (the paper, Torch) and 1/t for their mean (the essay).
//! Where σ is exactly 0 the parameter stays.

use super::{Row, Rule, State};
use crate::vector::Vector;

pub struct Adagrad;

impl Rule for Adagrad {
    const STATE: usize = 1;

    #[inline(always)]
    fn update<V: Vector>(row: &Row<V>, theta: V, g: V, [s, ..]: &mut State<V>) -> V {
        let [lr, c, eps, ..] = *row;
        *s = *s + g * g;
        let sigma = (c * *s).sqrt() + eps;
        theta - lr * g.div_or_zero(sigma)
    }
}
