//! Sums in one fixed order, whatever the width of the vectors or the number of threads: by block
//! sixteen striped sums in float64 that a fixed tree combines, and the blocks of a tensor in order.

use crate::vector::Scalar;

pub const STRIPES: usize = 16;
/// Elements of a tensor that are summed on their own; threads may split here.
pub const BLOCK: usize = 1 << 14;

/// Σ x² over a block.
#[inline(always)]
pub fn of_squares<T: Scalar>(values: &[T]) -> f64 {
    let mut sums = [0.0; STRIPES];
    let (lines, rest) = values.as_chunks::<STRIPES>();
    for line in lines {
        for (sum, x) in sums.iter_mut().zip(line) {
            *sum += x.to_f64() * x.to_f64();
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += x.to_f64() * x.to_f64();
    }
    combine(sums)
}

/// The sum of all stripes, by a fixed tree.
#[inline(always)]
pub(crate) fn combine(mut sums: [f64; STRIPES]) -> f64 {
    let mut width = STRIPES / 2;
    while width > 0 {
        for stripe in 0..width {
            sums[stripe] += sums[stripe + width];
        }
        width /= 2;
    }
    sums[0]
}
