//! SM3's stage on matrices: against a plain loop, in pieces in any order, with wrong tables.

use antigrad_kernels::InstructionSet;
use antigrad_kernels::layout::*;

use crate::matrices::has_any_order;
use crate::memory::{Family, Memory, Segment, array_at, bits, kernel, noise, places};
use crate::reference::{PLAIN, round};

/// Rows and columns.
type Shape = [usize; 2];

const EPS: f64 = 0.01;

/// Elements of a piece at least, and pieces at most.
const PIECE: usize = 16_384;
const PIECES: usize = 16;

fn memory(size: usize, [rows, columns]: Shape, has_momentum: bool) -> Memory {
    let lengths = [rows * columns];
    let state = if has_momentum { 3 } else { 2 };
    let family = Family { lengths: &lengths, state, by_tensor: 0 };
    let mut job = PLAIN;
    job.own[3] = EPS;
    let pieces = (rows * columns / PIECE).clamp(1, PIECES);
    // Columns in whole lines of float32.
    let room = pieces * columns.next_multiple_of(16);
    let mut memory = Memory::with_scratch(size, &[family], job.row().len(), &[], room);
    memory.matrix(0, [rows as u32, columns as u32]);
    memory.row(0, &job.row());
    let name = if has_momentum { "Sm3CoveredMomentum" } else { "Sm3Covered" };
    let array = memory.first_arrays[0];
    let first = array + state - 2;
    let kernels = [kernel(name).number, 0, 0, 0];
    memory.segment(0, [0, 0], Segment { array, by_tensor: array + state, row: 0, flags: 0, kernels });
    let mut next = noise(7);
    for i in 0..lengths[0] {
        memory.set(GRADIENTS, 0, i, next());
    }
    // Some of r are below all of c, and some above.
    (0..rows).for_each(|i| memory.set(first, 0, i, (i % 5) as f64 / 4.0));
    (0..columns).for_each(|j| memory.set(first + 1, 0, j, 0.25 + (j % 3) as f64 / 8.0));
    memory.by_line(first);
    memory.by_line(first + 1);
    memory
}

/// The expected arrays: u, r and c.
fn plain(memory: &Memory, size: usize, [rows, columns]: Shape, first: usize) -> [Vec<f64>; 3] {
    let f = round(size);
    let all = |array: usize, length: usize| (0..length).map(|i| memory.get(array, 0, i)).collect();
    let mut u: Vec<f64> = all(GRADIENTS, rows * columns);
    let (r, c): (Vec<f64>, Vec<f64>) = (all(first, rows), all(first + 1, columns));
    let (mut next_r, mut next_c) = (vec![0.0; rows], vec![0.0; columns]);
    for i in 0..rows {
        for j in 0..columns {
            let u = &mut u[i * columns + j];
            let nu = f(r[i].min(c[j]) + f(*u * *u));
            *u = f(*u / f(f(nu + f(EPS)).sqrt()));
            next_r[i] = nu.max(next_r[i]);
            next_c[j] = nu.max(next_c[j]);
        }
    }
    [u, next_r, next_c]
}

fn shapes() -> &'static [Shape] {
    if cfg!(miri) {
        &[[3, 5], [7, 4]]
    } else {
        // The last matrices consist of several pieces: of one row each, and of the maximum number of pieces.
        &[[1, 1], [1, 40], [40, 1], [17, 33], [200, 300], [3, 20_000], [3_000, 101]]
    }
}

#[test]
fn it_is_that_of_a_plain_loop_on_every_instruction_set() {
    for (size, set) in places() {
        for (&shape, has_momentum) in shapes().iter().flat_map(|shape| [(shape, false), (shape, true)]) {
            let start = memory(size, shape, has_momentum);
            let first = start.first_arrays[0] + usize::from(has_momentum);
            let mut memory = start.clone();
            memory.run(set, 0, None).expect("it fits");
            let place = format!("{shape:?}, {size} bytes, {}, momentum: {has_momentum}", set.name());
            assert!(memory.outside() == start.outside(), "written outside: {place}");
            let expected = plain(&start, size, shape, first);
            for (array, values) in [GRADIENTS, first, first + 1].into_iter().zip(&expected) {
                for (i, &x) in values.iter().enumerate() {
                    let ours = memory.get(array, 0, i);
                    assert!(bits(ours) == bits(x), "{ours} and not {x}: {place}, array {array}, index {i}");
                }
            }
        }
    }
}

#[test]
fn pieces_may_be_done_in_any_order_and_at_once() {
    has_any_order(|size| memory(size, if cfg!(miri) { [3, 7] } else { [300, 150] }, false));
}

#[test]
fn what_does_not_fit_is_a_fault_and_changes_nothing() {
    let clean = memory(4, [12, 5], false);
    let scratch = array_at(SCRATCH);
    let lines = array_at(clean.first_arrays[0]);
    let tensor = clean.tensor_at(0);
    type Wrong<'a> = (&'a str, &'a dyn Fn(&mut Memory));
    let wrong: &[Wrong] = &[
        ("no rows", &|memory| memory.matrix(0, [0, 5])),
        ("no columns", &|memory| memory.matrix(0, [12, 0])),
        ("rows that do not fit", &|memory| memory.matrix(0, [7, 5])),
        ("too many rows", &|memory| memory.matrix(0, [13, 5])),
        ("several matrices", &|memory| memory.matrix(0, [6, 5])),
        ("a product that wraps around", &|memory| memory.matrix(0, [u32::MAX - 59, u32::MAX])),
        // A row has more columns than there is room for.
        ("another matrix of that length", &|memory| memory.matrix(0, [3, 20])),
        ("a longer tensor", &|memory| memory.set_word(tensor + Tensor::AT.length, 61)),
        ("no scratch", &|memory| memory.set_word(scratch + Array::AT.length, 0)),
        ("a short scratch", &|memory| memory.set_word(scratch + Array::AT.length, 4)),
        ("a scratch of tensors", &|memory| {
            memory.set_word(scratch + Array::AT.extent, Extent::Tensors as u32)
        }),
        ("a scratch that is elsewhere", &|memory| memory.set_word(scratch + Array::AT.position, 1 << 24)),
        ("a scratch that begins late", &|memory| memory.set_word(scratch + Array::AT.first, 16)),
        ("r of elements", &|memory| memory.set_word(lines + Array::AT.extent, Extent::Elements as u32)),
        ("r that is elsewhere", &|memory| memory.set_word(lines + Array::AT.position, 1 << 24)),
        ("a short r", &|memory| memory.set_word(lines + Array::AT.length, 11)),
        ("a short c", &|memory| memory.set_word(lines + Array::SIZE + Array::AT.length, 4)),
        ("r that begins late", &|memory| memory.set_word(tensor + Tensor::AT.first_row, 56)),
        ("c that begins late", &|memory| memory.set_word(tensor + Tensor::AT.first_column, u32::MAX)),
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
