//! Modifiers of a direction u (θ ← d·θ − u), applied between two stages:
//!
//! - the cautious modifier (Liang et al., 2024) keeps the elements that agree with the gradient, k = [u·g > 0], and
//!   scales them up: w = u·k, θ ← d·θ − w / max(mean(k), 10⁻³);
//! - Grams (Cao et al., 2024) combines the direction's size with the gradient's sign: w = u·sign(u·g), θ ← d·θ − w;
//! - cautious weight decay (Chen et al., 2025) skips elements that the step moves away from 0: θ ← (w·θ < 0 ? 1 : d)·θ
//!   − w.
//!
//! The previous stage leaves w, as `MASKED` and the related flags specify; see `pipeline::mask`.

use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::{Kernel, Output};
use crate::vector::{Vector, splat};

lanes! {
    /// Number of nonzero elements of w; 1 / max(mean(k), 10⁻³), or 1; whether the decay is cautious, 1 or 0.
    Agreement { agreeing, rate, spares }
}

pub struct Cautious;

impl Kernel for Cautious {
    type Row = Nothing;
    type State = Nothing;
    type Tensor = Agreement;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(_: &Nothing, by: &Agreement<V>, decay: V, theta: V, w: V, _: &mut Nothing) -> V {
        let spared = by.spares.if_zero(decay, splat(1.0));
        let d = splat::<V>(0.0).if_greater(w * theta, spared, decay);
        theta * d - by.rate * w
    }
}
