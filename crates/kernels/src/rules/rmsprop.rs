//! RMSProp (Hinton, Coursera lecture 6e, 2012), also with momentum, and centered (Graves, 2013).
//!
//! PyTorch has ε outside of the root and η outside of b, Optax and TensorFlow have both inside. The other ε is 0, and
//! the other η is 1. The essay's form starts at v = g·g (its first row has α = 0) and has no ε. If the divisor is
//! exactly 0, the quotient is 0.

use crate::kernel::Direction;
use crate::kernel::lanes::lanes;
use crate::vector::{Vector, splat};

lanes! {
    /// `inside` and `outside` are εᵢ and εₒ.
    Rates { lr, alpha, one_minus_alpha, inside, outside }
    /// `inner` is ηᵢ, and `lr` ηₒ.
    RatesMomentum { lr, alpha, one_minus_alpha, inside, outside, inner, mu }
    Square { v }
    SquareMomentum { v, b }
    SquareMean { v, a }
    SquareMeanMomentum { v, a, b }
}

pub struct RmsProp;

impl Direction for RmsProp {
    type Row = Rates;
    type State = Square;
    const DIVIDES: bool = true;
    const BY_ROW: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Rates<V>, g: V, s: &mut Square<V>) -> V {
        s.v = row.alpha * s.v + row.one_minus_alpha * (g * g);
        row.lr * g.div_or_zero((s.v + row.inside).sqrt() + row.outside)
    }
}

pub struct RmsPropMomentum;

impl Direction for RmsPropMomentum {
    type Row = RatesMomentum;
    type State = SquareMomentum;
    const DIVIDES: bool = true;
    const BY_ROW: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &RatesMomentum<V>, g: V, s: &mut SquareMomentum<V>) -> V {
        s.v = row.alpha * s.v + row.one_minus_alpha * (g * g);
        let sigma = (s.v + row.inside).sqrt() + row.outside;
        s.b = row.mu * s.b + row.inner * g.div_or_zero(sigma);
        row.lr * s.b
    }
}

pub struct RmsPropCentered;

impl Direction for RmsPropCentered {
    type Row = Rates;
    type State = SquareMean;
    const DIVIDES: bool = true;
    const BY_ROW: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Rates<V>, g: V, s: &mut SquareMean<V>) -> V {
        s.v = row.alpha * s.v + row.one_minus_alpha * (g * g);
        s.a = row.alpha * s.a + row.one_minus_alpha * g;
        row.lr * g.div_or_zero((variance(s.v, s.a) + row.inside).sqrt() + row.outside)
    }
}

pub struct RmsPropCenteredMomentum;

impl Direction for RmsPropCenteredMomentum {
    type Row = RatesMomentum;
    type State = SquareMeanMomentum;
    const DIVIDES: bool = true;
    const BY_ROW: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &RatesMomentum<V>, g: V, s: &mut SquareMeanMomentum<V>) -> V {
        s.v = row.alpha * s.v + row.one_minus_alpha * (g * g);
        s.a = row.alpha * s.a + row.one_minus_alpha * g;
        let sigma = (variance(s.v, s.a) + row.inside).sqrt() + row.outside;
        s.b = row.mu * s.b + row.inner * g.div_or_zero(sigma);
        row.lr * s.b
    }
}

/// v − a·a, and 0 if rounding makes it negative; NaN stays NaN.
#[inline(always)]
fn variance<V: Vector>(v: V, a: V) -> V {
    let (zero, variance) = (splat::<V>(0.0), v - a * a);
    zero.max(variance)
}
