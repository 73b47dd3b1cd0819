//! Kernels on arenas that are made by hand: the same bits at every instruction set, and no change
//! by an arena that does not fit. Miri runs all of it too (`npm run test:miri`), with less of everything.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::*};
use std::thread;

use antigrad_kernels::{Arena, Fault, Gradient, InstructionSet, NAMES};
use proptest::{prelude::*, test_runner::RngSeed};

const LINE: usize = 64;
/// In 32-bit whole numbers: a header, a tensor and a segment.
const HEADER: usize = 10;
const LAYOUT: u32 = 2;
const TENSOR: usize = 4;
const SEGMENT: usize = 30;
const PLANES: usize = 5;
/// What lies between and behind the planes, where nothing may be written.
const CANARY: u32 = 0xA5A5_A5A5;

/// What is done to one segment, but for its kernel.
#[derive(Clone, Debug)]
struct Job {
    scale: f64,
    limit: f64,
    l2: f64,
    holds: bool,
    settles: bool,
    zeroes: bool,
    row: [f64; 10],
}

/// An arena's bytes: tensors of these lengths, and a segment for each.
#[derive(Clone)]
struct Memory {
    words: Vec<u64>,
    size: usize,
    lengths: Vec<usize>,
    offsets: Vec<usize>,
    first_plane: usize,
    distance: usize,
    padded: usize,
}

impl Memory {
    fn new(size: usize, lengths: &[usize], job: &Job) -> Self {
        let mut offsets = Vec::new();
        let mut plane_length = 0;
        for length in lengths {
            offsets.push(plane_length);
            plane_length += length.next_multiple_of(LINE / size);
        }
        let tables = (HEADER + lengths.len() * (TENSOR + SEGMENT)) * 4;
        let first_plane = tables.next_multiple_of(LINE);
        let padded = plane_length * size;
        let distance = padded + LINE;
        let canaries = u64::from(CANARY) << 32 | u64::from(CANARY);
        let words = vec![canaries; (first_plane + PLANES * distance) / 8];
        let lengths = lengths.to_vec();
        let mut memory = Self { words, size, lengths, offsets, first_plane, distance, padded };
        let count = memory.lengths.len() as u32;
        let header = [size, first_plane / LINE, distance / LINE, plane_length, PLANES].map(|x| x as u32);
        memory.integers()[..HEADER]
            .copy_from_slice(&[&[LAYOUT, 0], &header[..], &[count, count, u32::from(job.zeroes)]].concat());
        for number in 0..memory.lengths.len() {
            let place = [memory.offsets[number] as u32, memory.lengths[number] as u32];
            let tensor = HEADER + number * TENSOR;
            memory.integers()[tensor..tensor + 4].copy_from_slice(&[place[0], place[1], 0, 0]);
            let segment = memory.segment(number);
            let flags = u32::from(job.holds) | u32::from(job.settles) << 1;
            let integers = [place[0], place[1], flags, 0];
            memory.integers()[segment..segment + 4].copy_from_slice(&integers);
            let floats = [job.scale, job.limit, job.l2].into_iter().chain(job.row);
            for (k, x) in floats.enumerate() {
                memory.words[segment / 2 + 2 + k] = x.to_bits();
            }
        }
        for plane in 0..PLANES {
            let first = (first_plane + plane * distance) / 8;
            memory.words[first..first + padded / 8].fill(0);
        }
        memory
    }

    /// Where segment `number` is, in 32-bit whole numbers.
    fn segment(&self, number: usize) -> usize {
        HEADER + self.lengths.len() * TENSOR + number * SEGMENT
    }

    fn integers(&mut self) -> &mut [u32] {
        let length = self.words.len() * 2;
        // SAFETY: twice as many of half the size, and any bits are a number.
        unsafe { std::slice::from_raw_parts_mut(self.words.as_mut_ptr().cast(), length) }
    }

    fn byte(&self, plane: usize, tensor: usize, i: usize) -> usize {
        self.first_plane + plane * self.distance + (self.offsets[tensor] + i) * self.size
    }

    fn set(&mut self, plane: usize, tensor: usize, i: usize, x: f64) {
        let at = self.byte(plane, tensor, i);
        match self.size {
            4 => self.integers()[at / 4] = (x as f32).to_bits(),
            _ => self.words[at / 8] = x.to_bits(),
        }
    }

