//! A region of memory that describes itself: a header, the tensors, the segments of a step, and
//! then planes: the parameters, their gradients and each array of state, one behind the other.
//!
//! [`Header`], [`Tensor`] and [`Segment`] are what JavaScript writes; `ts/arena.ts` has the same layout.
//! Anybody's JavaScript can write there, even while a step runs. So they are made of atomics, a value
//! is read once, and what was read is what is checked and used.

use std::fmt;
use std::slice;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::dispatch::{Dtype, Find, InstructionSet, Loops};
use crate::reduce;
use crate::rules::{self, MAX_STATE};
use crate::update::{Coefficients, Preparation, Streams};

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
    layout: AtomicU32,
    _unused: AtomicU32,
    /// Bytes of a number: 4 or 8.
    size: AtomicU32,
    /// Where the first plane begins, in lines.
    first_plane: AtomicU32,
    /// The distance of planes in lines; a little more than their length, so that they do not collide
    /// in the processor's caches and buffers.
    plane_distance: AtomicU32,
    /// Numbers in a plane, padding included.
    plane_length: AtomicU32,
    planes: AtomicU32,
    tensors: AtomicU32,
    segments: AtomicU32,
    /// Not 0: gradients are set to 0 once they are used.
    zeroes: AtomicU32,
}

/// Some elements of each plane.
#[repr(C)]
struct Place {
    offset: AtomicU32,
    length: AtomicU32,
}

#[repr(C)]
struct Tensor {
    place: Place,
    /// A result: the sum of its gradient's squares, in bits.
    sum_of_squares: AtomicU64,
}

/// A stretch of the planes that is updated with one row of coefficients.
#[repr(C)]
struct Segment {
    place: Place,
    /// [`HOLDS`], [`SETTLES`], both or none.
    flags: AtomicU32,
    _unused: AtomicU32,
    /// Scale, limit and λ of [`Preparation`], in bits.
    preparation: [AtomicU64; 3],
    row: Coefficients,
}

/// What is done to a segment, as it was read; but for the coefficients, which lead nowhere.
struct Work<'a> {
    flags: u32,
    zeroes: bool,
    preparation: Preparation,
    row: &'a Coefficients,
}

/// A stretch of the planes, as it was read and checked: it lies within them.
#[derive(Clone, Copy)]
struct Stretch {
    offset: usize,
    length: usize,
}

/// Some elements of a segment or of a tensor.
pub struct Piece {
    number: usize,
    offset: usize,
    length: usize,
    /// Where its gradient is, if that is not the arena's.
    lent: Option<*const u8>,
}

// SAFETY: the pointer is only read through, in unsafe functions whose callers vouch for it.
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

/// A gradient that is not the arena's.
#[derive(Clone, Copy)]
pub struct Gradient {
    pub start: *const u8,
    /// In numbers; a step is refused where it is not the tensor's.
    pub length: usize,
}

/// Gradients by tensor; `None` where there is none.
pub type Lent<'a> = Option<&'a [Option<Gradient>]>;

impl Gradient {
    /// Where it starts, if it is as long as its tensor.
    fn checked(self, length: usize) -> Result<*const u8, Fault> {
        if self.length == length {
            Ok(self.start)
        } else {
            Err(Fault("a gradient is not as long as its tensor"))
        }
    }
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

/// What a header says of where things are, but in bytes instead of lines.
pub struct Layout {
    /// Bytes of a number: 4 or 8.
    pub size: usize,
    pub first_plane: usize,
    pub plane_distance: usize,
    /// In numbers.
    pub plane_length: usize,
    pub planes: usize,
    pub tensors: usize,
}

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

// SAFETY: the tables are atomics, and what touches the planes is unsafe to call, but for `sum_squares`,
// which only reads them.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

impl Arena {
    /// Reads the header at `base`, checks that all it speaks of lies within `bytes`, and finds the
    /// loops of the kernel of that number for an instruction set.
    ///
    /// Whatever is written to the header and the tables later, and whenever, nothing is read or written
    /// outside of the planes that were found here.
    ///
    /// # Safety
    /// `base` must be valid for reads and writes of `bytes` bytes for as long as the arena is used.
    /// Nothing but the arena may write to them during a call; the header and the tables are an
    /// exception, if each of their values is written at once, as atomics are.
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
        let [layout, size, first_plane, plane_distance, plane_length, planes, tensors] = [
            &header.layout,
            &header.size,
            &header.first_plane,
            &header.plane_distance,
            &header.plane_length,
            &header.planes,
            &header.tensors,
        ]
        .map(|field| field.load(Relaxed) as usize);
        if layout != LAYOUT as usize {
            return Err(Fault("its layout differs"));
        }
        if planes > 2 + MAX_STATE {
            return Err(Fault("no kernel has so much state"));
        }
        // As u64, none of these overflows.
        let tables =
            size_of::<Header>() as u64 + tensors as u64 * (size_of::<Tensor>() + size_of::<Segment>()) as u64;
        let plane = plane_length as u64 * size as u64;
        let distance = plane_distance as u64 * LINE as u64;
        let first = first_plane as u64 * LINE as u64;
        let end = first + distance * (planes.max(1) as u64 - 1) + plane;
        let fits =
            plane.is_multiple_of(LINE as u64) && plane <= distance && tables <= first && end <= bytes as u64;
        if !fits {
            return Err(Fault("the planes do not fit"));
        }
        let (first_plane, plane_distance) = (first as usize, distance as usize);
        let layout = Layout { size, first_plane, plane_distance, plane_length, planes, tensors };
        // SAFETY: it fits, and the caller vouches for the rest.
        unsafe { Self::with_layout(base, layout, kernel, set) }
    }

