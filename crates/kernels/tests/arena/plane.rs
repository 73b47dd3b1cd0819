//! Passes over the flat parameter array: which elements, and what becomes of each.

use antigrad_kernels::layout::*;
use antigrad_kernels::{Arena, BLOCK, InstructionSet, Scratch};

use crate::guard_pages::Guarded;
use crate::memory::{Family, Memory, array_at, bits, noise, places};
use crate::reference::{Job, PLAIN, round};

const STAGES_OF_IT: [usize; 4] = [ACCUMULATE, RELEASE, AVERAGING, SYNCHRONIZE];
const PLANES: [usize; 3] = [ACCUMULATED, AVERAGE, SLOW];
const WEIGHT: f64 = 0.3;

/// The array that a stage has of its own.
fn own(stage: usize) -> usize {
    [ACCUMULATED, ACCUMULATED, AVERAGE, SLOW][stage - ACCUMULATE]
}

/// An arena without segments, with numbers of all kinds in it; the pipeline would be seen.
fn memory(size: usize, lengths: &[usize], staying: &[usize]) -> Memory {
    let job = Job { scale: -0.5, limit: 0.1, l2: 0.1, decay: 0.9, ..PLAIN };
    let row = [&job.row()[..4], &[WEIGHT]].concat();
    let families = [Family { lengths, state: 1, by_tensor: 0 }];
    let mut memory = Memory::with_planes(size, &families, row.len(), &PLANES);
    memory.row(lengths.len(), &row);
    memory.zeroes();
    staying.iter().for_each(|&tensor| memory.stays(tensor));
    let odd = [0.0, -0.0, f64::INFINITY, f64::NAN, 1e-40, -1e30];
    let mut next = noise(11);
    for (k, (tensor, i)) in memory.elements(0..lengths.len()).into_iter().enumerate() {
        for array in [PARAMETERS, GRADIENTS].into_iter().chain(PLANES) {
            let x = next();
            memory.set(array, tensor, i, if k % 7 == array { odd[k / 7 % odd.len()] } else { x });
        }
    }
    memory
}

/// Expected results of the stage, element by element.
fn expected(start: &Memory, stage: usize, staying: &[usize]) -> Memory {
    let f = round(start.size);
    let (w, array) = (f(WEIGHT), own(stage));
    let mut after = start.clone();
    for (tensor, i) in start.elements((0..start.lengths.len()).filter(|i| !staying.contains(i))) {
        let [theta, g, x] = [PARAMETERS, GRADIENTS, array].map(|array| start.get(array, tensor, i));
        let moved = f(x + f(w * f(theta - x)));
        let writes: &[(usize, f64)] = match stage {
            ACCUMULATE => &[(array, f(x + g))],
            RELEASE => &[(GRADIENTS, f(x + g)), (array, 0.0)],
            AVERAGING => &[(array, moved)],
            _ => &[(array, moved), (PARAMETERS, moved)],
        };
        writes.iter().for_each(|&(array, x)| after.set(array, tensor, i, x));
    }
    after
}

fn assert_same(memory: &Memory, expected: &Memory, place: &str) {
    assert!(memory.outside() == expected.outside(), "written outside: {place}");
    assert!(memory.contents() == expected.contents(), "{place}");
    for (tensor, &length) in memory.lengths.iter().enumerate() {
        for i in length..length.next_multiple_of(LINE / memory.size) {
            for array in [PARAMETERS, GRADIENTS].into_iter().chain(PLANES) {
                assert_eq!(bits(memory.get(array, tensor, i)), 0, "padding of {tensor}: {place}");
            }
        }
    }
}

/// Lengths, and what stays of them.
fn arrangements() -> Vec<(Vec<usize>, Vec<usize>)> {
    let many: Vec<usize> = (0..70).collect();
    let awkward = vec![3, 0, 17, 64, 0, 1, 33, 0];
    let mut all: Vec<_> = [&[][..], &[0], &[2], &[2, 3], &[6], &[7], &[1], &[0, 1, 2, 3, 4, 5], &[4, 6, 7]]
        .into_iter()
        .chain([&[0, 1, 2, 3, 4, 5, 6, 7][..]])
        .map(|staying| (awkward.clone(), staying.to_vec()))
        .collect();
    all.push((many.clone(), vec![]));
    all.push((many, (0..70).step_by(3).collect()));
    all.push((vec![], vec![]));
    all.push((vec![0], vec![]));
    all
}

#[test]
fn every_element_that_does_not_stay_is_updated_and_nothing_else() {
    for ((lengths, staying), (size, set)) in
        arrangements().iter().flat_map(|one| places().map(move |place| (one, place)))
    {
        for stage in STAGES_OF_IT {
            let start = memory(size, lengths, staying);
            let mut memory = start.clone();
            memory.run(set, stage, None).expect("it fits");
            let place = format!("stage {stage}, {size} bytes, {}, {lengths:?}, {staying:?}", set.name());
            assert_same(&memory, &expected(&start, stage, staying), &place);
            let moves = (0..lengths.len()).any(|i| lengths[i] > 0 && !staying.contains(&i));
            assert_eq!(memory.contents() != start.contents(), moves, "{place}");
        }
    }
}

fn range(arena: &Arena, stage: usize, from: usize, to: usize) {
    // SAFETY: these tests run each element once, and two at a time never overlap.
    let sums = unsafe { arena.run_range(stage, from, to, None, &mut Scratch::new()) };
    assert!(!sums.expect("it fits"));
}