    /// A number's bits; one pattern for all NaN.
    fn bits(&mut self, plane: usize, tensor: usize, i: usize) -> u64 {
        let at = self.byte(plane, tensor, i);
        match self.size {
            4 => {
                let x = self.integers()[at / 4];
                u64::from(if f32::from_bits(x).is_nan() { u32::MAX } else { x })
            }
            _ => {
                let x = self.words[at / 8];
                if f64::from_bits(x).is_nan() { u64::MAX } else { x }
            }
        }
    }

    /// The words that no kernel may write to: the tables, and what is not in a plane.
    fn outside(&self) -> Vec<u64> {
        let is_inside =
            |byte: usize| byte >= self.first_plane && (byte - self.first_plane) % self.distance < self.padded;
        (0..self.words.len()).filter(|i| !is_inside(i * 8)).map(|i| self.words[i]).collect()
    }

    fn arena(&mut self, kernel: usize, set: InstructionSet) -> Result<Arena, Fault> {
        let bytes = self.words.len() * 8;
        // SAFETY: the words are there, aligned, and nothing else uses them during a call.
        unsafe { Arena::new(self.words.as_mut_ptr().cast(), bytes, kernel, set) }
    }

    fn step(&mut self, kernel: usize, set: InstructionSet) -> Result<(), Fault> {
        // SAFETY: it is this thread's alone.
        self.arena(kernel, set).and_then(|arena| unsafe { arena.step() })
    }
}

fn sets() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::ALL.iter().copied().filter(|set| set.is_available())
}

fn kernel(name: &str) -> usize {
    NAMES.iter().position(|known| *known == name).expect("a kernel's name")
}

const PLAIN: Job = Job {
    scale: 1.0,
    limit: f64::INFINITY,
    l2: 0.0,
    holds: false,
    settles: false,
    zeroes: false,
    row: [0.5, 0.25, 0.125, 1e-3, 0.9, 0.1, 0.99, 0.01, 0.0, 0.0],
};

/// Mostly ordinary numbers, and any bits at all of either dtype.
fn number() -> impl Strategy<Value = f64> {
    use prop::num::{f32, f64};
    prop_oneof![
        6 => -2.0..2.0,
        1 => prop::sample::select(vec![0.0, -0.0, 1e-45, 1e-23, -1e-170, 1e25]),
        1 => f32::ANY.prop_map(f64::from),
        1 => f64::ANY,
    ]
}

/// Half of them use the gradient as it is.
fn job() -> impl Strategy<Value = Job> {
    use prop::sample::select;
    let coefficient = prop_oneof![6 => 0.0..1.0, 1 => Just(0.0), 1 => Just(1.0)];
    let row = prop::array::uniform10(coefficient);
    let scale = select(vec![1.0, -1.0, 0.3, f64::NAN]);
    let limit = select(vec![f64::INFINITY, 0.5, 1e-60]);
    let l2 = select(vec![0.0, 0.1, 1e-60]);
    let flags = any::<[bool; 4]>();
    (row, flags, scale, limit, l2).prop_map(|(row, [plain, holds, settles, zeroes], scale, limit, l2)| {
        let prepared = Job { scale, limit, l2, holds, settles, zeroes, row };
        if plain { Job { row, settles, ..PLAIN } } else { prepared }
    })
}

const LONGEST: usize = if cfg!(miri) { 17 } else { 65 };

/// Some of the lengths, under Miri those that are short.
fn lengths(all: &[usize]) -> impl Iterator<Item = usize> {
    all.iter().copied().filter(|length| !cfg!(miri) || *length <= 65)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 1 } else { 16 },
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn every_instruction_set_gives_the_bits_of_the_scalar_one(
        numbers in prop::collection::vec(number(), PLANES * LONGEST),
        job in job(),
    ) {
        for (number, name) in NAMES.iter().enumerate() {
            for (size, length) in [4, 8].into_iter().flat_map(|size| (0..=LONGEST).map(move |n| (size, n))) {
                let mut start = Memory::new(size, &[length], &job);
                for (k, x) in numbers.iter().enumerate().filter(|(k, _)| k % LONGEST < length) {
                    start.set(k / LONGEST, 0, k % LONGEST, *x);
                }
                let mut expected: Option<Memory> = None;
                for set in sets() {
                    let mut memory = start.clone();
                    memory.step(number, set).expect("it fits");
                    let place = format!("{name}, {size} bytes, {}, length {length}", set.name());
                    prop_assert!(memory.outside() == start.outside(), "written outside: {place}");
                    let Some(expected) = &mut expected else {
                        expected = Some(memory);
                        continue;
                    };
                    for (plane, i) in (0..PLANES).flat_map(|plane| (0..length).map(move |i| (plane, i))) {
                        let (ours, theirs) = (memory.bits(plane, 0, i), expected.bits(plane, 0, i));
                        prop_assert_eq!(ours, theirs, "{}, plane {}, index {}", &place, plane, i);
                    }
                }
            }
        }
    }
}

