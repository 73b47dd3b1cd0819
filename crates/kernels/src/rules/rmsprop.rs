//! RMSProp (Hinton, Coursera lecture 6e, 2012): v ← α·v + (1−α)·(g·g), σ = √v + ε, u = η·(g/σ);
//! with momentum, b ← μ·b + g/σ and u = η·b, as in Torch.
//!
//! The essay's form starts from v = g·g (its first row has α = 0) and has no ε.
//! Where σ is exactly 0, g/σ counts as 0.

use crate::kernel::Direction;
use crate::lanes::lanes;
use crate::vector::Vector;

lanes! {
    /// `rest` is 1 − α.
    Rates { lr, alpha, rest, eps }
    RatesMomentum { lr, alpha, rest, eps, mu }
    Square { v }
    SquareMomentum { v, b }
}

pub struct RmsProp;

impl Direction for RmsProp {
    type Row = Rates;
    type State = Square;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Rates<V>, g: V, s: &mut Square<V>) -> V {
        row.lr * normalized([row.alpha, row.rest, row.eps], g, &mut s.v)
    }
}

pub struct RmsPropMomentum;

impl Direction for RmsPropMomentum {
    type Row = RatesMomentum;
    type State = SquareMomentum;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &RatesMomentum<V>, g: V, s: &mut SquareMomentum<V>) -> V {
        s.b = row.mu * s.b + normalized([row.alpha, row.rest, row.eps], g, &mut s.v);
        row.lr * s.b
    }
}

/// g/σ, with v updated.
#[inline(always)]
fn normalized<V: Vector>([alpha, rest, eps]: [V; 3], g: V, v: &mut V) -> V {
    *v = alpha * *v + rest * (g * g);
    g.div_or_zero(v.sqrt() + eps)
}
