//! Adam (Kingma and Ba, 2015, algorithm 1), AdamW (Loshchilov and Hutter, 2019) and AMSGrad
//! (Reddi, Kale and Kumar, 2018):
//! m ← β₁·m + (1−β₁)·g, v ← β₂·v + (1−β₂)·(g·g), θ ← d·θ − (c₁·m) / (√v·c₂ + ε).
//!
//! c₁ = η/(1−∏β₁) and c₂ = 1/√(1−∏β₂) are the bias corrections; d is 1 for Adam and 1 − η·λ for
//! AdamW. AMSGrad divides by the root of the largest v so far. Where the divisor is exactly 0
//! (only without ε), the quotient counts as 0.

use super::{Row, Rule, State};
use crate::vector::Vector;

pub struct Adam;

impl Rule for Adam {
    const STATE: usize = 2;

    #[inline(always)]
    fn update<V: Vector>(row: &Row<V>, theta: V, g: V, [m, v, ..]: &mut State<V>) -> V {
        let [decay, c1, c2, eps, ..] = *row;
        moments(row, g, m, v);
        theta * decay - (c1 * *m).div_or_zero(v.sqrt() * c2 + eps)
    }
}

pub struct AmsGrad;

impl Rule for AmsGrad {
    const STATE: usize = 3;

    #[inline(always)]
    fn update<V: Vector>(row: &Row<V>, theta: V, g: V, [m, v, largest]: &mut State<V>) -> V {
        let [decay, c1, c2, eps, ..] = *row;
        moments(row, g, m, v);
        // A NaN in v is taken over, one in the largest is left behind.
        *largest = largest.if_greater(*v, *largest, *v);
        theta * decay - (c1 * *m).div_or_zero(largest.sqrt() * c2 + eps)
    }
}

/// The first and second moment of the gradient, updated.
#[inline(always)]
pub(super) fn moments<V: Vector>(row: &Row<V>, g: V, m: &mut V, v: &mut V) {
    let [_, _, _, _, beta1, one_minus_beta1, beta2, one_minus_beta2, ..] = *row;
    *m = beta1 * *m + one_minus_beta1 * g;
    *v = beta2 * *v + one_minus_beta2 * (g * g);
}
