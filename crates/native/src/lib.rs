//! The Node native addon: handles on arenas, and calls of the kernels. It knows no rule.

mod weak;

use antigrad_kernels::{Arena, InstructionSet, rules};
use napi::bindgen_prelude::{External, Uint8ArraySlice};
use napi::{Env, Error, Result};
use napi_derive::napi;
use weak::Weak;

/// An arena whose bytes belong to JavaScript. They stay where they are: a `WebAssembly.Memory` never
/// moves and cannot be detached while it cannot grow; for an `ArrayBuffer` the facade looks before
/// each call.
pub struct Handle {
    arena: Arena,
    bytes: Weak,
}

impl Handle {
    /// The arena, if its bytes are still there.
    fn arena(&self) -> Result<&Arena> {
        if self.bytes.is_alive() { Ok(&self.arena) } else { Err(Error::from_reason("the arena is gone")) }
    }
}

/// A handle on the arena in `bytes`, whose header must be complete, for the kernel of that number;
/// runs on the instruction set of that name, or on the best one.
#[napi]
pub fn attach(
    env: Env,
    mut bytes: Uint8ArraySlice,
    kernel: u32,
    instruction_set: Option<String>,
) -> Result<External<Handle>> {
    let set = match instruction_set {
        None => InstructionSet::best(),
        Some(name) => available()
            .find(|set| set.name() == name)
            .ok_or_else(|| Error::from_reason(format!("this processor does not run {name}")))?,
    };
    // SAFETY: the handle looks whether the bytes are alive before each use and, see there, they do
    // not move; JavaScript's thread is the only one that touches them, and it is in here during a step.
    let arena = unsafe {
        let memory = bytes.as_mut();
        Arena::new(memory.as_mut_ptr(), memory.len(), kernel as usize, set)
    };
    Ok(External::new(Handle { arena: arena.map_err(reason)?, bytes: Weak::new(&env, &bytes)? }))
}

/// Updates every segment of the arena in place.
#[napi]
pub fn step(handle: &External<Handle>) -> Result<()> {
    handle.arena()?.step().map_err(reason)
}

/// Writes the sum of squares of each tensor's gradient into the arena.
#[napi]
pub fn sum_squares(handle: &External<Handle>) -> Result<()> {
    handle.arena()?.sum_squares().map_err(reason)
}

/// The instruction sets that this processor runs, worst first.
#[napi]
pub fn instruction_sets() -> Vec<&'static str> {
    available().map(InstructionSet::name).collect()
}

/// The kernels in the order of their numbers: the facade refuses an addon that has others.
#[napi]
pub fn kernels() -> Vec<&'static str> {
    rules::NAMES.to_vec()
}

fn available() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::ALL.iter().copied().filter(|set| set.is_available())
}

fn reason(fault: impl std::fmt::Display) -> Error {
    Error::from_reason(fault.to_string())
}
