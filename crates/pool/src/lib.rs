//! Threads that help with a step and then wait for the next one.
//!
//! Work is a number of pieces that are claimed one by one, by the caller too: a helper that wakes
//! up late, or never, costs nothing. A helper that has nothing to do spins for [`SPIN`], so that
//! steps in quick succession find it awake, and then sleeps.
#![deny(clippy::multiple_unsafe_ops_per_block)]

mod panics;

use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use panics::{Panic, catch_panic, silence_panics};

/// How long a helper spins before it sleeps; a sleeping one takes some 25 µs to wake.
const SPIN: Duration = Duration::from_micros(50);
/// A bit of `Shared::gate`: no further helper may enter.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// Called with the number of a thread, of which no two work at once, and of a piece.
type Piece<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Pieces to be done; lives on the caller's stack while the gate is open or helpers are inside.
struct Job<'a> {
    piece: Piece<'a>,
    next: AtomicUsize,
    count: usize,
    threads: usize,
    /// The first one.
    panic: Mutex<Option<Panic>>,
}

impl<'a> Job<'a> {
    fn new(threads: usize, count: usize, piece: Piece<'a>) -> Self {
        Self { piece, next: AtomicUsize::new(0), count, threads, panic: Mutex::default() }
    }

    /// A panic ends here: `run` has to wait for helpers that are at work on what would be freed.
    fn work(&self, thread: usize) {
        let done = catch_panic(|| {
            loop {
                let number = self.next.fetch_add(1, Relaxed);
                if number >= self.count {
                    break;
                }
                (self.piece)(thread, number);
            }
        });
        if let Err(panic) = done {
            // No thread begins another piece.
            self.next.fetch_max(self.count, Relaxed);
            self.first_panic().get_or_insert(panic);
        }
    }

    fn first_panic(&self) -> MutexGuard<'_, Option<Panic>> {
        self.panic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(self) -> Result<(), Panic> {
        let panic = self.first_panic().take();
        panic.map_or(Ok(()), Err)
    }
}

struct Shared {
    /// Counts jobs; helpers look at it while they wait.
    generation: AtomicU32,
    job: AtomicPtr<Job<'static>>,
    /// Number of helpers that work on the job, or `CLOSED` plus the number of helpers that have yet to leave.
    gate: AtomicUsize,
    /// How many helpers may work at the job.
    invited: AtomicUsize,
    stop: AtomicBool,
}

pub struct Pool {
    shared: Arc<Shared>,
    /// Held during a job: there is one at a time.
    helpers: Mutex<Vec<JoinHandle<()>>>,
}

impl Default for Pool {
    fn default() -> Self {
        Self::new()
    }
}

impl Pool {
    pub fn new() -> Self {
        let shared = Shared {
            generation: AtomicU32::new(0),
            job: AtomicPtr::default(),
            gate: AtomicUsize::new(CLOSED),
            invited: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared), helpers: Mutex::default() }
    }

    /// Calls `piece` once for each number below `count`, on up to `threads` threads, whose numbers, the first
    /// argument, are below `threads`. While another job runs, the caller, thread 0, does all of it alone.
    ///
    /// # Errors
    /// Where a piece has panicked, the first one's message: some pieces were not begun then.
    pub fn run(&self, threads: usize, count: usize, piece: Piece) -> Result<(), Panic> {
        // No more than there is work for.
        let threads = threads.min(count);
        let job = Job::new(threads, count, piece);
        if threads < 2 {
            job.work(0);
            return job.end();
        }
        let Ok(helpers) = self.helpers.try_lock() else {
            job.work(0);
            return job.end();
        };
        let wanted = threads - 1;
        let helpers = self.enough(helpers, wanted);
        let shared = &*self.shared;
        shared.job.store((&raw const job).cast_mut().cast(), Relaxed);
        shared.invited.store(wanted, Relaxed);
        shared.gate.store(0, Release);
        shared.generation.fetch_add(1, Release);
        for helper in helpers.iter().take(wanted) {
            helper.thread().unpark();
        }
        job.work(0);
        // From here on no helper enters. `job` may end once the helpers inside have left.
        let mut inside = shared.gate.fetch_or(CLOSED, AcqRel) & !CLOSED;
        let mut spins = 0;
        while inside > 0 {
            spins += 1;
            if spins % 1024 == 0 {
                thread::yield_now()
            } else {
                std::hint::spin_loop()
            }
            inside = shared.gate.load(Acquire) & !CLOSED;
        }
        drop(helpers);
        job.end()
    }

    /// Starts helpers until there are `count`; fewer, if the system gives no more threads.
    fn enough<'a>(
        &'a self,
        mut helpers: MutexGuard<'a, Vec<JoinHandle<()>>>,
        count: usize,
    ) -> MutexGuard<'a, Vec<JoinHandle<()>>> {
        while helpers.len() < count {
            let (shared, number) = (self.shared.clone(), helpers.len());
            let seen = shared.generation.load(Relaxed);
            // Programs that have been looked up lie on the stack, several at once; what is not touched costs nothing.
            let builder = thread::Builder::new().name("antigrad".into()).stack_size(1 << 20);
            match builder.spawn(move || shared.help(number, seen)) {
                Ok(helper) => helpers.push(helper),
                Err(_) => break,
            }
        }
        helpers
    }

    /// Ends all helpers and waits for them. `run` starts new ones.
    pub fn stop(&self) {
        let mut helpers = self.helpers.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.stop.store(true, Release);
        for helper in helpers.drain(..) {
            helper.thread().unpark();
            // It has not panicked: see `Job::work`.
            let _ = helper.join();
        }
        self.shared.stop.store(false, Release);
    }
}

impl Shared {
    fn help(&self, number: usize, mut seen: u32) {
        let mut idle = Instant::now();
        while let Some(generation) = self.wait(seen, idle) {
            seen = generation;
            // The jobs of others do not keep a helper awake.
            if number >= self.invited.load(Acquire) {
                continue;
            }
            let enter = |gate| if gate & CLOSED == 0 { Some(gate + 1) } else { None };
            if self.gate.fetch_update(AcqRel, Acquire, enter).is_ok() {
                // SAFETY: the gate was open, so the caller waits in `run`, where the job is, until
                // this helper has left. It may be a later job than that of `generation`: `run`
                // stores it before it opens the gate, whose value was just read.
                let job = unsafe { &*self.job.load(Relaxed) };
                // The next job may use fewer threads.
                if number + 1 < job.threads {
                    job.work(number + 1);
                }
                self.gate.fetch_sub(1, Release);
            }
            idle = Instant::now();
        }
    }

    /// The next generation after `seen`; None when all is to stop. Sleeps once `SPIN` is over since
    /// `idle`.
    fn wait(&self, seen: u32, idle: Instant) -> Option<u32> {
        loop {
            for _ in 0..64 {
                let generation = self.generation.load(Acquire);
                if generation != seen {
                    return Some(generation);
                }
                std::hint::spin_loop();
            }
            if self.stop.load(Acquire) {
                return None;
            }
            if idle.elapsed() > SPIN {
                // An unpark before this makes it return at once, so no job is slept through.
                thread::park();
            }
        }
    }
}
