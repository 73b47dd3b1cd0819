//! Rprop (Riedmiller and Braun, 1993) without weight-backtracking, as in PyTorch.
//!
//! h starts at η, which its first row adds to 0. If the product of gradients is NaN, h stays unchanged. The sign of g
//! is NaN if g is NaN.

use crate::kernel::Direction;
use crate::kernel::lanes::lanes;
use crate::vector::{Vector, splat};

lanes! {
    /// `first` is η at the first update, and 0 later.
    Sizes { first, plus, minus, least, most }
    /// g₋₁ and h.
    Steps { before, h }
}

pub struct Rprop;

impl Direction for Rprop {
    type Row = Sizes;
    type State = Steps;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn direction<V: Vector>(row: &Sizes<V>, g: V, s: &mut Steps<V>) -> V {
        let (zero, one) = (splat::<V>(0.0), splat(1.0));
        let p = g * s.before;
        let factor = p.if_greater(zero, row.plus, zero.if_greater(p, row.minus, one));
        let h = (s.h + row.first) * factor;
        s.h = row.most.min(row.least.max(h));
        s.before = zero.if_greater(p, zero, g);
        s.h * s.before.signum()
    }
}
