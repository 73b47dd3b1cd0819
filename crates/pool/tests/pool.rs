//! The pool of threads, away from Node. `cargo +nightly miri test` and ThreadSanitizer run it too.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::thread;

use antigrad_pool::Pool;

/// Less of everything under Miri, which is some thousand times slower.
const fn times(count: usize) -> usize {
    if cfg!(miri) { count / 500 + 2 } else { count }
}

/// A job that writes without synchronization of its own what the next one reads.
fn add_one(pool: &Pool, threads: usize, numbers: &mut [usize]) {
    struct Elements(*mut usize);
    // SAFETY: each piece has its own element.
    unsafe impl Sync for Elements {}
    let elements = Elements(numbers.as_mut_ptr());
    let elements = &elements;
    // SAFETY: the number is below the length, and no other piece has it.
    pool.run(threads, numbers.len(), &|_, number| unsafe { *elements.0.add(number) += 1 }).unwrap();
}

#[test]
fn each_piece_is_run_once_and_seen_by_the_caller() {
    let pool = Pool::new();
    let mut numbers = [0; 37];
    for job in 0..times(20_000) {
        let threads = job % 5;
        add_one(&pool, threads, &mut numbers);
        assert_eq!(numbers, [job + 1; 37]);
    }
    pool.stop();
}

#[test]
fn helpers_come_to_a_long_job_and_no_more_than_are_wanted() {
    let pool = Pool::new();
    for threads in [4, 2, 3] {
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        // Until all have been inside at once: a helper that never came would hang this.
        pool.run(threads, 2 * threads, &|_, _| {
            most.fetch_max(inside.fetch_add(1, AcqRel) + 1, AcqRel);
            while most.load(Acquire) < threads {
                thread::yield_now();
            }
            inside.fetch_sub(1, AcqRel);
        })
        .unwrap();
        assert_eq!(most.into_inner(), threads);
        // When the next job comes they are asleep, or ended.
        thread::sleep(std::time::Duration::from_millis(5));
        if threads == 2 {
            pool.stop();
        }
    }
    pool.stop();
}

#[test]
fn callers_at_once_all_get_their_work_done() {
    let pool = Pool::new();
    thread::scope(|scope| {
        for caller in 0..4 {
            let pool = &pool;
            scope.spawn(move || {
                let mut numbers = [0; 19];
                for job in 0..times(5_000) {
                    add_one(pool, 2 + caller % 3, &mut numbers);
                    assert_eq!(numbers, [job + 1; 19]);
                }
            });
        }
    });
    pool.stop();
}

#[test]
fn it_stops_and_starts_again_while_others_use_it() {
    let pool = Pool::new();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut numbers = [0; 11];
            for job in 0..times(2_000) {
                add_one(&pool, 3, &mut numbers);
                assert_eq!(numbers, [job + 1; 11]);
            }
            done.store(true, Release);
        });
        while !done.load(Acquire) {
            pool.stop();
            thread::yield_now();
        }
    });
    pool.stop();
    pool.stop();
}

/// Nothing of what tests provoke is printed.
fn silenced() -> Pool {
    antigrad_pool::silence_panics();
    Pool::new()
}

#[test]
fn a_panic_is_told_to_the_caller_once_all_have_left() {
    let pool = silenced();
    for job in 0..times(2_000) {
        let threads = 1 + job % 4;
        let bad = job % 7;
        let inside = AtomicUsize::new(0);
        let end = pool.run(threads, 40, &|_, number| {
            inside.fetch_add(1, AcqRel);
            if number == bad {
                inside.fetch_sub(1, AcqRel);
                panic!("piece {number}");
            }
            thread::yield_now();
            inside.fetch_sub(1, AcqRel);
        });
        let said = end.expect_err("a piece has panicked").to_string();
        assert!(said.contains(&format!("piece {bad}")) && said.contains("pool.rs"), "{said}");
        assert_eq!(inside.into_inner(), 0);
        let mut numbers = [0; 5];
        add_one(&pool, threads, &mut numbers);
        assert_eq!(numbers, [1; 5]);
    }
    pool.stop();
}

#[test]
fn a_helpers_panic_is_the_callers_and_the_helper_lives_on() {
    let pool = silenced();
    for _ in 0..times(100) {
        let here = thread::current().id();
        let begun = AtomicUsize::new(0);
        // Both threads wait for each other.
        let end = pool.run(2, 2, &|_, _| {
            begun.fetch_add(1, AcqRel);
            while begun.load(Acquire) < 2 {
                thread::yield_now();
            }
            assert!(thread::current().id() == here, "a helper");
        });
        assert!(end.expect_err("it has panicked").to_string().contains("a helper"));
    }
    pool.stop();
}

#[test]
fn no_two_threads_at_work_have_one_number() {
    let pool = Pool::new();
    for job in 0..times(5_000) {
        let threads = 1 + job % 4;
        let taken: [AtomicBool; 4] = Default::default();
        let work = |thread: usize, _| {
            assert!(thread < threads && !taken[thread].swap(true, AcqRel));
            thread::yield_now();
            taken[thread].store(false, Release);
        };
        pool.run(threads, 20, &work).unwrap();
    }
    pool.stop();
}
