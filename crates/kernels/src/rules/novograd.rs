//! NovoGrad (Ginsburg et al., 2019), after a pass that has summed g² (`norms::GradientNorm`).
//!
//! The tensor's rate is 1/(√v + ε), with one number v ← β₂·v + (1−β₂)·‖g‖² per tensor. TypeScript computes the rate.

use crate::kernel::lanes::lanes;
use crate::kernel::{Kernel, Output};
use crate::vector::Vector;

lanes! {
    /// `taken1` is 1, or 1 − β₁ if gradients are averaged.
    Row { lr, beta1, taken1, lambda }
    Moment { m }
    /// Σ g², the rate, and v.
    Layer { gradients, rate, v }
}

pub struct NovoGrad;

impl Kernel for NovoGrad {
    type Row = Row;
    type State = Moment;
    type Tensor = Layer;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, by: &Layer<V>, _: V, theta: V, g: V, s: &mut Moment<V>) -> V {
        s.m = row.beta1 * s.m + row.taken1 * (by.rate * g + row.lambda * theta);
        theta - row.lr * s.m
    }
}
