//! Gradients of some rows of a tensor, as of an embedding: a stage goes over these rows alone.
//!
//! They lie one behind the other where the tensor's gradients begin, or are lent; its list says which rows they are of.

use std::array;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::arena::*;
use crate::kernel::pipeline::Scratch;
use crate::kernel::{MAX_STATE, MAX_TENSOR, RowAt, Streams, Sum};
use crate::stages::arena::Arena;
use crate::stages::run::{Job, Lent};
use crate::sums;

/// Rows that are looked at together.
const SOME: usize = 32;

/// Elements of one line, at most.
type Line = [u64; LINE / 8];

/// A tensor's list, which JavaScript may write at any time.
struct List {
    words: *const AtomicU32,
    count: usize,
    rows: usize,
}

impl List {
    /// The row that entry `k` is of, and which of the gradients it is.
    fn entry(&self, k: usize) -> Result<RowAt, Fault> {
        // SAFETY: there is room for as many of each as there are rows, and `count` is no more.
        let [row, place] =
            array::from_fn(|i| unsafe { &*self.words.add(i * self.rows + k) }.load(Relaxed) as usize);
        if row < self.rows && place < self.count {
            Ok([row, place])
        } else {
            Err(Fault::new(&"a row is none"))
        }
    }
}

impl Arena {
    /// Runs a stage over the tensors of which rows are listed.
    ///
    /// # Safety
    /// As for `run`.
    pub unsafe fn run_rows(&self, stage: usize, lent: Lent, scratch: &mut Scratch) -> Result<(), Fault> {
        self.each_job(stage, 0, self.length(), |job, segment| {
            if segment.flags & BY_ROW != 0 {
                // SAFETY: passed on.
                unsafe { self.rows(job, segment, 0, self.length(), lent, scratch) }?;
            }
            Ok(true)
        })?;
        Ok(())
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

    /// Runs a stage over the listed rows, of those that begin in the range; sums are of the whole tensor, where that does.
    ///
    /// # Safety
    /// As for `run_range`.
    #[inline(never)] // By value, as `walk`.
    pub(crate) unsafe fn rows(
        self,
        mut job: Job,
        segment: Segment,
        from: usize,
        to: usize,
        lent: Lent,
        scratch: &mut Scratch,
    ) -> Result<(), Fault> {
        let number = self.tables.tensor_from(segment.offset)?;
        let tensor = self.tables.tensor(number)?;
        if (tensor.offset, tensor.length) != (segment.offset, segment.length) {
            return Err(Fault::new(&"a segment by row is not one tensor"));
        }
        let list = self.list(&tensor)?;
        let mut streams = Streams::NOWHERE;
        self.find(&job, tensor.offset, tensor.offset + tensor.length, &mut streams)?;
        if let Some(lent) = lent {
            streams.g = self.lent_to(number, list.count * tensor.unit_length, lent)?.cast_mut();
        }
        if !job.sums.is_empty() {
            if job.sums != [Sum::Gradients] {
                return Err(Fault::new(&"there is no such sum by row"));
            }
            if (from..to).contains(&tensor.offset) {
                let by_tensor = self.by_tensor(&job, 0)?;
                // SAFETY: it has a number for each tensor; `streams` has what `list` names.
                unsafe { by_tensor.set(number, self.squares_of_rows(&list, streams.g, tensor.unit_length)?) };
            }
            return Ok(());
        }
        if job.around & CLIPS != 0 {
            // SAFETY: it has a number for each tensor.
            job.scale =
                unsafe { self.whole(SCALES, Extent::Tensors, self.tables.header.tensors)?.get(number) };
        }
        let mut some = [[0; 2]; SOME];
        for start in (0..list.count).step_by(SOME) {
            let mut count = 0;
            for k in start..list.count.min(start + SOME) {
                let at @ [own, _] = list.entry(k)?.map(|row| row * tensor.unit_length);
                some[count] = at;
                count += usize::from((from..to).contains(&(tensor.offset + own)));
            }
            // SAFETY: passed on; rows are within the tensor, which has been found.
            unsafe { self.some_rows(&job, &streams, tensor.unit_length, &some[..count], scratch) };
        }
        Ok(())
    }

    /// Some rows, whose streams are those of the tensor.
    ///
    /// # Safety
    /// The streams must have the rows, and nothing else may run on them.
    unsafe fn some_rows(
        &self,
        job: &Job,
        streams: &Streams,
        length: usize,
        rows: &[RowAt],
        scratch: &mut Scratch,
    ) {
        // What is behind the last whole line of a row is another row's: the rest of it is updated in lines of its own.
        let line = LINE / self.size();
        let whole = length / line * line;
        let at = |&[own, given]: &RowAt| {
            let (own, given) = (self.advanced(streams, own), self.advanced(streams, given));
            Streams { g: given.g, direction: given.direction, ..own }
        };
        // SAFETY: passed on; the instruction set is available, and `job` has checked the row of coefficients.
        unsafe {
            match job.entry.by_row.filter(|_| job.around == 0) {
                Some(by_row) => by_row(streams, job.row, whole, rows),
                None if whole == 0 => {}
                None => rows
                    .iter()
                    .for_each(|row| self.stretch(job, &at(row), whole, &[0.0; MAX_TENSOR], scratch)),
            }
            if whole < length {
                for row in rows {
                    self.rest(job, &self.advanced(&at(row), whole), length - whole, scratch);
                }
            }
        }
    }

    /// # Safety
    /// As for `some_rows`, of one; `length` is less than a line has.
    #[inline(never)]
    unsafe fn rest(&self, job: &Job, streams: &Streams, length: usize, scratch: &mut Scratch) {
        let bytes = length * self.size();
        let states = job.entry.state;
        let mut lines: [Line; 2 + MAX_STATE] = [[0; LINE / 8]; 2 + MAX_STATE];
        let at: [*mut u8; 2 + MAX_STATE] = lines.each_mut().map(|line| line.as_mut_ptr().cast());
        let [theta, g, state @ ..] = at;
        // SAFETY: passed on; a line has room for it.
        unsafe {
            theta.copy_from_nonoverlapping(streams.theta, bytes);
            g.copy_from_nonoverlapping(streams.g, bytes);
            for (line, own) in state.iter().zip(streams.state).take(states) {
                line.copy_from_nonoverlapping(own, bytes);
            }
            let in_lines = Streams { theta, g, state, ..*streams };
            self.stretch(job, &in_lines, length, &[0.0; MAX_TENSOR], scratch);
            streams.theta.copy_from_nonoverlapping(theta, bytes);
            for (line, own) in state.iter().zip(streams.state).take(states) {
                own.copy_from_nonoverlapping(*line, bytes);
            }
        }
    }

    /// Σ g², in the order and to the bits in which it is summed where all other rows are 0. Rows are in order.
    ///
    /// # Safety
    /// The gradients must have the rows of the list, of `length` numbers each.
    unsafe fn squares_of_rows(&self, list: &List, g: *const u8, length: usize) -> Result<f64, Fault> {
        let (mut total, mut stripes, mut block) = (0.0, [0.0; sums::STRIPES], 0);
        for k in 0..list.count {
            let [row, place] = list.entry(k)?;
            let (first, given) = (row * length, place * length);
            for i in 0..length {
                if (first + i) / sums::BLOCK != block {
                    total += sums::combine(stripes);
                    stripes = [0.0; sums::STRIPES];
                    block = (first + i) / sums::BLOCK;
                }
                // SAFETY: passed on.
                let x = unsafe {
                    match self.size() {
                        4 => f64::from(*g.cast::<f32>().add(given + i)),
                        _ => *g.cast::<f64>().add(given + i),
                    }
                };
                stripes[(first + i) % sums::STRIPES] += x * x;
            }
        }
        Ok(total + sums::combine(stripes))
    }

    /// A tensor's list, which is where its table says and has no more entries than the tensor has rows.
    fn list(&self, tensor: &Tensor) -> Result<List, Fault> {
        let array = self.tables.array(LISTED)?;
        let rows = tensor.units;
        // 64 bits hold all of these.
        let (start, words) = (array.position as u64 * LINE as u64, array.length as u64);
        let fits = array.extent == Extent::Lists as usize
            && start + words * 4 <= self.bytes() as u64
            && tensor.list as u64 + 1 + rows as u64 * 2 <= words
            && rows as u64 * tensor.unit_length as u64 <= tensor.length as u64;
        if !fits {
            return Err(Fault::new(&"a list of rows does not fit"));
        }
        let list = self.start(array.position * LINE + tensor.list * 4).cast_const().cast::<AtomicU32>();
        // SAFETY: just checked.
        let count = unsafe { &*list }.load(Relaxed) as usize;
        if count > rows {
            return Err(Fault::new(&"a list has more rows than its tensor"));
        }
        Ok(List { words: list.wrapping_add(1), count, rows })
    }
}
