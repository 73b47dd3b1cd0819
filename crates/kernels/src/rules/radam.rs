//! RAdam (Liu et al., 2020, algorithm 2): Adam, rectified if the variance of the adaptive learning rate is tractable,
//! and otherwise momentum without adaptation.
//!
//! c₁ and c₂ contain the rectification r and the bias corrections.

use super::adam::Moments;
use crate::kernel::Direction;
use crate::kernel::lanes::lanes;
use crate::vector::Vector;

lanes! {
    /// `unrectified` is 1 or 0.
    Rectified { c1, c2, eps, beta1, one_minus_beta1, beta2, one_minus_beta2, unrectified }
}

pub struct RAdam;

impl Direction for RAdam {
    type Row = Rectified;
    type State = Moments;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Rectified<V>, g: V, s: &mut Moments<V>) -> V {
        s.m = row.beta1 * s.m + row.one_minus_beta1 * g;
        s.v = row.beta2 * s.v + row.one_minus_beta2 * (g * g);
        // Without rectification the divisor is 1, and dividing by 1 changes no bit.
        let one = row.unrectified;
        let divisor = row.unrectified.if_zero(s.v.sqrt() * row.c2 + row.eps, one);
        (row.c1 * s.m).div_or_zero(divisor)
    }
}
