//! Adan (Xie et al., 2022, algorithm 1).
//!
//! c₁ = η/(1−∏β₁), c₂ = η·β₂/(1−∏β₂) and c₃ = 1/√(1−∏β₃). In the first row both factors of the gradient's change are 0.

use crate::kernel::Direction;
use crate::kernel::lanes::lanes;
use crate::vector::Vector;

lanes! {
    /// `ahead` is β₂, the factor of δ in h.
    Accelerated { c1, c2, c3, eps, beta1, one_minus_beta1, beta2, one_minus_beta2, beta3, one_minus_beta3, ahead }
    Changes { m, n, q, previous }
}

pub struct Adan;

impl Direction for Adan {
    type Row = Accelerated;
    type State = Changes;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Accelerated<V>, g: V, s: &mut Changes<V>) -> V {
        let change = g - s.previous;
        let expected = g + row.ahead * change;
        s.previous = g;
        s.m = row.beta1 * s.m + row.one_minus_beta1 * g;
        s.n = row.beta2 * s.n + row.one_minus_beta2 * change;
        s.q = row.beta3 * s.q + row.one_minus_beta3 * (expected * expected);
        (row.c1 * s.m + row.c2 * s.n).div_or_zero(s.q.sqrt() * row.c3 + row.eps)
    }
}
