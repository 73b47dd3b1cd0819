//! A region of memory that describes itself: a header, the tensors, the segments of a step, and
//! then planes: the parameters, their gradients and each array of state, one behind the other.
//!
//! [`Header`], [`Tensor`] and [`Segment`] are what JavaScript writes; `ts/arena.ts` has the same layout.

use std::fmt;
use std::slice;

use crate::dispatch::{Dtype, Find, InstructionSet, Loops};
use crate::reduce;
use crate::rules::{self, MAX_COEFFICIENTS};
use crate::update::{Preparation, Streams};

/// Planes and tensors start at multiples of this many bytes; what pads a tensor may be overwritten.
const LINE: usize = 64;
/// Elements that are prepared at a time.
const BLOCK: usize = 512;

/// What `ts/arena.ts` must have as well: to be raised with any change of the layout, or of the order
/// of a rule's coefficients.
const LAYOUT: u32 = 2;

/// State is collected, but the parameters stay (a delayed start).
const HOLDS: u32 = 1;
/// Afterwards, subnormal numbers of the state become +0.
const SETTLES: u32 = 2;

#[repr(C)]
struct Header {
    layout: u32,
    _unused: u32,
    /// Bytes of a number: 4 or 8.
    size: u32,
    /// Where the first plane begins, in lines.
    first_plane: u32,
    /// The distance of planes in lines; a little more than their length, so that they do not collide
    /// in the processor's caches and buffers.
    plane_distance: u32,
    /// Numbers in a plane, padding included.
    plane_length: u32,
    planes: u32,
    tensors: u32,
    segments: u32,
    /// Not 0: gradients are set to 0 once they are used.
    zeroes: u32,
}

#[repr(C)]
struct Tensor {
    offset: u32,
    length: u32,
    /// A result: the sum of its gradient's squares.
    sum_of_squares: f64,
}

/// A stretch of the planes that is updated with one row of coefficients.
#[repr(C)]
struct Segment {
    offset: u32,
    length: u32,
    /// [`HOLDS`], [`SETTLES`], both or none.
    flags: u32,
    _unused: u32,
    preparation: Preparation,
    row: [f64; MAX_COEFFICIENTS],
}

/// A stretch of a segment or of a tensor.
pub struct Piece {
    number: usize,
    offset: usize,
    length: usize,
    /// Where its gradient is, if that is not the arena's.
    lent: Option<*const u8>,
}

// SAFETY: what lends a gradient says that threads may read it, see `step_pieces`.
unsafe impl Sync for Piece {}

impl Piece {
    /// The stretch in pieces of `most` elements, of which the last may be shorter.
    fn split(self, most: usize, size: usize) -> impl Iterator<Item = Self> {
        let Self { number, offset, length, lent } = self;
        (0..length).step_by(most).map(move |done| Self {
            number,
            offset: offset + done,
            length: most.min(length - done),
            lent: lent.map(|gradient| gradient.wrapping_add(done * size)),
        })
    }
}

/// Gradients that are not the arena's, by tensor, each as long as its tensor; null where there is none.
pub type Lent<'a> = Option<&'a [*const u8]>;

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

/// An arena together with the loops of one kernel.
pub struct Arena {
    base: *mut u8,
    first_plane: usize,
    plane_distance: usize,
    plane_length: usize,
    planes: usize,
    tensors: usize,
    size: usize,
    loops: Loops,
}

