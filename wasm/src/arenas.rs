//! Stages on arenas.

use std::{ptr, slice};

use antigrad_kernels::{Arena, ArenaError, InstructionSet, Planned, Scratch, run_planned};
use wasm_bindgen::prelude::wasm_bindgen;

static mut SCRATCH: Scratch = Scratch::new();

/// Runs a stage over the elements from `from` to `to` of the flat parameter array of the arena of `bytes` bytes at
/// `address`. If these are all elements, sums per tensor are included. False if the arena was overwritten.
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
    // SAFETY: see above.
    with(address, bytes, |arena| unsafe { arena.gather(stage) })
}

/// Header of a plan, in front of its passes: the word that identifies it, and the number of passes.
#[repr(C)]
struct Plan {
    word: u32,
    count: usize,
    passes: [Planned; 0],
}
#[cfg(target_arch = "wasm32")]
const _: () = assert!(size_of::<Plan>() == antigrad_kernels::PLAN * 4);

/// Plans a stage, and writes the plan to `to`, which has room for `most` passes. `word` identifies the plan and is not
/// 0. False if the stage is more than plain passes, or has more passes.
#[wasm_bindgen]
pub fn plan(address: usize, bytes: usize, stage: usize, to: usize, most: usize, word: u32) -> bool {
    let plan = to as *mut Plan;
    let mut count = 0;
    let mut is_planned = false;
    // SAFETY: see the top of the crate, also for the room. A partly written plan is not identified by any word.
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

/// Runs the plan at `at` that `word` identifies. Returns false, and does nothing, if no plan is there.
///
/// Code that can overwrite a plan can also overwrite the module's stack. So the passes of a plan are trusted, like
/// addresses.
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
