//! AdaBelief (Zhuang et al., 2020, algorithm 2): Adam with a second moment of g − m instead of g.
//!
//! m is the new first moment, and ε' is added at each update. c₁ and c₂ are Adam's coefficients.

use super::adam::Moments;
use crate::kernel::Direction;
use crate::kernel::lanes::lanes;
use crate::vector::Vector;

lanes! {
    /// `inner` is ε'.
    Believed { c1, c2, eps, beta1, one_minus_beta1, beta2, one_minus_beta2, inner }
}

pub struct AdaBelief;

impl Direction for AdaBelief {
    type Row = Believed;
    type State = Moments;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Believed<V>, g: V, s: &mut Moments<V>) -> V {
        s.m = row.beta1 * s.m + row.one_minus_beta1 * g;
        let surprise = g - s.m;
        s.v = (row.beta2 * s.v + row.one_minus_beta2 * (surprise * surprise)) + row.inner;
        (row.c1 * s.m).div_or_zero(s.v.sqrt() * row.c2 + row.eps)
    }
}
