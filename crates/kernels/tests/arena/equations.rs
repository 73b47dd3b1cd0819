//! Kernels that do what their rows say, with programs that are written by hand.

use antigrad_kernels::layout::*;
use antigrad_kernels::many::OPERATIONS;
use antigrad_kernels::{BLOCK, CachedArena, InstructionSet, Scratch};
use proptest::{prelude::*, test_runner::RngSeed};

use crate::guard_pages::Guarded;
use crate::memory::{Family, Memory, Segment, kernel, noise, places, sets};
use crate::reference::{Job, PLAIN, combined, round};

/// Slots.
const THETA: u8 = 0;
const G: u8 = 1;
const STATE: u8 = 2;
const VALUES: u8 = 8;
const CONSTANTS: u8 = 12;

/// An operation's name, where its result goes, and its operands.
type Step<'a> = (&'a str, u8, &'a [u8]);

fn instruction(&(name, to, operands): &Step) -> f64 {
    let operation = OPERATIONS.iter().position(|known| *known == name).expect("an operation's name");
    let mut bytes = [operation as u8, to, 0, 0, 0, 0];
    bytes[2..][..operands.len()].copy_from_slice(operands);
    word(bytes)
}

fn word(bytes: [u8; 6]) -> f64 {
    bytes.into_iter().rev().fold(0.0, |word, byte| word * 256.0 + f64::from(byte))
}

/// A program of sums, with a slot and a kind for each of these.
type Sums<'a> = (&'a [Step<'a>], &'a [(u8, u8)]);

/// A row: an update, and two programs of sums.
#[derive(Clone)]
struct Equations<'a> {
    update: &'a [Step<'a>],
    sums: [Sums<'a>; 2],
    constants: &'a [f64],
    flushes: u8,
}

const NOTHING: Equations = Equations { update: &[], sums: [(&[], &[]); 2], constants: &[], flushes: 0xff };

impl Equations<'_> {
    fn row(&self, job: &Job) -> Vec<f64> {
        let program = |steps: &[Step]| {
            [steps.len() as f64].into_iter().chain(steps.iter().map(instruction)).collect::<Vec<f64>>()
        };
        let sums = self.sums.map(|(steps, sums)| {
            let own = sums.iter().map(|(slot, kind)| f64::from(*slot) * 4.0 + f64::from(*kind));
            program(steps).into_iter().chain([sums.len() as f64]).chain(own).collect::<Vec<f64>>()
        });
        let [first, second] = sums;
        let update = program(self.update);
        let mut places = [Places::SIZE; 6];
        places[1] = places[0] + update.len();
        places[2] = places[1] + first.len();
        places[3] = places[2] + second.len();
        places[4] = self.constants.len();
        places[5] = self.flushes.into();
        let places: Vec<f64> = places.into_iter().map(|place| place as f64).collect();
        let pipeline = [job.scale, job.limit, job.l2, job.decay];
        [&pipeline, &places[..], &update, &first, &second, self.constants].concat()
    }

    /// An arena of one segment.
    fn memory(&self, kernels: &[u16], state: usize, job: &Job, size: usize, lengths: &[usize]) -> Memory {
        let row = self.row(job);
        let family = Family { lengths, state, by_tensor: 4 };
        let mut memory = Memory::new(size, &[family], row.len());
        memory.row(0, &row);
        segment(&mut memory, kernels, state, job);
        memory
    }
}

fn segment(memory: &mut Memory, numbers: &[u16], state: usize, job: &Job) {
    let array = memory.first_arrays[0];
    let mut kernels = [0; STAGES];
    kernels[..numbers.len()].copy_from_slice(numbers);
    let last = memory.lengths.len() - 1;
    let by_tensor = array + state;
    memory.segment(0, [0, last], Segment { array, by_tensor, row: 0, flags: job.flags(), kernels });
    if job.zeroes {
        memory.zeroes();
    }
}

