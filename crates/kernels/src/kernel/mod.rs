//! Building blocks of rules: kernels, each a pass over elements, and the loop that runs a kernel.

pub mod code;
pub mod lanes;
#[cfg_attr(not(feature = "catalogue"), allow(dead_code))] // The core has no such kernel.
pub mod matrices;
pub mod pipeline;

use std::ptr;

use crate::arena::{Numbers, tables};
use crate::kernel::lanes::{Lanes, Nothing};
use crate::kernel::pipeline::{BLOCK, Preparation, PreparationLanes, decayed};
use crate::sums::{STRIPES, Stripes};
use crate::target::SMALL;
use crate::vector::{Scalar, Vector, VectorPair, load_at, splat};

/// The most arrays of state of a kernel, and the most values that it has by tensor.
pub const MAX_STATE: usize = 6;
pub const MAX_TENSOR: usize = 4;
/// The most sums that one takes.
pub const MAX_SUMS: usize = 2;

tables! {
    /// The coefficients of a row that belong to the pipeline; a kernel's own follow.
    Pipeline of usize {
        scale,
        limit,
        l2,
        decay,
    }
}

pub const PIPELINE: &[&str] = Pipeline::NAMES;

/// The result of a pass per element, and where it is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    /// The new θ.
    Parameters,
    /// A direction for the next stage, where the gradient was.
    Gradients,
    /// Nothing but state.
    State,
}

/// A sum over each tensor that is taken after a pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sum {
    /// Σ θ².
    Parameters,
    /// Σ g², of what the pass has written there.
    Gradients,
    /// Σ g, of the same.
    Values,
    /// Σ |s| of the first array of state.
    Sizes,
    /// Σ [g > 0 or g < 0] of what the pass has written there: NaN does not count.
    Nonzero,
}

impl Sum {
    /// Name in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parameters => "parameters",
            Self::Gradients => "gradients",
            Self::Values => "values",
            Self::Sizes => "sizes",
            Self::Nonzero => "nonzero",
        }
    }
}

/// One pass over elements: a rule's only stage, or one of several stages.
pub trait Kernel {
    /// Its coefficients, behind the pipeline's.
    type Row: Lanes;
    /// Its arrays of state. Stages of one rule share the list; a stage may leave off its end.
    type State: Lanes;
    /// Values per tensor, in float64. Kernels read them rounded to the dtype.
    type Tensor: Lanes;

    const OUTPUT: Output;
    /// Sums that go into the first of the values per tensor.
    const SUMS: &'static [Sum] = &[];
    /// Whether its output is the gradient as it is: nothing is to be done where that is in its place.
    const COPIES: bool = false;
    /// Whether it divides or takes roots: to unroll such a loop saves nothing.
    const DIVIDES: bool;
    /// Whether gradients may be of some rows: such a kernel has a loop for these, too.
    const BY_ROW: bool = false;

    /// The output for some lanes; `state` is updated in place. `decay` is d of θ ← d·θ − u.
    fn apply<V: Vector>(
        row: &<Self::Row as Lanes>::Of<V>,
        tensor: &<Self::Tensor as Lanes>::Of<V>,
        decay: V,
        theta: V,
        g: V,
        state: &mut <Self::State as Lanes>::Of<V>,
    ) -> V;
}

/// A rule that gives a direction u: then θ ← d·θ − u.
pub trait Direction {
    type Row: Lanes;
    type State: Lanes;
    const DIVIDES: bool;
    const BY_ROW: bool = false;

    /// u for some lanes; `state` is updated in place.
    fn direction<V: Vector>(
        row: &<Self::Row as Lanes>::Of<V>,
        g: V,
        state: &mut <Self::State as Lanes>::Of<V>,
    ) -> V;
}

impl<D: Direction> Kernel for D {
    type Row = D::Row;
    type State = D::State;
    type Tensor = Nothing;
    const OUTPUT: Output = Output::Parameters;
    const DIVIDES: bool = D::DIVIDES;
    const BY_ROW: bool = D::BY_ROW;

