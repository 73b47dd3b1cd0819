//! Programs: straight lines of instructions on slots, which run over all lanes of a block at once.

#[cfg(not(target_arch = "wasm32"))]
mod linked_rows;

use super::batch::Batch;
use super::joined::{self, OperateBoth};
use super::layout::{Counts, Header, Instruction, Loop, STEP};
#[cfg(feature = "matrices")]
use super::matrices::{self, FIRST_MATRIX_OPERATION, Ranges, Shape};
use crate::arena::{ArenaError, LINE};
use crate::memory;
#[cfg(feature = "matrices")]
use crate::programs::operations::left_out;
use crate::programs::operations::{Operand, Operands, Operate};
use crate::target::SMALL;
use crate::vector::Scalar;
use std::ops::Range;

/// Address of a program's words, all of which exist.
#[derive(Clone, Copy)]
pub struct Program {
    words: *const u32,
    counts: Counts,
    bytes: u64,
}

/// Addresses of a program's slots.
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
    /// The first lane's own data.
    pub data: *mut u8,
    pub lanes: Lanes,
    /// A block for each slot, in which rows of single runs are computed; null if no single run is computed in blocks.
    #[cfg(not(target_arch = "wasm32"))]
    pub rows: *mut u8,
}

/// The meaning of lanes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Lanes {
    /// Runs, which all have the same data.
    Runs,
    /// Runs with data of their own, lane by lane.
    OwnData,
    /// Rows of a run. Values that the rows share are in `parameters`, one vector of equal numbers per slot. Instead of
    /// columns there is a mark per slot: [`SHARED`], [`BY_ROW`], or 0 if the body does not use it.
    Rows,
}

/// The greatest number of loops inside each other, plus one.
const MAX_DEPTH: usize = 5;

pub const SHARED: u8 = 1;
pub const BY_ROW: u8 = 2;

/// Distance by which an operand moves from row to row, with rows in lanes: an index into the argument of
/// [`Routine::rows`].
const STAYS: usize = 0;
const WITH_ROWS: usize = 1;
const WITH_RUN: usize = 2;

impl Program {
    /// # Safety
    /// Same as for [`Batch::new`].
    pub unsafe fn new(
        base: *const u8,
        bytes: usize,
        line: usize,
        outputs: usize,
    ) -> Result<Self, ArenaError> {
        let short = ArenaError::new(&"a program does not fit");
        let end = |words: u64| line as u64 * LINE as u64 + words * 4 <= bytes as u64;
        if !end(Counts::SIZE as u64) {
            return Err(short);
        }
        let words = base.wrapping_add(line * LINE).cast::<u32>();
        // SAFETY: the caller guarantees the bytes, and the counts end within them; this was just checked.
        let counts = Counts::read(|at| unsafe { memory::read(words, at) as usize });
        let Counts { head, body, tail, loops, sums } = counts;
        let instructions = head as u64 + body as u64 + tail as u64;
        let all = Counts::SIZE as u64
            + instructions * Instruction::SIZE as u64
            + loops as u64 * Loop::SIZE as u64
            + sums as u64
            + outputs as u64;
        if !end(all) {
            return Err(short);
        }
        let program = Self { words: words.wrapping_add(Counts::SIZE), counts, bytes: all * 4 };
        if !program.has_proper_loops() {
            return Err(ArenaError::new(&"a program's loops are wrong"));
        }
        Ok(program)
    }

    /// Whether each loop is in one section, and inside of a loop or behind it, and few are inside each other.
    fn has_proper_loops(&self) -> bool {
        let Counts { head, body, loops, .. } = self.counts;
        let mut ends = [self.instructions(); MAX_DEPTH];
        let (mut depth, mut before) = (0, 0);
        (0..loops).all(|number| {
            let Loop { start, end, .. } = self.repeated(number);
            while depth > 0 && ends[depth] <= start {
                depth -= 1;
            }
            let section = if start < head {
                head
            } else if start < head + body {
                head + body
            } else {
                ends[0]
            };
            let is_proper = before <= start && start < end && end <= section.min(ends[depth]);
            before = start;
            depth += 1;
            ends.get_mut(depth).is_some_and(|last| {
                *last = end;
                is_proper
            })
        })
    }

