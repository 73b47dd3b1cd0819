//! Kernels of custom rules, which are written as equations: one kernel per number of state arrays. The kernel
//! interprets the program in its row of coefficients. The program and its constants follow the pipeline's coefficients.
//!
//! JavaScript may write to a row at any time. Each number is therefore read once, and the whole program is checked
//! before any instruction runs. An invalid program does not run. `ts/equations` writes the programs, and interprets
//! them in TypeScript.

use std::mem::MaybeUninit;

use super::operations::{Operand, Operands, Operate};
use super::pairs::{OperateBoth, Pair};
use super::{MAX_INSTRUCTIONS, MAX_SLOTS, MAX_TEMPORARIES, Places};
use crate::arena::{LINE, Numbers};
use crate::kernel::code::{Entry, Measure, Pass};
use crate::kernel::{MAX_STATE, MAX_SUMS, MAX_TENSOR, PIPELINE, Streams, Sum};
use crate::sums::{self, STRIPES};
use crate::vector::Scalar;

/// Slots: θ, g, the state, values by tensor, constants; temporary ones follow.
const THETA: usize = 0;
const STATE: usize = 2;
const VALUES: usize = STATE + MAX_STATE;
const CONSTANTS: usize = VALUES + MAX_TENSOR;

/// Kinds of sums of a slot, by number.
const SUM: usize = 0;
const SUM_OF_SQUARES: usize = 1;
const LARGEST: usize = 2;
const KINDS: usize = LARGEST + 1;

/// Bytes of elements that one instruction processes before the next instruction, and the same for distant memory.
const BLOCK: usize = 4096;
const FAR_BLOCK: usize = BLOCK / 2;

/// The decoded program. It is not initialized, because clearing it takes as long as a small step.
#[repr(align(64))]
struct EquationScratch {
    /// Constants, a line each, and a block of each temporary slot: of the first-level cache, and of WebAssembly's stack,
    /// which is short.
    numbers: MaybeUninit<[u8; ROOM]>,
    steps: [MaybeUninit<Step>; MAX_INSTRUCTIONS],
    /// Operands by slot.
    slots: [MaybeUninit<Operand>; MAX_SLOTS],
}

impl EquationScratch {
    #[inline(always)]
    const fn new() -> Self {
        Self {
            numbers: MaybeUninit::uninit(),
            steps: [MaybeUninit::uninit(); MAX_INSTRUCTIONS],
            slots: [MaybeUninit::uninit(); MAX_SLOTS],
        }
    }
}

const ROOM: usize = if cfg!(target_arch = "wasm32") { 12 << 10 } else { 32 << 10 };

/// Every block has all stripes of sums.
const _: () = {
    let constants = MAX_SLOTS - CONSTANTS - MAX_TEMPORARIES;
    let temporary = MAX_TEMPORARIES * STRIPES * size_of::<f64>();
    assert!(MAX_SLOTS <= u128::BITS as usize);
    assert!((MAX_TENSOR + constants) * LINE + temporary <= ROOM);
    assert!(sums::BLOCK.is_multiple_of(BLOCK) && FAR_BLOCK.is_multiple_of(STRIPES * size_of::<f64>()));
};

/// The numbers of a row behind the pipeline's.
#[derive(Clone, Copy)]
struct Words(Numbers);

impl Words {
    #[inline(always)]
    fn number(self, at: usize) -> Option<f64> {
        self.0.find(at.saturating_add(PIPELINE.len()))
    }

    /// An integer.
    #[inline(always)]
    fn count(self, at: usize) -> Option<usize> {
        let number = self.number(at)?;
        let count = number as usize;
        (count as f64 == number).then_some(count)
    }

    /// How many sums a program ends with, and where these are.
    fn sums(self, program: usize) -> Option<(usize, usize)> {
        let start = self.count(program)?;
        let at = start.checked_add(self.count(start)?)?.checked_add(1)?;
        let count = self.count(at).filter(|count| *count <= MAX_SUMS)?;
        Some((count, at + 1))
    }
}

/// An instruction: the operation, its operands and its result.
#[derive(Clone, Copy)]
struct Step {
    operation: Operate,
    /// Code for this instruction fused with the next one.
    both: Option<OperateBoth>,
    code: u8,
    to: u8,
    from: [u8; 4],
}

