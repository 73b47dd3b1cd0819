//! LaProp (Ziyin, Wang and Ueda, 2020, algorithm 1): momentum of normalized gradients.
//!
//! c₁ corrects the bias of m, and c₂ = 1/√(1−∏β₂) corrects the bias of v.

use super::adam::Moments;
use crate::kernel::Direction;
use crate::kernel::lanes::lanes;
use crate::vector::Vector;

lanes! {
    /// `taken1` is η(1−β₁).
    Divided { c1, c2, eps, beta1, taken1, beta2, one_minus_beta2 }
}

pub struct LaProp;

impl Direction for LaProp {
    type Row = Divided;
    type State = Moments;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Divided<V>, g: V, s: &mut Moments<V>) -> V {
        s.v = row.beta2 * s.v + row.one_minus_beta2 * (g * g);
        s.m = row.beta1 * s.m + row.taken1 * g.div_or_zero(s.v.sqrt() * row.c2 + row.eps);
        row.c1 * s.m
    }
}
