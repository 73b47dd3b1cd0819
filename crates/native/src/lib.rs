//! The Node native addon: handles on arenas, calls of the kernels, threads. It knows no rule.

mod bound;
mod lent;
mod steps;
mod weak;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use antigrad_kernels::{InstructionSet, manifest};
use bound::Callable;
use lent::Lent;
use napi::bindgen_prelude::{AsyncTask, External, JsObjectValue, Object, Uint8ArraySlice};
use napi::{Env, Error, Property, PropertyAttributes, Result, Task};
use napi_derive::napi;
use steps::{POOL, Steps};
use weak::Weak;

/// Environments (Node's main thread, its workers) that have loaded the addon and still live.
static ENVIRONMENTS: AtomicUsize = AtomicUsize::new(0);

/// Threads that an arena may ask for.
const MOST_THREADS: u32 = 256;

/// Ends the helpers with the last environment: Node may unload the addon then.
#[napi(module_exports)]
pub fn init(_exports: Object, env: Env) -> Result<()> {
    ENVIRONMENTS.fetch_add(1, Ordering::AcqRel);
    env.add_env_cleanup_hook((), |()| {
        if ENVIRONMENTS.fetch_sub(1, Ordering::AcqRel) == 1 {
            POOL.stop();
        }
    })?;
    Ok(())
}

/// What JavaScript has of an arena; a call on another thread holds the same.
pub struct Handle(Arc<Steps>);

impl Handle {
    /// The steps, if the arena's bytes are still there.
    fn steps(&self) -> Result<&Arc<Steps>> {
        if self.0.memory.is_alive() { Ok(&self.0) } else { Err(Error::from_reason("the arena is gone")) }
    }
}

/// The arena in `bytes`; runs on the instruction set of that name, or on the best one, and on up to
/// `threads` threads.
///
/// What comes back is a function `(stage = 0, ...gradients)` that runs a stage, with gradients that are lent
/// by tensor, or else with the arena's. It says whether it did: not if one that is lent lies in the arena.
/// Its `handle` is for the functions below.
#[napi]
pub fn attach<'env>(
    env: &'env Env,
    mut bytes: Uint8ArraySlice<'env>,
    threads: u32,
    instruction_set: Option<String>,
) -> Result<Object<'env>> {
    let set = match instruction_set {
        None => InstructionSet::best(),
        Some(name) => available()
            .find(|set| set.name() == name)
            .ok_or_else(|| Error::from_reason(format!("this processor does not run {name}")))?,
    };
    if !(1..=MOST_THREADS).contains(&threads) {
        return Err(Error::from_reason(format!("{threads} threads are not 1 to {MOST_THREADS}")));
    }
    // SAFETY: the function keeps the bytes alive, and so does a call on another thread.
    let memory = unsafe { bytes.as_mut() };
    let steps = Arc::new(Steps {
        base: memory.as_mut_ptr(),
        bytes: memory.len(),
        set,
        threads: threads as usize,
        memory: Weak::new(env, &bytes)?,
    });
    // SAFETY: the function holds the handle, which owns the steps.
    let mut run = unsafe { bound::function(env, Arc::as_ptr(&steps)) }?;
    let handle = External::new(Handle(steps)).into_unknown(env)?;
    // Neither can be taken away again: they keep alive what the function works on.
    let fixed = PropertyAttributes::Enumerable;
    run.define_properties(&[
        Property::new().with_utf8_name("handle")?.with_value(&handle).with_property_attributes(fixed),
        Property::new().with_utf8_name("bytes")?.with_value(&bytes).with_property_attributes(fixed),
    ])?;
    Ok(run)
}

/// Runs a stage over the elements from `from` to `to` of the plane.
#[napi]
pub fn run_range(handle: &External<Handle>, stage: u32, from: u32, to: u32) -> Result<()> {
    handle.steps()?.run_range(stage as usize, from as usize, to as usize)
}

/// Adds up the sums by tensor of a stage that ran by ranges.
#[napi]
pub fn gather(handle: &External<Handle>, stage: u32) -> Result<()> {
    handle.steps()?.gather(stage as usize)
}

/// Runs a stage on another thread.
#[napi]
pub fn run_async(handle: &External<Handle>, stage: u32) -> Result<AsyncTask<Call>> {
    let steps = handle.steps()?.clone();
    steps.memory.hold()?;
    Ok(AsyncTask::new(Call { steps, stage: stage as usize }))
}

/// The instruction sets that this processor runs, worst first.
#[napi]
pub fn instruction_sets() -> Vec<&'static str> {
    available().map(InstructionSet::name).collect()
}

/// How many threads can run at once here.
#[napi]
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u32)
}

/// The hash of the kernels' sources.
#[napi]
pub fn hash() -> u32 {
    manifest::HASH
}

impl Callable for Steps {
    fn call(&self, stage: u32, lent: Option<Lent>) -> Result<bool> {
        self.run(stage as usize, lent.as_ref())
    }
}

/// A call that runs on a thread of Node's pool. Node ends an environment only after it.
pub struct Call {
    steps: Arc<Steps>,
    stage: usize,
}

impl Task for Call {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> Result<()> {
        self.steps.run(self.stage, None).map(|_| ())
    }

    fn resolve(&mut self, _: Env, output: ()) -> Result<()> {
        Ok(output)
    }

    fn finally(self, _: Env) -> Result<()> {
        self.steps.memory.release()
    }
}

fn available() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::ALL.iter().copied().filter(|set| set.is_available())
}
