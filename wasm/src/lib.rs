//! The WebAssembly module: calls of the kernels on the memory that it was given. It knows no rule.
//!
//! Addresses are trusted: JavaScript hands out regions of the memory behind this module's own data,
//! one a caller, and a wrong one could only reach the memory's other arenas, or trap.

use antigrad_kernels::{Arena, Fault, InstructionSet, Scratch, manifest};
use wasm_bindgen::prelude::wasm_bindgen;

static mut SCRATCH: Scratch = Scratch::new();

/// Runs a stage over the elements from `from` to `to` of the plane of the arena of `bytes` bytes at `address`,
/// sums by tensor included where these are all; false if it was overwritten.
#[wasm_bindgen]
pub fn run(address: usize, bytes: usize, stage: usize, from: usize, to: usize) -> bool {
    // SAFETY: see the top; the module's only thread is in here.
    with(address, bytes, |arena| unsafe {
        let wants_sums = arena.run_range(stage, from, to, None, &mut *&raw mut SCRATCH)?;
        if wants_sums && from == 0 && to == arena.length() { arena.gather(stage) } else { Ok(()) }
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
