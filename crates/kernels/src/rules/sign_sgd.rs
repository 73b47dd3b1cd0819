//! signSGD (Bernstein et al., 2018, algorithm 1): u = η·sign(g); and with momentum, Signum (algorithm 2),
//! m ← β·m + (1−β)·g, u = η·sign(m). Zeros and NaN are their own sign.

use super::gradient_descent::Rate;
use crate::kernel::{Direction, splat};
use crate::lanes::{Nothing, lanes};
use crate::vector::Vector;

lanes! {
    /// `rest` is 1 − β.
    RateMomentum { lr, beta, rest }
    Moment { m }
}

pub struct SignSgd;

impl Direction for SignSgd {
    type Row = Rate;
    type State = Nothing;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn direction<V: Vector>(row: &Rate<V>, g: V, _: &mut Nothing) -> V {
        row.lr * sign(g)
    }
}

pub struct Signum;

impl Direction for Signum {
    type Row = RateMomentum;
    type State = Moment;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn direction<V: Vector>(row: &RateMomentum<V>, g: V, s: &mut Moment<V>) -> V {
        s.m = row.beta * s.m + row.rest * g;
        row.lr * sign(s.m)
    }
}

/// 1 or −1; zeros and NaN are their own sign.
#[inline(always)]
pub fn sign<V: Vector>(x: V) -> V {
    let (zero, one, minus_one) = (splat::<V>(0.0), splat(1.0), splat(-1.0));
    x.if_greater(zero, one, zero.if_greater(x, minus_one, x))
}
