//! StableAdamW (Wortsman et al., 2023, algorithm 2), in which the β̂ correct the bias.
//!
//! The rate is η / max(1, RMS(g / max(√v, ε))). The first pass writes g / max(√v, ε) over the gradient, and sums its
//! squares.

use crate::kernel::lanes::lanes;
use crate::kernel::{Kernel, Output, Sum};
use crate::rules::adam::Moments;
use crate::vector::Vector;

lanes! {
    /// β₁ and β₂ stand for β̂₁ and β̂₂.
    Row { eps, beta1, one_minus_beta1, beta2, one_minus_beta2 }
    /// Σ (g / max(√v, ε))², the tensor's rate and its decay d.
    Steady { ratios, rate, decay }
}

/// Updates m and v, and writes g / max(√v, ε) over the gradient.
pub struct StableMoments;

impl Kernel for StableMoments {
    type Row = Row;
    type State = Moments;
    type Tensor = Steady;
    const OUTPUT: Output = Output::Gradients;
    const SUMS: &'static [Sum] = &[Sum::Gradients];
    const DIVIDES: bool = true;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, _: &Steady<V>, _: V, _: V, g: V, s: &mut Moments<V>) -> V {
        s.m = row.beta1 * s.m + row.one_minus_beta1 * g;
        s.v = row.beta2 * s.v + row.one_minus_beta2 * (g * g);
        let root = s.v.sqrt();
        // A NaN in v propagates.
        g.div_or_zero(row.eps.max(root))
    }
}

pub struct StableAdamW;

impl Kernel for StableAdamW {
    type Row = Row;
    type State = Moments;
    type Tensor = Steady;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, by: &Steady<V>, _: V, theta: V, _: V, s: &mut Moments<V>) -> V {
        theta * by.decay - by.rate * s.m.div_or_zero(s.v.sqrt() + row.eps)
    }
}
