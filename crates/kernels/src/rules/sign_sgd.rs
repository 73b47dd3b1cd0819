//! signSGD (Bernstein et al., 2018, algorithm 1): u = η·sign(g); and with momentum, Signum (algorithm 2),
//! m ← β·m + (1−β)·g, u = η·sign(m). Zeros and NaN are their own sign.

use super::gradient_descent::Rate;
use crate::kernel::Direction;
use crate::kernel::lanes::{Nothing, lanes};
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
        row.lr * g.signum()
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
        row.lr * s.m.signum()
    }
}
