//! Adam (Kingma and Ba, 2015, algorithm 1), AdamW (Loshchilov and Hutter, 2019) and AMSGrad (Reddi, Kale and Kumar,
//! 2018).
//!
//! c₁ = η/(1−∏β₁) and c₂ = 1/√(1−∏β₂) are the bias corrections. AMSGrad divides by the root of the largest h·v so far:
//! h is 1, or in Optax's form 1/(1−∏β₂), and c₂ is 1 then. If the divisor is exactly 0 (only without ε), the quotient
//! is 0.

use crate::kernel::Direction;
use crate::kernel::lanes::lanes;
use crate::vector::Vector;

lanes! {
    Corrected { c1, c2, eps, beta1, one_minus_beta1, beta2, one_minus_beta2 }
    /// The coefficients of Adam, and h.
    CorrectedLargest { c1, c2, eps, beta1, one_minus_beta1, beta2, one_minus_beta2, h }
    Moments { m, v }
    LargestMoments { m, v, largest }
}

pub struct Adam;

impl Direction for Adam {
    type Row = Corrected;
    type State = Moments;
    const DIVIDES: bool = true;
    const BY_ROW: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &Corrected<V>, g: V, s: &mut Moments<V>) -> V {
        s.m = row.beta1 * s.m + row.one_minus_beta1 * g;
        s.v = row.beta2 * s.v + row.one_minus_beta2 * (g * g);
        (row.c1 * s.m).div_or_zero(s.v.sqrt() * row.c2 + row.eps)
    }
}

pub struct AmsGrad;

impl Direction for AmsGrad {
    type Row = CorrectedLargest;
    type State = LargestMoments;
    const DIVIDES: bool = true;
    const BY_ROW: bool = true;

    #[inline(always)]
    fn direction<V: Vector>(row: &CorrectedLargest<V>, g: V, s: &mut LargestMoments<V>) -> V {
        s.m = row.beta1 * s.m + row.one_minus_beta1 * g;
        s.v = row.beta2 * s.v + row.one_minus_beta2 * (g * g);
        let size = row.h * s.v;
        // A NaN in v propagates; a NaN in `largest` is overwritten.
        s.largest = s.largest.max(size);
        (row.c1 * s.m).div_or_zero(s.largest.sqrt() * row.c2 + row.eps)
    }
}
