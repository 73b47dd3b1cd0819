//! Gradients of some rows of a tensor, as of an embedding: a stage goes over these rows alone.
//!
//! The gradients are contiguous, at the beginning of the tensor's gradients, or borrowed. The tensor's list names their
//! rows. The gradient of a row that is listed more than once is the sum. It is written to a buffer, as is what has to
//! be scaled, clipped or decayed first.

use std::mem;

use crate::arena::*;
use crate::kernel::pipeline::{self, PREPARES, Preparation, Scratch, ZEROES};
use crate::kernel::{MAX_STATE, MAX_TENSOR, RowAt, Streams, Sum};
use crate::stages::arena::Arena;
use crate::stages::row_list::List;
use crate::stages::run::{BorrowedGradients, Job};
use crate::sums;
use crate::sums::product::PANEL;

/// Rows that are updated together, at most.
const SOME: usize = 32;

/// Bytes of a block of [`Scratch`].
const BUFFER: usize = PANEL / 2;

/// Elements of one line, at most.
type Line = [u64; LINE / 8];

/// The use of a block of [`Scratch`] here: gradients of rows, each at the beginning of a line.
struct Buffer {
    start: *mut u8,
    /// Elements from one to the next.
    stride: usize,
    /// Whether all gradients are prepared there.
    prepares: bool,
}

/// Rows that are to be updated together.
struct Batch {
    rows: [RowAt; SOME],
    count: usize,
}

impl Batch {
    const EMPTY: Self = Self { rows: [[0; 2]; SOME], count: 0 };

    fn push(&mut self, row: RowAt) {
        self.rows[self.count] = row;
        self.count += 1;
    }

    /// The rows, which are no longer in it.
    fn take(&mut self) -> &[RowAt] {
        let count = mem::take(&mut self.count);
        &self.rows[..count]
    }
}

impl Arena {
    /// Runs a stage over the tensors of which rows are listed.
    ///
    /// # Safety
    /// Same as for `run`.
    pub unsafe fn run_rows(
        &self,
        stage: usize,
        borrowed: BorrowedGradients,
        scratch: &mut Scratch,
    ) -> Result<(), ArenaError> {
        self.each_job(stage, 0, self.length(), |job, segment| {
            if segment.flags & BY_ROW != 0 {
                // SAFETY: the caller guarantees that nothing else accesses the arena, and the borrowed gradients are
                // valid.
                unsafe { self.rows(job, segment, 0, self.length(), borrowed, scratch) }?;
            }
            Ok(true)
        })?;
        Ok(())
    }

    /// Runs a stage over the listed rows that begin in the range. Sums cover the whole tensor if the tensor begins in
    /// the range.
    ///
    /// # Safety
    /// Same as for `run_range`.
    #[inline(never)] // By value, as `walk`.
    pub(crate) unsafe fn rows(
        self,
        mut job: Job,
        segment: Segment,
        from: usize,
        to: usize,
        borrowed: BorrowedGradients,
        scratch: &mut Scratch,
    ) -> Result<(), ArenaError> {
        let number = self.tables.tensor_from(segment.offset)?;
        let tensor = self.tables.tensor(number)?;
        if (tensor.offset, tensor.length) != (segment.offset, segment.length) {
            return Err(ArenaError::new(&"a segment by row is not one tensor"));
        }
        let list = self.list(&tensor)?;
        let mut streams = Streams::NOWHERE;
        self.find(&job, tensor.offset, tensor.offset + tensor.length, &mut streams)?;
        if let Some(borrowed) = borrowed {
            streams.g = self.lent_to(number, list.elements(), borrowed)?.cast_mut();
        }
        if !job.sums.is_empty() {
            if job.sums != [Sum::Gradients] {
                return Err(ArenaError::new(&"there is no such sum by row"));
            }
            if (from..to).contains(&tensor.offset) {
                let by_tensor = self.by_tensor(&job, 0)?;
                // SAFETY: `find` has found all gradients of the tensor, and `lent_to` the borrowed gradients.
                let squares = unsafe { self.squares_of_rows(&list, streams.g, scratch) }?;
                // SAFETY: it has a number for each tensor.
                unsafe { by_tensor.set(number, squares) };
            }
            return Ok(());
        }
        if job.around & CLIPPED_PER_TENSOR != 0 {
            let scales = self.whole(SCALES, Extent::Tensors, self.tables.header.tensors)?;
            // SAFETY: it has a number for each tensor.
            job.scale = unsafe { scales.get(number) };
        }
        let begins = |row: usize| (from..to).contains(&(tensor.offset + row * list.length));
        for first in (0..list.length).step_by(pipeline::BLOCK) {
            let columns = [first, pipeline::BLOCK.min(list.length - first)];
            // SAFETY: `find` has found all rows, it or `lent_to` the gradients of the list, and the caller guarantees
            // that nothing else accesses rows that begin in the range.
            unsafe { self.columns(job, &list, columns, &streams, begins, scratch) }?;
        }
        Ok(())
    }

