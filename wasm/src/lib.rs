//! The WebAssembly module: calls of the kernels on the memory that it was given. It knows no rule.
//!
//! Addresses are trusted: JavaScript hands out regions of the memory behind this module's own data,
//! one a caller, and a wrong one could only reach the memory's other arenas, or trap.

use antigrad_kernels::{Arena, Fault, InstructionSet, Scratch, manifest};
use wasm_bindgen::prelude::wasm_bindgen;

static mut SCRATCH: Scratch = Scratch::new();

/// Runs a stage over all of the arena of `bytes` bytes at `address`; false if it was overwritten.
#[wasm_bindgen]
pub fn run(address: usize, bytes: usize, stage: usize) -> bool {
    // SAFETY: see the top; the module's only thread is in here.
    with(address, bytes, |arena| unsafe { arena.run(stage, None, &mut *&raw mut SCRATCH) })
}

/// The same for the elements from `from` to `to` of the plane.
#[wasm_bindgen]
pub fn run_range(address: usize, bytes: usize, stage: usize, from: usize, to: usize) -> bool {
    // SAFETY: as above.
    with(address, bytes, |arena| unsafe {
        arena.run_range(stage, from, to, None, &mut *&raw mut SCRATCH).map(|_| ())
    })
}

/// Adds up the sums by tensor of a stage that ran by ranges.
#[wasm_bindgen]
pub fn gather(address: usize, bytes: usize, stage: usize) -> bool {
    // SAFETY: as above.
    with(address, bytes, |arena| unsafe { arena.gather(stage) })
}

/// The hash of the kernels' sources.
#[wasm_bindgen]
pub fn hash() -> u32 {
    manifest::HASH
}

fn with(address: usize, bytes: usize, work: impl FnOnce(Arena) -> Result<(), Fault>) -> bool {
    // SAFETY: see the top.
    let arena = unsafe { Arena::new(address as *mut u8, bytes, InstructionSet::best()) };
    arena.and_then(work).is_ok()
}
