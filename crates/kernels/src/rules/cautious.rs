//! The cautious modifier (Liang et al., 2024), of any direction u (θ ← d·θ − u): only what agrees with the gradient,
//! k = [u·g > 0], and that enlarged: θ ← d·θ − (u·k) / max(mean(k), 10⁻³).
//!
//! The stage before it masks the direction, as the flag `MASKS` says; `pipeline::mask` has how.

use crate::kernel::{Kernel, Output};
use crate::lanes::{Nothing, lanes};
use crate::vector::Vector;

lanes! {
    /// Σ k, and 1 / max(mean(k), 10⁻³).
    Agreement { agreeing, rate }
}

pub struct Cautious;

impl Kernel for Cautious {
    type Row = Nothing;
    type State = Nothing;
    type Tensor = Agreement;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(_: &Nothing, by: &Agreement<V>, decay: V, theta: V, u: V, _: &mut Nothing) -> V {
        theta * decay - by.rate * u
    }
}
