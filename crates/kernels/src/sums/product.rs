//! Products of matrices, each element of which is one sum with k ascending: a product and a sum of the
//! dtype at a time. So they have the same bits whatever the width of vectors and of blocks is.

use std::array;
use std::ops::Range;

use crate::memory;
use crate::target::SMALL;
use crate::vector::{Scalar, Stored, Vector, WIDEST, load_at, splat, store_at};

/// Rows and columns that are computed as one piece of work: whole tiles.
const BLOCK_ROWS: usize = 16 * ROWS;
const BLOCK_COLUMNS: usize = 64;
/// Terms that are added at a time, so that a panel stays in the first-level cache; the sums are kept in the result
/// meanwhile.
const TERMS: usize = 128;
/// Rows whose sums are in registers at once: as many as these hold.
const ROWS: usize = if SMALL { 4 } else { 6 };
/// Bytes of a panel: of each term as many as four of the widest vectors take.
pub const PANEL: usize = TERMS * 4 * WIDEST;

/// C ← α·A·B + β·D, or A·B without D. C overlaps no other matrix.
#[derive(Clone, Copy)]
pub struct Product<S> {
    /// `rows` × `depth`, row by row.
    pub a: *const S,
    /// `depth` × `columns`, row by row.
    pub b: *const S,
    /// `rows` × `columns`, row by row.
    pub c: *mut S,
    /// The same; or null.
    pub d: *const S,
    pub alpha: f64,
    pub beta: f64,
    pub rows: usize,
    pub columns: usize,
    pub depth: usize,
    /// Whether C is symmetric: tiles below the diagonal are not computed, but mirrored.
    pub is_symmetric: bool,
    /// Whether its elements are rounded to bfloat16.
    pub is_rounded: bool,
}

impl<S> Product<S> {
    /// How many blocks it has.
    pub fn blocks(&self) -> usize {
        self.rows.div_ceil(BLOCK_ROWS) * self.columns.div_ceil(BLOCK_COLUMNS)
    }
}

/// Computes block `number`, through a panel.
///
/// # Safety
/// The matrices must be there, and the panel have `PANEL` bytes, aligned for the dtype. Other threads may
/// compute other blocks.
#[inline(always)]
pub unsafe fn block<V: Vector>(product: &Product<V::Scalar>, number: usize, panel: *mut u8) {
    let panel = panel.cast();
    // The number of sums fits the registers.
    if size_of::<V>() == 64 {
        // SAFETY: the caller guarantees the matrices and the panel.
        unsafe { block_by::<V, 4>(product, number, panel) }
    } else {
        // SAFETY: see above.
        unsafe { block_by::<V, 2>(product, number, panel) }
    }
}

/// # Safety
/// Same as for `block`.
#[inline(always)]
unsafe fn block_by<V: Vector, const N: usize>(
    product: &Product<V::Scalar>,
    number: usize,
    panel: *mut V::Scalar,
) {
    let Product { rows, columns, depth, is_symmetric, .. } = *product;
    let across = columns.div_ceil(BLOCK_COLUMNS);
    let (top, left) = (number / across * BLOCK_ROWS, number % across * BLOCK_COLUMNS);
    let (bottom, right) = (rows.min(top + BLOCK_ROWS), columns.min(left + BLOCK_COLUMNS));
    let width = N * V::LANES;
    const { assert!(TERMS * N * size_of::<V>() <= PANEL && BLOCK_COLUMNS.is_multiple_of(N * V::LANES)) };
    let mut from = 0;
    while from < depth {
        let terms = TERMS.min(depth - from);
        let mut column = left;
        while column < right {
            let count = width.min(right - column);
            let end = if is_symmetric { bottom.min(column + width) } else { bottom };
            if top < end {
                // SAFETY: the panel has room for this many terms of a whole width, as asserted, and the caller
                // guarantees that B has these terms and columns.
                unsafe { pack::<V, N>(product, from, terms, column, count, panel) };
            }
            let mut row = top;
            while row < end {
                let place = Place { row, rows: ROWS.min(bottom - row), column, columns: count };
                // SAFETY: `pack` has just written the panel, and the caller guarantees the matrices, which have these
                // terms, rows and columns.
                unsafe { tile::<V, N>(product, &place, from, terms, panel) };
                row += ROWS;
            }
            column += width;
        }
        from += TERMS;
    }
    if is_symmetric {
        // SAFETY: the caller guarantees C, which has these rows and columns, and as many columns as rows.
        unsafe { mirror(product, top..bottom, left..right, width) };
    }
}

/// Position of some elements of C.
struct Place {
    row: usize,
    rows: usize,
    column: usize,
    columns: usize,
}

/// Writes some terms of B for the columns of a tile side by side; what is missing is 0.
///
/// # Safety
/// B must have these terms and columns, and the panel room for `terms` times `N` vectors.
#[inline(always)]
unsafe fn pack<V: Vector, const N: usize>(
    product: &Product<V::Scalar>,
    from: usize,
    terms: usize,
    column: usize,
    columns: usize,
    panel: *mut V::Scalar,
) {
    let b = product.b.wrapping_add(from * product.columns + column);
    for k in 0..terms {
        for v in 0..N {
            let first = v * V::LANES;
            let from = b.wrapping_add(k * product.columns + first);
            // SAFETY: the caller guarantees these columns of B; of those behind them none is read.
            let lanes = unsafe { V::load_some(from, columns.saturating_sub(first)) };
            // SAFETY: the caller guarantees the panel.
            unsafe { store_at(lanes, panel, k * N * V::LANES + first) };
        }
    }
}