fn number(kind: usize, states: usize) -> u16 {
    (EQUATIONS + 7 * kind + states) as u16
}

/// Adam in five instructions. Its constants are `PLAIN`'s, in the order of the kernel's row, and d.
const ADAM: [Step; 5] = [
    ("Blend", STATE, &[CONSTANTS + 3, STATE, CONSTANTS + 4, G]),
    ("BlendSquare", STATE + 1, &[CONSTANTS + 5, STATE + 1, CONSTANTS + 6, G]),
    ("SqrtMultiplyAdd", CONSTANTS + 8, &[STATE + 1, CONSTANTS + 1, CONSTANTS + 2]),
    ("MultiplyOver", CONSTANTS + 8, &[CONSTANTS, STATE, CONSTANTS + 8]),
    ("MultiplySubtract", THETA, &[THETA, CONSTANTS + 7, CONSTANTS + 8]),
];

fn adam_of(job: &Job) -> Vec<f64> {
    let [own @ .., _, _] = job.own;
    own.into_iter().chain([job.decay]).collect()
}

/// Not by `powi`, which is only as exact as it likes; under Miri never the same twice.
fn power_of_2(n: i32) -> f64 {
    f64::from_bits(((1023 + n) as u64) << 52)
}

/// Ordinary numbers, and numbers that overflow, underflow or are NaN.
fn fill(memory: &mut Memory, states: usize, seed: u32) {
    let mut next = noise(seed);
    let strange = [0.0, -0.0, 1e-45, 1e-39, 1e-310, f64::INFINITY, f64::NAN, 1e30];
    let mut number = |i: usize| {
        let x = next();
        if i % 11 == 3 { strange[(x.abs() * 8.0) as usize % 8] } else { x * power_of_2((x * 30.0) as i32) }
    };
    let first = memory.first_arrays[0];
    for (tensor, i) in memory.elements(0..memory.lengths.len()) {
        memory.set(PARAMETERS, tensor, i, number(i));
        memory.set(GRADIENTS, tensor, i, number(i + 1));
        (0..states).for_each(|k| memory.set(first + k, tensor, i, number(i + 2 + k).abs()));
    }
}

fn jobs() -> [Job; 4] {
    let prepared = Job { scale: -0.3, limit: 0.2, l2: 0.1, decay: 0.9, ..PLAIN };
    [
        PLAIN,
        Job { flushes: true, zeroes: true, ..PLAIN },
        Job { holds: true, ..prepared.clone() },
        Job { flushes: true, zeroes: true, ..prepared },
    ]
}

#[test]
fn adam_as_equations_has_the_bits_of_adam() {
    let lengths: Vec<usize> = (0..40).chain([63, 64, 65, 255, 256, 257, 511, 512, 513, 700, 1025]).collect();
    let long = [3, BLOCK + 40, 100];
    let all_lengths: &[&[usize]] = if cfg!(miri) { &[&[1, 0, 33]] } else { &[&lengths, &long] };
    // Under Miri the last job alone, which does the most.
    let jobs = jobs().into_iter().skip(if cfg!(miri) { 3 } else { 0 });
    for ((size, set), job) in places().flat_map(|place| jobs.clone().map(move |job| (place, job))) {
        let constants = adam_of(&job);
        let equations = Equations { update: &ADAM, constants: &constants, ..NOTHING };
        for &lengths in all_lengths {
            let mut memory = equations.memory(&[number(0, 2)], 2, &job, size, lengths);
            // The same with the values by tensor, of which it has none.
            let mut by_tensor = equations.memory(&[number(1, 2)], 2, &job, size, lengths);
            let mut expected = job.memory(kernel("Adam"), size, lengths);
            let all = [&mut memory, &mut by_tensor, &mut expected];
            let [memory, by_tensor, expected] = all.map(|memory| {
                fill(memory, 2, 7);
                memory
            });
            let start = memory.clone();
            let of_elements = |memory: &Memory| {
                let arrays = [PARAMETERS, GRADIENTS, memory.first_arrays[0], memory.first_arrays[0] + 1];
                let of = |(tensor, i)| arrays.map(|array| crate::memory::bits(memory.get(array, tensor, i)));
                memory.elements(0..lengths.len()).into_iter().map(of).collect::<Vec<_>>()
            };
            for _ in 0..2 {
                for memory in [&mut *memory, &mut *by_tensor, &mut *expected] {
                    memory.run(set, 0, None).expect("it fits");
                }
                let place = format!("{size} bytes, {}, {job:?}", set.name());
                assert!(of_elements(memory) == of_elements(expected), "{place}");
                assert!(of_elements(by_tensor) == of_elements(expected), "by tensor, {place}");
                assert!(memory.outside() == start.outside(), "written outside: {place}");
            }
            assert!(job.zeroes || of_elements(memory) != of_elements(&start));
        }
    }
}

