//! Every kernel on every instruction set against its reference, or else the scalar set.

use antigrad_kernels::InstructionSet;
use antigrad_kernels::layout::*;
use antigrad_kernels::manifest::{Description, kernels};
use proptest::{prelude::*, test_runner::RngSeed};

use crate::memory::{Family, Memory, Segment, bits, kernel, noise, places, sets};
use crate::reference::{Job, PLAIN, update};

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

/// A third of them use the gradient as it is, and another third only decay it.
fn job() -> impl Strategy<Value = Job> {
    use prop::sample::select;
    let coefficient = || prop_oneof![6 => 0.0..1.0, 1 => Just(0.0), 1 => Just(1.0)];
    let own = prop::array::uniform9(coefficient());
    let scale = select(vec![1.0, -1.0, 0.3, f64::NAN]);
    let limit = select(vec![f64::INFINITY, 0.5, 1e-60]);
    let l2 = select(vec![0.0, 0.1, 1e-60]);
    let flags = any::<[bool; 3]>();
    (own, coefficient(), 0..3, flags, scale, limit, l2).prop_map(
        |(own, decay, kind, [holds, flushes, zeroes], scale, limit, l2)| match kind {
            0 => Job { own, decay, flushes, ..PLAIN },
            1 => Job { own, decay, l2, flushes, ..PLAIN },
            _ => Job { scale, limit, l2, decay, holds, flushes, zeroes, own },
        },
    )
}

const MAX_LENGTH: usize = 65;
/// θ, g and the most state.
const ARRAYS: usize = 6;

/// Runs kernel `name` on every instruction set, with `number(array, i)` in its arrays, and compares.
fn check(name: &str, size: usize, length: usize, job: &Job, number: impl Fn(usize, usize) -> f64) {
    let kernel = kernel(name);
    let mut start = job.memory(kernel, size, &[length]);
    let arrays: Vec<usize> = [PARAMETERS, GRADIENTS]
        .into_iter()
        .chain((0..kernel.state.len()).map(|k| start.first_arrays[0] + k))
        .collect();
    for (k, &array) in arrays.iter().enumerate() {
        (0..length).for_each(|i| start.set(array, 0, i, number(k, i)));
    }
    let scalar = scalar(&start);
    let mut expected = start.clone();
    for i in 0..length {
        let element = |memory: &Memory| arrays.iter().map(|&array| memory.get(array, 0, i)).collect();
        let mut x: Vec<f64> = element(&start);
        let [theta, g, state @ ..] = &mut x[..] else { unreachable!() };
        if update(kernel, size, job, theta, g, state).is_none() {
            x = element(&scalar);
        }
        arrays.iter().zip(x).for_each(|(&array, x)| expected.set(array, 0, i, x));
    }
    for set in sets() {
        let mut memory = start.clone();
        memory.run(set, 0, None).expect("it fits");
        let place = format!("{name}, {size} bytes, {}, length {length}, {job:?}", set.name());
        assert!(memory.outside() == start.outside(), "written outside: {place}");
        for (&array, i) in arrays.iter().flat_map(|array| (0..length).map(move |i| (array, i))) {
            let (ours, theirs) = (memory.get(array, 0, i), expected.get(array, 0, i));
            assert!(bits(ours) == bits(theirs), "{ours} and not {theirs}: {place}, array {array}, index {i}");
        }
    }
}

/// The results of the scalar instruction set.
fn scalar(start: &Memory) -> Memory {
    let mut memory = start.clone();
    memory.run(InstructionSet::Scalar, 0, None).expect("it fits");
    memory
}

fn shipped() -> impl Iterator<Item = &'static str> {
    kernels().into_iter().filter(|kernel| kernel.is_shipped && !kernel.is_matrix).map(|kernel| kernel.name)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 1 } else { 16 },
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn every_instruction_set_gives_the_bits_of_the_reference(
        numbers in prop::collection::vec(number(), ARRAYS * MAX_LENGTH),
        job in job(),
    ) {
        for (name, size) in shipped().flat_map(|name| [(name, 4), (name, 8)]) {
            for length in (0..=17).chain([23, 31, 32, 33, 47, 63, 64, MAX_LENGTH]) {
                check(name, size, length, &job, |array, i| numbers[array * MAX_LENGTH + i]);
            }
        }
    }
}