    fn repeated(&self, number: usize) -> Loop {
        let first = self.instructions() * Instruction::SIZE + number * Loop::SIZE;
        Loop::read(|at| self.word(first + at))
    }

    /// Bytes of all its words.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn instructions(&self) -> usize {
        let Counts { head, body, tail, .. } = self.counts;
        head + body + tail
    }

    /// How many sums it has.
    pub fn sums(&self) -> usize {
        self.counts.sums
    }

    /// The slot of a sum.
    fn sum(&self, number: usize) -> usize {
        self.word(self.instructions() * Instruction::SIZE + self.counts.loops * Loop::SIZE + number)
    }

    /// The word at a place that `new` has found to be there.
    fn word(&self, at: usize) -> usize {
        // SAFETY: its creator guarantees the bytes, within which `new` has found all words.
        unsafe { memory::read(self.words, at) as usize }
    }

    fn instruction(&self, number: usize) -> Instruction {
        Instruction::read(|at| self.word(number * Instruction::SIZE + at))
    }

    /// The slot of an output.
    fn output(&self, number: usize) -> usize {
        self.sum(self.counts.sums + number)
    }
}

/// An instruction whose slots have been looked up.
#[derive(Clone, Copy)]
pub struct Step {
    operation: Operate,
    /// Code for this instruction and the next one at once.
    both: Option<OperateBoth>,
    to: *mut u8,
    operands: Operands,
    /// Bytes from row to row.
    strides: [usize; 4],
    /// Whether an operand is in a plane of the cohort, and moves with the first lane of the block.
    moves: [bool; 4],
}

const _: () = assert!(size_of::<Step>() <= STEP && STEP.is_multiple_of(align_of::<Step>()));

/// A program on slots.
pub struct Routine<'a> {
    batch: &'a Batch,
    pub program: &'a Program,
    pub slots: Slots,
    /// The number of the first slot that is computed.
    inputs: usize,
    /// The decoded instructions of this routine, of which the first has the number `first`.
    steps: &'a mut [Step],
    first: usize,
}

impl<'a> Routine<'a> {
    /// # Safety
    /// `steps` must have room for a step per instruction of the program, without other users as long as the routine
    /// exists.
    pub unsafe fn new(
        batch: &'a Batch,
        program: &'a Program,
        slots: Slots,
        steps: *mut Step,
    ) -> Result<Self, ArenaError> {
        let Header { parameters, columns, constants, .. } = batch.header;
        let inputs = parameters + columns + constants;
        let mut routine = Self { batch, program, slots, inputs, first: 0, steps: &mut [] };
        let Counts { head, body, .. } = program.counts;
        let mut wanted = 0..program.instructions();
        if slots.lanes == Lanes::Rows {
            routine.mark()?;
            // Another routine runs the head and the tail.
            wanted = head..head + body;
        }
        routine.first = wanted.start;
        // The instruction before, unless it is joined with the one before it, and its step.
        let mut before: Option<(Instruction, *mut Step)> = None;
        for (to, number) in wanted.clone().enumerate() {
            let (to, instruction) = (steps.wrapping_add(to), program.instruction(number));
            // SAFETY: the caller guarantees room for all instructions.
            unsafe { routine.look_up(&instruction, to) }?;
            if SMALL {
                continue;
            }
            let both = before.and_then(|(first, step)| {
                // SAFETY: the step of the instruction before was just written, and nothing else uses it.
                let step = unsafe { &mut *step };
                // SAFETY: this step was just written, too.
                let operands = unsafe { &(*to).operands };
                step.both =
                    joined::find(batch.many.joins, [&first, &instruction], [&step.operands, operands]);
                step.both
            });
            before = if both.is_none() { Some((instruction, to)) } else { None };
        }
        // SAFETY: the caller guarantees the memory, and these steps were just written.
        routine.steps = unsafe { std::slice::from_raw_parts_mut(steps, wanted.len()) };
        Ok(routine)
    }

    /// Moves the routine to another block of lanes.
    pub fn move_to(&mut self, slots: Slots) {
        let distance = (slots.parameters as usize).wrapping_sub(self.slots.parameters as usize);
        self.slots = slots;
        for Step { operands, moves, .. } in self.steps.iter_mut() {
            for (operand, moves) in operands.iter_mut().zip(moves) {
                operand.at = operand.at.wrapping_add(if *moves { distance } else { 0 });
            }
        }
    }