impl Step {
    /// The pair that it is with the next one, where slots before `temporary` that are no arrays have one number for all.
    #[inline(always)]
    fn with(&self, next: &Self, pairs: &[Pair], temporary: usize) -> Option<OperateBoth> {
        let codes = [self.code, next.code];
        let Pair { for_all: wanted, at, operate, .. } = *pairs.iter().find(|pair| pair.codes == codes)?;
        let all = [self, next].map(|step| {
            let bits = step.from.iter().enumerate();
            bits.fold(0, |bits, (k, slot)| {
                bits | u8::from((VALUES..temporary).contains(&usize::from(*slot))) << k
            })
        });
        // The next instruction reads the result of the first one at this operand, and at no other.
        let reads = next.from.map(|slot| slot == self.to);
        let is_read = reads[at] && reads.iter().filter(|reads| **reads).count() == 1;
        (is_read && all == wanted).then_some(operate)
    }
}

/// Some of the slots, one bit per slot.
#[derive(Clone, Copy)]
struct Slots(u128);

impl Slots {
    /// From one slot up to another one.
    #[inline(always)]
    fn between(from: usize, to: usize) -> Self {
        let below = |slot: usize| 1_u128.checked_shl(slot as u32).unwrap_or(0).wrapping_sub(1);
        Self(below(to) & !below(from))
    }

    #[inline(always)]
    fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline(always)]
    fn has(self, slot: usize) -> bool {
        slot < MAX_SLOTS && self.0 >> slot & 1 == 1
    }
}

/// Description of a kernel that interprets its row.
#[derive(Clone, Copy)]
pub struct Kind {
    pub operations: &'static [Operate],
    pub pairs: &'static [Pair],
    /// Arrays of state, and values by tensor.
    pub states: usize,
    pub values: usize,
    /// Which of the programs it runs.
    pub program: usize,
}

/// A program that was found sound.
struct Program<'a> {
    // Not all of the room: that would be another way to its numbers, to which slots point.
    steps: &'a [MaybeUninit<Step>],
    slots: &'a mut [MaybeUninit<Operand>; MAX_SLOTS],
    /// The slots with numbers of their own for each element.
    by_element: Slots,
    streams: usize,
    /// Whether caches do not hold the arrays, so that what comes next is asked for.
    is_far: bool,
    /// Instructions that one loop does at most.
    longest: usize,
    /// In elements.
    block: usize,
}

