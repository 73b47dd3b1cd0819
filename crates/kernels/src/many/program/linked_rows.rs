//! Rows of a run that depend on earlier rows, a block of rows at once. Modules of WebAssembly lack this code.
//!
//! Rows are in lanes for each instruction that needs no earlier row. Instructions that need earlier rows form *links*. A
//! link begins at the first instruction that reads a slot before the row writes it, and ends at the instruction that
//! writes the slot. A link runs row by row. Most links are one instruction with its own result of the row before, which stays in a
//! register. Each operation has the same operands as row by row, so no bit changes.
//!
//! A body can run in this way if it writes each slot once. `ts/many/linked-rows.ts` orders instructions so that links are
//! short.

use super::Routine;
use crate::arena::{ArenaError, LINE};
use crate::many::layout::{BLOCK, Counts, GAP, Header, Instruction};
#[cfg(feature = "matrices")]
use crate::many::matrices::FIRST_MATRIX_OPERATION;
use crate::memory;
use crate::programs::operations::{self, Listed, Operand, Operands, Operate, Operation};
use crate::vector::Scalar;
use std::ops::Range;

/// With more runs, lanes of runs take less time.
const MAX_LINKED_RUNS: usize = 2;
/// With fewer rows, the plan takes more time than it saves.
const MIN_ROWS: usize = 64;

/// Scans that run together, because each waits for its own result of the row before.
const MAX_SCANS: usize = 4;

/// Some instructions with the same operation, each of which reads its own result of the row before. Also takes which
/// operands are that result (a bit each from the lowest on), and how many rows there are.
type Scan = unsafe fn(&[LinkedStep], u8, usize);

/// An instruction: its operation, where its first row is, and its operands there.
type LinkedStep = (Operate, *mut u8, Operands);

/// Instructions that run one after the other, or row by row.
enum Part {
    Rows(usize),
    Scan { steps: Vec<LinkedStep>, scan: Scan, own: u8 },
    Link(Range<usize>),
}

/// How a body runs over blocks of rows.
struct LinkedRows {
    parts: Vec<Part>,
    steps: Vec<LinkedStep>,
    /// Slots that the body writes, and where their first row is.
    written: Vec<(usize, *mut u8)>,
    /// Slots that have one number for all rows.
    fixed: Vec<usize>,
    columns: Vec<usize>,
}

/// The address of the first row of a slot. The rows before it are in the line before.
fn rows_at(buffers: *mut u8, slot: usize, size: usize) -> *mut u8 {
    buffers.wrapping_add(slot * (BLOCK * size + GAP) + LINE)
}

impl LinkedRows {
    /// The plan of a routine's body, unless the body has to run row by row.
    ///
    /// @param buffers memory of a block for each slot
    fn of(routine: &Routine, buffers: *mut u8) -> Option<Self> {
        let Counts { head, body, .. } = routine.program.counts;
        let Header { slots, size, parameters, columns, .. } = routine.batch.header;
        let instructions: Vec<_> =
            (head..head + body).map(|number| routine.program.instruction(number)).collect();
        let mut writers = vec![usize::MAX; slots];
        #[cfg(feature = "matrices")]
        if instructions.iter().any(|one| one.operation >= FIRST_MATRIX_OPERATION) {
            return None;
        }
        for (number, &Instruction { to, .. }) in instructions.iter().enumerate() {
            let writer = writers.get_mut(to)?;
            if *writer != usize::MAX {
                return None;
            }
            *writer = number;
        }
        let is_column = |slot: usize| (parameters..parameters + columns).contains(&slot);
        let mut is_read = vec![false; slots];
        for &Instruction { a, b, c, d, .. } in &instructions {
            [a, b, c, d].iter().for_each(|slot| is_read[*slot] = true);
        }
        let unwritten = (0..slots).filter(|slot| writers[*slot] == usize::MAX && is_read[*slot]);
        let (columns, fixed) = unwritten.partition(|slot| is_column(*slot));
        let at = |slot| rows_at(buffers, slot, size);
        let written = instructions.iter().map(|one| (one.to, at(one.to))).collect();
        let mut linked = Self { parts: vec![], steps: vec![], written, fixed, columns };
        let steps = routine.steps.get(head.checked_sub(routine.first)?..)?.get(..body)?;
        linked.steps = steps.iter().map(|step| (step.operation, step.to, step.operands)).collect();
        linked.plan(&instructions, &writers, size, buffers);
        Some(linked)
    }