// SAFETY: the bytes are the arena's alone (see `new`), and what works on them from several threads
// (`step_piece`, `square_piece`) works on stretches that do not overlap.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

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
        if !base.cast::<f64>().is_aligned() || bytes < size_of::<Header>() {
            return Err(Fault("too short, or not aligned"));
        }
        // SAFETY: just checked, and any bits are a header.
        let header = unsafe { &*base.cast::<Header>() };
        if header.layout != LAYOUT {
            return Err(Fault("its layout differs"));
        }
        let dtype = match header.size {
            4 => Dtype::Float32,
            8 => Dtype::Float64,
            _ => return Err(Fault("the dtype is unknown")),
        };
        let loops = rules::visit(kernel, Find { set, dtype }).ok_or(Fault("the kernel is unknown"))?;
        let planes = header.planes as usize;
        if planes < 2 + loops.state {
            return Err(Fault("the kernel needs more state"));
        }
        let arena = Self {
            base,
            first_plane: header.first_plane as usize * LINE,
            plane_distance: header.plane_distance as usize * LINE,
            plane_length: header.plane_length as usize,
            planes,
            tensors: header.tensors as usize,
            size: header.size as usize,
            loops,
        };
        let plane = arena.plane_length * arena.size;
        let tables = size_of::<Header>() + arena.tensors * (size_of::<Tensor>() + size_of::<Segment>());
        let end = arena.plane_distance.checked_mul(planes - 1).and_then(|x| x.checked_add(plane));
        let fits = plane.is_multiple_of(LINE)
            && plane <= arena.plane_distance
            && tables <= arena.first_plane
            && arena.first_plane <= bytes
            && end.is_some_and(|end| end <= bytes - arena.first_plane);
        if fits { Ok(arena) } else { Err(Fault("the planes do not fit")) }
    }

    /// Whether a gradient of `length` numbers of `size` bytes is right for tensor `number`.
    pub fn takes(&self, number: usize, size: usize, length: usize) -> bool {
        number < self.tensors && size == self.size && length == self.tensor(number).length as usize
    }

    /// Whether some of these bytes are the arena's.
    pub fn holds(&self, start: *const u8, bytes: usize) -> bool {
        let end = self.plane(self.planes - 1, self.plane_length);
        start.wrapping_add(bytes) > self.base && start < end.cast_const()
    }

    /// Updates every segment in place.
    pub fn step(&self) -> Result<(), Fault> {
        let segments = self.segments()?;
        for segment in segments {
            self.check(segment.offset, segment.length)?;
        }
        for segment in segments {
            let (offset, length) = (segment.offset as usize, segment.length as usize);
            // SAFETY: just checked.
            unsafe { self.update(segment, offset, length, self.streams(offset).g) };
        }
        Ok(())
    }

    /// The same step in pieces of about `most` elements, for [`Self::step_piece`].
    pub fn step_pieces(&self, most: usize, lent: Lent) -> Result<Vec<Piece>, Fault> {
        let most = most.next_multiple_of(LINE);
        let mut pieces = Vec::new();
        let mut tensor = 0;
        for (number, segment) in self.segments()?.iter().enumerate() {
            self.check(segment.offset, segment.length)?;
            let (offset, length) = (segment.offset as usize, segment.length as usize);
            let Some(lent) = lent else {
                pieces.extend(Piece { number, offset, length, lent: None }.split(most, self.size));
                continue;
            };
            // Segments are in the tensors' order, and each is some tensors in a row.
            while tensor < self.tensors && (self.tensor(tensor).offset as usize) < offset + length {
                let Tensor { offset, length, .. } = *self.tensor(tensor);
                self.check(offset, length)?;
                let (offset, length) = (offset as usize, length as usize);
                let gradient = lent.get(tensor).copied().filter(|gradient| !gradient.is_null());
                if gradient.is_some() {
                    pieces.extend(Piece { number, offset, length, lent: gradient }.split(most, self.size));
                }
                tensor += 1;
            }
        }
        Ok(pieces)
    }

    /// Updates one piece in place. Any threads may do so with different ones: they do not overlap.
    ///
    /// # Safety
    /// The piece must be of this arena's `step_pieces`, the header and what was lent unchanged since,
    /// and no other thread may have the same.
    pub unsafe fn step_piece(&self, piece: &Piece) {
        let segment = &self.segments().unwrap_or_default()[piece.number];
        let &Piece { offset, length, .. } = piece;
        // SAFETY: `step_pieces` checked it.
        unsafe {
            match piece.lent {
                None => self.update(segment, offset, length, self.streams(offset).g),
                Some(gradient) => self.update_lent(segment, offset, length, gradient),
            }
        }
    }

    /// A gradient that is lent ends where its tensor ends: its last, broken line is copied first.
    ///
    /// # Safety
    /// As for `update`, but `gradient` need only have `length` numbers.
    unsafe fn update_lent(&self, segment: &Segment, offset: usize, length: usize, gradient: *const u8) {
        let rest = length % (LINE / self.size);
        let whole = length - rest;
        let mut last = [0_u64; LINE / 8];
        let last = last.as_mut_ptr().cast::<u8>();
        // SAFETY: passed on; what is copied is shorter than a line.
        unsafe {
            self.update(segment, offset, whole, gradient);
            if rest > 0 {
                last.copy_from_nonoverlapping(gradient.add(whole * self.size), rest * self.size);
                self.update(segment, offset + whole, rest, last);
            }
        }
    }

    /// # Safety
    /// The stretch must be of the segment, which must have passed `check`, and `gradient` must be
    /// readable for as many numbers, rounded up to a line.
    unsafe fn update(&self, segment: &Segment, offset: usize, length: usize, gradient: *const u8) {
        let zeroes = self.header().zeroes != 0;
        if segment.flags != 0 || zeroes || segment.preparation.is_needed() {
            // SAFETY: passed on.
            unsafe { self.update_prepared(segment, offset, length, gradient, zeroes) }
        } else {
            // SAFETY: `new` vouches for the planes, the caller for the stretch, and the loops are of
            // an instruction set that this processor has.
            unsafe {
                let streams = Streams { g: gradient, ..self.streams(offset) };
                (self.loops.update)(&streams, &segment.row, length)
            }
        }
    }

    /// Block by block through a buffer that stays in the first-level cache.
    ///
    /// # Safety
    /// As for `update`.
    #[inline(never)]
    unsafe fn update_prepared(
        &self,
        segment: &Segment,
        offset: usize,
        length: usize,
        gradient: *const u8,
        zeroes: bool,
    ) {
        let mut block = Scratch([0.0; BLOCK]);
        let mut parameters = Scratch([0.0; BLOCK]);
        for done in (0..length).step_by(BLOCK) {
            let count = BLOCK.min(length - done);
            let mut streams = self.streams(offset + done);
            let own = streams.g.cast_mut();
            let prepared = (&raw mut block.0).cast::<u8>();
            // SAFETY: as in `update`; the buffers hold a block, rounded up to whole vectors.
            unsafe {
                streams.g = gradient.add(done * self.size);
                (self.loops.prepare)(&streams, &segment.preparation, prepared, count);
                streams.g = prepared;
                if segment.flags & HOLDS != 0 {
                    let held = (&raw mut parameters.0).cast::<u8>();
                    held.copy_from_nonoverlapping(streams.theta, count * self.size);
                    streams.theta = held;
                }
                (self.loops.update)(&streams, &segment.row, count);
                if segment.flags & SETTLES != 0 {
                    for number in 2..self.planes {
                        (self.loops.settle)(self.plane(number, offset + done), count);
                    }
                }
                if zeroes {
                    own.write_bytes(0, count * self.size);
                }
            }
        }
    }

    /// Writes the sum of the squares of each tensor's gradient into the table of tensors.
    pub fn sum_squares(&self) -> Result<(), Fault> {
        for number in 0..self.tensors {
            let Tensor { offset, length, .. } = *self.tensor(number);
            self.check(offset, length)?;
        }
        for number in 0..self.tensors {
            let Tensor { offset, length, .. } = *self.tensor(number);
            // SAFETY: just checked; the instruction set is one that this processor has.
            let sum =
                unsafe { (self.loops.sum_of_squares)(self.streams(offset as usize).g, length as usize) };
            self.set_sum_of_squares(number, sum);
        }
        Ok(())
    }

    /// The same sums in pieces, for [`Self::square_piece`]: the blocks that are added in order.
    pub fn square_pieces(&self, lent: Lent) -> Result<Vec<Piece>, Fault> {
        let mut pieces = Vec::new();
        for number in 0..self.tensors {
            let Tensor { offset, length, .. } = *self.tensor(number);
            self.check(offset, length)?;
            let (offset, length) = (offset as usize, length as usize);
            let gradient = lent.map(|lent| lent.get(number).copied().unwrap_or(std::ptr::null()));
            // What is missing has no part in the sum.
            if gradient.is_none_or(|gradient| !gradient.is_null()) {
                let tensor = Piece { number, offset, length, lent: gradient };
                pieces.extend(tensor.split(reduce::BLOCK, self.size));
            }
        }
        Ok(pieces)
    }

    /// The sum of the squares of one piece of the gradients.
    ///
    /// # Safety
    /// The piece must be of this arena's `square_pieces`, and what was lent unchanged since.
    pub unsafe fn square_piece(&self, piece: &Piece) -> f64 {
        // SAFETY: `square_pieces` checked it.
        unsafe {
            let gradient = piece.lent.unwrap_or(self.streams(piece.offset).g);
            (self.loops.sum_of_squares)(gradient, piece.length)
        }
    }

    /// Adds up what `square_piece` gave for each of `pieces`, in their order, into the table.
    pub fn add_squares(&self, pieces: &[Piece], sums: &[f64]) {
        for number in 0..self.tensors {
            self.set_sum_of_squares(number, 0.0);
        }
        for (piece, sum) in pieces.iter().zip(sums) {
            self.set_sum_of_squares(piece.number, self.tensor(piece.number).sum_of_squares + sum);
        }
    }

    /// The planes from the element at `offset` on.
    fn streams(&self, offset: usize) -> Streams {
        let plane = |number| self.plane(number, offset);
        Streams { theta: plane(0), g: plane(1), state: [plane(2), plane(3), plane(4)] }
    }

    /// The plane of that number from the element at `offset` on.
    fn plane(&self, number: usize, offset: usize) -> *mut u8 {
        // Wrapping: a rule without that much state never looks there.
        self.base.wrapping_add(self.first_plane + number * self.plane_distance + offset * self.size)
    }

    fn header(&self) -> &Header {
        // SAFETY: `new` checked that it fits; any bits are a header.
        unsafe { &*self.base.cast() }
    }

    fn tensor_at(&self, number: usize) -> *mut Tensor {
        assert!(number < self.tensors);
        // SAFETY: `new` found as many to fit.
        unsafe { self.base.add(size_of::<Header>()).cast::<Tensor>().add(number) }
    }

    fn tensor(&self, number: usize) -> &Tensor {
        // SAFETY: it is in the arena, and any bits are a tensor.
        unsafe { &*self.tensor_at(number) }
    }

    fn set_sum_of_squares(&self, number: usize, sum: f64) {
        // SAFETY: it is in the arena, which is writable, and no reference to it is held.
        unsafe { (&raw mut (*self.tensor_at(number)).sum_of_squares).write(sum) };
    }

    fn segments(&self) -> Result<&[Segment], Fault> {
        let count = self.header().segments as usize;
        if count > self.tensors {
            return Err(Fault("more segments than tensors"));
        }
        let at = size_of::<Header>() + self.tensors * size_of::<Tensor>();
        // SAFETY: `new` found as many as there are tensors to fit; any bits are a segment.
        Ok(unsafe { slice::from_raw_parts(self.base.add(at).cast(), count) })
    }

    /// A stretch must start on a line and end within the plane.
    fn check(&self, offset: u32, length: u32) -> Result<(), Fault> {
        let fits = offset as u64 + length as u64 <= self.plane_length as u64;
        if !fits || !(offset as usize * self.size).is_multiple_of(LINE) {
            return Err(Fault("a segment does not fit"));
        }
        Ok(())
    }
}
