//! Tables that say anything: nothing outside of the arena is touched.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use antigrad_kernels::layout::*;
use antigrad_kernels::manifest::HASH;
use antigrad_kernels::{Arena, BLOCK, CachedArena, Scratch};
use proptest::{prelude::*, test_runner::RngSeed};

use crate::guard_pages::Guarded;
use crate::memory::{Family, Memory, Segment, array_at, kernel, noise, sets};
use crate::reference::{Job, PLAIN};

/// So small that tables are read all the time.
const SMALL: [usize; 12] = [20, 0, 40, 5, 300, 64, 60, 77, 120, 100, 60, 104];
const LENGTHS: [usize; 12] =
    if cfg!(miri) { SMALL } else { [20, 0, BLOCK + 40, 5, 300, 64, 60, 77, 120, 1280, 60, 640] };

/// Six segments: with a mask, with two stages (of the trial rule, if compiled), with all stages, and three with
/// matrices.
fn memory(size: usize, lengths: [usize; 12]) -> Memory {
    let two = if cfg!(feature = "trial") { ["Measure", "Move"] } else { ["SgdMomentum", "Momentum"] };
    let families = [
        Family { lengths: &lengths[..2], state: 2, by_tensor: 2 },
        Family { lengths: &lengths[2..4], state: 1, by_tensor: 3 },
        Family { lengths: &lengths[4..6], state: 3, by_tensor: 0 },
        Family { lengths: &lengths[6..8], state: 1, by_tensor: 3 },
        Family { lengths: &lengths[8..10], state: 3, by_tensor: 0 },
        Family { lengths: &lengths[10..], state: 2, by_tensor: 3 },
    ];
    let job = Job { scale: 0.5, l2: 0.1, holds: true, flushes: true, zeroes: true, ..PLAIN };
    let planes = [ACCUMULATED, AVERAGE, SLOW];
    // Enough for two squares of a smaller side and the matrix, and for numbers by row, column and piece.
    let mut memory = Memory::with_scratch(
        size,
        &families,
        job.row().len(),
        &planes,
        192 + (lengths[9] / 2 + 800) * 8 / size,
    );
    memory.matrix(6, [12, 5]);
    memory.matrix(7, [7, 11]);
    memory.matrix(8, [12, 5]);
    memory.matrix(9, [lengths[9] as u32 / 10, 10]);
    memory.matrix(10, [12, 5]);
    memory.matrix(11, [lengths[11] as u32 / 8, 8]);
    (1..3).for_each(|k| memory.by_line(memory.first_arrays[4] + k));
    (0..2).for_each(|k| memory.by_line(memory.first_arrays[5] + k));
    memory.stays(3);
    memory.row(lengths.len(), &PLAIN.row());
    memory.row(0, &job.row());
    memory.row(1, &PLAIN.row());
    // Twice Newton and Schulz's iteration, in bfloat16.
    memory.row(2, &Job { own: [0.5, 0.5, 2.0, 1e-7, 1.0, 3.0, -4.0, 2.0, 0.0], ..job.clone() }.row());
    let stages: [&[&str]; 6] = [
        &["Adam", "Cautious"],
        &two,
        &["AmsGrad", "RAdam", "GradientDescent", "Point"],
        &["MuonMomentum", "NewtonSchulz", "Scaled"],
        &["Prepared", "FactoredMomentum"],
        &["Prepared", "Sm3Covered", "Scaled"],
    ];
    for (number, names) in stages.into_iter().enumerate() {
        let mut kernels = [0; STAGES];
        names.iter().enumerate().for_each(|(stage, name)| kernels[stage] = kernel(name).number);
        let array = memory.first_arrays[number];
        let by_tensor = array + [2, 1, 0, 1, 0, 2][number];
        let flags = job.flags() | [MASKED, NEEDS_PARAM_NORM, CLIPPED_PER_TENSOR, 0, 0, 0][number];
        let row = if number == 3 { 2 } else { number % 2 };
        memory.segment(
            number,
            [2 * number, 2 * number + 1],
            Segment { array, by_tensor, row, flags, kernels },
        );
    }
    memory.zeroes();
    let mut next = noise(9);
    for (tensor, i) in memory.elements(0..lengths.len()) {
        memory.set(GRADIENTS, tensor, i, next());
    }
    memory
}