/// Results of two consecutive operations: fused into one loop, and separated by another operation.
#[test]
fn pairs_have_the_bits_of_their_operations_apart() {
    let lengths: Vec<usize> = if cfg!(miri) { vec![1, 0, 67] } else { (0..70).chain([1025, 2100]).collect() };
    const T: u8 = CONSTANTS + 4;
    let elements = [STATE + 1, G, STATE, THETA];
    // Destinations of the two results, and whether the second operation reads the first result like a fused pair or as
    // another operand. The last field says which operands are the same for all elements, in the pair and in the test.
    let results = [
        (T, THETA, [true, false]),
        (STATE, THETA, [true, false]),
        (T, T, [true, false]),
        (T, THETA, [true, true]),
        (STATE, STATE, [true, true]),
        (T, THETA, [false, true]),
        (STATE, THETA, [false, false]),
    ];
    let turned = (0..8).map(|bit| (results[0], 1_u8 << bit));
    let forms = results.map(|results| (results, 0)).into_iter().chain(turned);
    let forms: Vec<_> = forms.take(if cfg!(miri) { 1 } else { usize::MAX }).collect();
    for &([(one, one_all), (other, other_all)], at) in PAIRS {
        for &((to, last, [is_read, is_read_elsewhere]), turned) in &forms {
            let (one_all, other_all) = (one_all ^ turned & 15, (other_all ^ turned >> 4) & !(1 << at));
            let operands = |all: u8| {
                let of = |k: u8| if all >> k & 1 == 1 { CONSTANTS + k } else { elements[usize::from(k)] };
                [0, 1, 2, 3].map(of)
            };
            let first = operands(one_all);
            let mut second = operands(other_all);
            if is_read {
                second[at] = to;
            }
            if is_read_elsewhere {
                let elsewhere = (0..4).find(|k| *k != at && other_all >> k & 1 == 0).expect("another one");
                second[elsewhere] = to;
            }
            let pair: [Step; 3] = [(one, to, &first), (other, last, &second), ("Copy", STATE + 1, &[last])];
            let apart: [Step; 4] = [pair[0], ("Copy", T + 1, &[G]), pair[1], pair[2]];
            for (size, set) in places() {
                let [together, apart] = [&pair[..], &apart[..]].map(|update| {
                    let equations = Equations { update, constants: &[0.9, 0.7, 0.1, 1e-3], ..NOTHING };
                    let mut memory = equations.memory(&[number(0, 2)], 2, &PLAIN, size, &lengths);
                    fill(&mut memory, 2, 7);
                    let start = memory.clone();
                    memory.run(set, 0, None).expect("it fits");
                    assert!(memory.outside() == start.outside() && memory.contents() != start.contents());
                    let arrays = [PARAMETERS, memory.first_arrays[0], memory.first_arrays[0] + 1];
                    let of =
                        |(tensor, i)| arrays.map(|array| crate::memory::bits(memory.get(array, tensor, i)));
                    memory.elements(0..lengths.len()).into_iter().map(of).collect::<Vec<_>>()
                });
                assert!(together == apart, "{one}, {other} to {to}, {size} bytes, {}", set.name());
            }
        }
    }
}

