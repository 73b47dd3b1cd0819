//! The Faddeeva function w(z) = e^(−z²)·erfc(−i·z) of z = x + i·y with y ≥ 0 in float64: its real part, of which Voigt
//! profiles are made, and that one's slopes.
//!
//! w is i/π·∫ e^(−t²)/(z − t): by the trapezoidal rule, on that of two grids which is farther from x, and with what the pole
//! near the axis adds (Hunter and Regan, 1972; Al Azah and Chandler-Wilde, 2021). For the real part all terms of the sum have
//! one sign, so that no digit is lost, however small y is.

use super::exp::{exp, times_exp};
use super::numbers::{LARGEST, apart, product_error, to_whole};
use super::trigonometric::cos_sin_near;
use crate::vector::{Vector, splat, splats};
use std::f64::consts::SQRT_2;

/// Distance of grid points, with few enough bits that all points are exact; and half of it, and its reciprocal.
const STEP: f64 = 0.51171875;
const HALF: f64 = 0.255859375;
const BY_HALF: f64 = 3.9083969465648853;
/// 2π/STEP.
const TURN: f64 = 12.278591134641024;
/// Beyond these the pole adds nothing.
const FAR_X: f64 = 28.0;
const FAR_Y: f64 = 6.140625;
/// From here on, 2³⁰, w is i/(√π·z).
const FAR: f64 = f64::from_bits((1023 + 30) << 52);
const FRAC_1_SQRT_PI: f64 = 0.5641895835477563;
const SQRT_PI: f64 = 1.772453850905516;
/// STEP/π·e^(−t²) for t = (k + ½)·STEP, and for k·STEP, of which the first one counts half.
const WEIGHTS: &[[f64; 2]] = &[
    [0.1525635532838091, 0.08144256853530582],
    [0.09036609067492044, 0.12535994919222884],
    [0.031704060921876075, 0.05714666054916571],
    [0.006588385346978553, 0.015430414973290974],
    [0.0008109569329191367, 0.0024678516781166068],
    [5.9125018399827046e-5, 0.00023378422470408619],
    [2.553286132111855e-6, 1.3117952385795536e-5],
    [6.531040599703301e-8, 4.3598505003126443e-7],
    [9.895095276150578e-10, 8.582856361113676e-9],
    [8.879985906391293e-12, 1.00079883448453e-10],
    [4.720187738165693e-14, 6.912202249024314e-13],
    [1.4861442579250547e-16, 2.827748512786163e-15],
    [2.771515826036856e-19, 6.852039026897742e-18],
    [3.061459069688829e-22, 9.834529167943651e-21],
];

apart! {
    /// 2·e^(−z²)·q/(1 + q) and its logarithmic slope, both real and imaginary. q is e^(2π·i·z/STEP), or −q on the other
    /// grid, because its real part must be above 0. A bit tells which grid is used.
    fn pole<V: Vector>(x: V, y: V) -> [V; 5] {
        let [zero, one, two, turn] = splats([0.0, 1.0, 2.0, TURN]);
        let (far_x, far_y) = (splat::<V>(FAR_X), splat::<V>(FAR_Y));
        let u = x.if_greater(far_x, far_x, x);
        let v = y.if_greater(far_y, far_y, y);
        let halves = u * splat(BY_HALF) + to_whole();
        let [cos, sin] = cos_sin_near((u - (halves - to_whole()) * splat(HALF)) * turn);
        let size = exp(zero - turn * v);
        let square = one + two * (size * cos) + size * size;
        let (a, b) = (size * (cos + size) / square, size * sin / square);
        let bell = times_exp([zero - u * u, zero - product_error(u, u, u * u)], [two * exp(v * v), zero], 0.0);
        let factor = y.if_greater(far_y, zero, bell);
        let [cos, sin] = cos_sin_near(two * (u * v));
        let (real, imaginary) = (factor * (cos * a + sin * b), factor * (cos * b - sin * a));
        [real, imaginary, turn * b - two * x, turn * (one - a) - two * y, halves.shl(62)]
    }
}

