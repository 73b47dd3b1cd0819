//! Factorizations and solutions on a tile: the elements of a matrix, its right-hand sides and workspace, a vector of
//! lanes each. Each sum adds its terms in ascending order, in all instruction sets and in the twin
//! `ts/expressions/matrix-operations.ts`.
//!
//! No lane decides what another one does, and no result is a trap: a pivot of 0 makes infinite and NaN results.
//!
//! Vectors stay in loops here: an iterator's method that is not inlined would be compiled without the instruction set.

use super::matrices::{Kind, MAX_MATRIX, Shape, triangle};
use crate::target::SMALL;
use crate::vector::{Vector, load_at, splat};
use std::array;
use std::marker::PhantomData;

/// Sums that are computed side by side, so that none waits for its own last term.
const SUMS: usize = if SMALL { 1 } else { 4 };

/// Vectors by number.
pub struct Tile<'a, V> {
    numbers: &'a mut [f64],
    vectors: PhantomData<V>,
}

impl<'a, V: Vector<Scalar = f64>> Tile<'a, V> {
    pub fn new(numbers: &'a mut [f64]) -> Self {
        Self { numbers, vectors: PhantomData }
    }

    /// The numbers of consecutive vectors. The result is empty behind the end of the tile, which no shape reaches.
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
            unsafe { vector.store(lanes.as_mut_ptr()) };
        }
    }

    #[inline(always)]
    fn multiply(&mut self, at: usize, factor: V) {
        self.set(at, self.get(at) * factor);
    }

    /// `x − Σ a·b` over `count` vectors, for several x and a with the same b. `firsts` are places of the a; each x is
    /// behind its a. Returns the largest absolute value of the results and of `most`, which are not NaN.
    #[inline(always)]
    fn subtract_products<const N: usize>(
        &mut self,
        firsts: [usize; N],
        b: usize,
        count: usize,
        mut most: V,
    ) -> V {
        let mut rests = [splat::<V>(0.0); N];
        for (rest, first) in rests.iter_mut().zip(firsts) {
            *rest = self.get(first + count);
        }
        let length = count * V::LANES;
        let a: [&[f64]; N] = array::from_fn(|k| self.lanes(firsts[k], count));
        let b = self.lanes(b, count);
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
        for (rest, first) in rests.into_iter().zip(firsts) {
            self.set(first + count, rest);
            most = greater(rest.abs(), most);
        }
        most
    }

    /// Subtracts `factor` times other vectors from `count` vectors from place `to` on.
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    fn subtract_multiple(&mut self, to: usize, from: usize, count: usize, factor: V) {
        for k in 0..count {
            self.set(to + k, self.get(to + k) - self.get(from + k) * factor);
        }
    }

    /// Exchanges row k of `n` rows with the row of each lane whose number is in vector `other`. Rows have `width`
    /// elements.
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    fn exchange(&mut self, k: usize, other: usize, [first, n, width]: [usize; 3]) {
        for lane in 0..V::LANES {
            let number = self.numbers.get(other * V::LANES + lane).map_or(k, |number| *number as usize);
            for column in 0..if number < n && number != k { width } else { 0 } {
                let [a, b] = [k, number].map(|row| (first + row * width + column) * V::LANES + lane);
                if a < self.numbers.len() && b < self.numbers.len() {
                    self.numbers.swap(a, b);
                }
            }
        }
    }
}