impl<'a> Program<'a> {
    /// Returns None if the program is invalid.
    #[inline(always)]
    fn read<T: Scalar>(
        kind: Kind,
        streams: &Streams,
        words: Words,
        tensor: &[f64; MAX_TENSOR],
        room: &'a mut EquationScratch,
    ) -> Option<Self> {
        let Kind { operations, pairs, states, values, program } = kind;
        let start = words.count(program)?;
        let count = words.count(start).filter(|count| *count <= MAX_INSTRUCTIONS)?;
        let [constants, first] = [words.count(Places::AT.count)?, words.count(Places::AT.constants)?];
        let temporary = CONSTANTS.checked_add(constants).filter(|slot| *slot <= MAX_SLOTS)?;
        let end = MAX_SLOTS.min(temporary + MAX_TEMPORARIES);

        // Slots that have been written and may be read.
        let mut by_element = Slots::between(0, STATE + states);
        let for_all = Slots::between(VALUES, VALUES + values).with(Slots::between(CONSTANTS, temporary));
        // Sums change nothing.
        let is_update = program == Places::AT.update;
        let mut last = temporary;
        let EquationScratch { numbers, steps, slots } = room;
        for (k, step) in steps.iter_mut().enumerate().take(count) {
            let number = words.number(start.checked_add(1 + k)?)?;
            let word = number as u64;
            let [code, to, from @ .., _, _] = word.to_le_bytes();
            if word as f64 != number {
                return None;
            }
            let operation = *operations.get(usize::from(code))?;
            let known = by_element.with(for_all);
            if !from.iter().all(|slot| known.has(usize::from(*slot))) {
                return None;
            }
            let slot = usize::from(to);
            if (temporary..end).contains(&slot) {
                by_element = by_element.with(Slots::between(slot, slot + 1));
                last = last.max(slot + 1);
            } else if !is_update || !(slot == THETA || (STATE..STATE + states).contains(&slot)) {
                return None;
            }
            step.write(Step { operation, both: None, code, to, from });
        }
        let steps = &mut steps[..count];
        let mut paired = 0;
        let mut k = 1;
        while k < count && !pairs.is_empty() {
            // SAFETY: all `count` steps have just been written.
            let [one, next] = [unsafe { steps[k - 1].assume_init() }, unsafe { steps[k].assume_init() }];
            let both = one.with(&next, pairs, temporary);
            if both.is_some() {
                steps[k - 1].write(Step { both, ..one });
                paired += 2;
                k += 1;
            }
            k += 1;
        }

        let mut next = numbers.as_mut_ptr().cast::<u8>();
        let line = LINE / size_of::<T>();
        let mut put = |slot: &mut MaybeUninit<Operand>, number: f64| {
            // SAFETY: there is a line for each slot that is not temporary, as asserted above.
            let at = |k: usize| unsafe { next.cast::<T>().add(k) };
            // SAFETY: see above.
            (0..line).for_each(|k| unsafe { at(k).write(T::from_f64(number)) });
            slot.write(Operand { at: next, mask: 0 });
            next = next.wrapping_add(LINE);
        };
        for (slot, value) in slots[VALUES..].iter_mut().zip(tensor).take(values) {
            put(slot, *value);
        }
        for (k, slot) in slots[CONSTANTS..temporary].iter_mut().enumerate() {
            put(slot, words.number(first.checked_add(k)?)?);
        }
        let lanes = |at: *const u8| Operand { at, mask: usize::MAX };
        let arrays = STATE + states;
        let own = [streams.theta.cast_const(), streams.g].into_iter();
        let own = own.chain(streams.state.map(<*mut u8>::cast_const)).take(arrays);
        slots.iter_mut().zip(own).for_each(|(slot, at)| _ = slot.write(lanes(at)));
        let left = ROOM - (values + constants) * LINE;
        let mut block = BLOCK;
        while (last - temporary) * block > left {
            block /= 2;
        }
        for slot in &mut slots[temporary..last] {
            slot.write(lanes(next));
            next = next.wrapping_add(block);
        }
        #[cfg(target_arch = "x86_64")]
        let is_far = paired < count && {
            let held = if 2 * paired > count { FAR_OF_PAIRS } else { FAR };
            streams.plane * size_of::<T>() * arrays > held
        };
        #[cfg(not(target_arch = "x86_64"))]
        let is_far = false;
        Some(Self {
            steps,
            slots,
            by_element,
            streams: arrays,
            is_far,
            longest: if paired > 0 { 2 } else { 1 },
            block: block / size_of::<T>(),
        })
    }

    /// Runs the program over `length` elements, block by block. `then` receives the number of elements of each block.
    ///
    /// # Safety
    /// The streams must be valid for `length` numbers, rounded up to whole lines. The instruction set must be
    /// available, and the room still valid.
    #[inline(always)]
    unsafe fn run<T: Scalar>(&mut self, length: usize, mut then: impl FnMut(&Self, usize)) {
        // Data that fits into the second-level cache needs no prefetch.
        if length * size_of::<T>() * self.streams > NEAR {
            self.block = self.block.min(FAR_BLOCK / size_of::<T>());
        }
        if self.is_far {
            let most = AT_ONCE * self.steps.len() / (self.longest * self.streams) * LINE / size_of::<T>();
            self.block = self.block.min((most / STRIPES).max(1) * STRIPES);
        }
        let bytes = self.block * size_of::<T>();
        for at in (0..length).step_by(self.block) {
            let count = self.block.min(length - at);
            let fetches = self.is_far && at + (AHEAD + 1) * self.block <= length;
            let mut k = 0;
            while let Some(step) = self.steps.get(k) {
                // SAFETY: `read` has written all of them.
                let step = unsafe { step.assume_init_ref() };
                let last = k + usize::from(step.both.is_some());
                if fetches {
                    // A part at each instruction: few lines can be on their way at once.
                    let [from, to] = [k, last + 1].map(|k| bytes * k / self.steps.len() / LINE * LINE);
                    let next = |slot: usize| self.slot(slot).at.wrapping_add(AHEAD * bytes + from);
                    (0..self.streams).for_each(|slot| fetch(next(slot), to - from));
                }
                if let Some(both) = step.both {
                    // SAFETY: `read` has written all steps, and only pairs a step with an existing next step.
                    let both_steps = [step, unsafe { self.steps[last].assume_init_ref() }];
                    // SAFETY: the caller guarantees the streams and the instruction set; temporary slots have a block,
                    // and those for all a line.
                    unsafe {
                        both(
                            both_steps.map(|step| self.to(step)),
                            &both_steps.map(|step| self.from(step)),
                            count,
                        )
                    };
                } else {
                    // SAFETY: see above.
                    unsafe { (step.operation)(self.to(step), &self.from(step), count) };
                }
                k = last + 1;
            }
            then(self, count);
            for slot in 0..self.streams {
                let moved = self.slot(slot).moved(bytes);
                self.slots[slot].write(moved);
            }
        }
    }

