use super::numbers::{Of, UNIT, product_error, to_whole};
use crate::vector::{Scalar, Stored, Vector, splat, splats};
use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

/// π/2 in four parts. The first three have few enough bits that a multiple up to 2²⁰, in float32 2¹¹, is exact.
const PARTS: Of<[f64; 4]> = Of(
    [1.5705566, 0.00023967028, 1.5890691e-8, 2.563344e-12],
    [1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32],
);
/// These times π/2, rounded down.
const MEDIUM: Of<f64> = Of(3216.0, 1647099.0);

/// π/2 has this beyond float64.
const HALF_PI_LOW: f64 = 6.123233995736766e-17;

/// A digit is 24 bits.
const BASE: f64 = 16777216.0;
/// The first 50 digits of 2/π, after three zeros.
#[rustfmt::skip]
const TWO_BY_PI_DIGITS: [u64; 53] = [
    0, 0, 0, 0xa2f983, 0x6e4e44, 0x1529fc, 0x2757d1, 0xf534dd, 0xc0db62, 0x95993c, 0x439041, 0xfe5163, 0xabdebb,
    0xc561b7, 0x246e3a, 0x424dd2, 0xe00649, 0x2eea09, 0xd1921c, 0xfe1deb, 0x1cb129, 0xa73ee8, 0x8235f5,
    0x2ebb44, 0x84e99c, 0x7026b4, 0x5f7e41, 0x3991d6, 0x398353, 0x39f49c, 0x845f8b, 0xbdf928, 0x3b1ff8,
    0x97ffde, 0x05980f, 0xef2f11, 0x8b5a0a, 0x6d1f6d, 0x367ecf, 0x27cb09, 0xb74f46, 0x3f669e, 0x5fea2d,
    0x7527ba, 0xc7ebe5, 0xf17b3d, 0x0739f7, 0x8a5292, 0xea6bfb, 0x5fb11f, 0x8d5d08, 0x560330, 0x46fc7b,
];

/// x less a multiple of π/2.
#[derive(Clone, Copy)]
pub struct Turned<V> {
    /// How many quarter turns are nearest, modulo 4, in the last bits.
    pub turns: V,
    /// The remainder, |r| ≤ π/4, as a sum of two numbers.
    pub high: V,
    pub low: V,
}

/// A function of the remainder of x after quarter turns. Near and far lanes have their own copy of the code. With shared
/// code, several vectors in flight would go through memory in both cases, which takes twice as long. (This is a macro,
/// because the compiler does not inline closures into functions of an instruction set.)
macro_rules! of_quarter_turns {
    ($function:ident, $x:ident) => {{
        let turned = subtract_turns($x);
        if SMALL {
            $function(if is_far($x) { reduce_lanes($x) } else { turned })
        } else if is_far($x) {
            $function(reduce_lanes($x))
        } else {
            $function(turned)
        }
    }};
}
pub(super) use of_quarter_turns;

/// Whether a lane is beyond what `subtract_turns` reduces.
#[inline(always)]
pub fn is_far<V: Vector>(x: V) -> bool {
    x.abs().any_greater(MEDIUM.splat())
}

/// x − k·π/2, where all but the last product is exact (Cody and Waite, 1980, ch. 8).
#[inline(always)]
pub fn subtract_turns<V: Vector>(x: V) -> Turned<V> {
    let parts = splats::<V, 4>(PARTS.get::<V>());
    let turns = x * splat(FRAC_2_PI) + to_whole();
    let k = turns - to_whole();
    let first = x - k * parts[0];
    let second = first - k * parts[1];
    let third = second - k * parts[2];
    // The errors of both differences: each minuend is a multiple of the last place of its subtrahend (Dekker, 1971).
    let lost = (first - second - k * parts[1]) + (second - third - k * parts[2]);
    let rest = lost - k * parts[3];
    let high = third + rest;
    Turned { turns, high, low: rest - (high - third) }
}

/// The remainders of lanes of any size.
#[inline(always)]
pub fn reduce_lanes<V: Vector>(x: V) -> Turned<V> {
    let [turns, high, low] = lanes_of_any_size(x).map(Stored::load);
    Turned { turns, high, low }
}

/// Replaces far lanes one by one. Not inline: callers have no registers to spare for what is rare. The remainders of
/// near lanes are not an argument, because callers would then keep the remainders of all vectors in memory.
#[cold]
#[inline(never)]
fn lanes_of_any_size<V: Vector>(x: V) -> [Stored<V>; 3] {
    let turned = subtract_turns(x);
    let [mut turns, mut high, mut low] = [turned.turns, turned.high, turned.low].map(Stored::new);
    for (lane, x) in Stored::new(x).iter().enumerate() {
        let x = x.to_f64();
        if x.abs() > MEDIUM.get::<V>() && x.abs() < f64::INFINITY {
            let far = multiply_by_digits(x.abs());
            let sign = x.signum();
            let [r, tail] = [far.high, far.low].map(|part| sign * part);
            turns[lane] = V::Scalar::from_f64(1.5 * UNIT.get::<V>() + sign * far.turns);
            high[lane] = V::Scalar::from_f64(r);
            low[lane] = V::Scalar::from_f64(r - high[lane].to_f64() + tail);
        }
    }
    [turns, high, low]
}

/// x·2/π by long multiplication, and its fraction times π/2 (Payne and Hanek, 1983). It begins with the digits
/// that matter modulo 4; of the fraction 144 bits are kept, as numbers come as close to a multiple of π/2 as 2⁻⁶¹.
fn multiply_by_digits(x: f64) -> Turned<f64> {
    // x = 2^(24·shift)·Σ factorₐ·BASEᵃ
    let bits = x.to_bits();
    let k = (bits >> 52) as i32 - 1023;
    let shift = (k - 52).div_euclid(24);
    let whole = u128::from(bits << 12 >> 12 | 1 << 52) << (k - 52 - 24 * shift);
    let factor = [0, 24, 48, 72].map(|from| (whole >> from) as u64 & 0xff_ffff);
    // product₀ + product₁/BASE + …
    let mut product = [0.0; 8];
    let mut carry = 0;
    for i in (0..8).rev() {
        let digits = &TWO_BY_PI_DIGITS[(shift + 2) as usize + i..];
        let sum = carry + factor.iter().zip(digits).map(|(factor, digit)| factor * digit).sum::<u64>();
        carry = sum >> 24;
        product[i] = (sum & 0xff_ffff) as f64;
    }
    let is_upper = product[1] >= BASE / 2.0;
    if is_upper {
        product[1] -= BASE;
    }

    let first = (product[1] + product[2] / BASE) / BASE;
    let second = (product[3] + product[4] / BASE) / (BASE * BASE) / BASE;
    let third = (product[5] + product[6] / BASE) / (BASE * BASE) / (BASE * BASE) / BASE;
    let high = first + second;
    let low = second - (high - first) + third;
    let angle = high * FRAC_PI_2;
    let tail = product_error(high, FRAC_PI_2, angle) + (high * HALF_PI_LOW + low * FRAC_PI_2);
    // Modulo 4, as float32 has no more bits to spare.
    let turns = f64::from((product[0] as u32 + u32::from(is_upper)) % 4);
    let r = angle + tail;
    Turned { turns, high: r, low: tail - (r - angle) }
}
