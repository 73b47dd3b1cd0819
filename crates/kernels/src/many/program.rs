//! Programs: straight lines of instructions on slots, which run over all lanes of a block at once.

use super::batch::{Batch, Header, LINE};
use super::operations::Operand;
use crate::Fault;
use crate::vector::Scalar;

/// Counts at the beginning of a program: instructions of the head, body and tail, and sums.
pub const COUNTS: usize = 4;
/// Words of an instruction: operation, slot of the result, slots of three operands.
pub const INSTRUCTION: usize = 5;

/// Where a program's words are, all of which there are.
#[derive(Clone, Copy)]
pub struct Program {
    words: *const u32,
    head: usize,
    body: usize,
    tail: usize,
    sums: usize,
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
    /// Columns: a vector of equal numbers each; where data differ by lane, a row of them.
    pub columns: *mut u8,
    pub column_step: usize,
    pub column_mask: usize,
    /// The first lane's data, and whether each lane has its own.
    pub data: *mut u8,
    pub is_by_lane: bool,
    /// How many lanes there are.
    pub count: usize,
}

impl Program {
    /// # Safety
    /// As for [`Batch::new`].
    pub unsafe fn new(base: *const u8, bytes: usize, line: usize, outputs: usize) -> Result<Self, Fault> {
        let short = Fault::new(&"a program does not fit");
        let end = |words: u64| line as u64 * LINE as u64 + words * 4 <= bytes as u64;
        if !end(COUNTS as u64) {
            return Err(short);
        }
        let words = base.wrapping_add(line * LINE).cast::<u32>();
        // SAFETY: just checked.
        let [head, body, tail, sums] = std::array::from_fn(|k| unsafe { words.add(k).read() } as usize);
        let instructions = head as u64 + body as u64 + tail as u64;
        if !end(COUNTS as u64 + instructions * INSTRUCTION as u64 + sums as u64 * 2 + outputs as u64) {
            return Err(short);
        }
        Ok(Self { words: words.wrapping_add(COUNTS), head, body, tail, sums })
    }

    /// The word at a place that `new` has found to be there.
    fn word(&self, at: usize) -> usize {
        // SAFETY: see above.
        unsafe { self.words.add(at).read() as usize }
    }

    fn sums_at(&self) -> usize {
        (self.head + self.body + self.tail) * INSTRUCTION
    }

    /// The slot of an output.
    pub fn output(&self, number: usize) -> usize {
        self.word(self.sums_at() + 2 * self.sums + number)
    }
}

impl Batch {
    /// Where a slot is, and the mask for lanes of it.
    pub fn slot(&self, slots: &Slots, number: usize) -> Result<Operand, Fault> {
        let Header { parameters, columns, constants, .. } = self.header;
        let one = |at: *mut u8, k: usize| Operand { at: at.wrapping_add(k * LINE), mask: 0 };
        let lanes =
            |at: *mut u8, k: usize, step: usize| Operand { at: at.wrapping_add(k * step), mask: usize::MAX };
        if number >= self.header.slots {
            return Err(Fault::new(&"there is no such slot"));
        }
        let Some(column) = number.checked_sub(parameters) else {
            return Ok(lanes(slots.parameters, number, slots.stride));
        };
        let Some(constant) = column.checked_sub(columns) else {
            let at = slots.columns.wrapping_add(column * slots.column_step);
            return Ok(Operand { at, mask: slots.column_mask });
        };
        match constant.checked_sub(constants) {
            None => Ok(one(self.place(self.header.constant_values), constant)),
            Some(computed) => Ok(lanes(slots.computed, computed, slots.step)),
        }
    }

    /// Where what is computed goes.
    pub fn target(&self, slots: &Slots, number: usize) -> Result<*mut u8, Fault> {
        let Header { parameters, columns, constants, .. } = self.header;
        if number < parameters + columns + constants {
            return Err(Fault::new(&"a slot is not for results"));
        }
        Ok(self.slot(slots, number)?.at.cast_mut())
    }

    /// Runs a program over all rows of the data.
    ///
    /// # Safety
    /// Slots must be there for `count` lanes, rounded up to whole vectors, and nobody else's.
    pub unsafe fn execute<T: Scalar>(&self, program: &Program, slots: &Slots) -> Result<(), Fault> {
        let Program { head, body, tail, sums, .. } = *program;
        let sum = |k: usize| program.word(program.sums_at() + k);
        // SAFETY: passed on.
        unsafe {
            for k in 0..sums {
                let bytes = (slots.count * size_of::<T>()).next_multiple_of(LINE);
                self.target(slots, sum(2 * k))?.write_bytes(0, bytes);
            }
            self.run(program, 0..head, slots)?;
            if body + sums > 0 {
                for row in 0..self.header.rows {
                    let slots = &self.with_row::<T>(slots, row);
                    self.run(program, head..head + body, slots)?;
                    for k in 0..sums {
                        let (to, from) = (sum(2 * k), sum(2 * k + 1));
                        let operands =
                            [self.slot(slots, to)?, self.slot(slots, from)?, self.slot(slots, from)?];
                        (self.many.operations[ADD])(self.target(slots, to)?, &operands, slots.count);
                    }
                }
            }
            self.run(program, head + body..head + body + tail, slots)
        }
    }

    /// # Safety
    /// As for `execute`.
    unsafe fn run(
        &self,
        program: &Program,
        range: std::ops::Range<usize>,
        slots: &Slots,
    ) -> Result<(), Fault> {
        for number in range {
            let word = |k: usize| program.word(number * INSTRUCTION + k);
            let operation =
                self.many.operations.get(word(0)).ok_or(Fault::new(&"there is no such operation"))?;
            let to = self.target(slots, word(1))?;
            let operands =
                [self.slot(slots, word(2))?, self.slot(slots, word(3))?, self.slot(slots, word(4))?];
            // SAFETY: passed on; the instruction set is available.
            unsafe { operation(to, &operands, slots.count) }
        }
        Ok(())
    }

    /// # Safety
    /// As for `execute`.
    unsafe fn with_row<T: Scalar>(&self, slots: &Slots, row: usize) -> Slots {
        let Header { columns, data_lanes, .. } = self.header;
        let step = data_lanes * size_of::<T>();
        let data = slots.data.wrapping_add(row * columns * step);
        if slots.is_by_lane {
            // Where they lie: `Batch::new` found all rows of them, whole vectors each.
            return Slots { columns: data, column_step: step, column_mask: usize::MAX, ..*slots };
        }
        for column in 0..columns {
            let to = slots.columns.wrapping_add(column * LINE).cast::<T>();
            // SAFETY: as above, and a scratch has a line for each column.
            unsafe {
                let x = data.wrapping_add(column * step).cast::<T>().read();
                (0..LINE / size_of::<T>()).for_each(|lane| to.add(lane).write(x));
            }
        }
        *slots
    }
}

/// The operation that adds.
const ADD: usize = 0;
