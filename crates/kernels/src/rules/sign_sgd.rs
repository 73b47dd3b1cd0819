//! signSGD (Bernstein et al., 2018, algorithm 1), and with momentum Signum (algorithm 2). The sign of 0 is 0, and the
//! sign of NaN is NaN.

use super::gradient_descent::Rate;
use crate::kernel::Direction;
use crate::kernel::lanes::{Nothing, lanes};
use crate::vector::Vector;

lanes! {
    RateMomentum { lr, beta, one_minus_beta }
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
        s.m = row.beta * s.m + row.one_minus_beta * g;
        row.lr * s.m.signum()
    }
}
