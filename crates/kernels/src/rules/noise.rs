//! Gradient noise (Neelakantan et al., 2015): g ← g + σ·n, σ² = η/(1+t)^γ, with n from N(0, 1).
//!
//! n of element i of a tensor depends only on the seed, t, the key of the tensor's name, and i, and not on the order or
//! the threads. For four elements, Philox 4×32-10 (Salmon, Moraes, Dror and Shaw, 2011) generates four words. Each pair
//! of words yields two numbers: n = √(−2·log u)·cos a, and the same with sin a (Box and Muller, 1958), computed in
//! float64 and rounded at the end.

use std::f64::consts::TAU;
use std::slice;

use crate::functions::{cos_sin_near, log};
use crate::kernel::matrices::{Matrices, Work};
use crate::kernel::pipeline::Scratch;
use crate::sums::BLOCK;
use crate::vector::{Scalar, Vector, splat};

/// The gradients that receive noise.
pub struct Noise<S> {
    g: *mut S,
    length: usize,
    sigma: f64,
    counters: Counters,
}

impl<S> Noise<S> {
    pub fn new(matrices: &Matrices<S>, sigma: f64, seed: f64, t: f64) -> Self {
        let words = |x: f64| [x as u64 as u32, (x as u64 >> 32) as u32];
        let [low, high] = words(t);
        let counters = Counters { seed: words(seed), key_and_t: [matrices.key, low, high] };
        let length = matrices.shape.rows * matrices.shape.columns;
        Self { g: matrices.g, length, sigma, counters }
    }
}

/// Philox's key, and the part of its counter after the element's index.
#[derive(Clone, Copy)]
struct Counters {
    seed: [u32; 2],
    key_and_t: [u32; 3],
}

/// Numbers that are generated at a time: four per counter.
const COUNTERS: usize = 16;
const NUMBERS: usize = 4 * COUNTERS;

/// 2⁻³².
const UNIT: f64 = 1.0 / 4294967296.0;

// SAFETY: pieces are different blocks.
unsafe impl<V: Vector> Work<V> for Noise<V::Scalar> {
    fn pieces(&self) -> usize {
        self.length.div_ceil(BLOCK)
    }

    #[inline(always)]
    unsafe fn piece(&self, number: usize, _: &mut Scratch) {
        let start = number * BLOCK;
        let count = BLOCK.min(self.length - start);
        // SAFETY: the caller guarantees this.
        let g = unsafe { slice::from_raw_parts_mut(self.g.add(start), count) };
        let mut normal = [0.0; NUMBERS];
        for (k, some) in g.chunks_mut(NUMBERS).enumerate() {
            draw::<V::Wide>(self.counters, (start / 4 + k * COUNTERS) as u32, &mut normal);
            for (x, n) in some.iter_mut().zip(normal) {
                *x = V::Scalar::from_f64(x.to_f64() + self.sigma * n);
            }
        }
    }
}

/// Generates the normal numbers of the counters from `first` on, in float64 for both dtypes.
// Both dtypes share this code in WebAssembly, where code size matters.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
fn draw<V: Vector<Scalar = f64>>(counters: Counters, first: u32, normal: &mut [f64; NUMBERS]) {
    let [key, low, high] = counters.key_and_t;
    let [mut u, mut a] = [[0.0; NUMBERS / 2]; 2];
    for k in 0..COUNTERS {
        let words = philox([first.wrapping_add(k as u32), key, low, high], counters.seed);
        for pair in 0..2 {
            u[2 * k + pair] = (f64::from(words[2 * pair]) + 0.5) * UNIT;
            a[2 * k + pair] = f64::from(words[2 * pair + 1]) * (TAU * UNIT);
        }
    }
    const { assert!((NUMBERS / 2).is_multiple_of(V::LANES)) };
    for at in (0..NUMBERS / 2).step_by(V::LANES) {
        // SAFETY: both arrays are whole vectors, as asserted.
        unsafe {
            let (u_of, a_of) = (u.as_mut_ptr().add(at), a.as_mut_ptr().add(at));
            let radius = (splat::<V>(-2.0) * log(V::load(u_of))).sqrt();
            let [cos, sin] = cos_sin_near(V::load(a_of));
            (radius * cos).store(u_of);
            (radius * sin).store(a_of);
        }
    }
    for (pair, (cosine, sine)) in normal.chunks_mut(2).zip(u.iter().zip(a)) {
        pair.copy_from_slice(&[*cosine, sine]);
    }
}

/// Philox 4×32-10 of a counter and a key.
#[inline(always)]
fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut a, mut b, mut c, mut d], [mut k, mut l]) = (counter, key);
    for _ in 0..10 {
        let [first, second] = [u64::from(a) * 0xd2511f53, u64::from(c) * 0xcd9e8d57];
        [a, b, c, d] =
            [(second >> 32) as u32 ^ b ^ k, second as u32, (first >> 32) as u32 ^ d ^ l, first as u32];
        [k, l] = [k.wrapping_add(0x9e3779b9), l.wrapping_add(0xbb67ae85)];
    }
    [a, b, c, d]
}
