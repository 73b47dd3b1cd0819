//! Stages on arenas.

use std::{ptr, slice};

use antigrad_kernels::{Arena, ArenaError, InstructionSet, Planned, Scratch, run_planned};
use wasm_bindgen::prelude::wasm_bindgen;

static mut SCRATCH: Scratch = Scratch::new();

/// Runs a stage over the elements from `from` to `to` of the plane of the arena of `bytes` bytes at `address`,
/// sums by tensor included where these are all; false if it was overwritten.
#[wasm_bindgen]
pub fn run(address: usize, bytes: usize, stage: usize, from: usize, to: usize) -> bool {
    // SAFETY: see the crate's top; the module's only thread is in here.
    with(address, bytes, |arena| unsafe {
        let scratch = &raw mut SCRATCH;
        let wants_sums = arena.run_range(stage, from, to, None, &mut *scratch)?;
        if wants_sums && from == 0 && to == arena.length() { arena.gather(stage) } else { Ok(()) }
    })
}

/// Adds up the sums by tensor of a stage that ran by ranges.
#[wasm_bindgen]
pub fn gather(address: usize, bytes: usize, stage: usize) -> bool {
    // SAFETY: as above.
    with(address, bytes, |arena| unsafe { arena.gather(stage) })
}

/// What a plan begins with, in front of its passes: the word by which it is known, and how many these are.
#[repr(C)]
struct Plan {
    word: u32,
    count: usize,
    passes: [Planned; 0],
}
#[cfg(target_arch = "wasm32")]
const _: () = assert!(size_of::<Plan>() == antigrad_kernels::PLAN * 4);

/// Finds what a stage runs, and writes it to `to`, where there is room for `most` passes; `word` is what it is known
/// by, and not 0. False where it is more than passes, or more of them.
#[wasm_bindgen]
pub fn plan(address: usize, bytes: usize, stage: usize, to: usize, most: usize, word: u32) -> bool {
    let plan = to as *mut Plan;
    let mut count = 0;
    let mut is_planned = false;
    // SAFETY: see the crate's top, also of the room. What is half written is not known by any word.
    unsafe {
        (*plan).word = 0;
        let passes = (&raw mut (*plan).passes).cast::<Planned>();
        with(address, bytes, |arena| {
            is_planned = arena.plan(stage, |planned| {
                if count < most {
                    ptr::write(passes.add(count), planned);
                }
                count += 1;
                count <= most
            })?;
            Ok(())
        });
        if is_planned {
            *plan = Plan { word, count, passes: [] };
        }
    }
    is_planned
}

/// Runs the plan at `at` that is known by `word`. False, and nothing is done, where there is none.
///
/// Who can write over a plan can write over the module's stack, too: so its passes are trusted, as addresses are.
#[wasm_bindgen]
pub fn rerun(at: usize, word: u32) -> bool {
    let plan = at as *const Plan;
    // SAFETY: see the crate's top; `plan` has written it.
    unsafe {
        let passes = (&raw const (*plan).passes).cast::<Planned>();
        if (*plan).word != word {
            return false;
        }
        run_planned(slice::from_raw_parts(passes, (*plan).count), || &raw mut SCRATCH);
    }
    true
}

fn with(address: usize, bytes: usize, work: impl FnOnce(Arena) -> Result<(), ArenaError>) -> bool {
    // SAFETY: see the crate's top.
    let arena = unsafe { Arena::new(address as *mut u8, bytes, InstructionSet::best()) };
    arena.and_then(work).is_ok()
}
