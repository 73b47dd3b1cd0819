//! The WebAssembly module: calls of the kernels on the memory that it was given. It knows no rule.
//!
//! Addresses are trusted: JavaScript hands out regions of the memory behind this module's own data,
//! one a caller, and a wrong one could only reach the memory's other arenas, or trap. (No crate can
//! call this function: this one is no library for Rust.)
//!
//! Nothing is kept between calls, as anybody's JavaScript can write to the memory: an arena's header
//! is read and checked at each.

use antigrad_kernels::{Arena, InstructionSet};
use wasm_bindgen::prelude::wasm_bindgen;

/// Updates every segment of the arena of `bytes` bytes at `address` in place, by the kernel of that
/// number; or else, if `squares` is true, writes the sum of squares of each tensor's gradient into the
/// arena. False, and nothing is done, if the arena was overwritten. (One function, so that the module has
/// but once what finds the kernel.)
#[wasm_bindgen]
pub fn run(squares: bool, address: usize, bytes: usize, kernel: usize) -> bool {
    // SAFETY: see the top; the module's only thread is in here.
    unsafe {
        let arena = Arena::new(address as *mut u8, bytes, kernel, InstructionSet::best());
        arena.and_then(|arena| if squares { arena.sum_squares() } else { arena.step() }).is_ok()
    }
}
