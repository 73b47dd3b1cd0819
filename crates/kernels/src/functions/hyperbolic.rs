//! eˣ − 1, hyperbolic sines and cosines in float64, of eˣ as a sum of two numbers.

use super::exp::exp_in_parts;
use super::numbers::{apart, bounded, power_of_two, product_error, sum_error};
use crate::vector::{Vector, splat, splats};

/// Between these a quarter of eˣ can be computed; beyond, all results are what they are there.
const LOW: f64 = -40.0;
const HIGH: f64 = 710.6;
/// Below it, 2⁻⁵⁴, x is the result.
const TINY: f64 = 5.551115123125783e-17;
/// From here on, e⁻ˣ is negligible compared with eˣ.
const FAR: f64 = 40.0;

apart! {
    /// eˣ/4 − less as a sum of two: a quarter, as eˣ itself may be above all numbers where sinh x is not.
    fn quarter_of_exp<V: Vector>(x: V, less: f64) -> [V; 2] {
        let [exponent, high, rest] = exp_in_parts(bounded(x, splat(LOW), splat(HIGH)), splat(0.0));
        let factor = power_of_two(exponent - splat(2.0));
        let whole = factor - splat(less);
        let high = factor * high;
        let sum = whole + high;
        let lost = sum_error(factor, splat(-less), whole) + sum_error(whole, high, sum);
        let rest = lost + factor * rest;
        let quarter = sum + rest;
        [quarter, rest - (quarter - sum)]
    }
}

/// eˣ − 1.
#[inline(always)]
pub fn expm1<V: Vector>(x: V) -> V {
    let [quarter, _] = quarter_of_exp(x, 0.25);
    splat::<V>(TINY).if_greater(x.abs(), x, splat::<V>(4.0) * quarter)
}

/// The hyperbolic sine: with q = (eˣ − 1)/4 it is 2·(q + q/(1 + 4·q)).
#[inline(always)]
pub fn sinh<V: Vector>(x: V) -> V {
    let (size, far) = (x.abs(), splat::<V>(FAR));
    let [one, two, four] = splats([1.0, 2.0, 4.0]);
    let [q, q_low] = quarter_of_exp(size, 0.25);
    let d = one + four * q;
    let other = size.if_greater(far, splat(0.0), q / d);
    let product = other * d;
    let d_low = sum_error(one, four * q, d) + four * q_low;
    let missing = q - product - product_error(other, d, product) + (q_low - other * d_low);
    let sum = q + other;
    let near = sum + (sum_error(q, other, sum) + (q_low + missing / d));
    let value = (two * size.if_greater(far, q, near)).xor(x.sign());
    splat::<V>(TINY).if_greater(size, x, value)
}

/// The hyperbolic cosine: with q = eˣ/4 it is 2·(q + 1/(16·q)).
#[inline(always)]
pub fn cosh<V: Vector>(x: V) -> V {
    let [q, q_low] = quarter_of_exp(x.abs(), 0.0);
    let other = splat::<V>(0.0625) / q;
    let sum = q + other;
    splat::<V>(2.0) * (sum + (sum_error(q, other, sum) + (q_low - other * (q_low / q))))
}
