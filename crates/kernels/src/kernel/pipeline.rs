//! The pipeline around a pass: preparation of gradients before it, and treatment of the state after it.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;

use super::Pipeline;
use super::code::Entry;
#[cfg(not(target_arch = "wasm32"))]
use crate::arena::LINE;
use crate::arena::Numbers;
use crate::sums::product::PANEL;
use crate::target::SMALL;
use crate::vector::{Scalar, Vector, load_at, splat, store_at};

/// Elements that go through the pipeline at a time, but for programs.
pub const BLOCK: usize = 512;

/// Room for a block of gradients and one of parameters that stay, or for a panel of a matrix. It is the
/// caller's, and not on the stack: a stack that runs out must not do so in the middle of a step. (A cell, as rows lie in
/// blocks of it while others are prepared there.)
#[repr(align(64))]
pub struct Scratch {
    panel: UnsafeCell<MaybeUninit<[u8; PANEL]>>,
    /// Workspace for small matrices, allocated once a thread processes some on its own.
    #[cfg(not(target_arch = "wasm32"))]
    room: Vec<Line>,
}

#[cfg(not(target_arch = "wasm32"))]
#[repr(align(64))]
struct Line(#[expect(dead_code)] MaybeUninit<[u8; LINE]>);

/// Bytes of a block at most: what reads a program for each takes longer ones than other passes.
const MAX_LINES: usize = PANEL / 2;
const _: () = assert!(MAX_LINES >= size_of::<[f64; BLOCK]>());

/// Number of elements, of `size` bytes each, that go through the pipeline at a time.
#[cfg_attr(not(feature = "equations"), allow(unused_variables))]
#[inline(always)]
pub fn block_of(entry: &Entry, size: usize) -> usize {
    #[cfg(feature = "equations")]
    if entry.program.is_some() {
        return if size == 4 { MAX_LINES / 4 } else { MAX_LINES / 8 };
    }
    BLOCK
}

impl Scratch {
    pub const fn new() -> Self {
        Self {
            // Programs read to the end of a line what a block has been written to before that.
            panel: UnsafeCell::new(MaybeUninit::zeroed()),
            #[cfg(not(target_arch = "wasm32"))]
            room: Vec::new(),
        }
    }

    /// Memory of this many bytes, aligned to a line; None if allocation fails.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn room(&mut self, bytes: usize) -> Option<*mut u8> {
        self.room.try_reserve_exact(bytes.div_ceil(LINE)).ok()?;
        Some(self.room.as_mut_ptr().cast())
    }

    /// A block for gradients, and one for parameters.
    pub(crate) fn blocks(&self) -> [*mut u8; 2] {
        let first = self.panel();
        [first, first.wrapping_add(MAX_LINES)]
    }

    /// All of it.
    pub(crate) fn panel(&self) -> *mut u8 {
        self.panel.get().cast()
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// A flag in addition to the segment's flags: gradients still have to be scaled, clipped and decayed.
pub const PREPARES: usize = 1 << 8;
/// They are set to 0 afterwards.
pub const ZEROES: usize = 1 << 9;

/// The first coefficients of a row.
#[derive(Clone, Copy)]
pub struct Preparation {
    /// Clipping by norm, and −1 to maximize.
    pub scale: f64,
    /// The largest absolute value of a scaled gradient; infinity for any.
    pub limit: f64,
    /// λ of λ·θ, which is added to the gradient; 0 adds nothing, not even 0.
    pub l2: f64,
}

impl Preparation {
    /// # Safety
    /// The row must have the pipeline's coefficients.
    #[inline(always)]
    pub unsafe fn new(row: Numbers) -> Self {
        let Pipeline { scale, limit, l2, .. } = Pipeline::AT;
        // SAFETY: the caller guarantees the pipeline's coefficients, of which `Pipeline::AT` has the places.
        let coefficient = |k: usize| unsafe { row.get(k) };
        Self { scale: coefficient(scale), limit: coefficient(limit), l2: coefficient(l2) }
    }

    /// Compares bits in one comparison, because every step does this. (−0 doubled is 0.)
    #[inline(always)]
    pub fn is_needed(&self) -> bool {
        let scale = self.scale.to_bits() ^ 1_f64.to_bits();
        let limit = self.limit.to_bits() ^ f64::INFINITY.to_bits();
        scale | limit | self.l2.to_bits() << 1 != 0
    }

    /// Whether gradients of this size are neither scaled nor clipped. (λ may round to 0, which adds nothing.)
    #[inline(always)]
    pub fn only_decays(&self, size: usize) -> bool {
        let l2 = if size == 4 { f64::from(self.l2 as f32) } else { self.l2 };
        self.scale == 1.0 && self.limit == f64::INFINITY && l2 != 0.0
    }
}

/// The same in all lanes of vectors.
#[derive(Clone, Copy)]
pub struct PreparationLanes<V> {
    scale: V,
    limit: V,
    l2: V,
}

impl<V: Vector> PreparationLanes<V> {
    #[inline(always)]
    pub fn new(&Preparation { scale, limit, l2 }: &Preparation) -> Self {
        Self { scale: splat(scale), limit: splat(limit), l2: splat(l2) }
    }

    /// clamp(scale·g), and λ·θ added to it.
    #[inline(always)]
    pub fn apply(&self, g: V, theta: V) -> V {
        let clipped = (self.scale * g).clamp(self.limit);
        self.l2.if_zero(clipped, decayed(clipped, self.l2, theta))
    }
}

/// g + λ·θ.
#[inline(always)]
pub fn decayed<V: Vector>(g: V, l2: V, theta: V) -> V {
    g + l2 * theta
}

/// prepared ← clamp(scale·g), then prepared ← prepared + λ·θ.
///
/// # Safety
/// `theta` and `g` must be readable, and `prepared` writable, for `length` numbers, rounded up to whole
/// vectors.
#[inline(always)]
pub unsafe fn prepare<V: Vector>(
    theta: *const u8,
    g: *const u8,
    preparation: &Preparation,
    prepared: *mut u8,
    length: usize,
) {
    let in_lanes = PreparationLanes::<V>::new(preparation);
    let (theta, g) = (theta.cast::<V::Scalar>(), g.cast::<V::Scalar>());
    let prepared = prepared.cast::<V::Scalar>();
    let mut at = 0;
    // Most have a decay alone, and scaling and clipping would take as long as the rest.
    let decays = preparation.only_decays(size_of::<V::Scalar>());
    while decays && at < length && !SMALL {
        // SAFETY: the caller guarantees gradients up to the end of the last vector.
        let g = unsafe { load_at::<V>(g, at) };
        // SAFETY: the caller guarantees as many parameters.
        let theta = unsafe { load_at::<V>(theta, at) };
        // SAFETY: the caller guarantees this many prepared gradients.
        unsafe { store_at(decayed(g, in_lanes.l2, theta), prepared, at) };
        at += V::LANES;
    }
    while at < length {
        // SAFETY: the caller guarantees gradients up to the end of the last vector.
        let g = unsafe { load_at::<V>(g, at) };
        // SAFETY: the caller guarantees as many parameters.
        let theta = unsafe { load_at::<V>(theta, at) };
        // SAFETY: the caller guarantees this many prepared gradients.
        unsafe { store_at(in_lanes.apply(g, theta), prepared, at) };
        at += V::LANES;
    }
}

/// Factors of a direction u: 1 if it agrees with the gradient, u·g > 0.
#[derive(Clone, Copy)]
pub struct Factors {
    /// Factor if u·g < 0.
    pub against: f64,
    /// Factor if u·g is 0, also after rounding, or NaN.
    pub neither: f64,
}

/// masked ← u·k, with k of the factors, of 0 − u. (NaN·0 stays NaN.)
///
/// # Safety
/// `negated` and `g` must be readable, and `masked` writable, for `length` numbers, rounded up to whole
/// vectors.
#[inline(always)]
pub unsafe fn mask<V: Vector>(
    negated: *const u8,
    g: *const u8,
    masked: *mut u8,
    factors: Factors,
    length: usize,
) {
    let (negated, g) = (negated.cast::<V::Scalar>(), g.cast::<V::Scalar>());
    let masked = masked.cast::<V::Scalar>();
    let (zero, one) = (splat::<V>(0.0), splat::<V>(1.0));
    let (against, neither) = (splat::<V>(factors.against), splat::<V>(factors.neither));
    let mut at = 0;
    while at < length {
        // SAFETY: the caller guarantees both arrays up to the end of the last vector.
        let u = zero - unsafe { load_at::<V>(negated, at) };
        // SAFETY: see above.
        let agreement = u * unsafe { load_at::<V>(g, at) };
        let k = agreement.if_greater(zero, one, zero.if_greater(agreement, against, neither));
        // SAFETY: the caller guarantees this many masked directions.
        unsafe { store_at(u * k, masked, at) };
        at += V::LANES;
    }
}

/// Sets subnormal numbers to +0. Moments whose gradient stays 0 would decay to a subnormal number
/// that rounds back to itself and stand there, and many processors compute with those slowly.
#[inline(always)]
pub fn flush<T: Scalar>(state: &mut [T]) {
    // Many lines have none, and are not written.
    for line in state.chunks_mut(64) {
        if line.iter().fold(false, |any, x| any | x.is_subnormal()) {
            for x in line.iter_mut().filter(|x| x.is_subnormal()) {
                *x = T::from_f64(0.0);
            }
        }
    }
}
