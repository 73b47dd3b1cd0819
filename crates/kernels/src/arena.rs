//! A region of memory that describes itself: tables (see [`crate::table`]), and then arrays.

use crate::dispatch::{Code, InstructionSet};
use crate::kernel::{MAX_STATE, Streams};
use crate::run::Job;
use crate::table::*;
use crate::{Fault, manifest};

/// A view of an arena for one call, with the code that runs on it.
pub struct Arena {
    base: *mut u8,
    bytes: usize,
    pub(crate) tables: Tables,
    pub(crate) code: &'static Code,
}

// SAFETY: whoever makes one vouches for the bytes on any thread, and several threads only ever `run` on
// ranges that do not overlap.
unsafe impl Sync for Arena {}

impl Arena {
    /// Reads the header at `base` and checks that its tables lie within `bytes`.
    ///
    /// # Safety
    /// `base` must be valid for reads and writes of `bytes` bytes for as long as the arena is used, and
    /// the instruction set available. JavaScript may write to the bytes meanwhile: what becomes of them
    /// is then unspecified, but nothing outside of them is touched.
    #[inline(always)]
    pub unsafe fn new(base: *mut u8, bytes: usize, set: InstructionSet) -> Result<Self, Fault> {
        // SAFETY: passed on.
        let tables = unsafe { Tables::new(base, bytes, manifest::HASH) }?;
        Ok(Self { base, bytes, tables, code: set.code(tables.header.size) })
    }

    /// Elements of the plane, padding included: what ranges are ranges of.
    pub fn length(&self) -> usize {
        self.tables.header.length
    }

    /// Whether a gradient of `length` numbers of `size` bytes is right for tensor `number`.
    pub fn takes(&self, number: usize, size: usize, length: usize) -> bool {
        size == self.size() && self.tables.tensor(number).is_ok_and(|tensor| tensor.length == length)
    }

    /// Whether some of these bytes are the arena's.
    pub fn holds(&self, start: *const u8, bytes: usize) -> bool {
        start.wrapping_add(bytes) > self.base && start < self.base.wrapping_add(self.bytes)
    }

    pub(crate) fn size(&self) -> usize {
        self.tables.header.size
    }

    /// `elements`, rounded up to whole lines. Not by a division: that took as long as a small step.
    #[inline(always)]
    pub(crate) fn padded(&self, elements: usize) -> usize {
        let line = if self.size() == 4 { LINE / 4 } else { LINE / 8 };
        (elements + line - 1) & !(line - 1)
    }

    /// The streams from `elements` later on.
    #[inline(always)]
    pub(crate) fn advanced(&self, streams: &Streams, elements: usize) -> Streams {
        let bytes = elements * self.size();
        Streams {
            theta: streams.theta.wrapping_add(bytes),
            g: streams.g.wrapping_add(bytes),
            direction: streams.direction.wrapping_add(bytes),
            state: streams.state.map(|state| state.wrapping_add(bytes)),
        }
    }

    /// Where the elements from `start` on are in each array of the job, which must have them up to `end`.
    #[inline(always)]
    pub(crate) fn streams(&self, job: &Job, start: usize, end: usize) -> Result<Streams, Fault> {
        let g = self.elements(GRADIENTS, start, end);
        let theta = self.elements(PARAMETERS, start, end);
        let mut streams = Streams { theta, g, direction: g, state: [std::ptr::null_mut(); MAX_STATE] };
        let mut missing = theta.is_null() | g.is_null();
        for (k, state) in streams.state[..job.entry.state].iter_mut().enumerate() {
            *state = self.elements(job.array + k, start, end);
            missing |= state.is_null();
        }
        if missing { Err(Fault("an array does not have these elements")) } else { Ok(streams) }
    }

    /// Where the element at `start` of an array is that has all up to `end`, rounded up to a line; null if
    /// it has not.
    #[inline(always)]
    fn elements(&self, number: usize, start: usize, end: usize) -> *mut u8 {
        let Ok(array) = self.tables.array(number) else { return std::ptr::null_mut() };
        let padded = self.padded(end);
        let is_there = array.extent == Extent::Elements as u32
            && start >= array.first
            && padded >= array.first
            && padded - array.first <= array.length
            && self.is_inside(&array, self.size());
        if !is_there {
            return std::ptr::null_mut();
        }
        self.base.wrapping_add(array.position * LINE + (start - array.first) * self.size())
    }

    /// An array of `count` float64 of that extent.
    pub(crate) fn whole(&self, number: usize, extent: Extent, count: usize) -> Result<Numbers, Fault> {
        let array = self.tables.array(number)?;
        if array.extent != extent as u32 || array.length < count || !self.is_inside(&array, 8) {
            return Err(Fault("an array is too short"));
        }
        Ok(Tables::numbers(self.base.wrapping_add(array.position * LINE)))
    }

    /// The values by tensor of that number.
    pub(crate) fn by_tensor(&self, job: &Job, field: usize) -> Result<Numbers, Fault> {
        self.whole(job.by_tensor + field, Extent::Tensors, self.tables.header.tensors)
    }

    /// Whether all of an array lies within the arena. (64 bits hold these products.)
    #[inline(always)]
    fn is_inside(&self, array: &Array, size: usize) -> bool {
        array.position as u64 * LINE as u64 + array.length as u64 * size as u64 <= self.bytes as u64
    }
}
