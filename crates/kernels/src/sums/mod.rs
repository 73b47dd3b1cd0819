//! Sums in a fixed order that does not depend on the vector width or the number of threads. Each block has sixteen
//! striped float64 sums, which a fixed tree combines. The blocks of a tensor are added in order.

pub mod product;

use std::{array, slice};

use crate::memory;
use crate::target::SMALL;
use crate::vector::{Scalar, Stored, Vector, load_at, splat, store_at};

pub const STRIPES: usize = 16;
/// Elements of a tensor that are summed on their own; threads may split here.
pub const BLOCK: usize = 1 << 14;

/// Σ x² over a block.
///
/// # Safety
/// `from` must be readable for `length` numbers.
#[inline(always)]
pub unsafe fn of_squares<V: Vector>(from: *const V::Scalar, length: usize) -> f64 {
    if SMALL {
        // SAFETY: the caller guarantees `length` numbers.
        return of(unsafe { slice::from_raw_parts(from, length) }, |x| x * x);
    }
    let mut sums = Stripes::<V>::new(&[0.0; STRIPES]);
    let whole = length - length % STRIPES;
    for at in (0..whole).step_by(STRIPES) {
        for k in (0..STRIPES).step_by(V::LANES) {
            // SAFETY: the caller guarantees `length` numbers, of which these are whole lines of stripes.
            sums.add(k, unsafe { load_at::<V>(from, at + k) });
        }
    }
    let left = length - whole;
    for k in (0..STRIPES).step_by(V::LANES) {
        if k < left {
            // SAFETY: the caller guarantees `length` numbers, and this one is there.
            let from = unsafe { from.add(whole + k) };
            // Adding +0 beyond the end changes no sum, because no sum is −0. SAFETY: as above; `left` elements remain.
            sums.add(k, unsafe { V::load_some(from, left - k) });
        }
    }
    combine(sums.to_array())
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
        // SAFETY: the caller guarantees the array up to the end of the last vector.
        let x = unsafe { load_at::<V>(from.cast(), at) };
        counts = counts + x.if_greater(zero, one, zero.if_greater(x, one, zero));
        at += V::LANES;
    }
    Stored::new(counts).iter().map(|lane| lane.to_f64()).sum()
}

/// Striped sums in registers. (Compilers do not always turn loops over arrays of stripes into wide vectors.)
#[derive(Clone, Copy)]
pub struct Stripes<V: Vector>([V::Wide; STRIPES]);

impl<V: Vector> Stripes<V> {
    /// How many of the vectors are used: stripes are whole vectors.
    const USED: usize = {
        assert!(STRIPES.is_multiple_of(V::LANES) && STRIPES.is_multiple_of(<V::Wide as Vector>::LANES));
        STRIPES / <V::Wide as Vector>::LANES
    };

    #[inline(always)]
    pub fn new(sums: &[f64; STRIPES]) -> Self {
        // SAFETY: the last vector in use ends with the array.
        Self(array::from_fn(|k| unsafe { load_at(sums.as_ptr(), k % Self::USED * V::Wide::LANES) }))
    }

    #[inline(always)]
    pub fn to_array(self) -> [f64; STRIPES] {
        let mut sums = [0.0; STRIPES];
        for k in 0..Self::USED {
            // SAFETY: as in `new`.
            unsafe { store_at(self.0[k], sums.as_mut_ptr(), k * V::Wide::LANES) };
        }
        sums
    }

    /// Adds x² to as many stripes, from number `from` on.
    #[inline(always)]
    pub fn add(&mut self, from: usize, x: V) {
        self.add_all(from, squares(x));
    }

    /// Adds `count` parts.
    #[inline(always)]
    pub fn add_all(&mut self, from: usize, parts: [V::Wide; 2]) {
        for (k, part) in parts.into_iter().enumerate().take(V::PARTS) {
            let sum = &mut self.0[from / V::Wide::LANES + k];
            *sum = *sum + part;
        }
    }
}

#[inline(always)]
fn squares<V: Vector>(x: V) -> [V::Wide; 2] {
    x.widen().map(|x| x * x)
}

/// Σ x² of some rows, each in the same order. Each x² is also added to its column's sum, row by row. If `begins`, the
/// column's sum starts with the first row.
///
/// # Safety
/// `from` must be readable for `N` contiguous rows of `length` numbers. `rows` must be writable for `N` numbers.
/// `columns` must be readable and writable for `length` numbers, rounded up to whole lines of stripes.
#[inline(always)]
pub unsafe fn sum_lines<V: Vector, const N: usize>(
    from: *const V::Scalar,
    columns: *mut f64,
    length: usize,
    begins: bool,
    rows: *mut f64,
) {
    let mut sums = [Stripes::<V>::new(&[0.0; STRIPES]); N];
    for at in (0..length).step_by(STRIPES) {
        // SAFETY: the caller guarantees column `at` of each row.
        let from = unsafe { from.add(at) };
        // SAFETY: the caller guarantees the sum of column `at`.
        let columns = unsafe { columns.add(at) };
        let left = length - at;
        // Whole vectors are loaded without a mask.
        if left < STRIPES || SMALL {
            // SAFETY: the caller guarantees the remaining columns, and their sums in whole lines of stripes.
            unsafe { sum_stripes(from, columns, length, left, begins, &mut sums) };
        } else {
            // SAFETY: as above; a whole line of stripes is left.
            unsafe { sum_stripes(from, columns, length, STRIPES, begins, &mut sums) };
        }
    }
    for (row, sums) in sums.into_iter().enumerate() {
        // SAFETY: the caller guarantees `N` numbers.
        unsafe { memory::write(rows, row, combine(sums.to_array())) };
    }
}

/// Same as `sum_lines` for as many columns as there are stripes, of which `left` exist.
///
/// # Safety
/// Same as for `sum_lines`, from the first of these columns on. `left` of the columns must exist, and the sums of a
/// line of stripes.
#[inline(always)]
unsafe fn sum_stripes<V: Vector, const N: usize>(
    from: *const V::Scalar,
    columns: *mut f64,
    length: usize,
    left: usize,
    begins: bool,
    sums: &mut [Stripes<V>; N],
) {
    let into = columns.cast::<[f64; STRIPES]>();
    // SAFETY: the caller guarantees the sums of a line of stripes.
    let mut totals = Stripes::<V>::new(if begins { &[0.0; STRIPES] } else { unsafe { &*into } });
    for (row, sums) in sums.iter_mut().enumerate() {
        for k in (0..STRIPES).step_by(V::LANES) {
            if k < left {
                // SAFETY: the caller guarantees column `k` of each row, because it is one of the remaining columns.
                let from = unsafe { from.add(row * length + k) };
                // SAFETY: as above, and for those behind it that are left.
                let squares = squares(unsafe { V::load_some(from, left - k) });
                totals.add_all(k, squares);
                sums.add_all(k, squares);
            }
        }
    }
    // SAFETY: the caller guarantees the sums of a line of stripes.
    unsafe { *into = totals.to_array() };
}

/// The sum of all stripes, by a fixed tree.
#[inline(always)]
pub fn combine(mut sums: [f64; STRIPES]) -> f64 {
    let mut width = STRIPES / 2;
    while width > 0 {
        for stripe in 0..width {
            sums[stripe] += sums[stripe + width];
        }
        width /= 2;
    }
    sums[0]
}
