//! The tables of an arena: at its start, where JavaScript can write them at any time, in the middle of a step too, or
//! elsewhere. Each number is read once, atomically, and what was read is checked before it is used.
//!
//! `ts/arena/arena.ts` writes them.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::layout::*;
use super::{ArenaError, HASH};
use crate::memory;

/// No row is longer.
const MAX_COEFFICIENTS: usize = 1 << 16;

/// Address of float64 numbers that JavaScript may write.
#[derive(Clone, Copy)]
pub struct Numbers {
    at: *const AtomicU64,
    /// How many there are: only what reads equations asks.
    #[cfg(feature = "equations")]
    count: usize,
}

impl Numbers {
    #[cfg_attr(not(feature = "equations"), allow(unused_variables))]
    #[inline(always)]
    fn new(at: *const AtomicU64, count: usize) -> Self {
        Self {
            at,
            #[cfg(feature = "equations")]
            count,
        }
    }

    /// The number at `k`, if that is within what it was made of.
    #[cfg(feature = "equations")]
    #[inline(always)]
    pub fn find(self, k: usize) -> Option<f64> {
        // SAFETY: this was just checked.
        (k < self.count).then(|| unsafe { self.get(k) })
    }

    /// # Safety
    /// The number at `k` must be within what it was made of.
    #[inline(always)]
    pub unsafe fn get(self, k: usize) -> f64 {
        // SAFETY: the caller guarantees that it is there; all that reads or writes it here is atomic.
        f64::from_bits(unsafe { memory::get(self.at, k) }.load(Relaxed))
    }

    /// The numbers from number `count` on.
    ///
    /// # Safety
    /// At least `count` numbers must exist.
    pub unsafe fn skip(self, count: usize) -> Self {
        Self {
            // SAFETY: the caller guarantees `count` numbers, so their end is within or behind what it was made of.
            at: unsafe { self.at.add(count) },
            #[cfg(feature = "equations")]
            count: self.count.saturating_sub(count),
        }
    }

    /// # Safety
    /// Same as for `get`.
    #[inline(always)]
    pub unsafe fn set(self, k: usize, x: f64) {
        // SAFETY: as in `get`.
        unsafe { memory::get(self.at, k) }.store(x.to_bits(), Relaxed);
    }
}

impl Tensor {
    /// Whether passes over the flat parameter array leave it out.
    pub fn stays(&self) -> bool {
        self.flags & EXCLUDED != 0
    }
}

impl Segment {
    /// The number of a stage's kernel; 0 for none.
    #[inline(always)]
    pub fn kernel(&self, stage: usize) -> usize {
        let kernels = self.early_kernels as u64 | (self.late_kernels as u64) << 32;
        if stage < STAGES { (kernels >> (16 * stage)) as usize & 0xffff } else { 0 }
    }
}

/// All tables of an arena.
#[derive(Clone, Copy)]
pub struct Tables {
    /// Addresses of the tables, and of the rows. They differ if the tables are a copy.
    words: *const AtomicU32,
    base: *const u8,
    pub header: Header,
}

impl Tables {
    /// Reads the header and checks that all tables lie within `bytes`.
    ///
    /// # Safety
    /// `base` must be valid for reads and writes of `bytes` bytes as long as the tables are used.
    #[inline(always)]
    pub unsafe fn new(base: *const u8, bytes: usize) -> Result<Self, ArenaError> {
        // SAFETY: the caller guarantees `bytes` bytes, which hold `bytes / 4` words.
        unsafe { Self::read(base.cast(), bytes / 4, base, bytes) }
    }

    /// Same as `new` for tables in separate words, which nothing writes. Rows of coefficients stay in the arena.
    ///
    /// # Safety
    /// Same as for `new`, and the words must stay where they are.
    pub unsafe fn apart(words: &[AtomicU32], base: *const u8, bytes: usize) -> Result<Self, ArenaError> {
        // SAFETY: a slice has all of its words, and the caller guarantees `bytes` bytes at `base`.
        unsafe { Self::read(words.as_ptr(), words.len(), base, bytes) }
    }

