//! Logarithms in float64, from a logarithm that is a sum of two numbers.

use super::numbers::{apart, product_error, sum_error};
use super::pow::log_in_two;
use crate::vector::{Vector, splat};
use std::f64::consts::{LOG2_E, LOG10_E};

/// Errors of 1/log 2 and of 1/log 10 in float64.
const LOG2_E_LOW: f64 = 2.0355273740931033e-17;
const LOG10_E_LOW: f64 = 1.098319650216765e-17;

apart! {
    /// log(x + x_low) as a sum of two.
    pub fn log_of_sum<V: Vector>([x, x_low]: [V; 2]) -> [V; 2] {
        let [log, low] = log_in_two(x);
        [log, low + x_low / x]
    }
}

/// log(1 + x): what rounding takes from the sum is a part of its own.
#[inline(always)]
pub fn log1p<V: Vector>(x: V) -> V {
    let one = splat::<V>(1.0);
    let sum = one + x;
    let [log, low] = log_of_sum([sum, sum_error(one, x, sum)]);
    let value = log + low;
    of_positive(sum, x.if_zero(x, value))
}

/// The logarithm in base 2, exact for its powers.
#[inline(always)]
pub fn log2<V: Vector>(x: V) -> V {
    in_base(x, LOG2_E, LOG2_E_LOW)
}

/// The logarithm in base 10, exact for its powers.
#[inline(always)]
pub fn log10<V: Vector>(x: V) -> V {
    in_base(x, LOG10_E, LOG10_E_LOW)
}

#[inline(always)]
fn in_base<V: Vector>(x: V, factor: f64, factor_low: f64) -> V {
    let [log, low] = log_of_sum([x, splat(0.0)]);
    let factor = splat::<V>(factor);
    let product = log * factor;
    of_positive(x, product + (product_error(log, factor, product) + (log * splat(factor_low) + low * factor)))
}

/// A logarithm of finite x > 0, and what it is of others.
#[inline(always)]
fn of_positive<V: Vector>(x: V, value: V) -> V {
    let of_others = x.if_zero(splat(f64::NEG_INFINITY), splat(f64::NAN));
    x.if_greater(splat(0.0), x.if_greater(splat(f64::MAX), x, value), of_others)
}
