//! Factorizations and solutions on a tile: the elements of a matrix, its right-hand sides and workspace, a vector of
//! lanes each. Each sum adds its terms in ascending order, in all instruction sets and in the twin
//! `ts/expressions/matrix-operations.ts`.
//!
//! No lane decides what another one does, and no result is a trap: a pivot of 0 makes infinite and NaN results.

use super::matrices::{Kind, MAX_MATRIX, Shape, triangle};
use crate::target::SMALL;
use crate::vector::{Vector, load_at, splat, store_at};
use std::array;
use std::marker::PhantomData;

/// Sums that are computed side by side, so that none waits for its own last term.
const SUMS: usize = if SMALL { 2 } else { 4 };

/// Vectors by number.
pub struct Tile<'a, V> {
    numbers: &'a mut [f64],
    vectors: PhantomData<V>,
}

impl<'a, V: Vector<Scalar = f64>> Tile<'a, V> {
    pub fn new(numbers: &'a mut [f64]) -> Self {
        Self { numbers, vectors: PhantomData }
    }

    /// The numbers of consecutive vectors. There are none where the tile ends, which no shape reaches.
    #[inline(always)]
    fn lanes(&self, first: usize, count: usize) -> &[f64] {
        self.numbers.get(first * V::LANES..(first + count) * V::LANES).unwrap_or(&[])
    }

    #[inline(always)]
    fn get(&self, at: usize) -> V {
        match self.lanes(at, 1) {
            [] => splat(0.0),
            // SAFETY: these are the numbers of one vector.
            lanes => unsafe { V::load(lanes.as_ptr()) },
        }
    }

    #[inline(always)]
    fn set(&mut self, at: usize, vector: V) {
        if let Some(lanes) = self.numbers.get_mut(at * V::LANES..(at + 1) * V::LANES) {
            // SAFETY: these are the numbers of one vector.
            unsafe { store_at(vector, lanes.as_mut_ptr(), 0) };
        }
    }

    /// `x − Σ a·b` over `count` vectors from both places on, for several x and a with the same b.
    #[inline(always)]
    fn subtract_products<const N: usize>(
        &self,
        xs: [usize; N],
        a: [usize; N],
        b: usize,
        count: usize,
    ) -> [V; N] {
        let mut rests = xs.map(|x| self.get(x));
        let a = a.map(|first| self.lanes(first, count));
        let b = self.lanes(b, count);
        let length = count * V::LANES;
        if b.len() == length && a.iter().all(|a| a.len() == length) {
            for at in (0..length).step_by(V::LANES) {
                // SAFETY: this was just checked.
                let factor: V = unsafe { load_at(b.as_ptr(), at) };
                for (rest, a) in rests.iter_mut().zip(a) {
                    // SAFETY: this was just checked.
                    *rest = *rest - unsafe { load_at::<V>(a.as_ptr(), at) } * factor;
                }
            }
        }
        rests
    }

    /// Computes `count` vectors from place `to` on from themselves and from vectors elsewhere.
    #[inline(always)]
    fn update(&mut self, to: usize, from: usize, count: usize, compute: impl Fn(V, V) -> V) {
        let (first, second) = (to.min(from) * V::LANES, to.max(from) * V::LANES);
        let length = count * V::LANES;
        let Some((low, high)) = self.numbers.split_at_mut_checked(second) else { return };
        let (Some(low), Some(high)) = (low.get_mut(first..first + length), high.get_mut(..length)) else {
            return;
        };
        let (to, from) = if to < from { (low, high) } else { (high, low) };
        for (to, from) in to.chunks_exact_mut(V::LANES).zip(from.chunks_exact(V::LANES)) {
            // SAFETY: this is a vector.
            let own = unsafe { V::load(to.as_ptr()) };
            // SAFETY: so is this.
            let other = unsafe { V::load(from.as_ptr()) };
            // SAFETY: see above.
            unsafe { compute(own, other).store(to.as_mut_ptr()) };
        }
    }

