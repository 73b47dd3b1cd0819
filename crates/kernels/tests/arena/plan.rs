//! A plan, which is a step's passes, found once. Its arena is small enough for Miri.

use antigrad_kernels::layout::{GRADIENTS, PARAMETERS};
use antigrad_kernels::{CachedArena, Scratch};

use crate::memory::{Family, Memory, Segment, kernel, noise, places};
use crate::reference::{DECAYED, Job, PLAIN};

/// Momentum on one number, Adam on a few tensors, and momentum again, which does what its job says.
fn small(size: usize, [job, last]: [&Job; 2]) -> Memory {
    let families = [
        Family { lengths: &[1], state: 1, by_tensor: 0 },
        Family { lengths: &[5, 0, 33], state: 2, by_tensor: 0 },
        Family { lengths: &[17], state: 1, by_tensor: 0 },
    ];
    let mut memory = Memory::new(size, &families, job.row().len());
    memory.row(0, &job.row());
    for (number, name, tensors) in [(0, "Momentum", [0, 0]), (1, "Adam", [1, 3]), (2, "Momentum", [4, 4])] {
        let (array, kernels) = (memory.first_arrays[number], [kernel(name).number, 0, 0, 0]);
        let flags = if number == 2 { last } else { job }.flags();
        memory.segment(number, tensors, Segment { array, by_tensor: 0, row: 0, flags, kernels });
    }
    let mut next = noise(7);
    for (tensor, i) in memory.elements(0..5) {
        memory.set(PARAMETERS, tensor, i, next());
        memory.set(GRADIENTS, tensor, i, next());
    }
    memory
}

#[test]
fn a_plan_gives_the_bits_of_the_stage_and_is_none_where_there_is_more_to_do() {
    let prepared = Job { scale: -0.3, limit: 0.2, l2: 0.1, ..PLAIN };
    let held = Job { holds: true, ..PLAIN };
    // A tensor that stays wants more than a pass, be it the last one.
    let jobs = [
        ([&PLAIN; 2], true),
        ([&DECAYED; 2], true),
        ([&prepared; 2], true),
        ([&held; 2], false),
        ([&PLAIN, &held], false),
    ];
    for ((size, set), (job, is_plan)) in places().flat_map(|place| jobs.map(|job| (place, job))) {
        let mut expected = small(size, job);
        let mut memory = expected.clone();
        let words: Vec<u32> = (0..memory.tables()).map(|at| memory.word(at)).collect();
        let (base, bytes) = memory.bytes();
        let mut scratch = Scratch::new();
        let own = &raw mut scratch;
        // SAFETY: only this thread uses the arena, which outlives what is kept, and the scratch.
        let kept = unsafe { CachedArena::new(&words, base, bytes, set) }.expect("it fits");
        drop(words);
        assert_eq!(kept.is_planned(), is_plan);
        for _ in 0..2 {
            // SAFETY: see above.
            assert_eq!(unsafe { kept.run_planned(|| own) }, is_plan);
            if is_plan {
                expected.run(set, 0, None).expect("it fits");
            }
        }
        assert!(memory.contents() == expected.contents(), "{size} bytes, {}", set.name());
    }
}
