use super::numbers::{LARGEST, LN2_HIGH, LN2_LOW, Of, any_not_normal, polynomial, split, split_normal};
use crate::target::SMALL;
use crate::vector::{Vector, splat};

/// √½, with few enough bits for both dtypes.
const SQRT_HALF: f64 = f64::from_bits(0x3fe6a09e << 32);

/// Whether special arguments have code of their own. WebAssembly's vectors of two or four lanes rarely hold one.
const IS_SPLIT: bool = SMALL && cfg!(feature = "functions");

/// (log((1 + s)/(1 − s))/s − 2)/s² by powers of s², where (1 + s)/(1 − s) is between √½ and √2.
const REST: Of<&[f64]> = Of(
    &[0.66666776, 0.39977622, 0.29869792],
    &[
        0.6666666666666734,
        0.39999999999419206,
        0.28571428741392235,
        0.2222219867378293,
        0.18183559186027126,
        0.15314179742887982,
        0.1479468011598933,
    ],
);

/// The natural logarithm: −∞ of zeros, NaN of what is below. For x = 2ᵏ·(1 + f) it is k·log 2 + log(1 + f),
/// where with s = f/(2 + f) the latter is f − (f²/2 − s·(f²/2 + s²·REST)), as in fdlibm (Sun, 1993): f is
/// exact and leads.
#[inline(always)]
pub fn log<V: Vector>(x: V) -> V {
    if !IS_SPLIT {
        log_of_any(x)
    } else if any_not_normal(x) {
        log_of_special(x)
    } else {
        log_of(split_normal(x, SQRT_HALF))
    }
}

/// Not inline, because the lanes of most vectors are positive normal numbers.
#[cold]
#[inline(never)]
fn log_of_special<V: Vector>(x: V) -> V {
    log_of_any(x)
}

#[inline(always)]
fn log_of_any<V: Vector>(x: V) -> V {
    let of_finite = log_of(split(x, SQRT_HALF));
    let of_others = x.if_zero(splat(f64::NEG_INFINITY), splat(f64::NAN));
    x.if_greater(splat(0.0), x.if_greater(LARGEST.splat(), x, of_finite), of_others)
}

/// log(2ᵏ·m)
#[inline(always)]
fn log_of<V: Vector>([k, m]: [V; 2]) -> V {
    let f = m - splat(1.0);
    let s = f / (splat::<V>(2.0) + f);
    let z = s * s;
    let half = splat::<V>(0.5) * (f * f);
    let rest = z * polynomial(z, REST);
    k * LN2_HIGH.splat() - (half - (s * (half + rest) + k * LN2_LOW.splat()) - f)
}
