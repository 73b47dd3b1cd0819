//! LAMB (You et al., 2020, algorithm 2). The second pass is `norms::Scaled`, with the rate η·‖θ‖/‖u‖.
//!
//! c₁ = 1/(1−∏β₁) and c₂ = 1/√(1−∏β₂) are the bias corrections.

use crate::kernel::lanes::lanes;
use crate::kernel::{Kernel, Output, Sum};
use crate::rules::adam::Moments;
use crate::rules::norms::Norms;
use crate::vector::Vector;

lanes! {
    /// `taken1` is 1 − β₁, or 1 without averaging.
    Row { c1, c2, eps, beta1, taken1, beta2, one_minus_beta2, lambda }
}

/// Writes u over the gradient.
pub struct Lamb;

impl Kernel for Lamb {
    type Row = Row;
    type State = Moments;
    type Tensor = Norms;
    const OUTPUT: Output = Output::Gradients;
    const SUMS: &'static [Sum] = &[Sum::Parameters, Sum::Gradients];
    const DIVIDES: bool = true;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, _: &Norms<V>, _: V, theta: V, g: V, s: &mut Moments<V>) -> V {
        s.m = row.beta1 * s.m + row.taken1 * g;
        s.v = row.beta2 * s.v + row.one_minus_beta2 * (g * g);
        (row.c1 * s.m).div_or_zero(s.v.sqrt() * row.c2 + row.eps) + row.lambda * theta
    }
}
