//! Sums in one fixed order, whatever the width of the vectors or the number of threads: by block
//! sixteen striped sums in float64 that a fixed tree combines, and the blocks of a tensor in order.

use crate::vector::Scalar;

pub const STRIPES: usize = 16;
/// Elements of a tensor that are summed on their own; threads may split here.
pub const BLOCK: usize = 1 << 14;

pub type Stripes = [f64; STRIPES];

/// Adds x² for each of the values, of which all but a block's last ones come in whole stripes.
#[inline(always)]
pub fn add_squares<T: Scalar>(sums: &mut Stripes, values: &[T]) {
    // A copy, so that it stays in registers.
    let mut local = *sums;
    let (lines, rest) = values.as_chunks::<STRIPES>();
    for line in lines {
        for (sum, x) in local.iter_mut().zip(line) {
            *sum += x.to_f64() * x.to_f64();
        }
    }
    for (sum, x) in local.iter_mut().zip(rest) {
        *sum += x.to_f64() * x.to_f64();
    }
    *sums = local;
}

/// The sum of all stripes, by a fixed tree.
pub fn combine(mut sums: Stripes) -> f64 {
    let mut width = STRIPES / 2;
    while width > 0 {
        for stripe in 0..width {
            sums[stripe] += sums[stripe + width];
        }
        width /= 2;
    }
    sums[0]
}
