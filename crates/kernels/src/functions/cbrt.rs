use super::numbers::{LARGEST, Of, polynomial, power_of_two, split, to_exponent, to_whole, upper_half};
use crate::vector::{Vector, splat};

/// √½, as `log` has it.
const SQRT_HALF: f64 = f64::from_bits(0x3fe6a09e << 32);
/// ∛v to within 1/240 of it, where √½/2 ≤ v < 4·√½.
const START: &[f64] = &[0.462375, 0.824363, -0.384512, 0.111827, -0.0130433];

/// Cube root in float64. x = 8ᵍ·v. A polynomial and two steps (Halley, 1694) approximate ∛v, and each step triples the
/// number of digits. Before the second step the digits are reduced until their square is exact.
#[inline(always)]
pub fn cbrt<V: Vector>(x: V) -> V {
    let size = x.abs();
    let two = splat::<V>(2.0);
    let [k, m] = split(size, SQRT_HALF);
    let third = (k * splat(1.0 / 3.0) + to_whole()) - to_whole();
    let v = m * power_of_two(k - splat::<V>(3.0) * third + to_exponent());
    let start = polynomial(v, Of(START, START));
    let cube = start * start * start;
    let root = upper_half(start * ((cube + two * v) / (two * cube + v)));
    let ratio = v / (root * root);
    let value = root + root * ((ratio - root) / (root + root + ratio));
    let value = (value * power_of_two(third + to_exponent())).xor(x.sign());
    let finite = size.if_greater(LARGEST.splat(), x, value);
    size.if_greater(splat(0.0), finite, x)
}
