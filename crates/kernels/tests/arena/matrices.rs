//! Stages that take tensors as matrices: against plain loops, in pieces in any order, with wrong tables.

use antigrad_kernels::layout::*;
use antigrad_kernels::manifest::kernels;
use antigrad_kernels::{Arena, ArenaError, BLOCK, InstructionSet, Scratch, SingleThread, Workers};

use crate::guard_pages::Guarded;
use crate::memory::{Family, Memory, Segment, array_at, bits, kernel, noise, places, sets};
use crate::reference::{Job, PLAIN, round};

/// Positions of the steps, and of a, b, c of the first step, after the pipeline's coefficients.
const STEPS: usize = 2;
const FIRST: usize = 5;

/// One matrix, in a stage of its own: a·X + (b·P + c·P·P)·X, twice.
fn memory(size: usize, shape: [usize; 2]) -> Memory {
    memory_of(size, &[shape])
}

/// Several ones.
fn memory_of(size: usize, shapes: &[[usize; 2]]) -> Memory {
    let lines = |numbers: usize| numbers.next_multiple_of(LINE / size);
    let room = |&[rows, columns]: &[usize; 2]| {
        let least = rows.min(columns);
        2 * lines(least * least) + lines(rows * columns)
    };
    let most = shapes.iter().map(room).max().expect("there are some");
    let row = row(2.0);
    let lengths: Vec<usize> = shapes.iter().map(|[rows, columns]| rows * columns).collect();
    let family = Family { lengths: &lengths, state: 0, by_tensor: 0 };
    let mut memory = Memory::with_scratch(size, &[family], row.len(), &[], most);
    memory.row(0, &row);
    let kernels = [kernel("NewtonSchulz").number, 0, 0, 0];
    let last = shapes.len() - 1;
    memory.segment(0, [0, last], Segment { array: 8, by_tensor: 8, row: 0, flags: 0, kernels });
    let mut next = noise(5);
    for (tensor, &[rows, columns]) in shapes.iter().enumerate() {
        memory.matrix(tensor, [rows as u32, columns as u32]);
        (0..rows * columns).for_each(|i| memory.set(GRADIENTS, tensor, i, next()));
    }
    memory
}

fn row(steps: f64) -> Vec<f64> {
    let mut row = Job { own: [0.0; 9], ..PLAIN }.row();
    row[4 + STEPS] = steps;
    row[4 + STEPS + 1] = 1e-7;
    row[4 + FIRST..][..6].copy_from_slice(&[3.0, -4.0, 1.5, 2.5, -3.5, 1.25]);
    row
}

/// The same in plain loops, each sum with k ascending.
fn plain(f: &impl Fn(f64) -> f64, memory: &Memory, [rows, columns]: [usize; 2]) -> Vec<f64> {
    let given: Vec<f64> = (0..rows * columns).map(|i| memory.get(GRADIENTS, 0, i)).collect();
    // One block of sixteen striped sums.
    let mut sums = [0.0; 16];
    given.iter().enumerate().for_each(|(i, x)| sums[i % 16] += x * x);
    for width in [8, 4, 2, 1] {
        (0..width).for_each(|k| sums[k] += sums[k + width]);
    }
    let norm = f(sums[0].sqrt());
    let (least, most) = (rows.min(columns), rows.max(columns));
    let at = |i: usize, j: usize| if rows <= columns { i * columns + j } else { j * columns + i };
    let mut x: Vec<f64> = (0..least * most).map(|k| f(given[at(k / most, k % most)] / norm)).collect();
    let dot = |of: &dyn Fn(usize) -> (f64, f64), depth: usize| {
        (0..depth).fold(0.0, |sum, k| f(sum + f(of(k).0 * of(k).1)))
    };
    for [a, b, c] in [[3.0, -4.0, 1.5], [2.5, -3.5, 1.25]] {
        let of = |k: usize| (k / least, k % least);
        let p: Vec<f64> = (0..least * least)
            .map(|n| dot(&|k| (x[of(n).0 * most + k], x[of(n).1 * most + k]), most))
            .collect();
        let q: Vec<f64> = (0..least * least)
            .map(|n| {
                let square = dot(&|k| (p[of(n).0 * least + k], p[k * least + of(n).1]), least);
                f(f(b * p[n]) + f(c * square))
            })
            .collect();
        let next = |n: usize| {
            let product = dot(&|k| (q[n / most * least + k], x[k * most + n % most]), least);
            f(f(a * x[n]) + product)
        };
        x = (0..least * most).map(next).collect();
    }
    let mut result = vec![0.0; rows * columns];
    (0..least * most).for_each(|k| result[at(k / most, k % most)] = x[k]);
    result
}

