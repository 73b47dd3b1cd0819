//! Products of matrices, each element of which is one sum with k ascending: a product and a sum of the
//! dtype at a time. So they have the same bits whatever the width of vectors and of blocks is.

use std::array;

use crate::vector::{Scalar, Stored, Vector, WIDEST, splat};

/// Rows and columns that are computed as one piece of work.
const BLOCK: usize = 64;
/// Terms that are added at a time, so that a panel stays in the first-level cache; the sums are kept in the result
/// meanwhile.
const TERMS: usize = 128;
/// Rows whose sums are in registers at once.
const ROWS: usize = 4;
/// Bytes of a panel: of each term as many as four of the widest vectors take.
pub const PANEL: usize = TERMS * 4 * WIDEST;

/// C ← α·A·B + β·D, or A·B where there is no D. C overlaps nothing.
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
    /// Whether C is symmetric: half of it is computed, and mirrored.
    pub is_symmetric: bool,
    /// Whether its elements are rounded to bfloat16.
    pub is_rounded: bool,
}

impl<S> Product<S> {
    /// How many blocks it has.
    pub fn blocks(&self) -> usize {
        self.rows.div_ceil(BLOCK) * self.columns.div_ceil(BLOCK)
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
    // As many sums as registers hold.
    // SAFETY: passed on.
    unsafe {
        if size_of::<V>() == 64 {
            block_by::<V, 4>(product, number, panel)
        } else {
            block_by::<V, 2>(product, number, panel)
        }
    }
}

#[inline(always)]
unsafe fn block_by<V: Vector, const N: usize>(
    product: &Product<V::Scalar>,
    number: usize,
    panel: *mut V::Scalar,
) {
    let Product { rows, columns, depth, is_symmetric, .. } = *product;
    let across = columns.div_ceil(BLOCK);
    let (top, left) = (number / across * BLOCK, number % across * BLOCK);
    if is_symmetric && top > left {
        return;
    }
    let (bottom, right) = (rows.min(top + BLOCK), columns.min(left + BLOCK));
    let width = N * V::LANES;
    const { assert!(TERMS * N * size_of::<V>() <= PANEL) };
    let mut from = 0;
    while from < depth {
        let terms = TERMS.min(depth - from);
        let mut column = left;
        while column < right {
            let count = width.min(right - column);
            // SAFETY: the panel has room for so many terms of a whole width; rows and columns are there.
            unsafe {
                pack::<V, N>(product, from, terms, column, count, panel);
                let mut row = top;
                while row < bottom {
                    let place = Place { row, rows: ROWS.min(bottom - row), column, columns: count };
                    tile::<V, N>(product, &place, from, terms, panel);
                    row += ROWS;
                }
            }
            column += width;
        }
        from += TERMS;
    }
}

/// Where some elements of C are.
struct Place {
    row: usize,
    rows: usize,
    column: usize,
    columns: usize,
}

/// Writes some terms of B for the columns of a tile side by side; what is missing is 0.
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
            // SAFETY: the caller vouches for both.
            unsafe {
                let from = b.wrapping_add(k * product.columns + first);
                V::load_some(from, columns.saturating_sub(first)).store(panel.add(k * N * V::LANES + first));
            }
        }
    }
}

/// Adds some terms to a tile of C, and finishes it once these are the last.
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
    let mut sums = [[splat::<V>(0.0); N]; ROWS];
    let sum = |sums: *mut [[V; N]; ROWS], row: usize, j: usize| {
        sums.cast::<V::Scalar>().wrapping_add(row * N * V::LANES + j)
    };
    // SAFETY: the caller vouches for all of them.
    unsafe {
        if from > 0 {
            for row in 0..place.rows {
                for j in (0..place.columns).step_by(V::LANES) {
                    let found = V::load_some(c.add(start(row) + j), place.columns - j);
                    found.store(sum(&raw mut sums, row, j));
                }
            }
        }
        // Rows that are missing repeat the last one.
        let rows: [*const V::Scalar; ROWS] =
            array::from_fn(|row| a.add((place.row + row.min(place.rows - 1)) * depth + from));
        // A copy, whose address nobody has: it stays in registers.
        let mut lanes = sums;
        for k in 0..terms {
            let b: [V; N] = array::from_fn(|v| V::load(panel.add((k * N + v) * V::LANES)));
            for (sums, row) in lanes.iter_mut().zip(rows) {
                let x = V::splat(row.add(k).read());
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = *sum + x * b;
                }
            }
        }
        sums = lanes;
        let is_last = from + terms == depth;
        // A block on the diagonal is computed whole.
        let is_mirrored = is_last && product.is_symmetric && place.row / BLOCK < place.column / BLOCK;
        for row in 0..place.rows {
            for j in (0..place.columns).step_by(V::LANES) {
                let (at, left) = (start(row) + j, place.columns - j);
                let sum = V::load(sum(&raw mut sums, row, j));
                let x = if is_last { finished(product, at, left, sum) } else { sum };
                x.store_some(c.add(at), left);
            }
        }
        if is_mirrored {
            for j in 0..place.columns {
                for row in 0..place.rows {
                    let x = c.add(start(row) + j).read();
                    c.add((place.column + j) * columns + place.row + row).write(x);
                }
            }
        }
    }
}

/// α·sum + β·d, or the sum, for elements from number `at` on, of which some are `left`.
#[inline(always)]
unsafe fn finished<V: Vector>(product: &Product<V::Scalar>, at: usize, left: usize, sum: V) -> V {
    let Product { d, alpha, beta, is_rounded, .. } = *product;
    let mut x = sum;
    if !d.is_null() {
        // SAFETY: the caller vouches for D.
        let d = unsafe { V::load_some(d.add(at), left) };
        x = splat::<V>(beta) * d + splat::<V>(alpha) * sum;
    }
    if is_rounded {
        let mut lanes = Stored::new(x);
        for lane in &mut *lanes {
            *lane = lane.to_bfloat16();
        }
        x = lanes.load();
    }
    x
}
