//! Adafactor's stage on matrices: against a plain loop, in pieces in any order, with wrong tables.

use antigrad_kernels::InstructionSet;
use antigrad_kernels::layout::*;

use crate::matrices::has_any_order;
use crate::memory::{Family, Memory, Segment, array_at, bits, kernel, noise, places};
use crate::reference::{Job, PLAIN, combined, round, striped};

/// How many matrices, their rows and columns.
type Shape = [usize; 3];

/// Coefficients as in the rule's row.
const ROW: [f64; 13] = [0.75, 0.25, 1e-9, 1e-3, 4.0, 0.5, 0.5, 0.01, 1.0, 1e-3, 0.5, 0.125, 0.25];

fn memory(size: usize, [count, rows, columns]: Shape, has_momentum: bool) -> Memory {
    let lengths = [count * rows * columns];
    let family = Family { lengths: &lengths, state: 3, by_tensor: 0 };
    let row: Vec<f64> = Job { own: [0.0; 9], ..PLAIN }.row()[..4].iter().chain(&ROW).copied().collect();
    // Columns in whole lines of float32.
    let across = columns.next_multiple_of(16);
    let room = 8 * (4 * (count * (rows + across) + 64) + count * across * rows / 64);
    let mut memory = Memory::with_scratch(size, &[family], row.len(), &[], room / size);
    memory.matrix(0, [rows as u32, columns as u32]);
    memory.row(0, &row);
    let name = if has_momentum { "FactoredMomentum" } else { "Factored" };
    let array = memory.first_arrays[0];
    let first = array + usize::from(has_momentum);
    memory.by_line(first);
    memory.by_line(first + 1);
    let kernels = [kernel(name).number, 0, 0, 0];
    memory.segment(0, [0, 0], Segment { array, by_tensor: array + 3, row: 0, flags: 0, kernels });
    let mut next = noise(7);
    for i in 0..lengths[0] {
        memory.set(GRADIENTS, 0, i, next());
        memory.set(PARAMETERS, 0, i, next());
        memory.set(array, 0, i, 0.25);
    }
    for k in 0..count * rows.max(columns) {
        if k < count * rows {
            memory.set(first, 0, k, 0.5 + k as f64 / 64.0);
        }
        if k < count * columns {
            memory.set(first + 1, 0, k, 0.25 + k as f64 / 32.0);
        }
    }
    memory
}

/// The expected arrays: θ and the state arrays.
fn plain(memory: &Memory, size: usize, [count, rows, columns]: Shape, has_momentum: bool) -> Vec<Vec<f64>> {
    let f = round(size);
    let [beta2, one_minus_beta2, added, floor, cap, beta1, one_minus_beta1, rho, _, eps2, clip, fixed, share] =
        ROW;
    let length = count * rows * columns;
    let first = memory.first_arrays[0] + usize::from(has_momentum);
    let all =
        |array: usize, length: usize| (0..length).map(|i| memory.get(array, 0, i)).collect::<Vec<f64>>();
    let (g, mut theta) = (all(GRADIENTS, length), all(PARAMETERS, length));
    let (mut r, mut c) = (all(first, count * rows), all(first + 1, count * columns));
    let mut m = all(memory.first_arrays[0], length);
    let least = 64.max(16384_usize.div_ceil(columns));
    let pieces = (rows / least).max(1);
    let mut u = vec![0.0; length];
    for matrix in 0..count {
        let at = |i: usize, j: usize| (matrix * rows + i) * columns + j;
        let mut total = 0.0;
        for i in 0..rows {
            let r = &mut r[matrix * rows + i];
            *r =
                f(beta2 * *r
                    + one_minus_beta2 * (striped(&g[at(i, 0)..at(i + 1, 0)]) / columns as f64 + added));
            total += *r;
        }
        let mean = f64::max(total / rows as f64, floor);
        for j in 0..columns {
            let of_piece = |piece: usize| {
                let last = if piece + 1 == pieces { rows } else { (piece + 1) * least };
                (piece * least..last).fold(0.0, |sum, i| sum + g[at(i, j)] * g[at(i, j)])
            };
            let sum = (0..pieces).fold(0.0, |sum, piece| sum + of_piece(piece));
            let c = &mut c[matrix * columns + j];
            *c = f(beta2 * *c + one_minus_beta2 * (sum / rows as f64 + added));
            for i in 0..rows {
                let factor = f(f(1.0 / (r[matrix * rows + i] / mean).sqrt()) * f(1.0 / c.sqrt()));
                u[at(i, j)] = f(g[at(i, j)] * factor.min(f(cap)));
            }
        }
    }
    let rms = |values: &[f64]| {
        let some = (16384 / columns).max(1) * columns;
        let of_lines = |lines: &[f64]| {
            let mut stripes = [0.0; 16];
            lines.iter().enumerate().for_each(|(i, x)| stripes[i % columns % 16] += x * x);
            combined(stripes)
        };
        (values.chunks(some).fold(0.0, |sum, lines| sum + of_lines(lines)) / length as f64).sqrt()
    };
    let full = rho * f64::max(rms(&theta), eps2);
    let rate = f(full / f64::max(rms(&u) / clip, 1.0));
    let decay = f(1.0 - (fixed + share * full));
    for i in 0..length {
        m[i] = if has_momentum {
            f(f(beta1 * m[i]) + f(one_minus_beta1 * f(rate * u[i])))
        } else {
            f(rate * u[i])
        };
        theta[i] = f(f(theta[i] * decay) - m[i]);
    }
    if has_momentum { vec![theta, m, r, c] } else { vec![theta, r, c] }
}

