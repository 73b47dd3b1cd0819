//! Prints a hash of each kernel's results; `npm run test:arm` compares the hashes of two processors.

use std::hash::{DefaultHasher, Hash, Hasher};

use antigrad_kernels::layout::*;
use antigrad_kernels::manifest::kernels;

use crate::memory::{noise, places};
use crate::reference::{DECAYED, Job, PLAIN};

#[test]
#[cfg_attr(miri, ignore)] // It compares nothing by itself.
fn digests() {
    let prepared = Job { scale: -0.5, limit: 0.75, l2: 0.1, decay: 0.9, flushes: true, ..PLAIN };
    for kernel in kernels().into_iter().filter(|kernel| kernel.is_shipped && !kernel.is_matrix) {
        for (size, set) in places() {
            let mut hash = DefaultHasher::new();
            for job in [&PLAIN, &DECAYED, &prepared] {
                let mut memory = job.memory(&kernel, size, &[700, 3, 64, 33]);
                let mut next = noise(3);
                // Numbers of all sizes among them, so that squares overflow and vanish.
                let mut number = |i| next() * 2f64.powi(if i % 3 == 0 { (next() * 140.0) as i32 } else { 0 });
                let first = memory.first_arrays[0];
                for update in 0..3 {
                    for (tensor, i) in memory.elements(0..4) {
                        memory.set(GRADIENTS, tensor, i, number(i));
                        if update == 0 {
                            memory.set(PARAMETERS, tensor, i, number(i));
                            (first..first + kernel.state.len())
                                .for_each(|array| memory.set(array, tensor, i, number(i).abs()));
                        }
                    }
                    memory.run(set, 0, None).expect("it fits");
                    memory.contents().hash(&mut hash);
                }
            }
            println!("digest {}, {size} bytes, {}: {:016x}", kernel.name, set.name(), hash.finish());
        }
    }
}
