use super::numbers::{Of, polynomial, product_error};
use super::quarter_turns::{Turned, is_far, of_quarter_turns, reduce_lanes, subtract_turns};
use crate::target::SMALL;
use crate::vector::{Vector, splat};

/// (sin r/r − 1)/r² and (cos r − 1 + r²/2)/r⁴ by powers of r², where |r| ≤ π/4.
const SIN: Of<&[f64]> = Of(
    &[-0.16666655, 0.008332177, -0.0001951719],
    &[
        -0.16666666666666632,
        0.008333333333322418,
        -0.0001984126982981198,
        2.755731369360487e-6,
        -2.5050758413136127e-8,
        1.5896814699884636e-10,
    ],
);
const COS: Of<&[f64]> = Of(
    &[0.041666657, -0.0013887731, 2.4477102e-5],
    &[
        0.041666666666666644,
        -0.0013888888888882061,
        2.4801587294420176e-5,
        -2.755731576477891e-7,
        2.087591266164037e-9,
        -1.1369298653885801e-11,
    ],
);

/// The sign's bit.
const TOP: Of<u32> = Of(31, 63);

/// The sine of any finite x in radians.
#[inline(always)]
pub fn sin<V: Vector>(x: V) -> V {
    // For −0, which the reduction does not keep.
    x.if_zero(x, of_quarter_turns!(sin_of_turns, x))
}

/// The cosine of any finite x in radians.
#[inline(always)]
pub fn cos<V: Vector>(x: V) -> V {
    of_quarter_turns!(cos_of_turns, x)
}

/// Cosine and sine of an x of at most a few turns; the sign of −0 does not matter.
#[inline(always)]
pub fn cos_sin_near<V: Vector>(x: V) -> [V; 2] {
    let turned = subtract_turns(x);
    [cos_of_turns(turned), sin_of_turns(turned)]
}

/// The tangent of any finite x in radians: the sine and the cosine of r are sums of two numbers, and so is
/// their quotient.
#[inline(always)]
pub fn tan<V: Vector>(x: V) -> V {
    x.if_zero(x, of_quarter_turns!(tan_of_turns, x))
}

/// tan(r + turns·π/2).
#[inline(always)]
fn tan_of_turns<V: Vector>(Turned { turns, high, low }: Turned<V>) -> V {
    let [[sin, sin_low], [cos, cos_low]] = sin_cos_in_two(high, low);
    let is_odd = turns.shl(TOP.get::<V>() - 1);
    // sin/cos, or −cos/sin.
    let [n, n_low] = [is_odd.if_zero(sin, cos), is_odd.if_zero(sin_low, cos_low)];
    let [d, d_low] = [is_odd.if_zero(cos, sin), is_odd.if_zero(cos_low, sin_low)];
    let inverse = splat::<V>(1.0) / d;
    let q = n * inverse;
    let product = q * d;
    let missing = n - product - product_error(q, d, product) + n_low - q * d_low;
    let tan = q + missing * inverse;
    tan.xor(turns.shl(TOP.get::<V>()))
}

/// sin(r + turns·π/2).
#[inline(always)]
fn sin_of_turns<V: Vector>(turned: Turned<V>) -> V {
    let Turned { turns, high, low } = turned;
    let [sin, sin_rest] = sin_of_r(high, low);
    let [cos, cos_rest] = cos_of_r(high, low);
    let is_odd = turns.shl(TOP.get::<V>() - 1);
    is_odd.if_zero(sin + sin_rest, cos + cos_rest).xor(is_odd.sign())
}

/// cos(r + turns·π/2).
#[inline(always)]
fn cos_of_turns<V: Vector>(turned: Turned<V>) -> V {
    sin_of_turns(Turned { turns: turned.turns + splat(1.0), ..turned })
}

/// The sine of high + low as a sum of two, the larger first.
#[inline(always)]
fn sin_of_r<V: Vector>(high: V, low: V) -> [V; 2] {
    let z = high * high;
    [high, high * z * polynomial(z, SIN) + low * (splat::<V>(1.0) - splat::<V>(0.5) * z)]
}

/// The cosine: 1 − z/2 leads; what its rounding takes is given back.
#[inline(always)]
fn cos_of_r<V: Vector>(high: V, low: V) -> [V; 2] {
    let z = high * high;
    let (one, half) = (splat::<V>(1.0), splat::<V>(0.5) * z);
    let sum = one - half;
    [sum, one - sum - half + (z * z * polynomial(z, COS) - high * low)]
}

/// The sine and the cosine of high + low as sums of two.
#[inline(always)]
pub fn sin_cos_in_two<V: Vector>(high: V, low: V) -> [[V; 2]; 2] {
    let [cos, cos_rest] = cos_of_r(high, low);
    let z_low = product_error(high, high, high * high);
    [normalized(sin_of_r(high, low)), normalized([cos, cos_rest - splat::<V>(0.5) * z_low])]
}

/// The same sum, the first as close to it as can be.
#[inline(always)]
fn normalized<V: Vector>([a, b]: [V; 2]) -> [V; 2] {
    let sum = a + b;
    [sum, b - (sum - a)]
}
