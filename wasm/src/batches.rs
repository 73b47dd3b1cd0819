//! Batches of many runs.

use antigrad_kernels::InstructionSet;
use antigrad_kernels::many::Batch;
use wasm_bindgen::prelude::wasm_bindgen;

/// Makes the updates at hand of the batch of `bytes` bytes at `address`; false if it is none.
#[wasm_bindgen]
pub fn advance(address: usize, bytes: usize) -> bool {
    // SAFETY: see the crate's top; the module's only thread is in here.
    unsafe {
        let batch = Batch::new(address as *mut u8, bytes, InstructionSet::best());
        batch
            .and_then(|batch| (0..batch.header.cohorts).try_for_each(|cohort| batch.advance(cohort, 0)))
            .is_ok()
    }
}