#[test]
fn ranges_on_any_thread_give_the_bits_of_one() {
    let lengths = [5, BLOCK + 9, 0, 3 * BLOCK, 40, BLOCK, 7];
    for (staying, (size, set)) in [&[][..], &[0], &[1], &[2, 3], &[4], &[6]]
        .into_iter()
        .flat_map(|staying| places().map(move |place| (staying, place)))
    {
        let start = memory(size, &lengths, staying);
        for stage in STAGES_OF_IT {
            let expected = expected(&start, stage, staying);
            let place = format!("stage {stage}, {size} bytes, {}, {staying:?}", set.name());
            let mut backwards = start.clone();
            let arena = backwards.arena(set).expect("it fits");
            for block in (0..arena.length().div_ceil(BLOCK)).rev() {
                range(&arena, stage, block * BLOCK, arena.length().min((block + 1) * BLOCK));
            }
            // SAFETY: all ranges are done.
            unsafe { arena.gather(stage) }.expect("it fits");
            assert_same(&backwards, &expected, &place);
            let mut threaded = start.clone();
            let arena = &threaded.arena(set).expect("it fits");
            let length = arena.length();
            std::thread::scope(|scope| {
                for thread in 0..3 {
                    scope.spawn(move || {
                        for from in (thread * BLOCK..length).step_by(3 * BLOCK) {
                            range(arena, stage, from, length.min(from + BLOCK));
                        }
                    });
                }
            });
            assert_same(&threaded, &expected, &place);
        }
    }
}

#[test]
fn gradients_may_be_lent_where_tensors_do_not_stay() {
    let (lengths, staying) = ([3, 0, 17, 64, 300, 33], [2]);
    for (size, set) in places() {
        for stage in STAGES_OF_IT {
            let start = memory(size, &lengths, &staying);
            let mut other = start.clone();
            let mut next = noise(3);
            other.elements(0..lengths.len()).iter().for_each(|(tensor, i)| {
                other.set(GRADIENTS, *tensor, *i, next());
            });
            let borrowed: Vec<_> = (0..lengths.len())
                .map(|tensor| {
                    let gradient: Vec<f64> =
                        (0..lengths[tensor]).map(|i| other.get(GRADIENTS, tensor, i)).collect();
                    (Guarded::new(size, &gradient), lengths[tensor] * size)
                })
                .collect();
            let mut pointers: Vec<_> =
                borrowed.iter().map(|(gradient, bytes)| gradient.last(*bytes)).collect();
            pointers[2] = std::ptr::slice_from_raw_parts(std::ptr::null(), 0);
            let mut memory = start.clone();
            memory.run(set, stage, Some(&pointers)).expect("it fits");
            let mut expected = expected(&other, stage, &staying);
            for (tensor, i) in start.elements(0..lengths.len()) {
                if stage != RELEASE || tensor == 2 {
                    expected.set(GRADIENTS, tensor, i, start.get(GRADIENTS, tensor, i));
                }
            }
            assert_same(&memory, &expected, &format!("stage {stage}, {size} bytes, {}", set.name()));
            pointers[0] = std::ptr::slice_from_raw_parts(std::ptr::null(), 0);
            assert!(start.clone().run(set, stage, Some(&pointers)).is_err());
        }
    }
}

#[test]
fn what_is_missing_or_does_not_fit_is_a_fault_and_changes_nothing() {
    let set = InstructionSet::best();
    let refused = |mut memory: Memory, stage: usize, what: &str| {
        let before = memory.clone();
        assert!(memory.run(set, stage, None).is_err(), "stage {stage}: {what}");
        assert!(memory.outside() == before.outside(), "stage {stage}: {what}");
        assert!(memory.contents() == before.contents(), "stage {stage}: {what}");
    };
    let lengths = [20, 40];
    for stage in STAGES_OF_IT {
        let planes: Vec<usize> = PLANES.into_iter().filter(|array| *array != own(stage)).collect();
        let families = [Family { lengths: &lengths, state: 1, by_tensor: 0 }];
        let mut without = Memory::with_planes(4, &families, 5, &planes);
        refused(without.clone(), stage, "the array");
        (0..2).for_each(|tensor| without.stays(tensor));
        refused(without, stage, "the array, and all stays");
        let array = array_at(own(stage));
        let tensor = |number: usize| memory(4, &lengths, &[]).tensor_at(number);
        for (at, value) in [
            (array + Array::AT.extent, 1),                 // an extent
            (array + Array::AT.position, u32::MAX),        // a place
            (array + Array::AT.first, 16),                 // an array that begins too late
            (array + Array::AT.length, 79),                // or is too short
            (array_at(PARAMETERS) + Array::AT.length, 79), // or the parameters are
            (Header::AT.rows, 2),                          // the plane's row
            (tensor(0) + Tensor::AT.offset, 1),            // an offset that is not on a line's border
            (tensor(0) + Tensor::AT.length, 81),           // a length
            (tensor(1) + Tensor::AT.length, u32::MAX),     // one that overflows, of the second tensor
        ] {
            let mut memory = memory(4, &lengths, &[]);
            memory.set_word(at, value);
            refused(memory, stage, &format!("{value} at {at}"));
        }
        let mut short = memory(4, &lengths, &[]);
        short.set_word(Header::AT.row_length, 4);
        if stage >= AVERAGING {
            refused(short, stage, "a row without the weight");
        }
    }
    for stage in [UNITS + 1, 100, usize::MAX] {
        refused(memory(4, &lengths, &[]), stage, "there is no such stage");
    }
}
