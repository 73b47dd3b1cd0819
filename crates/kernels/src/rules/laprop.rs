//! LaProp (Ziyin, Wang and Ueda, 2020, algorithm 1): momentum of gradients that are divided before:
//! v ← β₂·v + (1−β₂)·(g·g), m ← β₁·m + η(1−β₁)·(g / (√v·c₂ + ε)), u = c₁·m.
//!
//! c₁ corrects the bias of m, and c₂ = 1/√(1−∏β₂) that of v.

use super::adam::{Corrected, Moments};
use crate::kernel::Direction;
use crate::vector::Vector;

pub struct LaProp;

impl Direction for LaProp {
    /// `rest1` is η(1−β₁).
    type Row = Corrected;
    type State = Moments;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Corrected<V>, g: V, s: &mut Moments<V>) -> V {
        s.v = row.beta2 * s.v + row.rest2 * (g * g);
        s.m = row.beta1 * s.m + row.rest1 * g.div_or_zero(s.v.sqrt() * row.c2 + row.eps);
        row.c1 * s.m
    }
}
