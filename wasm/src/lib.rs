//! The WebAssembly module: calls of the kernels on the memory that it was given. It knows no rule.

use antigrad_kernels::{Arena, InstructionSet};
use wasm_bindgen::prelude::wasm_bindgen;

/// Updates every segment of the arena of `bytes` bytes at `address` by the kernel of that number;
/// false if it is no arena.
#[wasm_bindgen]
pub fn step(address: usize, bytes: usize, kernel: usize) -> bool {
    arena(address, bytes, kernel).is_some_and(|arena| arena.step().is_ok())
}

/// Writes the sum of squares of each tensor's gradient into the arena; false if it is none.
#[wasm_bindgen]
pub fn sum_squares(address: usize, bytes: usize, kernel: usize) -> bool {
    arena(address, bytes, kernel).is_some_and(|arena| arena.sum_squares().is_ok())
}

fn arena(address: usize, bytes: usize, kernel: usize) -> Option<Arena> {
    // SAFETY: JavaScript hands out regions of the memory behind this module's own data, one a
    // caller, and its only thread is in here; an address beyond the memory would trap.
    unsafe { Arena::new(address as *mut u8, bytes, kernel, InstructionSet::best()) }.ok()
}
