//! What the functions share: exponents, exact errors of sums and products, polynomials, log 2.

use crate::kernel::splat;
use crate::vector::Vector;

/// What float32 and float64 have their own of.
#[derive(Clone, Copy)]
pub struct Of<T>(pub T, pub T);

impl<T: Copy> Of<T> {
    #[inline(always)]
    pub fn get<V: Vector>(self) -> T {
        if size_of::<V::Scalar>() == 4 { self.0 } else { self.1 }
    }
}

impl Of<f64> {
    #[inline(always)]
    pub fn splat<V: Vector>(self) -> V {
        splat(self.get::<V>())
    }
}

/// So few bits that its product with an exponent is exact; the rest is `LN2_LOW`.
pub const LN2_HIGH: Of<f64> = Of(0.69314575, 0.6931471805598903);
pub const LN2_LOW: Of<f64> = Of(1.4286068e-6, 5.497923018708371e-14);

pub const LARGEST: Of<f64> = Of(f32::MAX as f64, f64::MAX);
const LEAST_NORMAL: Of<f64> = Of(f32::MIN_POSITIVE as f64, f64::MIN_POSITIVE);

/// How many bits are below the exponent.
pub const MANTISSA: Of<u32> = Of(23, 52);
/// 2 to that.
pub const UNIT: Of<f64> = Of(8388608.0, 4503599627370496.0);
/// What is added to exponents.
const BIAS: Of<f64> = Of(127.0, 1023.0);

/// k and m of x = 2ᵏ·m for finite x > 0, with c ≤ m < 2·c.
#[inline(always)]
pub fn split<V: Vector>(x: V, c: f64) -> [V; 2] {
    let (bits, zero) = (MANTISSA.get::<V>(), splat::<V>(0.0));
    let shift = splat::<V>(f64::from(bits + 2));
    let larger = x * splat(4.0) * UNIT.splat();
    let least = LEAST_NORMAL.splat::<V>();
    let normal = least.if_greater(x, larger, x);
    let shift = least.if_greater(x, shift, zero);
    let above = normal.sub_bits(splat(c)).add_bits(splat(1.0));
    let offset = splat::<V>(UNIT.get::<V>() + BIAS.get::<V>());
    let k = above.shr(bits).add_bits(UNIT.splat()) - offset - shift;
    let exponent = size_of::<V::Scalar>() as u32 * 8 - bits;
    [k, above.shl(exponent).shr(exponent).add_bits(splat(c))]
}

/// x·2ᵏ for |k| ≤ 2044, or 252 in float32, rounded where it is subnormal.
#[inline(always)]
pub fn scale<V: Vector>(x: V, k: V) -> V {
    let half = nearest(k * splat(0.5));
    x * power_of_two(half) * power_of_two(k - half)
}

/// 2ᵏ where that is a normal number.
#[inline(always)]
pub fn power_of_two<V: Vector>(k: V) -> V {
    let offset = splat::<V>(1.5 * UNIT.get::<V>() + BIAS.get::<V>());
    (k + offset).shl(MANTISSA.get::<V>())
}

/// The nearest whole number, halves to even, for |x| ≤ 2⁵¹, or 2²² in float32.
#[inline(always)]
pub fn nearest<V: Vector>(x: V) -> V {
    let to_whole = to_whole();
    x + to_whole - to_whole
}

/// A number that is added to has the nearest whole number in its last bits.
#[inline(always)]
pub fn to_whole<V: Vector>() -> V {
    splat(1.5 * UNIT.get::<V>())
}

/// What rounding took from sum = a + b (Knuth, 1969, section 4.2.2).
#[inline(always)]
pub fn sum_error<V: Vector>(a: V, b: V, sum: V) -> V {
    let of_b = sum - a;
    a - (sum - of_b) + (b - of_b)
}

/// What rounding took from product = a·b (Dekker, 1971); |a| and |b| below 2⁹⁹⁶, or 2¹¹⁵ in float32.
#[inline(always)]
pub fn product_error<V: Vector>(a: V, b: V, product: V) -> V {
    let (a_high, b_high) = (upper_half(a), upper_half(b));
    let (a_low, b_low) = (a - a_high, b - b_high);
    a_high * b_high - product + a_high * b_low + a_low * b_high + a_low * b_low
}

/// The upper 26 bits, or 12 in float32 (Veltkamp, 1968).
#[inline(always)]
fn upper_half<V: Vector>(x: V) -> V {
    let wide = x * Of(4097.0, 134217729.0).splat();
    wide - (wide - x)
}

/// Σᵢ cᵢ·xⁱ by Horner's rule.
#[inline(always)]
pub fn polynomial<V: Vector>(x: V, c: Of<&[f64]>) -> V {
    let (last, others) = c.get::<V>().split_last().expect("it has coefficients");
    others.iter().rev().fold(splat(*last), |sum, c| sum * x + splat(*c))
}

/// `high < x ? high : x < low ? low : x`; NaN stays NaN.
#[inline(always)]
pub fn bounded<V: Vector>(x: V, low: V, high: V) -> V {
    x.if_greater(high, high, low.if_greater(x, low, x))
}
