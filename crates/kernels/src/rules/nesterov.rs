//! Nesterov's momentum (Nesterov, 1983) in two forms, which visit the same points with u = θ + α·v.
//!
//! Shifted: the heavy ball with the gradient at u. Its update is [`super::momentum`]'s, and [`Point`] computes u.
//! Reparametrized: v' = α·v − η·g, u ← (u − α·v) + (1+α)·v'.

use super::momentum::{Ball, Velocity};
use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::{Kernel, Output};
use crate::vector::Vector;

lanes! {
    /// `ahead` is 1 + α.
    Coast { lr, alpha, ahead }
    Shifted { v, point }
}

pub struct Nesterov;

impl Kernel for Nesterov {
    type Row = Coast;
    type State = Velocity;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Coast<V>, _: &Nothing, _: V, theta: V, g: V, s: &mut Velocity<V>) -> V {
        let coasted = row.alpha * s.v;
        s.v = coasted - row.lr * g;
        (theta - coasted) + row.ahead * s.v
    }
}

/// Not an update: the point θ + α·v, at which the shifted form needs the gradient.
pub struct Point;

impl Kernel for Point {
    type Row = Ball;
    type State = Shifted;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::State;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Ball<V>, _: &Nothing, _: V, theta: V, _: V, s: &mut Shifted<V>) -> V {
        s.point = theta + row.alpha * s.v;
        theta
    }
}
