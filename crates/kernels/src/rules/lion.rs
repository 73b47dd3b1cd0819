//! Lion (Chen et al., 2023, algorithm 2).

use crate::kernel::Direction;
use crate::kernel::lanes::lanes;
use crate::vector::Vector;

lanes! {
    Interpolated { lr, beta1, one_minus_beta1, beta2, one_minus_beta2 }
    Momentum { m }
}

pub struct Lion;

impl Direction for Lion {
    type Row = Interpolated;
    type State = Momentum;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn direction<V: Vector>(row: &Interpolated<V>, g: V, s: &mut Momentum<V>) -> V {
        let u = row.lr * (row.beta1 * s.m + row.one_minus_beta1 * g).signum();
        s.m = row.beta2 * s.m + row.one_minus_beta2 * g;
        u
    }
}
