//! Reductions in one fixed order, whatever the width of the vectors or the number of threads.

use crate::vector::Scalar;

const STRIPES: usize = 16;
/// Elements that are summed on their own before blocks are added in order; threads may split here.
pub const BLOCK: usize = 1 << 14;

/// Σ x², in float64: per block sixteen striped sums combined by a fixed tree, the blocks in order.
#[inline(always)]
pub fn sum_of_squares<T: Scalar>(values: &[T]) -> f64 {
    let mut total = 0.0;
    for block in values.chunks(BLOCK) {
        let mut sums = [0.0; STRIPES];
        let (lines, rest) = block.as_chunks::<STRIPES>();
        for line in lines {
            for (sum, x) in sums.iter_mut().zip(line) {
                *sum += x.to_f64() * x.to_f64();
            }
        }
        for (sum, x) in sums.iter_mut().zip(rest) {
            *sum += x.to_f64() * x.to_f64();
        }
        let mut width = STRIPES / 2;
        while width > 0 {
            for stripe in 0..width {
                sums[stripe] += sums[stripe + width];
            }
            width /= 2;
        }
        total += sums[0];
    }
    total
}
