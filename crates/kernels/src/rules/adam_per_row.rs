//! Adam and AdamW with bias corrections that count the updates of each row separately, for sparse gradients.
//!
//! w₁ and w₂ are moments of a constant gradient of 1, updated together with m and v. They equal 1 − ∏β₁ and 1 − ∏β₂
//! over the updates of their element. c₁ is η, and c₂ is 1. If the divisor is exactly 0, the quotient is 0.

use super::adam::Corrected;
use crate::kernel::Direction;
use crate::kernel::lanes::lanes;
use crate::vector::Vector;

lanes! {
    WeighedMoments { m, v, w1, w2 }
}

pub struct AdamPerRow;

impl Direction for AdamPerRow {
    type Row = Corrected;
    type State = WeighedMoments;
    const DIVIDES: bool = true;
    const BY_ROW: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Corrected<V>, g: V, s: &mut WeighedMoments<V>) -> V {
        s.m = row.beta1 * s.m + row.one_minus_beta1 * g;
        s.v = row.beta2 * s.v + row.one_minus_beta2 * (g * g);
        s.w1 = row.beta1 * s.w1 + row.one_minus_beta1;
        s.w2 = row.beta2 * s.w2 + row.one_minus_beta2;
        let root = s.v.div_or_zero(s.w2).sqrt();
        (row.c1 * s.m.div_or_zero(s.w1)).div_or_zero(root * row.c2 + row.eps)
    }
}
