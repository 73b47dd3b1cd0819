//! Tensors that are matrices: sums by row and by column, and factors of both, as plainly as can be.

use antigrad_kernels::layout::*;
use antigrad_kernels::{BLOCK, InstructionSet, Scratch};

use crate::memory::{Family, Memory, Segment, bits, kernel, noise, places};
use crate::reference::{Job, PLAIN, prepared, round, striped_squares};

/// How many matrices, their rows and their columns.
const SHAPES: [[usize; 3]; 9] = [
    [1, 1, 40],
    [1, 33, 1],
    [1, 17, 33],
    [2, 3, 4],
    [1, 600, 70],
    [2, 130, 300],
    [4000, 3, 3],
    [1, 2, 20_000],
    [1, 0, 0],
];

/// The rows of each unit, by the definition: at least 64 rows and a block's elements, of one matrix where it has two
/// such pieces, else of whole ones.
fn units([count, height, columns]: [usize; 3]) -> Vec<Vec<usize>> {
    if count * height * columns == 0 {
        return Vec::new();
    }
    let least = 64.max(BLOCK.div_ceil(columns));
    let pieces = height / least;
    let all: Vec<usize> = (0..count * height).collect();
    if pieces < 2 {
        return all.chunks(least.div_ceil(height) * height).map(<[usize]>::to_vec).collect();
    }
    let piece = |row: &usize| (row / height, (row % height / least).min(pieces - 1));
    all.chunk_by(|a, b| piece(a) == piece(b)).map(<[usize]>::to_vec).collect()
}

fn striped(values: impl Iterator<Item = f64>) -> f64 {
    striped_squares(&values.collect::<Vec<_>>())
}

struct Made {
    memory: Memory,
    /// Where the numbers of each tensor begin.
    firsts: Vec<usize>,
}

fn make(size: usize, job: &Job) -> Made {
    let lengths = SHAPES.map(|[count, height, columns]| count * height * columns);
    let numbers = |[count, height, columns]: [usize; 3]| {
        let pieces = units([1, height, columns]).len().max(1);
        count * height + count * pieces * columns
    };
    let firsts: Vec<usize> =
        (0..SHAPES.len()).map(|i| SHAPES[..i].iter().map(|s| numbers(*s)).sum()).collect();
    let all = SHAPES.iter().map(|shape| numbers(*shape)).sum();
    let family = Family { lengths: &lengths, state: 0, by_tensor: 4 };
    let mut memory = Memory::with_lines(size, &[family], job.row().len(), &[], all);
    memory.row(0, &job.row());
    let kernels = [kernel("LineSums").number, kernel("Factored").number, kernel("AdafactorStep").number, 0];
    let array = memory.first_arrays[0];
    memory.segment(0, [0, SHAPES.len() - 1], Segment { array, row: 0, flags: 0, kernels });
    for (tensor, [_, height, columns]) in SHAPES.into_iter().enumerate() {
        memory.matrices(tensor, [height, columns], firsts[tensor]);
    }
    let mut next = noise(11);
    for (tensor, i) in memory.elements(0..SHAPES.len()) {
        memory.set(PARAMETERS, tensor, i, next());
        memory.set(GRADIENTS, tensor, i, next());
    }
    // Canaries of sums that must be overwritten.
    (0..all).for_each(|k| memory.set_number(LINES, k, 1e9));
    Made { memory, firsts }
}

/// Runs a stage in ranges of a block, the last one first, as threads may.
fn run_apart(memory: &mut Memory, set: InstructionSet, stage: usize) {
    let arena = memory.arena(set).expect("it fits");
    let length = arena.length();
    let borders: Vec<usize> = (0..length).step_by(BLOCK).collect();
    for from in borders.into_iter().rev() {
        // SAFETY: only this thread uses the arena.
        unsafe {
            let to = length.min(from + BLOCK);
            arena.run_range(stage, from, to, None, &mut Scratch::new()).expect("it fits");
        }
    }
    // SAFETY: as above.
    unsafe { arena.gather(stage) }.expect("it fits");
}

