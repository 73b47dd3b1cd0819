//! Batches of many runs, on as many threads as there are cohorts for.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use antigrad_kernels::InstructionSet;
use antigrad_kernels::many::Batch;
use napi::bindgen_prelude::{AsyncTask, Unknown};
use napi::{Env, Error, Result, Task};
use napi_derive::napi;

use crate::bytes::Bytes;
use crate::outcome::{Failure, Outcome, outcome};
use crate::steps::POOL;
use crate::{checked, set_named};

/// Makes the updates of this call for a batch, on up to `threads` threads. The batch has `length` bytes, from `offset`
/// on, of an `ArrayBuffer` or of a `WebAssembly.Memory` that does not grow. Returns false if the batch is invalid. A
/// returned string is the message of a panic, after which the batch is unusable.
#[napi(catch_unwind)]
pub fn advance_many(
    env: &Env,
    owner: Unknown,
    offset: f64,
    length: f64,
    threads: u32,
    instruction_set: Option<String>,
) -> Result<Outcome> {
    let many = Many::new(env, owner, offset, length, threads, instruction_set)?;
    outcome(|| many.advance())
}

/// The same on other threads; the batch must be in a memory.
#[napi(catch_unwind)]
pub fn advance_many_async(
    env: &Env,
    owner: Unknown,
    offset: f64,
    length: f64,
    threads: u32,
    instruction_set: Option<String>,
) -> Result<AsyncTask<Many>> {
    let many = Many::new(env, owner, offset, length, threads, instruction_set)?;
    if !many.memory.stay {
        return Err(Error::from_reason("the batch's buffer may be transferred meanwhile"));
    }
    many.memory.hold()?;
    Ok(AsyncTask::new(many))
}

/// A call, and what it keeps alive.
pub struct Many {
    base: *mut u8,
    bytes: usize,
    set: InstructionSet,
    threads: usize,
    memory: Bytes,
}

// SAFETY: the facade starts no second call during a call.
unsafe impl Send for Many {}

impl Many {
    fn new(
        env: &Env,
        owner: Unknown,
        offset: f64,
        length: f64,
        threads: u32,
        instruction_set: Option<String>,
    ) -> Result<Self> {
        let memory = Bytes::new(env, &owner)?;
        let (base, bytes) = memory
            .part(offset, length)
            .ok_or_else(|| Error::from_reason("the batch is not in the buffer"))?;
        Ok(Self { base, bytes, set: set_named(instruction_set)?, threads: checked(threads)?, memory })
    }

    fn advance(&self) -> std::result::Result<bool, Failure> {
        // SAFETY: the bytes' owner is held, and the instruction set is available.
        let Ok(batch) = (unsafe { Batch::new(self.base, self.bytes, self.set) }) else { return Ok(false) };
        let batch = &batch;
        let threads = self.threads.min(batch.header.scratches);
        if batch.header.cohorts == 1 {
            // Its rows may be work for all of them.
            let panic = Cell::new(None);
            let team = |count: usize, piece: &(dyn Fn(usize, usize) + Sync)| {
                let done = POOL.run(self.threads.min(batch.header.scratches), count, piece);
                done.map_err(|of| panic.set(Some(of))).is_ok()
            };
            // SAFETY: there is one cohort, which this call alone uses, and each thread has the scratch of its number.
            let done = unsafe { batch.advance_by(0, 0, &team) };
            return panic.take().map_or(Ok(done.is_ok()), |panic| Err(panic.into()));
        }
        let failed = AtomicBool::new(false);
        POOL.run(threads, batch.header.cohorts, &|thread, cohort| {
            // SAFETY: each cohort is one thread's, and so is the scratch of its number.
            if unsafe { batch.advance(cohort, thread) }.is_err() {
                failed.store(true, Ordering::Relaxed);
            }
        })?;
        Ok(!failed.into_inner())
    }
}

impl Task for Many {
    type Output = Outcome;
    type JsValue = Outcome;

    fn compute(&mut self) -> Result<Outcome> {
        outcome(|| self.advance())
    }

    fn resolve(&mut self, _: Env, outcome: Outcome) -> Result<Outcome> {
        Ok(outcome)
    }

    fn finally(self, _: Env) -> Result<()> {
        self.memory.release()
    }
}
