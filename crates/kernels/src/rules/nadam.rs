//! NAdam (Dozat, 2016), Adam with Nesterov's momentum.
//!
//! c₀, c₁ and c₂ contain the momenta μₜ and the bias corrections.

use super::adam::Moments;
use crate::kernel::Direction;
use crate::kernel::lanes::lanes;
use crate::vector::Vector;

lanes! {
    /// `c0` follows Adam's coefficients.
    Ahead { c1, c2, eps, beta1, one_minus_beta1, beta2, one_minus_beta2, c0 }
}

pub struct NAdam;

impl Direction for NAdam {
    type Row = Ahead;
    type State = Moments;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Ahead<V>, g: V, s: &mut Moments<V>) -> V {
        s.m = row.beta1 * s.m + row.one_minus_beta1 * g;
        s.v = row.beta2 * s.v + row.one_minus_beta2 * (g * g);
        (row.c0 * g + row.c1 * s.m).div_or_zero(s.v.sqrt() * row.c2 + row.eps)
    }
}