/// Miri detects reads of lanes that were never written.
#[test]
fn what_one_operation_leaves_the_next_reads_however_each_goes_through_a_line() {
    const T: u8 = CONSTANTS + 2;
    // A pair, numbers for all that are loaded once, four vectors at a time, two, one; in float64 what is float32.
    let update: [Step; 9] = [
        ("BlendSquare", T, &[CONSTANTS, STATE, CONSTANTS + 1, G]),
        ("Sqrt", T + 1, &[T]),
        ("Add", T, &[T, T + 1]),
        ("Blend", T + 1, &[CONSTANTS, STATE, CONSTANTS + 1, G]),
        ("Abs", T + 1, &[T + 1]),
        ("Add", T, &[T, T + 1]),
        ("Expm1", T, &[T]),
        ("Exp", T, &[T]),
        ("Divide", THETA, &[THETA, T]),
    ];
    for ((size, set), length) in places().flat_map(|place| [1, 3, 33, 67].map(|length| (place, length))) {
        let equations = Equations { update: &update, constants: &[0.9, 0.1], ..NOTHING };
        let mut memory = equations.memory(&[number(0, 1)], 1, &PLAIN, size, &[length]);
        for i in 0..length {
            memory.set(PARAMETERS, 0, i, 1.0);
            memory.set(GRADIENTS, 0, i, 0.5);
            memory.set(memory.first_arrays[0], 0, i, 0.25);
        }
        memory.run(set, 0, None).expect("it fits");
        let v: f64 = 0.9 * 0.25 + 0.1 * (0.5 * 0.5);
        let expected = 1.0 / (v + v.sqrt() + 0.9 * 0.25 + 0.1 * 0.5).exp_m1().exp();
        let is_near = |i: usize| (memory.get(PARAMETERS, 0, i) - expected).abs() < 1e-6;
        assert!((0..length).all(is_near), "{length} of {size} bytes, {}", set.name());
    }
}

#[test]
fn they_are_planned_and_run_by_ranges_on_threads() {
    let constants = adam_of(&PLAIN);
    let equations = Equations { update: &ADAM, constants: &constants, ..NOTHING };
    for (size, set) in places() {
        let lengths = if cfg!(miri) { [5, 40] } else { [3 * BLOCK + 5, 300] };
        let mut expected = equations.memory(&[number(0, 2)], 2, &PLAIN, size, &lengths);
        fill(&mut expected, 2, 5);
        let mut planned = expected.clone();
        let mut threads = expected.clone();
        (0..2).for_each(|_| expected.run(set, 0, None).expect("it fits"));

        let words: Vec<u32> = (0..planned.tables()).map(|at| planned.word(at)).collect();
        let (base, bytes) = planned.bytes();
        let mut scratch = Scratch::new();
        let own = &raw mut scratch;
        // SAFETY: only this thread uses the arena, which outlives what is kept, and the scratch.
        unsafe {
            let kept = CachedArena::new(&words, base, bytes, set).expect("it fits");
            assert!(kept.run_planned(|| own) && kept.run_planned(|| own));
        }
        assert!(planned.contents() == expected.contents(), "{size} bytes, {}", set.name());

        for _ in 0..2 {
            let arena = threads.arena(set).expect("it fits");
            std::thread::scope(|scope| {
                for from in (0..arena.length()).step_by(BLOCK) {
                    let to = arena.length().min(from + BLOCK);
                    // SAFETY: ranges do not overlap.
                    scope.spawn(move || unsafe {
                        arena.run_range(0, from, to, None, &mut Scratch::new()).expect("it fits");
                    });
                }
            });
        }
        assert!(threads.contents() == expected.contents(), "{size} bytes, {}", set.name());
    }
}