    /// Exchanges row k of `n` rows with the row of each lane whose number is in vector `other`. Rows have `width`
    /// elements.
    #[inline(always)]
    fn exchange(&mut self, k: usize, other: usize, [first, n, width]: [usize; 3]) {
        for lane in 0..V::LANES {
            let Some(&number) = self.numbers.get(other * V::LANES + lane) else { return };
            let number = number as usize;
            if number == k || number >= n {
                continue;
            }
            for column in 0..width {
                let [a, b] = [k, number].map(|row| (first + row * width + column) * V::LANES + lane);
                if a < self.numbers.len() && b < self.numbers.len() {
                    self.numbers.swap(a, b);
                }
            }
        }
    }
}

/// Places of what a shape has, behind the matrix, which is first.
#[derive(Clone, Copy)]
struct Places {
    /// Right-hand sides.
    sides: usize,
    /// Inverses of the diagonal, or sums of columns.
    inverses: usize,
    /// A row or a column that is computed with.
    vector: usize,
}

/// Runs an operation on a tile.
#[inline(always)]
pub fn factorize<V: Vector<Scalar = f64>>(tile: &mut Tile<V>, shape: Shape) {
    let Shape { kind, n, r, d } = shape;
    let end = shape.fixed() + shape.changed();
    let places = Places { sides: shape.matrix(), inverses: end, vector: end + 2 * MAX_MATRIX };
    match kind {
        Kind::Ldlt | Kind::ModifiedLdlt | Kind::Cholesky => by_columns(tile, kind, n, places),
        Kind::Lu => eliminate(tile, n),
        Kind::Qr => return reflect(tile, d, n, n + r, places),
        _ => {}
    }
    if r == 0 {
        return;
    }
    let diagonal = match kind {
        Kind::Lu | Kind::SolveLu => Rows::Equal(n),
        Kind::SolveUpper => Rows::Equal(d),
        _ => Rows::Triangle,
    };
    for i in 0..n {
        tile.set(places.inverses + i, splat::<V>(1.0) / tile.get(diagonal.first(i) + i));
    }
    for side in 0..r {
        let x = places.sides + side * n;
        let inverses = places.inverses;
        match kind {
            Kind::Ldlt | Kind::ModifiedLdlt | Kind::SolveLdlt => {
                lower(tile, n, x, diagonal, None);
                (0..n).for_each(|i| tile.set(x + i, tile.get(x + i) * tile.get(inverses + i)));
                lower_transposed(tile, n, x, None);
            }
            Kind::Cholesky => {
                lower(tile, n, x, diagonal, Some(inverses));
                lower_transposed(tile, n, x, Some(inverses));
            }
            Kind::Lu | Kind::SolveLu => {
                (0..n).for_each(|k| tile.exchange(k, n * n + k, [x, n, 1]));
                lower(tile, n, x, diagonal, None);
                upper(tile, n, x, n, inverses);
            }
            Kind::SolveLower => lower(tile, n, x, diagonal, Some(inverses)),
            Kind::SolveLowerTransposed => lower_transposed(tile, n, x, Some(inverses)),
            Kind::SolveUpper => upper(tile, n, x, d, inverses),
            Kind::Qr => {}
        }
    }
}

/// How rows lie.
#[derive(Clone, Copy)]
enum Rows {
    Triangle,
    Equal(usize),
}

impl Rows {
    #[inline(always)]
    fn first(self, row: usize) -> usize {
        match self {
            Self::Triangle => triangle(row),
            Self::Equal(length) => row * length,
        }
    }
}