    #[inline(always)]
    fn apply<V: Vector>(
        row: &<Self::Row as Lanes>::Of<V>,
        _: &Nothing,
        decay: V,
        theta: V,
        g: V,
        state: &mut <Self::State as Lanes>::Of<V>,
    ) -> V {
        let u = D::direction(row, g, state);
        theta * decay - u
    }
}

/// Addresses of some elements, the same number in each array.
#[derive(Clone, Copy)]
pub struct Streams {
    pub theta: *mut u8,
    pub g: *const u8,
    /// Destination of directions.
    pub direction: *mut u8,
    pub state: [*mut u8; MAX_STATE],
    /// Elements of the flat parameter array that these are of: whether caches hold it.
    #[cfg(target_arch = "x86_64")]
    pub plane: usize,
}

impl Streams {
    pub const NOWHERE: Self = Self {
        theta: ptr::null_mut(),
        g: ptr::null(),
        direction: ptr::null_mut(),
        state: [ptr::null_mut(); MAX_STATE],
        #[cfg(target_arch = "x86_64")]
        plane: 0,
    };

    /// The streams advanced by `bytes` bytes.
    #[inline(always)]
    pub fn advanced(mut self, bytes: usize) -> Self {
        self.theta = self.theta.wrapping_add(bytes);
        self.g = self.g.wrapping_add(bytes);
        self.direction = self.direction.wrapping_add(bytes);
        self.state = self.state.map(|state| state.wrapping_add(bytes));
        self
    }
}

/// Coefficients of a pass in each lane.
struct Coefficients<V: Vector, K: Kernel> {
    row: <K::Row as Lanes>::Of<V>,
    tensor: <K::Tensor as Lanes>::Of<V>,
    decay: V,
    l2: V,
}

impl<V: Vector, K: Kernel> Coefficients<V, K> {
    /// # Safety
    /// The row must have all coefficients of the kernel.
    #[inline(always)]
    unsafe fn new(row: Numbers, tensor: &[f64; MAX_TENSOR]) -> Self {
        // SAFETY: the caller guarantees the row.
        let coefficient = |k: usize| splat::<V>(unsafe { row.get(k) });
        Self {
            row: K::Row::each(|k| coefficient(PIPELINE.len() + k)),
            tensor: K::Tensor::each(|k| splat::<V>(tensor[k])),
            decay: coefficient(Pipeline::AT.decay),
            l2: coefficient(Pipeline::AT.l2),
        }
    }
}

/// Four vectors as one: all their roots come before their divisions. Vector by vector these queue for one unit in an
/// order of chance, and some of its time is lost.
type Four<V> = VectorPair<VectorPair<V>>;

/// Vectors that registers hold.
const fn registers<V: Vector>() -> usize {
    if size_of::<V>() == 64 || cfg!(target_arch = "aarch64") { 32 } else { 16 }
}

/// Whether a kernel takes four: with more state registers do not suffice.
const fn takes_four<V: Vector, K: Kernel>() -> bool {
    let is_light = K::State::NAMES.len() <= registers::<V>() / 16;
    K::DIVIDES && is_light && V::LANES > 1 && !SMALL
}

/// Whether one vector alone is more than registers hold.
const fn is_heavy<V: Vector, K: Kernel>() -> bool {
    K::DIVIDES && K::State::NAMES.len() > 3 && registers::<V>() < 32
}

/// Whether kernel `K` has a loop that decays gradients itself.
pub const fn can_decay<K: Kernel>() -> bool {
    let is_alone =
        K::Tensor::NAMES.is_empty() && K::SUMS.is_empty() && matches!(K::OUTPUT, Output::Parameters);
    is_alone && !SMALL
}

