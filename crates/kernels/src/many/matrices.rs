//! Instructions on matrices: consecutive slots hold the elements, a matrix per lane. `ts/expressions/matrices.ts` makes
//! such instructions, and `ts/expressions/matrix-operations.ts` runs them in TypeScript.
//!
//! An instruction copies the slots of a vector of lanes to a tile, where its elements lie side by side, computes there
//! in float64, and copies the results back.

use super::factorizations::{Tile, factorize};
use super::layout::{Header, Instruction};
use crate::arena::ArenaError;
use crate::memory;
use crate::programs::operations::{Operand, Operands};
use crate::vector::Vector;

/// The number of the first operation on matrices. Operations on single slots have smaller numbers.
pub const FIRST_MATRIX_OPERATION: usize = 256;

/// Most rows, columns and right-hand sides of a matrix.
pub const MAX_MATRIX: usize = 64;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Operations on matrices. The slots from `to` on hold the operands that change. The slots from `a` on hold a
        /// matrix that stays. `b` is the order n, `c` the number r of right-hand sides.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            pub const ALL: &[Self] = &[$(Self::$name,)*];
            pub const NAMES: &[&str] = &[$(stringify!($name),)*];
        }
    };
}

kinds! {
    /// A lower triangle by rows becomes D on the diagonal and L below; right-hand sides, which follow, become solutions.
    /// If `d` is 1, the matrix keeps its slots: only solutions are stored. The same holds for `Cholesky` and `Lu`.
    Ldlt,
    /// `Ldlt` of a matrix whose diagonal is increased where the matrix is not positive definite.
    ModifiedLdlt,
    /// A lower triangle becomes L of L·Lᵀ; right-hand sides become solutions.
    Cholesky,
    /// A square matrix by rows becomes L below the diagonal and U. The row that each row was exchanged with follows, then
    /// the right-hand sides, which become solutions.
    Lu,
    /// A matrix of `d` rows, n columns and r further columns, by rows, becomes R and Qᵀ times the further columns.
    Qr,
    /// Right-hand sides become solutions, with the factors of `Ldlt`, `Lu`, or of one triangle.
    SolveLdlt,
    SolveLu,
    /// With a lower triangle by rows, and with its transpose.
    SolveLower,
    SolveLowerTransposed,
    /// With an upper triangle in rows of `d` elements.
    SolveUpper,
}

/// A matrix instruction, apart from its slots.
#[derive(Clone, Copy)]
pub struct Shape {
    pub kind: Kind,
    pub n: usize,
    /// Right-hand sides.
    pub r: usize,
    /// Rows of a matrix that is not square, or elements of a row. 1 for factors that are not stored.
    pub d: usize,
}

impl Shape {
    /// Refuses unknown operations and sizes.
    pub fn of(instruction: &Instruction) -> Result<Self, ArenaError> {
        let Instruction { operation, b: n, c: r, d, .. } = *instruction;
        let kind = operation.checked_sub(FIRST_MATRIX_OPERATION).and_then(|kind| Kind::ALL.get(kind));
        let Some(&kind) = kind else {
            return Err(ArenaError::new(&"there is no such operation"));
        };
        let is_valid = match kind {
            Kind::Qr => (n..=MAX_MATRIX).contains(&d),
            Kind::SolveUpper => (n..=2 * MAX_MATRIX).contains(&d),
            Kind::Ldlt | Kind::ModifiedLdlt | Kind::Cholesky | Kind::Lu => d <= 1,
            _ => d == 0,
        };
        if !(1..=MAX_MATRIX).contains(&n) || r > MAX_MATRIX || !is_valid {
            return Err(ArenaError::new(&"a matrix has a wrong size"));
        }
        Ok(Self { kind, n, r, d })
    }

    /// Elements of the matrix that a solution needs, and that stays.
    pub fn fixed(self) -> usize {
        let Self { kind, n, d, .. } = self;
        match kind {
            Kind::SolveLdlt | Kind::SolveLower | Kind::SolveLowerTransposed => triangle(n),
            Kind::SolveLu => n * n + n,
            Kind::SolveUpper => (n - 1) * d + n,
            _ => 0,
        }
    }

    /// Elements of the matrix, without right-hand sides.
    pub fn matrix(self) -> usize {
        let Self { kind, n, r, d } = self;
        match kind {
            Kind::Ldlt | Kind::ModifiedLdlt | Kind::Cholesky => triangle(n),
            Kind::Lu => n * n + n,
            Kind::Qr => d * (n + r),
            _ => self.fixed(),
        }
    }

    /// Elements that the instruction changes.
    pub fn changed(self) -> usize {
        let sides = if self.kind == Kind::Qr { 0 } else { self.n * self.r };
        self.matrix() - self.fixed() + sides
    }

    /// Elements at the beginning of a tile that are not stored.
    pub fn dropped(self) -> usize {
        match self.kind {
            Kind::Ldlt | Kind::ModifiedLdlt | Kind::Cholesky | Kind::Lu if self.d == 0 => 0,
            Kind::Qr => 0,
            _ => self.matrix(),
        }
    }

