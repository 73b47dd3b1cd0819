//! Adamax (Kingma and Ba, 2015, algorithm 2), Adam with the largest |g| instead of the root of their squares.
//!
//! c₁ = η/(1−∏β₁). Torch has ε inside of the maximum (εᵢ), TensorFlow outside (εₒ); the other one is 0. Where
//! the divisor is exactly 0 the parameter stays.

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
        // A NaN in g is taken over, one in n is left behind.
        s.n = faded.max(size);
        (row.c1 * s.m).div_or_zero(s.n + row.outside)
    }
}
