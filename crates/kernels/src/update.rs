//! The loops around a rule: over its elements, over what is wanted of a gradient before, and now and
//! then over its state afterwards.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::rules::{MAX_COEFFICIENTS, MAX_STATE, Rule, State};
use crate::vector::{Scalar, Vector};

/// Where some elements are, the same number in each array.
#[derive(Clone, Copy)]
pub struct Streams {
    pub theta: *mut u8,
    pub g: *const u8,
    pub state: [*mut u8; MAX_STATE],
}

/// A row as it lies in the arena, in bits: it may be written at any time.
pub type Coefficients = [AtomicU64; MAX_COEFFICIENTS];

/// Updates `length` elements by rule `R`.
///
/// # Safety
/// The arrays must be valid for `length` numbers, rounded up to whole vectors: what pads a tensor
/// is updated with it, and zeros stay zeros. Nothing else may write to them meanwhile.
#[inline(always)]
pub unsafe fn update<V: Vector, R: Rule>(streams: &Streams, coefficients: &Coefficients, length: usize) {
    let mut row = [splat::<V>(0.0); MAX_COEFFICIENTS];
    for (lanes, coefficient) in row.iter_mut().zip(coefficients) {
        *lanes = splat(f64::from_bits(coefficient.load(Relaxed)));
    }
    let theta = streams.theta.cast::<V::Scalar>();
    let g = streams.g.cast::<V::Scalar>();
    let state = [streams.state[0].cast(), streams.state[1].cast(), streams.state[2].cast()];
    // A cache line at a time, or two vectors, so that several are in flight.
    let line = (64 / size_of::<V::Scalar>()).max(2 * V::LANES);
    let mut at = 0;
    // SAFETY: the caller vouches for the arrays up to the end of the last vector.
    unsafe {
        while at + line <= length {
            for vector in 0..line / V::LANES {
                lanes::<V, R>(&row, theta, g, state, at + vector * V::LANES);
            }
            at += line;
        }
        while at < length {
            lanes::<V, R>(&row, theta, g, state, at);
            at += V::LANES;
        }
    }
}

/// One vector's worth of an update.
///
/// This and all that it calls is `inline(always)`: only inside of a caller that is compiled for an
/// instruction set do the vectors' operations become single instructions.
///
/// # Safety
/// Every array must have a whole vector at `at`.
#[inline(always)]
// A constant bound, so that the loops unroll and unused state costs nothing.
#[allow(clippy::needless_range_loop)]
unsafe fn lanes<V: Vector, R: Rule>(
    row: &[V; MAX_COEFFICIENTS],
    theta: *mut V::Scalar,
    g: *const V::Scalar,
    state: [*mut V::Scalar; MAX_STATE],
    at: usize,
) {
    // SAFETY: the caller vouches for these lanes.
    unsafe {
        let parameters = V::load(theta.add(at));
        let gradient = V::load(g.add(at));
        let mut states: State<V> = [parameters; MAX_STATE];
        for k in 0..R::STATE {
            states[k] = V::load(state[k].add(at));
        }
        let moved = R::update(row, parameters, gradient, &mut states);
        for k in 0..R::STATE {
            states[k].store(state[k].add(at));
        }
        moved.store(theta.add(at));
    }
}

/// What is wanted of a gradient before the rule sees it.
pub struct Preparation {
    /// Clipping by norm, and −1 to maximize.
    pub scale: f64,
    /// The largest absolute value of a scaled gradient; infinity for any.
    pub limit: f64,
    /// λ of λ·θ, which is added to the gradient; 0 adds nothing, not even 0.
    pub l2: f64,
}

impl Preparation {
    pub fn is_needed(&self) -> bool {
        self.scale != 1.0 || self.limit != f64::INFINITY || self.l2 != 0.0
    }
}

/// prepared ← clamp(scale·g), then prepared ← prepared + λ·θ.
///
/// # Safety
/// As for [`update`]; `prepared` is written.
#[inline(always)]
pub unsafe fn prepare<V: Vector>(
    streams: &Streams,
    preparation: &Preparation,
    prepared: *mut u8,
    length: usize,
) {
    let Preparation { scale, limit, l2 } = *preparation;
    let (scale, limit, l2) = (splat::<V>(scale), splat::<V>(limit), splat::<V>(l2));
    let theta = streams.theta.cast::<V::Scalar>();
    let g = streams.g.cast::<V::Scalar>();
    let prepared = prepared.cast::<V::Scalar>();
    let mut at = 0;
    while at < length {
        // SAFETY: the caller vouches for the arrays up to the end of the last vector.
        unsafe {
            let clipped = (scale * V::load(g.add(at))).clamp(limit);
            let decayed = clipped + l2 * V::load(theta.add(at));
            l2.if_zero(clipped, decayed).store(prepared.add(at));
        }
        at += V::LANES;
    }
}

/// Sets subnormal numbers to +0. Moments whose gradient stays 0 would decay to a subnormal number
/// that rounds back to itself and stand there, and many processors compute with those slowly.
#[inline(always)]
pub fn settle<T: Scalar>(state: &mut [T]) {
    // Many lines have none, and are not written.
    for line in state.chunks_mut(64) {
        if line.iter().fold(false, |any, x| any | x.is_subnormal()) {
            for x in line.iter_mut().filter(|x| x.is_subnormal()) {
                *x = T::from_f64(0.0);
            }
        }
    }
}

#[inline(always)]
fn splat<V: Vector>(x: f64) -> V {
    V::splat(V::Scalar::from_f64(x))
}
