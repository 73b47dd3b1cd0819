//! Prodigy (Mishchenko and Defazio, 2023, algorithm 4): Adam with an estimated distance d as its rate.
//!
//! TypeScript computes the next d from Σ g·(θ₀ − θ) and Σ |s| over all tensors. In float32 (1 − λγ)·θ would not see a γ
//! of 1e-6, and d grows through such small changes, so `shrink`·θ is added instead.

use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::{Kernel, Output, Sum};
use crate::vector::Vector;

lanes! {
    /// `taken1` is (1 − β₁)·d, `taken2` (1 − β₂)·d², `pull` w, `rate` γ, `eps` d·ε, and `shrink` −λγ.
    Row { beta1, taken1, beta2, taken2, beta3, pull, rate, eps, shrink }
    /// `start` is θ₀.
    Distances { s, m, v, start }
    /// Includes s, because the last stage flushes subnormal numbers.
    Moments { s, m, v }
    /// Σ g·(θ₀ − θ) and Σ |s|.
    Progress { progress, path }
}

/// Updates m, v and s, and writes g·(θ₀ − θ) over the gradient.
pub struct ProdigyMoments;

impl Kernel for ProdigyMoments {
    type Row = Row;
    type State = Distances;
    type Tensor = Progress;
    const OUTPUT: Output = Output::Gradients;
    const SUMS: &'static [Sum] = &[Sum::Values, Sum::Sizes];
    const DIVIDES: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, _: &Progress<V>, _: V, theta: V, g: V, s: &mut Distances<V>) -> V {
        s.m = row.beta1 * s.m + row.taken1 * g;
        s.v = row.beta2 * s.v + row.taken2 * (g * g);
        s.s = row.beta3 * s.s + row.pull * g;
        g * (s.start - theta)
    }
}

pub struct Prodigy;

impl Kernel for Prodigy {
    type Row = Row;
    type State = Moments;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = true;

    #[inline(always)]
    fn apply<V: Vector>(row: &Row<V>, _: &Nothing, _: V, theta: V, _: V, s: &mut Moments<V>) -> V {
        theta + theta * row.shrink - row.rate * s.m.div_or_zero(s.v.sqrt() + row.eps)
    }
}