    fn plan(&mut self, instructions: &[Instruction], writers: &[usize], size: usize, buffers: *mut u8) {
        let columns = self.columns.clone();
        let at = |slot| rows_at(buffers, slot, size);
        // Copies of the values of the row before need no memory of their own.
        let mut before = vec![None; writers.len()];
        let mut next = 0;
        while next < instructions.len() {
            let end = Self::end_of_link(instructions, writers, next);
            let copied = Self::copied(&instructions[next..end], writers);
            if let Some(from) = copied {
                before[instructions[next].to] = Some(at(from).wrapping_sub(size));
                self.written[next].1 = at(from).wrapping_sub(size);
            }
            for (number, &Instruction { to, a, b, c, d, .. }) in
                instructions.iter().enumerate().take(end).skip(next)
            {
                let operands = [a, b, c, d].map(|slot| match before[slot] {
                    Some(at) => Operand { at, mask: usize::MAX },
                    None if writers[slot] == usize::MAX && !columns.contains(&slot) => {
                        Operand { at: at(slot), mask: 0 }
                    }
                    None if writers[slot] != usize::MAX && writers[slot] >= number => {
                        Operand { at: at(slot).wrapping_sub(size), mask: usize::MAX }
                    }
                    None => Operand { at: at(slot), mask: usize::MAX },
                });
                let (_, to_rows, from_rows) = &mut self.steps[number];
                (*to_rows, *from_rows) = (at(to), operands);
            }
            self.add_parts(instructions, next..end, copied.is_some(), size);
            next = end;
        }
    }

    /// The end of the link that begins with an instruction, or the next instruction if none begins there.
    fn end_of_link(instructions: &[Instruction], writers: &[usize], start: usize) -> usize {
        let mut end = start;
        let mut number = start;
        loop {
            let Instruction { a, b, c, d, .. } = instructions[number];
            for slot in [a, b, c, d] {
                if writers[slot] != usize::MAX && writers[slot] >= number {
                    end = end.max(writers[slot] + 1);
                }
            }
            number += 1;
            if number >= end {
                return end.max(start + 1);
            }
        }
    }

    /// The slot whose value of the row before the first of two instructions copies, if the second one writes the slot.
    fn copied(link: &[Instruction], writers: &[usize]) -> Option<usize> {
        let [copy, other] = link else { return None };
        let is_copy = copy.operation == usize::from(operations::Copy::NUMBER);
        (is_copy && copy.a == other.to && writers[copy.a] != usize::MAX).then_some(copy.a)
    }

    fn add_parts(&mut self, instructions: &[Instruction], link: Range<usize>, is_copied: bool, size: usize) {
        let number = link.end - 1;
        let (_, to, operands) = self.steps[number];
        let own = (0..4).fold(0, |own, k| own | u8::from(operands[k].at == to.wrapping_sub(size)) << k);
        let is_single = link.len() == 1 || is_copied;
        let scan = if size == 8 { scan_of(instructions[number].operation) } else { None };
        let step = self.steps[number];
        match scan {
            _ if is_single && own == 0 => self.parts.push(Part::Rows(number)),
            Some(scan) if is_single => self.add_scan(scan, own, step),
            _ => self.parts.push(Part::Link(link)),
        }
    }

    /// Adds a scan to the last part if both can run together.
    fn add_scan(&mut self, scan: Scan, own: u8, step: LinkedStep) {
        if let Some(Part::Scan { steps, scan: other, own: its }) = self.parts.last_mut()
            && std::ptr::fn_addr_eq(*other, scan)
            && *its == own
            && steps.len() < MAX_SCANS
            && !steps
                .iter()
                .any(|(_, to, _)| step.2.iter().any(|one| (one.at as usize).abs_diff(*to as usize) <= LINE))
        {
            steps.push(step);
        } else {
            self.parts.push(Part::Scan { steps: vec![step], scan, own });
        }
    }
}

