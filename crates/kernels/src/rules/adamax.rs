//! Adamax (Kingma and Ba, 2015, algorithm 2), Adam with the largest |g| instead of the root mean square.
//!
//! c₁ = η/(1−∏β₁). PyTorch adds ε inside of the maximum (εᵢ), TensorFlow outside (εₒ); the other ε is 0. If the divisor
//! is exactly 0, the parameter keeps its value.

use crate::kernel::Direction;
use crate::kernel::lanes::lanes;
use crate::vector::Vector;

lanes! {
    /// `inside` and `outside` are εᵢ and εₒ.
    Largest { c1, beta1, one_minus_beta1, beta2, inside, outside }
    MomentLargest { m, n }
}

pub struct Adamax;

impl Direction for Adamax {
    type Row = Largest;
    type State = MomentLargest;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Largest<V>, g: V, s: &mut MomentLargest<V>) -> V {
        s.m = row.beta1 * s.m + row.one_minus_beta1 * g;
        let (faded, size) = (row.beta2 * s.n, g.abs() + row.inside);
        // A NaN in g propagates; a NaN in n is overwritten.
        s.n = faded.max(size);
        (row.c1 * s.m).div_or_zero(s.n + row.outside)
    }
}
