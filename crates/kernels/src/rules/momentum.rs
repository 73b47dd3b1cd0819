//! Momentum, the heavy ball (Polyak, 1964, in the form of Sutskever et al., 2013, equations 1 and 2).

use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::{Kernel, Output};
use crate::vector::Vector;

lanes! {
    Ball { lr, alpha }
    Velocity { v }
}

pub struct Momentum;

impl Kernel for Momentum {
    type Row = Ball;
    type State = Velocity;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Ball<V>, _: &Nothing, _: V, theta: V, g: V, s: &mut Velocity<V>) -> V {
        s.v = row.alpha * s.v - row.lr * g;
        theta + s.v
    }
}
