use super::exp::exp_of_sum;
use super::numbers::{
    LARGEST, LN2_HIGH, LN2_LOW, Of, UNIT, bounded, polynomial, product_error, split, square_error,
};
use crate::vector::{Vector, splat, splats};

/// √¾, with few enough bits for both dtypes.
const SQRT_3_4: f64 = f64::from_bits(0x3febb67a << 32);
const SQRT_3_2: f64 = 1.224744871391589;
/// log 1.5 and 2/3 in two parts; the first of the former has as many bits below 1 as that of log 2.
const LOG_HIGH: Of<f64> = Of(0.40545654, 0.4054651081080465);
const LOG_LOW: Of<f64> = Of(8.565139e-6, 1.1790280407716567e-13);
const TWO_THIRDS: f64 = 0.6666666666666666;
const TWO_THIRDS_LOW: Of<f64> = Of(-1.9868216e-8, 3.700743415417188e-17);

/// The largest number below 1 is 0 to this power, so a larger one changes nothing.
const MAX_POWER: Of<f64> = Of(1e10, 1e20);
/// e to this power is 0 or ∞.
const OUT_OF_RANGE: Of<f64> = Of(110.0, 750.0);

/// (log((1 + s)/(1 − s))/s − 2 − ⅔·s²)/s⁴ by powers of s², where (1 + s)/(1 − s) is between √⅔ and √1.5.
const REST: Of<&[f64]> = Of(
    &[0.3999899, 0.28890058],
    &[
        0.39999999999999886,
        0.28571428571644963,
        0.2222222208508769,
        0.1818185810788187,
        0.15378746490152823,
        0.13756310760407187,
    ],
);

/// xʸ, with the special values of C99, annex F: so 1 is 1 to any power, and anything to the power 0, NaN as well.
#[inline(always)]
pub fn pow<V: Vector>(x: V, y: V) -> V {
    let [zero, one, infinity, nan] = splats::<V, 4>([0.0, 1.0, f64::INFINITY, f64::NAN]);
    let (size, exponent) = (x.abs(), y.abs());
    let at_zero = zero.if_greater(y, infinity, y.if_greater(zero, zero, y));
    let at_infinity = y.if_greater(zero, infinity, zero.if_greater(y, zero, y));
    let of_finite = size.if_zero(at_zero, positive_power(size, y));
    let of_others = size.if_greater(LARGEST.splat(), at_infinity, nan);
    let power = infinity.if_greater(size, of_finite, of_others);

    let fraction = fraction(exponent);
    let is_odd = fraction.if_zero(self::fraction(exponent * splat(0.5)), zero);
    let signed = is_odd.if_zero(power, power.xor(x.sign()));
    let is_negative = zero.if_greater(x, x.if_greater(zero - infinity, one, zero), zero);
    let real = fraction.if_zero(signed, is_negative.if_zero(signed, nan));
    y.if_zero(one, (x - one).if_zero(one, real))
}

/// 0 if x ≥ 0 is whole, else another number.
#[inline(always)]
fn fraction<V: Vector>(x: V) -> V {
    let unit = UNIT.splat::<V>();
    unit.if_greater(x, x - (x + unit - unit), splat(0.0))
}

/// e^(y·log x) for finite x > 0.
#[inline(always)]
fn positive_power<V: Vector>(x: V, y: V) -> V {
    let zero = splat::<V>(0.0);
    let [log, log_low] = log_in_two(x);
    let largest = MAX_POWER.splat::<V>();
    let bounded = bounded(y, zero - largest, largest);
    let exponent = bounded * log;
    let tail = product_error(bounded, log, exponent) + bounded * log_low;
    exp_of_sum(exponent, OUT_OF_RANGE.splat::<V>().if_greater(exponent.abs(), tail, zero))
}

/// log x for finite x > 0 as a sum of two numbers, which have about 15 bits more than one number.
///
/// log x = k·log 2 + log b + log(m/b), where b is 1 or 1.5 as in fdlibm. The leading terms of the last logarithm are
/// sums of two numbers (Dekker, 1971).
#[inline(always)]
pub fn log_in_two<V: Vector>(x: V) -> [V; 2] {
    let (zero, two) = (splat::<V>(0.0), splat::<V>(2.0));
    let [k, m] = split(x, SQRT_3_4);
    let if_upper = |yes: V, no: V| m.if_greater(splat(SQRT_3_2), yes, no);
    let b = if_upper(splat(1.5), splat(1.0));

    // s + s_low = (m − b)/(m + b)
    let difference = m - b;
    let sum = m + b;
    let sum_low = m - (sum - b);
    let s = difference / sum;
    let product = s * sum;
    let s_low = (difference - product - product_error(s, sum, product) - s * sum_low) / sum;

    // w + w_low = log(m/b)/s − 2 = ⅔·s² + …
    let z = s * s;
    let z_low = square_error(s, z) + two * s * s_low;
    let two_thirds = splat::<V>(TWO_THIRDS);
    let third = z * two_thirds;
    let third_low = product_error(z, two_thirds, third) + (z * TWO_THIRDS_LOW.splat() + z_low * two_thirds);
    let rest = third_low + z * z * polynomial(z, REST);
    let w = third + rest;
    let w_low = rest - (w - third);

    // log x = (k·log 2 + log b) + 2·s + s·w, the largest first: each sum's error is exact.
    let cubic = s * w;
    let cubic_low = product_error(s, w, cubic) + (s * w_low + s_low * w);
    let whole = k * LN2_HIGH.splat() + if_upper(LOG_HIGH.splat(), zero);
    let whole_low = k * LN2_LOW.splat() + if_upper(LOG_LOW.splat(), zero);
    let partial = whole + two * s;
    let log = partial + cubic;
    let lost = two * s - (partial - whole) + (cubic - (log - partial));
    [log, lost + (whole_low + (two * s_low + cubic_low))]
}