/// Numbers that are likely to be taken for something.
fn value() -> impl Strategy<Value = u32> {
    prop_oneof![
        3 => 0_u32..40,
        2 => (0_u32..200).prop_map(|x| x * 16),
        2 => (0_u32..1200).prop_map(|x| x * 16 + 8),
        1 => 17_000_u32..17_400,
        1 => (0_u32..64).prop_map(|x| u32::MAX - x),
        1 => (0_u32..32, 0_u32..3).prop_map(|(bit, x)| (1_u32 << bit).wrapping_add(x).wrapping_sub(1)),
        1 => any::<u32>(),
        1 => (any::<u16>(), 0_u32..20).prop_map(|(high, low)| u32::from(high) << 16 | low),
    ]
}

/// Offsets and words to write; half of the offsets are in the header.
fn corruption() -> impl Strategy<Value = Vec<(usize, u32)>> {
    let at = prop_oneof![1 => 1_usize..Header::SIZE, 3 => 1_usize..480];
    prop::collection::vec((at, value()), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 1500 },
        rng_seed: RngSeed::Fixed(3),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Default::default()
    })]

    #[test]
    fn corrupt_tables_lead_nowhere_outside_of_the_arena(
        size in prop::sample::select(vec![4_usize, 8]),
        writes in corruption(),
        row in prop::option::weighted(0.1, any::<u32>()),
        is_at_end in any::<bool>(),
    ) {
        let mut memory = memory(size, LENGTHS);
        let tables = memory.tables();
        for (at, value) in writes.iter().chain(row.map(|x| (tables - 3, x)).iter()) {
            memory.set_word(at % tables, *value);
        }
        let gradients = LENGTHS.map(|n| Guarded::new(size, &vec![0.5; n]));
        for set in sets() {
            let mut memory = memory.clone();
            let words: Vec<u32> = (0..tables).map(|at| memory.word(at)).collect();
            let (from, bytes) = memory.bytes();
            let (_held, base) = Guarded::copy(from, bytes, is_at_end);
            // SAFETY: the bytes are held, and only this thread uses them.
            let kept = unsafe { CachedArena::new(&words, base, bytes, set) };
            let mut scratch = Scratch::new();
            if let Ok(kept) = kept {
                let own = &raw mut scratch;
                // SAFETY: see above.
                unsafe {
                    kept.run_planned(|| own);
                    let _ = kept.arena().run(0, None, &mut scratch);
                }
            }
            // SAFETY: see above.
            let Ok(arena) = (unsafe { Arena::new(base, bytes, set) }) else { continue };
            // Rejects gradients that are not as long as their tensor, like the addon.
            let takes = (0..LENGTHS.len()).all(|i| arena.takes(i, size, LENGTHS[i]));
            let borrowed: Vec<*const [u8]> = (0..LENGTHS.len()).map(|i| gradients[i].last(LENGTHS[i] * size)).collect();
            let length = arena.length();
            for stage in (0..=SYNCHRONIZE).chain([SYNCHRONIZE + 1, usize::MAX]) {
                // SAFETY: only this thread uses the arena, and the borrowed gradients have been checked.
                unsafe {
                    let _ = arena.run(stage, None, &mut scratch);
                    let _ = arena.gather(stage);
                    let _ = arena.run_range(stage, BLOCK, length, None, &mut scratch);
                    if takes {
                        let _ = arena.run(stage, Some(&borrowed), &mut scratch);
                    }
                }
            }
        }
    }
}

#[test]
fn tables_that_are_cut_short_are_a_fault() {
    let mut memory = memory(4, LENGTHS);
    let words: Vec<u32> = (0..memory.segment_at(LENGTHS.len())).map(|at| memory.word(at)).collect();
    let (base, bytes) = memory.bytes();
    // A few under Miri, which is slow.
    for count in (0..=words.len()).rev().step_by(if cfg!(miri) { 97 } else { 1 }) {
        // A read beyond the end terminates the process.
        let (_held, start) = Guarded::copy(words.as_ptr().cast(), 4 * count, true);
        // SAFETY: this many words exist.
        let cut = unsafe { std::slice::from_raw_parts(start.cast(), count) };
        // SAFETY: only this thread uses the arena.
        let kept = unsafe { CachedArena::new(cut, base, bytes, sets().next().unwrap()) };
        assert_eq!(kept.is_ok(), count == words.len(), "{count} of {}", words.len());
        // The bytes of the arena end with the tables. SAFETY: see above.
        assert!(unsafe { Arena::new(start, 4 * count, sets().next().unwrap()) }.is_err());
    }
}

