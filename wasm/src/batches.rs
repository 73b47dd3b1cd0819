//! Batches of many runs.

use antigrad_kernels::InstructionSet;
use antigrad_kernels::many::Batch;
use wasm_bindgen::prelude::wasm_bindgen;

/// Makes the updates of this call for the batch of `bytes` bytes at `address`; false if the batch is invalid.
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

/// Performs the part of an update from row `from` to row `to` − 1, or with rows in lanes the pieces of rows with these
/// numbers. The batch must request one update, and one cohort must have runs: see `Batch::advance_part`. Returns 1 if
/// parts are left, 0 if the update is done, −1 if the batch is invalid.
#[wasm_bindgen]
pub fn advance_part(address: usize, bytes: usize, from: usize, to: usize) -> i32 {
    // SAFETY: see the crate's top; the module's only thread is in here.
    let parts = unsafe {
        Batch::new(address as *mut u8, bytes, InstructionSet::best()).and_then(|batch| {
            (0..batch.header.cohorts)
                .try_fold(false, |left, cohort| Ok(batch.advance_part(cohort, 0, &(from..to))? || left))
        })
    };
    parts.map_or(-1, i32::from)
}
