//! Elementary functions of vectors, with the same bits for lanes of any width; the twins in TypeScript are
//! ts/functions. There the largest errors seen are in docs/numerics.md; scripts/coefficients.py has the constants.
//!
//! Made of + − × ÷, comparisons and the bits of numbers. Where lanes may differ, both ways are computed.

mod angles;
mod atan;
mod cbrt;
mod erf;
mod exp;
mod faddeeva;
mod floor;
mod gamma;
mod hyperbolic;
mod log;
mod logarithms;
mod numbers;
mod pow;
mod quarter_turns;
mod tanh;
mod trigonometric;

pub use angles::{acos, asin, atan2};
pub use atan::atan;
pub use cbrt::cbrt;
pub use erf::{erf, erf_slope, erfc, erfcx, normcdf, norminv, normpdf};
pub use exp::exp;
pub use faddeeva::{faddeeva_by_x, faddeeva_by_y, voigt};
pub use floor::floor;
pub use gamma::{digamma, gamma, lgamma, tetragamma, trigamma};
pub use hyperbolic::{cosh, expm1, sinh};
pub use log::log;
pub use logarithms::{log1p, log2, log10};
pub use pow::pow;
pub use tanh::tanh;
pub use trigonometric::{cos, cos_sin_near, sin, tan};
