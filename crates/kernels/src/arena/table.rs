//! The tables at the start of an arena. JavaScript can write them at any time, in the middle of a step
//! too: each number is read once, atomically, and what was read is checked before it is used.
//!
//! `ts/arena/arena.ts` writes them; the manifest carries the layout.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::{Fault, HASH};

/// Arrays and tensors start at multiples of this many bytes; what pads a tensor may be overwritten.
pub const LINE: usize = 64;
/// Stages of a step, and behind them the pass that writes the point where a gradient is wanted.
pub const STAGES: usize = 4;

/// No row is longer.
const MOST_COEFFICIENTS: usize = 1 << 16;

/// Sizes in 32-bit words.
pub const HEADER: usize = 10;
pub const ARRAY: usize = 4;
/// (Each is even, so that rows of coefficients are aligned.)
pub const TENSOR: usize = 10;
pub const SEGMENT: usize = 8;

/// The parameters are collected, but stay (a delayed start).
pub const HOLDS: u32 = 1;
/// Afterwards, subnormal numbers of the state become +0.
pub const FLUSHES: u32 = 2;

/// The first stage, of a direction u, does not move θ: it leaves u·k, k = [u·g > 0], where the gradient
/// was, and Σ k as the first number by tensor.
pub const MASKS: u32 = 4;
/// Gradients are scaled by a number of their tensor's in SCALES, too.
pub const CLIPS: u32 = 8;
/// The norm of the parameters is wanted beside that of the gradients.
pub const WEIGHS: u32 = 16;
/// Gradients are centralized or clipped by unit, or get noise, before the first stage.
pub const UNITWISE: u32 = 32;
/// Beside MASKS: k is the sign of u·g (Grams), or 1 (nothing is masked).
pub const SIGNS: u32 = 64;
pub const KEEPS: u32 = 128;

/// A flag of a tensor: passes over the plane leave it out.
pub const STAYS: u32 = 1;

/// The arrays that every arena has, by number; those of the state follow.
pub const PARAMETERS: usize = 0;
pub const GRADIENTS: usize = 1;
/// Σ g² by tensor.
pub const SQUARES: usize = 2;
/// Σ θ² by tensor, where that is wanted.
pub const PARAMETER_SQUARES: usize = 3;
/// Factors of the gradients by tensor.
pub const SCALES: usize = 4;
/// What sums by tensor are made of: some numbers for each block of each tensor.
pub const PARTIALS: usize = 5;

/// Sums of gradients, averages and slow copies of the parameters; of length 0 unless they were asked for.
pub const ACCUMULATED: usize = 6;
pub const AVERAGE: usize = 7;
pub const SLOW: usize = 8;
/// What rules compute with that take tensors as matrices; of length 0 unless there is one.
pub const SCRATCH: usize = 9;

/// Over what an array extends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// A number for each parameter, of the arena's dtype.
    Elements = 0,
    /// A float64 for each tensor.
    Tensors = 1,
    /// Some float64 for each block of each tensor.
    Blocks = 2,
    /// A number of the arena's dtype for each row, or for each column, of tensors that are matrices.
    Lines = 3,
}

/// Where float64 numbers lie that JavaScript may write.
#[derive(Clone, Copy)]
pub struct Numbers(*const AtomicU64);

impl Numbers {
    /// # Safety
    /// The number at `k` must be within what it was made of.
    #[inline(always)]
    pub unsafe fn get(self, k: usize) -> f64 {
        // SAFETY: the caller vouches for it; all that reads or writes it here is atomic.
        f64::from_bits(unsafe { &*self.0.add(k) }.load(Relaxed))
    }

    /// Those from number `count` on.
    ///
    /// # Safety
    /// So many must be there.
    pub unsafe fn skip(self, count: usize) -> Self {
        // SAFETY: passed on.
        Self(unsafe { self.0.add(count) })
    }

    /// # Safety
    /// As for `get`.
    #[inline(always)]
    pub unsafe fn set(self, k: usize, x: f64) {
        // SAFETY: as in `get`.
        unsafe { &*self.0.add(k) }.store(x.to_bits(), Relaxed);
    }
}