/// Adds some terms to a tile of C, and finishes the tile after the last terms.
///
/// # Safety
/// A must have these terms of the tile's rows. C, and D if present, must have the tile, and the panel all terms.
#[inline(always)]
unsafe fn tile<V: Vector, const N: usize>(
    product: &Product<V::Scalar>,
    place: &Place,
    from: usize,
    terms: usize,
    panel: *const V::Scalar,
) {
    let Product { a, c, columns, depth, .. } = *product;
    let start = |row: usize| (place.row + row) * columns + place.column;
    // Rows that are missing repeat the last one.
    let row_at = |row: usize| row.min(place.rows - 1);
    let rows: [*const V::Scalar; ROWS] = array::from_fn(|row| {
        // SAFETY: the caller guarantees the first of these terms of each row of the tile.
        unsafe { a.add((place.row + row_at(row)) * depth + from) }
    });
    let mut sums = [[splat::<V>(0.0); N]; ROWS];
    if from > 0 {
        for (row, sums) in sums.iter_mut().enumerate() {
            for (v, sum) in sums.iter_mut().enumerate() {
                let first = v * V::LANES;
                let at = c.wrapping_add(start(row_at(row)) + first);
                // SAFETY: the caller guarantees the tile of C; of columns behind it none is read.
                *sum = unsafe { V::load_some(at, place.columns.saturating_sub(first)) };
            }
        }
    }
    for k in 0..terms {
        // SAFETY: the caller guarantees all terms of the panel, `N` vectors each.
        let b: [V; N] = array::from_fn(|v| unsafe { load_at::<V>(panel, (k * N + v) * V::LANES) });
        for (sums, row) in sums.iter_mut().zip(rows) {
            // SAFETY: the caller guarantees these terms of each row of the tile.
            let x = V::splat(unsafe { memory::read(row, k) });
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = *sum + x * b;
            }
        }
    }
    // A copy without an address, so that the sums above stay in registers.
    let done = sums;
    let sum =
        |row: usize, j: usize| (&raw const done).cast::<V::Scalar>().wrapping_add(row * N * V::LANES + j);
    let is_last = from + terms == depth;
    for row in 0..place.rows {
        for j in (0..place.columns).step_by(V::LANES) {
            let (at, left) = (start(row) + j, place.columns - j);
            // SAFETY: a tile has no more rows than `done`, and no more columns than its `N` vectors.
            let sum = unsafe { V::load(sum(row, j)) };
            // SAFETY: the caller guarantees the tile of D, if there is one.
            let x = if is_last { unsafe { finished(product, at, left, sum) } } else { sum };
            // SAFETY: the caller guarantees the tile of C.
            let to = unsafe { c.add(at) };
            // SAFETY: as above, for the remaining columns.
            unsafe { x.store_some(to, left) };
        }
    }
}

/// Writes some rows and columns of C where they are in the transposed matrix, if no tile is computed there.
///
/// # Safety
/// C must have these rows and columns, and as many columns as rows.
#[inline(always)]
unsafe fn mirror<S: Scalar>(product: &Product<S>, rows: Range<usize>, columns: Range<usize>, width: usize) {
    // The elements of one line, so that written data stays in the cache.
    const AT_ONCE: usize = 16;
    for top in rows.clone().step_by(AT_ONCE) {
        for column in columns.clone() {
            let end = column / ROWS * ROWS / width * width;
            for row in top..end.min(top + AT_ONCE).min(rows.end) {
                // SAFETY: the caller guarantees this row and column of C.
                let x = unsafe { memory::read(product.c, row * product.columns + column) };
                // SAFETY: as above, and C is as wide as it is high.
                unsafe { memory::write(product.c, column * product.columns + row, x) };
            }
        }
    }
}

/// α·sum + β·d, or the sum, for elements from number `at` on, of which some are `left`.
///
/// # Safety
/// D, if there is one, must have these elements.
#[inline(always)]
unsafe fn finished<V: Vector>(product: &Product<V::Scalar>, at: usize, left: usize, sum: V) -> V {
    let Product { d, alpha, beta, is_rounded, .. } = *product;
    let mut x = sum;
    if !d.is_null() {
        // SAFETY: the caller guarantees these elements of D.
        let from = unsafe { d.add(at) };
        // SAFETY: as above, for the remaining elements.
        let d = unsafe { V::load_some(from, left) };
        x = splat::<V>(beta) * d + splat::<V>(alpha) * sum;
    }
    if is_rounded { rounded(x) } else { x }
}

/// Each lane, to bfloat16.
#[inline(always)]
pub fn rounded<V: Vector>(x: V) -> V {
    let mut lanes = Stored::new(x);
    for lane in &mut *lanes {
        *lane = lane.to_bfloat16();
    }
    lanes.load()
}
