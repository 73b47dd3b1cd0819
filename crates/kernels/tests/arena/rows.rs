//! Gradients of some rows: these move as they would with all others, and nothing else does.

use antigrad_kernels::layout::*;
use antigrad_kernels::manifest::{Description, kernels};
use antigrad_kernels::{BLOCK, InstructionSet};

use crate::memory::{MAX_ROWS, Memory, array_at, bits, noise, places};
use crate::reference::{Job, PLAIN};

/// Rows of the tensor in the middle of three have their gradients in another order, and two have more than one.
const LIST: [(u32, u32); 7] = [(1, 2), (7, 0), (7, 5), (8, 3), (19, 4), (19, 1), (19, 6)];
const ROWS: usize = 20;

/// An arena whose second tensor has sparse gradients for rows of this length, and one with the same numbers as dense
/// gradients.
fn twins(kernel: &Description, size: usize, job: &Job, columns: usize, list: &[(u32, u32)]) -> [Memory; 2] {
    let mut dense = job.memory(kernel, size, &[3, ROWS * columns, 5]);
    let array = dense.first_arrays[0];
    let by_tensor = array + kernel.state.len();
    for tensor in 0..3 {
        let kernels = [kernel.number, 0, 0, 0];
        let flags = job.flags();
        dense.segment(
            tensor,
            [tensor; 2],
            crate::memory::Segment { array, by_tensor, row: 0, flags, kernels },
        );
    }
    let mut next = noise(5);
    for (tensor, i) in dense.elements(0..3) {
        for array in [PARAMETERS].into_iter().chain(array..by_tensor) {
            dense.set(array, tensor, i, next().abs());
        }
    }
    let mut rows = dense.clone();
    for (tensor, i) in dense.elements([0, 2].into_iter()) {
        let g = next();
        dense.set(GRADIENTS, tensor, i, g);
        rows.set(GRADIENTS, tensor, i, g);
    }
    for (k, &(row, place)) in list.iter().enumerate() {
        for i in 0..columns {
            let (at, given) = (row as usize * columns + i, place as usize * columns + i);
            rows.set(GRADIENTS, 1, given, next());
            let g = rows.get(GRADIENTS, 1, given);
            // Float64 holds the sum of two float32, rounded as if in float32.
            let before = if k > 0 && list[k - 1].0 == row { dense.get(GRADIENTS, 1, at) } else { 0.0 };
            dense.set(GRADIENTS, 1, at, before + g);
        }
    }
    let at = rows.segment_at(1) + Segment::AT.flags;
    rows.set_word(at, (job.flags() | BY_ROW) as u32);
    rows.list(1, ROWS, list);
    [dense, rows]
}

/// Kernels that support sparse gradients.
fn by_row() -> impl Iterator<Item = Description> {
    let prefixes = ["GradientDescent", "Sgd", "Adagrad", "RmsProp"];
    let takes =
        move |name: &str| name == "Adam" || name == "AmsGrad" || prefixes.iter().any(|p| name.starts_with(p));
    kernels().into_iter().filter(move |kernel| kernel.is_shipped && takes(kernel.name))
}

fn check(kernel: &Description, size: usize, set: InstructionSet, job: &Job, columns: usize) {
    let [dense, mut rows] = twins(kernel, size, job, columns, &LIST);
    let start = rows.clone();
    let mut moved = dense.clone();
    moved.run(set, 0, None).expect("it fits");
    rows.run(set, 0, None).expect("it fits");
    let what = format!("{}, {size} bytes, {}, {columns} columns, {job:?}", kernel.name, set.name());
    assert!(rows.outside() == start.outside(), "{what}");
    let array = start.first_arrays[0];
    for (tensor, i) in start.elements(0..3) {
        let is_listed = tensor != 1 || LIST.iter().any(|&(row, _)| row as usize == i / columns);
        for array in [PARAMETERS].into_iter().chain(array..array + kernel.state.len()) {
            let expected = if is_listed { &moved } else { &start };
            let [now, wanted] = [&rows, expected].map(|memory| bits(memory.get(array, tensor, i)));
            assert_eq!(now, wanted, "{what}: array {array}, tensor {tensor}, element {i}");
        }
        let is_given = tensor == 1 && i < LIST.len() * columns;
        if is_given && job.zeroes {
            assert_eq!(rows.get(GRADIENTS, tensor, i).to_bits(), 0, "{what}");
        }
    }
}

#[test]
fn listed_rows_move_as_in_a_dense_step() {
    let piped = Job { scale: -0.3, limit: 0.2, l2: 0.1, ..PLAIN };
    let around = Job { holds: true, flushes: true, zeroes: true, l2: 0.1, decay: 0.9, ..PLAIN };
    let (few, most): (&[usize], &[usize]) = if cfg!(miri) {
        (&[3], &[1, 33])
    } else {
        (&[1, 16, 17, 40], &[2, 3, 7, 8, 9, 15, 31, 32, 33, 300, 3000])
    };
    for (size, set) in places() {
        for kernel in by_row() {
            for job in [&PLAIN, &piped, &around] {
                for &columns in few {
                    check(&kernel, size, set, job, columns);
                }
            }
        }
        for &columns in most {
            check(crate::memory::kernel("Adam"), size, set, &piped, columns);
        }
    }
}

