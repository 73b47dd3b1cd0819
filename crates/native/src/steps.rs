//! Runs steps of an arena, on as many threads as pay off.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
#[cfg(any(debug_assertions, feature = "trial"))]
use std::thread::{self, ThreadId};

use antigrad_kernels::{Arena, ArenaError, BLOCK, CachedArena, InstructionSet, Scratch, Workers, layout};
use antigrad_pool::{Panic, Pool};

use crate::borrowed_gradients::BorrowedGradients;
use crate::bytes::Bytes;
use crate::outcome::Failure;

pub static POOL: LazyLock<Pool> = LazyLock::new(Pool::new);

/// Elements that a thread claims at a time.
const PIECE: usize = 2 * BLOCK;

thread_local! {
    static SCRATCH: UnsafeCell<Scratch> = const { UnsafeCell::new(Scratch::new()) };
}

/// The JavaScript thread that created an object. Test builds abort if another thread uses the object.
struct Maker(#[cfg(any(debug_assertions, feature = "trial"))] ThreadId);

impl Maker {
    fn new() -> Self {
        Self(
            #[cfg(any(debug_assertions, feature = "trial"))]
            thread::current().id(),
        )
    }

    #[inline(always)]
    fn check(&self) {
        #[cfg(any(debug_assertions, feature = "trial"))]
        assert_eq!(self.0, thread::current().id(), "an arena is used on a thread that did not make it");
    }
}

/// An arena, whose bytes belong to JavaScript, and how many threads work on it.
pub struct Steps {
    pub base: *mut u8,
    pub bytes: usize,
    pub set: InstructionSet,
    pub threads: usize,
    pub memory: Bytes,
    /// Exchanged on JavaScript's thread alone; a call on another one has what it began with.
    kept: UnsafeCell<Arc<CachedArena>>,
    maker: Maker,
}

// SAFETY: another thread calls `run` alone, with what it was given of `kept`, and the facade starts no second call
// meanwhile. All else is used on the thread that made it, where `Bytes` are dropped too: `maker` checks it.
unsafe impl Send for Steps {}
// SAFETY: same as for `Send`.
unsafe impl Sync for Steps {}

impl Steps {
    /// # Safety
    /// Same as for `CachedArena::new`, for as long as its memory says that the bytes are there.
    pub unsafe fn new(
        base: *mut u8,
        bytes: usize,
        set: InstructionSet,
        threads: usize,
        memory: Bytes,
        words: &[u32],
    ) -> Result<Self, ArenaError> {
        // SAFETY: the caller guarantees the bytes and the instruction set (see # Safety).
        let kept = unsafe { CachedArena::new(words, base, bytes, set) }?;
        Ok(Self {
            base,
            bytes,
            set,
            threads,
            memory,
            kept: UnsafeCell::new(Arc::new(kept)),
            maker: Maker::new(),
        })
    }

    /// The checked tables. Only for JavaScript's thread.
    pub fn kept(&self) -> &Arc<CachedArena> {
        self.maker.check();
        // SAFETY: this thread only replaces the tables in `keep`, while nothing uses the returned reference.
        unsafe { &*self.kept.get() }
    }

    /// Replaces the tables, entirely or not at all. None if the tables are invalid. Returns whether there is a plan.
    /// Only for JavaScript's thread.
    pub fn keep(&self, words: &[u32]) -> Option<bool> {
        self.maker.check();
        if !self.memory.are_there() {
            return None;
        }
        // SAFETY: its creator guarantees the bytes and has found the instruction set available.
        let kept = unsafe { CachedArena::new(words, self.base, self.bytes, self.set) }.ok()?;
        let is_planned = self.memory.stay && kept.is_planned() && !self.is_in_pieces(&kept, 0);
        // SAFETY: this is the thread that made it, and no reference that `kept` gave outlives a call.
        unsafe { *self.kept.get() = Arc::new(kept) };
        Some(is_planned)
    }

    fn is_in_pieces(&self, kept: &CachedArena, stage: usize) -> bool {
        let length = if stage <= layout::NORM { kept.dense_length() } else { kept.arena().length() };
        self.threads > 1 && length > PIECE
    }

    /// Runs the first stage again, of which `keep` has said that there is a plan.
    #[inline(always)]
    pub fn run_again(&self) -> bool {
        // SAFETY: nothing else accesses the arena, whose bytes stay.
        self.memory.stay && unsafe { self.kept().run_planned(|| SCRATCH.with(UnsafeCell::get)) }
    }

    /// Runs a stage over the whole arena. Returns false, and does nothing, if a borrowed gradient lies in the arena, if
    /// the buffer was transferred or resized, or if a table is invalid.
    pub fn run(
        &self,
        kept: &CachedArena,
        stage: usize,
        borrowed: Option<&BorrowedGradients>,
    ) -> Result<bool, Failure> {
        if !self.memory.stay && !self.memory.are_there() {
            return Ok(false);
        }
        let arena = kept.arena();
        if let Some(borrowed) = borrowed
            && !borrowed.is_apart(arena)?
        {
            return Ok(false);
        }
        let borrowed = borrowed.map(|borrowed| borrowed.bytes.as_slice());
        if self.is_in_pieces(kept, stage) {
            return Ok(self.run_in_pieces(*arena, stage, borrowed)?);
        }
        // SAFETY: nothing else accesses the arena, and the borrowed gradients have been checked.
        Ok(with_scratch(|scratch| unsafe { arena.run(stage, borrowed, scratch) }).is_ok())
    }

    #[inline(never)]
    fn run_in_pieces(
        &self,
        arena: Arena,
        stage: usize,
        borrowed: antigrad_kernels::BorrowedGradients,
    ) -> Result<bool, Panic> {
        struct Shared<'a>(antigrad_kernels::BorrowedGradients<'a>);
        // SAFETY: what they point to is only read, and stays until the call returns.
        unsafe impl Sync for Shared<'_> {}
        let shared = &Shared(borrowed);
        let length = arena.length();
        let failed = AtomicBool::new(false);
        POOL.run(self.threads, length.div_ceil(PIECE), &|_, number| {
            let (from, to) = (number * PIECE, length.min((number + 1) * PIECE));
            // SAFETY: as above, and ranges do not overlap.
            let done =
                with_scratch(|scratch| unsafe { arena.run_passes(stage, from, to, shared.0, scratch) });
            if done.is_err() {
                failed.store(true, Ordering::Relaxed);
            }
        })?;
        if failed.into_inner() {
            return Ok(false);
        }
        let mut pooled = Pooled { threads: self.threads, panic: None };
        // SAFETY: as above; the threads are done.
        let done = unsafe { arena.run_matrices(stage, 0, length, &mut pooled) };
        match pooled.panic {
            Some(panic) => Err(panic),
            // SAFETY: see above.
            None => Ok(done.and_then(|()| unsafe { by_row_and_gathered(&arena, stage, borrowed) }).is_ok()),
        }
    }

    /// Runs a stage over a range of the flat parameter array; false as for `run`.
    pub fn run_range(&self, stage: usize, from: usize, to: usize) -> bool {
        // SAFETY: nothing else accesses the arena.
        self.with(|arena| with_scratch(|scratch| unsafe { arena.run_range(stage, from, to, None, scratch) }))
    }

    /// Adds up the sums of a stage that ran by ranges; false as for `run`.
    pub fn gather(&self, stage: usize) -> bool {
        // SAFETY: nothing else accesses the arena.
        self.with(|arena| unsafe { arena.gather(stage) })
    }

    fn with<T>(&self, work: impl FnOnce(&Arena) -> Result<T, ArenaError>) -> bool {
        self.memory.are_there() && work(self.kept().arena()).is_ok()
    }
}

