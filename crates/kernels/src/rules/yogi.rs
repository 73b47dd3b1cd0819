//! Yogi (Zaheer et al., 2018, algorithm 2): Adam with a v that changes by at most (1−β₂)·g².
//!
//! c₁ and c₂ are Adam's coefficients.

use super::adam::{Corrected, Moments};
use crate::kernel::Direction;
use crate::vector::Vector;

pub struct Yogi;

impl Direction for Yogi {
    type Row = Corrected;
    type State = Moments;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Corrected<V>, g: V, s: &mut Moments<V>) -> V {
        s.m = row.beta1 * s.m + row.one_minus_beta1 * g;
        let square = g * g;
        s.v = s.v - row.one_minus_beta2 * ((s.v - square).signum() * square);
        (row.c1 * s.m).div_or_zero(s.v.sqrt() * row.c2 + row.eps)
    }
}