/// L·D·Lᵀ and L·Lᵀ, a column after the other. Until all columns are computed, columns of L·D are in place of L.
#[inline(always)]
fn by_columns<V: Vector<Scalar = f64>>(tile: &mut Tile<V>, kind: Kind, n: usize, places: Places) {
    let Places { inverses, vector, .. } = places;
    let is_modified = kind == Kind::ModifiedLdlt;
    let is_cholesky = kind == Kind::Cholesky;
    let bounds = if is_modified {
        Bounds::of(tile, n)
    } else {
        Bounds { inverse_beta: splat(0.0), delta: splat(0.0) }
    };
    for j in 0..n {
        // Row j of L.
        for k in 0..j {
            let x = tile.get(triangle(j) + k);
            tile.set(vector + k, if is_cholesky { x } else { x * tile.get(inverses + k) });
        }
        let mut i = j;
        while i + SUMS <= n {
            sums::<V, SUMS>(tile, i, j, vector);
            i += SUMS;
        }
        (i..n).for_each(|i| sums::<V, 1>(tile, i, j, vector));
        let diagonal = triangle(j) + j;
        let mut pivot = tile.get(diagonal);
        if is_modified {
            pivot = bounds.raise(pivot, largest(tile, (j + 1..n).map(|i| triangle(i) + j)));
        }
        if is_cholesky {
            pivot = pivot.sqrt();
        }
        tile.set(diagonal, pivot);
        let inverse = splat::<V>(1.0) / pivot;
        tile.set(inverses + j, inverse);
        if is_cholesky {
            (j + 1..n).for_each(|i| tile.set(triangle(i) + j, tile.get(triangle(i) + j) * inverse));
        }
    }
    for i in (0..n).take_while(|_| !is_cholesky) {
        (0..i).for_each(|k| tile.set(triangle(i) + k, tile.get(triangle(i) + k) * tile.get(inverses + k)));
    }
}

/// Subtracts the products of earlier columns from elements of column j in consecutive rows.
#[inline(always)]
fn sums<V: Vector<Scalar = f64>, const N: usize>(tile: &mut Tile<V>, i: usize, j: usize, vector: usize) {
    let rows: [usize; N] = array::from_fn(|k| triangle(i + k));
    let rests = tile.subtract_products(rows.map(|row| row + j), rows, vector, j);
    rows.into_iter().zip(rests).for_each(|(row, rest)| tile.set(row + j, rest));
}

/// The largest absolute value of some elements; NaN is not counted.
#[inline(always)]
fn largest<V: Vector<Scalar = f64>>(tile: &Tile<V>, elements: impl Iterator<Item = usize>) -> V {
    elements.fold(splat(0.0), |most, at| greater(tile.get(at).abs(), most))
}

/// `a > b ? a : b`.
#[inline(always)]
fn greater<V: Vector>(a: V, b: V) -> V {
    a.if_greater(b, a, b)
}

/// The modification of Gill, Murray and Wright (Practical Optimization, 1981, section 4.4.2.2), without exchanges of
/// rows: D's element is at least |c|, (θ/β)² and δ. It limits each element of L·√D by β.
struct Bounds<V> {
    inverse_beta: V,
    delta: V,
}

impl<V: Vector<Scalar = f64>> Bounds<V> {
    /// β² is the largest of |aᵢᵢ| and of |aᵢⱼ|/√(n² − 1), and δ is ε times the sum of the largest |aᵢᵢ| and |aᵢⱼ|. If
    /// all elements are 0, δ is 1.
    #[inline(always)]
    fn of(tile: &Tile<V>, n: usize) -> Self {
        let diagonal = largest(tile, (0..n).map(|i| triangle(i) + i));
        let others = largest(tile, (0..n).flat_map(|i| (0..i).map(move |j| triangle(i) + j)));
        let root = splat::<V>(((n * n - 1).max(1) as f64).sqrt());
        let beta = greater(others / root, diagonal).sqrt();
        let epsilon = splat::<V>(f64::EPSILON);
        let delta = epsilon * diagonal + epsilon * others;
        Self { inverse_beta: splat::<V>(1.0) / beta, delta: delta.if_zero(splat(1.0), delta) }
    }

    /// D's element from the remaining pivot c and the largest element θ of its column. NaN stays.
    #[inline(always)]
    fn raise(&self, pivot: V, theta: V) -> V {
        let ratio = theta * self.inverse_beta;
        greater(self.delta, greater(ratio * ratio, pivot.abs()))
    }
}

