//! Gradients with a factor by tensor, and the norms of gradients and parameters that it is made of.

use antigrad_kernels::layout::*;
use antigrad_kernels::{BLOCK, Scratch};

use crate::guard_pages::Guarded;
use crate::memory::{Family, Memory, Segment, bits, kernel, noise, places};
use crate::reference::{Job, PLAIN, sum_of_squares, update};

const LENGTHS: [usize; 6] = [3, 0, 2 * BLOCK + 33, 1, 257, 40];
const FACTORS: [f64; 6] = [1.0, 0.5, 0.3, f64::NAN, 1.0, 0.0];

fn memory(size: usize, job: &Job) -> Memory {
    let family = Family { lengths: &LENGTHS, state: 2, by_tensor: 0 };
    let mut memory = Memory::new(size, &[family], job.row().len());
    memory.row(0, &job.row());
    let array = memory.first_arrays[0];
    let flags = job.flags() | CLIPPED_PER_TENSOR | NEEDS_PARAM_NORM;
    let kernels = [kernel("Adam").number, 0, 0, 0];
    memory.segment(0, [0, LENGTHS.len() - 1], Segment { array, by_tensor: 0, row: 0, flags, kernels });
    FACTORS.iter().enumerate().for_each(|(tensor, &factor)| memory.set_number(SCALES, tensor, factor));
    let mut next = noise(4);
    for (tensor, i) in memory.elements(0..LENGTHS.len()) {
        memory.set(PARAMETERS, tensor, i, next());
        memory.set(GRADIENTS, tensor, i, next());
    }
    memory
}

#[test]
fn a_factor_by_tensor_scales_its_gradient_beside_the_rows() {
    let jobs = [PLAIN, Job { scale: -0.3, limit: 0.2, l2: 0.1, holds: true, ..PLAIN }];
    for ((size, set), job) in places().flat_map(|place| jobs.iter().map(move |job| (place, job))) {
        for lends in [false, true] {
            let start = memory(size, job);
            let of = |array: usize, tensor: usize| -> Vec<f64> {
                (0..LENGTHS[tensor]).map(|i| start.get(array, tensor, i)).collect()
            };
            let gradients: Vec<Guarded> =
                (0..LENGTHS.len()).map(|tensor| Guarded::new(size, &of(GRADIENTS, tensor))).collect();
            let pointers: Vec<*const [u8]> =
                (0..LENGTHS.len()).map(|i| gradients[i].last(LENGTHS[i] * size)).collect();
            let mut memory = start.clone();
            if lends {
                let all = start.elements(0..LENGTHS.len());
                all.into_iter().for_each(|(tensor, i)| memory.set(GRADIENTS, tensor, i, 9.0));
            }
            for stage in [NORM, 0] {
                let arena = memory.arena(set).expect("it fits");
                for from in (0..arena.length()).step_by(BLOCK).rev() {
                    let (to, borrowed) = (arena.length().min(from + BLOCK), lends.then_some(&pointers[..]));
                    // SAFETY: only this thread uses the arena, and borrowed gradients are as long as their tensors.
                    unsafe { arena.run_range(stage, from, to, borrowed, &mut Scratch::new()) }
                        .expect("it fits");
                }
                // SAFETY: see above.
                unsafe { arena.gather(stage) }.expect("it fits");
            }
            let place = format!("{size} bytes, {}, borrowed: {lends}, {job:?}", set.name());
            assert!(memory.outside() == start.outside(), "written outside: {place}");
            for (tensor, factor) in FACTORS.into_iter().enumerate() {
                for (array, squares) in [(GRADIENTS, SQUARES), (PARAMETERS, PARAMETER_SQUARES)] {
                    let expected = sum_of_squares(&of(array, tensor));
                    assert!(memory.number(squares, tensor) == expected, "sum {squares} of {tensor}: {place}");
                }
                let scaled = Job { scale: job.scale * factor, ..job.clone() };
                for i in 0..LENGTHS[tensor] {
                    let [mut theta, mut g] = [PARAMETERS, GRADIENTS].map(|array| start.get(array, tensor, i));
                    update(kernel("Adam"), size, &scaled, &mut theta, &mut g, &mut [0.0; 2])
                        .expect("a reference");
                    let ours = memory.get(PARAMETERS, tensor, i);
                    assert!(bits(ours) == bits(theta), "{ours} and not {theta}: {place}, {tensor}, {i}");
                }
            }
        }
    }
}
