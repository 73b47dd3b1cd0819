//! The Node native addon: handles on arenas, calls of the kernels, threads. It knows no rule.
#![deny(clippy::multiple_unsafe_ops_per_block)]

mod borrowed_gradients;
mod bound;
mod bytes;
pub mod functions;
pub mod many;
mod memories;
mod outcome;
mod pages;
mod steps;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;

use antigrad_kernels::{CachedArena, InstructionSet, manifest};
use borrowed_gradients::BorrowedGradients;
use bound::Callable;
use bytes::Bytes;
use napi::bindgen_prelude::{AsyncTask, External, JsObjectValue, Object, Uint32ArraySlice, Unknown};
use napi::{Env, Error, Property, PropertyAttributes, Result, Task};
use napi_derive::napi;
use outcome::{Failure, Outcome, outcome};
use steps::{POOL, Steps};

/// Environments (Node's main thread, its workers) that have loaded the addon and still live.
static ENVIRONMENTS: AtomicUsize = AtomicUsize::new(0);

/// Threads that a call may ask for.
const MAX_THREADS: u32 = 256;

/// Ends the helpers with the last environment: Node may unload the addon then.
#[napi(module_exports)]
pub fn init(_exports: Object, env: Env) -> Result<()> {
    if ENVIRONMENTS.fetch_add(1, Ordering::AcqRel) == 0 {
        antigrad_pool::silence_panics();
    }
    env.add_env_cleanup_hook((), |()| {
        if ENVIRONMENTS.fetch_sub(1, Ordering::AcqRel) == 1 {
            POOL.stop();
        }
    })?;
    memories::keep_originals(&env)
}

/// JavaScript's handle of an arena; a call on another thread holds the same steps.
pub struct Handle(Arc<Steps>);

/// Attaches an arena in `length` bytes from `offset` on of an `ArrayBuffer`, or of a `WebAssembly.Memory` that does not
/// grow, with a copy of these tables. It runs on the instruction set of that name, or on the best one, and on up to
/// `threads` threads. With a memory, calls need not look up the buffer.
///
/// Returns a function `(stage, ...gradients)` that runs a stage with borrowed gradients by tensor, or with the arena's
/// gradients. Without an argument it runs the first stage, if `keep` has planned it. The function returns whether the
/// stage ran. It does not run if a borrowed gradient lies in the arena, if tables are invalid, or if the buffer was
/// transferred or resized. A returned string is the message of a panic, after which the arena is unusable. The
/// function's `handle` is an argument of the functions below.
#[napi(catch_unwind)]
pub fn attach<'env>(
    env: &'env Env,
    owner: Unknown<'env>,
    offset: f64,
    length: f64,
    words: Uint32ArraySlice,
    threads: u32,
    instruction_set: Option<String>,
) -> Result<Object<'env>> {
    let set = set_named(instruction_set)?;
    let threads = checked(threads)?;
    let memory = Bytes::new(env, &owner)?;
    let (base, bytes) =
        memory.part(offset, length).ok_or_else(|| Error::from_reason("the arena is not in the buffer"))?;
    // SAFETY: the function keeps the bytes' owner alive, and so does a call on another thread. A call with the handle
    // checks whether the owner lives, and each call whether the bytes still exist, unless they cannot move.
    let steps = unsafe { Steps::new(base, bytes, set, threads, memory, &words) }
        .map_err(|fault| Error::from_reason(fault.to_string()))?;
    let steps = Arc::new(steps);
    // SAFETY: the function holds the handle, which owns the steps.
    let mut run = unsafe { bound::function(env, Arc::as_ptr(&steps)) }?;
    let handle = External::new(Handle(steps)).into_unknown(env)?;
    // The property cannot be removed from the function again.
    let fixed = |name, value| -> Result<Property> {
        let property = Property::new().with_utf8_name(name)?.with_value(value);
        Ok(property.with_property_attributes(PropertyAttributes::Default))
    };
    run.define_properties(&[fixed("handle", &handle)?, fixed("owner", &owner)?])?;
    Ok(run)
}

/// Takes changed tables; until then all calls use the previous tables. Returns whether the function of `attach` may be
/// called without an argument, which runs the first stage by a plan. Returns null, and changes nothing, if the tables
/// are invalid.
#[napi(catch_unwind)]
pub fn keep(handle: &External<Handle>, words: Uint32ArraySlice) -> Option<bool> {
    handle.0.keep(&words)
}

