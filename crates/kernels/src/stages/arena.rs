//! A region of memory that describes itself: tables (see [`crate::arena`]), followed by arrays.

use std::sync::atomic::AtomicU32;

use crate::arena::*;
use crate::kernel::Streams;
use crate::kernel::code::Code;
use crate::stages::run::Job;

/// A view of an arena for one call, with the code that runs on it.
#[derive(Clone, Copy)]
pub struct Arena {
    base: *mut u8,
    bytes: usize,
    pub(crate) tables: Tables,
    pub(crate) code: &'static Code,
}

// SAFETY: its creator guarantees the bytes on any thread, and several threads only ever `run` on ranges that do not
// overlap.
unsafe impl Sync for Arena {}
// SAFETY: same as for `Sync`.
unsafe impl Send for Arena {}

impl Arena {
    /// Reads the header at `base` and checks that its tables lie within `bytes`; `code` is given an element's bytes.
    ///
    /// # Safety
    /// Same as for `new` in [`crate::dispatch`], which has the code.
    #[inline(always)]
    pub(crate) unsafe fn read(
        base: *mut u8,
        bytes: usize,
        code: impl FnOnce(usize) -> &'static Code,
    ) -> Result<Self, ArenaError> {
        // SAFETY: the caller guarantees the bytes.
        let tables = unsafe { Tables::new(base, bytes) }?;
        Ok(Self { base, bytes, tables, code: code(tables.header.element_size) })
    }

    /// Same as `new`, with tables outside of the region.
    ///
    /// # Safety
    /// Same as for `new`, and for [`Tables::apart`].
    pub(crate) unsafe fn apart(
        words: &[AtomicU32],
        base: *mut u8,
        bytes: usize,
        code: impl FnOnce(usize) -> &'static Code,
    ) -> Result<Self, ArenaError> {
        // SAFETY: the caller guarantees the bytes, and that the words stay.
        let tables = unsafe { Tables::apart(words, base, bytes) }?;
        Ok(Self { base, bytes, tables, code: code(tables.header.element_size) })
    }

    /// Elements of the flat parameter array, padding included: what ranges are ranges of.
    pub fn length(&self) -> usize {
        self.tables.header.length
    }

    /// Whether a gradient of `length` numbers of `size` bytes is right for tensor `number`: one of all of it, or of
    /// whole rows where these are listed.
    pub fn takes(&self, number: usize, size: usize, length: usize) -> bool {
        let is_right = |tensor: Tensor| {
            tensor.length == length || (self.is_by_row(&tensor) && length.is_multiple_of(tensor.unit_length))
        };
        size == self.size() && self.tables.tensor(number).is_ok_and(is_right)
    }

    /// Whether rows of a tensor are listed.
    pub(crate) fn is_by_row(&self, tensor: &Tensor) -> bool {
        let segment = self.tables.segment_from(tensor.offset).and_then(|number| self.tables.segment(number));
        segment.is_ok_and(|segment| segment.offset == tensor.offset && segment.flags & BY_ROW != 0)
    }

    /// Elements of the segments that go over all of their own.
    pub fn dense_length(&self) -> usize {
        let segments = (0..self.tables.header.segments).filter_map(|number| self.tables.segment(number).ok());
        segments.filter(|segment| segment.flags & BY_ROW == 0).map(|segment| segment.length).sum()
    }

    /// Whether some of these bytes are the arena's.
    pub fn holds(&self, start: *const u8, bytes: usize) -> bool {
        start.wrapping_add(bytes) > self.base && start < self.base.wrapping_add(self.bytes)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The byte at `at`, which must be one of its own.
    pub(crate) fn start(&self, at: usize) -> *mut u8 {
        self.base.wrapping_add(at)
    }

    pub(crate) fn size(&self) -> usize {
        self.tables.header.element_size
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
        streams.advanced(elements * self.size())
    }

    /// Finds the elements from `start` on in each array of the job. The arrays must extend to `end`. (The result is
    /// written in place: a returned value would be copied, and wide reads of narrow writes stall.)
    // Not inlined in WebAssembly, where code size matters and most steps use a plan.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    pub(crate) fn find(
        &self,
        job: &Job,
        start: usize,
        end: usize,
        streams: &mut Streams,
    ) -> Result<(), ArenaError> {
        let mut are_there = true;
        let mut elements = |number| {
            let (at, is_there) = self.elements(number, start, end)?;
            are_there &= is_there;
            Ok(at)
        };
        streams.theta = elements(PARAMETERS)?;
        streams.direction = elements(GRADIENTS)?;
        streams.g = streams.direction;
        for (k, state) in streams.state.iter_mut().enumerate().take(job.entry.state) {
            *state = elements(job.array + k)?;
        }
        #[cfg(target_arch = "x86_64")]
        {
            streams.plane = self.length();
        }
        if are_there { Ok(()) } else { Err(ArenaError::new(&"an array does not have these elements")) }
    }

    /// Address of the element `start` of an array, and whether the array extends to `end`, rounded up to a line.
    #[inline(always)]
    pub(crate) fn elements(
        &self,
        number: usize,
        start: usize,
        end: usize,
    ) -> Result<(*mut u8, bool), ArenaError> {
        let array = self.tables.array(number)?;
        let end = self.padded(end);
        // A product that wraps around is rejected below.
        let bytes = |elements: usize| (elements as u64).wrapping_mul(self.size() as u64);
        let at = (array.position as u64 * LINE as u64).wrapping_add(bytes(start.wrapping_sub(array.first)));
        let is_there = (array.extent == Extent::Elements as usize)
            & (start >= array.first)
            & (end as u64 <= array.first as u64 + array.length as u64)
            & (at.wrapping_add(bytes(end - start)) <= self.bytes as u64);
        Ok((self.base.wrapping_add(at as usize), is_there))
    }

    /// An array of `count` float64 of that extent.
    pub(crate) fn whole(&self, number: usize, extent: Extent, count: usize) -> Result<Numbers, ArenaError> {
        let array = self.tables.array(number)?;
        // 64 bits hold this product.
        let end = array.position as u64 * LINE as u64 + array.length as u64 * 8;
        if array.extent != extent as usize || array.length < count || end > self.bytes as u64 {
            return Err(ArenaError::new(&"an array is too short"));
        }
        Ok(Tables::numbers(self.base.wrapping_add(array.position * LINE), array.length))
    }

    /// The values by tensor of that number.
    pub(crate) fn by_tensor(&self, job: &Job, field: usize) -> Result<Numbers, ArenaError> {
        self.whole(job.by_tensor + field, Extent::Tensors, self.tables.header.tensors)
    }
}
