//! The trial rule: two stages with sums by tensor, a scalar for each tensor in between, and a second
//! pass. TypeScript runs the same in test/trial.test.ts, against the same bits.

use antigrad_kernels::layout::*;
use antigrad_kernels::{BLOCK, BorrowedGradients, InstructionSet, Scratch};

use crate::guard_pages::Guarded;
use crate::memory::{Family, Memory, Segment, bits, kernel, noise, places};
use crate::reference::{Job, PLAIN, prepared, round, settled, sum_of_squares};

const LENGTHS: [usize; 6] = [3, 20_000, 0, 40, 2 * BLOCK, 1];
const STEPS: usize = 3;

/// Its gradient is missing at the second step, so that it has a clock of its own afterwards.
fn is_present(step: usize, tensor: usize) -> bool {
    (step, tensor) != (1, 1)
}

#[derive(Clone)]
struct Case {
    job: Job,
    clip: f64,
    /// Factor of the gradients.
    factor: f64,
}

/// η = ½, divided by the number of the tensor's update, and α = ¾.
fn case() -> Case {
    let mut own = PLAIN.own;
    own[..2].copy_from_slice(&[0.5, 0.75]);
    Case { job: Job { decay: 0.875, own, ..PLAIN }, clip: 1.0, factor: 1.0 }
}

fn cases(size: usize) -> [Case; 4] {
    let Case { job, .. } = case();
    // Subnormal moments, which the last stage flushes.
    let small = if size == 4 { 2f64.powi(-130) } else { 2f64.powi(-1026) };
    [
        case(),
        Case { job: Job { limit: 0.25, l2: 0.1, zeroes: true, ..job.clone() }, clip: 40.0, factor: 1.0 },
        Case { job: Job { holds: true, ..job.clone() }, clip: f64::INFINITY, factor: 1.0 },
        Case { job: Job { flushes: true, zeroes: true, ..job }, clip: f64::INFINITY, factor: small },
    ]
}

struct Data {
    params: Vec<Vec<f64>>,
    /// Gradients by step and tensor.
    gradients: Vec<Vec<Vec<f64>>>,
}

fn data(factor: f64) -> Data {
    let mut next = noise(2_463_534_242);
    let mut tensors = |factor: f64| -> Vec<Vec<f64>> {
        LENGTHS.iter().map(|&n| (0..n).map(|_| factor * next()).collect()).collect()
    };
    Data { params: tensors(1.0), gradients: (0..STEPS).map(|_| tensors(factor)).collect() }
}

/// min(1, clip/‖g‖), from the tensors' sums.
fn scale(clip: f64, step: usize, sums: impl Fn(usize) -> f64) -> f64 {
    let present = (0..LENGTHS.len()).filter(|&tensor| is_present(step, tensor));
    let norm = present.fold(0.0, |sum, tensor| sum + sums(tensor)).sqrt();
    if norm <= clip { 1.0 } else { clip / norm }
}

fn ratio(parameters: f64, direction: f64) -> f64 {
    if direction == 0.0 { 1.0 } else { parameters.sqrt() / direction.sqrt() }
}

/// θ and m after all steps, as plainly as can be.
fn expected(size: usize, case: &Case) -> [Vec<Vec<f64>>; 2] {
    let f = round(size);
    let Data { mut params, gradients } = data(case.factor);
    let mut m: Vec<Vec<f64>> = LENGTHS.iter().map(|&n| vec![0.0; n]).collect();
    let mut updates = [0.0; LENGTHS.len()];
    for (step, gradients) in gradients.iter().enumerate() {
        let gradients: Vec<Vec<f64>> = gradients.iter().map(|g| g.iter().map(|x| f(*x)).collect()).collect();
        let scale = scale(case.clip, step, |tensor| sum_of_squares(&gradients[tensor]));
        let job = Job { scale, ..case.job.clone() };
        let [lr, alpha, ..] = job.own;
        for tensor in (0..LENGTHS.len()).filter(|&tensor| is_present(step, tensor)) {
            updates[tensor] += 1.0;
            let (theta, m) = (&mut params[tensor], &mut m[tensor]);
            for (i, m) in m.iter_mut().enumerate() {
                *m = f(f(f(alpha) * *m) + prepared(&f, &job, theta[i], gradients[tensor][i]));
            }
            let ratio = f(ratio(sum_of_squares(theta), sum_of_squares(m)));
            for (theta, m) in theta.iter_mut().zip(m) {
                let moved = f(f(*theta * f(job.decay)) - f(f(f(lr / updates[tensor]) * ratio) * *m));
                *theta = if job.holds { *theta } else { moved };
                *m = settled(size, &job, *m);
            }
        }
    }
    [params, m]
}

