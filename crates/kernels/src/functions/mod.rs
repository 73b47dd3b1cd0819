//! Elementary functions of vectors, with the same bits for lanes of any width; the twins in TypeScript are
//! ts/functions. There the largest errors seen are in docs/numerics.md; scripts/coefficients.py has the constants.
//!
//! Made of + − × ÷, comparisons and the bits of numbers. Where lanes may differ, both ways are computed.

mod atan;
mod exp;
mod log;
mod numbers;
mod pow;
mod quarter_turns;
mod tanh;
mod trigonometric;

pub use atan::atan;
pub use exp::exp;
pub use log::log;
pub use pow::pow;
pub use tanh::tanh;
pub use trigonometric::{cos, cos_sin_near, sin, tan};
