//! Adam and AdamW whose bias corrections count the updates of each row by itself, for gradients by row.
//!
//! w₁ and w₂ are moments of ones, updated where m and v are: so they are 1 − ∏β₁ and 1 − ∏β₂ over the updates
//! that an element has had. c₁ is η, and c₂ 1. Where the divisor is exactly 0, the quotient counts as 0.

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
