//! Passes that rules with norms of whole tensors share: a first pass that sums squares, and a last pass that moves the
//! parameters by one rate per tensor. TypeScript computes the rate from the sums.

use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::{Kernel, Output, Sum};
use crate::vector::Vector;

lanes! {
    /// Σ θ², Σ u² of the direction u, and the tensor's rate.
    Norms { parameters, direction, rate }
    /// Σ g², and the rate that a rule computes from it.
    Squares { gradients, rate }
}

/// Stores the gradient after the pipeline.
pub struct Prepared;

impl Kernel for Prepared {
    type Row = Nothing;
    type State = Nothing;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::Gradients;
    const COPIES: bool = true;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(_: &Nothing, _: &Nothing, _: V, _: V, g: V, _: &mut Nothing) -> V {
        g
    }
}

/// Stores the gradient after the pipeline, and sums θ² and g².
pub struct BothNorms;

impl Kernel for BothNorms {
    type Row = Nothing;
    type State = Nothing;
    type Tensor = Norms;
    const OUTPUT: Output = Output::Gradients;
    const SUMS: &'static [Sum] = &[Sum::Parameters, Sum::Gradients];
    const COPIES: bool = true;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(_: &Nothing, _: &Norms<V>, _: V, _: V, g: V, _: &mut Nothing) -> V {
        g
    }
}

/// Stores the gradient after the pipeline, and sums g².
pub struct GradientNorm;

impl Kernel for GradientNorm {
    type Row = Nothing;
    type State = Nothing;
    type Tensor = Squares;
    const OUTPUT: Output = Output::Gradients;
    const SUMS: &'static [Sum] = &[Sum::Gradients];
    const COPIES: bool = true;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(_: &Nothing, _: &Squares<V>, _: V, _: V, g: V, _: &mut Nothing) -> V {
        g
    }
}

/// θ ← d·θ − rate·u.
pub struct Scaled;

impl Kernel for Scaled {
    type Row = Nothing;
    type State = Nothing;
    type Tensor = Norms;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(_: &Nothing, by: &Norms<V>, decay: V, theta: V, u: V, _: &mut Nothing) -> V {
        theta * decay - by.rate * u
    }
}