impl Drop for Steps {
    /// Returns the data of a call on another thread to the thread that created it.
    fn drop(&mut self) {
        self.maker.check();
    }
}

/// The rest of a stage that ran in pieces.
///
/// # Safety
/// Nothing else may access the arena.
unsafe fn by_row_and_gathered(
    arena: &Arena,
    stage: usize,
    borrowed: antigrad_kernels::BorrowedGradients,
) -> Result<(), ArenaError> {
    // SAFETY: the caller guarantees that nothing else accesses the arena.
    with_scratch(|scratch| unsafe { arena.run_rows(stage, borrowed, scratch) })?;
    // SAFETY: see above.
    unsafe { arena.gather(stage) }
}

/// Threads of the pool, each with a scratch of its own. After a panic they do nothing more.
struct Pooled {
    threads: usize,
    panic: Option<Panic>,
}

impl Workers for Pooled {
    fn run(&mut self, count: usize, piece: &(dyn Fn(usize, &mut Scratch) + Sync)) {
        if self.panic.is_none() {
            let work = |_, number| with_scratch(|scratch| piece(number, scratch));
            self.panic = POOL.run(self.threads, count, &work).err();
        }
    }
}

fn with_scratch<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    // SAFETY: it is this thread's, and no kernel calls back.
    SCRATCH.with(|scratch| work(unsafe { &mut *scratch.get() }))
}
