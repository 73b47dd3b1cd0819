//! A region of memory that describes itself: a header, the tensors, the segments of a step, and
//! then planes: the parameters, their gradients and each array of state, one behind the other.
//!
//! Header, tensors and segments are float64 (whole numbers are exact), so that JavaScript writes
//! all of them through one typed array. `ts/arena.ts` has the same layout.
//!
//! | float64 at | what |
//! |---|---|
//! | 0 … 7 | bytes of a number, offset of the first plane and distance of the planes in bytes, numbers in a plane, planes, tensors, segments, gradients are zeroed (0 or 1) |
//! | 8 … | for each tensor: offset and length in the plane, and, as a result, the sum of its gradient's squares |
//! | then | for each segment: offset, length, hold, scale, limit, λ, ten coefficients |

use std::fmt;

use crate::dispatch::{Dtype, Find, InstructionSet, Loops};
use crate::rules::{self, MAX_COEFFICIENTS, MAX_STATE};
use crate::vector::Scalar;

const HEADER: usize = 8;
const TENSOR: usize = 3;
const SEGMENT: usize = 6 + MAX_COEFFICIENTS;
/// Every tensor starts at a multiple of this many bytes, and what pads it may be overwritten.
const ALIGNMENT: usize = 64;

/// A stretch of the planes that is updated with one row of coefficients.
pub struct Segment {
    pub offset: usize,
    pub length: usize,
    /// Not 0: state is collected, but the parameters stay (a delayed start).
    pub hold: f64,
    /// The gradient's factor: clipping by norm, and −1 to maximize.
    pub scale: f64,
    /// The largest absolute value of a scaled gradient; infinity for any.
    pub limit: f64,
    /// λ of λ·θ, which is added to the gradient.
    pub l2: f64,
    pub row: [f64; MAX_COEFFICIENTS],
}

/// What is wrong with an arena; nothing of it has been changed.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault(&'static str);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "this is not an arena of this version: {}", self.0)
    }
}

impl std::error::Error for Fault {}

pub struct Arena {
    base: *mut u8,
    first_plane: usize,
    plane_distance: usize,
    plane_length: usize,
    tensors: usize,
    dtype: Dtype,
    loops: Loops,
}

impl Arena {
    /// Reads the header at `base`, checks that all it speaks of lies within `bytes`, and finds the
    /// loops of the kernel of that number for an instruction set.
    ///
    /// # Safety
    /// `base` must be aligned to 8 and valid for reads and writes of `bytes` bytes for as long as
    /// the arena is used, and nothing else may write to them during [`Self::step`].
    pub unsafe fn new(
        base: *mut u8,
        bytes: usize,
        kernel: usize,
        set: InstructionSet,
    ) -> Result<Self, Fault> {
        if !base.cast::<f64>().is_aligned() || bytes < HEADER * 8 {
            return Err(Fault("too short, or not aligned"));
        }
        // SAFETY: just checked, and any bits are a float64.
        let header = unsafe { base.cast::<[f64; HEADER]>().read() };
        let [size, first_plane, plane_distance, plane_length, planes, tensors, ..] =
            header.map(|x| x as usize);
        let dtype = match size {
            4 => Dtype::Float32,
            8 => Dtype::Float64,
            _ => return Err(Fault("the dtype is unknown")),
        };
        let loops = rules::visit(kernel, Find { set, dtype }).ok_or(Fault("the kernel is unknown"))?;
        let state = rules::visit(kernel, StateCount).unwrap_or(MAX_STATE);
        if planes < 2 + state {
            return Err(Fault("the kernel needs more state"));
        }
        let fits = || {
            let tables = tensors.checked_mul((TENSOR + SEGMENT) * 8)?.checked_add(HEADER * 8)?;
            let plane = plane_length.checked_mul(size)?;
            let last = plane_distance.checked_mul(planes - 1)?.checked_add(first_plane)?;
            let aligned = first_plane % size == 0 && plane_distance % size == 0 && plane % ALIGNMENT == 0;
            (aligned && tables <= first_plane && plane <= plane_distance && last.checked_add(plane)? <= bytes)
                .then_some(())
        };
        fits().ok_or(Fault("the planes do not fit"))?;
        Ok(Self { base, first_plane, plane_distance, plane_length, tensors, dtype, loops })
    }

    /// Updates every segment in place.
    pub fn step(&self) -> Result<(), Fault> {
        let segments = self.header(6) as usize;
        if segments > self.tensors {
            return Err(Fault("more segments than tensors"));
        }
        for number in 0..segments {
            let segment = self.segment(number);
            self.check(segment.offset, segment.length)?;
        }
        for number in 0..segments {
            let segment = self.segment(number);
            let plain = segment.scale == 1.0
                && segment.limit == f64::INFINITY
                && segment.l2 == 0.0
                && !self.zeroes_gradients();
            let update = if plain { self.loops.plain } else { self.loops.prepared };
            // SAFETY: `new` vouches for the planes, `check` for the segment, and the loops are of
            // an instruction set that `InstructionSet::is_available` found.
            unsafe { update(self, &segment) };
        }
        Ok(())
    }

    /// Writes the sum of the squares of each tensor's gradient into the table of tensors.
    pub fn sum_squares(&self) -> Result<(), Fault> {
        for number in 0..self.tensors {
            let at = HEADER + number * TENSOR;
            let (offset, length) = (self.header(at) as usize, self.header(at + 1) as usize);
            self.check(offset, length)?;
            // SAFETY: as in `step`; the table lies before the planes.
            unsafe {
                let from = self.base.add(self.first_plane + self.plane_distance + offset * self.size());
                let sum = (self.loops.sum_of_squares)(from, length);
                self.base.cast::<f64>().add(at + 2).write(sum);
            }
        }
        Ok(())
    }

    /// The first number of a plane: 0 parameters, 1 gradients, then the state.
    #[inline(always)]
    pub(crate) fn plane<T: Scalar>(&self, number: usize) -> *mut T {
        // Wrapping: a rule without that much state never looks there.
        self.base.wrapping_add(self.first_plane + number * self.plane_distance).cast()
    }

    #[inline(always)]
    pub(crate) fn zeroes_gradients(&self) -> bool {
        self.header(7) != 0.0
    }

    fn size(&self) -> usize {
        match self.dtype {
            Dtype::Float32 => 4,
            Dtype::Float64 => 8,
        }
    }

    /// The float64 at `index` before the planes.
    #[inline(always)]
    fn header(&self, index: usize) -> f64 {
        // SAFETY: every index used here lies in the tables, which `new` found to fit.
        unsafe { self.base.cast::<f64>().add(index).read() }
    }

    fn segment(&self, number: usize) -> Segment {
        let first = HEADER + self.tensors * TENSOR + number * SEGMENT;
        let at = |index: usize| self.header(first + index);
        Segment {
            offset: at(0) as usize,
            length: at(1) as usize,
            hold: at(2),
            scale: at(3),
            limit: at(4),
            l2: at(5),
            row: std::array::from_fn(|k| at(6 + k)),
        }
    }

    /// A stretch must start on a tensor's border and end within the plane.
    fn check(&self, offset: usize, length: usize) -> Result<(), Fault> {
        let fits = offset.checked_add(length).is_some_and(|end| end <= self.plane_length);
        if !fits || !(offset * self.size()).is_multiple_of(ALIGNMENT) {
            return Err(Fault("a segment does not fit"));
        }
        Ok(())
    }
}

struct StateCount;

impl rules::Visitor for StateCount {
    type Output = usize;
    fn visit<R: rules::Rule>(self) -> usize {
        R::STATE
    }
}
