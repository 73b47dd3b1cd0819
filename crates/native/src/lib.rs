//! The Node native addon: handles on arenas, calls of the kernels, threads. It knows no rule.

mod bound;
mod bytes;
mod lent;
mod pool;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use antigrad_kernels::{Arena, Fault, Gradient, InstructionSet, NAMES};
use bound::Callable;
use bytes::Bytes;
use lent::Lent;
use napi::bindgen_prelude::{AsyncTask, External, JsObjectValue, Object, Unknown};
use napi::{Env, Error, JsValue, Property, PropertyAttributes, Result, Task};
use napi_derive::napi;
use pool::Pool;

static POOL: LazyLock<Pool> = LazyLock::new(Pool::new);
/// Environments (Node's main thread, its workers) that have loaded the addon and still live.
static ENVIRONMENTS: AtomicUsize = AtomicUsize::new(0);

/// Elements that a thread claims at a time.
const PIECE: usize = 1 << 15;
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

/// An arena, whose bytes belong to JavaScript, and how many threads work on it.
struct Steps {
    arena: Arena,
    threads: usize,
    bytes: Bytes,
    /// Whether the bytes stay where they are as long as their buffer lives, as those of a
    /// `WebAssembly.Memory`. Others may be transferred or resized: each call looks, and none is left to
    /// another thread, under whose hands they would be freed.
    stays: bool,
}

/// What is done with an arena, and with the gradients that are lent for it.
type What = fn(&Steps, Option<&[Option<Gradient>]>) -> std::result::Result<(), Fault>;

/// What JavaScript has of an arena; a call on another thread holds the same.
pub struct Handle(Arc<Steps>);

impl Handle {
    /// Keeps the bytes alive until the call has run.
    fn call_async(&self, what: What) -> Result<AsyncTask<Call>> {
        let steps = self.0.clone();
        if !steps.stays {
            return Err(Error::from_reason("the arena's buffer may be transferred meanwhile"));
        }
        if !steps.bytes.are_there() {
            return Err(Error::from_reason("the arena is gone"));
        }
        steps.bytes.hold()?;
        Ok(AsyncTask::new(Call { steps, what }))
    }
}

/// The arena in `length` bytes of an `ArrayBuffer` from `offset` on, whose header must be complete, for
/// the kernel of that number; runs on the instruction set of that name, or on the best one, and on up to
/// `threads` threads. `stays` promises that the buffer is a `WebAssembly.Memory`'s that does not grow: it
/// saves a look at it in each call, and nothing can check it.
///
/// What comes back is a function that updates every segment in place, with gradients that are lent as its
/// arguments, by tensor, or else with the arena's. It says whether it did: not if one that is lent lies in
/// the arena, if the arena was overwritten, or if the buffer was transferred or resized. Its `handle` is
/// for the functions below.
#[napi]
#[allow(clippy::too_many_arguments)] // JavaScript's, who has no cheaper way to bring them.
pub fn attach<'env>(
    env: &'env Env,
    buffer: Unknown<'env>,
    offset: f64,
    length: f64,
    stays: bool,
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
    if !(1..=MOST_THREADS).contains(&threads) {
        return Err(Error::from_reason(format!("threads: expected 1 to {MOST_THREADS}, got {threads}")));
    }
    let bytes = Bytes::new(env, &buffer)?;
    let (start, length) =
        bytes.part(offset, length).ok_or_else(|| Error::from_reason("the arena is not in the buffer"))?;
    // SAFETY: the function keeps the buffer alive, and so does a call on another thread; a call by the
    // handle looks whether it lives, and each call whether the bytes are there, unless they stay. The facade
    // starts no second call while one is under way.
    let arena = unsafe { Arena::new(start, length, kernel as usize, set) };
    let steps = Arc::new(Steps { arena: arena.map_err(reason)?, threads: threads as usize, bytes, stays });
    // SAFETY: the function holds the handle, which owns the steps.
    let mut step = unsafe { bound::function(env, Arc::as_ptr(&steps)) }?;
    let handle = External::new(Handle(steps)).into_unknown(env)?;
    // Nobody can take them away from the function again.
    let fixed = |name, value| -> Result<Property> {
        let property = Property::new().with_utf8_name(name)?.with_value(value);
        Ok(property.with_property_attributes(PropertyAttributes::Default))
    };
    step.define_properties(&[fixed("handle", &handle)?, fixed("buffer", &buffer)?])?;
    Ok(step)
}

/// Writes the sum of squares of each tensor's gradient into the arena; says whether it did, as `attach`'s
/// function does.
#[napi]
pub fn sum_squares(env: &Env, handle: &External<Handle>, lent: Option<Unknown>) -> Result<bool> {
    let steps = &handle.0;
    // SAFETY: it is of this call.
    let lent = lent.map(|list| unsafe { Lent::from_list(env.raw(), list.raw(), steps.arena.tensors()) });
    let lent = lent.transpose()?;
    // After the list, whose elements may be getters.
    if !steps.bytes.are_there() {
        return Ok(false);
    }
    steps.run(Steps::sum_squares, lent)
}

/// `step` on another thread; the buffer must be a `WebAssembly.Memory`'s.
#[napi]
pub fn step_async(handle: &External<Handle>) -> Result<AsyncTask<Call>> {
    handle.call_async(Steps::step)
}

/// `sumSquares` on another thread; the buffer must be a `WebAssembly.Memory`'s.
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
    NAMES.to_vec()
}

impl Steps {
    /// Does it, unless what is lent is in the arena, or the arena was overwritten.
    fn run(&self, what: What, lent: Option<Lent>) -> Result<bool> {
        if let Some(lent) = &lent
            && !lent.is_apart(&self.arena)?
        {
            return Ok(false);
        }
        Ok(what(self, lent.as_ref().map(|lent| lent.gradients.as_slice())).is_ok())
    }

    fn step(&self, lent: Option<&[Option<Gradient>]>) -> std::result::Result<(), Fault> {
        if self.threads == 1 && lent.is_none() {
            // SAFETY: no other call is under way, see `attach`.
            return unsafe { self.arena.step() };
        }
        let pieces = self.arena.step_pieces(PIECE, lent)?;
        // SAFETY: the pool gives each piece to one thread; what is lent is good during the call.
        POOL.run(self.threads, pieces.len(), &|number| unsafe { self.arena.step_piece(&pieces[number]) });
        Ok(())
    }

    fn sum_squares(&self, lent: Option<&[Option<Gradient>]>) -> std::result::Result<(), Fault> {
        if self.threads == 1 && lent.is_none() {
            return self.arena.sum_squares();
        }
        let pieces = self.arena.square_pieces(lent)?;
        let sums: Vec<AtomicU64> = pieces.iter().map(|_| AtomicU64::new(0)).collect();
        POOL.run(self.threads, pieces.len(), &|number| {
            // SAFETY: the pieces are of this arena; what is lent is good during the call.
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
        if !self.stays && !self.bytes.are_there() {
            return Ok(false);
        }
        self.run(Self::step, lent)
    }
}

/// A call that runs on a thread of Node's pool. Node ends an environment only after it.
pub struct Call {
    steps: Arc<Steps>,
    what: What,
}

impl Task for Call {
    type Output = bool;
    type JsValue = bool;

    fn compute(&mut self) -> Result<bool> {
        Ok((self.what)(&self.steps, None).is_ok())
    }

    fn resolve(&mut self, _: Env, output: bool) -> Result<bool> {
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