    /// Some columns of the listed rows for which `begins` is true.
    ///
    /// # Safety
    /// The streams must have all rows and the gradients of the list, and nothing else may access them.
    unsafe fn columns(
        &self,
        mut job: Job,
        list: &List,
        columns @ [first, count]: [usize; 2],
        streams: &Streams,
        begins: impl Fn(usize) -> bool,
        scratch: &Scratch,
    ) -> Result<(), ArenaError> {
        // Not by the pipeline, which knows one gradient of each row.
        let zeroes = job.around & ZEROES != 0;
        job.around &= !ZEROES;
        let only_prepares = job.around & !(PREPARES | CLIPPED_PER_TENSOR) == 0;
        // The pipeline prepares a block of gradients in its place, or leaves the block of parameters unused.
        let start = scratch.blocks()[usize::from(only_prepares)];
        let stride = self.padded(count);
        let buffer = Buffer { start, stride, prepares: only_prepares && job.around != 0 };
        let most = if only_prepares { SOME.min(BUFFER / (stride * self.size())) } else { 1 };
        let buffered = Streams { g: start, ..*streams };
        let (mut in_place, mut in_buffer) = (Batch::EMPTY, Batch::EMPTY);
        for named in list.named() {
            let named = named?;
            if !begins(named.row) {
                continue;
            }
            let own = named.row * list.length + first;
            if named.is_repeated() || zeroes {
                let at = in_buffer.count * stride;
                let to = start.wrapping_add(at * self.size());
                // SAFETY: the caller guarantees the gradients of the list; the buffer has room for `most` rows.
                unsafe { self.sum_of(list, &named, columns, streams.g, to) }?;
                in_buffer.push([own, at]);
            } else {
                in_place.push([own, named.given(list) + first]);
            }
            if zeroes {
                // SAFETY: the caller guarantees the gradients of the list.
                unsafe { self.zero(list, &named, columns, streams.direction) }?;
            }
            // Rows in the buffer come first, because other rows may be prepared there.
            if in_buffer.count == most || in_place.count == most {
                let rows = in_buffer.take();
                // SAFETY: the caller guarantees the rows, and that nothing else accesses them; these are `most` at
                // most.
                unsafe { self.some_rows(&job, &buffered, count, &buffer, rows, scratch) };
            }
            if in_place.count == most {
                // SAFETY: see above.
                unsafe { self.some_rows(&job, streams, count, &buffer, in_place.take(), scratch) };
            }
        }
        // SAFETY: see above.
        unsafe { self.some_rows(&job, &buffered, count, &buffer, in_buffer.take(), scratch) };
        // SAFETY: see above.
        unsafe { self.some_rows(&job, streams, count, &buffer, in_place.take(), scratch) };
        Ok(())
    }

    /// Updates some rows. Their streams are the tensor's, except for gradients.
    ///
    /// # Safety
    /// The streams must have the rows, and nothing else may access them. The buffer must have room for this many rows,
    /// and a row's gradient may already be in its place there.
    unsafe fn some_rows(
        &self,
        job: &Job,
        streams: &Streams,
        length: usize,
        buffer: &Buffer,
        rows: &[RowAt],
        scratch: &Scratch,
    ) {
        // Elements after the last whole line of a row share a line with the next row, so they are updated in lines of
        // their own.
        let line = LINE / self.size();
        let whole = length / line * line;
        // SAFETY: `job` has checked the row of coefficients.
        let own = unsafe { Preparation::new(job.row) };
        let scaled = Preparation { scale: own.scale * job.scale, ..own };
        let preparation = buffer.prepares.then_some(scaled);
        if let Some(by_row) = job.entry.by_row.filter(|_| job.around == 0 || buffer.prepares) {
            // SAFETY: the caller guarantees the rows, `job` has checked that of coefficients, and the instruction set
            // is available.
            unsafe { by_row(streams, job.row, preparation.as_ref(), whole, rows) };
        } else if let Some(preparation) = preparation {
            let mut prepared = [[0; 2]; SOME];
            for (k, (row, prepared)) in rows.iter().zip(&mut prepared).enumerate() {
                let to = k * buffer.stride;
                let Streams { theta, g, .. } = self.row_of(streams, row);
                let slot = buffer.start.wrapping_add(to * self.size());
                // SAFETY: the caller guarantees the rows, and that the buffer has room for them.
                unsafe { (self.code.prepare)(theta, g, &preparation, slot, whole) };
                *prepared = [row[0], to];
            }
            let streams = Streams { g: buffer.start, ..*streams };
            let job = Job { around: 0, ..*job };
            // SAFETY: the caller guarantees the rows; their gradients have just been written to the buffer.
            unsafe { self.passes(&job, &streams, whole, &prepared[..rows.len()], scratch) };
        } else {
            // SAFETY: the caller guarantees the rows.
            unsafe { self.passes(job, streams, whole, rows, scratch) };
        }
        if whole < length {
            for row in rows {
                let streams = self.advanced(&self.row_of(streams, row), whole);
                // SAFETY: the caller guarantees the rows, of which this is what is left behind whole lines.
                unsafe { self.rest(job, &streams, length - whole, scratch) };
            }
        }
    }