    /// Runs the routine over all rows of the data, for some of the lanes.
    ///
    /// # Safety
    /// Slots must exist for `count` lanes, rounded up to whole lines, without other users. So must a line per column
    /// and, if lanes have their own data, all rows of it.
    pub unsafe fn run<T: Scalar>(&self, count: usize) -> Result<(), ArenaError> {
        // SAFETY: the caller guarantees the slots; these are all rows.
        unsafe { self.run_rows::<T>(count, &(0..usize::MAX)).map(|_| ()) }
    }

    /// Runs the routine over some rows: the head with the first row, the tail with the last one. Returns whether all
    /// rows are done. Consecutive calls for single rows yield the same as one call for all rows.
    ///
    /// # Safety
    /// Same as for `run`; nothing may write to the slots between such calls.
    pub unsafe fn run_rows<T: Scalar>(&self, count: usize, rows: &Range<usize>) -> Result<bool, ArenaError> {
        let Counts { head, body, sums, .. } = self.program.counts;
        let all = if body > 0 { self.batch.header.rows } else { 0 };
        if rows.start == 0 {
            for k in 0..sums {
                let bytes = (count * size_of::<T>()).next_multiple_of(LINE);
                let sum = self.target(self.program.sum(k))?;
                // SAFETY: the caller guarantees the slot, of which these are whole lines.
                unsafe { sum.write_bytes(0, bytes) };
            }
            // SAFETY: the caller guarantees the slots.
            unsafe { self.head(count) }?;
        }
        // SAFETY: the caller guarantees the slots, and the data have these rows.
        #[cfg(not(target_arch = "wasm32"))]
        let first = unsafe { self.run_blocks_of_rows::<T>(count, rows.start..all.min(rows.end)) }?;
        #[cfg(target_arch = "wasm32")]
        let first = rows.start;
        for row in first..all.min(rows.end) {
            // SAFETY: the caller guarantees the slots, and the data have this row.
            unsafe { self.spread::<T>(row) };
            // SAFETY: see above.
            unsafe { self.each(head..head + body, |stride| row * stride, count) }?;
        }
        if rows.end >= all {
            // SAFETY: the caller guarantees the slots.
            unsafe { self.tail(count) }?;
        }
        Ok(rows.end >= all)
    }

    /// Runs the part before the rows.
    ///
    /// # Safety
    /// Same as for `run`.
    pub unsafe fn head(&self, count: usize) -> Result<(), ArenaError> {
        // SAFETY: the caller guarantees the slots.
        unsafe { self.each(0..self.program.counts.head, |_| 0, count) }
    }

    /// Runs the part after the rows.
    ///
    /// # Safety
    /// Same as for `run`.
    pub unsafe fn tail(&self, count: usize) -> Result<(), ArenaError> {
        let Counts { head, body, tail, .. } = self.program.counts;
        // SAFETY: the caller guarantees the slots.
        unsafe { self.each(head + body..head + body + tail, |_| 0, count) }
    }

    /// Runs some rows of a run, with rows in lanes. `shared` and `own` are byte offsets in the columns that runs share,
    /// and in the run's own columns.
    ///
    /// # Safety
    /// Same as for `run`. Each column must have `count` numbers from there on, rounded up to whole lines.
    pub unsafe fn rows(&self, shared: usize, own: usize, count: usize) -> Result<(), ArenaError> {
        let Counts { head, body, .. } = self.program.counts;
        let moves = [0, shared, own];
        // SAFETY: the caller guarantees the slots, and the rows from there on.
        unsafe { self.each(head..head + body, |stride| moves[stride], count) }
    }

    /// Address of a sum: one number per lane.
    pub fn sum(&self, number: usize) -> Result<*mut u8, ArenaError> {
        self.target(self.program.sum(number))
    }

    /// How a slot is used where lanes are rows.
    pub fn mark_of(&self, slot: usize) -> u8 {
        // SAFETY: a scratch has a line for each slot, and only code that has counted the slots asks for them.
        unsafe { memory::read(self.slots.columns, slot) }
    }

