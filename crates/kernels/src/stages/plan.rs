//! Plans of stages: the looked-up and checked passes of a stage. Most steps run the same passes as the step before.

use std::sync::atomic::AtomicU32;

use super::arena::Arena;
use crate::arena::{ArenaError, Numbers};
use crate::kernel::code::{Code, Pass, Prepare};
use crate::kernel::pipeline::{self, PREPARES, Preparation, Scratch};
use crate::kernel::{MAX_STATE, MAX_TENSOR, Streams};

/// 32-bit words in front of a plan's passes: what it is known by, and how many they are.
pub const PLAN: usize = 2;
/// 32-bit words that a planned pass takes at most in WebAssembly, where it lies in the arena.
pub const PLANNED: usize = 9 + MAX_STATE;
#[cfg(target_arch = "wasm32")]
const _: () = assert!(size_of::<Planned>() <= PLANNED * 4);

/// A pass whose kernel, row and arrays have been looked up and checked.
#[derive(Clone, Copy)]
pub struct Planned {
    pass: Pass,
    #[cfg(not(target_arch = "wasm32"))]
    decayed: Option<Pass>,
    /// Code that prepares gradients, if the coefficients require it.
    prepare: Prepare,
    /// Bytes of an element.
    size: u16,
    /// Elements that go through the pipeline at a time, if the kernel needs its own number.
    #[cfg(feature = "equations")]
    block: u16,
    row: Numbers,
    length: usize,
    streams: Streams,
}

impl Arena {
    /// Gives the passes of a stage, one a segment. False where it is more than that: where it sums, takes tensors
    /// whole, or does more around a pass than to prepare gradients, which the segments' flags say.
    pub fn plan(&self, stage: usize, mut take: impl FnMut(Planned) -> bool) -> Result<bool, ArenaError> {
        self.each_job(stage, 0, usize::MAX, |job, segment| {
            let is_more = job.around & !PREPARES != 0 || job.walks || job.entry.copies;
            let Some(pass) = job.entry.pass.filter(|_| !is_more) else { return Ok(false) };
            let mut streams = Streams::NOWHERE;
            self.find(&job, segment.offset, segment.offset + segment.length, &mut streams)?;
            Ok(take(Planned {
                pass,
                #[cfg(not(target_arch = "wasm32"))]
                decayed: job.entry.decayed,
                prepare: self.code.prepare,
                size: self.size() as u16,
                #[cfg(feature = "equations")]
                block: pipeline::block_of(job.entry, self.size()) as u16,
                row: job.row,
                length: segment.length,
                streams,
            }))
        })
    }
}

/// An arena with tables of its own, and what its first stage runs, if that is nothing but passes. JavaScript can write
/// coefficients and numbers, and nothing that says what is done with them.
pub struct CachedArena {
    arena: Arena,
    passes: Box<[Planned]>,
    dense_length: usize,
    /// The tables.
    _words: Vec<AtomicU32>,
}

// SAFETY: as for `Arena`: its creator guarantees the bytes on any thread. Nothing of it changes.
unsafe impl Send for CachedArena {}
// SAFETY: same as for `Send`.
unsafe impl Sync for CachedArena {}

impl CachedArena {
    /// # Safety
    /// Same as for `new` in [`crate::dispatch`], which has the code.
    pub(crate) unsafe fn read(
        words: &[u32],
        base: *mut u8,
        bytes: usize,
        code: impl FnOnce(usize) -> &'static Code,
    ) -> Result<Self, ArenaError> {
        let own = copied(words)?;
        // SAFETY: the caller guarantees the bytes. The words are kept next to the arena, and the contents of a vector
        // do not move with it.
        let arena = unsafe { Arena::apart(&own, base, bytes, code) }?;
        let mut passes = Vec::new();
        // At most as many passes as segments; unused capacity is released.
        let has_room = passes.try_reserve_exact(arena.tables.header.segments).is_ok();
        let is_planned = has_room
            && arena.plan(0, |planned| {
                passes.push(planned);
                true
            })?;
        if !is_planned {
            passes.clear();
        }
        let passes = passes.into_boxed_slice();
        Ok(Self { arena, passes, dense_length: arena.dense_length(), _words: own })
    }

    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// Elements that stages go over but where rows are listed.
    pub fn dense_length(&self) -> usize {
        self.dense_length
    }