    /// The same where the caller knows the layout, and no header is read for it.
    ///
    /// # Safety
    /// As for [`Self::new`], with all that the layout speaks of in place of `bytes`: the tables before the
    /// first plane, and planes that do not overlap, each of whole lines.
    // WebAssembly makes one in each call: what it returned through memory would take 15 ns of 30.
    #[inline(always)]
    pub unsafe fn with_layout(
        base: *mut u8,
        layout: Layout,
        kernel: usize,
        set: InstructionSet,
    ) -> Result<Self, Fault> {
        let Layout { size, first_plane, plane_distance, plane_length, planes, tensors } = layout;
        let dtype = match size {
            4 => Dtype::Float32,
            8 => Dtype::Float64,
            _ => return Err(Fault("the dtype is unknown")),
        };
        if !set.is_available() {
            return Err(Fault("this processor lacks the instruction set"));
        }
        let loops = rules::visit(kernel, Find { set, dtype }).ok_or(Fault("the kernel is unknown"))?;
        if planes < 2 + loops.state {
            return Err(Fault("the kernel needs more state"));
        }
        Ok(Self { base, first_plane, plane_distance, plane_length, planes, tensors, size, loops })
    }

    /// How many tensors there are.
    pub fn tensors(&self) -> usize {
        self.tensors
    }

    /// Whether a gradient of `length` numbers of `size` bytes is right for tensor `number`.
    pub fn takes(&self, number: usize, size: usize, length: usize) -> bool {
        let Some(tensor) = self.tensor_table().get(number) else { return false };
        size == self.size && length == tensor.place.length.load(Relaxed) as usize
    }

    /// Whether some of these bytes are the arena's.
    pub fn holds(&self, start: *const u8, bytes: usize) -> bool {
        let end = self.plane(self.planes - 1, self.plane_length);
        start.wrapping_add(bytes) > self.base && start < end.cast_const()
    }

    /// Updates every segment in place.
    ///
    /// # Safety
    /// No other call on an arena of these bytes may be under way.
    pub unsafe fn step(&self) -> Result<(), Fault> {
        let segments = self.segments()?;
        // One alone is checked below, before it has any effect.
        if segments.len() > 1 {
            let mut end = 0;
            for segment in segments {
                self.stretch(&segment.place, &mut end)?;
            }
        }
        let mut end = 0;
        for segment in segments {
            // Again, as they may have been overwritten since.
            let Stretch { offset, length } = self.stretch(&segment.place, &mut end)?;
            // SAFETY: the stretch is within the planes, and the caller vouches for the rest.
            unsafe { self.update(&self.work(segment), offset, length, self.streams(offset).g) };
        }
        Ok(())
    }