#[test]
fn products_are_those_of_plain_loops_on_every_instruction_set() {
    let shapes: &[[usize; 2]] = if cfg!(miri) {
        &[[3, 5], [7, 4]]
    } else {
        &[
            [1, 1],
            [1, 9],
            [9, 1],
            [3, 5],
            [17, 33],
            [33, 17],
            [64, 64],
            [65, 40],
            [70, 130],
            [5, 600],
            [300, 20],
        ]
    };
    for (size, set) in places() {
        for &shape in shapes {
            let start = memory(size, shape);
            let expected = plain(&round(size), &start, shape);
            let mut memory = start.clone();
            memory.run(set, 0, None).expect("it fits");
            let place = format!("{shape:?}, {size} bytes, {}", set.name());
            assert!(memory.outside() == start.outside(), "written outside: {place}");
            for (i, &x) in expected.iter().enumerate() {
                let ours = memory.get(GRADIENTS, 0, i);
                assert!(bits(ours) == bits(x), "{ours} and not {x}: {place}, index {i}");
            }
        }
    }
}

/// Runs a stage on a copy whose array of elements is the last one of all, and ends where memory does.
fn run_at_the_end(mut memory: Memory, array: usize, set: InstructionSet) -> Result<(), ArenaError> {
    let (_, bytes) = memory.bytes();
    let at = array_at(array);
    let room = (memory.word(at + Array::AT.length) as usize * memory.size).next_multiple_of(LINE);
    let start = memory.word(at + Array::AT.position) as usize * LINE / 4;
    memory.set_word(at + Array::AT.position, (bytes / LINE) as u32);
    let words = (0..bytes / 4).chain(start..start + room / 4).map(|at| memory.word(at));
    let words: Vec<u32> = words.collect();
    let (_held, base) = Guarded::copy(words.as_ptr().cast(), bytes + room, true);
    // SAFETY: the bytes are held, and only this thread uses them.
    unsafe { Arena::new(base, bytes + room, set).and_then(|arena| arena.run(0, None, &mut Scratch::new())) }
}

#[test]
fn nothing_is_read_behind_a_matrix() {
    for (size, set) in places() {
        // Transposed it is the last array of the scratch, of whole lines, and has a row more than four at a time.
        assert_eq!(run_at_the_end(memory(size, [32, 17]), SCRATCH, set), Ok(()));
        // Its norm is that of two blocks, of which the second one is short.
        assert_eq!(run_at_the_end(memory(size, [1, BLOCK + 5]), GRADIENTS, set), Ok(()));
    }
}

#[test]
fn bfloat16_is_the_even_one_of_two_that_are_as_near() {
    for set in sets() {
        let mut memory = memory(4, [1, 4]);
        // No step: what is left is divided by what is larger than the norm.
        let mut row = row(0.0);
        (row[4 + STEPS + 1], row[4 + STEPS + 2]) = (1024.0, 1.0);
        memory.row(0, &row);
        // The last digit of bfloat16 is 2⁻⁷ here; half of it, and a hair less and more than that.
        let [half, hair] = [2_f64.powi(-8), 2_f64.powi(-23)];
        for (given, wanted) in [
            ([1.0 + half, 1.0 + half + hair, 1.0 + 3.0 * half, 1.0 + 3.0 * half - hair], [0, 2, 4, 2]),
            (
                [1.0 + 5.0 * half, 1.0 + 5.0 * half + hair, 1.0 + 7.0 * half, 1.0 + 5.0 * half - hair],
                [4, 6, 8, 4],
            ),
        ] {
            (0..4).for_each(|i| memory.set(GRADIENTS, 0, i, given[i]));
            memory.run(set, 0, None).expect("it fits");
            for (i, halves) in wanted.into_iter().enumerate() {
                let expected = (1.0 + f64::from(halves) * half) / 1024.0;
                assert_eq!(memory.get(GRADIENTS, 0, i), expected, "{} of {}", given[i], set.name());
            }
        }
    }
}

/// Pieces from the last to the first, two at a time.
struct Backwards;

impl Workers for Backwards {
    fn run(&mut self, count: usize, piece: &(dyn Fn(usize, &mut Scratch) + Sync)) {
        std::thread::scope(|scope| {
            for half in [0, 1] {
                scope.spawn(move || {
                    let mut scratch = Box::new(Scratch::new());
                    (0..count).rev().filter(|number| number % 2 == half).for_each(|k| piece(k, &mut scratch));
                });
            }
        });
    }
}

/// Its stage has the same bits whatever the order of its pieces.
pub fn has_any_order(memory: impl Fn(usize) -> Memory) {
    for (size, set) in places() {
        let mut expected = memory(size);
        let mut memory = expected.clone();
        expected.run(set, 0, None).expect("it fits");
        let arena = memory.arena(set).expect("it fits");
        // SAFETY: nothing else uses the arena.
        unsafe { arena.run_matrices(0, 0, arena.length(), &mut Backwards) }.expect("it fits");
        assert!(memory.contents() == expected.contents(), "{size} bytes, {}", set.name());
    }
}

#[test]
fn pieces_may_be_done_in_any_order_and_at_once() {
    has_any_order(|size| memory(size, if cfg!(miri) { [66, 67] } else { [200, 150] }));
}

