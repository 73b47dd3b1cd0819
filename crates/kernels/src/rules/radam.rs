//! RAdam (Liu et al., 2020, algorithm 2): Adam, rectified where the variance of the adaptive
//! learning rate is tractable, and otherwise momentum without adaptation:
//! θ ← d·θ − (c₁·m) / (√v·c₂ + ε), or θ ← d·θ − c₁·m.
//!
//! The rectification r and the bias corrections are in c₁ and c₂.

use super::{Row, Rule, State, adam::moments};
use crate::vector::Vector;

pub struct RAdam;

impl Rule for RAdam {
    const STATE: usize = 2;

    #[inline(always)]
    fn update<V: Vector>(row: &Row<V>, theta: V, g: V, [m, v, ..]: &mut State<V>) -> V {
        let [decay, c1, c2, eps, _, _, _, _, unrectified, ..] = *row;
        moments(row, g, m, v);
        // Where it is not rectified, the divisor is 1: dividing by it changes no bit.
        let one = unrectified;
        let divisor = unrectified.if_zero(v.sqrt() * c2 + eps, one);
        theta * decay - (c1 * *m).div_or_zero(divisor)
    }
}
