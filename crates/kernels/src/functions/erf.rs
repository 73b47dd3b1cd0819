//! The error function and the normal distribution in float64.

use super::exp::{exp_in_two, times_exp};
use super::log::log;
use super::numbers::{LARGEST, Of, apart, polynomial, product_error, scale, sum_error, to_exponent};
use crate::vector::{Vector, splat, splats};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, SQRT_2};

/// erf x/x − 1 by powers of x², where |x| ≤ ½.
const NEAR: &[f64] = &[
    0.12837916709551256,
    -0.37612638903183476,
    0.11283791670925353,
    -0.026866170632887862,
    0.0052239773730202894,
    -0.000854829775356591,
    0.00012053335118804519,
    -1.4845849113417844e-5,
    1.4725863920718225e-6,
];
/// (1 + 2·x)·erfcx x by powers of t = (x − 4)/(x + 4), the first of which is a sum of two.
const FIRST: f64 = 1.2329951186255526;
const FIRST_LOW: f64 = -4.49117030140039e-17;
const OTHERS: &[f64] = &[
    -0.1396211168405625,
    0.01537965210261959,
    0.0680970542546913,
    -0.1010390660362999,
    0.0937328349984105,
    -0.06633036581219905,
    0.03716751553632399,
    -0.01619773405968329,
    0.0050319699895242515,
    -0.000757773262030915,
    -0.00019925676026410458,
    0.00015062149237837335,
    -2.43989944557621e-5,
    -1.1221292615314274e-5,
    5.709314113532492e-6,
    2.9198219084548256e-7,
    -8.25078338681245e-7,
    7.74606863568198e-8,
    1.1025271999000152e-7,
    -2.05545313698593e-8,
    -1.4806988146925795e-8,
    3.1672611119361695e-9,
    1.825695118953907e-9,
    -2.655726616312575e-10,
    -1.4311318470928162e-10,
];
/// About the slope of that in t, for what is lost where t is rounded.
const SLOPE_IN_T: &[f64] = &[-0.138, 0.204, 0.0875, -1.06, 0.871];
/// 2/√π and 1/√(2π) in two parts.
const SLOPE: [f64; 2] = [FRAC_2_SQRT_PI, 1.533545961316588e-17];
const DENSITY: [f64; 2] = [0.3989422804014327, -2.49232720227773e-17];
/// Error of √½ in float64, and √(2π).
const SQRT_HALF_LOW: f64 = -4.833646656726457e-17;
const SQRT_2_PI: f64 = 2.5066282746310007;
/// The quantile of ½ + q is about q times this of q², where |q| ≤ ¼.
const CENTRAL: &[f64] = &[2.50662877, 2.624542, 5.8217263, 13.5699777, 81.3715204];
/// Coefficients of 1 − e^(−r²/2), which is about r minus these times (r − 4)/(r + 4).
const FROM_TAIL: &[f64] = &[
    0.598807444,
    -0.747168671,
    0.342674856,
    -0.260779912,
    0.170138596,
    -0.139203352,
    0.103093158,
    -0.108170692,
    0.105151859,
    -0.0574536022,
];
/// Below it, 2⁻⁹⁰⁰, products lose bits, and this, 2²⁰⁰, is multiplied by.
const SMALL: f64 = f64::from_bits((1023 - 900) << 52);
const LARGER: f64 = f64::from_bits((1023 + 200) << 52);

/// Beyond it e^(−x²) is 0, beyond the other e^(−x²/2).
const FAR: f64 = 28.0;
const FAR_FROM_MEAN: f64 = 40.0;
/// From here on, 2⁶⁰, quotients are exact enough.
const LARGE: f64 = f64::from_bits((1023 + 60) << 52);

apart! {
    /// erfcx = e^(x²)·erfc of x + x_low ≥ 0 as a sum of two: (1 + 2·x)·erfcx x hardly changes, and is smooth in
    /// (x − 4)/(x + 4) (Shepherd and Laframboise, 1981).
    fn scaled_tail<V: Vector>([x, x_low]: [V; 2]) -> [V; 2] {
        let [four, half, first] = splats([4.0, 0.5, FIRST]);
        let minus_four = splat::<V>(-4.0);
        let (below, above) = (x - four, x + four);
        let t = x.if_greater(LARGEST.splat(), splat(1.0), below / above);
        let lost = sum_error(x, minus_four, below) + x_low - t * (sum_error(x, four, above) + x_low);
        let t_low = (below - t * above - product_error(t, above, t * above) + lost) / above;
        let rest = t * polynomial(t, Of(OTHERS, OTHERS));
        let sum = first + rest;
        let low =
            first - sum + rest + (splat::<V>(FIRST_LOW) + t_low * polynomial(t, Of(SLOPE_IN_T, SLOPE_IN_T)));
        let d = x + half;
        let q = sum / d;
        let product = q * d;
        let missing = sum - product - product_error(q, d, product) + (low - q * (sum_error(x, half, d) + x_low));
        [half * q, d.if_greater(splat(LARGE), splat(0.0), half * (missing / d))]
    }
}

apart! {
    /// e^(−x²)·(factor + factor_low)·2ᵏ, or of e^(−x²/2) for a half, where x is not far.
    fn bell<V: Vector>(x: V, half: f64, factor: [V; 2], k: f64) -> V {
        let square = x * x;
        let less = splat::<V>(-half);
        times_exp([less * square, less * product_error(x, x, square)], factor, k)
    }
}

