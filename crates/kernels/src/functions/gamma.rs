//! The gamma function, its logarithm and that one's derivatives, in float64.

use super::exp::times_exp;
use super::floor::floor;
use super::logarithms::log_of_sum;
use super::numbers::{LARGEST, Of, apart, polynomial, product_error, sum_error};
use super::trigonometric::sin_cos_in_two;
use crate::vector::{Vector, splat, splats};
use std::f64::consts::PI;

/// Coefficients of powers of z = 1/y² ≤ 1/100, for y·(log Γ(y) − (y − ½)·log y + y − ½·log(2π)), y²·(log y − 1/(2·y) −
/// ψ(y)), y³·(ψ′(y) − 1/y − ½·z) and y⁴·(ψ″(y) + z + 1/y³).
const LOG_GAMMA: &[f64] = &[
    0.08333333333333333,
    -0.0027777777777774886,
    0.0007936507931867712,
    -0.0005952378151473429,
    0.0008416699620379479,
    -0.0019054332018392398,
    0.005494345135525591,
];
const DIGAMMA: &[f64] = &[
    0.08333333333333333,
    -0.008333333333329107,
    0.003968253961468143,
    -0.004166662567441038,
    0.00757457223308907,
    -0.02091510642900945,
    0.06980456098729218,
];
const TRIGAMMA: &[f64] = &[
    0.16666666666666666,
    -0.03333333333333183,
    0.023809523806353428,
    -0.033333330779398006,
    0.07575656066941762,
    -0.25289275925894433,
    1.1396577837007689,
    -5.307066314209993,
];
const TETRAGAMMA: &[f64] = &[
    -0.5,
    0.16666666666663907,
    -0.16666666660850787,
    0.29999995311642275,
    -0.8333146767338117,
    3.2864100489397026,
    -17.000828243028916,
    87.33130215111366,
];
/// log Γ(1 + t)/t and log Γ(2 + t)/t by powers of t, where |t| ≤ 1/16: the first in two parts, and the others.
const NEAR_1: ([f64; 2], &[f64]) = (
    [-0.5772156649015329, 5.077737439339659e-18],
    &[
        0.8224670334241132,
        -0.40068563438653393,
        0.27058080842778687,
        -0.20738555102125417,
        0.16955717699051812,
        -0.14404990486917105,
        0.12550967704669247,
        -0.111330270476784,
        0.10009574743153334,
        -0.09186132397734005,
        0.08419633978231833,
    ],
);
const NEAR_2: ([f64; 2], &[f64]) = (
    [0.42278433509846713, 4.86294538774575e-18],
    &[
        0.3224670334241132,
        -0.06735230105319708,
        0.02058080842778408,
        -0.0073855510307701214,
        0.002890510331698363,
        -0.001192752409481887,
        0.0005096688390144608,
        -0.00022359407788152125,
        9.965805041912905e-5,
    ],
);
const NEAR: f64 = 0.0625;

const PI_LOW: f64 = 1.2246467991473532e-16;
/// ½·log(2π) in two parts.
const HALF_LOG: f64 = 0.9189385332046728;
const HALF_LOG_LOW: f64 = -3.8782941580672414e-17;

/// Below this, ten more is what series are for.
const SHIFT: f64 = 10.0;
/// x·(x + 9) and these are the products of x + j and x + 9 − j.
const PRODUCTS: [f64; 5] = [0.0, 8.0, 14.0, 18.0, 20.0];
/// Below it, 2⁻⁶⁰, only the pole at 0 is seen.
const TINY: f64 = f64::from_bits((1023 - 60) << 52);
/// Beyond it Γ(x) is above all numbers, and Γ(−x) is 0.
const FAR: f64 = 200.0;
/// From where on products would be too large, 2⁵⁰⁰, and what they are multiplied by there and then, 2^∓⁶⁰⁰.
const LARGE: f64 = f64::from_bits((1023 + 500) << 52);
const SMALLER: f64 = f64::from_bits((1023 - 600) << 52);
const LARGER: f64 = f64::from_bits((1023 + 600) << 52);

/// A sum of two numbers, the larger first.
type Sum<V> = [V; 2];

/// π.
#[inline(always)]
fn pi<V: Vector>() -> Sum<V> {
    [splat(PI), splat(PI_LOW)]
}

apart! {
    fn divided<V: Vector>([n, n_low]: Sum<V>, [d, d_low]: Sum<V>) -> Sum<V> {
        let q = n / d;
        let product = q * d;
        let missing = n - product - product_error(q, d, product) + (n_low - q * d_low);
        [q, missing / d]
    }
}