    /// Whether the first stage is nothing but passes.
    pub fn is_planned(&self) -> bool {
        !self.passes.is_empty()
    }

    /// Runs the first stage; false, and nothing is done, where it is more than passes.
    ///
    /// # Safety
    /// Same as for `Arena::run`.
    #[inline(always)]
    pub unsafe fn run_planned(&self, scratch: impl Fn() -> *mut Scratch) -> bool {
        // SAFETY: its creator guarantees the bytes, and the caller that nothing else accesses them.
        unsafe { run_planned(&self.passes, scratch) };
        self.is_planned()
    }
}

/// Copies the words into a vector of atomics, whose contents do not move while pointers to them exist.
fn copied(words: &[u32]) -> Result<Vec<AtomicU32>, ArenaError> {
    let mut own = Vec::new();
    own.try_reserve_exact(words.len()).map_err(|_| ArenaError::new(&"there is no memory for its tables"))?;
    own.extend(words.iter().copied().map(AtomicU32::new));
    Ok(own)
}

/// Runs the passes of a plan.
///
/// # Safety
/// The arena that they were planned on must be where it was, and nothing else may access it, nor use the scratch.
#[inline(always)]
pub unsafe fn run_planned(passes: &[Planned], scratch: impl Fn() -> *mut Scratch) {
    for planned in passes {
        // SAFETY: the row was checked, and is where it was.
        if unsafe { Preparation::new(planned.row) }.is_needed() {
            // SAFETY: the caller guarantees the arena and the scratch.
            unsafe { planned.run_prepared(&scratch) };
        } else {
            let Planned { pass, row, length, streams, .. } = planned;
            // SAFETY: all of them were checked, the instruction set is the arena's, and the caller guarantees the rest.
            unsafe { pass(streams, *row, &[0.0; MAX_TENSOR], *length) }
        }
    }
}

impl Planned {
    /// Block by block, as `Arena::piped` does it. (Scratch is asked for in here: natively it is a thread's own, and to
    /// find that takes a fifth of a small step, which mostly needs none.)
    ///
    /// # Safety
    /// Same as for `run_planned`.
    #[inline(never)]
    unsafe fn run_prepared(&self, scratch: &impl Fn() -> *mut Scratch) {
        // SAFETY: as in `run_planned`.
        let preparation = unsafe { Preparation::new(self.row) };
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(decayed) = self.decayed.filter(|_| preparation.only_decays(usize::from(self.size))) {
            // SAFETY: as in `run_planned`.
            return unsafe { decayed(&self.streams, self.row, &[0.0; MAX_TENSOR], self.length) };
        }
        // SAFETY: the caller guarantees that nothing else uses the scratch.
        let [prepared, _] = unsafe { &mut *scratch() }.blocks();
        #[cfg(not(feature = "equations"))]
        let most = pipeline::BLOCK;
        #[cfg(feature = "equations")]
        let most = usize::from(self.block).max(1);
        for done in (0..self.length).step_by(most) {
            let count = most.min(self.length - done);
            let mut block = self.streams.advanced(done * usize::from(self.size));
            // SAFETY: as in `run_planned`; the buffer holds a block, rounded up to whole vectors.
            unsafe { (self.prepare)(block.theta, block.g, &preparation, prepared, count) };
            block.g = prepared;
            // SAFETY: see above.
            unsafe { (self.pass)(&block, self.row, &[0.0; MAX_TENSOR], count) };
        }
    }
}