/// Runs all steps on an arena, each stage by `run`, and compares with the reference.
fn check(
    size: usize,
    case: &Case,
    lends: bool,
    place: &str,
    run: &dyn Fn(&mut Memory, usize, BorrowedGradients),
) {
    let family = Family { lengths: &LENGTHS, state: 1, by_tensor: 3 };
    let mut memory = Memory::new(size, &[family], PIPELINE + 2);
    let Data { params, gradients } = data(case.factor);
    for (tensor, i) in memory.elements(0..LENGTHS.len()) {
        memory.set(PARAMETERS, tensor, i, params[tensor][i]);
    }
    if case.job.zeroes {
        memory.zeroes();
    }
    let mut updates = [0; LENGTHS.len()];
    for (step, gradients) in gradients.iter().enumerate() {
        lay_out(&mut memory, step, case.job.flags(), &updates);
        let guarded: Vec<Guarded> = gradients.iter().map(|g| Guarded::new(size, g)).collect();
        let pointers: Vec<*const [u8]> =
            (0..LENGTHS.len()).map(|i| guarded[i].last(LENGTHS[i] * size)).collect();
        let borrowed = lends.then_some(&pointers[..]);
        for (tensor, i) in memory.elements(0..LENGTHS.len()) {
            // Leftovers of the last step must not affect the result.
            memory.set(GRADIENTS, tensor, i, if lends { 9.0 } else { gradients[tensor][i] });
        }
        let run = |memory: &mut Memory, stage, borrowed| {
            let before = memory.outside();
            run(memory, stage, borrowed);
            assert!(memory.outside() == before, "written outside: {place}");
        };
        run(&mut memory, NORM, borrowed);
        let scale = scale(case.clip, step, |tensor| memory.number(SQUARES, tensor));
        for row in 0..=1 {
            // The second row is of the tensor that is one update behind.
            let t = (step + 1 - row) as f64;
            let Job { limit, l2, decay, own, .. } = case.job;
            memory.row(row, &[scale, limit, l2, decay, own[0] / t, own[1]]);
        }
        run(&mut memory, 0, borrowed);
        for tensor in (0..LENGTHS.len()).filter(|&tensor| is_present(step, tensor)) {
            updates[tensor] += 1;
            let [parameters, direction, made] = [1, 2, 3].map(|k| memory.first_arrays[0] + k);
            let ratio = ratio(memory.number(parameters, tensor), memory.number(direction, tensor));
            memory.set_number(made, tensor, ratio);
        }
        run(&mut memory, 1, None);
    }
    let expected = expected(size, case);
    for (array, expected) in [PARAMETERS, memory.first_arrays[0]].into_iter().zip(expected) {
        for (tensor, i) in memory.elements(0..LENGTHS.len()) {
            let (ours, theirs) = (memory.get(array, tensor, i), expected[tensor][i]);
            assert!(
                bits(ours) == bits(theirs),
                "{ours} and not {theirs}: {place}, array {array}, tensor {tensor}, index {i}"
            );
        }
    }
    if case.job.zeroes {
        let all = memory.elements(0..LENGTHS.len());
        assert!(all.iter().all(|&(tensor, i)| memory.get(GRADIENTS, tensor, i) == 0.0), "{place}");
    }
}

/// Coefficients of the pipeline in a row.
const PIPELINE: usize = 4;

/// Neighbors that are present and have had the same updates are a segment.
fn lay_out(memory: &mut Memory, step: usize, flags: usize, updates: &[usize]) {
    let kernels = [kernel("Measure").number, kernel("Move").number, 0, 0];
    let present: Vec<usize> = (0..LENGTHS.len()).filter(|&tensor| is_present(step, tensor)).collect();
    let joined = |a: &usize, b: &usize| a + 1 == *b && updates[*a] == updates[*b];
    for (number, tensors) in present.chunk_by(joined).enumerate() {
        let row = step - updates[tensors[0]];
        let array = memory.first_arrays[0];
        let segment = Segment { array, by_tensor: array + 1, row, flags, kernels };
        memory.segment(number, [tensors[0], tensors[tensors.len() - 1]], segment);
    }
}

