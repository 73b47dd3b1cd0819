//! Sums in one fixed order, whatever the width of the vectors or the number of threads: by block
//! sixteen striped sums in float64 that a fixed tree combines, and the blocks of a tensor in order.

use crate::kernel::splat;
use crate::vector::{Scalar, Vector};

pub const STRIPES: usize = 16;
/// Elements of a tensor that are summed on their own; threads may split here.
pub const BLOCK: usize = 1 << 14;

/// Σ x² over a block.
#[inline(always)]
pub fn of_squares<T: Scalar>(values: &[T]) -> f64 {
    of(values, |x| x * x)
}

/// Σ x over a block with the bits of a mask, or Σ |x|: one function, as each is some code.
#[inline(always)]
pub fn of_values<T: Scalar>(values: &[T], mask: u64) -> f64 {
    of(values, |x| f64::from_bits(x.to_bits() & mask))
}

/// Masks: all of a number, or all but its sign.
pub const VALUE: u64 = u64::MAX;
pub const SIZE: u64 = u64::MAX >> 1;

#[inline(always)]
fn of<T: Scalar>(values: &[T], part: impl Fn(f64) -> f64) -> f64 {
    let mut sums = [0.0; STRIPES];
    let (lines, rest) = values.as_chunks::<STRIPES>();
    for line in lines {
        for (sum, x) in sums.iter_mut().zip(line) {
            *sum += part(x.to_f64());
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += part(x.to_f64());
    }
    combine(sums)
}

/// How many numbers are above 0 or below. A count has no order, and a lane's is exact in float32 too.
///
/// # Safety
/// `from` must be readable for `length` numbers, rounded up to whole vectors; behind them are zeros.
#[inline(always)]
pub unsafe fn of_nonzero<V: Vector>(from: *const u8, length: usize) -> f64 {
    let (zero, one) = (splat::<V>(0.0), splat::<V>(1.0));
    let mut counts = zero;
    let mut at = 0;
    while at < length {
        // SAFETY: the caller vouches for the array up to the end of the last vector.
        let x = unsafe { V::load(from.cast::<V::Scalar>().add(at)) };
        counts = counts + x.if_greater(zero, one, zero.if_greater(x, one, zero));
        at += V::LANES;
    }
    let mut lanes = [V::Scalar::from_f64(0.0); STRIPES];
    // SAFETY: no vector is longer.
    unsafe { counts.store(lanes.as_mut_ptr()) };
    lanes.iter().map(|lane| lane.to_f64()).sum()
}

/// Σ x² of a row, in the same order; each x² is added to its column's sum, which begins with it where `begins`.
///
/// # Safety
/// There must be `length` numbers to read and columns to write.
#[inline(always)]
pub unsafe fn sum_line<T: Scalar>(from: *const T, columns: *mut f64, length: usize, begins: bool) -> f64 {
    let mut sums = [0.0; STRIPES];
    let mut at = 0;
    // SAFETY: the caller vouches for all of them.
    unsafe {
        while at + STRIPES <= length {
            let line = from.add(at).cast::<[T; STRIPES]>().read_unaligned();
            let into = columns.add(at).cast::<[f64; STRIPES]>();
            let squares = line.map(|x| x.to_f64() * x.to_f64());
            let mut totals = squares;
            if !begins {
                totals = into.read_unaligned();
                for (total, square) in totals.iter_mut().zip(squares) {
                    *total += square;
                }
            }
            into.write_unaligned(totals);
            for (sum, square) in sums.iter_mut().zip(squares) {
                *sum += square;
            }
            at += STRIPES;
        }
        for (sum, k) in sums.iter_mut().zip(at..length) {
            let x = from.add(k).read().to_f64();
            let into = columns.add(k);
            *sum += x * x;
            into.write(if begins { x * x } else { into.read() + x * x });
        }
    }
    combine(sums)
}

/// The sum of all stripes, by a fixed tree.
#[inline(always)]
fn combine(mut sums: [f64; STRIPES]) -> f64 {
    let mut width = STRIPES / 2;
    while width > 0 {
        for stripe in 0..width {
            sums[stripe] += sums[stripe + width];
        }
        width /= 2;
    }
    sums[0]
}
