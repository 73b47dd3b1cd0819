//! Adadelta (Zeiler, 2012, algorithm 1).
//!
//! v and w are the means of g² and of Δ². If √(v + ε) is exactly 0, the parameter keeps its value.

use crate::kernel::Direction;
use crate::kernel::lanes::lanes;
use crate::vector::Vector;

lanes! {
    Fading { lr, rho, one_minus_rho, eps }
    Means { v, w }
}

pub struct Adadelta;

impl Direction for Adadelta {
    type Row = Fading;
    type State = Means;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Fading<V>, g: V, s: &mut Means<V>) -> V {
        s.v = row.rho * s.v + row.one_minus_rho * (g * g);
        let delta = (s.w + row.eps).sqrt().div_or_zero((s.v + row.eps).sqrt()) * g;
        s.w = row.rho * s.w + row.one_minus_rho * (delta * delta);
        row.lr * delta
    }
}
