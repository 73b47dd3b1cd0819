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
use crate::update::{Preparation, Streams};

const HEADER: usize = 8;
const TENSOR: usize = 3;
const SEGMENT: usize = 6 + MAX_COEFFICIENTS;
/// Every tensor starts at a multiple of this many bytes, and what pads it may be overwritten.
const ALIGNMENT: usize = 64;

/// Elements that are prepared at a time, in a buffer that stays in the first-level cache.
const BLOCK: usize = 512;

/// A stretch of the planes that is updated with one row of coefficients.
struct Segment {
    offset: usize,
    length: usize,
    /// State is collected, but the parameters stay (a delayed start).
    holds: bool,
    preparation: Preparation,
    row: [f64; MAX_COEFFICIENTS],
}

/// A buffer for a block of either dtype.
#[repr(align(64))]
struct Scratch([f64; BLOCK]);

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
            let Segment { offset, length, .. } = self.segment(number);
            self.check(offset, length)?;
        }
        for number in 0..segments {
            // SAFETY: just checked.
            unsafe { self.update(&self.segment(number)) };
        }
        Ok(())
    }

    /// # Safety
    /// The segment must have passed `check`.
    unsafe fn update(&self, segment: &Segment) {
        let zeroes = self.header(7) != 0.0;
        let Segment { offset, length, holds, ref preparation, ref row } = *segment;
        // SAFETY: `new` vouches for the planes, the caller for the segment, and the loops are of an
        // instruction set that this processor has.
        unsafe {
            if !holds && !zeroes && !preparation.is_needed() {
                return (self.loops.update)(&self.streams(offset), row, length);
            }
            let mut gradient = Scratch([0.0; BLOCK]);
            let mut parameters = Scratch([0.0; BLOCK]);
            for at in (offset..offset + length).step_by(BLOCK) {
                let count = BLOCK.min(offset + length - at);
                let mut streams = self.streams(at);
                let g = streams.g.cast_mut();
                let prepared = (&raw mut gradient.0).cast::<u8>();
                (self.loops.prepare)(&streams, preparation, prepared, count);
                streams.g = prepared;
                if holds {
                    let held = (&raw mut parameters.0).cast::<u8>();
                    held.copy_from_nonoverlapping(streams.theta, count * self.size());
                    streams.theta = held;
                }
                (self.loops.update)(&streams, row, count);
                if zeroes {
                    g.write_bytes(0, count * self.size());
                }
            }
        }
    }

    /// Writes the sum of the squares of each tensor's gradient into the table of tensors.
    pub fn sum_squares(&self) -> Result<(), Fault> {
        for number in 0..self.tensors {
            let at = HEADER + number * TENSOR;
            let (offset, length) = (self.header(at) as usize, self.header(at + 1) as usize);
            self.check(offset, length)?;
            // SAFETY: as in `step`; the table lies before the planes.
            unsafe {
                let sum = (self.loops.sum_of_squares)(self.streams(offset).g, length);
                self.base.cast::<f64>().add(at + 2).write(sum);
            }
        }
        Ok(())
    }

    /// The planes from the element at `offset` on.
    fn streams(&self, offset: usize) -> Streams {
        // Wrapping: a rule without that much state never looks there.
        let plane = |number: usize| {
            self.base.wrapping_add(self.first_plane + number * self.plane_distance + offset * self.size())
        };
        Streams { theta: plane(0), g: plane(1), state: [plane(2), plane(3), plane(4)] }
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
            holds: at(2) != 0.0,
            preparation: Preparation { scale: at(3), limit: at(4), l2: at(5) },
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
