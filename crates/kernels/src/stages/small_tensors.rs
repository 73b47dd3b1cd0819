//! Small tensors that are taken as matrices: each is done by one thread, several at once. To share a small one among
//! threads takes as long as to do it. (In WebAssembly there is one thread.)

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use crate::arena::ArenaError;
use crate::kernel::matrices::{Matrices, MatrixTensor, SingleThread, Workers, Workspace, WorkspaceBytes};

/// Bytes of scratch that a small one takes at most: half of a second-level cache, of which others are there too.
const MAX_WORKSPACE: u64 = 1 << 18;
/// Maximum number of tensors that are processed at once.
const AT_ONCE: usize = 16;

/// Small tensors that wait until there are enough of them.
pub struct SmallTensors {
    room: Option<WorkspaceBytes>,
    size: usize,
    found: [Option<MatrixTensor>; AT_ONCE],
    count: usize,
}

impl SmallTensors {
    /// None are without a kernel's `room`.
    pub fn new(room: Option<WorkspaceBytes>, size: usize) -> Self {
        Self { room, size, found: [None; AT_ONCE], count: 0 }
    }

    /// Whether a tensor is small, and now waits here.
    pub fn takes(&mut self, found: &MatrixTensor) -> bool {
        let takes = self.room.is_some_and(|room| room(&found.matrices.shape, self.size) <= MAX_WORKSPACE);
        if takes {
            self.found[self.count] = Some(*found);
            self.count += 1;
        }
        takes
    }

    pub fn are_enough(&self) -> bool {
        self.count == AT_ONCE
    }

    /// Processes the waiting tensors.
    pub fn run(
        &mut self,
        run: &impl Fn(&MatrixTensor, &mut dyn Workers) -> Result<(), ArenaError>,
        workers: &mut dyn Workers,
    ) -> Result<(), ArenaError> {
        let Some(room) = self.room.filter(|_| self.count > 0) else { return Ok(()) };
        let left = [const { AtomicBool::new(false) }; AT_ONCE];
        let failed = AtomicBool::new(false);
        let shared = Shared((&self.found, run));
        workers.run(self.count, &|number, scratch| {
            let (found, run) = shared.get();
            let Some(found) = &found[number] else { return };
            let bytes = room(&found.matrices.shape, self.size) as usize;
            match scratch.room(bytes) {
                // Without memory threads share it afterwards, in the arena's scratch.
                None => left[number].store(true, Relaxed),
                Some(at) => {
                    let matrices = Matrices { scratch: Workspace::new(at, bytes), ..found.matrices };
                    if run(&MatrixTensor { matrices, ..*found }, &mut SingleThread(scratch)).is_err() {
                        failed.store(true, Relaxed);
                    }
                }
            }
        });
        self.count = 0;
        for (found, left) in self.found.iter().zip(left) {
            if let (Some(found), true) = (found, left.into_inner()) {
                run(found, workers)?;
            }
        }
        if failed.into_inner() { Err(ArenaError::OVERWRITTEN) } else { Ok(()) }
    }
}

/// Data that threads share.
struct Shared<T>(T);

// SAFETY: tensors do not overlap, each thread has a scratch of its own, and all else is only read.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    fn get(&self) -> &T {
        &self.0
    }
}
