//! The pipeline around a pass, sums, and rejected arenas.

use antigrad_kernels::layout::*;
use antigrad_kernels::{Arena, BLOCK, InstructionSet, Scratch};

use crate::memory::{self, Memory, array_at, bits, kernel, noise, places, sets};
use crate::reference::{DECAYED, Job, PLAIN, sum_of_squares};

#[test]
fn flushing_sets_subnormal_numbers_of_the_state_to_0_and_no_others() {
    let kept = [0.0, -0.0, 1.0, -1.0, f64::INFINITY, -f64::INFINITY, f64::NAN];
    for (size, normal, smallest) in
        [(4, f64::from(f32::MIN_POSITIVE), 2f64.powi(-149)), (8, f64::MIN_POSITIVE, 5e-324)]
    {
        let subnormal = [smallest, -smallest, normal - smallest, smallest - normal, normal / 2.0];
        let kept = [&kept[..], &[normal, -normal, normal + smallest]].concat();
        // Past a block of the pipeline; with numbers that are alone in their line, too.
        for (length, set) in
            [0, 1, 63, 64, 65, 200, 513, 1100].iter().flat_map(|&n| sets().map(move |s| (n, s)))
        {
            for every in [1, 3, 97] {
                // A point that is computed from v alone, so that v is left to flushing.
                let mut memory = Job { flushes: true, ..PLAIN }.memory(kernel("Point"), size, &[length]);
                let v = memory.first_arrays[0];
                let is_subnormal = |i: usize| i.is_multiple_of(every);
                let number = |i: usize| {
                    let list = if is_subnormal(i) { &subnormal[..] } else { &kept };
                    list[i / every % list.len()]
                };
                for (array, i) in
                    [PARAMETERS, GRADIENTS, v].iter().flat_map(|a| (0..length).map(move |i| (*a, i)))
                {
                    memory.set(array, 0, i, number(i));
                }
                let before = memory.clone();
                memory.run(set, 0, None).expect("it fits");
                let place = format!("{size} bytes, {}, {length}", set.name());
                assert!(memory.outside() == before.outside(), "{place}");
                for i in 0..length {
                    let expected = if is_subnormal(i) { 0.0 } else { number(i) };
                    assert_eq!(bits(memory.get(v, 0, i)), bits(expected), "{place}, {i}");
                    for array in [PARAMETERS, GRADIENTS] {
                        assert_eq!(
                            bits(memory.get(array, 0, i)),
                            bits(number(i)),
                            "{place}, array {array}, {i}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn gradients_decay_in_the_first_stage_alone() {
    for (size, set) in places() {
        let [plain, decayed] = [PLAIN, DECAYED].map(|job| {
            let job = Job { zeroes: true, flushes: true, ..job };
            let momentum = kernel("SgdMomentum");
            let mut memory = job.memory(momentum, size, &[33]);
            let array = memory.first_arrays[0];
            let kernels = [0, momentum.number, 0, 0];
            memory.segment(
                0,
                [0, 0],
                memory::Segment { array, by_tensor: 0, row: 0, flags: job.flags(), kernels },
            );
            let mut next = noise(5);
            for (tensor, i) in memory.elements(0..1) {
                [PARAMETERS, GRADIENTS, array].iter().for_each(|array| memory.set(*array, tensor, i, next()));
            }
            let before = memory.get(PARAMETERS, 0, 7);
            memory.run(set, 1, None).expect("it fits");
            assert!(bits(memory.get(PARAMETERS, 0, 7)) != bits(before), "it has moved");
            (0..33)
                .flat_map(|i| [PARAMETERS, array].map(|array| bits(memory.get(array, 0, i))))
                .collect::<Vec<_>>()
        });
        assert!(plain == decayed, "{size} bytes, {}", set.name());
    }
}

#[test]
fn sums_of_squares_have_the_stated_order_at_every_instruction_set() {
    let lengths: Vec<usize> = (0..=65)
        .chain([BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 1, 4 * BLOCK, 5 * BLOCK + 9, 6 * BLOCK + 7235])
        .collect();
    for (size, set) in places() {
        let mut memory = PLAIN.memory(kernel("Adam"), size, &lengths);
        let mut next = noise(3);
        let mut expected = Vec::new();
        for (tensor, &length) in lengths.iter().enumerate() {
            // Squares, and blocks, are of very different sizes, so that the order shows in the last bits.
            let size = |i: usize| [1.0, 1e-3, 40.0][i % 3] * [1.0, 30.0, 0.2][i / BLOCK % 3];
            let values: Vec<f64> = (0..length).map(|i| f64::from((next() * size(i)) as f32)).collect();
            values.iter().enumerate().for_each(|(i, x)| memory.set(GRADIENTS, tensor, i, *x));
            expected.push(sum_of_squares(&values));
        }
        let before = memory.clone();
        memory.run(set, NORM, None).expect("it fits");
        assert!(memory.outside() == before.outside(), "{size} bytes, {}", set.name());
        for (tensor, &expected) in expected.iter().enumerate() {
            let sum = memory.number(SQUARES, tensor);
            assert_eq!(sum, expected, "{size} bytes, {}, length {}", set.name(), lengths[tensor]);
        }
    }
}

#[test]
fn the_last_stage_alone_holds_flushes_and_zeroes() {
    for (size, set) in places() {
        let job = Job { holds: true, flushes: true, zeroes: true, ..PLAIN };
        let mut memory = job.memory(kernel("Point"), size, &[300]);
        let v = memory.first_arrays[0];
        let least = if size == 4 { 1e-45 } else { 5e-324 };
        (0..300).for_each(|i| [PARAMETERS, GRADIENTS, v].iter().for_each(|a| memory.set(*a, 0, i, least)));
        // The same kernel at the place of the point, which is no step.
        let at = memory.segment_at(0);
        let number = memory.word(at + Segment::AT.early_kernels);
        memory.set_word(at + Segment::AT.early_kernels, 0);
        memory.set_word(at + Segment::AT.late_kernels, number << 16);
        let before = memory.clone();
        memory.run(set, POINT, None).expect("it fits");
        (0..300).for_each(|i| assert_eq!(memory.get(v, 0, i), before.get(v, 0, i)));
        (0..300).for_each(|i| assert_eq!(memory.get(GRADIENTS, 0, i), before.get(GRADIENTS, 0, i)));
        assert_ne!(memory.get(v + 1, 0, 299), 0.0);
    }
}

/// Two tensors of 20 and 40 float32, which have gradients.
fn two() -> Memory {
    let mut memory = Job { zeroes: true, ..PLAIN }.memory(kernel("Adam"), 4, &[20, 40]);
    (0..20).for_each(|i| memory.set(GRADIENTS, 0, i, 1.0));
    memory
}

#[test]
fn an_arena_that_does_not_fit_is_refused() {
    let set = InstructionSet::best();
    let hash = two().word(Header::AT.hash);
    let bytes = two().bytes().1 as u32;
    let fields: [(&str, &[u32]); Header::SIZE] = [
        ("hash", &[0, hash ^ 1]),
        ("element_size", &[0, 3, 16, u32::MAX]),
        ("arrays", &[bytes / 16, u32::MAX]),
        ("tensors", &[1, bytes / 48, u32::MAX]),
        ("segments", &[3, u32::MAX]),
        ("rows", &[bytes / 8, u32::MAX]),
        ("row_length", &[bytes / 8, u32::MAX]),
        ("length", &[bytes / 4 + 1, u32::MAX - 14, u32::MAX]),
        ("zeroes", &[]),
        ("blocks", &[bytes / 32, 0x4000_0000, u32::MAX]),
    ];
    assert!(two().arena(set).is_ok());
    for (at, (field, values)) in fields.into_iter().enumerate() {
        assert_eq!(field, Header::NAMES[at]);
        for &value in values {
            let mut memory = two();
            if field == "tensors" {
                memory.set_word(Header::AT.segments, 2);
            }
            memory.set_word(at, value);
            assert!(memory.arena(set).is_err(), "{field} {value}");
        }
    }
    let mut memory = two();
    let (base, bytes) = memory.bytes();
    for (skipped, left) in [(0, Header::SIZE * 4 - 1), (0, Header::SIZE * 4), (0, 0), (4, bytes - 4)] {
        // SAFETY: these bytes are there; that they are too few or not aligned is what it must see.
        let arena = unsafe { Arena::new(base.add(skipped), left, set) };
        assert!(arena.is_err(), "{left} bytes from {skipped}");
    }
}

#[test]
fn what_does_not_fit_in_the_first_segment_changes_nothing() {
    let first = two().segment_at(0);
    let tensor = two().tensor_at(0);
    let m = two().first_arrays[0];
    for (stage, at, value) in [
        (0, first + Segment::AT.offset, 1), // an offset that is not on a line's border
        (0, first + Segment::AT.offset, 96), // or behind the plane
        (0, first + Segment::AT.length, 81), // a length
        (0, first + Segment::AT.length, u32::MAX), // a sum that overflows
        (0, first + Segment::AT.array, m as u32 + 1), // arrays of state that end too early
        (0, first + Segment::AT.array, u32::MAX), // none at all
        (0, first + Segment::AT.array, SQUARES as u32), // arrays that are not of elements
        (0, first + Segment::AT.row, 3),    // a row
        (0, first + Segment::AT.early_kernels, 1000), // a kernel
        (0, array_at(m) + Array::AT.extent, 1), // an extent
        (0, array_at(m) + Array::AT.position, u32::MAX), // a place
        (0, array_at(m) + Array::AT.first, 16), // an array that begins too late
        (0, array_at(m) + Array::AT.length, 79), // or is too short
        (0, array_at(PARAMETERS) + Array::AT.length, 79), // or these are
        (0, array_at(GRADIENTS) + Array::AT.position, 100), // or end behind the arena
        (0, Header::AT.row_length, 10),     // rows too short for Adam
        (NORM, array_at(SQUARES) + Array::AT.length, 1), // no room for sums
        (NORM, array_at(PARTIALS) + Array::AT.length, 7), // or their parts
        (NORM, tensor + Tensor::AT.offset, 1), // a tensor's offset
        (NORM, first + Segment::AT.length, 16), // a segment that ends within a tensor
        (NORM, tensor + Tensor::AT.length, 81), // its length
        (NORM, tensor + Tensor::AT.block, 2), // its first block
        (NORM, tensor + Tensor::AT.block, u32::MAX),
    ] {
        let mut memory = two();
        memory.set_word(at, value);
        let before = memory.clone();
        let place = format!("{value} at {at}, stage {stage}");
        assert!(memory.run(InstructionSet::best(), stage, None).is_err(), "{place}");
        assert!(memory.outside() == before.outside(), "{place}");
        assert!(memory.contents() == before.contents(), "{place}");
    }
}

#[test]
fn sums_are_not_gathered_from_blocks_that_are_not_there() {
    let tensor = two().tensor_at(0);
    for (at, value) in [
        (tensor + Tensor::AT.block, 2),
        (tensor + Tensor::AT.block, u32::MAX),
        (tensor + Tensor::AT.length, 81),
        (Header::AT.blocks, 1),
        (Header::AT.blocks, 0),
    ] {
        let mut memory = two();
        memory.set_word(at, value);
        let before = memory.outside();
        let arena = memory.arena(InstructionSet::best()).expect("the tables fit");
        // SAFETY: nothing else uses the arena.
        let gathered = unsafe { arena.gather(NORM) };
        assert!(gathered.is_err(), "{value} at {at}");
        assert!(memory.outside() == before, "{value} at {at}");
    }
}

#[test]
fn a_range_begins_and_ends_with_a_block() {
    let mut memory = PLAIN.memory(kernel("Adam"), 4, &[3 * BLOCK + 16]);
    let arena = memory.arena(InstructionSet::best()).expect("it fits");
    let length = arena.length();
    for (from, to) in [(1, BLOCK), (0, BLOCK - 16), (16, length), (0, length - 1), (0, length + 1)] {
        // SAFETY: nothing else uses the arena.
        let run = unsafe { arena.run_range(0, from, to, None, &mut Scratch::new()) };
        assert!(run.is_err(), "{from} to {to}");
    }
    // SAFETY: see above.
    unsafe { assert!(arena.run_range(0, BLOCK, length, None, &mut Scratch::new()).is_ok()) }
}
