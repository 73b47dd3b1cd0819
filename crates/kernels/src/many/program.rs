//! Programs: straight lines of instructions on slots, which run over all lanes of a block at once.

use super::batch::Batch;
use super::layout::{Counts, Header, Instruction};
use super::operations::{Operand, Operate};
use crate::arena::{Fault, LINE};
use crate::vector::Scalar;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Where a program's words are, all of which there are.
#[derive(Clone, Copy)]
pub struct Program {
    words: *const u32,
    counts: Counts,
    bytes: u64,
}

/// Where a program's slots are.
#[derive(Clone, Copy)]
pub struct Slots {
    /// The first parameter, and how far it is to the next one.
    pub parameters: *mut u8,
    pub stride: usize,
    /// The first of what is computed, and how far it is to the next one.
    pub computed: *mut u8,
    pub step: usize,
    /// Columns of one row, a vector of equal numbers each, where data do not differ by lane.
    pub columns: *mut u8,
    /// The first lane's own data, and whether other lanes come behind it.
    pub data: *mut u8,
    pub is_by_lane: bool,
}

impl Program {
    /// # Safety
    /// As for [`Batch::new`].
    pub unsafe fn new(base: *const u8, bytes: usize, line: usize, outputs: usize) -> Result<Self, Fault> {
        let short = Fault::new(&"a program does not fit");
        let end = |words: u64| line as u64 * LINE as u64 + words * 4 <= bytes as u64;
        if !end(Counts::SIZE as u64) {
            return Err(short);
        }
        let words = base.wrapping_add(line * LINE).cast::<u32>();
        // SAFETY: just checked.
        let counts = Counts::read(|at| unsafe { words.add(at).read() as usize });
        let Counts { head, body, tail, sums } = counts;
        let instructions = head as u64 + body as u64 + tail as u64;
        let all =
            Counts::SIZE as u64 + instructions * Instruction::SIZE as u64 + sums as u64 + outputs as u64;
        if !end(all) {
            return Err(short);
        }
        Ok(Self { words: words.wrapping_add(Counts::SIZE), counts, bytes: all * 4 })
    }

    /// Of all its words.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn instructions(&self) -> usize {
        let Counts { head, body, tail, .. } = self.counts;
        head + body + tail
    }

    /// What runs for each row comes first.
    fn first_looked_up(&self) -> usize {
        if self.counts.body > 0 { self.counts.head } else { 0 }
    }

    /// The slot of a sum.
    fn sum(&self, number: usize) -> usize {
        self.word(self.instructions() * Instruction::SIZE + number)
    }

    /// The word at a place that `new` has found to be there.
    fn word(&self, at: usize) -> usize {
        // SAFETY: see above.
        unsafe { self.words.add(at).read() as usize }
    }

    /// The slot of an output.
    fn output(&self, number: usize) -> usize {
        self.sum(self.counts.sums + number)
    }
}

/// An instruction whose slots have been looked up.
#[derive(Clone, Copy)]
struct Step {
    operation: Operate,
    to: *mut u8,
    operands: [Operand; 3],
    /// Bytes from row to row.
    strides: [usize; 3],
}

/// So many instructions, from the body's first one on, are looked up once for many runs of a routine; the others
/// each time. (WebAssembly's stack is short.)
const LOOKED_UP: usize = if cfg!(target_arch = "wasm32") { 64 } else { 256 };

/// A program on slots.
pub struct Routine<'a> {
    batch: &'a Batch,
    program: &'a Program,
    slots: Slots,
    steps: [MaybeUninit<Step>; LOOKED_UP],
}

impl<'a> Routine<'a> {
    pub fn new(batch: &'a Batch, program: &'a Program, slots: Slots) -> Result<Self, Fault> {
        let mut routine = Self { batch, program, slots, steps: [MaybeUninit::uninit(); LOOKED_UP] };
        let first = program.first_looked_up();
        for number in first..program.instructions().min(first + LOOKED_UP) {
            routine.steps[number - first].write(routine.look_up(number)?);
        }
        Ok(routine)
    }

    /// Runs it over all rows of the data, for some of the lanes.
    ///
    /// # Safety
    /// Slots must be there for `count` lanes, rounded up to whole lines, and nobody else's.
    pub unsafe fn run<T: Scalar>(&self, count: usize) -> Result<(), Fault> {
        let Counts { head, body, tail, sums } = self.program.counts;
        // SAFETY: passed on.
        unsafe {
            for k in 0..sums {
                let bytes = (count * size_of::<T>()).next_multiple_of(LINE);
                self.target(self.program.sum(k))?.write_bytes(0, bytes);
            }
            self.each(0..head, 0, count)?;
            for row in 0..if body > 0 { self.batch.header.rows } else { 0 } {
                self.spread::<T>(row);
                self.each(head..head + body, row, count)?;
            }
            self.each(head + body..head + body + tail, 0, count)
        }
    }