impl LinkedRows {
    /// Runs the body over some rows of a block.
    ///
    /// # Safety
    /// The buffers of the plan must exist without other users, with the fixed numbers, the columns and the values before
    /// the first row. The instruction set of the steps must be available.
    unsafe fn run(&self, count: usize, size: usize) {
        for part in &self.parts {
            match part {
                Part::Rows(number) => {
                    let (operation, to, operands) = &self.steps[*number];
                    // SAFETY: buffers have whole lines of `count` rows, and a line more; the caller guarantees the rest.
                    unsafe { operation(*to, operands, count) };
                }
                Part::Scan { steps, scan, own } => {
                    // SAFETY: see above.
                    unsafe { scan(steps, *own, count) };
                }
                Part::Link(link) => {
                    for row in 0..count {
                        for (operation, to, operands) in &self.steps[link.clone()] {
                            let moved = operands.map(|one| one.moved((row * size) & one.mask));
                            // SAFETY: as above. A line is written, and the rows behind this row are computed later.
                            unsafe { operation(to.wrapping_add(row * size), &moved, 1) };
                        }
                    }
                }
            }
        }
    }
}

/// Runs instructions that read their own results of the row before.
///
/// # Safety
/// Results and operands must have `count` rows, or one number if the mask of an operand is 0, and the results the row
/// before. No instruction may read results of another one.
unsafe fn scan<O: Operation>(steps: &[LinkedStep], own: u8, count: usize) {
    match own {
        // SAFETY: the caller guarantees the results and operands.
        0b001 => unsafe { scan_some::<O, 0b001>(steps, count) },
        // SAFETY: see above.
        0b010 => unsafe { scan_some::<O, 0b010>(steps, count) },
        // SAFETY: see above.
        0b100 => unsafe { scan_some::<O, 0b100>(steps, count) },
        // SAFETY: see above.
        _ => steps.iter().for_each(|step| unsafe { scan_rows::<O, 1>(&[*step], own, count) }),
    }
}

/// # Safety
/// Same as for `scan`.
#[inline(always)]
unsafe fn scan_some<O: Operation, const OWN: u8>(steps: &[LinkedStep], count: usize) {
    match steps {
        // SAFETY: the caller guarantees the results and operands.
        [a] => unsafe { scan_rows::<O, 1>(&[*a], OWN, count) },
        // SAFETY: see above.
        [a, b] => unsafe { scan_rows::<O, 2>(&[*a, *b], OWN, count) },
        // SAFETY: see above.
        [a, b, c] => unsafe { scan_rows::<O, 3>(&[*a, *b, *c], OWN, count) },
        // SAFETY: see above.
        [a, b, c, d, ..] => unsafe { scan_rows::<O, 4>(&[*a, *b, *c, *d], OWN, count) },
        [] => {}
    }
}

/// # Safety
/// Same as for `scan`.
#[inline(always)]
unsafe fn scan_rows<O: Operation, const N: usize>(steps: &[LinkedStep; N], own: u8, count: usize) {
    // SAFETY: the caller guarantees the row before.
    let mut states = steps.map(|(_, to, _)| unsafe { to.cast::<f64>().wrapping_sub(1).read() });
    for row in 0..count {
        for ((_, to, from), state) in steps.iter().zip(&mut states) {
            let operands = std::array::from_fn(|k| {
                if k >= O::OPERANDS || own >> k & 1 == 1 {
                    return *state;
                }
                let Operand { at, mask } = from[k];
                // SAFETY: the caller guarantees the row of the operand.
                unsafe { memory::read(at.cast::<f64>(), row & mask) }
            });
            *state = O::apply(operands);
            // SAFETY: the caller guarantees the row of the result.
            unsafe { memory::write(to.cast::<f64>(), row, *state) };
        }
    }
}

/// The scan of an operation, if there is one.
fn scan_of(operation: usize) -> Option<Scan> {
    macro_rules! scans {
        ($($name:ident)*) => {
            match operation {
                $(number if number == usize::from(operations::$name::NUMBER) => {
                    Some(scan::<operations::$name> as Scan)
                })*
                _ => None,
            }
        };
    }
    scans! {
        Add Subtract Multiply MultiplyAdd MultiplySubtract MultiplyFrom MultiplyMultiply AddAdd AddSubtract AddMultiply
        SubtractAdd SubtractSubtract SubtractMultiply Blend MultiplySubtractMultiply Divide Min Max
    }
}