#[test]
fn settling_sets_subnormal_numbers_of_the_state_to_0_and_no_others() {
    let kept = [0.0, -0.0, 1.0, -1.0, f64::INFINITY, -f64::INFINITY, f64::NAN];
    for (size, normal, smallest) in
        [(4, f64::from(f32::MIN_POSITIVE), 2f64.powi(-149)), (8, f64::MIN_POSITIVE, 5e-324)]
    {
        let subnormal = [smallest, -smallest, normal - smallest, smallest - normal, normal / 2.0];
        let kept = [&kept[..], &[normal, -normal, normal + smallest]].concat();
        // Past a block that is prepared at once; with numbers that are alone in their line, too.
        for (length, set) in
            lengths(&[0, 1, 63, 64, 65, 200, 513, 1100]).flat_map(|n| sets().map(move |s| (n, s)))
        {
            for every in [1, 3, 97] {
                let mut memory = Memory::new(size, &[length], &Job { settles: true, ..PLAIN });
                let is_subnormal = |plane: usize, i: usize| (plane + i).is_multiple_of(every);
                let number = |plane: usize, i: usize| {
                    let list = if is_subnormal(plane, i) { &subnormal[..] } else { &kept };
                    list[i / every % list.len()]
                };
                let places: Vec<_> =
                    (0..PLANES).flat_map(|plane| (0..length).map(move |i| (plane, i))).collect();
                places.iter().for_each(|&(plane, i)| memory.set(plane, 0, i, number(plane, i)));
                let mut before = memory.clone();
                // A rule that has no state, so that all of it is left to settling.
                memory.step(kernel("GradientDescent"), set).expect("it fits");
                assert!(memory.outside() == before.outside(), "{size} bytes, {}, {length}", set.name());
                for &(plane, i) in places.iter().filter(|(plane, _)| *plane > 0) {
                    let settles = plane > 1 && is_subnormal(plane, i);
                    let expected = if settles { 0 } else { before.bits(plane, 0, i) };
                    let place = format!("{size} bytes, {}, plane {plane}, {i} of {length}", set.name());
                    assert_eq!(memory.bits(plane, 0, i), expected, "{place}");
                }
            }
        }
    }
}

/// The order that `reduce.rs` states, written out for one element after the other.
fn sum_of_squares(values: &[f64]) -> f64 {
    let block = |block: &[f64]| {
        let mut sums = [0.0; 16];
        for (i, x) in block.iter().enumerate() {
            sums[i % 16] += x * x;
        }
        let eight: [f64; 8] = std::array::from_fn(|i| sums[i] + sums[i + 8]);
        let four: [f64; 4] = std::array::from_fn(|i| eight[i] + eight[i + 4]);
        (four[0] + four[2]) + (four[1] + four[3])
    };
    values.chunks(16384).map(block).fold(0.0, |total, sum| total + sum)
}

#[test]
fn sums_of_squares_have_the_stated_order_at_every_instruction_set() {
    let lengths: Vec<usize> = (0..=LONGEST).chain(lengths(&[16383, 16384, 16385, 40003])).collect();
    for (size, set) in [4, 8].into_iter().flat_map(|size| sets().map(move |set| (size, set))) {
        let mut memory = Memory::new(size, &lengths, &PLAIN);
        let mut expected = Vec::new();
        for (tensor, &length) in lengths.iter().enumerate() {
            // Their squares are of very different sizes, so that the order shows in the last bits.
            let x = |i: usize| f64::from(((i * 7919) as f64).sin() as f32) * [1.0, 1e-3, 40.0][i % 3];
            let values: Vec<f64> = (0..length).map(|i| f64::from(x(i) as f32)).collect();
            values.iter().enumerate().for_each(|(i, x)| memory.set(1, tensor, i, *x));
            expected.push(sum_of_squares(&values));
        }
        let arena = memory.arena(kernel("Adam"), set).expect("it fits");
        arena.sum_squares().expect("it fits");
        for (tensor, &expected) in expected.iter().enumerate() {
            let sum = f64::from_bits(memory.words[(HEADER + tensor * TENSOR) / 2 + 1]);
            assert_eq!(sum, expected, "{size} bytes, {}, length {}", set.name(), lengths[tensor]);
        }
    }
}