#[test]
fn norms_are_those_of_a_tensor_whose_other_rows_are_0() {
    for (size, set) in places() {
        for columns in [1, 3, 16, 50, BLOCK / 8, BLOCK + 5].into_iter().take(if cfg!(miri) { 3 } else { 6 }) {
            let [mut dense, mut rows] = twins(crate::memory::kernel("Adam"), size, &PLAIN, columns, &LIST);
            for memory in [&mut dense, &mut rows] {
                memory.run(set, NORM, None).expect("it fits");
            }
            for tensor in 0..3 {
                let [now, wanted] = [&rows, &dense].map(|memory| memory.number(SQUARES, tensor));
                assert!(wanted > 0.0);
                assert_eq!(now.to_bits(), wanted.to_bits(), "{size} bytes, {}, {columns}", set.name());
            }
        }
    }
}

#[test]
fn ranges_share_the_rows_out() {
    let columns = if cfg!(miri) { 5 } else { BLOCK / 4 + 3 };
    for (size, set) in places() {
        let [_, mut whole] = twins(crate::memory::kernel("Adam"), size, &PLAIN, columns, &LIST);
        let mut pieces = whole.clone();
        let length = pieces.arena(set).expect("it fits").length();
        for stage in [NORM, 0] {
            whole.run(set, stage, None).expect("it fits");
            let mut scratch = antigrad_kernels::Scratch::new();
            for from in (0..length).step_by(BLOCK).rev() {
                let arena = pieces.arena(set).expect("it fits");
                // SAFETY: nothing else accesses the arena.
                unsafe { arena.run_range(stage, from, length.min(from + BLOCK), None, &mut scratch) }
                    .expect("it fits");
            }
            let arena = pieces.arena(set).expect("it fits");
            // SAFETY: see above.
            unsafe { arena.gather(stage) }.expect("it fits");
        }
        assert!(pieces.contents() == whole.contents(), "{size} bytes, {}", set.name());
    }
}

#[test]
fn whole_rows_may_be_lent_to_a_tensor_whose_rows_are_listed_alone() {
    for (size, set) in places() {
        let [_, mut rows] = twins(crate::memory::kernel("Adam"), size, &PLAIN, 17, &LIST);
        let arena = rows.arena(set).expect("it fits");
        for (tensor, length, is_right) in [
            (0, 3, true),
            (0, 6, false),
            (1, 17 * ROWS, true),
            (1, 17 * 2, true),
            (1, 17 * 2 + 1, false),
            (2, 5, true),
            (2, 10, false),
            (3, 17, false),
        ] {
            assert_eq!(arena.takes(tensor, size, length), is_right, "{length} numbers for tensor {tensor}");
            assert!(!arena.takes(tensor, 12 - size, length));
        }
    }
}

#[test]
fn a_list_lies_within_its_array_and_that_within_the_arena() {
    let run = |length: &dyn Fn(&mut Memory) -> usize| {
        let [_, mut rows] = twins(crate::memory::kernel("Adam"), 4, &PLAIN, 17, &LIST);
        let words = length(&mut rows);
        rows.set_word(array_at(ROW_LISTS) + Array::AT.length, words as u32);
        rows.run(InstructionSet::best(), 0, None).is_ok()
    };
    let own = |rows: &mut Memory| rows.word(rows.tensor_at(1) + Tensor::AT.list) as usize + 1 + 2 * ROWS;
    let all = |rows: &mut Memory| {
        (rows.bytes().1 - rows.word(array_at(ROW_LISTS) + Array::AT.position) as usize * LINE) / 4
    };
    assert!(run(&own) && run(&all));
    assert!(!run(&|rows| own(rows) - 1) && !run(&|rows| all(rows) + 1));
}

#[test]
fn lists_that_are_none_are_found_before_anything_outside_is_touched() {
    let adam = crate::memory::kernel("Adam");
    for (size, set) in places() {
        let lists: [&[(u32, u32)]; 4] = [&[(20, 0)], &[(u32::MAX, 0)], &[(0, 1)], &[(0, 0), (1, u32::MAX)]];
        for list in lists {
            let [_, mut rows] = twins(adam, size, &PLAIN, 17, &LIST);
            rows.list(1, ROWS, list);
            let before = rows.outside();
            assert!(rows.run(set, 0, None).is_err() && rows.run(set, NORM, None).is_err(), "{list:?}");
            assert!(rows.outside() == before);
        }
        let tables = |change: &dyn Fn(&mut Memory)| {
            let [_, mut rows] = twins(adam, size, &PLAIN, 17, &LIST);
            change(&mut rows);
            let before = rows.outside();
            assert!(rows.run(set, 0, None).is_err());
            assert!(rows.outside() == before);
        };
        tables(&|rows| rows.set_word(rows.tensor_at(1) + Tensor::AT.units, 1 << 30));
        tables(&|rows| rows.set_word(rows.tensor_at(1) + Tensor::AT.unit_length, 1 << 30));
        tables(&|rows| rows.set_word(rows.tensor_at(1) + Tensor::AT.list, u32::MAX));
        tables(&|rows| rows.set_word(rows.tensor_at(1) + Tensor::AT.units, 3));
        tables(&|rows| rows.set_word(rows.segment_at(1) + Segment::AT.length, 1));
    }
    const { assert!(ROWS <= MAX_ROWS) };
}
