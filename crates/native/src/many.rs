//! Batches of many runs, on as many threads as there are cohorts for.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use antigrad_kernels::InstructionSet;
use antigrad_kernels::many::Batch;
use napi::bindgen_prelude::{AsyncTask, Unknown};
use napi::{Env, Error, Result, Task};
use napi_derive::napi;

use crate::bytes::Bytes;
use crate::set_named;
use crate::steps::POOL;

/// Makes the updates at hand of a batch, which lies in `length` bytes of an `ArrayBuffer` from `offset` on,
/// on up to `threads` threads. False if it is none.
#[napi]
pub fn advance_many(
    env: &Env,
    buffer: Unknown,
    offset: f64,
    length: f64,
    threads: u32,
    instruction_set: Option<String>,
) -> Result<bool> {
    Many::new(env, buffer, offset, length, threads, instruction_set)?.advance()
}

/// The same on other threads; the buffer must be a `WebAssembly.Memory`'s that nobody else uses.
#[napi]
pub fn advance_many_async(
    env: &Env,
    buffer: Unknown,
    offset: f64,
    length: f64,
    threads: u32,
    instruction_set: Option<String>,
) -> Result<AsyncTask<Many>> {
    let many = Many::new(env, buffer, offset, length, threads, instruction_set)?;
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

// SAFETY: the facade starts no second call while one is under way.
unsafe impl Send for Many {}

impl Many {
    fn new(
        env: &Env,
        buffer: Unknown,
        offset: f64,
        length: f64,
        threads: u32,
        instruction_set: Option<String>,
    ) -> Result<Self> {
        let memory = Bytes::new(env, &buffer)?;
        let (base, bytes) = memory
            .part(offset, length)
            .ok_or_else(|| Error::from_reason("the batch is not in the buffer"))?;
        Ok(Self { base, bytes, set: set_named(instruction_set)?, threads: threads as usize, memory })
    }

    fn advance(&self) -> Result<bool> {
        // SAFETY: the bytes are the buffer's, which is held, and the instruction set is available.
        let Ok(batch) = (unsafe { Batch::new(self.base, self.bytes, self.set) }) else { return Ok(false) };
        let batch = &batch;
        let scratches = Mutex::new((0..batch.header.scratches).collect::<Vec<_>>());
        let threads = self.threads.clamp(1, batch.header.scratches.max(1));
        let failed = AtomicBool::new(false);
        POOL.run(threads, batch.header.cohorts, &|cohort| {
            let scratch = scratches.lock().ok().and_then(|mut free| free.pop());
            // SAFETY: each cohort is one thread's, and so is a scratch until it is given back.
            let done = scratch.is_some_and(|scratch| unsafe { batch.advance(cohort, scratch) }.is_ok());
            if !done {
                failed.store(true, Ordering::Relaxed);
            }
            if let (Some(scratch), Ok(mut free)) = (scratch, scratches.lock()) {
                free.push(scratch);
            }
        });
        Ok(!failed.into_inner())
    }
}

impl Task for Many {
    type Output = bool;
    type JsValue = bool;

    fn compute(&mut self) -> Result<bool> {
        self.advance()
    }

    fn resolve(&mut self, _: Env, output: bool) -> Result<bool> {
        Ok(output)
    }

    fn finally(self, _: Env) -> Result<()> {
        self.memory.release()
    }
}
