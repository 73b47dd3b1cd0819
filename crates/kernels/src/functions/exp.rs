use super::numbers::{LN2_HIGH, LN2_LOW, Of, apart, bounded, polynomial, product_error, scale, to_exponent};
use crate::vector::{Vector, splat};
use std::f64::consts::LOG2_E;

/// (eʳ − 1 − r)/r² where |r| ≤ ½·log 2.
const REST: Of<&[f64]> = Of(
    &[0.4999999, 0.1666652, 0.04166908, 0.008368776, 0.0013780454],
    &[
        0.5000000000000008,
        0.16666666666666308,
        0.04166666666654697,
        0.008333333333555076,
        0.001388888893986165,
        0.0001984126938659095,
        2.480149656356737e-5,
        2.7557685990732053e-6,
        2.7629122962773284e-7,
        2.497037268520168e-8,
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
    let [exponent, high, rest] = exp_in_parts(bounded(x, LOW.splat(), HIGH.splat()), tail);
    scale(splat::<V>(1.0) + (high + rest), exponent)
}

/// k as `scale` takes it, high and rest of e^(x + tail) = 2ᵏ·(1 + high + rest), where k·log 2 is taken away in two
/// parts (Cody and Waite, 1980, ch. 6).
#[inline(always)]
pub fn exp_in_parts<V: Vector>(x: V, tail: V) -> [V; 3] {
    let exponent = x * splat(LOG2_E) + to_exponent();
    let k = exponent - to_exponent();
    let high = x - k * LN2_HIGH.splat();
    let low = k * LN2_LOW.splat() - tail;
    let r = high - low;
    [exponent, high, r * r * polynomial(r, REST) - low]
}

/// k as `scale` takes it and two numbers of e^(x + tail) = 2ᵏ·(high + low), the former as close to the sum as it can be.
#[inline(always)]
pub fn exp_in_two<V: Vector>(x: V, tail: V) -> [V; 3] {
    let [exponent, r, rest] = exp_in_parts(x, tail);
    let one = splat::<V>(1.0);
    let sum = one + r;
    let rest = r - (sum - one) + rest;
    let high = sum + rest;
    [exponent, high, rest - (high - sum)]
}

apart! {
    /// e^(exponent + low)·(factor + factor_low)·2ᵏ in float64.
    pub fn times_exp<V: Vector>([exponent, low]: [V; 2], [factor, factor_low]: [V; 2], k: f64) -> V {
        let [exponent, power, power_low] = exp_in_two(exponent, low);
        let high = power * factor;
        let rest = product_error(power, factor, high) + (power * factor_low + power_low * factor);
        scale(high + rest, exponent + splat(k))
    }
}