apart! {
    fn times<V: Vector>([a, a_low]: Sum<V>, [b, b_low]: Sum<V>) -> Sum<V> {
        let product = a * b;
        [product, product_error(a, b, product) + (a * b_low + a_low * b)]
    }
}

#[inline(always)]
fn plus<V: Vector>([total, total_low]: Sum<V>, [a, a_low]: Sum<V>) -> Sum<V> {
    let sum = total + a;
    [sum, total_low + (sum_error(total, a, sum) + a_low)]
}

apart! {
    fn square<V: Vector>([root, low]: Sum<V>) -> Sum<V> {
        let square = root * root;
        [square, product_error(root, root, square) + splat::<V>(2.0) * (root * low)]
    }
}

/// Each part multiplied by a number that changes no bit.
#[inline(always)]
fn each<V: Vector>(factor: V, [high, low]: Sum<V>) -> Sum<V> {
    [factor * high, factor * low]
}

#[inline(always)]
fn if_greater<V: Vector>(a: V, b: V, yes: Sum<V>, no: Sum<V>) -> Sum<V> {
    [a.if_greater(b, yes[0], no[0]), a.if_greater(b, yes[1], no[1])]
}

/// x, or 10 more where it is below that.
#[inline(always)]
fn shifted<V: Vector>(x: V) -> Sum<V> {
    let shift = splat::<V>(SHIFT);
    let y = x + shift;
    if_greater(shift, x, [y, sum_error(x, shift, y)], [x, splat(0.0)])
}

apart! {
    /// log Γ(y + y_low) for y ≥ 10 (Stirling's series), multiplied by a scale.
    fn log_gamma<V: Vector>([y, y_low]: Sum<V>, scale: V) -> Sum<V> {
        let [log, log_low] = log_of_sum([y, y_low]);
        let half_log = splat::<V>(HALF_LOG) * scale;
        let scaled = y * scale;
        let less = scaled - splat::<V>(0.5) * scale;
        let product = less * log;
        let product_low = product_error(less, log, product) + (less * log_low + y_low * log);
        let difference = product - scaled;
        let sum = difference + half_log;
        let lost =
            sum_error(product, splat::<V>(0.0) - scaled, difference) + sum_error(difference, half_log, sum);
        let z = splat::<V>(1.0) / y / y;
        let rest = polynomial(z, Of(LOG_GAMMA, LOG_GAMMA)) / y + (splat::<V>(HALF_LOG_LOW) - y_low);
        [sum, lost + (product_low + rest * scale)]
    }
}

apart! {
    /// The products of x + j and x + 9 − j for j from 0 to 4.
    fn products<V: Vector>(x: V) -> [Sum<V>; 5] {
        let nine = splat::<V>(9.0);
        let d = x + nine;
        let s = x * d;
        let s_low = product_error(x, d, s) + x * sum_error(x, nine, d);
        // Not by `map`, here and below: what that calls is not compiled for the instruction set, and calls each operation.
        let mut all = [[splat(0.0); 2]; 5];
        for (q, product) in all.iter_mut().zip(PRODUCTS) {
            let product = splat::<V>(product);
            let sum = s + product;
            *q = [sum, sum_error(s, product, sum) + s_low];
        }
        all
    }
}

apart! {
    /// Ratio of Γ(x) to e^±log Γ(y), without its sign; for x > 0 the reciprocal of a product.
    fn factor_of<V: Vector>(x: V, size: V) -> Sum<V> {
        let (zero, one) = (splat::<V>(0.0), splat::<V>(1.0));
        let products = products(size);
        let mut product = products[0];
        for other in &products[1..] {
            product = times(product, *other);
        }
        let product = if_greater(splat(SHIFT), size, product, [one, zero]);
        let of_positive = divided([one, zero], product);
        if !zero.any_greater(x) {
            return of_positive;
        }
        let [sine, _] = sine_of(size);
        let of_negative = divided(times(product, pi()), times(sine, [size, zero]));
        if_greater(x, zero, of_positive, of_negative)
    }
}

