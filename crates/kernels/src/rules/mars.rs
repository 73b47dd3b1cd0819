//! MARS (Yuan et al., 2024, algorithms 2 and 3): c is the gradient plus a multiple of its change. Each tensor's c is
//! divided by max(1, ‖c‖). Adam or Lion follows with the result as its gradient.
//!
//! At the first update `ahead` is 0. c₁ and c₂ are Adam's coefficients.

use crate::kernel::lanes::lanes;
use crate::kernel::{Kernel, Output, Sum};
use crate::rules::norms::Squares;
use crate::vector::Vector;

lanes! {
    /// `ahead` is a.
    Row { ahead, c1, c2, eps, beta1, one_minus_beta1, beta2, one_minus_beta2 }
    Change { ahead }
    SignRow { ahead, lr, beta1, one_minus_beta1 }
    Previous { previous }
    Moments { previous, m, v }
    Momentum { previous, m }
}

/// Writes c over the gradient, and sums ‖c‖².
pub struct Mars;

impl Kernel for Mars {
    type Row = Change;
    type State = Previous;
    type Tensor = Squares;
    const OUTPUT: Output = Output::Gradients;
    const SUMS: &'static [Sum] = &[Sum::Gradients];
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Change<V>, _: &Squares<V>, _: V, _: V, g: V, s: &mut Previous<V>) -> V {
        let c = g + row.ahead * (g - s.previous);
        s.previous = g;
        c
    }
}

/// Moves θ by Adam's u; the rate is 1/max(1, ‖c‖).
pub struct MarsAdamW;

impl Kernel for MarsAdamW {
    type Row = Row;
    type State = Moments;
    type Tensor = Squares;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, by: &Squares<V>, decay: V, theta: V, c: V, s: &mut Moments<V>) -> V {
        let c = by.rate * c;
        s.m = row.beta1 * s.m + row.one_minus_beta1 * c;
        s.v = row.beta2 * s.v + row.one_minus_beta2 * (c * c);
        theta * decay - (row.c1 * s.m).div_or_zero(s.v.sqrt() * row.c2 + row.eps)
    }
}

/// Moves θ by the sign of m.
pub struct MarsLion;

impl Kernel for MarsLion {
    type Row = SignRow;
    type State = Momentum;
    type Tensor = Squares;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(
        row: &SignRow<V>,
        by: &Squares<V>,
        decay: V,
        theta: V,
        c: V,
        s: &mut Momentum<V>,
    ) -> V {
        s.m = row.beta1 * s.m + row.one_minus_beta1 * (by.rate * c);
        theta * decay - row.lr * s.m.signum()
    }
}