#[inline(always)]
fn bounded<V: Vector>(size: V, most: f64) -> V {
    size.if_greater(splat(most), splat(most), size)
}

/// erfc x for x ≥ 0.
#[inline(always)]
fn upper_tail<V: Vector>(x: V) -> V {
    let near = bounded(x, FAR);
    bell(near, 1.0, scaled_tail([near, splat(0.0)]), 0.0)
}

/// The error function.
#[inline(always)]
pub fn erf<V: Vector>(x: V) -> V {
    let size = x.abs();
    let near = size + size * polynomial(size * size, Of(NEAR, NEAR));
    let far = splat::<V>(1.0) - upper_tail(size);
    size.if_greater(splat(0.5), far, near).xor(x.sign())
}

/// 1 − erf x.
#[inline(always)]
pub fn erfc<V: Vector>(x: V) -> V {
    let value = upper_tail(x.abs());
    splat::<V>(0.0).if_greater(x, splat::<V>(2.0) - value, value)
}

/// e^(x²)·erfc x; below 0 it is 2·e^(x²) − erfcx(−x).
#[inline(always)]
pub fn erfcx<V: Vector>(x: V) -> V {
    let (zero, two) = (splat::<V>(0.0), splat::<V>(2.0));
    let size = x.abs();
    let [tail, tail_low] = scaled_tail([size, zero]);
    let near = bounded(size, FAR);
    let square = near * near;
    let [exponent, power, power_low] = exp_in_two(square, product_error(near, near, square));
    let k = exponent - to_exponent();
    let other = scale(tail, to_exponent::<V>() - k);
    let double = two * power;
    let sum = double - other;
    let of_negative = sum + (sum_error(double, zero - other, sum) + two * power_low);
    zero.if_greater(x, scale(of_negative, exponent), tail + tail_low)
}

/// The slope of erf, 2/√π·e^(−x²).
#[inline(always)]
pub fn erf_slope<V: Vector>(x: V) -> V {
    bell(bounded(x.abs(), FAR), 1.0, splats(SLOPE), 0.0)
}

/// The density of the standard normal distribution.
#[inline(always)]
pub fn normpdf<V: Vector>(x: V) -> V {
    bell(bounded(x.abs(), FAR_FROM_MEAN), 0.5, splats(DENSITY), 0.0)
}

/// x/√2 as a sum of two.
#[inline(always)]
fn by_sqrt_2<V: Vector>(x: V) -> [V; 2] {
    let factor = splat::<V>(FRAC_1_SQRT_2);
    let quotient = x * factor;
    [quotient, product_error(x, factor, quotient) + x * splat(SQRT_HALF_LOW)]
}

/// Its distribution function, ½·erfc(−x/√2).
#[inline(always)]
pub fn normcdf<V: Vector>(x: V) -> V {
    let size = bounded(x.abs(), FAR_FROM_MEAN);
    let value = bell(size, 0.5, scaled_tail(by_sqrt_2(size)), -1.0);
    x.if_greater(splat(0.0), splat::<V>(1.0) - value, value)
}

/// The quantile of the standard normal distribution: from an approximation to seven digits one step (Halley, 1694),
/// for which the differences are taken of sums of two.
#[inline(always)]
pub fn norminv<V: Vector>(p: V) -> V {
    let [zero, half, one] = splats([0.0, 0.5, 1.0]);
    let q = p - half;
    let value = q.abs().if_greater(splat(0.25), quantile_of_tail(p), quantile_in_middle(q));
    let [infinity, nan] = splats([f64::INFINITY, f64::NAN]);
    let of_others = p.if_zero(zero - infinity, (p - one).if_zero(infinity, nan));
    p.if_greater(zero, one.if_greater(p, value, of_others), of_others)
}

#[inline(always)]
fn quantile_in_middle<V: Vector>(q: V) -> V {
    let (half, one) = (splat::<V>(0.5), splat::<V>(1.0));
    let z = q * polynomial(q * q, Of(CENTRAL, CENTRAL));
    let [x, x_low] = by_sqrt_2(z);
    let difference = half * x - q;
    let rest =
        sum_error(half * x, splat::<V>(0.0) - q, difference) + half * x * polynomial(x * x, Of(NEAR, NEAR));
    let u = (difference + rest) / normpdf(z) + x_low * splat(SQRT_2);
    z - u / (one + half * (z * u))
}

#[inline(always)]
fn quantile_of_tail<V: Vector>(p: V) -> V {
    let [half, one, four] = splats::<V, 3>([0.5, 1.0, 4.0]);
    let q = half.if_greater(p, p, one - p);
    let r = (splat::<V>(-2.0) * log(q)).sqrt();
    let z = r - polynomial((r - four) / (r + four), Of(FROM_TAIL, FROM_TAIL));
    let [tail, tail_low] = scaled_tail(by_sqrt_2(z));
    let square = z * z;
    let [k, power, power_low] = exp_in_two(half * square, half * product_error(z, z, square));
    let small = splat::<V>(SMALL);
    let scaled = small.if_greater(q, q * splat(LARGER), q);
    let product = power * scaled;
    let product_low = product_error(power, scaled, product) + power_low * scaled;
    let exponent = small.if_greater(q, k - splat(200.0), k);
    let difference = half * tail - scale(product, exponent);
    let u = splat::<V>(SQRT_2_PI) * (difference + (half * tail_low - scale(product_low, exponent)));
    let size = z + u / (one - half * (z * u));
    half.if_greater(p, splat::<V>(0.0) - size, size)
}