    /// The slots to sum, with their kinds of sums.
    fn wanted(&self, words: Words, program: usize) -> Option<[Option<(usize, usize)>; MAX_SUMS]> {
        let (count, first) = words.sums(program)?;
        let mut wanted = [None; MAX_SUMS];
        for (k, wanted) in wanted.iter_mut().enumerate().take(count) {
            let number = words.count(first.checked_add(k)?)?;
            let (slot, what) = (number / 4, number % 4);
            *wanted = Some((slot, what)).filter(|_| self.by_element.has(slot) && what < KINDS);
            (*wanted)?;
        }
        Some(wanted)
    }

    #[inline(always)]
    fn to(&self, step: &Step) -> *mut u8 {
        self.slot(usize::from(step.to)).at.cast_mut()
    }

    #[inline(always)]
    fn from(&self, step: &Step) -> Operands {
        step.from.map(|slot| self.slot(usize::from(slot)))
    }

    /// Address of a slot that was checked.
    #[inline(always)]
    fn slot(&self, number: usize) -> Operand {
        // SAFETY: `read` lets through no instruction, nor sum, of a slot that it does not write.
        unsafe { self.slots[number].assume_init() }
    }
}

/// Bytes that a second-level cache holds.
const NEAR: usize = 1 << 18;
/// Bytes that may exceed the third-level cache. For smaller data processors prefetch on their own, and explicit
/// prefetching of all data costs a quarter.
#[cfg(target_arch = "x86_64")]
const FAR: usize = 1 << 23;
/// The same threshold if a program consists mostly of pairs, whose loops are so long that processors prefetch on their
/// own. If it consists of pairs only, nothing is prefetched.
#[cfg(target_arch = "x86_64")]
const FAR_OF_PAIRS: usize = 1 << 25;
/// Blocks between the prefetched block and the current one, and lines that can be in flight at once.
const AHEAD: usize = 2;
const AT_ONCE: usize = 32;

/// Number of elements from which on a fused loop of two operations is faster.
const SHORT: usize = 64;

/// Prefetches some bytes.
#[inline(always)]
fn fetch(from: *const u8, bytes: usize) {
    for at in (0..bytes).step_by(LINE) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: all x86-64 processors support prefetching, and it has no effect on invalid addresses.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(at).cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = from.wrapping_add(at);
    }
}

/// Runs the update; does nothing if the program is invalid.
///
/// # Safety
/// Same as for [`crate::kernel::pass`], but for whole lines. The instruction set of the kind's operations must be
/// available.
#[inline(never)]
pub unsafe fn update<T: Scalar>(
    kind: Kind,
    streams: &Streams,
    row: Numbers,
    tensor: &[f64; MAX_TENSOR],
    length: usize,
) {
    // To look for pairs takes longer than they save.
    let kind = if length < SHORT { Kind { pairs: &[], ..kind } } else { kind };
    let mut room = EquationScratch::new();
    if let Some(mut program) = Program::read::<T>(kind, streams, Words(row), tensor, &mut room) {
        // SAFETY: the caller guarantees the streams and the instruction set; the room is there until this returns.
        unsafe { program.run::<T>(length, |_, _| ()) }
    }
}

/// Adds numbers to stripes, by what is summed; the first one belongs to the first stripe. To be compiled for an
/// instruction set.
#[inline(always)]
pub fn tally<T: Scalar>(values: &[T], kind: usize, stripes: &mut [f64; STRIPES]) {
    match kind {
        SUM => each(values, stripes, |sum, x| sum + x),
        SUM_OF_SQUARES => each(values, stripes, |sum, x| sum + x * x),
        _ => each(values, stripes, |most, x| larger(most, x.abs())),
    }
}