/// Runs kernel `K` over `length` elements; where it `DECAYS`, λ·θ is added to the gradients before.
///
/// # Safety
/// The arrays must be valid for `length` numbers, rounded up to whole vectors: what pads a tensor
/// is updated with it, and zeros stay zeros. `row` must have all coefficients of the kernel. Nothing
/// else may write to the arrays meanwhile.
#[inline(always)]
pub unsafe fn pass<V: Vector, K: Kernel, const DECAYS: bool>(
    streams: &Streams,
    row: Numbers,
    tensor: &[f64; MAX_TENSOR],
    length: usize,
) {
    // A copy: values in memory would be loaded again after each store.
    let streams = *streams;
    let mut at = 0;
    if takes_four::<V, K>() {
        // SAFETY: the caller guarantees the row.
        let by = unsafe { Coefficients::<Four<V>, K>::new(row, tensor) };
        while at + 4 * V::LANES <= length {
            // SAFETY: the caller guarantees `length` numbers of each array.
            unsafe { lanes::<_, _, DECAYS>(&streams, &by, at) };
            at += 4 * V::LANES;
        }
    }
    // SAFETY: the caller guarantees the row.
    let by = unsafe { Coefficients::<V, K>::new(row, tensor) };
    let lanes = |at: usize| {
        // SAFETY: the caller guarantees the arrays up to the end of the last vector.
        unsafe { lanes::<_, _, DECAYS>(&streams, &by, at) }
    };
    // A cache line at a time, or two vectors, so that several are in flight.
    let scalar = size_of::<V::Scalar>();
    // Builds for small code only unroll the shortest float32 loops.
    let is_short = !K::DIVIDES && K::Tensor::NAMES.is_empty() && K::Row::NAMES.len() <= 3 && scalar == 4;
    let is_long = if SMALL { is_short } else { !takes_four::<V, K>() && !is_heavy::<V, K>() };
    let line = (64 / scalar).max(2 * V::LANES);
    while is_long && at + line <= length {
        for vector in 0..line / V::LANES {
            lanes(at + vector * V::LANES);
        }
        at += line;
    }
    while at < length {
        lanes(at);
        at += V::LANES;
    }
}

/// Stripes of each sum that a kernel takes.
pub type Sums = [[f64; STRIPES]; MAX_SUMS];

/// The same, which adds what the kernel sums to stripes; the first element belongs to the first one.
///
/// # Safety
/// Same as for `pass`.
#[inline(always)]
pub unsafe fn pass_summed<V: Vector, K: Kernel>(
    streams: &Streams,
    row: Numbers,
    tensor: &[f64; MAX_TENSOR],
    length: usize,
    sums: &mut Sums,
) {
    let streams = *streams;
    let is_there = K::COPIES && ptr::eq(streams.g, streams.direction);
    // Registers cannot hold two sums in addition to a pass, so the sums follow the pass per block, from the first-level
    // cache.
    if K::SUMS.len() == 2 && registers::<V>() < 32 {
        for at in (0..length).step_by(BLOCK) {
            let count = BLOCK.min(length - at);
            if !is_there {
                let block = streams.advanced(at * size_of::<V::Scalar>());
                // SAFETY: the caller guarantees the row, and the arrays, of which this is a block.
                unsafe { pass::<V, K, false>(&block, row, tensor, count) };
            }
            for (sum, sums) in K::SUMS.iter().zip(&mut *sums) {
                let mut stripes = Stripes::<V>::new(sums);
                let (lines, rest) = (count / STRIPES, count % STRIPES);
                for line in 0..lines {
                    // SAFETY: the caller guarantees the arrays, which have this line of stripes.
                    unsafe { add_one(&streams, *sum, &mut stripes, at + line * STRIPES, STRIPES) };
                }
                if rest > 0 {
                    // SAFETY: the caller guarantees the arrays, which have the rest of the block.
                    unsafe { add_one(&streams, *sum, &mut stripes, at + lines * STRIPES, rest) };
                }
                *sums = stripes.to_array();
            }
        }
        return;
    }
    // SAFETY: the caller guarantees the row.
    let by = unsafe { Coefficients::<V, K>::new(row, tensor) };
    let mut stripes = [Stripes::<V>::new(&sums[0]), Stripes::<V>::new(&sums[1])];
    let (mut at, mut summed) = (0, 0);
    while at < length {
        for k in (0..STRIPES).step_by(V::LANES) {
            if !is_there && at + k < length {
                // SAFETY: the caller guarantees the arrays up to the end of the last vector.
                unsafe { lanes::<_, _, false>(&streams, &by, at + k) };
            }
        }
        at += STRIPES;
        if at > summed + LAG {
            // SAFETY: the caller guarantees `length` numbers; this line of stripes is more than one before their end.
            unsafe { add::<V, K>(&streams, &mut stripes, summed, STRIPES) };
            summed += STRIPES;
        }
    }
    while summed + STRIPES <= length {
        // SAFETY: the caller guarantees `length` numbers, which have this line of stripes.
        unsafe { add::<V, K>(&streams, &mut stripes, summed, STRIPES) };
        summed += STRIPES;
    }
    if summed < length {
        // SAFETY: the caller guarantees `length` numbers, of which this many are left.
        unsafe { add::<V, K>(&streams, &mut stripes, summed, length - summed) };
    }
    *sums = [stripes[0].to_array(), stripes[1].to_array()];
}

