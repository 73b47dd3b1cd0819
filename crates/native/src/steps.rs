//! What is done with an arena, on as many threads as it is worth.

use std::cell::UnsafeCell;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use antigrad_kernels::{Arena, BLOCK, Fault, InstructionSet, Scratch, Workers};
use antigrad_pool::Pool;

use crate::bytes::Bytes;
use crate::lent::Lent;

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
    pub memory: Bytes,
    /// Whether the bytes stay where they are as long as their buffer lives, as those of a
    /// `WebAssembly.Memory`. Others may be transferred or resized: each call looks, and none is left to
    /// another thread, under whose hands they would be freed.
    pub stays: bool,
}

// SAFETY: the facade starts no second call while one is under way; see `run`.
unsafe impl Send for Steps {}
// SAFETY: as above.
unsafe impl Sync for Steps {}

impl Steps {
    /// Runs a stage over all of the arena. False, and nothing is done, if what is lent lies in it, if the
    /// buffer was transferred or resized, or if the arena was overwritten.
    pub fn run(&self, stage: usize, lent: Option<&Lent>) -> napi::Result<bool> {
        if !self.stays && !self.memory.are_there() {
            return Ok(false);
        }
        let Ok(arena) = self.arena() else { return Ok(false) };
        if let Some(lent) = lent
            && !lent.is_apart(&arena)?
        {
            return Ok(false);
        }
        Ok(self.run_on(&arena, stage, lent.map(|lent| lent.pointers.as_slice())).is_ok())
    }

    #[inline(always)]
    fn run_on(&self, arena: &Arena, stage: usize, lent: Option<&[*const u8]>) -> Result<(), Fault> {
        if self.threads > 1 && arena.length() > PIECE {
            return self.run_in_pieces(*arena, stage, lent);
        }
        // SAFETY: nothing else runs on the arena, and what is lent has been checked.
        with_scratch(|scratch| unsafe { arena.run(stage, lent, scratch) })
    }

    #[inline(never)]
    fn run_in_pieces(&self, arena: Arena, stage: usize, lent: Option<&[*const u8]>) -> Result<(), Fault> {
        struct Shared<'a>(Option<&'a [*const u8]>);
        // SAFETY: what they point to is only read, and stays until the call returns.
        unsafe impl Sync for Shared<'_> {}
        let shared = &Shared(lent);
        let length = arena.length();
        let failed = AtomicBool::new(false);
        POOL.run(self.threads, length.div_ceil(PIECE), &|number| {
            let (from, to) = (number * PIECE, length.min((number + 1) * PIECE));
            // SAFETY: as above, and ranges do not overlap.
            let done =
                with_scratch(|scratch| unsafe { arena.run_passes(stage, from, to, shared.0, scratch) });
            if done.is_err() {
                failed.store(true, Ordering::Relaxed);
            }
        });
        if failed.into_inner() {
            return Err(Fault::OVERWRITTEN);
        }
        // SAFETY: as above; the threads are done.
        unsafe {
            arena.run_matrices(stage, 0, length, &mut Pooled(self.threads))?;
            arena.gather(stage)
        }
    }

    /// Runs a stage over a range of the plane; false as for `run`.
    pub fn run_range(&self, stage: usize, from: usize, to: usize) -> bool {
        // SAFETY: nothing else runs on the arena.
        self.with(|arena| with_scratch(|scratch| unsafe { arena.run_range(stage, from, to, None, scratch) }))
    }

    /// Adds up the sums of a stage that ran by ranges; false as for `run`.
    pub fn gather(&self, stage: usize) -> bool {
        // SAFETY: nothing else runs on the arena.
        self.with(|arena| unsafe { arena.gather(stage) })
    }

    fn with<T>(&self, work: impl FnOnce(&Arena) -> Result<T, Fault>) -> bool {
        self.memory.are_there() && self.arena().and_then(|arena| work(&arena)).is_ok()
    }

    /// Inline: what is returned in memory costs as much as the rest of a small step.
    #[inline(always)]
    fn arena(&self) -> Result<Arena, Fault> {
        // SAFETY: whoever made this vouches for the bytes and has found the instruction set available.
        unsafe { Arena::new(self.base, self.bytes, self.set) }
    }
}

/// So many threads of the pool, each with a scratch of its own.
struct Pooled(usize);

impl Workers for Pooled {
    fn run(&mut self, count: usize, piece: &(dyn Fn(usize, &mut Scratch) + Sync)) {
        POOL.run(self.0, count, &|number| with_scratch(|scratch| piece(number, scratch)));
    }
}

fn with_scratch<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    // SAFETY: it is this thread's, and no kernel calls back.
    SCRATCH.with(|scratch| work(unsafe { &mut *scratch.get() }))
}