/// P·A = L·U, with the largest element of a column as pivot, the first of equal ones. A column of zeros stays.
#[inline(always)]
fn eliminate<V: Vector<Scalar = f64>>(tile: &mut Tile<V>, n: usize) {
    for k in 0..n {
        let (mut most, mut row) = (tile.get(k * n + k).abs(), splat::<V>(k as f64));
        for i in k + 1..n {
            let x = tile.get(i * n + k).abs();
            row = x.if_greater(most, splat(i as f64), row);
            most = greater(x, most);
        }
        tile.set(n * n + k, row);
        tile.exchange(k, n * n + k, [0, n, n]);
        let inverse = splat::<V>(1.0).div_or_zero(tile.get(k * n + k));
        for i in k + 1..n {
            let factor = tile.get(i * n + k) * inverse;
            tile.set(i * n + k, factor);
            tile.update(i * n + k + 1, k * n + k + 1, n - k - 1, |rest, pivot| rest - factor * pivot);
        }
    }
}

/// R and Qᵀ·B by Householder's reflections. Each is computed from a column that is divided by its largest element.
#[inline(always)]
fn reflect<V: Vector<Scalar = f64>>(tile: &mut Tile<V>, m: usize, n: usize, width: usize, places: Places) {
    let [zero, one] = [0.0, 1.0].map(splat::<V>);
    let Places { inverses: dots, vector: v, .. } = places;
    for k in 0..n.min(m - 1) {
        let size = largest(tile, (k..m).map(|i| i * width + k));
        let mut square = zero;
        for i in k..m {
            let x = tile.get(i * width + k).div_or_zero(size);
            square = square + x * x;
            tile.set(v + i, x);
        }
        let length = square.sqrt();
        let first = tile.get(v + k);
        let signed = zero.if_greater(first, zero - length, length);
        tile.set(v + k, first + signed);
        let scale = one.div_or_zero(length * (length + first.abs()));
        tile.set(k * width + k, zero - signed * size);
        (k + 1..m).for_each(|i| tile.set(i * width + k, zero));
        let (rest, first) = (width - k - 1, k + 1);
        (0..rest).for_each(|j| tile.set(dots + j, zero));
        for i in k..m {
            let x = tile.get(v + i);
            tile.update(dots, i * width + first, rest, |dot, element| dot + x * element);
        }
        (0..rest).for_each(|j| tile.set(dots + j, tile.get(dots + j) * scale));
        for i in k..m {
            let x = tile.get(v + i);
            tile.update(i * width + first, dots, rest, |element, dot| element - x * dot);
        }
    }
}

/// x = L⁻¹·x. Without inverses, L's diagonal is 1.
#[inline(always)]
fn lower<V: Vector<Scalar = f64>>(
    tile: &mut Tile<V>,
    n: usize,
    x: usize,
    rows: Rows,
    inverses: Option<usize>,
) {
    for i in 0..n {
        let [rest] = tile.subtract_products([x + i], [rows.first(i)], x, i);
        tile.set(x + i, inverses.map_or(rest, |at| rest * tile.get(at + i)));
    }
}

/// x = L⁻ᵀ·x with a triangle by rows.
#[inline(always)]
fn lower_transposed<V: Vector<Scalar = f64>>(
    tile: &mut Tile<V>,
    n: usize,
    x: usize,
    inverses: Option<usize>,
) {
    for i in (0..n).rev() {
        let rest =
            (i + 1..n).fold(tile.get(x + i), |rest, k| rest - tile.get(triangle(k) + i) * tile.get(x + k));
        tile.set(x + i, inverses.map_or(rest, |at| rest * tile.get(at + i)));
    }
}

/// x = U⁻¹·x with a triangle in rows of `width` elements.
#[inline(always)]
fn upper<V: Vector<Scalar = f64>>(tile: &mut Tile<V>, n: usize, x: usize, width: usize, inverses: usize) {
    for i in (0..n).rev() {
        let [rest] = tile.subtract_products([x + i], [i * width + i + 1], x + i + 1, n - i - 1);
        tile.set(x + i, rest * tile.get(inverses + i));
    }
}