/// Elements by which sums are behind the pass: they would wait for its divisions, and what follows for them.
const LAG: usize = 128;

/// Adds elements from `at` on to their stripes of each sum; `left` elements remain.
///
/// # Safety
/// The arrays that the kernel sums must be readable for `left` numbers from number `at` on, or for a line of stripes if
/// more are left.
#[inline(always)]
unsafe fn add<V: Vector, K: Kernel>(
    streams: &Streams,
    stripes: &mut [Stripes<V>; MAX_SUMS],
    at: usize,
    left: usize,
) {
    for (sum, stripes) in K::SUMS.iter().zip(stripes) {
        // SAFETY: the caller guarantees the numbers of each sum.
        unsafe { add_one(streams, *sum, stripes, at, left) };
    }
}

/// Adds elements for one sum.
///
/// # Safety
/// Same as for `add`.
#[inline(always)]
unsafe fn add_one<V: Vector>(streams: &Streams, sum: Sum, stripes: &mut Stripes<V>, at: usize, left: usize) {
    let from = match sum {
        Sum::Parameters => streams.theta,
        Sum::Sizes => streams.state[0],
        Sum::Gradients | Sum::Values | Sum::Nonzero => streams.direction,
    };
    let mut from = from.cast_const().cast::<V::Scalar>().wrapping_add(at);
    // Padding of a tensor is not always 0.
    let mut last = [V::Scalar::from_f64(0.0); STRIPES];
    if left < STRIPES {
        // SAFETY: the caller guarantees the numbers that are left, fewer than `last` has.
        unsafe { last.as_mut_ptr().copy_from_nonoverlapping(from, left) };
        from = last.as_ptr();
    }
    for k in (0..STRIPES).step_by(V::LANES) {
        // SAFETY: `last` is a line of stripes. If it is not read, the caller guarantees a line.
        let x = unsafe { load_at::<V>(from, k) };
        match sum {
            Sum::Values => stripes.add_all(k, x.widen()),
            Sum::Sizes => stripes.add_all(k, x.abs().widen()),
            _ => stripes.add(k, x),
        }
    }
}

/// A row of a tensor: its first element, and the first of its gradients, relative to the tensor's.
pub type RowAt = [usize; 2];

