//! A rule with two stages, only for tests: the direction is scaled per tensor by the ratio of two norms, as in LAMB and
//! LARS. m ← α·m + g and u = m, then θ ← d·θ − (η·ratio)·u. TypeScript computes the ratio from the sums of θ² and u².

use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::{Kernel, Output, Sum};
use crate::vector::{Vector, splat};

lanes! {
    Row { lr, alpha }
    Momentum { m }
    Norms { parameters, direction, ratio }
}

/// Updates m, and writes u over the gradient.
pub struct Measure;

impl Kernel for Measure {
    type Row = Row;
    type State = Momentum;
    type Tensor = Norms;
    const OUTPUT: Output = Output::Gradients;
    const SUMS: &'static [Sum] = &[Sum::Parameters, Sum::Gradients];
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, _: &Norms<V>, _: V, _: V, g: V, s: &mut Momentum<V>) -> V {
        s.m = row.alpha * s.m + g;
        s.m
    }
}

pub struct Move;

impl Kernel for Move {
    type Row = Row;
    type State = Momentum;
    type Tensor = Norms;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, by: &Norms<V>, decay: V, theta: V, u: V, _: &mut Momentum<V>) -> V {
        theta * decay - (row.lr * by.ratio) * u
    }
}

/// A deliberate bug: θ ← θ − g, and a panic if a gradient is 1e30 or more.
pub struct Fails;

impl Kernel for Fails {
    type Row = Nothing;
    type State = Nothing;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(_: &Nothing, _: &Nothing, _: V, theta: V, g: V, _: &mut Nothing) -> V {
        assert!(!g.any_greater(splat(1e30)), "the trial has failed");
        theta - g
    }
}