/// Two tensors of 20 and 40 float32: planes of 80 numbers, 5 lines, and a distance of 6.
fn two() -> Memory {
    let mut memory = Memory::new(4, &[20, 40], &Job { zeroes: true, ..PLAIN });
    (0..20).for_each(|i| memory.set(1, 0, i, 1.0));
    memory
}

#[test]
fn an_arena_that_does_not_fit_is_refused() {
    let (adam, set) = (kernel("Adam"), InstructionSet::best());
    let first = two().first_plane as u32 / 64;
    let fields: [(&str, &[u32]); 8] = [
        ("layout", &[0, LAYOUT + 1]),
        ("unused", &[]),
        ("size", &[0, 3, 16, u32::MAX]),
        ("first plane", &[0, first - 1, first + 2, u32::MAX]),
        ("distance", &[0, 4, 7, u32::MAX]),
        ("plane length", &[79, 112, u32::MAX, u32::MAX - 15]),
        ("planes", &[0, 3, 6, u32::MAX]),
        ("tensors", &[4, u32::MAX]),
    ];
    assert!(two().arena(adam, set).is_ok());
    for (at, (field, values)) in fields.into_iter().enumerate() {
        for &value in values {
            let mut memory = two();
            memory.integers()[at] = value;
            assert!(memory.arena(adam, set).is_err(), "{field} {value}");
        }
    }
    assert!(two().arena(NAMES.len(), set).is_err(), "no such kernel");
    let mut memory = two();
    let (base, bytes) = (memory.words.as_mut_ptr().cast::<u8>(), memory.words.len() * 8);
    for (skipped, left) in [(0, bytes - 64 - 1), (0, 39), (0, 0), (4, bytes - 4)] {
        // SAFETY: these bytes are there; that they are too few or not aligned is what it must see.
        let arena = unsafe { Arena::new(base.add(skipped), left, adam, set) };
        assert!(arena.is_err(), "{left} bytes from {skipped}");
    }
}

#[test]
fn a_step_that_does_not_fit_changes_nothing() {
    let [first, second] = [0, 1].map(|number| two().segment(number));
    for (at, value) in [
        (8, 3),                  // more segments than tensors
        (first, 1),              // an offset that is not on a line's border
        (first + 1, 81),         // a length
        (second, 96),            // an offset
        (second + 1, 49),        // a length from an offset
        (second + 1, u32::MAX),  // a sum that overflows
        (second, u32::MAX - 15), // another
        (second, 0),             // two segments that overlap
        (second, 16),            // a segment within the last line of another
    ] {
        let mut memory = two();
        memory.integers()[at] = value;
        let before = memory.words.clone();
        memory.arena(kernel("Adam"), InstructionSet::best()).expect("the planes fit");
        assert!(memory.step(kernel("Adam"), InstructionSet::best()).is_err(), "{value} at {at}");
        assert!(memory.words == before, "{value} at {at}");
    }
}

#[test]
fn sums_of_squares_that_do_not_fit_change_nothing() {
    for (at, value) in [(0, 1), (1, 81), (TENSOR, 96), (TENSOR + 1, u32::MAX), (TENSOR, 0)] {
        let mut memory = two();
        memory.integers()[HEADER + at] = value;
        let before = memory.words.clone();
        let arena = memory.arena(kernel("Adam"), InstructionSet::best()).expect("the planes fit");
        assert!(arena.sum_squares().is_err(), "{value} at {at}");
        assert!(memory.words == before, "{value} at {at}");
    }
}

/// A pointer that goes to another thread.
#[derive(Clone, Copy)]
struct Shared(*mut u32);
// SAFETY: it is used for atomics alone.
unsafe impl Send for Shared {}

impl Shared {
    fn atomic(&self, at: usize) -> &AtomicU32 {
        // SAFETY: the words outlive the threads, and tables are only touched as atomics meanwhile.
        unsafe { AtomicU32::from_ptr(self.0.add(at)) }
    }
}