    /// Marks slots by how the body uses them.
    fn mark(&self) -> Result<(), ArenaError> {
        let Counts { head, body, sums, .. } = self.program.counts;
        let slots = self.batch.header.slots;
        // SAFETY: as in `mark_of`.
        unsafe { self.slots.columns.write_bytes(0, slots) };
        let mark = |slot: usize, mark: u8| {
            if slot >= slots {
                return Err(ArenaError::new(&"there is no such slot"));
            }
            if self.mark_of(slot) != BY_ROW {
                // SAFETY: as in `mark_of`.
                unsafe { memory::write(self.slots.columns, slot, mark) };
            }
            Ok(())
        };
        (0..sums).try_for_each(|k| mark(self.program.sum(k), BY_ROW))?;
        let body = head..head + body;
        #[cfg(feature = "matrices")]
        if body.clone().any(|number| self.program.instruction(number).operation >= FIRST_MATRIX_OPERATION) {
            return Err(ArenaError::new(&"a matrix has rows in lanes"));
        }
        body.clone().try_for_each(|number| mark(self.program.instruction(number).to, BY_ROW))?;
        body.clone().try_for_each(|number| {
            let Instruction { a, b, c, d, .. } = self.program.instruction(number);
            [a, b, c, d].into_iter().try_for_each(|slot| mark(slot, SHARED))
        })
    }

    /// Address of an output: one number per lane.
    pub fn output(&self, number: usize) -> Result<*mut u8, ArenaError> {
        self.target(self.program.output(number))
    }

    /// Destination of a result.
    fn target(&self, number: usize) -> Result<*mut u8, ArenaError> {
        if number < self.inputs {
            return Err(ArenaError::new(&"a slot is not for results"));
        }
        Ok(self.slot(number)?.0.at.cast_mut())
    }

    /// Runs some instructions, and repeats loops among them.
    ///
    /// # Safety
    /// Same as for `run`; by what `moves` says operands must be there too.
    unsafe fn each(
        &self,
        numbers: Range<usize>,
        moves: impl Fn(usize) -> usize,
        count: usize,
    ) -> Result<(), ArenaError> {
        if self.program.counts.loops == 0 {
            // SAFETY: the caller guarantees the slots and the operands.
            return unsafe { self.straight(numbers, &moves, count) };
        }
        // SAFETY: see above.
        unsafe { self.with_loops(numbers, 0, &moves, count) }.map(|_| ())
    }

    /// Same as `each`, from loop `number` on. Returns the first loop behind these instructions.
    ///
    /// # Safety
    /// Same as for `each`.
    unsafe fn with_loops(
        &self,
        numbers: Range<usize>,
        mut number: usize,
        moves: &impl Fn(usize) -> usize,
        count: usize,
    ) -> Result<usize, ArenaError> {
        let mut at = numbers.start;
        while number < self.program.counts.loops {
            let Loop { start, end, again, most } = self.program.repeated(number);
            number += 1;
            if start < at {
                continue;
            }
            if start >= numbers.end {
                number -= 1;
                break;
            }
            // SAFETY: the caller guarantees the slots and the operands.
            unsafe { self.straight(at..start, moves, count) }?;
            let again = self.target(again)?;
            let inner = number;
            for _ in 0..most {
                // SAFETY: as above; loops inside each other are few, as `Program::new` found.
                number = unsafe { self.with_loops(start..end, inner, moves, count) }?;
                // SAFETY: the caller guarantees `count` lanes of the slot.
                if !unsafe { self.is_some(again, count) } {
                    break;
                }
            }
            at = end;
        }
        // SAFETY: see above.
        unsafe { self.straight(at..numbers.end, moves, count) }?;
        Ok(number)
    }

    /// Whether a lane is not 0.
    ///
    /// # Safety
    /// There must be `count` lanes.
    unsafe fn is_some(&self, lanes: *const u8, count: usize) -> bool {
        let is_single = self.batch.header.size == 4;
        (0..count).any(|lane| {
            if is_single {
                // SAFETY: the caller guarantees the lanes, which are float32 numbers.
                unsafe { memory::read(lanes.cast::<f32>(), lane) != 0.0 }
            } else {
                // SAFETY: as above, but float64 numbers.
                unsafe { memory::read(lanes.cast::<f64>(), lane) != 0.0 }
            }
        })
    }

