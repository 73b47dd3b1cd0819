//! The Node native addon: handles on arenas, calls of the kernels, threads. It knows no rule.

mod bound;
mod lent;
mod pool;
mod weak;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use antigrad_kernels::{Arena, Fault, InstructionSet, rules};
use bound::Callable;
use lent::Lent;
use napi::bindgen_prelude::{AsyncTask, External, JsObjectValue, Object, Uint8ArraySlice};
use napi::{Env, Error, Property, Result, Task};
use napi_derive::napi;
use pool::Pool;
use weak::Weak;

static POOL: LazyLock<Pool> = LazyLock::new(Pool::new);
/// Environments (Node's main thread, its workers) that have loaded the addon and still live.
static ENVIRONMENTS: AtomicUsize = AtomicUsize::new(0);

/// Elements that a thread claims at a time.
const PIECE: usize = 1 << 15;

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

/// An arena, whose bytes belong to JavaScript, and how many threads work on it.
struct Steps {
    arena: Arena,
    threads: usize,
    /// They stay where they are: a `WebAssembly.Memory` never moves and cannot be detached while it
    /// cannot grow. An `ArrayBuffer` can be: the facade looks before each call, and makes none that
    /// outlasts its turn of the event loop.
    bytes: Weak,
}

/// What is done with an arena, and with the gradients that are lent for it.
type What = fn(&Steps, Option<&[*const u8]>) -> std::result::Result<(), Fault>;

/// What JavaScript has of an arena; a call on another thread holds the same.
pub struct Handle(Arc<Steps>);

impl Handle {
    /// The steps, if the arena's bytes are still there.
    fn steps(&self) -> Result<&Arc<Steps>> {
        if self.0.bytes.is_alive() { Ok(&self.0) } else { Err(Error::from_reason("the arena is gone")) }
    }

    /// Keeps the bytes alive until the call has run.
    fn call_async(&self, what: What) -> Result<AsyncTask<Call>> {
        let steps = self.steps()?.clone();
        steps.bytes.hold()?;
        Ok(AsyncTask::new(Call { steps, what }))
    }
}

/// The arena in `bytes`, whose header must be complete, for the kernel of that number; runs on the
/// instruction set of that name, or on the best one, and on up to `threads` threads.
///
/// What comes back is a function that updates every segment in place, with gradients that are lent as its
/// arguments, by tensor, or else with the arena's. It says whether it did: not if one that is lent lies in
/// the arena. Its `handle` is for the functions below.
#[napi]
pub fn attach<'env>(
    env: &'env Env,
    mut bytes: Uint8ArraySlice<'env>,
    kernel: u32,
    threads: u32,
    instruction_set: Option<String>,
) -> Result<Object<'env>> {
    let set = match instruction_set {
        None => InstructionSet::best(),
        Some(name) => available()
            .find(|set| set.name() == name)
            .ok_or_else(|| Error::from_reason(format!("this processor does not run {name}")))?,
    };
    // SAFETY: `step` keeps the bytes alive, the handle looks whether they are, and holds them during a
    // call on another thread; see `Steps` for why they do not move; the facade starts no second call while a step is under way.
    let arena = unsafe {
        let memory = bytes.as_mut();
        Arena::new(memory.as_mut_ptr(), memory.len(), kernel as usize, set)
    };
    let steps = Arc::new(Steps {
        arena: arena.map_err(reason)?,
        threads: threads.max(1) as usize,
        bytes: Weak::new(env, &bytes)?,
    });
    // SAFETY: the function holds the handle, which owns the steps.
    let mut step = unsafe { bound::function(env, Arc::as_ptr(&steps)) }?;
    let handle = External::new(Handle(steps)).into_unknown(env)?;
    // Neither can be taken away again.
    step.define_properties(&[
        Property::new().with_utf8_name("handle")?.with_value(&handle),
        Property::new().with_utf8_name("bytes")?.with_value(&bytes),
    ])?;
    Ok(step)
}

/// Writes the sum of squares of each tensor's gradient into the arena; says whether it did, as `attach`'s
/// function does.
#[napi]
pub fn sum_squares(handle: &External<Handle>, lent: Option<Lent>) -> Result<bool> {
    handle.steps()?.run(Steps::sum_squares, lent)
}

/// `step` on another thread.
#[napi]
pub fn step_async(handle: &External<Handle>) -> Result<AsyncTask<Call>> {
    handle.call_async(Steps::step)
}

/// `sumSquares` on another thread.
#[napi]
pub fn sum_squares_async(handle: &External<Handle>) -> Result<AsyncTask<Call>> {
    handle.call_async(Steps::sum_squares)
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

/// The kernels in the order of their numbers: the facade refuses an addon that has others.
#[napi]
pub fn kernels() -> Vec<&'static str> {
    rules::NAMES.to_vec()
}

impl Steps {
    /// Does it, unless what is lent is in the arena.
    fn run(&self, what: What, lent: Option<Lent>) -> Result<bool> {
        if let Some(lent) = &lent
            && !lent.is_apart(&self.arena)?
        {
            return Ok(false);
        }
        what(self, lent.as_ref().map(|lent| lent.pointers.as_slice())).map_err(reason)?;
        Ok(true)
    }

    fn step(&self, lent: Option<&[*const u8]>) -> std::result::Result<(), Fault> {
        if self.threads == 1 && lent.is_none() {
            return self.arena.step();
        }
        let pieces = self.arena.step_pieces(PIECE, lent)?;
        // SAFETY: the pool gives each piece to one thread.
        POOL.run(self.threads, pieces.len(), &|number| unsafe { self.arena.step_piece(&pieces[number]) });
        Ok(())
    }

    fn sum_squares(&self, lent: Option<&[*const u8]>) -> std::result::Result<(), Fault> {
        if self.threads == 1 && lent.is_none() {
            return self.arena.sum_squares();
        }
        let pieces = self.arena.square_pieces(lent)?;
        let sums: Vec<AtomicU64> = pieces.iter().map(|_| AtomicU64::new(0)).collect();
        POOL.run(self.threads, pieces.len(), &|number| {
            // SAFETY: the pieces are of this arena.
            let sum = unsafe { self.arena.square_piece(&pieces[number]) };
            sums[number].store(sum.to_bits(), Ordering::Relaxed);
        });
        let sums: Vec<f64> = sums.into_iter().map(|sum| f64::from_bits(sum.into_inner())).collect();
        self.arena.add_squares(&pieces, &sums);
        Ok(())
    }
}

impl Callable for Steps {
    fn call(&self, lent: Option<Lent>) -> Result<bool> {
        self.run(Self::step, lent)
    }
}

/// A call that runs on a thread of Node's pool. Node ends an environment only after it.
pub struct Call {
    steps: Arc<Steps>,
    what: What,
}

impl Task for Call {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> Result<()> {
        (self.what)(&self.steps, None).map_err(reason)
    }

    fn resolve(&mut self, _: Env, output: ()) -> Result<()> {
        Ok(output)
    }

    fn finally(self, _: Env) -> Result<()> {
        self.steps.bytes.release()
    }
}

fn available() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::ALL.iter().copied().filter(|set| set.is_available())
}

fn reason(fault: impl std::fmt::Display) -> Error {
    Error::from_reason(fault.to_string())
}