    /// # Safety
    /// Same as for `new`, and `count` words must be at `words` as long as the tables are used.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    unsafe fn read(
        words: *const AtomicU32,
        count: usize,
        base: *const u8,
        bytes: usize,
    ) -> Result<Self, ArenaError> {
        if !base.cast::<u64>().is_aligned() || count < Header::SIZE {
            return Err(ArenaError::new(&"it is too short, or not aligned"));
        }
        // SAFETY: there are as many words as a header has; this was just checked.
        let header = Header::read(|at| unsafe { memory::get(words, at) }.load(Relaxed) as usize);
        if header.hash != HASH as usize {
            return Err(ArenaError::new(&"it was made for other kernels"));
        }
        if header.element_size != 4 && header.element_size != 8 {
            return Err(ArenaError::new(&"the dtype is unknown"));
        }
        // 64 bits hold all of these products.
        let wide = |count: usize, words: usize| count as u64 * words as u64 * 4;
        let tables = (Header::SIZE * 4) as u64
            + wide(header.arrays, Array::SIZE)
            + wide(header.tensors, Tensor::SIZE + Segment::SIZE);
        let fits = header.row_length <= MAX_COEFFICIENTS
            && header.segments <= header.tensors
            && tables <= count as u64 * 4
            && tables + wide(header.rows, header.row_length * 2) <= bytes as u64;
        if !fits {
            return Err(ArenaError::new(&"its tables do not fit"));
        }
        // No sum or product of smaller counts overflows, not even in 32 bits.
        if header.length as u64 * header.element_size as u64 > bytes as u64 || header.blocks > bytes / LINE {
            return Err(ArenaError::new(&"its arrays do not fit"));
        }
        Ok(Self { words, base, header })
    }

    /// Positions of the tensors, segments and rows, in words.
    fn first_tensor(&self) -> usize {
        Header::SIZE + self.header.arrays * Array::SIZE
    }

    #[inline(always)]
    fn first_segment(&self) -> usize {
        self.first_tensor() + self.header.tensors * Tensor::SIZE
    }

    #[inline(always)]
    fn first_row(&self) -> usize {
        self.first_segment() + self.header.tensors * Segment::SIZE
    }

    #[inline(always)]
    fn word(&self, at: usize) -> usize {
        // SAFETY: all callers stay within the tables, which `new` has found to fit.
        unsafe { memory::get(self.words, at) }.load(Relaxed) as usize
    }

    #[inline(always)]
    pub fn array(&self, number: usize) -> Result<Array, ArenaError> {
        if number >= self.header.arrays {
            return Err(ArenaError::new(&"there is no such array"));
        }
        let at = Header::SIZE + number * Array::SIZE;
        Ok(Array::read(|k| self.word(at + k)))
    }

    pub fn tensor(&self, number: usize) -> Result<Tensor, ArenaError> {
        if number >= self.header.tensors {
            return Err(ArenaError::new(&"there is no such tensor"));
        }
        let at = self.first_tensor() + number * Tensor::SIZE;
        let tensor = Tensor::read(|k| self.word(at + k));
        self.check(tensor.offset, tensor.length)?;
        if tensor.block > self.header.blocks {
            return Err(ArenaError::new(&"a tensor has too many blocks"));
        }
        Ok(tensor)
    }

    #[inline(always)]
    pub fn segment(&self, number: usize) -> Result<Segment, ArenaError> {
        if number >= self.header.segments {
            return Err(ArenaError::new(&"there is no such segment"));
        }
        let at = self.first_segment() + number * Segment::SIZE;
        let segment = Segment::read(|k| self.word(at + k));
        self.check(segment.offset, segment.length)?;
        Ok(segment)
    }

    /// Row `number`, of which at least `count` numbers are there.
    #[inline(always)]
    pub fn row(&self, number: usize, count: usize) -> Result<Numbers, ArenaError> {
        let Header { rows, row_length, .. } = self.header;
        if number >= rows || count > row_length {
            return Err(ArenaError::new(&"a row of coefficients does not fit"));
        }
        let at = self.first_row() * 4 + number * row_length * 8;
        Ok(Numbers::new(self.base.wrapping_add(at).cast(), row_length))
    }

    /// `count` numbers at an address within the arena.
    pub fn numbers(at: *mut u8, count: usize) -> Numbers {
        Numbers::new(at.cast_const().cast(), count)
    }

    /// A range must start on a line and end within the flat parameter array.
    #[inline(always)]
    fn check(&self, offset: usize, length: usize) -> Result<(), ArenaError> {
        let fits = offset <= self.header.length && length <= self.header.length - offset;
        if !fits || !(offset * self.header.element_size).is_multiple_of(LINE) {
            return Err(ArenaError::new(&"a tensor or segment does not fit"));
        }
        Ok(())
    }

    /// The first tensor that ends behind the element at `at`; tensors are in the flat parameter array's order.
    pub fn tensor_from(&self, at: usize) -> Result<usize, ArenaError> {
        partition(self.header.tensors, |number| {
            self.tensor(number).map(|tensor| tensor.offset + tensor.length <= at)
        })
    }

    /// The first segment that ends behind the element at `at`; so are segments.
    #[inline(always)]
    pub fn segment_from(&self, at: usize) -> Result<usize, ArenaError> {
        partition(self.header.segments, |number| {
            self.segment(number).map(|segment| segment.offset + segment.length <= at)
        })
    }
}

/// The first number for which `is_before` is false.
fn partition(
    count: usize,
    is_before: impl Fn(usize) -> Result<bool, ArenaError>,
) -> Result<usize, ArenaError> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(middle)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