    /// Runs some instructions once.
    ///
    /// # Safety
    /// Same as for `each`.
    unsafe fn straight(
        &self,
        numbers: Range<usize>,
        moves: &impl Fn(usize) -> usize,
        count: usize,
    ) -> Result<(), ArenaError> {
        let steps =
            self.steps.get(numbers.start.wrapping_sub(self.first)..numbers.end.wrapping_sub(self.first));
        let mut steps = steps.ok_or(ArenaError::new(&"there is no such instruction"))?.iter();
        let is_moved = self.slots.lanes != Lanes::Runs;
        let moved = |Step { operands, strides, .. }: &Step| -> Operands {
            std::array::from_fn(|k| operands[k].moved(moves(strides[k])))
        };
        // A section or a loop may end between two instructions that are joined.
        while let Some(step) = steps.next() {
            let Step { operation, to, operands, both, .. } = step;
            if !SMALL
                && let Some(both) = both
                && let Some(next) = steps.next()
            {
                let to = [*to, next.to];
                if is_moved {
                    // SAFETY: as below; `new` has found that both are a pair.
                    unsafe { both(to, [&moved(step), &moved(next)], count) };
                } else {
                    // SAFETY: see above.
                    unsafe { both(to, [operands, &next.operands], count) };
                }
            } else if is_moved {
                // SAFETY: as below; the data have the row to which operands are moved.
                unsafe { operation(*to, &moved(step), count) };
            } else {
                // SAFETY: `look_up` has found the slots. The caller guarantees that `count` lanes of them exist, and
                // the batch's creator guarantees the instruction set.
                unsafe { operation(*to, operands, count) };
            }
        }
        Ok(())
    }

    /// Finds the slots of an instruction.
    ///
    /// # Safety
    /// There must be room for the step.
    #[inline(never)]
    unsafe fn look_up(&self, instruction: &Instruction, step: *mut Step) -> Result<(), ArenaError> {
        #[cfg(feature = "matrices")]
        if instruction.operation >= FIRST_MATRIX_OPERATION {
            let matrix = self.look_up_matrix(instruction)?;
            // SAFETY: the caller guarantees the room.
            unsafe { step.write(matrix) };
            return Ok(());
        }
        let Instruction { operation, to, a, b, c, d } = *instruction;
        let operation = self.batch.many.operations.get(operation);
        let operation = *operation.ok_or(ArenaError::new(&"there is no such operation"))?;
        let to = self.target(to)?;
        let slots = [self.slot(a)?, self.slot(b)?, self.slot(c)?, self.slot(d)?];
        let (operands, strides) = (slots.map(|slot| slot.0), slots.map(|slot| slot.1));
        let moves = [a, b, c, d].map(|slot| self.moves(slot));
        // SAFETY: the caller guarantees the room.
        unsafe { step.write(Step { operation, both: None, to, operands, strides, moves }) };
        Ok(())
    }

    /// Whether a slot has a number per lane in the cohort: a parameter, or a column that differs by run.
    #[inline(always)]
    fn moves(&self, number: usize) -> bool {
        if !SMALL && number >= self.inputs {
            return false;
        }
        let Header { parameters, columns, shared, .. } = self.batch.header;
        let own = parameters + if self.slots.lanes == Lanes::OwnData { shared } else { columns };
        number < parameters || (own..parameters + columns).contains(&number)
    }

    /// An instruction on matrices: both ranges of slots exist and are computed, and the tile is large enough.
    #[cfg(feature = "matrices")]
    fn look_up_matrix(&self, instruction: &Instruction) -> Result<Step, ArenaError> {
        let shape = Shape::of(instruction)?;
        let range = |first: usize, length: usize| {
            let last = first.checked_add(length.max(1) - 1);
            self.target(last.ok_or(ArenaError::new(&"there is no such slot"))?)?;
            self.target(first)
        };
        let to = range(instruction.to, shape.changed())?;
        let fixed = if shape.fixed() > 0 { range(instruction.a, shape.fixed())? } else { to };
        let Slots { step, columns, lanes, .. } = self.slots;
        let Header { parameters, slots, tile, .. } = self.batch.header;
        if shape.tile() > tile {
            return Err(ArenaError::new(&"a matrix has no room"));
        }
        // Such a routine runs the body alone, which has no matrices: see `mark`.
        let operation = if lanes == Lanes::Rows { left_out } else { self.batch.many.matrix };
        // Behind the columns, a single run and directions.
        let tile = columns.wrapping_add((2 * slots + parameters) * LINE);
        let operands = matrices::operands(&self.batch.header, shape, Ranges { fixed, step, tile });
        Ok(Step { operation, both: None, to, operands, strides: [STAYS; 4], moves: [false; 4] })
    }

