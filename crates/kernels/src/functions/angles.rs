//! Angles in float64: all are arctangents of a quotient of sums of two numbers.

use super::atan::{FAR, nearest_to, rest_of};
use super::numbers::{LARGEST, apart, product_error, square_error};
use crate::vector::{Vector, splat, splats};
use std::f64::consts::PI;

/// Error of π in float64.
const PI_LOW: f64 = 1.2246467991473532e-16;

/// From where on products would be too large or too small, 2^±900, and by what sides are multiplied there, 2⁻⁶⁴ and
/// 2⁶⁰⁰.
const LARGE: f64 = power(900);
const SMALLER: f64 = power(-64);
const SMALL: f64 = power(-900);
const LARGER: f64 = power(600);

const fn power(k: i64) -> f64 {
    f64::from_bits(((k + 1023) as u64) << 52)
}

/// A sum of two numbers, the larger first.
type Sum<V> = [V; 2];

apart! {
    /// atan(n/d), or π less that where `is_obtuse` is not 0; sides are at least 0, of ordinary size, and not both 0.
    fn angle_of<V: Vector>([n, n_low]: Sum<V>, [d, d_low]: Sum<V>, is_obtuse: V) -> V {
        let (zero, far) = (splat::<V>(0.0), splat::<V>(FAR));
        let quotient = n / d;
        let [c, base, base_low] = nearest_to(quotient);
        let numerator = quotient.if_greater(far, zero - d, n - c * d);
        let numerator_low = quotient.if_greater(far, zero - d_low, n_low - c * d_low);
        let denominator = quotient.if_greater(far, n, d + c * n);
        let denominator_low = quotient.if_greater(far, n_low, d_low + c * n_low);
        let u = numerator / denominator;
        let product = u * denominator;
        let missing = numerator - product - product_error(u, denominator, product);
        let low = (missing + (numerator_low - u * denominator_low)) / denominator;
        // For such small numbers the product has no error.
        let low = splat::<V>(SMALL).if_greater(quotient, zero, low);
        let rest = u + (rest_of(u, base_low) + low);
        let pi = splat::<V>(PI);
        let left = pi - base;
        let obtuse = left + (pi - left - base + splat(PI_LOW) - rest);
        is_obtuse.if_zero(base + rest, obtuse)
    }
}

/// Not 0 where x has a minus sign, be it a zero's.
#[inline(always)]
fn is_negative<V: Vector>(x: V) -> V {
    x.sign().shr(1)
}

/// The angle of the point (x, y), with the special values of C99, annex F.
#[inline(always)]
pub fn atan2<V: Vector>(y: V, x: V) -> V {
    let [zero, one, below, nan] = splats([0.0, 1.0, -1.0, f64::NAN]);
    let (n, d) = (y.abs(), x.abs());
    let largest = LARGEST.splat::<V>();
    let most = n.if_greater(d, n, d);
    let finite_or_one = |side: V| most.if_greater(largest, side.if_greater(largest, one, zero), side);
    let (n, d) = (finite_or_one(n), finite_or_one(d));
    let d = n.if_zero(one, d);
    let most = n.if_greater(d, n, d);
    let factor = splat::<V>(SMALL).if_greater(most, splat(LARGER), one);
    let factor = most.if_greater(splat(LARGE), splat(SMALLER), factor);
    let angle = angle_of([n * factor, zero], [d * factor, zero], is_negative(x)).xor(y.sign());
    x.abs().if_greater(below, y.abs().if_greater(below, angle, nan), nan)
}

apart! {
    /// √(1 − x²).
    fn other_side<V: Vector>(x: V) -> Sum<V> {
        let one = splat::<V>(1.0);
        let square = x * x;
        let rest = one - square;
        let lost = one - rest - square - square_error(x, square);
        let root = (rest + lost).sqrt();
        let product = root * root;
        let low = (rest - product - square_error(root, product) + lost) / (root + root);
        [root, low.zero_unless(root)]
    }
}

/// The arcsine.
#[inline(always)]
pub fn asin<V: Vector>(x: V) -> V {
    let zero = splat::<V>(0.0);
    x.if_zero(x, angle_of([x.abs(), zero], other_side(x), zero).xor(x.sign()))
}

/// The arccosine.
#[inline(always)]
pub fn acos<V: Vector>(x: V) -> V {
    angle_of(other_side(x), [x.abs(), splat(0.0)], is_negative(x))
}