apart! {
    /// The size of sin πx, and cos πx·sgn sin πx, for x ≥ 0.
    fn sine_of<V: Vector>(x: V) -> [Sum<V>; 2] {
        let [zero, one, minus_one] = splats([0.0, 1.0, -1.0]);
        let fraction = x - floor(x);
        let (quarter, three) = (splat::<V>(0.25), splat::<V>(0.75));
        let halves = fraction.if_greater(three, splat(2.0), fraction.if_greater(quarter, one, zero));
        let r = fraction - halves * splat(0.5);
        let high = r * splat(PI);
        let [sin, cos] = sin_cos_in_two(high, product_error(r, splat(PI), high) + r * splat(PI_LOW));
        let is_other = halves - one;
        let if_odd = |yes: Sum<V>, no: Sum<V>| {
            [is_other.if_zero(yes[0], no[0]), is_other.if_zero(yes[1], no[1])]
        };
        let sign = fraction.if_greater(three, minus_one, one);
        [each(sign, if_odd(cos, sin)), each(is_other.if_zero(minus_one, sign), if_odd(sin, cos))]
    }
}

apart! {
    /// `at_pole` where x is an integer below 0, `of_infinity` for −∞ and NaN for NaN.
    fn unless_special<V: Vector>(x: V, value: V, at_pole: f64, of_infinity: V) -> V {
        let zero = splat::<V>(0.0);
        let size = x.abs();
        let of_negative = (size - floor(size)).if_zero(splat(at_pole), value);
        let of_finite = zero.if_greater(x, of_negative, value);
        let of_all = size.if_greater(LARGEST.splat(), of_infinity, of_finite);
        size.if_greater(splat(-1.0), of_all, x)
    }
}

/// The gamma function: NaN at integers below 0.
#[inline(always)]
pub fn gamma<V: Vector>(x: V) -> V {
    let [zero, one, minus_one] = splats([0.0, 1.0, -1.0]);
    let size = x.abs();
    let near = size.if_greater(splat(FAR), splat(FAR), size);
    let stirling = log_gamma(shifted(near), one);
    let sign = x.if_greater(zero, one, minus_one);
    let value = times_exp(each(sign, stirling), factor_of(x, size), 0.0);
    let whole = floor(size);
    let is_odd = whole - splat::<V>(2.0) * floor(whole * splat(0.5));
    let of_negative = is_odd.if_zero(value.xor(splat(-0.0)), value);
    let value = x.if_greater(zero, value, of_negative);
    let value = unless_special(x, value, f64::NAN, x.if_greater(zero, x, splat(f64::NAN)));
    splat::<V>(TINY).if_greater(size, one / x, value)
}

/// The logarithm of the gamma function's size: ∞ at 0 and at integers below.
#[inline(always)]
pub fn lgamma<V: Vector>(x: V) -> V {
    let [zero, one, minus_one] = splats([0.0, 1.0, -1.0]);
    let size = x.abs();
    let (tiny, large) = (splat::<V>(TINY), splat::<V>(LARGE));
    let stirling = log_gamma(shifted(size), size.if_greater(large, splat(SMALLER), one));
    let log = log_of_sum(if_greater(tiny, size, [size, zero], factor_of(x, size)));
    let [total, total_low] = plus(log, each(x.if_greater(zero, one, minus_one), stirling));
    let far = (total + total_low) * size.if_greater(large, splat(LARGER), one);

    let middle = splat::<V>(1.5);
    let if_near_2 = |yes: V, no: V| x.if_greater(middle, yes, no);
    let t = x - if_near_2(splat(2.0), one);
    let first = if_near_2(splat(NEAR_2.0[0]), splat(NEAR_1.0[0]));
    let first_low = if_near_2(splat(NEAR_2.0[1]), splat(NEAR_1.0[1]));
    let others = if_near_2(polynomial(t, Of(NEAR_2.1, NEAR_2.1)), polynomial(t, Of(NEAR_1.1, NEAR_1.1)));
    let product = t * first;
    let rest = product_error(t, first, product) + t * first_low;
    let near = product + (t * t * others + rest);

    let value = t.abs().if_greater(splat(NEAR), far, near);
    let infinity = splat::<V>(f64::INFINITY);
    let value = unless_special(x, value, f64::INFINITY, infinity);
    tiny.if_greater(size, size.if_zero(infinity, zero - (log[0] + log[1])), value)
}

