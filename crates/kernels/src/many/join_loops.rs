//! The loops of joined instructions: see `joined.rs`. Modules of WebAssembly lack them.

use super::joined::{Join, OperateBoth};
use crate::arena::LINE;
use crate::programs::operations::{self, Listed, NAMES, Operands, Operation};
use crate::programs::pairs::{for_all, lanes, twice};
use crate::vector::{Vector, VectorPair, store_at};

impl Join {
    pub const fn of<A: Listed, B: Listed>(for_all: [u8; 2], reads: u8, operate: OperateBoth) -> Self {
        let operands = [(1 << A::OPERANDS) - 1, (1 << B::OPERANDS) - 1];
        assert!(for_all[0] & !operands[0] == 0 && (for_all[1] | reads) & !operands[1] == 0);
        Self { second: B::NUMBER, operands, for_all, reads, operate }
    }
}

/// Hands the list to another macro: both operations, each with its operands that are for all, and which operands of the
/// second one are results of the first one. Pairs with the same first operation stand together. Programs of fits and
/// gradients of sums of squares consist of these pairs for the most part.
macro_rules! for_each_join {
    ($then:ident!($argument:tt)) => {
        $then! { $argument
            Add 0b00, Add 0b00, 0b00;
            Add 0b00, Add 0b01, 0b00;
            Add 0b01, Add 0b01, 0b00;
            Add 0b00, MultiplyAdd 0b000, 0b000;
            Add 0b01, Divide 0b00, 0b10;
            Subtract 0b01, Multiply 0b00, 0b11;
            Subtract 0b00, MultiplyAdd 0b000, 0b011;
            Subtract 0b10, MultiplyAdd 0b000, 0b011;
            Subtract 0b01, AddSubtract 0b100, 0b000;
            Multiply 0b00, Exp 0b0, 0b1;
            Multiply 0b01, Exp 0b0, 0b1;
            Multiply 0b10, Exp 0b0, 0b1;
            Multiply 0b00, Negate 0b0, 0b1;
            Multiply 0b00, Multiply 0b00, 0b00;
            Multiply 0b00, Multiply 0b01, 0b10;
            MultiplyAdd 0b000, Add 0b00, 0b00;
            MultiplyAdd 0b001, Add 0b00, 0b00;
            MultiplyAdd 0b000, MultiplyAdd 0b000, 0b000;
            MultiplyAdd 0b000, MultiplyAdd 0b001, 0b000;
            MultiplyAdd 0b001, MultiplyAdd 0b000, 0b000;
            MultiplyAdd 0b000, SubtractMultiply 0b110, 0b001;
            MultiplyAdd 0b101, SubtractMultiply 0b100, 0b001;
            MultiplyMultiply 0b000, Add 0b00, 0b00;
            MultiplyMultiply 0b001, Add 0b00, 0b00;
            MultiplyMultiply 0b000, Multiply 0b00, 0b10;
            MultiplyMultiply 0b000, MultiplyMultiply 0b000, 0b000;
            MultiplyMultiply 0b000, Negate 0b0, 0b1;
            MultiplyMultiply 0b100, AddSubtract 0b100, 0b000;
            AddSubtract 0b000, MultiplyAdd 0b000, 0b011;
            AddSubtract 0b100, MultiplyAdd 0b000, 0b011;
            SubtractMultiply 0b110, MultiplyMultiply 0b000, 0b010;
            Divide 0b01, Multiply 0b00, 0b10;
            Divide 0b01, MultiplyMultiply 0b000, 0b010;
            Divide 0b00, Divide 0b01, 0b00;
            Negate 0b0, Add 0b00, 0b00;
            Negate 0b0, Divide 0b00, 0b01;
            Select 0b000, Select 0b000, 0b000;
            Exp 0b0, Multiply 0b00, 0b10;
            Exp 0b0, MultiplyAdd 0b000, 0b010;
        }
    };
}
pub(crate) use for_each_join;