    /// Elements of a tile: what is read, then workspace of the factorization.
    pub fn tile(self) -> usize {
        self.fixed() + self.changed() + 3 * MAX_MATRIX
    }
}

/// Elements of a lower triangle.
pub fn triangle(n: usize) -> usize {
    n * (n + 1) / 2
}

/// Addresses for an instruction.
#[derive(Clone, Copy)]
pub struct Ranges {
    /// The first slot of the matrix that stays.
    pub fixed: *const u8,
    /// Bytes from a slot to the next one.
    pub step: usize,
    /// The tile: 64 bytes per element.
    pub tile: *mut u8,
}

/// The shape and the addresses of an instruction on matrices, in the form of four operands: the engine calls all
/// operations with four operands. Only this module reads these operands.
pub fn operands(header: &Header, shape: Shape, ranges: Ranges) -> Operands {
    let Shape { kind, n, r, d } = shape;
    let Ranges { fixed, step, tile } = ranges;
    [
        (fixed, step),
        (tile.cast_const(), n | r << 8 | d << 16 | (kind as usize) << 24),
        (fixed, header.size),
        (fixed, 0),
    ]
    .map(|(at, mask)| Operand { at, mask })
}

/// Runs an instruction on matrices, with the results of [`operands`].
///
/// # Safety
/// The slots must exist for `count` lanes, rounded up to whole lines, and the tile must have room for the shape. Nothing
/// else may use them.
#[inline(always)]
pub unsafe fn operate<V: Vector<Scalar = f64>>(to: *mut u8, operands: &Operands, count: usize) {
    let [Operand { at: fixed, mask: step }, Operand { at: tile, mask: shape }, Operand { mask: size, .. }, _] =
        *operands;
    let byte = |at: usize| shape >> (8 * at) & 0xff;
    let Some(&kind) = Kind::ALL.get(byte(3)) else { return };
    let shape = Shape { kind, n: byte(0), r: byte(1), d: byte(2) };
    let length = shape.tile() * V::LANES;
    // SAFETY: the caller guarantees the tile, which any bits fill with numbers and nothing else uses. A line per element
    // is as long as a vector, or longer.
    let numbers = unsafe { std::slice::from_raw_parts_mut(tile.cast_mut().cast::<f64>(), length) };
    for lane in (0..count).step_by(V::LANES) {
        let (fixed, to) = (fixed.wrapping_add(lane * size), to.wrapping_add(lane * size));
        for (element, lanes) in
            numbers.chunks_exact_mut(V::LANES).enumerate().take(shape.fixed() + shape.changed())
        {
            let from = match element.checked_sub(shape.fixed()) {
                None => fixed.wrapping_add(element * step),
                Some(element) => to.cast_const().wrapping_add(element * step),
            };
            // SAFETY: the caller guarantees this slot from this lane on, up to the end of its line.
            unsafe { gather::<V>(from, size, lanes) };
        }
        factorize(&mut Tile::<V>::new(numbers), shape);
        let results = numbers.chunks_exact(V::LANES).enumerate().take(shape.fixed() + shape.changed());
        for (element, lanes) in results.skip(shape.dropped()) {
            // SAFETY: see above; nothing else uses this slot.
            unsafe { scatter::<V>(to.wrapping_add((element - shape.fixed()) * step), size, lanes) };
        }
    }
}

/// Copies a vector of lanes of a slot to a tile.
///
/// # Safety
/// The slot must have as many lanes, and `lanes` too.
#[inline(always)]
unsafe fn gather<V: Vector<Scalar = f64>>(from: *const u8, size: usize, lanes: &mut [f64]) {
    if size == 8 {
        // SAFETY: the caller guarantees the lanes.
        let vector = unsafe { V::load(from.cast()) };
        // SAFETY: see above.
        return unsafe { vector.store(lanes.as_mut_ptr()) };
    }
    for (lane, number) in lanes.iter_mut().enumerate() {
        // SAFETY: the caller guarantees the lanes.
        *number = f64::from(unsafe { memory::read(from.cast::<f32>(), lane) });
    }
}

/// Copies a vector of lanes of a tile to a slot.
///
/// # Safety
/// Same as for `gather`; nothing else may use these lanes.
#[inline(always)]
unsafe fn scatter<V: Vector<Scalar = f64>>(to: *mut u8, size: usize, lanes: &[f64]) {
    if size == 8 {
        // SAFETY: the caller guarantees the lanes.
        let vector = unsafe { V::load(lanes.as_ptr()) };
        // SAFETY: see above.
        return unsafe { vector.store(to.cast()) };
    }
    for (lane, &number) in lanes.iter().enumerate() {
        // SAFETY: the caller guarantees the lanes.
        unsafe { memory::write(to.cast::<f32>(), lane, number as f32) };
    }
}
