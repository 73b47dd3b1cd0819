//! The WebAssembly module: calls of the kernels on the memory that it was given. It knows no rule.
//!
//! Addresses are trusted: JavaScript hands out regions of the memory behind this module's own data,
//! one a caller, and a wrong one could only reach the memory's other arenas, or trap.

use antigrad_kernels::{Arena, InstructionSet};
use wasm_bindgen::prelude::wasm_bindgen;

/// What `ts/arena.ts` keeps free for a handle.
const HANDLE: usize = 64;
const _: () = assert!(size_of::<Arena>() <= HANDLE);

/// Checks the arena of `bytes` bytes at `address` and writes a handle for the kernel of that number
/// to `handle`; false if it is no arena.
#[wasm_bindgen]
pub fn attach(address: usize, bytes: usize, kernel: usize, handle: usize) -> bool {
    // SAFETY: see the top; the module's only thread is in here.
    unsafe {
        let arena = Arena::new(address as *mut u8, bytes, kernel, InstructionSet::best());
        arena.map(|arena| (handle as *mut Arena).write(arena)).is_ok()
    }
}

/// Updates every segment of the arena in place; false if the arena was overwritten.
#[wasm_bindgen]
pub fn step(handle: usize) -> bool {
    // SAFETY: see the top; `attach` has written it.
    unsafe { &*(handle as *const Arena) }.step().is_ok()
}

/// Writes the sum of squares of each tensor's gradient into the arena; false as above.
#[wasm_bindgen]
pub fn sum_squares(handle: usize) -> bool {
    // SAFETY: see the top; `attach` has written it.
    unsafe { &*(handle as *const Arena) }.sum_squares().is_ok()
}
