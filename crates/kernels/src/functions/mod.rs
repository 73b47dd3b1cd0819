//! Elementary functions of vectors, bit-identical for lanes of any width. Their TypeScript twins are in ts/functions.
//! docs/numerics.md lists the largest observed errors, and scripts/coefficients.py computes the constants.
//!
//! The functions consist of + − × ÷, comparisons and operations on bits. If lanes may take different branches, both
//! branches are computed.

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