    /// The same step in pieces of about `most` elements, for [`Self::step_piece`]. They do not overlap.
    pub fn step_pieces(&self, most: usize, lent: Lent) -> Result<Vec<Piece>, Fault> {
        let most = most.next_multiple_of(LINE);
        let mut pieces = Vec::new();
        let mut end = 0;
        let (mut tensor, mut tensors_end) = (0, 0);
        for (number, segment) in self.segments()?.iter().enumerate() {
            let Stretch { offset, length } = self.stretch(&segment.place, &mut end)?;
            let Some(lent) = lent else {
                pieces.extend(Piece { number, offset, length, lent: None }.split(most, self.size));
                continue;
            };
            // Segments are in the tensors' order, and each is some tensors in a row.
            while let Some(Tensor { place, .. }) = self.tensor_table().get(tensor) {
                let mut after = tensors_end;
                let stretch = self.stretch(place, &mut after)?;
                if stretch.offset >= offset + length {
                    break;
                }
                if let Some(gradient) = lent.get(tensor).copied().flatten() {
                    let Stretch { offset, length } = stretch;
                    let lent = Some(gradient.checked(length)?);
                    pieces.extend(Piece { number, offset, length, lent }.split(most, self.size));
                }
                tensors_end = after;
                tensor += 1;
            }
        }
        Ok(pieces)
    }

    /// Updates one piece in place. Any threads may do so with different ones: they do not overlap.
    ///
    /// # Safety
    /// The piece must be of this arena's `step_pieces`, of one call of it for all pieces that are under
    /// way; what was lent for them must be valid; no other thread may have the same piece, and no other
    /// call on an arena of these bytes may be under way.
    pub unsafe fn step_piece(&self, piece: &Piece) {
        let work = self.work(&self.segment_table()[piece.number]);
        let &Piece { offset, length, .. } = piece;
        // SAFETY: `step_pieces` checked it.
        unsafe {
            match piece.lent {
                None => self.update(&work, offset, length, self.streams(offset).g),
                Some(gradient) => self.update_lent(&work, offset, length, gradient),
            }
        }
    }

    /// A gradient that is lent ends where its tensor ends: its last, broken line is copied first.
    ///
    /// # Safety
    /// As for `update`, but `gradient` need only have `length` numbers.
    unsafe fn update_lent(&self, work: &Work, offset: usize, length: usize, gradient: *const u8) {
        let rest = length % (LINE / self.size);
        let whole = length - rest;
        let mut last = [0_u64; LINE / 8];
        let last = last.as_mut_ptr().cast::<u8>();
        // SAFETY: passed on; what is copied is shorter than a line.
        unsafe {
            self.update(work, offset, whole, gradient);
            if rest > 0 {
                last.copy_from_nonoverlapping(gradient.add(whole * self.size), rest * self.size);
                self.update(work, offset + whole, rest, last);
            }
        }
    }

    /// # Safety
    /// The stretch must be one that passed `stretch`, which nothing else uses, and `gradient` must be
    /// readable for as many numbers, rounded up to a line.
    unsafe fn update(&self, work: &Work, offset: usize, length: usize, gradient: *const u8) {
        if work.flags != 0 || work.zeroes || work.preparation.is_needed() {
            // SAFETY: passed on.
            unsafe { self.update_prepared(work, offset, length, gradient) }
        } else {
            // SAFETY: `new` vouches for the planes, the caller for the stretch, and the loops are of
            // an instruction set that this processor has.
            unsafe {
                let streams = Streams { g: gradient, ..self.streams(offset) };
                (self.loops.update)(&streams, work.row, length)
            }
        }
    }

