//! Ranges of the flat parameter array, in any order and on any thread.

use antigrad_kernels::layout::*;
use antigrad_kernels::{Arena, BLOCK, InstructionSet, Scratch};
use proptest::{prelude::*, sample::select, test_runner::RngSeed};

use crate::memory::{Family, Memory, Segment, kernel, noise, places};
use crate::reference::{DECAYED, Job, PLAIN};

/// Tensors of all sizes with three kernels; a tensor of the middle has no segment.
fn mixed(size: usize, job: &Job) -> Memory {
    let few = [7, 300];
    let many: Vec<usize> = (0..40).map(|i| 100 * i).collect();
    let long = [3 * BLOCK + 5, 0, BLOCK, 2 * BLOCK];
    let families = [
        Family { lengths: &few, state: 0, by_tensor: 0 },
        Family { lengths: &long, state: 2, by_tensor: 0 },
        Family { lengths: &many, state: 1, by_tensor: 0 },
    ];
    let mut memory = Memory::new(size, &families, job.row().len());
    memory.row(0, &job.row());
    memory.row(1, &Job { scale: 1.0, ..job.clone() }.row());
    let segments = [
        (0, "GradientDescent", [0, 1]),
        (1, "Adam", [2, 3]),
        (1, "Adam", [5, 5]),
        (2, "Momentum", [6, 20]),
        (2, "SgdMomentum", [21, 45]),
    ];
    for (number, (family, name, tensors)) in segments.into_iter().enumerate() {
        let (array, kernels) = (memory.first_arrays[family], [kernel(name).number, 0, 0, 0]);
        memory.segment(
            number,
            tensors,
            Segment { array, by_tensor: 0, row: number % 2, flags: job.flags(), kernels },
        );
    }
    let mut next = noise(5);
    for (tensor, i) in memory.elements(0..memory.lengths.len()) {
        memory.set(PARAMETERS, tensor, i, next());
        memory.set(GRADIENTS, tensor, i, next());
    }
    memory
}

/// Runs both stages, each by ranges as `run` does it.
fn stages(memory: &mut Memory, set: InstructionSet, run: impl Fn(&Arena, usize)) {
    for stage in [NORM, 0, 0] {
        let arena = memory.arena(set).expect("it fits");
        run(&arena, stage);
        // SAFETY: all ranges are done.
        unsafe { arena.gather(stage) }.expect("it fits");
    }
}

fn whole(start: &Memory, set: InstructionSet) -> Memory {
    let mut memory = start.clone();
    stages(&mut memory, set, |arena, stage| range(arena, stage, 0, arena.length()));
    memory
}

fn range(arena: &Arena, stage: usize, from: usize, to: usize) {
    // SAFETY: these tests run each element once, and two at a time never overlap.
    unsafe { arena.run_range(stage, from, to, None, &mut Scratch::new()) }.expect("it fits");
}

fn job() -> Job {
    Job { scale: -0.5, limit: 0.4, l2: 0.1, decay: 0.9, flushes: true, zeroes: true, ..PLAIN }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 1 } else { 12 },
        rng_seed: RngSeed::Fixed(2),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_ranges_in_any_order_give_the_bits_of_one(
        cuts in prop::collection::btree_set(1_usize..12, 0..8),
        order in any::<u64>(),
        job in select(vec![PLAIN, DECAYED, job()]),
    ) {
        for (size, set) in places() {
            let start = mixed(size, &job);
            let expected = whole(&start, set);
            let mut memory = start.clone();
            stages(&mut memory, set, |arena, stage| {
                let cuts: Vec<usize> = cuts.iter().map(|cut| cut * BLOCK).collect();
                let length = arena.length();
                let ends = cuts.iter().copied().filter(|cut| *cut < length).chain([length]);
                let mut ranges: Vec<(usize, usize)> =
                    [0].into_iter().chain(cuts.iter().copied()).zip(ends).collect();
                ranges.sort_by_key(|(from, _)| (*from as u64 + 1).wrapping_mul(order | 1).rotate_left(17));
                ranges.iter().for_each(|(from, to)| range(arena, stage, *from, *to));
            });
            prop_assert!(memory.outside() == start.outside());
            prop_assert!(memory.contents() == expected.contents(), "{size} bytes, {}", set.name());
        }
    }
}

#[test]
fn one_run_sums_and_updates_as_ranges_do() {
    for (size, set) in places() {
        let mut start = mixed(size, &job());
        start.set_number(SQUARES, 4, 7.0);
        let mut memory = start.clone();
        [NORM, 0, 0].iter().for_each(|stage| memory.run(set, *stage, None).expect("it fits"));
        assert!(memory.contents() == whole(&start, set).contents(), "{size} bytes, {}", set.name());
        assert!(memory.contents() != start.contents());
        // A tensor without a segment stays, and is not summed.
        assert!((0..BLOCK).all(|i| memory.get(PARAMETERS, 4, i) == start.get(PARAMETERS, 4, i)));
        assert!((0..BLOCK).all(|i| memory.get(GRADIENTS, 4, i) == start.get(GRADIENTS, 4, i)));
        assert_eq!(memory.number(SQUARES, 4), 7.0);
    }
}

#[test]
fn threads_give_the_bits_of_one() {
    for ((size, set), job) in places().flat_map(|place| [(place, PLAIN), (place, job())]) {
        let start = mixed(size, &job);
        let mut memory = start.clone();
        stages(&mut memory, set, |arena, stage| {
            let length = arena.length();
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    scope.spawn(move || {
                        for from in (thread * BLOCK..length).step_by(4 * BLOCK) {
                            range(arena, stage, from, length.min(from + BLOCK));
                        }
                    });
                }
            });
        });
        assert!(memory.contents() == whole(&start, set).contents(), "{size} bytes, {}", set.name());
    }
}
