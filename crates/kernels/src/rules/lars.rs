//! LARS (You, Gitman and Ginsburg, 2017), after a pass that has summed θ² and g² (`norms::BothNorms`).
//!
//! TypeScript computes the tensor's rate from its norms. If η belongs inside of b, it is part of the rate. If λ·θ was
//! added to g before the norm was taken, λ is 0 here.

use crate::kernel::lanes::lanes;
use crate::kernel::{Kernel, Output};
use crate::rules::norms::Norms;
use crate::rules::sgd::Buffer;
use crate::vector::Vector;

lanes! {
    /// `undampened` is 1 − τ, or 1 at the first update.
    Row { lr, mu, undampened, lambda }
}

pub struct Lars;

impl Kernel for Lars {
    type Row = Row;
    type State = Buffer;
    type Tensor = Norms;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, by: &Norms<V>, _: V, theta: V, g: V, s: &mut Buffer<V>) -> V {
        let u = by.rate * (g + row.lambda * theta);
        s.b = row.mu * s.b + row.undampened * u;
        theta - row.lr * s.b
    }
}

pub struct LarsNesterov;

impl Kernel for LarsNesterov {
    type Row = Row;
    type State = Buffer;
    type Tensor = Norms;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, by: &Norms<V>, _: V, theta: V, g: V, s: &mut Buffer<V>) -> V {
        let u = by.rate * (g + row.lambda * theta);
        s.b = row.mu * s.b + row.undampened * u;
        theta - row.lr * (u + row.mu * s.b)
    }
}
