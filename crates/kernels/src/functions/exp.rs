use super::numbers::{LN2_HIGH, LN2_LOW, Of, bounded, nearest, polynomial, scale};
use crate::kernel::splat;
use crate::vector::Vector;
use std::f64::consts::LOG2_E;

/// (eʳ − 1 − r)/r² where |r| ≤ ½·log 2.
const REST: Of<&[f64]> = Of(
    &[0.5, 0.16666578, 0.041666556, 0.008363173, 0.0013926176],
    &[
        0.5,
        0.1666666666666667,
        0.04166666666666667,
        0.008333333333326141,
        0.0013888888888883752,
        0.00019841269874800683,
        2.4801587325533502e-5,
        2.75572554255029e-6,
        2.7557273661174726e-7,
        2.5105206475334834e-8,
        2.091467944897855e-9,
    ],
);

/// Beyond these the scaling gives 0 and ∞.
const LOW: Of<f64> = Of(-104.0, -746.0);
const HIGH: Of<f64> = Of(89.0, 710.0);

/// eˣ.
#[inline(always)]
pub fn exp<V: Vector>(x: V) -> V {
    exp_of_sum(x, splat(0.0))
}

/// e^(x + tail) for |tail| ≪ 1. A NaN passes.
#[inline(always)]
pub fn exp_of_sum<V: Vector>(x: V, tail: V) -> V {
    let [k, sum, rest] = exp_in_parts(bounded(x, LOW.splat(), HIGH.splat()), tail);
    scale(sum + rest, k)
}

/// k, sum and rest of e^(x + tail) = 2ᵏ·(sum + rest), where k·log 2 is taken away in two parts (Cody and
/// Waite, 1980, ch. 6).
#[inline(always)]
pub fn exp_in_parts<V: Vector>(x: V, tail: V) -> [V; 3] {
    let k = nearest(x * splat(LOG2_E));
    let high = x - k * LN2_HIGH.splat();
    let low = k * LN2_LOW.splat() - tail;
    let r = high - low;
    let sum = splat::<V>(1.0) + high;
    let lost = high - (sum - splat(1.0));
    [k, sum, lost + (r * r * polynomial(r, REST) - low)]
}
