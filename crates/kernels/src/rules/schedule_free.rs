//! Schedule-Free (Defazio et al., 2024). The parameters are x, an average of the iterates z. The gradient g is
//! evaluated at y, between x and z. g is divided by a root as in Adam, except for SGD and in updates that RAdam does
//! not rectify.

use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::{Kernel, Output};
use crate::vector::Vector;

lanes! {
    Free { gamma, c, one_minus_beta, lambda }
    /// The coefficients of SGD, followed by the coefficients of v; `unrectified` is 1 or 0.
    FreeAdam { gamma, c, one_minus_beta, lambda, c2, eps, beta2, one_minus_beta2, unrectified }
    Iterate { z }
    IteratePoint { z, point }
    Adaptive { z, v }
    AdaptivePoint { z, v, point }
}

/// a + w·(b − a).
#[inline(always)]
fn toward<V: Vector>(a: V, b: V, w: V) -> V {
    a + w * (b - a)
}

pub struct ScheduleFreeSgd;

impl Kernel for ScheduleFreeSgd {
    type Row = Free;
    type State = Iterate;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Free<V>, _: &Nothing, _: V, x: V, g: V, s: &mut Iterate<V>) -> V {
        let y = toward(x, s.z, row.one_minus_beta);
        s.z = s.z - row.gamma * (g + row.lambda * y);
        toward(x, s.z, row.c)
    }
}

pub struct ScheduleFreeAdam;

impl Kernel for ScheduleFreeAdam {
    type Row = FreeAdam;
    type State = Adaptive;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn apply<V: Vector>(row: &FreeAdam<V>, _: &Nothing, _: V, x: V, g: V, s: &mut Adaptive<V>) -> V {
        s.v = row.beta2 * s.v + row.one_minus_beta2 * (g * g);
        // Without rectification the divisor is 1, and dividing by 1 changes no bit.
        let one = row.unrectified;
        let divisor = row.unrectified.if_zero(s.v.sqrt() * row.c2 + row.eps, one);
        let y = toward(x, s.z, row.one_minus_beta);
        s.z = s.z - row.gamma * (g.div_or_zero(divisor) + row.lambda * y);
        toward(x, s.z, row.c)
    }
}

/// Not an update: the point y.
pub struct ScheduleFreePoint;

impl Kernel for ScheduleFreePoint {
    type Row = Free;
    type State = IteratePoint;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::State;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Free<V>, _: &Nothing, _: V, x: V, _: V, s: &mut IteratePoint<V>) -> V {
        s.point = toward(x, s.z, row.one_minus_beta);
        x
    }
}

/// Not an update: the point y, for rules with v.
pub struct ScheduleFreeAdamPoint;

impl Kernel for ScheduleFreeAdamPoint {
    type Row = FreeAdam;
    type State = AdaptivePoint;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::State;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &FreeAdam<V>, _: &Nothing, _: V, x: V, _: V, s: &mut AdaptivePoint<V>) -> V {
        s.point = toward(x, s.z, row.one_minus_beta);
        x
    }
}
