//! Directions that are masked by how they agree with the gradient, and counted, and the stage behind.

use antigrad_kernels::layout::*;
use antigrad_kernels::{BLOCK, Scratch};

use crate::guard_pages::Guarded;
use crate::memory::{Family, Memory, Segment, bits, kernel, noise, places};
use crate::reference::{DECAYED, Job, PLAIN, prepared, round, update};

const LENGTHS: [usize; 6] = [3, 0, 2 * BLOCK + 33, 1, 257, 40];

/// The flag in addition to MASKED, and the factors of a direction: if it agrees, if it disagrees, and if neither holds.
const MASKED_KERNELS: [(usize, [f64; 3]); 3] =
    [(0, [1.0, 0.0, 0.0]), (MASK_TAKES_SIGN, [1.0, -1.0, 0.0]), (MASK_KEEPS_ALL, [1.0, 1.0, 1.0])];

fn memory(name: &str, size: usize, job: &Job, flag: usize) -> Memory {
    let kernel_of = kernel(name);
    let state = kernel_of.state.len();
    let family = Family { lengths: &LENGTHS, state, by_tensor: 3 };
    let mut memory = Memory::new(size, &[family], job.row().len());
    memory.row(0, &job.row());
    let array = memory.first_arrays[0];
    let kernels = [kernel_of.number, kernel("Cautious").number, 0, 0];
    let flags = job.flags() | MASKED | flag;
    let segment = Segment { array, by_tensor: array + state, row: 0, flags, kernels };
    memory.segment(0, [0, LENGTHS.len() - 1], segment);
    if job.zeroes {
        memory.zeroes();
    }
    let mut next = noise(3);
    for (tensor, i) in memory.elements(0..LENGTHS.len()) {
        for array in [PARAMETERS, GRADIENTS].into_iter().chain(array..array + state) {
            let x = next();
            // Squares are not negative.
            memory.set(array, tensor, i, if array > memory.first_arrays[0] { x.abs() } else { x });
        }
        if i % 7 == 3 {
            memory.set(GRADIENTS, tensor, i, [0.0, -0.0, f64::NAN, f64::INFINITY, 1e-45][i % 5]);
        }
    }
    memory
}

/// Both stages as they should be; the rate is the count's reciprocal, and all but the mask spares what it enlarges.
fn expected(name: &str, job: &Job, start: &Memory, [agrees, against, neither]: [f64; 3]) -> Memory {
    let (kernel, f, mut memory) = (kernel(name), round(start.size), start.clone());
    let array = start.first_arrays[0];
    let by_tensor = array + kernel.state.len();
    for tensor in 0..LENGTHS.len() {
        let elements = start.elements(tensor..tensor + 1);
        let mut masked = Vec::new();
        for &(_, i) in &elements {
            let theta = start.get(PARAMETERS, tensor, i);
            let g = prepared(&f, job, theta, start.get(GRADIENTS, tensor, i));
            let mut state: Vec<f64> =
                (0..kernel.state.len()).map(|k| start.get(array + k, tensor, i)).collect();
            let given = Job { scale: 1.0, limit: f64::INFINITY, l2: 0.0, holds: false, ..job.clone() };
            let (mut negated, mut used) = (0.0, g);
            update(kernel, start.size, &given, &mut negated, &mut used, &mut state).expect("a reference");
            let u = 0.0 - negated;
            let p = f(u * g);
            let k = if p > 0.0 {
                agrees
            } else if p < 0.0 {
                against
            } else {
                neither
            };
            masked.push((u * k, theta));
            state.iter().enumerate().for_each(|(k, &x)| memory.set(array + k, tensor, i, x));
        }
        let count = masked.iter().filter(|(w, _)| w.abs() > 0.0).count() as f64;
        memory.set_number(by_tensor, tensor, count);
        memory.set_number(by_tensor + 1, tensor, 1.0 / count);
        memory.set_number(by_tensor + 2, tensor, against.abs());
        for ((w, theta), &(_, i)) in masked.into_iter().zip(&elements) {
            let d = if against != 0.0 && f(w * theta) < 0.0 { 1.0 } else { f(job.decay) };
            let moved = f(f(theta * d) - f(f(1.0 / count) * w));
            memory.set(PARAMETERS, tensor, i, if job.holds { theta } else { moved });
            memory.set(GRADIENTS, tensor, i, if job.zeroes { 0.0 } else { w });
        }
    }
    memory
}

#[test]
fn a_masked_direction_is_counted_and_moves_what_is_left() {
    let all = Job { scale: -0.5, limit: 0.75, l2: 0.1, decay: 0.9, flushes: true, zeroes: true, ..PLAIN };
    let jobs = [PLAIN, DECAYED, all.clone(), Job { holds: true, ..all }];
    let names = ["Adam", "SgdNesterov", "SignSgd", "RmsPropMomentum"];
    let all = places().flat_map(|place| names.map(|name| (place, name)));
    // Everything but masks is tested with one rule.
    let some = all.flat_map(|one| MASKED_KERNELS.map(|masked| (one, masked)));
    for (((size, set), name), (flag, factors)) in
        some.filter(|((_, name), (flag, _))| *flag == 0 || *name == "Adam")
    {
        for (job, lends) in jobs.iter().flat_map(|job| [(job, false), (job, true)]) {
            let start = memory(name, size, job, flag);
            let expected = expected(name, job, &start, factors);
            let gradients: Vec<Guarded> = (0..LENGTHS.len())
                .map(|tensor| {
                    let values: Vec<f64> =
                        (0..LENGTHS[tensor]).map(|i| start.get(GRADIENTS, tensor, i)).collect();
                    Guarded::new(size, &values)
                })
                .collect();
            let pointers: Vec<*const [u8]> =
                (0..LENGTHS.len()).map(|i| gradients[i].last(LENGTHS[i] * size)).collect();
            let mut memory = start.clone();
            if lends {
                let all = start.elements(0..LENGTHS.len());
                all.into_iter().for_each(|(tensor, i)| memory.set(GRADIENTS, tensor, i, 9.0));
            }
            let arena = memory.arena(set).expect("it fits");
            let length = arena.length();
            for from in (0..length).step_by(BLOCK).rev() {
                let (to, borrowed) = (length.min(from + BLOCK), lends.then_some(&pointers[..]));
                // SAFETY: only this thread uses the arena, and borrowed gradients are as long as their tensors.
                unsafe { arena.run_range(0, from, to, borrowed, &mut Scratch::new()) }.expect("it fits");
            }
            // SAFETY: see above.
            unsafe { arena.gather(0) }.expect("it fits");
            let place = format!("{name}, {size} bytes, {}, {flag}, borrowed: {lends}, {job:?}", set.name());
            let count = memory.first_arrays[0] + kernel(name).state.len();
            for (tensor, i) in start.elements(0..LENGTHS.len()) {
                let [ours, theirs] = [&memory, &start].map(|memory| memory.get(PARAMETERS, tensor, i));
                assert!(bits(ours) == bits(theirs), "θ has moved in the first stage: {place}");
            }
            for k in 0..LENGTHS.len() {
                memory.set_number(count + 1, k, 1.0 / memory.number(count, k));
                memory.set_number(count + 2, k, factors[1].abs());
            }
            memory.run(set, 1, None).expect("it fits");
            assert!(memory.contents() == expected.contents(), "{place}");
            assert!(memory.outside() == start.outside(), "written outside: {place}");
        }
    }
}
