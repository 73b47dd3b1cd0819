//! AdEMAMix (Pagliardini, Ablin and Grangier, 2024, algorithm 1): Adam with a second, much slower momentum.
//!
//! c₁ and c₂ are Adam's coefficients, and c₃ = η·α. m₂ has no bias correction.

use crate::kernel::Direction;
use crate::kernel::lanes::lanes;
use crate::vector::Vector;

lanes! {
    Mixed { c1, c2, c3, eps, beta1, one_minus_beta1, beta2, one_minus_beta2, beta3, one_minus_beta3 }
    Averages { m1, m2, v }
}

pub struct AdEmaMix;

impl Direction for AdEmaMix {
    type Row = Mixed;
    type State = Averages;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Mixed<V>, g: V, s: &mut Averages<V>) -> V {
        s.m1 = row.beta1 * s.m1 + row.one_minus_beta1 * g;
        s.m2 = row.beta3 * s.m2 + row.one_minus_beta3 * g;
        s.v = row.beta2 * s.v + row.one_minus_beta2 * (g * g);
        (row.c1 * s.m1 + row.c3 * s.m2).div_or_zero(s.v.sqrt() * row.c2 + row.eps)
    }
}