/// Tensors that threads do side by side have the bits of one thread; in the arena's scratch may be anything.
fn are_done_side_by_side(memory: impl Fn(usize) -> Memory) {
    for (size, set) in places() {
        let [mut memory, mut expected] = [memory(size), memory(size)];
        expected.run(set, 0, None).expect("it fits");
        let arena = memory.arena(set).expect("it fits");
        // SAFETY: nothing else uses the arena.
        unsafe { arena.run_matrices(0, 0, arena.length(), &mut Backwards) }.expect("it fits");
        let place = format!("{size} bytes, {}", set.name());
        for (tensor, i) in memory.elements(0..memory.tensors()) {
            let [ours, theirs] = [&memory, &expected].map(|memory| memory.get(GRADIENTS, tensor, i));
            assert!(
                bits(ours) == bits(theirs),
                "{ours} and not {theirs}: {place}, tensor {tensor}, index {i}"
            );
        }
        assert!(memory.outside() == expected.outside() && memory.has_borders(), "written outside: {place}");
    }
}

#[test]
fn small_tensors_are_done_by_a_thread_each_and_large_ones_by_all() {
    let mut shapes: Vec<_> = (1..if cfg!(miri) { 4 } else { 41 }).map(|n| [n, 41 - n]).collect();
    if !cfg!(miri) {
        shapes[7] = [200, 250];
    }
    are_done_side_by_side(|size| memory_of(size, &shapes));
}

#[test]
fn small_tensors_that_lie_over_one_another_are_not_done_at_once() {
    are_done_side_by_side(|size| {
        let mut memory = memory_of(size, &[[4, 16], [4, 16], [4, 16]]);
        // The second one begins in the first.
        memory.set_word(memory.tensor_at(1) + Tensor::AT.offset, 16);
        memory
    });
}

#[test]
fn a_tensor_is_done_where_the_range_has_its_beginning() {
    let start = memory(4, [20, 30]);
    let mut memory = start.clone();
    let arena = memory.arena(InstructionSet::best()).expect("it fits");
    let length = arena.length();
    let mut scratch = Scratch::new();
    for (from, to) in [(1, length), (0, 0), (length, length)] {
        // SAFETY: nothing else uses the arena.
        unsafe { arena.run_matrices(0, from, to, &mut SingleThread(&mut scratch)) }.expect("it fits");
    }
    assert!(memory.contents() == start.contents());
}

#[test]
fn what_does_not_fit_is_a_fault_and_changes_nothing() {
    let shape = [12, 5];
    let clean = memory(4, shape);
    let tensor = clean.tensor_at(0);
    let scratch = array_at(SCRATCH);
    type Wrong<'a> = (&'a str, &'a dyn Fn(&mut Memory));
    let wrong: &[Wrong] = &[
        ("no rows", &|memory| memory.matrix(0, [0, 0])),
        ("rows without columns", &|memory| memory.matrix(0, [60, 0])),
        ("too many rows", &|memory| memory.matrix(0, [13, 5])),
        ("too few columns", &|memory| memory.matrix(0, [12, 4])),
        ("a product that wraps around", &|memory| memory.matrix(0, [u32::MAX - 59, u32::MAX])),
        // Their squares are larger than what there is room for.
        ("another matrix of that length", &|memory| memory.matrix(0, [6, 10])),
        ("no scratch", &|memory| memory.set_word(scratch + Array::AT.length, 0)),
        ("a short scratch", &|memory| memory.set_word(scratch + Array::AT.length, 96)),
        ("a scratch of tensors", &|memory| {
            memory.set_word(scratch + Array::AT.extent, Extent::Tensors as u32)
        }),
        ("a scratch that is elsewhere", &|memory| memory.set_word(scratch + Array::AT.position, 1 << 24)),
        ("a scratch that begins late", &|memory| memory.set_word(scratch + Array::AT.first, 16)),
        ("a longer tensor", &|memory| memory.set_word(tensor + Tensor::AT.length, 61)),
        ("two matrices", &|memory| memory.matrix(0, [6, 5])),
        ("many steps", &|memory| memory.row(0, &row(1e9))),
        ("NaN steps", &|memory| memory.row(0, &row(f64::NAN))),
    ];
    for (what, spoil) in wrong {
        let mut memory = clean.clone();
        spoil(&mut memory);
        let before = memory.contents();
        assert!(memory.run(InstructionSet::best(), 0, None).is_err(), "{what}");
        assert!(memory.contents() == before && memory.has_borders(), "{what}");
    }
    assert_eq!(clean.clone().run(InstructionSet::best(), 0, None), Ok(()));
}

#[test]
fn these_kernels_are_of_matrices() {
    let names: Vec<_> = kernels().into_iter().filter(|kernel| kernel.is_matrix).map(|k| k.name).collect();
    let factored = ["Factored", "FactoredMomentum", "NewtonSchulz", "Sm3Covered", "Sm3CoveredMomentum"];
    assert_eq!(names, [&factored[..], &["Unitwise"]].concat());
}