/// The header, by value.
#[derive(Clone, Copy)]
pub struct Header {
    /// Bytes of a parameter: 4 or 8.
    pub size: usize,
    pub arrays: usize,
    pub tensors: usize,
    pub segments: usize,
    /// One for each tensor, and the plane's behind them.
    pub rows: usize,
    /// Numbers in a row.
    pub row_length: usize,
    /// Elements of the parameters' array, padding included.
    pub length: usize,
    /// Whether gradients are set to 0 once they are used.
    pub zeroes: bool,
    /// Blocks of all tensors, for sums.
    pub blocks: usize,
}

/// An array's entry: it has elements `first` to `first + length − 1` of the plane, or of its own extent.
#[derive(Clone, Copy)]
pub struct Array {
    pub extent: u32,
    /// Where it begins, in lines.
    pub position: usize,
    pub first: usize,
    pub length: usize,
}

#[derive(Clone, Copy)]
pub struct Tensor {
    pub offset: usize,
    pub length: usize,
    /// The number of its first block.
    pub block: usize,
    /// Whether passes over the plane leave it out.
    pub stays: bool,
    /// Rows and columns of each of the matrices that it is, one behind the other; or 0.
    pub rows: usize,
    pub columns: usize,
    /// Where its own numbers begin in arrays by row, and in arrays by column.
    pub lines: [usize; 2],
    /// How many rows it has in which gradients may be centralized and clipped; 0 where its shape has none.
    pub units: usize,
    /// Of its name, where noise is added to its gradients.
    pub key: u32,
}

/// Neighbouring tensors that are updated by the same kernels with one row of coefficients.
#[derive(Clone, Copy)]
pub struct Segment {
    pub offset: usize,
    pub length: usize,
    /// The number of the first array of its state, and of the first that has numbers by tensor.
    pub array: usize,
    pub by_tensor: usize,
    pub row: usize,
    pub flags: u32,
    /// The kernel of each stage, 16 bits each from the lowest on.
    kernels: u64,
}

impl Segment {
    /// The number of a stage's kernel; 0 for none.
    #[inline(always)]
    pub fn kernel(&self, stage: usize) -> usize {
        if stage < STAGES { (self.kernels >> (16 * stage)) as usize & 0xffff } else { 0 }
    }
}

/// All tables of an arena.
#[derive(Clone, Copy)]
pub struct Tables {
    base: *const u8,
    pub header: Header,
}

impl Tables {
    /// Reads the header and checks that all tables lie within `bytes`.
    ///
    /// # Safety
    /// `base` must be valid for reads and writes of `bytes` bytes as long as the tables are used.
    #[inline(always)]
    pub unsafe fn new(base: *const u8, bytes: usize) -> Result<Self, Fault> {
        if !base.cast::<u64>().is_aligned() || bytes < HEADER * 4 {
            return Err(Fault::new(&"it is too short, or not aligned"));
        }
        // SAFETY: just checked.
        let word = |k: usize| unsafe { &*base.cast::<AtomicU32>().add(k) }.load(Relaxed);
        if word(0) != HASH {
            return Err(Fault::new(&"it was made for other kernels"));
        }
        let count = |k: usize| word(k) as usize;
        let header = Header {
            size: count(1),
            arrays: count(2),
            tensors: count(3),
            segments: count(4),
            rows: count(5),
            row_length: count(6),
            length: count(7),
            zeroes: word(8) != 0,
            blocks: count(9),
        };
        if header.size != 4 && header.size != 8 {
            return Err(Fault::new(&"the dtype is unknown"));
        }
        // 64 bits hold all of these products.
        let wide = |count: usize, words: usize| count as u64 * words as u64 * 4;
        let tables =
            (HEADER * 4) as u64 + wide(header.arrays, ARRAY) + wide(header.tensors, TENSOR + SEGMENT);
        let fits = header.row_length <= MOST_COEFFICIENTS
            && header.segments <= header.tensors
            && tables + wide(header.rows, header.row_length * 2) <= bytes as u64;
        if !fits {
            return Err(Fault::new(&"its tables do not fit"));
        }
        // No sum or product of smaller counts overflows, not even in 32 bits.
        if header.length as u64 * header.size as u64 > bytes as u64 || header.blocks > bytes / LINE {
            return Err(Fault::new(&"its arrays do not fit"));
        }
        Ok(Self { base, header })
    }

    fn first_row(&self) -> usize {
        let Header { arrays, tensors, .. } = self.header;
        (HEADER + arrays * ARRAY + tensors * (TENSOR + SEGMENT)) * 4
    }

