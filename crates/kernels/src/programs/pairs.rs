//! Two operations in a row that one loop does, in programs of equations: the second takes what the first gives. While a
//! root or a division is computed, the rest of a processor has time for what comes before it or after it.

use super::operations::{Listed, Operands, Operation, twos};
use crate::vector::{Vector, VectorPair, load_at, splat, store_at};

#[derive(Clone, Copy)]
pub struct Pair {
    /// The numbers of both.
    pub codes: [u8; 2],
    /// Which operands of each are one number for all lanes, a bit each from the lowest on.
    pub for_all: [u8; 2],
    /// Which operand of the second the first gives.
    pub at: usize,
    pub operate: OperateBoth,
}

/// See [`operate`].
pub type OperateBoth = unsafe fn([*mut u8; 2], &[Operands; 2], usize);

impl Pair {
    pub const fn of<A: Listed, B: Listed>(for_all: [u8; 2], at: usize, operate: OperateBoth) -> Self {
        Self { codes: [A::NUMBER, B::NUMBER], for_all, at, operate }
    }
}

/// Hands the list to another macro: both operations, each with its operands that are for all, and which operand of the
/// second the first gives. Published rules have these.
macro_rules! for_each_pair {
    ($then:ident!($argument:tt)) => {
        $then! { $argument
            BlendSquare 0b0101, SqrtMultiplyAdd 0b0110, 0;
            BlendSquare 0b0101, Sqrt 0b0000, 0;
            MultiplyAdd 0b0000, Sqrt 0b0000, 0;
            Blend 0b0101, MultiplyOverFrom 0b0001, 1;
            Multiply 0b0001, MultiplyOverFrom 0b0001, 3;
            Blend 0b0101, MultiplyFrom 0b0001, 1;
            Blend 0b0101, Sign 0b0000, 0;
            Over 0b0000, MultiplySubtract 0b0001, 2;
            Blend 0b0101, Over 0b0000, 0;
            Over 0b0000, Blend 0b0101, 3;
            MultiplyOver 0b0001, MultiplyAdd 0b0001, 2;
            OverMultiply 0b0100, Subtract 0b0000, 1;
            BlendSquare 0b0101, SqrtDivideAdd 0b0110, 0;
            BlendSquare 0b0101, DivideSqrtAdd 0b0110, 0;
            Blend 0b0101, MultiplyDivideFrom 0b0001, 1;
            Divide 0b0010, MultiplyDivideFrom 0b0001, 1;
            Multiply 0b0001, MultiplyDivideFrom 0b0001, 3;
            Divide 0b0000, MultiplySubtract 0b0001, 2;
            Blend 0b0101, Divide 0b0000, 0;
            Divide 0b0000, Blend 0b0101, 3;
            MultiplyDivide 0b0001, MultiplyAdd 0b0001, 2;
            DivideMultiply 0b0100, Subtract 0b0000, 1;
        }
    };
}
pub(crate) use for_each_pair;

/// Both over some lanes: where their results go, their operands, and how many lanes there are.
///
/// # Safety
/// Same as for [`super::operations::operate`], of both, whose operands `A_ALL` and `B_ALL` are for all. The second
/// reads what the first gives as operand `AT`, and in no other.
#[inline(always)]
pub unsafe fn operate<
    V: Vector,
    A: Operation,
    B: Operation,
    const A_ALL: u8,
    const B_ALL: u8,
    const AT: usize,
>(
    to: [*mut u8; 2],
    [a, b]: &[Operands; 2],
    length: usize,
) {
    // SAFETY: the caller guarantees a line of what is for all of the first one.
    let all_a = unsafe { for_all::<V, A_ALL>(a) };
    // SAFETY: the caller guarantees a line of what is for all of the second one.
    let all_b = unsafe { for_all::<V, B_ALL>(b) };
    let two = 2 * V::LANES;
    let twos = twos::<V>(length);
    for number in 0..twos {
        let (all_a, all_b) = (twice(all_a), twice(all_b));
        // SAFETY: the caller guarantees all else up to the end of the last line, and `twos` goes no further.
        unsafe { step::<VectorPair<V>, A, B, A_ALL, B_ALL, AT>(to, a, b, all_a, all_b, number * two) };
    }
    for number in 2 * twos..length.div_ceil(V::LANES) {
        // SAFETY: as above; the end of a line is one of a vector.
        unsafe { step::<V, A, B, A_ALL, B_ALL, AT>(to, a, b, all_a, all_b, number * V::LANES) };
    }
}

/// Both of the lanes from number `at` on.
///
/// # Safety
/// Same as for `operate`; there must be a vector from number `at` on of both results, and of the operands that are not
/// for all.
#[inline(always)]
unsafe fn step<V: Vector, A: Operation, B: Operation, const A_ALL: u8, const B_ALL: u8, const AT: usize>(
    to: [*mut u8; 2],
    a: &Operands,
    b: &Operands,
    all_a: [V; 4],
    all_b: [V; 4],
    at: usize,
) {
    // SAFETY: the caller guarantees the elementwise operands of the first operation.
    let first = A::apply(unsafe { lanes::<V, A>(a, all_a, A_ALL, at) });
    // SAFETY: the caller guarantees the operands of the second operation, except for the first result, which is not
    // loaded.
    let mut operands = unsafe { lanes::<V, B>(b, all_b, B_ALL | 1 << AT, at) };
    operands[AT] = first;
    // SAFETY: the caller guarantees both results.
    unsafe { store_at(first, to[0].cast(), at) };
    // SAFETY: see above.
    unsafe { store_at(B::apply(operands), to[1].cast(), at) };
}

/// The lanes of an operation's operands from element `at` on, except for `known` operands.
///
/// # Safety
/// Each operand of the operation that is not `known` must have a vector from element `at` on.
#[inline(always)]
pub unsafe fn lanes<V: Vector, O: Operation>(
    operands: &Operands,
    all: [V; 4],
    known: u8,
    at: usize,
) -> [V; 4] {
    let mut lanes = all;
    for k in 0..O::OPERANDS {
        if known >> k & 1 == 0 {
            // SAFETY: the caller guarantees this operand, because it is not known.
            lanes[k] = unsafe { load_at(operands[k].at.cast(), at) };
        }
    }
    lanes
}

/// The operands that are for all, each loaded once; 0 for the others.
///
/// # Safety
/// There must be a line of each.
#[inline(always)]
pub unsafe fn for_all<V: Vector, const ALL: u8>(operands: &Operands) -> [V; 4] {
    let mut all = [splat::<V>(0.0); 4];
    for k in 0..all.len() {
        if ALL >> k & 1 == 1 {
            // SAFETY: the caller guarantees a line of it, which is a vector at least.
            all[k] = unsafe { V::load(operands[k].at.cast()) };
        }
    }
    all
}

#[inline(always)]
pub fn twice<V: Vector>([a, b, c, d]: [V; 4]) -> [VectorPair<V>; 4] {
    [VectorPair(a, a), VectorPair(b, b), VectorPair(c, c), VectorPair(d, d)]
}

/// For tests: the name of both, with the operands of each that are for all, and which operand the first gives.
macro_rules! names {
    (() $($a:ident $a_all:literal, $b:ident $b_all:literal, $at:literal;)*) => {
        &[$(([(stringify!($a), $a_all), (stringify!($b), $b_all)], $at),)*]
    };
}
pub const NAMES: &[([(&str, u8); 2], usize)] = for_each_pair!(names!(()));