    /// Block by block through a buffer that stays in the first-level cache.
    ///
    /// # Safety
    /// As for `update`.
    #[cfg_attr(target_family = "wasm", inline(always))]
    #[cfg_attr(not(target_family = "wasm"), inline(never))]
    unsafe fn update_prepared(&self, work: &Work, offset: usize, length: usize, gradient: *const u8) {
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
                (self.loops.prepare)(&streams, &work.preparation, prepared, count);
                streams.g = prepared;
                if work.flags & HOLDS != 0 {
                    let held = (&raw mut parameters.0).cast::<u8>();
                    held.copy_from_nonoverlapping(streams.theta, count * self.size);
                    streams.theta = held;
                }
                (self.loops.update)(&streams, work.row, count);
                if work.flags & SETTLES != 0 {
                    for number in 2..self.planes {
                        (self.loops.settle)(self.plane(number, offset + done), count);
                    }
                }
                if work.zeroes {
                    own.write_bytes(0, count * self.size);
                }
            }
        }
    }

    /// Writes the sum of the squares of each tensor's gradient into the table of tensors.
    pub fn sum_squares(&self) -> Result<(), Fault> {
        for stretch in self.stretches() {
            stretch?;
        }
        for (tensor, stretch) in self.tensor_table().iter().zip(self.stretches()) {
            let Stretch { offset, length } = stretch?;
            // SAFETY: it is within the planes, and no step is under way: see `step`.
            let sum = unsafe { (self.loops.sum_of_squares)(self.streams(offset).g, length) };
            tensor.sum_of_squares.store(sum.to_bits(), Relaxed);
        }
        Ok(())
    }

    /// The same sums in pieces, for [`Self::square_piece`]: the blocks that are added in order.
    pub fn square_pieces(&self, lent: Lent) -> Result<Vec<Piece>, Fault> {
        let mut pieces = Vec::new();
        for (number, stretch) in self.stretches().enumerate() {
            let Stretch { offset, length } = stretch?;
            let gradient = lent.map(|lent| lent.get(number).copied().flatten());
            // What is missing has no part in the sum.
            let lent = match gradient {
                Some(None) => continue,
                Some(Some(gradient)) => Some(gradient.checked(length)?),
                None => None,
            };
            pieces.extend(Piece { number, offset, length, lent }.split(reduce::BLOCK, self.size));
        }
        Ok(pieces)
    }

    /// The sum of the squares of one piece of the gradients.
    ///
    /// # Safety
    /// The piece must be of this arena's `square_pieces`, what was lent for it must be valid, and no
    /// step of an arena of these bytes may be under way.
    pub unsafe fn square_piece(&self, piece: &Piece) -> f64 {
        // SAFETY: `square_pieces` checked it.
        unsafe {
            let gradient = piece.lent.unwrap_or(self.streams(piece.offset).g);
            (self.loops.sum_of_squares)(gradient, piece.length)
        }
    }

    /// Adds up what `square_piece` gave for each of `pieces`, in their order, into the table.
    pub fn add_squares(&self, pieces: &[Piece], sums: &[f64]) {
        let mut totals = vec![0.0; self.tensors];
        for (piece, sum) in pieces.iter().zip(sums) {
            totals[piece.number] += sum;
        }
        for (tensor, total) in self.tensor_table().iter().zip(totals) {
            tensor.sum_of_squares.store(total.to_bits(), Relaxed);
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
        // SAFETY: `new` checked that it fits; any bits are a header, and atomics may be written.
        unsafe { &*self.base.cast() }
    }

    fn tensor_table(&self) -> &[Tensor] {
        // SAFETY: `new` found as many to fit; any bits are a tensor, and atomics may be written.
        unsafe { slice::from_raw_parts(self.base.add(size_of::<Header>()).cast(), self.tensors) }
    }

    /// All that there is room for.
    fn segment_table(&self) -> &[Segment] {
        let at = size_of::<Header>() + self.tensors * size_of::<Tensor>();
        // SAFETY: as for tensors.
        unsafe { slice::from_raw_parts(self.base.add(at).cast(), self.tensors) }
    }

    fn segments(&self) -> Result<&[Segment], Fault> {
        let count = self.header().segments.load(Relaxed) as usize;
        self.segment_table().get(..count).ok_or(Fault("more segments than tensors"))
    }

    fn work<'a>(&self, segment: &'a Segment) -> Work<'a> {
        let float = |bits: &AtomicU64| f64::from_bits(bits.load(Relaxed));
        let [scale, limit, l2] = &segment.preparation;
        Work {
            flags: segment.flags.load(Relaxed),
            zeroes: self.header().zeroes.load(Relaxed) != 0,
            preparation: Preparation { scale: float(scale), limit: float(limit), l2: float(l2) },
            row: &segment.row,
        }
    }

    /// Where each tensor is.
    fn stretches(&self) -> impl Iterator<Item = Result<Stretch, Fault>> {
        let mut end = 0;
        self.tensor_table().iter().map(move |tensor| self.stretch(&tensor.place, &mut end))
    }

    /// Reads a stretch. It must start on a line, and end within the plane; but for empty ones, it must
    /// not start before the `end` of the one before, so that no two overlap.
    fn stretch(&self, place: &Place, end: &mut usize) -> Result<Stretch, Fault> {
        let (offset, length) = (place.offset.load(Relaxed) as usize, place.length.load(Relaxed) as usize);
        let fits = offset <= self.plane_length
            && length <= self.plane_length - offset
            && (offset * self.size).is_multiple_of(LINE)
            && (length == 0 || offset >= *end);
        if !fits {
            return Err(Fault("a segment or a tensor does not fit"));
        }
        if length > 0 {
            *end = offset + length;
        }
        Ok(Stretch { offset, length })
    }
}