    /// # Safety
    /// Same as for `some_rows`, of rows of whole lines.
    unsafe fn passes(&self, job: &Job, streams: &Streams, length: usize, rows: &[RowAt], scratch: &Scratch) {
        for row in rows.iter().filter(|_| length > 0) {
            // SAFETY: the caller guarantees `length` numbers of each row, which are whole lines.
            unsafe { self.stretch(job, &self.row_of(streams, row), length, &[0.0; MAX_TENSOR], scratch) };
        }
    }

    /// The streams of a row. (The array for directions would have as many rows as the parameters.)
    fn row_of(&self, streams: &Streams, &[own, given]: &RowAt) -> Streams {
        Streams { g: self.advanced(streams, given).g, ..self.advanced(streams, own) }
    }

    /// # Safety
    /// Same as for `some_rows`, of one; `length` is less than a line has.
    #[inline(never)]
    unsafe fn rest(&self, job: &Job, streams: &Streams, length: usize, scratch: &Scratch) {
        let bytes = length * self.size();
        let states = job.entry.state;
        let mut lines: [Line; 2 + MAX_STATE] = [[0; LINE / 8]; 2 + MAX_STATE];
        let at: [*mut u8; 2 + MAX_STATE] = lines.each_mut().map(|line| line.as_mut_ptr().cast());
        let [theta, g, state @ ..] = at;
        // SAFETY: the caller guarantees `length` numbers of the row, less than a line has room for.
        unsafe { theta.copy_from_nonoverlapping(streams.theta, bytes) };
        // SAFETY: see above.
        unsafe { g.copy_from_nonoverlapping(streams.g, bytes) };
        for (line, own) in state.iter().zip(streams.state).take(states) {
            // SAFETY: see above.
            unsafe { line.copy_from_nonoverlapping(own, bytes) };
        }
        let in_lines = Streams { theta, g, state, ..*streams };
        // SAFETY: each stream is a line of its own, and longer than `length` numbers.
        unsafe { self.stretch(job, &in_lines, length, &[0.0; MAX_TENSOR], scratch) };
        // SAFETY: the caller guarantees `length` numbers of the row, on which nothing else runs.
        unsafe { streams.theta.copy_from_nonoverlapping(theta, bytes) };
        for (line, own) in state.iter().zip(streams.state).take(states) {
            // SAFETY: see above.
            unsafe { own.copy_from_nonoverlapping(*line, bytes) };
        }
    }

    /// Σ g², in the order and to the bits in which it is summed where all other rows are 0. Rows are in order.
    ///
    /// # Safety
    /// `g` must have the gradients of the list.
    unsafe fn squares_of_rows(
        &self,
        list: &List,
        g: *const u8,
        scratch: &Scratch,
    ) -> Result<f64, ArenaError> {
        let [buffer, _] = scratch.blocks();
        let (mut total, mut stripes, mut block) = (0.0, [0.0; sums::STRIPES], 0);
        for named in list.named() {
            let named = named?;
            let mut column = 0;
            while column < list.length {
                let at = named.row * list.length + column;
                if at / sums::BLOCK != block {
                    total += sums::combine(stripes);
                    stripes = [0.0; sums::STRIPES];
                    block = at / sums::BLOCK;
                }
                let left = (list.length - column).min(sums::BLOCK - at % sums::BLOCK);
                let count = if named.is_repeated() { left.min(pipeline::BLOCK) } else { left };
                let mut from = g.wrapping_add((named.given(list) + column) * self.size());
                if named.is_repeated() {
                    // SAFETY: the caller guarantees the gradients of the list; the buffer has room for a block of the
                    // pipeline.
                    unsafe { self.sum_of(list, &named, [column, count], g, buffer) }?;
                    from = buffer;
                }
                // SAFETY: these are `count` of the list's gradients, or of the buffer; the instruction set is
                // available.
                unsafe { (self.code.add_squares)(from, count, at % sums::STRIPES, &mut stripes) };
                column += count;
            }
        }
        Ok(total + sums::combine(stripes))
    }
}