/// Runs a stage over the elements from `from` to `to` of the flat parameter array; ends as the function of `attach`.
#[napi(catch_unwind)]
pub fn run_range(handle: &External<Handle>, stage: u32, from: u32, to: u32) -> Result<Outcome> {
    outcome(|| Ok(handle.0.run_range(stage as usize, from as usize, to as usize)))
}

/// Adds up the sums by tensor of a stage that ran by ranges; ends likewise.
#[napi(catch_unwind)]
pub fn gather(handle: &External<Handle>, stage: u32) -> Result<Outcome> {
    outcome(|| Ok(handle.0.gather(stage as usize)))
}

/// Runs a stage on another thread; the arena must be in a `WebAssembly.Memory`.
#[napi(catch_unwind)]
pub fn run_async(handle: &External<Handle>, stage: u32) -> Result<AsyncTask<Call>> {
    let steps = handle.0.clone();
    if !steps.memory.stay {
        return Err(Error::from_reason("the arena's buffer may be transferred meanwhile"));
    }
    if !steps.memory.are_there() {
        return Err(Error::from_reason("the arena is gone"));
    }
    steps.memory.hold()?;
    let kept = steps.kept().clone();
    Ok(AsyncTask::new(Call { steps, kept, stage: stage as usize }))
}

/// Requests huge pages for a `WebAssembly.Memory` that does not grow and has not been written to. Returns whether the
/// system has accepted the request.
#[napi(catch_unwind)]
pub fn advise(env: &Env, memory: Unknown) -> Result<bool> {
    let memory = Bytes::new(env, &memory)?;
    let (start, length) = memory.all();
    // Nothing of an `ArrayBuffer`'s memory is given back with it: the advice would stay on what comes there next.
    Ok(memory.stay && pages::advise(start, length))
}

/// The instruction sets that this processor runs, worst first.
#[napi(catch_unwind)]
pub fn instruction_sets() -> Vec<&'static str> {
    available().map(InstructionSet::name).collect()
}

/// How many threads can run at once here, as far as a call may ask for them.
#[napi(catch_unwind)]
pub fn cores() -> u32 {
    // To ask the system takes as long as a fit.
    static CORES: LazyLock<u32> =
        LazyLock::new(|| available_parallelism().map_or(1, |count| count.get() as u32));
    MAX_THREADS.min(*CORES)
}

/// The hash of the kernels' sources.
#[napi(catch_unwind)]
pub fn hash() -> u32 {
    manifest::HASH
}

impl Callable for Steps {
    fn call_again(&self) -> bool {
        self.run_again()
    }

    fn call(&self, stage: u32, borrowed: Option<BorrowedGradients>) -> std::result::Result<bool, Failure> {
        self.run(self.kept(), stage as usize, borrowed.as_ref())
    }
}

/// A call that runs on a thread of Node's pool. Node ends an environment only after it.
pub struct Call {
    steps: Arc<Steps>,
    kept: Arc<CachedArena>,
    stage: usize,
}

impl Task for Call {
    type Output = Outcome;
    type JsValue = Outcome;

    fn compute(&mut self) -> Result<Outcome> {
        outcome(|| self.steps.run(&self.kept, self.stage, None))
    }

    fn resolve(&mut self, _: Env, outcome: Outcome) -> Result<Outcome> {
        Ok(outcome)
    }

    fn finally(self, _: Env) -> Result<()> {
        self.steps.memory.release()
    }
}

fn checked(threads: u32) -> Result<usize> {
    match threads {
        1..=MAX_THREADS => Ok(threads as usize),
        _ => Err(Error::from_reason(format!("threads: expected 1 to {MAX_THREADS}, got {threads}"))),
    }
}

fn set_named(name: Option<String>) -> Result<InstructionSet> {
    let Some(name) = name else { return Ok(InstructionSet::best()) };
    let found = available().find(|set| set.name() == name);
    found.ok_or_else(|| Error::from_reason(format!("this processor does not run {name}")))
}

fn available() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::ALL.iter().copied().filter(|set| set.is_available())
}
