//! The Node native addon: handles on arenas, calls of the kernels, threads. It knows no rule.

mod pool;
mod weak;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use antigrad_kernels::{Arena, Fault, InstructionSet, rules};
use napi::bindgen_prelude::{
    AsyncTask, External, Function, FunctionCallContext, JsObjectValue, Object, Uint8ArraySlice,
};
use napi::{Env, Error, JsValue, Property, Result, Task};
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

/// What is done with an arena.
type What = fn(&Steps) -> std::result::Result<(), Fault>;

/// What JavaScript has of an arena for calls on another thread, which hold the same.
pub struct Handle(Arc<Steps>);

impl Handle {
    /// Keeps the bytes alive until the call has run.
    fn call(&self, what: What) -> Result<AsyncTask<Call>> {
        let steps = self.0.clone();
        if !steps.bytes.is_alive() {
            return Err(Error::from_reason("the arena is gone"));
        }
        steps.bytes.hold()?;
        Ok(AsyncTask::new(Call { steps, what }))
    }
}

/// The arena in `bytes`, whose header must be complete, for the kernel of that number; runs on the
/// instruction set of that name, or on the best one, and on up to `threads` threads.
///
/// `step` updates every segment in place, `sumSquares` writes the sum of squares of each tensor's
/// gradient into the arena, and `handle` is for the same on another thread. They are functions without
/// arguments: to look up a handle takes three times as long as to call.
#[napi(ts_return_type = "{ step(): void; sumSquares(): void; handle: object }")]
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
    // SAFETY: the functions keep the bytes alive, calls on another thread hold them, and, see
    // `Steps`, they do not move; the facade starts no second call while a step is under way.
    let arena = unsafe {
        let memory = bytes.as_mut();
        Arena::new(memory.as_mut_ptr(), memory.len(), kernel as usize, set)
    };
    let steps = Arc::new(Steps {
        arena: arena.map_err(reason)?,
        threads: threads.max(1) as usize,
        bytes: Weak::new(env, &bytes)?,
    });
    let function = |what: What| -> Result<Object> {
        let steps = steps.clone();
        let call = move |_: FunctionCallContext| what(&steps).map_err(reason);
        let function: Function<(), ()> = env.create_function_from_closure("", call)?;
        let mut function = Object::from_raw(env.raw(), function.raw());
        // It cannot be taken away again.
        function.define_properties(&[Property::new().with_utf8_name("bytes")?.with_value(&bytes)])?;
        Ok(function)
    };
    let mut attached = Object::new(env)?;
    attached.set("step", function(Steps::step)?)?;
    attached.set("sumSquares", function(Steps::sum_squares)?)?;
    attached.set("handle", External::new(Handle(steps.clone())))?;
    Ok(attached)
}

/// `step` on another thread.
#[napi]
pub fn step_async(handle: &External<Handle>) -> Result<AsyncTask<Call>> {
    handle.call(Steps::step)
}

/// `sumSquares` on another thread.
#[napi]
pub fn sum_squares_async(handle: &External<Handle>) -> Result<AsyncTask<Call>> {
    handle.call(Steps::sum_squares)
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
    fn step(&self) -> std::result::Result<(), Fault> {
        if self.threads == 1 {
            return self.arena.step();
        }
        let pieces = self.arena.step_pieces(PIECE)?;
        // SAFETY: the pool gives each piece to one thread.
        POOL.run(self.threads, pieces.len(), &|number| unsafe { self.arena.step_piece(&pieces[number]) });
        Ok(())
    }

    fn sum_squares(&self) -> std::result::Result<(), Fault> {
        if self.threads == 1 {
            return self.arena.sum_squares();
        }
        let pieces = self.arena.square_pieces()?;
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

/// A call that runs on a thread of Node's pool. Node ends an environment only after it.
pub struct Call {
    steps: Arc<Steps>,
    what: What,
}

impl Task for Call {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> Result<()> {
        (self.what)(&self.steps).map_err(reason)
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