/// The digamma function, the slope of log Γ: NaN at integers below 0.
#[inline(always)]
pub fn digamma<V: Vector>(x: V) -> V {
    let [zero, one, minus_one] = splats([0.0, 1.0, -1.0]);
    let size = x.abs();
    let y = shifted(size);
    let inverse = one / y[0];
    let z = inverse * inverse;
    let series = z * polynomial(z, Of(DIGAMMA, DIGAMMA));
    let far = plus(log_of_sum(y), [splat::<V>(-0.5) * inverse, zero - series]);
    let near = reciprocals(size).into_iter().fold(far, |total, (sum, _)| plus(total, each(minus_one, sum)));
    let mut total = if_greater(splat(SHIFT), size, near, far);
    if zero.any_greater(x) {
        let [sine, cosine] = sine_of(size);
        let [cotangent, low] = divided(cosine, sine);
        let pi = splat::<V>(PI);
        let product = pi * cotangent;
        let product_low = product_error(pi, cotangent, product) + (pi * low + splat::<V>(PI_LOW) * cotangent);
        let of_negative = plus(plus(total, [product, product_low]), divided([one, zero], [size, zero]));
        total = if_greater(zero, x, of_negative, total);
    }
    let [total, low] = total;
    let value = unless_special(x, total + low, f64::NAN, x.if_greater(zero, x, splat(f64::NAN)));
    splat::<V>(TINY).if_greater(size, minus_one / x, value)
}

apart! {
    /// 1/u + 1/v and −2/(u·v) for u = x + j, v = x + 9 − j, j from 0 to 4.
    fn reciprocals<V: Vector>(x: V) -> [(Sum<V>, Sum<V>); 5] {
        let nine = splat::<V>(9.0);
        let d = x + nine;
        let sum = x + d;
        let both = [sum, sum_error(x, d, sum) + sum_error(x, nine, d)];
        let mut all = [([splat(0.0); 2], [splat(0.0); 2]); 5];
        for (reciprocal, q) in all.iter_mut().zip(&products(x)) {
            *reciprocal = (divided(both, *q), divided([splat(-2.0), splat(0.0)], *q));
        }
        all
    }
}

/// The slope of digamma: ∞ at integers below 0.
#[inline(always)]
pub fn trigamma<V: Vector>(x: V) -> V {
    let (zero, one) = (splat::<V>(0.0), splat::<V>(1.0));
    let size = x.abs();
    let y = shifted(size);
    let [inverse, low] = divided([one, zero], y);
    let z = inverse * inverse;
    let low = low + z * inverse * polynomial(z, Of(TRIGAMMA, TRIGAMMA));
    let low = y[0].if_greater(splat(LARGE), zero, low);
    let far = plus([inverse, low], [splat::<V>(0.5) * z, zero]);
    // The sum of the squares is that one's square, less 2/(u·v).
    let add = |total, (sum, less)| plus(plus(total, square(sum)), less);
    let near = reciprocals(size).into_iter().fold(far, add);
    let mut total = if_greater(splat(SHIFT), size, near, far);
    if zero.any_greater(x) {
        let negated = [total[0].xor(splat(-0.0)), total[1].xor(splat(-0.0))];
        let [sine, _] = sine_of(size);
        let of_inverse = square(divided([one, zero], [size, zero]));
        let of_negative = plus(plus(negated, of_inverse), square(divided(pi(), sine)));
        total = if_greater(zero, x, of_negative, total);
    }
    let [total, low] = total;
    let of_infinity = x.if_greater(zero, zero, splat(f64::NAN));
    let value = unless_special(x, total + low, f64::INFINITY, of_infinity);
    splat::<V>(TINY).if_greater(size, one / x * (one / x), value)
}

/// The slope of trigamma, to a few units in the last place.
#[inline(always)]
pub fn tetragamma<V: Vector>(x: V) -> V {
    let [zero, one, two] = splats::<V, 3>([0.0, 1.0, 2.0]);
    let size = x.abs();
    let inverse = one / shifted(size)[0];
    let z = inverse * inverse;
    let far = z * z * polynomial(z, Of(TETRAGAMMA, TETRAGAMMA)) - z * inverse - z;
    let near = (0..10).rev().fold(far, |sum, j| {
        let d = size + splat(f64::from(j));
        sum - two / d / d / d
    });
    let mut sum = splat::<V>(SHIFT).if_greater(size, near, far);
    if zero.any_greater(x) {
        let [[sine, _], [cosine, _]] = sine_of(size);
        let pi = splat::<V>(PI);
        let root = pi / sine;
        let of_negative = sum + two / size / size / size + two * (root * root) * (pi * (cosine / sine));
        sum = zero.if_greater(x, of_negative, sum);
    }
    let value = unless_special(x, sum, f64::NAN, x.if_greater(zero, zero, splat(f64::NAN)));
    splat::<V>(TINY).if_greater(size, splat::<V>(-2.0) / x / x / x, value)
}
