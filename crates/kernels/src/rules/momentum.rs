//! Momentum, the heavy ball (Polyak, 1964), with the learning rate inside the velocity:
//! v ← α·v − η·g, θ ← θ + v.

use super::{Row, Rule, State};
use crate::vector::Vector;

pub struct Momentum;

impl Rule for Momentum {
    const STATE: usize = 1;

    #[inline(always)]
    fn update<V: Vector>(row: &Row<V>, theta: V, g: V, [v, ..]: &mut State<V>) -> V {
        let [lr, alpha, ..] = *row;
        *v = alpha * *v - lr * g;
        theta + *v
    }
}
