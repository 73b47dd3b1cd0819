//! The WebAssembly module: calls of the kernels on the memory that it was given. It knows no rule.
//!
//! Addresses are trusted: JavaScript hands out regions of the memory behind this module's own data,
//! one a caller, and a wrong one could only reach the memory's other arenas, or trap. (No crate can
//! call these functions: this one is no library for Rust.)
//!
//! Nothing is kept between calls, as anybody's JavaScript can write to the memory: an arena's header
//! is read and checked at each.

use antigrad_kernels::{Arena, Fault, InstructionSet};
use wasm_bindgen::prelude::wasm_bindgen;

/// Updates every segment of the arena of `bytes` bytes at `address` in place, by the kernel of that
/// number; false if the arena was overwritten.
#[wasm_bindgen]
pub fn step(address: usize, bytes: usize, kernel: usize) -> bool {
    // SAFETY: the module's only thread is in here.
    arena(address, bytes, kernel).and_then(|arena| unsafe { arena.step() }).is_ok()
}

/// Writes the sum of squares of each tensor's gradient into the arena; false as above.
#[wasm_bindgen]
pub fn sum_squares(address: usize, bytes: usize, kernel: usize) -> bool {
    arena(address, bytes, kernel).and_then(|arena| arena.sum_squares()).is_ok()
}

#[inline(always)]
fn arena(address: usize, bytes: usize, kernel: usize) -> Result<Arena, Fault> {
    // SAFETY: see the top; the module's only thread is in here.
    unsafe { Arena::new(address as *mut u8, bytes, kernel, InstructionSet::best()) }
}
