//! Stages on arenas.

use antigrad_kernels::{Arena, Fault, InstructionSet, Scratch};
use wasm_bindgen::prelude::wasm_bindgen;

static mut SCRATCH: Scratch = Scratch::new();

/// Runs a stage over the elements from `from` to `to` of the plane of the arena of `bytes` bytes at `address`,
/// sums by tensor included where these are all; false if it was overwritten.
#[wasm_bindgen]
pub fn run(address: usize, bytes: usize, stage: usize, from: usize, to: usize) -> bool {
    // SAFETY: see the crate's top; the module's only thread is in here.
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

fn with(address: usize, bytes: usize, work: impl FnOnce(Arena) -> Result<(), Fault>) -> bool {
    // SAFETY: see the crate's top.
    let arena = unsafe { Arena::new(address as *mut u8, bytes, InstructionSet::best()) };
    arena.and_then(work).is_ok()
}
