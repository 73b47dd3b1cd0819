//! ADOPT (Taniguchi et al., 2024, algorithm 2): the gradient is divided by the root of the previous v, and clipped.
//!
//! In the first row η = 0, 1−β₁ = 0 and β₂ = 0, so v starts at g·g, and the parameters stay.

use super::adam::Moments;
use crate::kernel::Direction;
use crate::kernel::lanes::lanes;
use crate::vector::Vector;

lanes! {
    /// `low` is −`high`.
    Limited { lr, low, high, eps, beta1, one_minus_beta1, beta2, one_minus_beta2 }
}

pub struct Adopt;

impl Direction for Adopt {
    type Row = Limited;
    type State = Moments;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Limited<V>, g: V, s: &mut Moments<V>) -> V {
        let root = s.v.sqrt();
        // A NaN in v propagates.
        let divided = g.div_or_zero(row.eps.max(root));
        s.m = row.beta1 * s.m + row.one_minus_beta1 * row.high.min(row.low.max(divided));
        s.v = row.beta2 * s.v + row.one_minus_beta2 * (g * g);
        row.lr * s.m
    }
}
