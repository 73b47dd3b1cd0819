//! Functions of arrays, in blocks that JavaScript fills.

use antigrad_kernels::{InstructionSet, Operand};
use wasm_bindgen::prelude::wasm_bindgen;

/// Applies an operation of programs to `length` numbers of `size` bytes (4 or 8). The result at `to` has room for them in
/// whole lines of 64 bytes. Each operand has as many, or one line if its bit in `singles` is set. Returns whether there
/// is such an operation.
#[wasm_bindgen]
pub fn apply(
    operation: usize,
    size: usize,
    length: usize,
    to: usize,
    a: usize,
    b: usize,
    c: usize,
    singles: usize,
) -> bool {
    let operand = |k: usize, at: usize| Operand {
        at: at as *const u8,
        mask: if singles >> k & 1 == 0 { usize::MAX } else { 0 },
    };
    let operands = [operand(0, a), operand(1, b), operand(2, c), operand(2, c)];
    // SAFETY: see the crate's top.
    unsafe { InstructionSet::best().apply_to_columns(operation, size, to as *mut u8, &operands, length) }
}
