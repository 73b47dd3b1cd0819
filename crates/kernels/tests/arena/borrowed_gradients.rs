//! Gradients that lie elsewhere, and end there with their tensors.

use antigrad_kernels::layout::*;
use antigrad_kernels::{BLOCK, InstructionSet, Scratch};

use crate::guard_pages::Guarded;
use crate::memory::{Family, Memory, Segment, kernel, noise, places};
use crate::reference::{DECAYED, Job, PLAIN};

/// Adam on tensors of many lengths, and momentum on some more, whose arrays begin in the middle of the flat parameter
/// array.
fn mixed(size: usize, job: &Job) -> Memory {
    // Few of them under Miri, which is slow.
    let [long, longest] = if cfg!(miri) { [33, 65] } else { [700, 2 * BLOCK + 33] };
    let adam = [1, 15, 16, 17, 0, 8, 7, 9, long.min(255), long.min(256), long.min(257), long];
    let momentum = [5, 0, longest, 64];
    let families = [
        Family { lengths: &adam, state: 2, by_tensor: 0 },
        Family { lengths: &momentum, state: 1, by_tensor: 0 },
    ];
    let mut memory = Memory::new(size, &families, job.row().len());
    memory.row(0, &job.row());
    for (number, name, tensors) in [(0, "Adam", [0, 11]), (1, "Momentum", [12, 15])] {
        let (array, kernels) = (memory.first_arrays[number], [kernel(name).number, 0, 0, 0]);
        memory.segment(number, tensors, Segment { array, by_tensor: 0, row: 0, flags: job.flags(), kernels });
    }
    memory
}

/// The memory with gradients in its arena, without them, and the gradients.
fn filled(size: usize, job: &Job) -> (Memory, Memory, Vec<Guarded>) {
    let mut memory = mixed(size, job);
    let mut own = memory.clone();
    let mut next = noise(11);
    let mut gradients = Vec::new();
    for (tensor, length) in memory.lengths.clone().into_iter().enumerate() {
        let values: Vec<f64> = (0..length).map(|_| next()).collect();
        for (i, &g) in values.iter().enumerate() {
            let theta = next();
            memory.set(PARAMETERS, tensor, i, theta);
            own.set(PARAMETERS, tensor, i, theta);
            own.set(GRADIENTS, tensor, i, g);
        }
        gradients.push(Guarded::new(size, &values));
    }
    (own, memory, gradients)
}

fn pointers(memory: &Memory, gradients: &[Guarded]) -> Vec<*const [u8]> {
    let lengths = memory.lengths.iter();
    lengths.zip(gradients).map(|(n, gradient)| gradient.last(n * memory.size)).collect()
}

#[test]
fn lent_gradients_give_the_bits_of_those_in_the_arena() {
    let jobs =
        [PLAIN, DECAYED, Job { scale: -0.3, limit: 0.2, l2: 0.1, holds: true, flushes: true, ..PLAIN }];
    for ((size, set), job) in places().flat_map(|place| jobs.iter().map(move |job| (place, job))) {
        let (mut own, mut memory, gradients) = filled(size, job);
        let start = memory.clone();
        let borrowed = pointers(&memory, &gradients);
        for stage in [NORM, 0, 0] {
            own.run(set, stage, None).expect("it fits");
            memory.run(set, stage, Some(&borrowed)).expect("it fits");
        }
        assert!(memory.outside() == start.outside(), "{size} bytes, {}", set.name());
        // The arena's own gradients are unspecified after a step.
        for (tensor, length) in memory.lengths.clone().into_iter().enumerate() {
            (0..length).for_each(|i| memory.set(GRADIENTS, tensor, i, own.get(GRADIENTS, tensor, i)));
        }
        assert!(memory.contents() == own.contents(), "{size} bytes, {}", set.name());
    }
}

#[test]
fn lent_gradients_are_read_by_ranges_too() {
    for (size, set) in places() {
        let (mut own, mut memory, gradients) = filled(size, &PLAIN);
        let borrowed = pointers(&memory, &gradients);
        for stage in [NORM, 0] {
            own.run(set, stage, None).expect("it fits");
            let arena = memory.arena(set).expect("it fits");
            let length = arena.length();
            for from in (0..length).step_by(BLOCK).rev() {
                // SAFETY: only this thread uses the arena, and borrowed gradients are as long as their tensors.
                unsafe {
                    let (to, mut scratch) = (length.min(from + BLOCK), Scratch::new());
                    arena.run_range(stage, from, to, Some(&borrowed), &mut scratch).expect("it fits");
                }
            }
            // SAFETY: see above.
            unsafe { arena.gather(stage) }.expect("it fits");
        }
        for (tensor, length) in memory.lengths.clone().into_iter().enumerate() {
            (0..length).for_each(|i| memory.set(GRADIENTS, tensor, i, own.get(GRADIENTS, tensor, i)));
        }
        assert!(memory.contents() == own.contents(), "{size} bytes, {}", set.name());
    }
}

#[test]
fn a_gradient_that_is_missing_is_a_fault_unless_its_tensor_is_empty_or_has_no_segment() {
    let set = InstructionSet::best();
    let (_, mut memory, gradients) = filled(4, &PLAIN);
    let all = pointers(&memory, &gradients);
    let without = |tensor: usize| {
        let mut borrowed = all.clone();
        borrowed[tensor] = std::ptr::slice_from_raw_parts(std::ptr::null(), 0);
        borrowed
    };
    for stage in [0, NORM] {
        for (tensor, length) in memory.lengths.clone().into_iter().enumerate() {
            let run = memory.run(set, stage, Some(&without(tensor)));
            assert_eq!(run.is_ok(), length == 0, "stage {stage}, tensor {tensor}");
            let short = gradients[tensor].last(length.saturating_sub(1) * memory.size);
            let borrowed: Vec<_> =
                all.iter().enumerate().map(|(k, &g)| if k == tensor { short } else { g }).collect();
            let run = memory.run(set, stage, Some(&borrowed));
            assert_eq!(run.is_ok(), length == 0, "a number too short: stage {stage}, tensor {tensor}");
        }
        assert!(memory.run(set, stage, Some(&all[..3])).is_err(), "too few");
        assert!(memory.run(set, stage, Some(&[])).is_err(), "none");
    }
    // Momentum's segment is gone.
    memory.set_word(Header::AT.segments, 1);
    for stage in [0, NORM] {
        assert!(memory.run(set, stage, Some(&without(14))).is_ok());
        assert!(memory.run(set, stage, Some(&without(11))).is_err());
    }
}

#[test]
fn an_arena_says_what_it_takes_and_what_it_holds() {
    let (_, mut memory, _) = filled(4, &PLAIN);
    let (base, bytes) = memory.bytes();
    let arena = memory.arena(InstructionSet::best()).expect("it fits");
    assert!(arena.takes(1, 4, 15));
    for (number, size, length) in [(1, 8, 15), (1, 4, 14), (1, 4, 16), (99, 4, 15), (1, 0, 15)] {
        assert!(!arena.takes(number, size, length), "{number} {size} {length}");
    }
    let at = |offset: isize| base.wrapping_offset(offset).cast_const();
    let end = bytes as isize;
    for (start, length, expected) in [
        (-8, 8, false),
        (-8, 9, true),
        (0, 1, true),
        (end - 1, 8, true),
        (end, 8, false),
        (-8, bytes + 16, true),
    ] {
        assert_eq!(arena.holds(at(start), length), expected, "{length} from {start}");
    }
}