#[test]
fn tables_that_are_overwritten_meanwhile_lead_nowhere() {
    let lengths = [20, 40, if cfg!(miri) { 70 } else { 2000 }];
    let job = Job { holds: true, settles: true, zeroes: true, scale: 0.5, ..PLAIN };
    let mut memory = Memory::new(4, &lengths, &job);
    let before = memory.outside();
    let tables = HEADER + lengths.len() * (TENSOR + SEGMENT);
    // The counts, and where tensors and segments are and what is done to them.
    let fields: Vec<usize> = [8, 9]
        .into_iter()
        .chain((0..3).flat_map(|number| [0, 1].map(|k| HEADER + number * TENSOR + k)))
        .chain((0..3).flat_map(|number| [0, 1, 2].map(|k| memory.segment(number) + k)))
        .collect();
    for set in sets() {
        let arena = memory.arena(kernel("AmsGrad"), set).expect("it fits");
        let shared = Shared(memory.words.as_mut_ptr().cast());
        let original: Vec<u32> = fields.iter().map(|&at| shared.atomic(at).load(Relaxed)).collect();
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            let (is_done, fields, original) = (&is_done, &fields, &original);
            scope.spawn(move || {
                let mut seed = 1_u32;
                let mut next = || {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (seed >> 16) as usize
                };
                while !is_done.load(Relaxed) {
                    let k = next() % fields.len();
                    let values =
                        [original[k], original[k], original[k] ^ 16, original[k] * 2, 0, 3, u32::MAX];
                    shared.atomic(fields[k]).store(values[next() % values.len()], Relaxed);
                }
            });
            for _ in 0..if cfg!(miri) { 4 } else { 20_000 } {
                // SAFETY: only this thread calls, but for two at once that do different pieces.
                unsafe {
                    let _ = arena.step();
                    let _ = arena.sum_squares();
                    if let Ok(pieces) = arena.square_pieces(None) {
                        let sums: Vec<f64> = pieces.iter().map(|piece| arena.square_piece(piece)).collect();
                        arena.add_squares(&pieces, &sums);
                    }
                    if let Ok(pieces) = arena.step_pieces(64, None) {
                        pieces.iter().for_each(|piece| arena.step_piece(piece));
                    }
                }
            }
            is_done.store(true, Relaxed);
        });
        fields.iter().zip(&original).for_each(|(&at, x)| shared.atomic(at).store(*x, Relaxed));
        let outside = memory.outside();
        assert!(outside[tables / 2..] == before[tables / 2..], "written outside: {}", set.name());
    }
}

#[test]
fn threads_that_do_different_pieces_do_not_meet() {
    let lengths = [20, 200, 70];
    let mut memory = Memory::new(8, &lengths, &PLAIN);
    let mut expected = memory.clone();
    let numbers = |memory: &mut Memory| {
        for (tensor, length) in lengths.into_iter().enumerate() {
            (0..length).for_each(|i| memory.set(1, tensor, i, i as f64 - 20.0));
        }
    };
    numbers(&mut memory);
    numbers(&mut expected);
    let adam = kernel("Adam");
    (0..2).for_each(|_| expected.step(adam, InstructionSet::best()).expect("it fits"));
    let arena = memory.arena(adam, InstructionSet::best()).expect("it fits");
    let lent: Vec<Vec<f64>> =
        lengths.iter().map(|&length| (0..length).map(|i| i as f64 - 20.0).collect()).collect();
    let gradients: Vec<_> =
        lent.iter().map(|all| Some(Gradient { start: all.as_ptr().cast(), length: all.len() })).collect();
    for lent in [None, Some(&gradients[..])] {
        let pieces = arena.step_pieces(64, lent).expect("it fits");
        assert_eq!(pieces.len(), 7);
        thread::scope(|scope| {
            for first in 0..2 {
                let (arena, pieces) = (&arena, &pieces);
                let mine = pieces.iter().skip(first).step_by(2);
                // SAFETY: each piece has one thread.
                scope.spawn(move || mine.for_each(|piece| unsafe { arena.step_piece(piece) }));
            }
        });
    }
    assert!(memory.words == expected.words);
}

#[test]
fn a_gradient_that_is_lent_must_be_as_long_as_its_tensor() {
    let mut memory = two();
    let arena = memory.arena(kernel("Adam"), InstructionSet::best()).expect("it fits");
    let numbers = [1_f32; 20];
    let lent = |length| [Some(Gradient { start: numbers.as_ptr().cast(), length }), None];
    assert!(arena.step_pieces(64, Some(&lent(20))).is_ok());
    assert!(arena.square_pieces(Some(&lent(20))).is_ok());
    for length in [0, 19, 21, usize::MAX] {
        assert!(arena.step_pieces(64, Some(&lent(length))).is_err());
        assert!(arena.square_pieces(Some(&lent(length))).is_err());
    }
}