    /// Where an output is: a number for each lane.
    pub fn output(&self, number: usize) -> Result<*mut u8, Fault> {
        self.target(self.program.output(number))
    }

    /// Where what is computed goes.
    fn target(&self, number: usize) -> Result<*mut u8, Fault> {
        let Header { parameters, columns, constants, .. } = self.batch.header;
        if number < parameters + columns + constants {
            return Err(Fault::new(&"a slot is not for results"));
        }
        Ok(self.slot(number)?.0.at.cast_mut())
    }

    /// # Safety
    /// As for `run`.
    unsafe fn each(&self, numbers: Range<usize>, row: usize, count: usize) -> Result<(), Fault> {
        let first = self.program.first_looked_up();
        for number in numbers {
            let step = match self.steps.get(number.wrapping_sub(first)) {
                // SAFETY: `new` has written it.
                Some(step) => unsafe { step.assume_init_ref() },
                None => &self.look_up(number)?,
            };
            let Step { operation, to, operands, strides } = step;
            // SAFETY: passed on; the instruction set is available.
            unsafe {
                if self.slots.is_by_lane {
                    let moved = std::array::from_fn(|k| operands[k].moved(row * strides[k]));
                    operation(*to, &moved, count);
                } else {
                    operation(*to, operands, count);
                }
            }
        }
        Ok(())
    }

    #[inline(never)]
    fn look_up(&self, number: usize) -> Result<Step, Fault> {
        let Instruction { operation, to, a, b, c } =
            Instruction::read(|at| self.program.word(number * Instruction::SIZE + at));
        let operation = self.batch.many.operations.get(operation);
        let slots = [self.slot(a)?, self.slot(b)?, self.slot(c)?];
        Ok(Step {
            operation: *operation.ok_or(Fault::new(&"there is no such operation"))?,
            to: self.target(to)?,
            operands: slots.map(|slot| slot.0),
            strides: slots.map(|slot| slot.1),
        })
    }

    /// Where a slot is in the first row, and how far it is to the next row.
    fn slot(&self, number: usize) -> Result<(Operand, usize), Fault> {
        let Header { parameters, columns, shared, constants, size, data_lanes, .. } = self.batch.header;
        let slots = self.slots;
        let one = |at: *mut u8, k: usize| (Operand { at: at.wrapping_add(k * LINE), mask: 0 }, 0);
        let lanes = |at: *mut u8| Operand { at, mask: usize::MAX };
        if number >= self.batch.header.slots {
            return Err(Fault::new(&"there is no such slot"));
        }
        let Some(column) = number.checked_sub(parameters) else {
            return Ok((lanes(slots.parameters.wrapping_add(number * slots.stride)), 0));
        };
        let Some(constant) = column.checked_sub(columns) else {
            let step = data_lanes * size;
            return Ok(match column.checked_sub(shared).filter(|_| slots.is_by_lane) {
                // Where they lie: `Batch::new` found all rows of them, whole vectors each.
                Some(own) => (lanes(slots.data.wrapping_add(own * step)), (columns - shared) * step),
                None => one(slots.columns, column),
            });
        };
        Ok(match constant.checked_sub(constants) {
            None => one(self.batch.place(self.batch.header.constant_values), constant),
            Some(computed) => (lanes(slots.computed.wrapping_add(computed * slots.step)), 0),
        })
    }

    /// Fills the columns' vectors with a row of data, where all lanes have the same.
    ///
    /// # Safety
    /// As for `run`.
    unsafe fn spread<T: Scalar>(&self, row: usize) {
        let Header { columns, shared, data, data_lanes, .. } = self.batch.header;
        for column in 0..if self.slots.is_by_lane { shared } else { columns } {
            let from = match column.checked_sub(shared) {
                None => self.batch.place(data).cast::<T>().wrapping_add(row * shared + column),
                Some(own) => {
                    self.slots.data.cast::<T>().wrapping_add((row * (columns - shared) + own) * data_lanes)
                }
            };
            let to = self.slots.columns.wrapping_add(column * LINE).cast::<T>();
            // SAFETY: `Batch::new` found the data, and a scratch has a line for each column.
            unsafe { (0..LINE / size_of::<T>()).for_each(|lane| to.add(lane).write(from.read())) }
        }
    }
}