    /// Address of a slot in the first row, and its distance to the next row.
    #[inline(always)]
    fn slot(&self, number: usize) -> Result<(Operand, usize), ArenaError> {
        let Slots { computed, step, lanes, .. } = self.slots;
        // Most slots are computed.
        match number.checked_sub(self.inputs) {
            Some(after) if !SMALL && lanes != Lanes::Rows && number < self.batch.header.slots => {
                Ok((Operand { at: computed.wrapping_add(after * step), mask: usize::MAX }, STAYS))
            }
            _ => self.any_slot(number),
        }
    }

    /// Same as `slot`.
    #[inline(never)]
    fn any_slot(&self, number: usize) -> Result<(Operand, usize), ArenaError> {
        let Header { parameters, columns, shared, constants, size, data_lanes, row_lanes, .. } =
            self.batch.header;
        let slots = self.slots;
        let one = |at: *mut u8, k: usize| (Operand { at: at.wrapping_add(k * LINE), mask: 0 }, STAYS);
        let lanes = |at: *mut u8| Operand { at, mask: usize::MAX };
        if number >= self.batch.header.slots {
            return Err(ArenaError::new(&"there is no such slot"));
        }
        let Some(column) = number.checked_sub(parameters) else {
            return Ok(match slots.lanes {
                Lanes::Rows => one(slots.parameters, number),
                _ => (lanes(slots.parameters.wrapping_add(number * slots.stride)), 0),
            });
        };
        let Some(constant) = column.checked_sub(columns) else {
            // Columns stay in place: `Batch::new` found all of their rows, in whole vectors.
            return Ok(match (slots.lanes, column.checked_sub(shared)) {
                (Lanes::OwnData, Some(own)) => {
                    let step = data_lanes * size;
                    (lanes(slots.data.wrapping_add(own * step)), (columns - shared) * step)
                }
                (Lanes::Rows, Some(own)) => {
                    (lanes(slots.data.wrapping_add(own * row_lanes * size)), WITH_RUN)
                }
                (Lanes::Rows, None) => {
                    let data = self.batch.place(self.batch.header.data);
                    (lanes(data.wrapping_add(column * row_lanes * size)), WITH_ROWS)
                }
                _ => one(slots.columns, column),
            });
        };
        Ok(match constant.checked_sub(constants) {
            None => one(self.batch.place(self.batch.header.constant_values), constant),
            Some(_) if slots.lanes == Lanes::Rows && self.mark_of(number) != BY_ROW => {
                one(slots.parameters, number)
            }
            Some(computed) => (lanes(slots.computed.wrapping_add(computed * slots.step)), 0),
        })
    }

    /// Fills the columns' vectors with a row of data, where all lanes have the same.
    ///
    /// # Safety
    /// Same as for `run`; the data must have that row.
    unsafe fn spread<T: Scalar>(&self, row: usize) {
        let Header { columns, shared, data, data_lanes, .. } = self.batch.header;
        for column in 0..if self.slots.lanes == Lanes::OwnData { shared } else { columns } {
            let from = match column.checked_sub(shared) {
                None => self.batch.place(data).cast::<T>().wrapping_add(row * shared + column),
                Some(own) => {
                    self.slots.data.cast::<T>().wrapping_add((row * (columns - shared) + own) * data_lanes)
                }
            };
            let to = self.slots.columns.wrapping_add(column * LINE).cast::<T>();
            // SAFETY: `Batch::new` found the data, and the caller guarantees the row.
            let number = unsafe { from.read() };
            (0..LINE / size_of::<T>()).for_each(|lane| {
                // SAFETY: a scratch has a line for each column.
                unsafe { memory::write(to, lane, number) };
            });
        }
    }
}