    /// Some words from the one at `at` on; 0 where they end.
    #[inline(always)]
    fn words<const N: usize>(&self, at: usize) -> [u32; N] {
        // SAFETY: all callers stay within the tables, which `new` has found to fit.
        std::array::from_fn(|k| unsafe { &*self.base.cast::<AtomicU32>().add(at + k) }.load(Relaxed))
    }

    #[inline(always)]
    pub fn array(&self, number: usize) -> Result<Array, Fault> {
        if number >= self.header.arrays {
            return Err(Fault::new(&"there is no such array"));
        }
        let [extent, position, first, length] = self.words::<ARRAY>(HEADER + number * ARRAY);
        Ok(Array { extent, position: position as usize, first: first as usize, length: length as usize })
    }

    fn first_tensor(&self) -> usize {
        HEADER + self.header.arrays * ARRAY
    }

    pub fn tensor(&self, number: usize) -> Result<Tensor, Fault> {
        if number >= self.header.tensors {
            return Err(Fault::new(&"there is no such tensor"));
        }
        let [offset, length, block, flags, rows, columns, by_row, by_column, units, key] =
            self.words::<TENSOR>(self.first_tensor() + number * TENSOR);
        let (offset, length, block) = (offset as usize, length as usize, block as usize);
        let tensor = Tensor {
            offset,
            length,
            block,
            stays: flags & STAYS != 0,
            rows: rows as usize,
            columns: columns as usize,
            lines: [by_row as usize, by_column as usize],
            units: units as usize,
            key,
        };
        self.check(tensor.offset, tensor.length)?;
        if tensor.block > self.header.blocks {
            return Err(Fault::new(&"a tensor has too many blocks"));
        }
        Ok(tensor)
    }

    #[inline(always)]
    pub fn segment(&self, number: usize) -> Result<Segment, Fault> {
        if number >= self.header.segments {
            return Err(Fault::new(&"there is no such segment"));
        }
        let first = self.first_tensor() + self.header.tensors * TENSOR;
        let [offset, length, array, row, flags, by_tensor, low, high] =
            self.words::<SEGMENT>(first + number * SEGMENT);
        self.check(offset as usize, length as usize)?;
        Ok(Segment {
            offset: offset as usize,
            length: length as usize,
            array: array as usize,
            by_tensor: by_tensor as usize,
            row: row as usize,
            flags,
            kernels: u64::from(low) | u64::from(high) << 32,
        })
    }

    /// Row `number`, of which at least `count` numbers are there.
    #[inline(always)]
    pub fn row(&self, number: usize, count: usize) -> Result<Numbers, Fault> {
        let Header { rows, row_length, .. } = self.header;
        if number >= rows || count > row_length {
            return Err(Fault::new(&"a row of coefficients does not fit"));
        }
        let at = self.first_row() + number * row_length * 8;
        Ok(Numbers(self.base.wrapping_add(at).cast()))
    }

    /// Numbers at an address within the arena.
    pub fn numbers(at: *mut u8) -> Numbers {
        Numbers(at.cast_const().cast())
    }

    /// A stretch must start on a line and end within the plane.
    #[inline(always)]
    fn check(&self, offset: usize, length: usize) -> Result<(), Fault> {
        let fits = offset <= self.header.length && length <= self.header.length - offset;
        if !fits || !(offset * self.header.size).is_multiple_of(LINE) {
            return Err(Fault::new(&"a tensor or segment does not fit"));
        }
        Ok(())
    }

    /// The first tensor that ends behind the element at `at`; tensors are in the plane's order.
    pub fn tensor_from(&self, at: usize) -> Result<usize, Fault> {
        partition(self.header.tensors, |number| {
            self.tensor(number).map(|tensor| tensor.offset + tensor.length <= at)
        })
    }

    /// The first segment that ends behind the element at `at`; so are segments.
    #[inline(always)]
    pub fn segment_from(&self, at: usize) -> Result<usize, Fault> {
        if at == 0 {
            return Ok(0);
        }
        partition(self.header.segments, |number| {
            self.segment(number).map(|segment| segment.offset + segment.length <= at)
        })
    }
}

/// The first number for which `is_before` is false.
fn partition(count: usize, is_before: impl Fn(usize) -> Result<bool, Fault>) -> Result<usize, Fault> {
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
