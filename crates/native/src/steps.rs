//! What is done with an arena, on as many threads as it is worth.

use std::cell::UnsafeCell;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use antigrad_kernels::{Arena, BLOCK, Fault, InstructionSet, Scratch};
use antigrad_pool::Pool;
use napi::{Error, Result};

use crate::lent::Lent;
use crate::weak::Weak;

pub static POOL: LazyLock<Pool> = LazyLock::new(Pool::new);

/// Elements that a thread claims at a time.
const PIECE: usize = 2 * BLOCK;

thread_local! {
    static SCRATCH: UnsafeCell<Scratch> = const { UnsafeCell::new(Scratch::new()) };
}

/// An arena, whose bytes belong to JavaScript, and how many threads work on it.
pub struct Steps {
    pub base: *mut u8,
    pub bytes: usize,
    pub set: InstructionSet,
    pub threads: usize,
    /// They stay where they are: a `WebAssembly.Memory` never moves and cannot be detached while it
    /// cannot grow. An `ArrayBuffer` can be: the facade looks before each call, and makes none that
    /// outlasts its turn of the event loop.
    pub memory: Weak,
}

// SAFETY: the facade starts no second call while one is under way; see `run`.
unsafe impl Send for Steps {}
// SAFETY: as above.
unsafe impl Sync for Steps {}

impl Steps {
    fn arena(&self) -> Result<Arena> {
        // SAFETY: whoever made this vouches for the bytes and has found the instruction set available.
        unsafe { Arena::new(self.base, self.bytes, self.set) }.map_err(reason)
    }

    /// Runs a stage over all of the arena; false, and nothing is done, if what is lent lies in it.
    pub fn run(&self, stage: usize, lent: Option<&Lent>) -> Result<bool> {
        let arena = self.arena()?;
        if let Some(lent) = lent
            && !lent.is_apart(&arena)?
        {
            return Ok(false);
        }
        let lent = lent.map(|lent| lent.pointers.as_slice());
        let length = arena.length();
        let pieces = length.div_ceil(PIECE);
        if self.threads == 1 || pieces < 2 {
            // SAFETY: nothing else runs on the arena, and what is lent has been checked.
            with_scratch(|scratch| unsafe { arena.run(stage, lent, scratch) }).map_err(reason)?;
            return Ok(true);
        }
        struct Shared<'a>(Option<&'a [*const u8]>);
        // SAFETY: what they point to is only read, and stays until the call returns.
        unsafe impl Sync for Shared<'_> {}
        let shared = Shared(lent);
        let shared = &shared;
        let failed = AtomicBool::new(false);
        POOL.run(self.threads, pieces, &|number| {
            let (from, to) = (number * PIECE, length.min((number + 1) * PIECE));
            // SAFETY: as above, and ranges do not overlap.
            let done = with_scratch(|scratch| unsafe { arena.run_range(stage, from, to, shared.0, scratch) });
            if done.is_err() {
                failed.store(true, Ordering::Relaxed);
            }
        });
        // SAFETY: as above; the threads are done.
        unsafe { arena.gather(stage) }.map_err(reason)?;
        if failed.into_inner() { Err(Error::from_reason("the arena was overwritten")) } else { Ok(true) }
    }

    /// Runs a stage over a range of the plane.
    pub fn run_range(&self, stage: usize, from: usize, to: usize) -> Result<()> {
        let arena = self.arena()?;
        // SAFETY: nothing else runs on the arena.
        with_scratch(|scratch| unsafe { arena.run_range(stage, from, to, None, scratch) })
            .map(|_| ())
            .map_err(reason)
    }

    /// Adds up the sums of a stage that ran by ranges.
    pub fn gather(&self, stage: usize) -> Result<()> {
        // SAFETY: nothing else runs on the arena.
        unsafe { self.arena()?.gather(stage) }.map_err(reason)
    }
}

fn with_scratch<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    // SAFETY: it is this thread's, and no kernel calls back.
    SCRATCH.with(|scratch| work(unsafe { &mut *scratch.get() }))
}

fn reason(fault: Fault) -> Error {
    Error::from_reason(fault.to_string())
}
