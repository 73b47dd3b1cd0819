//! Gradients centralized (Yong et al., 2020): g ← g − mean(g) of each row of a matrix. Then gradients clipped by
//! unit (AGC; Brock, De, Smith and Simonyan, 2021): where ‖g‖ of a row is larger than κ·max(‖θ‖, ε),
//! g ← g·(κ·max(‖θ‖, ε)/‖g‖). There a tensor that is no matrix is one row.
//!
//! Last noise, which `noise.rs` states. It is no part of a rule, but a stage of its own before all others.

use std::slice;

use crate::arena::{Fault, Numbers};
use crate::kernel::code::Code;
use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::matrices::{Matrix, Tools, Workers, whole};
use crate::rules::noise::Noise;
use crate::sums::{BLOCK, VALUE};
use crate::vector::Scalar;

lanes! {
    /// κ, infinite to clip nothing, and ε; whether rows are centralized, 1 or 0; the noise's standard deviation,
    /// 0 for none, its seed and t.
    Row { kappa, eps, centralizes, sigma, seed, t }
}

whole! {
    /// g, where it was.
    Unitwise { Row, Nothing, unitwise, &[] }
}

/// A matrix whose rows are centralized and clipped.
#[derive(Clone, Copy)]
pub struct Clipping {
    matrix: Matrix,
    /// Rows of a piece.
    some: usize,
    kappa: f64,
    eps: f64,
    centralizes: bool,
    sum_squares: unsafe fn(*const u8, usize) -> f64,
    sum_values: unsafe fn(*const u8, usize, u64) -> f64,
}

// SAFETY: pieces are of other rows; see `clip`.
unsafe impl Sync for Clipping {}

/// # Safety
/// The matrix must be there, and the row have all coefficients.
unsafe fn unitwise(
    code: &Code,
    tools: &Tools,
    matrix: &Matrix,
    row: Numbers,
    workers: &mut dyn Workers,
) -> Result<(), Fault> {
    let some = matrix.rows_of_a_block();
    // SAFETY: the caller vouches for the row.
    let [kappa, eps, centralizes, sigma, seed, t] = std::array::from_fn(|k| unsafe { row.get(k) });
    let clipping = Clipping {
        matrix: *matrix,
        some,
        kappa,
        eps,
        centralizes: centralizes > 0.0 && matrix.count > 0,
        sum_squares: code.squares,
        sum_values: code.values,
    };
    if clipping.centralizes || kappa < f64::INFINITY {
        // SAFETY: passed on; pieces do not overlap.
        workers.run(matrix.rows.div_ceil(some), &|number, _| unsafe { (tools.clip)(&clipping, number) });
    }
    if sigma > 0.0 {
        let noise = Noise::new(matrix, sigma, seed, t, tools.draw);
        // SAFETY: passed on; blocks do not overlap.
        workers.run(noise.length.div_ceil(BLOCK), &|number, _| unsafe { (tools.perturb)(&noise, number) });
    }
    Ok(())
}

/// Centralizes and clips the rows of a piece.
///
/// # Safety
/// All of the matrix must be there. Other threads may clip other pieces.
#[inline(always)]
pub unsafe fn clip<S: Scalar>(clipping: &Clipping, number: usize) {
    let Clipping { matrix: Matrix { at, theta, rows, columns, .. }, some, kappa, eps, sum_squares, .. } =
        *clipping;
    for row in number * some..rows.min((number + 1) * some) {
        // SAFETY: the caller vouches for both.
        unsafe {
            let g = slice::from_raw_parts_mut(at.cast::<S>().add(row * columns), columns);
            let theta = slice::from_raw_parts(theta.cast::<S>().add(row * columns), columns);
            if clipping.centralizes {
                let sum = |block: &[S]| (clipping.sum_values)(block.as_ptr().cast(), block.len(), VALUE);
                let total = g.chunks(BLOCK).fold(0.0, |total, block| total + sum(block));
                let mean = S::from_f64(total / columns as f64);
                for x in &mut *g {
                    *x = *x - mean;
                }
            }
            if kappa == f64::INFINITY {
                continue;
            }
            let [of_theta, of_g] = [theta, &*g].map(|values| norm(values, sum_squares));
            // A NaN is taken over, and is no limit.
            let limit = kappa * if eps > of_theta { eps } else { of_theta };
            if of_g > limit {
                let factor = S::from_f64(limit / of_g);
                for x in g {
                    *x = *x * factor;
                }
            }
        }
    }
}

/// √Σx², also where a square is too large for a number.
///
/// # Safety
/// The sum must be one of numbers of this dtype.
#[inline(always)]
unsafe fn norm<S: Scalar>(values: &[S], sum_squares: unsafe fn(*const u8, usize) -> f64) -> f64 {
    // SAFETY: passed on.
    let sum = |block: &[S]| unsafe { sum_squares(block.as_ptr().cast(), block.len()) };
    let total = values.chunks(BLOCK).fold(0.0, |total, block| total + sum(block));
    if total < f64::INFINITY || total.is_nan() {
        return total.sqrt();
    }
    let size = |x: &S| x.to_f64().abs();
    let largest = values.iter().map(size).fold(0.0, |most, x| if x > most { x } else { most });
    if largest == f64::INFINITY {
        return largest;
    }
    let ratio = |x: &S| size(x) / largest;
    largest * values.iter().map(ratio).fold(0.0, |total, x| total + x * x).sqrt()
}