#[test]
fn a_header_alone_is_an_arena_of_nothing_up_to_its_limits() {
    let lines = 2;
    let header = |change: &dyn Fn(&mut Header)| {
        let mut header = Header { hash: HASH as usize, element_size: 4, ..Header::read(|_| 0) };
        change(&mut header);
        let mut words = vec![0_u64; lines * LINE / 8];
        let first = words.as_mut_ptr().cast::<u32>();
        // SAFETY: this many words exist.
        header.write(|at, x| unsafe { first.add(at).write(x as u32) });
        words
    };
    let new = |mut words: Vec<u64>, bytes: usize| {
        // SAFETY: the bytes are the vector's, and nothing is done with the arena.
        unsafe { Arena::new(words.as_mut_ptr().cast(), bytes, sets().next().unwrap()) }.map(drop)
    };
    let whole = lines * LINE;
    assert_eq!(new(header(&|_| ()), Header::SIZE * 4), Ok(()));
    assert!(new(header(&|_| ()), Header::SIZE * 4 - 4).is_err());
    assert_eq!(new(header(&|header| header.row_length = 1 << 16), whole), Ok(()));
    assert!(new(header(&|header| header.row_length = (1 << 16) + 1), whole).is_err());
    assert_eq!(new(header(&|header| header.blocks = lines), whole), Ok(()));
    assert!(new(header(&|header| header.blocks = lines + 1), whole).is_err());
    assert_eq!(new(header(&|header| header.length = whole / 4), whole), Ok(()));
    let fault = new(header(&|header| header.length = whole / 4 + 1), whole).unwrap_err();
    assert_eq!(fault.to_string(), "this is not an arena of this version: its arrays do not fit");
}

#[test]
fn numbers_by_tensor_end_within_the_arena() {
    let clean = memory(4, SMALL);
    // Scale of two tensors that are clipped.
    let at = array_at(SCALES) + Array::AT.position;
    let run = |position: usize| {
        let mut memory = clean.clone();
        memory.set_word(at, position as u32);
        memory.run(sets().next().unwrap(), 0, None)
    };
    let bytes = clean.clone().bytes().1;
    let lines = (SMALL.len() * 8).div_ceil(LINE);
    assert_eq!(run(bytes / LINE - lines), Ok(()));
    for position in [bytes / LINE - lines + 1, bytes / LINE, 1 << 24, u32::MAX as usize] {
        assert!(run(position).is_err(), "{position}");
    }
}

#[test]
fn tables_that_change_in_the_middle_lead_nowhere_either() {
    for size in [4, 8] {
        let mut memory = memory(size, SMALL);
        let clean = memory.clone();
        let tables = memory.tables();
        let (base, bytes) = memory.bytes();
        let words = base as usize;
        let done = AtomicBool::new(false);
        let mut outcomes = [0; 2];
        // On a machine that is busy one of the threads may wait for long.
        let start = Instant::now();
        let end = start + Duration::from_secs(60);
        std::thread::scope(|scope| {
            let (done, clean) = (&done, &clean);
            scope.spawn(move || {
                let mut next = noise(13);
                let mut x = move || ((next() + 1.0) * f64::from(1 << 23)) as u32;
                while !done.load(Relaxed) && Instant::now() < end {
                    // Not the hash and the dtype; each is put right soon, so that calls get far, and
                    // written many times, so that it changes between any two reads.
                    let at = 2 + x() as usize % (tables - 2);
                    // SAFETY: a word of the tables, which the kernels read as atomics as well.
                    let word = unsafe { &*(words as *const AtomicU32).add(at) };
                    let values = [x() % 64, x() << 8, u32::MAX - x() % 64, x() % 64 * 16];
                    let value = values[x() as usize % 4];
                    for pause in 0..2000 {
                        word.store(value, Relaxed);
                        (0..pause % 4).for_each(|_| std::hint::spin_loop());
                        word.store(clean.word(at), Relaxed);
                        (0..pause % 16).for_each(|_| std::hint::spin_loop());
                    }
                }
            });
            let stages = [NORM, 0, 1, 2, POINT, ACCUMULATE, SYNCHRONIZE];
            for (round, set) in (0..).flat_map(|round| sets().map(move |set| (round, set))) {
                let stage = stages[round % stages.len()];
                let is_enough = start.elapsed().as_secs() >= 2 && outcomes.iter().all(|count| *count > 50);
                if is_enough || Instant::now() > end {
                    break;
                }
                // SAFETY: the bytes are there as long as the thread that writes to the tables.
                let run = unsafe {
                    Arena::new(base, bytes, set).and_then(|arena| arena.run(stage, None, &mut Scratch::new()))
                };
                outcomes[usize::from(run.is_ok())] += 1;
            }
            done.store(true, Relaxed);
        });
        assert!(memory.has_borders(), "{size} bytes: {outcomes:?}");
        assert!(outcomes.iter().all(|count| *count > 0), "{size} bytes: {outcomes:?}");
    }
}