/// Every case in both dtypes on every instruction set, with the arena's gradients and borrowed gradients.
fn check_all(run: &dyn Fn(InstructionSet, &mut Memory, usize, BorrowedGradients)) {
    for (size, set) in places() {
        for (number, case) in cases(size).iter().enumerate() {
            for lends in [false, true] {
                let place = format!("case {number}, {size} bytes, {}, borrowed: {lends}", set.name());
                check(size, case, lends, &place, &|memory, stage, borrowed| {
                    run(set, memory, stage, borrowed)
                });
            }
        }
    }
}

#[test]
fn two_stages_with_a_scalar_for_each_tensor_in_between() {
    check_all(&|set, memory, stage, borrowed| memory.run(set, stage, borrowed).expect("it fits"));
}

#[test]
fn ranges_from_the_last_to_the_first_give_the_same_bits() {
    check_all(&|set, memory, stage, borrowed| {
        let arena = memory.arena(set).expect("it fits");
        let length = arena.length();
        for from in (0..length).step_by(BLOCK).rev() {
            let (to, mut scratch) = (length.min(from + BLOCK), Scratch::new());
            // SAFETY: only this thread uses the arena, and borrowed gradients are as long as their tensors.
            unsafe { arena.run_range(stage, from, to, borrowed, &mut scratch) }.expect("it fits");
        }
        // SAFETY: see above.
        unsafe { arena.gather(stage) }.expect("it fits");
    });
}

#[test]
fn threads_give_the_same_bits() {
    check_all(&|set, memory, stage, borrowed| {
        struct Shared<'a>(BorrowedGradients<'a>);
        // SAFETY: what they point to is only read.
        unsafe impl Sync for Shared<'_> {}
        let (arena, shared) = (memory.arena(set).expect("it fits"), Shared(borrowed));
        let (arena, shared, length) = (&arena, &shared, arena.length());
        std::thread::scope(|scope| {
            for thread in 0..3 {
                scope.spawn(move || {
                    for from in (thread * BLOCK..length).step_by(3 * BLOCK) {
                        let (to, mut scratch) = (length.min(from + BLOCK), Scratch::new());
                        let Shared(borrowed) = *shared;
                        // SAFETY: ranges do not overlap, and borrowed gradients are as long as their tensors.
                        unsafe { arena.run_range(stage, from, to, borrowed, &mut scratch) }.expect("it fits");
                    }
                });
            }
        });
        // SAFETY: the threads are done.
        unsafe { arena.gather(stage) }.expect("it fits");
    });
}

/// A tensor's first bits, and FNV-1a of all of them.
fn digest(size: usize, values: &[f64]) -> String {
    let hex = |x: &f64| match size {
        4 => format!("{:08x}", (*x as f32).to_bits()),
        _ => format!("{:016x}", x.to_bits()),
    };
    let all: String = values.iter().map(hex).collect();
    let hash =
        all.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let first: Vec<String> = values.iter().take(3).map(hex).collect();
    format!("\"{} … {hash:08x}\"", first.join(" "))
}

#[test]
fn both_languages_have_the_bits_of_one_file() {
    let parts = [(4, "float32"), (8, "float64")].map(|(size, dtype)| {
        let [params, m] = expected(size, &case()).map(|tensors| {
            let lines: Vec<String> =
                tensors.iter().map(|values| format!("\n      {}", digest(size, values))).collect();
            lines.join(",")
        });
        format!("  \"{dtype}\": {{\n    \"params\": [{params}\n    ],\n    \"m\": [{m}\n    ]\n  }}")
    });
    let text = format!("{{\n{}\n}}\n", parts.join(",\n"));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test/data/trial.json");
    if std::env::var_os("ANTIGRAD_WRITE").is_some() {
        std::fs::write(path, &text).expect("it can be written");
    }
    let checked_in = std::fs::read_to_string(path).expect("test/data/trial.json is there");
    assert!(
        checked_in == text,
        "test/data/trial.json has other bits; with ANTIGRAD_WRITE=1 this writes it:\n{text}"
    );
}