/// Runs an operation on a tile.
#[inline(always)]
pub fn factorize<V: Vector<Scalar = f64>>(tile: &mut Tile<V>, shape: Shape) {
    let Shape { kind, n, r, d } = shape;
    // Workspace: inverses of the diagonal.
    let inverses = shape.fixed() + shape.changed();
    match kind {
        Kind::Ldlt | Kind::ModifiedLdlt | Kind::Cholesky => by_columns(tile, kind, n, inverses),
        Kind::Lu => eliminate(tile, n),
        Kind::Qr => return reflect(tile, d, n, n + r, inverses),
        _ => {}
    }
    let is_lu = matches!(kind, Kind::Lu | Kind::SolveLu);
    let is_ldlt = matches!(kind, Kind::Ldlt | Kind::ModifiedLdlt | Kind::SolveLdlt);
    let rows = match kind {
        Kind::SolveUpper => Rows::Equal(d),
        _ if is_lu => Rows::Equal(n),
        _ => Rows::Triangle,
    };
    for i in 0..n {
        tile.set(inverses + i, splat::<V>(1.0) / tile.get(rows.first(i) + i));
    }
    for side in 0..r {
        let x = shape.matrix() + side * n;
        for k in 0..if is_lu { n } else { 0 } {
            tile.exchange(k, n * n + k, [x, n, 1]);
        }
        if !matches!(kind, Kind::SolveLowerTransposed | Kind::SolveUpper) {
            let is_scaled = matches!(kind, Kind::Cholesky | Kind::SolveLower);
            forward(tile, n, x, rows, is_scaled.then_some(inverses));
        }
        for i in 0..if is_ldlt { n } else { 0 } {
            tile.multiply(x + i, tile.get(inverses + i));
        }
        if kind != Kind::SolveLower {
            backward(tile, n, x, rows, (!is_ldlt).then_some(inverses));
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

/// L·D·Lᵀ and L·Lᵀ, a column after the other. Rows that are not complete contain L·D in place of L.
#[inline(always)]
fn by_columns<V: Vector<Scalar = f64>>(tile: &mut Tile<V>, kind: Kind, n: usize, inverses: usize) {
    let is_modified = kind == Kind::ModifiedLdlt;
    let is_cholesky = kind == Kind::Cholesky;
    let bounds = Bounds::of(tile, if is_modified { n } else { 0 });
    for j in 0..n {
        let row = triangle(j);
        let mut pivot = tile.get(row + j);
        for k in 0..j {
            let x = tile.get(row + k);
            let factor = if is_cholesky { x } else { x * tile.get(inverses + k) };
            pivot = pivot - x * factor;
            tile.set(row + k, factor);
        }
        let mut theta = splat(0.0);
        let mut i = j + 1;
        while i + SUMS <= n {
            theta = tile.subtract_products::<SUMS>(array::from_fn(|k| triangle(i + k)), row, j, theta);
            i += SUMS;
        }
        while SUMS > 1 && i < n {
            theta = tile.subtract_products([triangle(i)], row, j, theta);
            i += 1;
        }
        if is_modified {
            pivot = bounds.raise(pivot, theta);
        }
        if is_cholesky {
            pivot = pivot.sqrt();
        }
        tile.set(row + j, pivot);
        let inverse = splat::<V>(1.0) / pivot;
        tile.set(inverses + j, inverse);
        for i in j + 1..if is_cholesky { n } else { 0 } {
            tile.multiply(triangle(i) + j, inverse);
        }
    }
}

/// `a > b ? a : b`.
#[inline(always)]
fn greater<V: Vector>(a: V, b: V) -> V {
    a.if_greater(b, a, b)
}

/// The modification of Gill, Murray and Wright (Practical Optimization, 1981, section 4.4.2.2), without exchanges of
/// rows: D's element is at least |c|, (θ/β)² and δ. It limits each element of L·√D by β. Here β² is twice their value:
/// without exchanges, theirs can leave a pivot of 0 behind a column that (θ/β)² has raised.
struct Bounds<V> {
    inverse_beta: V,
    delta: V,
}

impl<V: Vector<Scalar = f64>> Bounds<V> {
    /// β² is twice the largest of |aᵢᵢ| and of |aᵢⱼ|/√(n² − 1), and δ is ε times the sum of the largest |aᵢᵢ| and |aᵢⱼ|. If
    /// all elements are 0, δ is 1.
    #[inline(always)]
    fn of(tile: &Tile<V>, n: usize) -> Self {
        let (mut diagonal, mut others) = (splat::<V>(0.0), splat::<V>(0.0));
        for i in 0..n {
            let first = triangle(i);
            // No row waits for the one before.
            let mut most = splat(0.0);
            for j in 0..i {
                most = greater(tile.get(first + j).abs(), most);
            }
            others = greater(most, others);
            diagonal = greater(tile.get(first + i).abs(), diagonal);
        }
        let root = splat::<V>(((n * n).max(2) as f64 - 1.0).sqrt());
        let largest = greater(others / root, diagonal);
        let beta = (largest + largest).sqrt();
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
            tile.subtract_multiple(i * n + k + 1, k * n + k + 1, n - k - 1, factor);
        }
    }
}

/// R and Qᵀ·B by Householder's reflections. Each is computed from a column that is divided by its largest element. The
/// workspace from `dots` on has sums of columns, then the reflection.
#[inline(always)]
fn reflect<V: Vector<Scalar = f64>>(tile: &mut Tile<V>, m: usize, n: usize, width: usize, dots: usize) {
    let [zero, one] = [splat::<V>(0.0), splat::<V>(1.0)];
    let v = dots + 2 * MAX_MATRIX;
    for k in 0..n.min(m - 1) {
        let mut size = zero;
        for i in k..m {
            size = greater(tile.get(i * width + k).abs(), size);
        }
        let mut square = zero;
        for i in k..m {
            let x = tile.get(i * width + k).div_or_zero(size);
            square = square + x * x;
            tile.set(v + i, x);
            tile.set(i * width + k, zero);
        }
        let length = square.sqrt();
        let first = tile.get(v + k);
        let signed = zero.if_greater(first, zero - length, length);
        tile.set(v + k, first + signed);
        let scale = one.div_or_zero(length * (length + first.abs()));
        tile.set(k * width + k, zero - signed * size);
        let rest = width - k - 1;
        for j in 0..rest {
            tile.set(dots + j, zero);
        }
        for i in k..m {
            tile.subtract_multiple(dots, i * width + k + 1, rest, tile.get(v + i));
        }
        for j in 0..rest {
            tile.multiply(dots + j, zero - scale);
        }
        for i in k..m {
            tile.subtract_multiple(i * width + k + 1, dots, rest, tile.get(v + i));
        }
    }
}

/// x = L⁻¹·x. Without inverses, L's diagonal is 1.
#[inline(always)]
fn forward<V: Vector<Scalar = f64>>(
    tile: &mut Tile<V>,
    n: usize,
    x: usize,
    rows: Rows,
    inverses: Option<usize>,
) {
    for i in 0..n {
        let mut rest = tile.get(x + i);
        for k in 0..i {
            rest = rest - tile.get(rows.first(i) + k) * tile.get(x + k);
        }
        if let Some(at) = inverses {
            rest = rest * tile.get(at + i);
        }
        tile.set(x + i, rest);
    }
}

/// x = U⁻¹·x, or x = L⁻ᵀ·x with a triangle.
#[inline(always)]
fn backward<V: Vector<Scalar = f64>>(
    tile: &mut Tile<V>,
    n: usize,
    x: usize,
    rows: Rows,
    inverses: Option<usize>,
) {
    for i in (0..n).rev() {
        let mut rest = tile.get(x + i);
        for k in i + 1..n {
            let at = match rows {
                Rows::Triangle => triangle(k) + i,
                Rows::Equal(width) => i * width + k,
            };
            rest = rest - tile.get(at) * tile.get(x + k);
        }
        if let Some(at) = inverses {
            rest = rest * tile.get(at + i);
        }
        tile.set(x + i, rest);
    }
}