/// The pairs that begin with each operation: the index of the first pair, and the index behind the last pair.
pub const RANGES: [[u8; 2]; NAMES.len()] = {
    macro_rules! firsts {
        (() $($a:ident $a_all:literal, $b:ident $b_all:literal, $reads:literal;)*) => {
            [$(operations::$a::NUMBER,)*]
        };
    }
    let firsts = for_each_join!(firsts!(()));
    let mut ranges = [[0; 2]; NAMES.len()];
    let mut k = 0;
    while k < firsts.len() {
        let [start, end] = ranges[firsts[k] as usize];
        assert!(end == 0 || end as usize == k, "pairs with the same first operation stand together");
        ranges[firsts[k] as usize] = [if end == 0 { k as u8 } else { start }, k as u8 + 1];
        k += 1;
    }
    ranges
};
/// Both instructions over some lanes: where their results go, their operands, and how many lanes there are.
///
/// # Safety
/// Same as for [`crate::programs::operations::operate`], of both, whose operands `A_ALL` and `B_ALL` are for all. Two
/// slots must be the same one, or not overlap. The operands `READS` of the second instruction, and no others, are
/// results of the first one.
#[inline(always)]
pub unsafe fn operate<
    V: Vector,
    A: Operation,
    B: Operation,
    const A_ALL: u8,
    const B_ALL: u8,
    const READS: u8,
>(
    to: [*mut u8; 2],
    operands: [&Operands; 2],
    length: usize,
) {
    // SAFETY: the caller guarantees a line of what is for all of the first one.
    let all_a = unsafe { for_all::<V, A_ALL>(operands[0]) };
    // SAFETY: the caller guarantees a line of what is for all of the second one.
    let all_b = unsafe { for_all::<V, B_ALL>(operands[1]) };
    let (twice_a, twice_b) = (twice(all_a), twice(all_b));
    let mut at = 0;
    while at + 4 * V::LANES <= length {
        let all = [twice(twice_a), twice(twice_b)];
        // SAFETY: the caller guarantees results and operands, of which four vectors are left.
        unsafe { step::<VectorPair<VectorPair<V>>, A, B, A_ALL, B_ALL, READS>(to, operands, all, at) };
        at += 4 * V::LANES;
    }
    // The padding of a line is computed, too, as in `operations::operate`.
    let is_last = 2 * size_of::<V>() <= LINE;
    while at + 2 * V::LANES <= length || is_last && at < length {
        let all = [twice_a, twice_b];
        // SAFETY: the caller guarantees results and operands up to the end of the last line. A line holds two vectors if
        // the last vectors are not entirely within `length`.
        unsafe { step::<VectorPair<V>, A, B, A_ALL, B_ALL, READS>(to, operands, all, at) };
        at += 2 * V::LANES;
    }
    while !is_last && at < length {
        // SAFETY: the caller guarantees results and operands up to the end of the last line, which also ends a vector.
        unsafe { step::<V, A, B, A_ALL, B_ALL, READS>(to, operands, [all_a, all_b], at) };
        at += V::LANES;
    }
}

/// Both instructions for the lanes from number `at` on.
///
/// # Safety
/// Same as for `operate`; there must be a vector from number `at` on of both results, and of the operands that are not
/// for all.
#[inline(always)]
unsafe fn step<V: Vector, A: Operation, B: Operation, const A_ALL: u8, const B_ALL: u8, const READS: u8>(
    to: [*mut u8; 2],
    [a, b]: [&Operands; 2],
    [all_a, all_b]: [[V; 4]; 2],
    at: usize,
) {
    // SAFETY: the caller guarantees the elementwise operands of the first instruction.
    let first = A::apply(unsafe { lanes::<V, A>(a, all_a, A_ALL, at) });
    // The second result would overwrite it.
    if to[0] != to[1] {
        // SAFETY: the caller guarantees the first result.
        unsafe { store_at(first, to[0].cast(), at) };
    }
    // SAFETY: the caller guarantees the operands of the second instruction. Results of the first one are not loaded.
    let mut operands = unsafe { lanes::<V, B>(b, all_b, B_ALL | READS, at) };
    for (k, operand) in operands.iter_mut().enumerate() {
        if READS >> k & 1 == 1 {
            *operand = first;
        }
    }
    // SAFETY: the caller guarantees the second result.
    unsafe { store_at(B::apply(operands), to[1].cast(), at) };
}