/// Same as `pass` over rows of `length` elements each, with coefficients that are loaded once for all rows. Gradients
/// are prepared on the way, if required.
///
/// # Safety
/// Same as for `pass`, for each row; rows must be whole vectors.
#[inline(always)]
pub unsafe fn pass_by_row<V: Vector, K: Kernel>(
    streams: &Streams,
    row: Numbers,
    preparation: Option<&Preparation>,
    length: usize,
    rows: &[RowAt],
) {
    // SAFETY: the caller guarantees the row.
    let by = unsafe { Coefficients::<V, K>::new(row, &[0.0; MAX_TENSOR]) };
    match preparation {
        // SAFETY: the caller guarantees the arrays of each row.
        None => unsafe { update_rows(streams, &by, length, rows, None) },
        // SAFETY: see above.
        Some(it) => unsafe { update_rows(streams, &by, length, rows, Some(&PreparationLanes::new(it))) },
    }
}

/// # Safety
/// Same as for `pass_by_row`.
#[inline(always)]
unsafe fn update_rows<V: Vector, K: Kernel>(
    streams: &Streams,
    by: &Coefficients<V, K>,
    length: usize,
    rows: &[RowAt],
    preparation: Option<&PreparationLanes<V>>,
) {
    let size = size_of::<V::Scalar>();
    for [own, given] in rows.iter().map(|at| at.map(|elements| elements * size)) {
        let (own, given) = (streams.advanced(own), streams.advanced(given));
        let streams = Streams { g: given.g, direction: given.direction, ..own };
        for at in (0..length).step_by(V::LANES) {
            // SAFETY: the caller guarantees the row up to its end, which is one of a vector.
            let [parameters, given] = unsafe { load_lanes(&streams, at) };
            let gradient = match preparation {
                None => given,
                Some(it) => it.apply(given, parameters),
            };
            // SAFETY: see above.
            unsafe { update_lanes(&streams, by, at, parameters, gradient) };
        }
    }
}

/// Applies a pass to one vector.
#[inline(always)]
unsafe fn lanes<V: Vector, K: Kernel, const DECAYS: bool>(
    streams: &Streams,
    by: &Coefficients<V, K>,
    at: usize,
) {
    // SAFETY: the caller guarantees a vector of each array.
    let [parameters, given] = unsafe { load_lanes(streams, at) };
    let gradient = if DECAYS { decayed(given, by.l2, parameters) } else { given };
    // SAFETY: see above.
    unsafe { update_lanes(streams, by, at, parameters, gradient) };
}

/// Parameters and gradients.
///
/// # Safety
/// Same as for `lanes`.
#[inline(always)]
unsafe fn load_lanes<V: Vector>(streams: &Streams, at: usize) -> [V; 2] {
    let Streams { theta, g, .. } = *streams;
    let (theta, g) = (theta.cast_const().cast::<V::Scalar>(), g.cast::<V::Scalar>());
    // SAFETY: the caller guarantees a vector of each array.
    let parameters = unsafe { V::load(theta.wrapping_add(at)) };
    // SAFETY: see above.
    [parameters, unsafe { V::load(g.wrapping_add(at)) }]
}

/// # Safety
/// Same as for `lanes`.
#[inline(always)]
unsafe fn update_lanes<V: Vector, K: Kernel>(
    streams: &Streams,
    by: &Coefficients<V, K>,
    at: usize,
    parameters: V,
    gradient: V,
) {
    let Streams { theta, direction, state, .. } = *streams;
    let theta = theta.cast::<V::Scalar>().wrapping_add(at);
    let to = |k: usize| state[k].cast::<V::Scalar>().wrapping_add(at);
    // SAFETY: the caller guarantees a vector of each array of state.
    let mut states = K::State::each(|k| unsafe { V::load(to(k)) });
    let output = K::apply(&by.row, &by.tensor, by.decay, parameters, gradient, &mut states);
    // SAFETY: see above.
    K::State::visit(&states, |k, x| unsafe { x.store(to(k)) });
    match K::OUTPUT {
        // SAFETY: the caller guarantees a vector of the parameters.
        Output::Parameters => unsafe { output.store(theta) },
        // SAFETY: the caller guarantees a vector of what directions are written to.
        Output::Gradients => unsafe { output.store(direction.cast::<V::Scalar>().wrapping_add(at)) },
        Output::State => {}
    }
}