/// Σ of a grid's weights times what a term is, of x − t, x + t and 1 by their squares' sums with y².
#[inline(always)]
fn sum_of_grid<V: Vector>(x: V, y: V, grid: V, term: impl Fn([V; 2], [V; 2]) -> V) -> V {
    let (one, square) = (splat::<V>(1.0), y * y);
    let mut t = grid.if_zero(splat(HALF), splat(0.0));
    let mut sum = splat::<V>(0.0);
    for &[even, odd] in WEIGHTS {
        let (a, b) = (x - t, x + t);
        let (p, q) = (a * a + square, b * b + square);
        let both = one / (p * q);
        sum = sum + grid.if_zero(splat(even), splat(odd)) * term([a, b], [q * both, p * both]);
        t = t + splat(STEP);
    }
    sum
}

/// Results near 0 and far from 0, for x ≥ 0 and y ≥ 0. The larger of x and y decides between them, and is returned,
/// too. NaN if y is below 0.
#[inline(always)]
fn either<V: Vector>(x: V, y: V, near: V, far: impl Fn([V; 2], V, V) -> V) -> V {
    let zero = splat::<V>(0.0);
    let most = LARGEST.splat::<V>();
    let (u, v) = (x.if_greater(most, most, x), y.if_greater(most, most, y));
    let larger = u.if_greater(v, u, v);
    let (a, b) = (u / larger, v / larger);
    let value = larger.if_greater(splat(FAR), far([a, b], a * a + b * b, larger), near);
    zero.if_greater(y, splat(f64::NAN), value)
}

/// The Voigt profile of area 1, Re w(z)/(σ·√(2π)) of z = (x + i·γ)/(σ·√2).
#[inline(always)]
pub fn voigt<V: Vector>(x: V, sigma: V, gamma: V) -> V {
    let scale = sigma * splat(SQRT_2);
    faddeeva(x / scale, gamma / scale) / (scale * splat(SQRT_PI))
}

/// The real part of w(x + i·y).
#[inline(always)]
fn faddeeva<V: Vector>(x: V, y: V) -> V {
    let x = x.abs();
    let [real, _, _, _, grid] = pole(x, y);
    let sum = sum_of_grid(x, y, grid, |_, [p, q]| p + q);
    either(x, y, y * sum + real, |[_, b], square, larger| splat::<V>(FRAC_1_SQRT_PI) * (b / square) / larger)
}

/// Its slope by x.
#[inline(always)]
pub fn faddeeva_by_x<V: Vector>(x: V, y: V) -> V {
    let size = x.abs();
    let [real, imaginary, slope, turned, grid] = pole(size, y);
    let sum = sum_of_grid(size, y, grid, |[a, b], [p, q]| a * (p * p) + b * (q * q));
    let near = splat::<V>(-2.0) * (y * sum) + (real * slope - imaginary * turned);
    let value = either(size, y, near, |[a, b], square, larger| {
        splat::<V>(-2.0 * FRAC_1_SQRT_PI) * (a * b / (square * square)) / larger / larger
    });
    splat::<V>(0.0).if_greater(x, splat::<V>(-1.0) * value, value)
}

/// Its slope by y.
#[inline(always)]
pub fn faddeeva_by_y<V: Vector>(x: V, y: V) -> V {
    let (size, below) = (x.abs(), y * y);
    let [real, imaginary, slope, turned, grid] = pole(size, y);
    let sum =
        sum_of_grid(size, y, grid, |[a, b], [p, q]| (a * a - below) * (p * p) + (b * b - below) * (q * q));
    either(size, y, sum - (real * turned + imaginary * slope), |[a, b], square, larger| {
        splat::<V>(FRAC_1_SQRT_PI) * ((a * a - b * b) / (square * square)) / larger / larger
    })
}