#[test]
fn those_states_are_flushed_that_a_row_names() {
    let job = Job { flushes: true, ..PLAIN };
    let update: [Step; 2] = [("Copy", STATE, &[CONSTANTS]), ("Copy", STATE + 1, &[CONSTANTS])];
    for ((size, set), flushes) in places().flat_map(|place| [0, 1, 2, 3].map(|bits| (place, bits))) {
        let equations = Equations { update: &update, constants: &[1e-310], flushes, ..NOTHING };
        let constants = [if size == 4 { 1e-40 } else { 1e-310 }];
        let equations = Equations { constants: &constants, ..equations };
        let mut memory = equations.memory(&[number(0, 2)], 2, &job, size, &[40]);
        memory.run(set, 0, None).expect("it fits");
        let first = memory.first_arrays[0];
        for k in 0..2 {
            let is_flushed = flushes >> k & 1 != 0;
            assert_eq!(memory.get(first + k, 0, 39) == 0.0, is_flushed, "{}", set.name());
        }
    }
}

/// One after the other, as `sums/mod.rs` says.
fn in_stripes(values: &[f64], add: impl Fn(f64, f64) -> f64 + Copy) -> f64 {
    let block = |block: &[f64]| {
        let mut sums = [0.0; 16];
        block.iter().enumerate().for_each(|(i, x)| sums[i % 16] = add(sums[i % 16], *x));
        combined(sums)
    };
    values.chunks(BLOCK).map(block).fold(0.0, |total, sum| total + sum)
}