impl Routine<'_> {
    /// Runs the body over some rows, if there are few runs and the body can run over blocks of rows. Returns the first row
    /// that is left.
    ///
    /// # Safety
    /// Same as for `run`. The data must have these rows.
    pub(super) unsafe fn run_blocks_of_rows<T: Scalar>(
        &self,
        count: usize,
        rows: Range<usize>,
    ) -> Result<usize, ArenaError> {
        let is_quick = count <= MAX_LINKED_RUNS && rows.len() >= MIN_ROWS && !self.slots.rows.is_null();
        let linked = if is_quick { LinkedRows::of(self, self.slots.rows) } else { None };
        let Some(linked) = linked else { return Ok(rows.start) };
        for lane in 0..count {
            // SAFETY: the caller guarantees the slots and the rows.
            unsafe { self.run_linked::<T>(&linked, lane, rows.clone()) }?;
        }
        Ok(rows.end)
    }

    /// Runs the body over some rows for one lane.
    ///
    /// # Safety
    /// Same as for `run`. The rows' blocks must exist without other users, and the plan must be the plan of the routine. The
    /// data must have these rows.
    unsafe fn run_linked<T: Scalar>(
        &self,
        linked: &LinkedRows,
        lane: usize,
        rows: Range<usize>,
    ) -> Result<(), ArenaError> {
        let (size, buffers) = (size_of::<T>(), self.slots.rows);
        let before = |at: *mut u8| at.cast::<T>().wrapping_sub(1);
        let last = |at: *mut u8, count: usize| {
            // SAFETY: a block has rows before this.
            unsafe { memory::read(at.cast::<T>().cast_const(), count - 1) }
        };
        for &slot in &linked.fixed {
            // SAFETY: the caller guarantees the lane.
            let number = unsafe { self.value_of::<T>(slot, lane) }?;
            // SAFETY: a block has more than a line.
            unsafe { fill::<T>(rows_at(buffers, slot, size), number) };
        }
        for &(slot, at) in &linked.written {
            // SAFETY: the caller guarantees the lane.
            let number = unsafe { self.value_of::<T>(slot, lane) }?;
            // SAFETY: the line before the rows belongs to the block.
            unsafe { before(at).write(number) };
        }
        for first in rows.clone().step_by(BLOCK) {
            let count = BLOCK.min(rows.end - first);
            for &column in &linked.columns {
                let to = rows_at(buffers, column, size);
                // SAFETY: the caller guarantees the rows.
                unsafe { self.gather::<T>(column, lane, first..first + count, to) };
            }
            // SAFETY: the caller guarantees the blocks, whose first numbers were just written.
            unsafe { linked.run(count, size) };
            for &(slot, at) in &linked.written {
                let lanes = self.target(slot)?.cast::<T>();
                // SAFETY: the caller guarantees the lane of the slot.
                unsafe { memory::write(lanes, lane, last(at, count)) };
            }
            for &(slot, _) in &linked.written {
                let at = rows_at(buffers, slot, size);
                // SAFETY: the line before the rows belongs to the block.
                unsafe { before(at).write(last(at, count)) };
            }
        }
        Ok(())
    }

    /// The number of a lane in a slot that is not a column.
    ///
    /// # Safety
    /// The slot must have this lane.
    unsafe fn value_of<T: Scalar>(&self, slot: usize, lane: usize) -> Result<T, ArenaError> {
        let (Operand { at, mask }, _) = self.slot(slot)?;
        // SAFETY: the caller guarantees the lane.
        Ok(unsafe { memory::read(at.cast::<T>(), lane & mask) })
    }

    /// Copies some rows of a column.
    ///
    /// # Safety
    /// The data must have these rows and this lane, and a buffer must have room for them.
    unsafe fn gather<T: Scalar>(&self, slot: usize, lane: usize, rows: Range<usize>, to: *mut u8) {
        let Header { parameters, columns, shared, data, data_lanes, .. } = self.batch.header;
        let column = slot - parameters;
        let own = columns - shared;
        let (from, step) = match column.checked_sub(shared) {
            Some(k) => (self.slots.data.cast::<T>().wrapping_add(k * data_lanes + lane), own * data_lanes),
            None => (self.batch.place(data).cast::<T>().wrapping_add(column), shared),
        };
        for (k, row) in rows.enumerate() {
            // SAFETY: the caller guarantees the row.
            let number = unsafe { memory::read(from.cast_const(), row * step) };
            // SAFETY: the caller guarantees the room.
            unsafe { memory::write(to.cast::<T>(), k, number) };
        }
    }
}

/// # Safety
/// There must be a line.
unsafe fn fill<T: Scalar>(to: *mut u8, number: T) {
    // SAFETY: the caller guarantees the line.
    (0..LINE / size_of::<T>()).for_each(|k| unsafe { memory::write(to.cast::<T>(), k, number) });
}