fn shapes() -> &'static [Shape] {
    if cfg!(miri) {
        &[[1, 3, 5], [2, 7, 4]]
    } else {
        &[
            [1, 1, 1],
            [1, 1, 40],
            [1, 40, 1],
            [2, 3, 5],
            [1, 17, 33],
            [300, 3, 3],
            [1, 200, 300],
            [3, 130, 290],
            [1, 3, 20_000],
        ]
    }
}

#[test]
fn it_is_that_of_a_plain_loop_on_every_instruction_set() {
    for (size, set) in places() {
        for (&shape, has_momentum) in shapes().iter().flat_map(|shape| [(shape, false), (shape, true)]) {
            let start = memory(size, shape, has_momentum);
            let expected = plain(&start, size, shape, has_momentum);
            let mut memory = start.clone();
            memory.run(set, 0, None).expect("it fits");
            let place = format!("{shape:?}, {size} bytes, {}, momentum: {has_momentum}", set.name());
            assert!(memory.outside() == start.outside(), "written outside: {place}");
            for (k, values) in expected.iter().enumerate() {
                let array = if k == 0 { PARAMETERS } else { start.first_arrays[0] + k - 1 };
                for (i, &x) in values.iter().enumerate() {
                    let ours = memory.get(array, 0, i);
                    assert!(bits(ours) == bits(x), "{ours} and not {x}: {place}, array {k}, index {i}");
                }
            }
        }
    }
}

#[test]
fn pieces_may_be_done_in_any_order_and_at_once() {
    has_any_order(|size| memory(size, if cfg!(miri) { [1, 3, 7] } else { [2, 300, 150] }, true));
}

#[test]
fn parameters_stay_and_gradients_become_0_where_that_is_wanted() {
    let shape = [1, 20, 30];
    let start = memory(4, shape, true);
    let [mut moved, mut held] = [start.clone(), start.clone()];
    moved.run(InstructionSet::best(), 0, None).expect("it fits");
    held.set_word(held.segment_at(0) + antigrad_kernels::layout::Segment::AT.flags, HOLD_PARAMS as u32);
    held.zeroes();
    held.run(InstructionSet::best(), 0, None).expect("it fits");
    for i in 0..600 {
        assert!(
            held.get(PARAMETERS, 0, i) == start.get(PARAMETERS, 0, i) && held.get(GRADIENTS, 0, i) == 0.0
        );
        let m = start.first_arrays[0];
        assert!(held.get(m, 0, i) == moved.get(m, 0, i) && moved.get(m, 0, i) != start.get(m, 0, i));
    }
}

#[test]
fn what_does_not_fit_is_a_fault_and_changes_nothing() {
    let clean = memory(4, [2, 12, 5], false);
    let scratch = array_at(SCRATCH);
    let lines = array_at(clean.first_arrays[0]);
    let tensor = clean.tensor_at(0);
    type Wrong<'a> = (&'a str, &'a dyn Fn(&mut Memory));
    let wrong: &[Wrong] = &[
        ("no rows", &|memory| memory.matrix(0, [0, 5])),
        ("no columns", &|memory| memory.matrix(0, [12, 0])),
        ("rows that do not fit", &|memory| memory.matrix(0, [7, 5])),
        ("a product that wraps around", &|memory| memory.matrix(0, [u32::MAX - 59, u32::MAX])),
        ("no scratch", &|memory| memory.set_word(scratch + Array::AT.length, 0)),
        ("a short scratch", &|memory| memory.set_word(scratch + Array::AT.length, 96)),
        ("a scratch that is elsewhere", &|memory| memory.set_word(scratch + Array::AT.position, 1 << 24)),
        ("r of elements", &|memory| memory.set_word(lines + Array::AT.extent, Extent::Elements as u32)),
        ("r that is elsewhere", &|memory| memory.set_word(lines + Array::AT.position, 1 << 24)),
        ("a short r", &|memory| memory.set_word(lines + Array::AT.length, 23)),
        ("a short c", &|memory| memory.set_word(lines + Array::SIZE + Array::AT.length, 9)),
        ("c that begins late", &|memory| memory.set_word(tensor + Tensor::AT.first_column, u32::MAX)),
        ("r that begins late", &|memory| memory.set_word(tensor + Tensor::AT.first_row, 112)),
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