#[test]
fn sums_of_what_is_computed_are_those_of_stripes_and_later_programs_have_them() {
    const T: u8 = CONSTANTS + 2;
    // t = g·θ + v₂, and its sum and that of its squares; then the largest |θ·c|; θ and m are moved by all of these.
    let product: [Step; 1] = [("MultiplyAdd", T, &[G, THETA, VALUES + 2])];
    let scaled: [Step; 1] = [("Multiply", T, &[THETA, CONSTANTS])];
    let update: [Step; 2] =
        [("MultiplyAdd", STATE, &[G, VALUES, STATE]), ("MultiplySubtract", THETA, &[THETA, VALUES + 1, G])];
    let equations = Equations {
        update: &update,
        sums: [(&product, &[(T, 0), (T, 1)]), (&scaled, &[(T, 2)])],
        constants: &[0.7, 0.0],
        ..NOTHING
    };
    let kernels = [number(2, 1), number(3, 1), number(1, 1)];
    let prepared = Job { scale: -0.3, limit: 0.2, l2: 0.1, ..PLAIN };
    for ((size, set), job) in places().flat_map(|place| [(place, PLAIN), (place, prepared.clone())]) {
        let lengths = if cfg!(miri) { [5, 0, 70] } else { [2 * BLOCK + 700, 0, 1000] };
        let mut memory = equations.memory(&kernels, 1, &job, size, &lengths);
        let f = round(size);
        let first = memory.first_arrays[0];
        memory.set_by_tensor(first + 1, 4, lengths.len());
        let mut next = noise(3);
        let mut gradients = Vec::new();
        for (tensor, length) in lengths.into_iter().enumerate() {
            let own: Vec<f64> = (0..length).map(|_| next()).collect();
            for (i, g) in own.iter().enumerate() {
                memory.set(PARAMETERS, tensor, i, next());
                memory.set(GRADIENTS, tensor, i, *g);
            }
            gradients.push(Guarded::new(size, &own));
        }
        let borrowed: Vec<_> =
            gradients.iter().zip(lengths).map(|(own, length)| own.last(length * size)).collect();
        let start = memory.clone();
        let mut by_ranges = memory.clone();
        let mut of_lent = memory.clone();
        memory.elements(0..3).into_iter().for_each(|(tensor, i)| of_lent.set(GRADIENTS, tensor, i, 9.0));
        for stage in 0..3 {
            let before = memory.clone();
            memory.run(set, stage, None).expect("it fits");
            of_lent.run(set, stage, if stage == 0 { Some(&borrowed) } else { None }).expect("it fits");
            let arena = by_ranges.arena(set).expect("it fits");
            // SAFETY: only this thread uses the arena.
            unsafe {
                let starts: Vec<usize> = (0..arena.length()).step_by(BLOCK).collect();
                for from in starts.into_iter().rev() {
                    let to = arena.length().min(from + BLOCK);
                    arena.run_range(stage, from, to, None, &mut Scratch::new()).expect("it fits");
                }
                arena.gather(stage).expect("it fits");
            }
            let place = format!("stage {stage}, {size} bytes, {}, {job:?}", set.name());
            assert!(memory.contents() == by_ranges.contents(), "{place}");
            assert!(memory.contents() == of_lent.contents(), "{place}");
            assert!(memory.outside() == start.outside(), "{place}");
            for (tensor, length) in lengths.into_iter().enumerate() {
                let of = |memory: &Memory, array| {
                    (0..length).map(|i| memory.get(array, tensor, i)).collect::<Vec<f64>>()
                };
                let value = |memory: &Memory, k: usize| memory.number(first + 1 + k, tensor);
                let [theta, g] = [PARAMETERS, GRADIENTS].map(|array| of(&memory, array));
                match stage {
                    0 => {
                        let own = of(&start, GRADIENTS);
                        let seen = |i: usize| crate::reference::prepared(&f, &job, theta[i], own[i]);
                        assert_eq!(g, (0..length).map(seen).collect::<Vec<f64>>(), "{place}");
                        let v = f(value(&start, 2));
                        let t: Vec<f64> = theta.iter().zip(&g).map(|(x, g)| f(f(g * x) + v)).collect();
                        assert_eq!(value(&memory, 0), in_stripes(&t, |sum, x| sum + x), "{place}");
                        assert_eq!(value(&memory, 1), in_stripes(&t, |sum, x| sum + x * x), "{place}");
                        assert_eq!(value(&memory, 2), value(&start, 2));
                    }
                    1 => {
                        let largest = theta.iter().map(|x| f(x * f(0.7)).abs()).fold(0.0, f64::max);
                        assert_eq!(value(&memory, 0), largest, "{place}");
                        // No second sum was wanted.
                        assert_eq!(value(&memory, 1), value(&before, 1), "{place}");
                    }
                    _ => {
                        let [a, b] = [0, 1].map(|k| f(value(&before, k)));
                        let old = of(&before, PARAMETERS);
                        let moved = |i: usize| f(f(old[i] * b) - g[i]);
                        assert_eq!(theta, (0..length).map(moved).collect::<Vec<f64>>(), "{place}");
                        let m = |i: usize| f(f(g[i] * a) + 0.0);
                        assert_eq!(of(&memory, first), (0..length).map(m).collect::<Vec<f64>>(), "{place}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_largest_of_some_numbers_with_a_nan_is_nan() {
    let sums: [(u8, u8); 1] = [(G, 2)];
    let equations = Equations { sums: [(&[], &sums), (&[], &[])], ..NOTHING };
    for (size, set) in places() {
        for at in [None, Some(0), Some(BLOCK - 1), Some(BLOCK + 3)].map(|at| at.filter(|_| !cfg!(miri))) {
            let length = if cfg!(miri) { 20 } else { BLOCK + 5 };
            let mut memory = equations.memory(&[number(2, 0)], 0, &PLAIN, size, &[length]);
            (0..length).for_each(|i| memory.set(GRADIENTS, 0, i, -(i as f64)));
            at.into_iter().for_each(|at| memory.set(GRADIENTS, 0, at, f64::NAN));
            memory.run(set, 0, None).expect("it fits");
            let largest = memory.number(memory.first_arrays[0], 0);
            let expected = if at.is_some() { f64::NAN } else { (length - 1) as f64 };
            assert!(largest.to_bits() == expected.to_bits() || largest.is_nan() && expected.is_nan());
        }
    }
}

/// Programs with each count of temporary slots, which decides how long blocks are, and with as many slots as there may
/// be.
#[test]
fn large_programs_fit() {
    let constants: Vec<f64> = (0..52).map(f64::from).collect();
    let first = CONSTANTS + 52;
    for count in if cfg!(miri) { 58..59 } else { 1..65 } {
        // Each temporary slot is one more than the one before.
        let mut steps: Vec<(&str, u8, [u8; 2])> = vec![("Copy", first, [CONSTANTS + 1, 0])];
        steps.extend((1..count).map(|k| ("Add", first + k, [first + k - 1, CONSTANTS + 1])));
        // All of them are still there: the first one, and what each has more than the one before, are added to θ.
        steps.push(("Add", THETA, [THETA, first]));
        for k in 1..count {
            steps.push(("Add", THETA, [THETA, first + k]));
            steps.push(("Subtract", THETA, [THETA, first + k - 1]));
        }
        let steps: Vec<Step> = steps.iter().map(|(name, to, from)| (*name, *to, &from[..])).collect();
        for (size, set) in places() {
            let length = if cfg!(miri) { 70 } else { 1500 };
            let equations = Equations { update: &steps, constants: &constants, ..NOTHING };
            let mut memory = equations.memory(&[number(0, 0)], 0, &PLAIN, size, &[length]);
            let start = memory.clone();
            memory.run(set, 0, None).expect("it fits");
            let expected = f64::from(count);
            let is_right = (0..length).all(|i| memory.get(PARAMETERS, 0, i) == expected);
            assert!(is_right, "{count} of {size} bytes, {}", set.name());
            assert!(memory.outside() == start.outside());
        }
    }
}

#[test]
fn what_is_no_program_does_nothing() {
    const T: u8 = CONSTANTS + 1;
    let good: [Step; 2] = [("Copy", T, &[CONSTANTS]), ("Copy", THETA, &[T])];
    let bad: [&[Step]; 8] = [
        // A slot before it is written, one behind all, states and values that there are not.
        &[("Copy", THETA, &[T])],
        &[("Copy", THETA, &[128])],
        &[("Copy", THETA, &[STATE + 1])],
        &[("Copy", THETA, &[VALUES])],
        // Instructions with destinations that must not be written.
        &[("Copy", G, &[CONSTANTS])],
        &[("Copy", STATE + 1, &[CONSTANTS])],
        &[("Copy", CONSTANTS, &[CONSTANTS])],
        &[("Copy", T + 64, &[CONSTANTS])],
    ];
    for (size, set) in places() {
        let changes = |update: &[Step], change: &dyn Fn(&mut Vec<f64>)| {
            let equations = Equations { update, constants: &[5.0], ..NOTHING };
            let mut memory = equations.memory(&[number(0, 1)], 1, &PLAIN, size, &[20]);
            let mut row = equations.row(&PLAIN);
            change(&mut row);
            memory.row(0, &row);
            let start = memory.clone();
            memory.run(set, 0, None).expect("it fits");
            memory.contents() != start.contents()
        };
        assert!(changes(&good, &|_| ()));
        assert!(bad.iter().all(|update| !changes(update, &|_| ())));
        // Invalid positions, counts and instructions.
        for (at, x) in
            [(4, 1e9), (4, f64::NAN), (4, 6.5), (7, 1e9), (7, -1.0), (8, 200.0), (8, f64::INFINITY)]
        {
            assert!(!changes(&good, &|row| row[at] = x), "{at}: {x}");
        }
        for (at, x) in [(10, 257.0), (10, f64::NAN), (11, 255.0), (11, f64::NAN), (11, 1e300), (11, 0.5)] {
            assert!(!changes(&good, &|row| row[at] = x), "{at}: {x}");
        }
        // Sums write neither θ nor state; that there is no program their sums say.
        let sum_with = |to: u8| {
            let steps: [Step; 2] = [("Copy", T, &[CONSTANTS]), ("Copy", to, &[T])];
            let equations =
                Equations { sums: [(&steps, &[(T, 0)]), (&[], &[])], constants: &[5.0], ..NOTHING };
            let mut memory = equations.memory(&[number(2, 1)], 1, &PLAIN, size, &[20]);
            let start = memory.clone();
            memory.run(set, 0, None).expect("it fits");
            let same = |array| (0..20).all(|i| memory.get(array, 0, i) == start.get(array, 0, i));
            assert!(same(PARAMETERS) && same(GRADIENTS) && same(memory.first_arrays[0]));
            memory.number(memory.first_arrays[0] + 1, 0)
        };
        assert_eq!(sum_with(T + 1), 100.0, "{}", set.name());
        assert!([THETA, STATE, G, CONSTANTS].iter().all(|to| sum_with(*to).is_nan()), "{}", set.name());
    }
}

/// Numbers that are likely to be taken for something.
fn hostile() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => (0_u32..40).prop_map(f64::from),
        2 => (0_u32..300).prop_map(f64::from),
        4 => prop::array::uniform6(0_u8..24).prop_map(word),
        2 => prop::array::uniform6(any::<u8>()).prop_map(word),
        1 => prop::num::f64::ANY,
        1 => prop::sample::select(vec![-1.0, 0.5, 1e9, 4294967296.0, 1e19, 1e300, f64::INFINITY, f64::NAN]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 1000 },
        rng_seed: RngSeed::Fixed(11),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn rows_that_say_anything_lead_nowhere_outside_of_the_arena(
        size in prop::sample::select(vec![4_usize, 8]),
        numbers in prop::collection::vec(hostile(), 0..60),
        changes in prop::collection::vec((4_usize..80, hostile()), 0..4),
        is_at_end in any::<bool>(),
        kind in 0_usize..4,
        states in 0_usize..4,
        flushes in any::<bool>(),
    ) {
        let constants = adam_of(&PLAIN);
        let sums: [(u8, u8); 2] = [(CONSTANTS + 8, 1), (G, 2)];
        let equations = Equations { update: &ADAM, sums: [(&ADAM[2..4], &sums), (&[], &sums)], constants: &constants, ..NOTHING };
        let job = Job { flushes, ..PLAIN };
        let lengths = [if cfg!(miri) { 40 } else { 700 }, 5];
        let mut row = equations.row(&job);
        if numbers.len() < 40 {
            changes.iter().for_each(|(at, x)| if *at < row.len() { row[*at] = *x });
        } else {
            // Places first.
            row = [&row[..4], &numbers[..]].concat();
        }
        let mut memory = Memory::new(size, &[Family { lengths: &lengths, state: states, by_tensor: 4 }], row.len());
        memory.row(0, &row);
        // In the last row's place are all rows' ends.
        memory.row(2, &row);
        segment(&mut memory, &[number(kind, states)], states, &job);
        for set in [InstructionSet::Scalar, InstructionSet::best()] {
            let mut memory = memory.clone();
            let (from, bytes) = memory.bytes();
            let (_held, base) = Guarded::copy(from, bytes, is_at_end);
            // SAFETY: the bytes are held, and only this thread uses them.
            let arena = unsafe { antigrad_kernels::Arena::new(base, bytes, set) }.expect("it fits");
            // SAFETY: see above.
            unsafe {
                let _ = arena.run(0, None, &mut Scratch::new());
                from.copy_from_nonoverlapping(base, bytes);
            }
            prop_assert!(memory.has_borders());
        }
        let start = memory.clone();
        for set in sets() {
            let mut memory = start.clone();
            let _ = memory.run(set, 0, None);
            prop_assert!(memory.outside() == start.outside(), "{}", set.name());
        }
    }
}
