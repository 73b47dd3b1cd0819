//! Code that the functions share: exponents, exact errors of sums and products, polynomials, log 2.

use crate::vector::{Vector, splat};

/// Functions that are a part of others: where code has to be small, which is in WebAssembly, they are called.
macro_rules! apart {
    ($($function:item)*) => {$(
        #[cfg_attr(target_arch = "wasm32", inline(never))]
        #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
        $function
    )*};
}
pub(super) use apart;

/// A constant with one value for float32 and another one for float64.
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

/// Few enough bits that a product with an exponent is exact; the rest is `LN2_LOW`.
pub const LN2_HIGH: Of<f64> = Of(0.69314575, 0.6931471805598903);
pub const LN2_LOW: Of<f64> = Of(1.4286068e-6, 5.497923018708371e-14);

pub const LARGEST: Of<f64> = Of(f32::MAX as f64, f64::MAX);
const MIN_NORMAL: Of<f64> = Of(f32::MIN_POSITIVE as f64, f64::MIN_POSITIVE);

/// How many bits are below the exponent.
pub const MANTISSA: Of<u32> = Of(23, 52);
/// 2 to that.
pub const UNIT: Of<f64> = Of(8388608.0, 4503599627370496.0);
/// Bias of exponents.
const BIAS: Of<f64> = Of(127.0, 1023.0);

/// k and m of x = 2ᵏ·m for finite x > 0, with c ≤ m < 2·c.
#[inline(always)]
pub fn split<V: Vector>(x: V, c: f64) -> [V; 2] {
    let shift = splat::<V>(f64::from(MANTISSA.get::<V>() + 2));
    let larger = x * splat(4.0) * UNIT.splat();
    let least = MIN_NORMAL.splat::<V>();
    let [k, m] = split_normal(least.if_greater(x, larger, x), c);
    [k - least.if_greater(x, shift, splat(0.0)), m]
}

/// Same as above for x that is not subnormal.
#[inline(always)]
pub fn split_normal<V: Vector>(x: V, c: f64) -> [V; 2] {
    let bits = MANTISSA.get::<V>();
    let above = x.sub_bits(splat(c)).add_bits(splat(1.0));
    let offset = splat::<V>(UNIT.get::<V>() + BIAS.get::<V>());
    let k = above.shr(bits).add_bits(UNIT.splat()) - offset;
    let exponent = size_of::<V::Scalar>() as u32 * 8 - bits;
    [k, above.shl(exponent).shr(exponent).add_bits(splat(c))]
}

/// Whether a lane is not a positive normal number. The bits of such numbers are consecutive integers, which are
/// compared as floating-point numbers. Without the last two bits of the difference, no lane is NaN.
#[inline(always)]
pub fn any_not_normal<V: Vector>(x: V) -> bool {
    let from_least = |x: V| x.sub_bits(MIN_NORMAL.splat()).shr(2);
    from_least(x).any_greater(from_least(LARGEST.splat()))
}

/// The number that `scale` takes for k: added to k, as to another number, it has the nearest k + 2·BIAS in the last
/// bits.
#[inline(always)]
pub fn to_exponent<V: Vector>() -> V {
    splat(1.5 * UNIT.get::<V>() + 2.0 * BIAS.get::<V>())
}

/// x·2ᵏ for |k| ≤ 2044, or 252 in float32, rounded where it is subnormal: half of k after the other.
#[inline(always)]
pub fn scale<V: Vector>(x: V, exponent: V) -> V {
    let (bits, half) = (MANTISSA.get::<V>(), exponent.shr(1));
    x * half.shl(bits) * exponent.sub_bits(half).shl(bits)
}

/// 2ᵏ where that is a normal number.
#[inline(always)]
pub fn power_of_two<V: Vector>(exponent: V) -> V {
    (exponent - BIAS.splat()).shl(MANTISSA.get::<V>())
}

/// A number that is added to has the nearest integer in its last bits.
#[inline(always)]
pub fn to_whole<V: Vector>() -> V {
    splat(1.5 * UNIT.get::<V>())
}

/// Rounding error of sum = a + b (Knuth, 1969, section 4.2.2).
#[inline(always)]
pub fn sum_error<V: Vector>(a: V, b: V, sum: V) -> V {
    let of_b = sum - a;
    a - (sum - of_b) + (b - of_b)
}

/// Rounding error of product = a·b (Dekker, 1971), for |a| and |b| below 2⁹⁹⁶, or 2¹¹⁵ in float32.
#[inline(always)]
pub fn product_error<V: Vector>(a: V, b: V, product: V) -> V {
    let (a_high, b_high) = (upper_half(a), upper_half(b));
    let (a_low, b_low) = (a - a_high, b - b_high);
    a_high * b_high - product + a_high * b_low + a_low * b_high + a_low * b_low
}

/// Rounding error of square = a·a, with the same bits as `product_error`.
#[inline(always)]
pub fn square_error<V: Vector>(a: V, square: V) -> V {
    let high = upper_half(a);
    let low = a - high;
    high * high - square + splat::<V>(2.0) * (high * low) + low * low
}

/// The upper 26 bits, or 12 in float32 (Veltkamp, 1968).
#[inline(always)]
pub fn upper_half<V: Vector>(x: V) -> V {
    let wide = x * Of(4097.0, 134217729.0).splat();
    wide - (wide - x)
}

/// Σᵢ cᵢ·xⁱ: pairs, which do not wait for each other, and then Horner's rule in x².
#[inline(always)]
pub fn polynomial<V: Vector>(x: V, c: Of<&[f64]>) -> V {
    let square = x * x;
    let mut pairs = c.get::<V>().chunks(2).rev();
    let mut sum = linear(x, pairs.next().expect("it has coefficients"));
    for pair in pairs {
        sum = sum * square + linear(x, pair);
    }
    sum
}

/// c₀ + c₁·x, or c₀ alone.
#[inline(always)]
fn linear<V: Vector>(x: V, c: &[f64]) -> V {
    if c.len() == 1 { splat(c[0]) } else { splat::<V>(c[0]) + x * splat(c[1]) }
}

/// `high < x ? high : x < low ? low : x`; NaN stays NaN.
#[inline(always)]
pub fn bounded<V: Vector>(x: V, low: V, high: V) -> V {
    high.min(low.max(x))
}
