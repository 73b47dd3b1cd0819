//! Centralizes gradients (Yong et al., 2020): g ← g − mean(g) for each row of a matrix. Then clips gradients per unit
//! (AGC; Brock, De, Smith and Simonyan, 2021): if ‖g‖ of a row is larger than κ·max(‖θ‖, ε), g ← g·(κ·max(‖θ‖, ε)/‖g‖).
//! For clipping, a tensor that is not a matrix is one row.
//!
//! Finally adds noise (`noise.rs`). This kernel does not belong to a rule. It is a stage of its own, before all others.

use std::slice;

use crate::arena::ArenaError;
use crate::kernel::lanes::{Nothing, lanes};
use crate::kernel::matrices::{Compiled, Matrices, MatrixKernel, Shape, ThreadTeam, Work};
use crate::kernel::pipeline::Scratch;
use crate::rules::noise::Noise;
use crate::sums::VALUE;
use crate::vector::{Scalar, Vector};

lanes! {
    /// κ, infinite without clipping, and ε; whether rows are centralized, 1 or 0; the noise's standard deviation, 0
    /// without noise, its seed and t.
    Row { kappa, eps, centralizes, sigma, seed, t }
}

/// Updates g in place.
pub struct Unitwise;

impl MatrixKernel for Unitwise {
    type Row = Row;
    type State = Nothing;
    type Lines = Nothing;

    unsafe fn run<V: Compiled>(
        matrices: &Matrices<V::Scalar>,
        row: &Row<f64>,
        _: Nothing,
        _: Nothing,
        team: &mut ThreadTeam<V>,
    ) -> Result<(), ArenaError> {
        let Row { kappa, eps, sigma, seed, t, .. } = *row;
        let centralizes = row.centralizes > 0.0 && matrices.shape.count > 0;
        // SAFETY: the caller guarantees the matrix, its arrays and the instruction set.
        unsafe {
            if centralizes || kappa < f64::INFINITY {
                team.run(&Clipping { matrices, kappa, eps, centralizes });
            }
            if sigma > 0.0 {
                team.run(&Noise::new(matrices, sigma, seed, t));
            }
        }
        Ok(())
    }
}

/// Matrices whose rows are centralized and clipped.
struct Clipping<'a, S> {
    matrices: &'a Matrices<S>,
    kappa: f64,
    eps: f64,
    centralizes: bool,
}

// SAFETY: pieces are different rows.
unsafe impl<V: Vector> Work<V> for Clipping<'_, V::Scalar> {
    fn pieces(&self) -> usize {
        let shape = self.matrices.shape;
        shape.rows.div_ceil(shape.rows_of_a_block())
    }

    #[inline(always)]
    unsafe fn piece(&self, number: usize, _: &mut Scratch) {
        let Self { matrices, kappa, eps, .. } = *self;
        let Shape { rows, columns, .. } = matrices.shape;
        let some = matrices.shape.rows_of_a_block();
        for row in number * some..rows.min((number + 1) * some) {
            // SAFETY: the caller guarantees both.
            unsafe {
                let g = slice::from_raw_parts_mut(matrices.g.add(row * columns), columns);
                let theta = slice::from_raw_parts(matrices.theta.add(row * columns), columns);
                if self.centralizes {
                    let total = matrices.values(g.as_ptr(), columns, VALUE);
                    let mean = V::Scalar::from_f64(total / columns as f64);
                    for x in &mut *g {
                        *x = *x - mean;
                    }
                }
                if kappa == f64::INFINITY {
                    continue;
                }
                let [of_theta, of_g] = [theta, &*g].map(|values| norm(values, matrices));
                // A NaN propagates, and does not clip.
                let limit = kappa * if eps > of_theta { eps } else { of_theta };
                if of_g > limit {
                    let factor = V::Scalar::from_f64(limit / of_g);
                    for x in g {
                        *x = *x * factor;
                    }
                }
            }
        }
    }
}

/// √Σx², even if a square overflows.
#[inline(always)]
fn norm<S: Scalar>(values: &[S], matrices: &Matrices<S>) -> f64 {
    // SAFETY: they are there.
    let total = unsafe { matrices.squares(values.as_ptr(), values.len()) };
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
