//! Lion (Chen et al., 2023, algorithm 2): u = η·sign(β₁·m + (1−β₁)·g), m ← β₂·m + (1−β₂)·g.

use crate::kernel::Direction;
use crate::kernel::lanes::lanes;
use crate::vector::Vector;

lanes! {
    /// `rest1` is 1 − β₁, and `rest2` 1 − β₂.
    Interpolated { lr, beta1, rest1, beta2, rest2 }
    Momentum { m }
}

pub struct Lion;

impl Direction for Lion {
    type Row = Interpolated;
    type State = Momentum;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn direction<V: Vector>(row: &Interpolated<V>, g: V, s: &mut Momentum<V>) -> V {
        let u = row.lr * (row.beta1 * s.m + row.rest1 * g).signum();
        s.m = row.beta2 * s.m + row.rest2 * g;
        u
    }
}
