//! Two instructions in a row that one loop performs, in programs of expressions. One loop starts and ends faster than
//! two loops. If the second instruction reads results of the first one, they stay in registers. Each operation rounds as
//! in a loop of its own, so no bit changes. Modules of WebAssembly have no such loops.

#[cfg(not(target_arch = "wasm32"))]
use super::join_loops::RANGES;
use super::layout::Instruction;
use crate::programs::operations::Operands;

/// Two operations whose instructions are joined. The bits of a mask stand for operands, from the lowest bit on.
#[derive(Clone, Copy)]
pub struct Join {
    /// The number of the second operation. `RANGES` has the first one.
    pub second: u8,
    /// Operands that each instruction has, and operands that are one number for all lanes.
    pub operands: [u8; 2],
    pub for_all: [u8; 2],
    /// Operands of the second instruction that are results of the first one.
    pub reads: u8,
    pub operate: OperateBoth,
}

/// Two instructions over some lanes: where their results go, their operands, and how many lanes there are.
pub type OperateBoth = unsafe fn([*mut u8; 2], [&Operands; 2], usize);

#[cfg(target_arch = "wasm32")]
const RANGES: [[u8; 2]; 0] = [];

/// The code for two instructions in a row with these operands, if they are one of the pairs.
#[inline(always)]
pub fn find(
    joins: &[Join],
    [first, second]: [&Instruction; 2],
    operands: [&Operands; 2],
) -> Option<OperateBoth> {
    let [start, end] = *RANGES.get(first.operation)?;
    let some = joins.get(usize::from(start)..usize::from(end))?;
    let join = some.iter().find(|join| usize::from(join.second) == second.operation)?;
    let bits = |of: [bool; 4]| of.iter().rev().fold(0, |bits, bit| bits << 1 | u8::from(*bit));
    let Instruction { a, b, c, d, .. } = *second;
    let reads = bits([a, b, c, d].map(|slot| slot == first.to)) & join.operands[1];
    let for_all = operands.map(|some| bits(some.map(|operand| operand.mask == 0)));
    let is_it = |join: &&Join| {
        usize::from(join.second) == second.operation
            && join.reads == reads
            && join.for_all == [for_all[0] & join.operands[0], for_all[1] & join.operands[1]]
    };
    some.iter().find(is_it).map(|join| join.operate)
}
