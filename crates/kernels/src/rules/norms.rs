//! What rules have in common that measure whole tensors: a pass that sums the squares of what they
//! compare, and one that ends a step by a rate for each tensor, which TypeScript makes of the sums.

use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::{Kernel, Output, Sum};
use crate::vector::Vector;

lanes! {
    /// Σ θ², Σ u² of the direction u, and the tensor's rate.
    Norms { parameters, direction, rate }
    /// Σ g², and what a rule makes of it.
    Squares { gradients, rate }
}

/// Keeps the gradient as it was prepared.
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

/// Keeps the gradient as it was prepared, and sums θ² and g².
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

/// Keeps the gradient as it was prepared, and sums g².
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