#[inline(always)]
fn each<T: Scalar>(values: &[T], stripes: &mut [f64; STRIPES], add: impl Fn(f64, f64) -> f64) {
    let mut sums = *stripes;
    let (lines, rest) = values.as_chunks::<STRIPES>();
    for line in lines {
        sums.iter_mut().zip(line).for_each(|(sum, x)| *sum = add(*sum, x.to_f64()));
    }
    sums.iter_mut().zip(rest).for_each(|(sum, x)| *sum = add(*sum, x.to_f64()));
    *stripes = sums;
}

/// See [`tally`].
pub type Tally = unsafe fn(*const u8, usize, usize, &mut [f64; STRIPES]);

/// Computes the sums over one block; NaN if the program is invalid.
///
/// # Safety
/// Same as for [`update`].
#[inline(never)]
pub unsafe fn measure<T: Scalar>(
    kind: Kind,
    tally: Tally,
    streams: &Streams,
    row: Numbers,
    tensor: &[f64; MAX_TENSOR],
    length: usize,
) -> [f64; MAX_SUMS] {
    let mut room = EquationScratch::new();
    let read = Program::read::<T>(kind, streams, Words(row), tensor, &mut room);
    let both = read.and_then(|program| Some((program.wanted(Words(row), kind.program)?, program)));
    let Some((wanted, mut program)) = both else {
        return [f64::NAN; MAX_SUMS];
    };
    let mut stripes = [[0.0; STRIPES]; MAX_SUMS];
    let run = |program: &Program, count: usize| {
        for ((slot, what), stripes) in wanted.iter().flatten().zip(&mut stripes) {
            // SAFETY: `wanted` has found that it has a block of numbers; the instruction set is available.
            unsafe { tally(program.slot(*slot).at, count, *what, stripes) }
        }
    };
    // SAFETY: the caller guarantees the streams and the instruction set; the room is there until this returns.
    unsafe { program.run::<T>(length, run) };
    std::array::from_fn(|k| match wanted[k] {
        Some((_, LARGEST)) => stripes[k].into_iter().fold(0.0, larger),
        _ => sums::combine(stripes[k]),
    })
}

/// How many sums a row wants of a program.
pub fn count_of_sums(row: Numbers, program: usize) -> usize {
    Words(row).sums(program).map_or(0, |(count, _)| count)
}

/// Whether one of them is the largest of what blocks have, and not their sum.
pub fn is_largest(row: Numbers, program: usize, k: usize) -> bool {
    let words = Words(row);
    let kind = words.sums(program).and_then(|(_, first)| words.count(first.checked_add(k)?));
    kind.is_some_and(|kind| kind % 4 == LARGEST)
}

/// NaN if one is.
#[inline(always)]
pub fn larger(most: f64, x: f64) -> f64 {
    if x > most || x.is_nan() { x } else { most }
}

/// Whether an array of state is flushed where that is wanted.
pub fn flushes(row: Numbers, state: usize) -> bool {
    Words(row).count(Places::AT.flushes).is_some_and(|bits| bits >> state & 1 != 0)
}

const COUNTS: usize = MAX_STATE + 1;
/// In WebAssembly many runs have no sums.
const ENTRIES: usize = COUNTS * if cfg!(feature = "catalogue") { 4 } else { 2 };

/// The kernels in the order of their numbers: updates, updates with per-tensor values, sums, and second sums, each in
/// ascending order of the number of state arrays. Summing kernels begin with a pass that stores the gradient after the
/// pipeline.
pub const fn entries(
    [update, by_tensor]: [[Pass; COUNTS]; 2],
    prepare: Pass,
    measures: [[Measure; COUNTS]; 2],
) -> [Entry; ENTRIES] {
    let mut entries = [const { Entry::NOTHING }; ENTRIES];
    let mut at = 0;
    while at < ENTRIES {
        let (kind, state) = (at / COUNTS, at % COUNTS);
        let own = Entry { state, row: Places::SIZE, ..Entry::NOTHING };
        entries[at] = match kind {
            0 => Entry { pass: Some(update[state]), program: Some(Places::AT.update), ..own },
            1 => Entry {
                pass: Some(by_tensor[state]),
                program: Some(Places::AT.update),
                tensor: MAX_TENSOR,
                ..own
            },
            _ => Entry {
                pass: Some(prepare),
                copies: true,
                program: Some(kind - 1),
                measure: Some(measures[kind - 2][state]),
                tensor: MAX_TENSOR,
                // The row determines which sums are computed; this is the maximum.
                sums: &[Sum::Values; MAX_SUMS],
                ..own
            },
        };
        at += 1;
    }
    entries
}