#[test]
fn blocks_of_the_pipeline_are_joined_without_a_seam() {
    let all = Job { scale: -0.5, limit: 0.75, l2: 0.1, decay: 0.9, flushes: true, zeroes: true, ..PLAIN };
    let holds = Job { holds: true, ..all.clone() };
    for (name, size) in shipped().flat_map(|name| [(name, 4), (name, 8)]) {
        for (length, job) in [255, 256, 257, 511, 512, 700].into_iter().flat_map(|n| [(n, &all), (n, &holds)])
        {
            let mut next = noise(1);
            let numbers: Vec<f64> = (0..ARRAYS * length).map(|_| next()).collect();
            // Squares are not negative.
            let number = |array: usize, i: usize| {
                let x = numbers[array * length + i];
                if array > 2 { x.abs() } else { x }
            };
            check(name, size, length, job, number);
        }
    }
}

#[test]
fn every_kernel_has_its_segment_in_one_arena() {
    // Sums, and what they are made of, would be in the memory too.
    let wanted = |kernel: &Description| kernel.is_shipped && kernel.sums.is_empty() && !kernel.is_matrix;
    let all: Vec<_> = kernels().into_iter().filter(wanted).collect();
    for (size, set) in places() {
        let lengths = [[3, 40], [0, 17]];
        let families: Vec<Family> = (0..all.len())
            .map(|k| Family {
                lengths: &lengths[k % 2],
                state: all[k].state.len(),
                by_tensor: all[k].tensor.len(),
            })
            .collect();
        let job = Job { l2: 0.1, decay: 0.9, ..PLAIN };
        // Each kernel has a row of its own, which the others would notice.
        let row = |k: usize| Job { own: job.own.map(|x| x / (k + 1) as f64), ..job.clone() };
        let mut memory = Memory::new(size, &families, job.row().len());
        let mut next = noise(7);
        for (k, kernel) in all.iter().enumerate() {
            memory.row(k, &row(k).row());
            let array = memory.first_arrays[k];
            let by_tensor = array + kernel.state.len();
            let segment = Segment { array, by_tensor, row: k, flags: 0, kernels: [kernel.number, 0, 0, 0] };
            memory.segment(k, [2 * k, 2 * k + 1], segment);
            memory.set_by_tensor(by_tensor, kernel.tensor.len(), 2 * all.len());
            for (tensor, i) in memory.elements(2 * k..2 * k + 2) {
                for array in [PARAMETERS, GRADIENTS].into_iter().chain(array..array + kernel.state.len()) {
                    memory.set(array, tensor, i, next().abs());
                }
            }
        }
        let start = memory.clone();
        let scalar = scalar(&start);
        memory.run(set, 0, None).expect("it fits");
        assert!(memory.outside() == start.outside(), "{size} bytes, {}", set.name());
        let mut expected = start.clone();
        for (k, kernel) in all.iter().enumerate() {
            let array = start.first_arrays[k];
            for (tensor, i) in start.elements(2 * k..2 * k + 2) {
                let arrays: Vec<usize> =
                    [PARAMETERS, GRADIENTS].into_iter().chain(array..array + kernel.state.len()).collect();
                let element =
                    |memory: &Memory| arrays.iter().map(|&array| memory.get(array, tensor, i)).collect();
                let mut x: Vec<f64> = element(&start);
                let [theta, g, state @ ..] = &mut x[..] else { unreachable!() };
                if update(kernel, size, &row(k), theta, g, state).is_none() {
                    x = element(&scalar);
                }
                arrays.iter().zip(x).for_each(|(&array, x)| expected.set(array, tensor, i, x));
            }
        }
        assert!(memory.contents() == expected.contents(), "{size} bytes, {}", set.name());
    }
}