#[test]
fn sums_and_factors_are_those_of_the_definition_in_any_order() {
    let jobs = [PLAIN, Job { scale: -0.5, limit: 0.25, l2: 0.1, ..PLAIN }];
    for ((size, set), job) in places().flat_map(|place| jobs.clone().map(|job| (place, job))) {
        let Made { memory: start, firsts } = make(size, &job);
        let f = round(size);
        let mut whole = start.clone();
        let mut apart = start.clone();
        whole.run(set, 0, None).expect("it fits");
        run_apart(&mut apart, set, 0);
        let place = format!("{size} bytes, {}, {job:?}", set.name());
        for (tensor, shape) in SHAPES.into_iter().enumerate() {
            let [count, height, columns] = shape;
            let (parts, per) = (units(shape), units([1, height, columns]).len().max(1));
            let g = |row: usize, column: usize| {
                let at = row * columns + column;
                let (theta, g) = (start.get(PARAMETERS, tensor, at), start.get(GRADIENTS, tensor, at));
                prepared(&f, &job, theta, g)
            };
            let mut expected = vec![0.0; count * height + count * per * columns];
            for (number, rows) in parts.iter().enumerate() {
                for &row in rows {
                    expected[row] = striped((0..columns).map(|j| g(row, j)));
                    let piece = if per > 1 { number % per } else { 0 };
                    let at = count * height + (row / height * per + piece) * columns;
                    (0..columns).for_each(|j| expected[at + j] += g(row, j) * g(row, j));
                }
            }
            for memory in [&whole, &apart] {
                for (k, expected) in expected.iter().enumerate() {
                    let ours = memory.number(LINES, firsts[tensor] + k);
                    assert!(ours == *expected, "{ours}, not {expected}: number {k} of {shape:?}, {place}");
                }
            }
            // Factors, as TypeScript leaves them.
            for memory in [&mut whole, &mut apart] {
                for row in 0..count * height {
                    memory.set_number(LINES, firsts[tensor] + row, 0.3 + row as f64 / 7.0);
                }
                for (matrix, j) in (0..count).flat_map(|matrix| (0..columns).map(move |j| (matrix, j))) {
                    let at = firsts[tensor] + count * height + matrix * per * columns;
                    memory.set_in(LINES, at, j, 0.2 + j as f64 / 3.0);
                }
            }
        }
        whole.run(set, 1, None).expect("it fits");
        run_apart(&mut apart, set, 1);
        let array = start.first_arrays[0];
        for (tensor, shape) in SHAPES.into_iter().enumerate() {
            let [_, _, columns] = shape;
            let mut totals = [0.0, 0.0];
            for rows in units(shape) {
                let mut sums = [0.0, 0.0];
                for group in rows.chunks((4096 / columns).max(1)) {
                    let places = || group.iter().flat_map(|row| (0..columns).map(move |j| (*row, j)));
                    let theta = |(row, j): (usize, usize)| start.get(PARAMETERS, tensor, row * columns + j);
                    let u = |(row, j): (usize, usize)| {
                        let at = row * columns + j;
                        let g = prepared(
                            &f,
                            &job,
                            start.get(PARAMETERS, tensor, at),
                            start.get(GRADIENTS, tensor, at),
                        );
                        let factor = f(f(0.3 + row as f64 / 7.0) * f(0.2 + j as f64 / 3.0));
                        let cap = f(job.own[4]);
                        f(g * if factor > cap { cap } else { factor })
                    };
                    sums[0] += striped(places().map(theta));
                    sums[1] += striped(places().map(u));
                    for (row, j) in places() {
                        let (ours, expected) = (whole.get(GRADIENTS, tensor, row * columns + j), u((row, j)));
                        assert!(ours == expected, "{ours}, not {expected}: {row}, {j} of {shape:?}, {place}");
                    }
                }
                totals = [totals[0] + sums[0], totals[1] + sums[1]];
            }
            for (k, total) in totals.into_iter().enumerate() {
                let ours = whole.number(array + k, tensor);
                assert!(bits(ours) == bits(total), "{ours}, not {total}: sum {k} of {shape:?}, {place}");
            }
        }
        assert!(whole.contents() == apart.contents(), "{place}");
        assert!(whole.outside() == start.outside() && apart.outside() == start.outside(), "{place}");
    }
}

#[test]
fn what_is_no_matrix_or_has_no_room_is_a_fault() {
    let Made { memory: start, firsts } = make(4, &PLAIN);
    let set = InstructionSet::Scalar;
    let wrong = [
        ([17, 32], firsts[2]),
        ([0, 33], firsts[2]),
        ([17, 0], firsts[2]),
        ([17, 33], usize::MAX),
        ([u32::MAX as usize; 2], firsts[2]),
        ([17, 33], 1 << 20),
    ];
    for (shape, first) in wrong {
        for stage in [0, 1] {
            let mut memory = start.clone();
            memory.matrices(2, shape, first);
            assert!(memory.run(set, stage, None).is_err(), "{shape:?}, {first}, stage {stage}");
            assert!(memory.has_borders());
        }
    }
}
