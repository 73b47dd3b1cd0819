//! Batches made by hand: bounds and data by run, on every instruction set; and headers that do not fit.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use antigrad_kernels::InstructionSet;
use antigrad_kernels::layout::EQUATIONS;
use antigrad_kernels::manifest::{HASH, kernels};
use antigrad_kernels::many::{
    BLOCK, Batch, Counts, GAP, Header, Instruction, LINE, MAX_PIECES, MIN_BLOCKS, NO_KERNEL, OPERATIONS,
    Outcome, PIECES, Reason, Settings, Short,
};
use proptest::{prelude::*, test_runner::RngSeed};

use guard_pages::Guarded;

// Only tests/arena borrows gradients.
#[allow(dead_code)]
#[path = "arena/guard_pages.rs"]
mod guard_pages;

/// Contents of the memory after a batch, which must not change.
const CANARY: u64 = 0xA5A5_A5A5_A5A5_A5A5;
const ROWS: usize = 4;
const LANES: usize = 2 * BLOCK;
const PLANES: usize = 3;

/// Runs of gradient descent on Σ (x − t)² with half its gradient, each with bounds and four t of its own.
struct Memory {
    words: Vec<u64>,
    bytes: usize,
    size: usize,
    places: Vec<(&'static str, usize)>,
    /// Bytes of each place.
    rooms: Vec<usize>,
    data_lanes: usize,
}

impl Memory {
    fn new(size: usize, runs: usize) -> Self {
        Self::of_rows(size, runs, ROWS, 0)
    }

    /// @param row_lanes numbers per column with rows in lanes; otherwise 0
    fn of_rows(size: usize, runs: usize, rows: usize, row_lanes: usize) -> Self {
        Self::with_coefficients(size, runs, rows, row_lanes, 5)
    }

    /// Same as `new`, with room for rows of this many coefficients.
    fn with_coefficients(size: usize, runs: usize, rows: usize, row_lanes: usize, length: usize) -> Self {
        let data_lanes = if row_lanes > 0 { runs } else { apart(size, runs) };
        let mut memory = Self { words: vec![], bytes: 0, size, places: vec![], rooms: vec![], data_lanes };
        let mut lines = (Header::SIZE * 4).div_ceil(LINE);
        for (name, bytes) in [
            ("value", 2 * LINE),
            ("gradient", 2 * LINE),
            ("settings", 8 * Settings::SIZE),
            ("constant_values", 0),
            ("data", 0),
            ("pieces", if row_lanes > 0 { PIECES * size } else { 0 }),
            ("lane_data", rows.max(row_lanes) * data_lanes * size),
            ("coefficients", 3 * length * 8),
            ("live", 4),
            ("planes", LANES * (PLANES * size + Short::SIZE * 8 + 4) + PLANES * GAP),
            ("results", LANES * (size + Outcome::SIZE * 8 + 4)),
            ("scratch", (2 * 4 + 1 + 3) * (BLOCK * size + GAP) + (2 * 4 + 1) * LINE),
        ] {
            memory.places.push((name, lines));
            memory.rooms.push(bytes);
            lines += bytes.max(1).div_ceil(LINE);
        }
        memory.bytes = lines * LINE;
        memory.words = vec![0; memory.bytes / 8];
        memory.words.extend([CANARY; 64]);
        let kernel = kernels().iter().find(|kernel| kernel.name == "GradientDescent").unwrap().number;
        let numbers = [
            ("hash", HASH as usize),
            ("size", size),
            ("parameters", 1),
            ("columns", 1),
            ("slots", 4),
            ("rows", rows),
            ("data_lanes", data_lanes),
            ("row_lanes", row_lanes),
            ("kernel", kernel as usize),
            ("cohorts", 1),
            ("lanes", LANES),
            ("updates", 3),
            ("row_length", 5),
            ("bounded", 1),
            ("scratches", 1),
        ];
        for (name, number) in numbers.into_iter().chain(memory.places.clone()) {
            memory.set(name, number);
        }
        let difference = [operation("Subtract"), 3, 0, 1, 0, 0];
        let square = [operation("Multiply"), 3, 3, 3, 0, 0];
        let sum = [operation("Add"), 2, 2, 3, 0, 0];
        memory.program("value", &[difference, square, sum]);
        memory.program("gradient", &[difference, sum]);
        memory.double("settings", Settings::AT.tolerance as usize, 1e-3);
        memory.double("settings", Settings::AT.most_updates as usize, 9.0);
        for update in 0..3 {
            // Scale, limit, λ, d, and the rate that leads from anywhere to the mean.
            for (k, x) in [1.0, f64::INFINITY, 0.0, 1.0, 0.25].into_iter().enumerate() {
                memory.double("coefficients", 5 * update + k, x);
            }
        }
        memory.word("live", 0, runs as u32);
        for run in 0..runs {
            let [min, max] = bounds(run);
            for (k, x) in [start(run), min, max].into_iter().enumerate() {
                memory.number("planes", k * (LANES + GAP / size) + run, x);
            }
            memory.run_in(run, run);
            for row in (0..rows).take_while(|_| row_lanes == 0) {
                memory.number("lane_data", row * data_lanes + run, mean(run) + row as f64 - 1.5);
            }
        }
        memory
    }

    /// A run that begins there, and has no bounds.
    fn unbounded(&mut self, run: usize, start: f64) {
        for (k, x) in [start, f64::NEG_INFINITY, f64::INFINITY].into_iter().enumerate() {
            self.number("planes", k * (LANES + GAP / self.size) + run, x);
        }
    }

    /// The number of what is in a lane.
    fn run_in(&mut self, lane: usize, run: usize) {
        let numbers = PLANES * (LANES * self.size + GAP) + Short::SIZE * 8 * LANES;
        self.word("planes", numbers / 4 + lane, run as u32);
    }

    fn program(&mut self, name: &str, body: &[[u32; 6]]) {
        self.program_with(name, body, &[], &[2]);
    }

    /// One whose only sum is in slot 2.
    fn program_with(&mut self, name: &str, body: &[[u32; 6]], tail: &[[u32; 6]], outputs: &[u32]) {
        Counts { head: 0, body: body.len(), tail: tail.len(), sums: 1 }
            .write(|k, count| self.word(name, k, count as u32));
        let instructions = body.iter().chain(tail).flatten().copied();
        let words = instructions.chain([2]).chain(outputs.iter().copied());
        (Counts::SIZE..).zip(words).for_each(|(k, word)| self.word(name, k, word));
    }

    fn set(&mut self, name: &str, number: usize) {
        let at = Header::NAMES.iter().position(|known| *known == name).unwrap();
        self.bytes_at(0, at * 4, &(number as u32).to_ne_bytes());
    }

    fn line(&self, name: &str) -> usize {
        self.places.iter().find(|(known, _)| *known == name).unwrap().1
    }

    fn word(&mut self, name: &str, at: usize, word: u32) {
        self.bytes_at(self.line(name), at * 4, &word.to_ne_bytes());
    }

    fn double(&mut self, name: &str, at: usize, x: f64) {
        self.bytes_at(self.line(name), at * 8, &x.to_ne_bytes());
    }

    fn number(&mut self, name: &str, at: usize, x: f64) {
        match self.size {
            4 => self.bytes_at(self.line(name), at * 4, &(x as f32).to_ne_bytes()),
            _ => self.double(name, at, x),
        }
    }

    fn bytes_at(&mut self, line: usize, at: usize, bytes: &[u8]) {
        assert!(line * LINE + at + bytes.len() <= self.bytes);
        let to = self.words.as_mut_ptr().cast::<u8>().wrapping_add(line * LINE + at);
        // SAFETY: this was just checked.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
    }

    fn advance(&mut self, set: InstructionSet) -> bool {
        let bytes = self.bytes;
        // SAFETY: these bytes are the vector's, and the set is available.
        let done = unsafe {
            Batch::new(self.words.as_mut_ptr().cast(), bytes, set).and_then(|batch| batch.advance(0, 0))
        };
        assert!(self.words[bytes / 8..].iter().all(|word| *word == CANARY));
        done.is_ok()
    }

    /// Performs a part of the current update; returns whether parts are left.
    fn advance_part(&mut self, set: InstructionSet, part: Range<usize>) -> bool {
        let bytes = self.bytes;
        // SAFETY: as in `advance`; the tests do one part after the other.
        let left = unsafe {
            Batch::new(self.words.as_mut_ptr().cast(), bytes, set)
                .and_then(|batch| batch.advance_part(0, 0, &part))
        };
        left.unwrap()
    }

    /// A run's end: its value, its number of updates, and the reason.
    fn result(&self, run: usize) -> (f64, f64, u32) {
        let at = self.words.as_ptr().cast::<u8>().wrapping_add(self.line("results") * LINE);
        let numbers = at.wrapping_add(LANES * self.size).cast::<f64>();
        let updates = numbers.wrapping_add(Outcome::AT.updates as usize * LANES + run);
        let reasons = numbers.wrapping_add(Outcome::SIZE * LANES).cast::<u32>();
        // SAFETY: that is where results are.
        unsafe {
            let x = match self.size {
                4 => f64::from(at.cast::<f32>().add(run).read()),
                _ => at.cast::<f64>().add(run).read(),
            };
            (x, updates.read(), reasons.add(run).read())
        }
    }

    /// A run's value where it has ended.
    fn value(&self, run: usize) -> f64 {
        let at =
            self.words.as_ptr().cast::<u8>().wrapping_add(self.line("results") * LINE + LANES * self.size);
        // SAFETY: that is where results are.
        unsafe { at.cast::<f64>().add(Outcome::AT.value as usize * LANES + run).read() }
    }
}

/// Numbers from a row to the next one, as in `ts/many/batch/batch.ts`: rows that begin in the same set of the
/// first-level cache would evict each other.
fn apart(size: usize, runs: usize) -> usize {
    let lanes = runs.next_multiple_of(LINE / size);
    if (lanes * size).is_multiple_of(4096) { lanes + LINE / size } else { lanes }
}

fn sets() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::ALL.iter().copied().filter(|set| set.is_available())
}

fn operation(name: &str) -> u32 {
    OPERATIONS.iter().position(|known| *known == name).unwrap() as u32
}

fn mean(run: usize) -> f64 {
    run as f64 - 150.0
}

/// Some have no bounds, some are held by one, and some have no room.
fn bounds(run: usize) -> [f64; 2] {
    let mean = mean(run);
    [[f64::NEG_INFINITY, f64::INFINITY], [mean + 2.0, f64::INFINITY], [-1e9, mean - 3.0], [mean + 1.0; 2]]
        [run % 4]
}

/// Within bounds; every third run begins where it ends.
fn start(run: usize) -> f64 {
    let [min, max] = bounds(run);
    let start = if run.is_multiple_of(3) { mean(run) } else { mean(run) + 8.0 - (run % 5) as f64 * 4.0 };
    start.max(min).min(max)
}

/// Sizes, and numbers of runs close to whole vectors and blocks; the last case has rows that are one vector further
/// apart.
fn shapes() -> Vec<(usize, usize)> {
    if cfg!(miri) {
        return vec![(8, LANES)];
    }
    let counts = [1, 7, 17, BLOCK, BLOCK + 1, BLOCK + 45, LANES];
    counts.into_iter().flat_map(|runs| [(4, runs), (8, runs)]).collect()
}

#[test]
fn each_run_has_its_data_and_its_bounds() {
    for set in sets() {
        for (size, runs) in shapes() {
            let mut memory = Memory::new(size, runs);
            assert!(memory.advance(set));
            for run in 0..runs {
                let [min, max] = bounds(run);
                let end = mean(run).max(min).min(max);
                let updates = if start(run) == end { 1.0 } else { 2.0 };
                let expected = (end, updates, Reason::Converged as u32);
                assert_eq!(memory.result(run), expected, "{} {size} {runs} {run}", set.name());
            }
        }
    }
}

#[test]
fn an_update_in_parts_is_the_update_in_one() {
    for (size, set) in [4, 8].into_iter().flat_map(|size| sets().map(move |set| (size, set))) {
        for runs in [1, 17, BLOCK] {
            let [mut whole, mut parts] = [(); 2].map(|()| Memory::new(size, runs));
            for memory in [&mut whole, &mut parts] {
                memory.set("updates", 1);
            }
            let begun = whole.words.clone();
            assert!(whole.advance(set));
            assert!(whole.words != begun);
            for row in 0..ROWS {
                assert_eq!(parts.advance_part(set, row..row + 1), row + 1 < ROWS);
            }
            assert!(whole.words == parts.words, "{} {size} {runs}", set.name());
        }
    }
}

#[test]
fn runs_that_share_all_data_need_no_lanes_of_it() {
    for (size, set) in [4, 8].into_iter().flat_map(|size| sets().map(move |set| (size, set))) {
        let mut memory = Memory::new(size, 40);
        for (name, number) in [("shared", 1), ("data", memory.line("lane_data")), ("data_lanes", 0)] {
            memory.set(name, number);
        }
        (0..ROWS).for_each(|row| memory.number("lane_data", row, mean(9)));
        (0..40).for_each(|run| memory.unbounded(run, mean(run)));
        assert!(memory.advance(set), "{} {size}", set.name());
        (0..40).for_each(|run| assert_eq!(memory.result(run).0, mean(9), "{} {size} {run}", set.name()));
    }
}

#[test]
fn a_change_a_hair_below_the_tolerance_is_below_it() {
    for set in sets() {
        // One run, which is not a whole vector, and several runs with equal short steps.
        for runs in [1, 16] {
            let mut memory = Memory::new(8, runs);
            for run in 0..runs {
                let start = mean(run) + 1e-3 * (1.0 - 5e-7);
                memory.unbounded(run, start);
            }
            assert!(memory.advance(set));
            for run in 0..runs {
                let (_, updates, reason) = memory.result(run);
                assert_eq!((updates, reason), (1.0, Reason::Converged as u32), "{} {runs} {run}", set.name());
            }
        }
    }
}

#[test]
fn a_step_that_was_short_and_is_short_again_has_all_the_patience_there_is() {
    for (size, set) in [4, 8].into_iter().flat_map(|size| sets().map(move |set| (size, set))) {
        // Updates that are made at once: the second one goes far, in the first call or in the next one.
        for at_once in [1, 3] {
            let mut memory = Memory::new(size, 17);
            memory.set("updates", at_once);
            memory.double("settings", Settings::AT.most_updates as usize, 999.0);
            // The gradient is 1 anywhere.
            memory.program_with("gradient", &[], &[[operation("Equal"), 3, 0, 0, 0, 0]], &[3]);
            (0..17).for_each(|run| memory.unbounded(run, 0.0));
            for done in (0..120).step_by(at_once) {
                memory.double("settings", Settings::AT.done as usize, done as f64);
                for update in 0..at_once {
                    let rate = if done + update == 1 { 1.0 } else { 1e-4 };
                    memory.double("coefficients", 5 * update + 4, rate);
                }
                assert!(memory.advance(set));
            }
            for run in 0..17 {
                let (_, updates, reason) = memory.result(run);
                assert_eq!(
                    (updates, reason),
                    (103.0, Reason::Stalled as u32),
                    "{} {size} {at_once}",
                    set.name()
                );
            }
        }
    }
}

#[test]
fn a_run_at_rest_stops_with_the_first_update_that_counts() {
    for (size, set) in [4, 8].into_iter().flat_map(|size| sets().map(move |set| (size, set))) {
        let mut memory = Memory::new(size, 17);
        memory.double("settings", Settings::AT.exempt as usize, 1.0);
        // Next to a run that ends with an update that does not count, so that all runs are examined then.
        (0..17).for_each(|run| memory.unbounded(run, if run == 5 { f64::NAN } else { mean(run) }));
        assert!(memory.advance(set));
        for run in 0..17 {
            let (_, updates, reason) = memory.result(run);
            let (ends, why) = if run == 5 { (1.0, Reason::Diverged) } else { (2.0, Reason::Converged) };
            assert_eq!((updates, reason), (ends, why as u32), "{} {size} {run}", set.name());
        }
    }
}

#[test]
fn a_parameter_rests_where_decay_alone_moves_it_by_the_tolerance() {
    let two = |k: i32| 2_f64.powi(k);
    for set in sets() {
        let mut memory = Memory::new(8, 1);
        memory.double("settings", Settings::AT.tolerance as usize, two(-10));
        memory.program("gradient", &[[operation("Add"), 2, 1, 2, 0, 0]]);
        // All of it is exact: x becomes 1, less than the tolerance from where it was, and decay takes 2⁻¹⁰ of that.
        memory.unbounded(0, 1.0 + two(-12));
        for row in 0..ROWS {
            memory.number(
                "lane_data",
                row * memory.data_lanes,
                (two(-12) - two(-10) - two(-22)) / ROWS as f64,
            );
        }
        for (k, x) in [(3, 1.0 - two(-10)), (4, 1.0)] {
            memory.double("coefficients", k, x);
        }
        assert!(memory.advance(set));
        assert_eq!(memory.result(0), (1.0, 1.0, Reason::Converged as u32), "{}", set.name());
    }
}

#[test]
fn a_rule_that_is_equations_has_the_bits_of_its_kernel() {
    let multiply_subtract_multiply = f64::from(operation("MultiplySubtractMultiply"));
    // θ ← θ·d − η·g: its slots are 0, 12, 13 and 1.
    let instruction = [0.0, 0.0, 12.0, 13.0, 1.0].iter().rev().fold(0.0, |word, byte| 256.0 * word + byte);
    let word = multiply_subtract_multiply + 256.0 * instruction;
    let row = [1.0, f64::INFINITY, 0.0, 1.0, 6.0, 0.0, 0.0, 8.0, 2.0, 0.0, 1.0, word, 1.0, 0.25];
    for set in InstructionSet::ALL.iter().copied().filter(|set| set.is_available()) {
        for (size, runs) in shapes() {
            let mut expected = Memory::new(size, runs);
            let mut memory = Memory::with_coefficients(size, runs, ROWS, 0, row.len());
            memory.set("kernel", EQUATIONS);
            memory.set("row_length", row.len());
            for (update, (k, x)) in
                (0..3).flat_map(|update| row.iter().enumerate().map(move |at| (update, at)))
            {
                memory.double("coefficients", row.len() * update + k, *x);
            }
            assert!(memory.advance(set) && expected.advance(set));
            for run in 0..runs {
                assert_eq!(memory.result(run), expected.result(run), "{} {size} {runs} {run}", set.name());
            }
            // Nor are there more of them, nor any with values by tensor.
            for kernel in [EQUATIONS + 7, EQUATIONS + 14, EQUATIONS + 28, EQUATIONS + 1000] {
                memory.set("kernel", kernel);
                assert!(!memory.advance(set));
            }
        }
    }
}

/// Without a kernel: x becomes x + s, where s is the sum of the data, and a run stops where x has reached s.
fn counting(size: usize, runs: usize) -> Memory {
    let mut memory = Memory::new(size, runs);
    memory.set("kernel", NO_KERNEL);
    let sum = [operation("Add"), 2, 1, 2, 0, 0];
    let next = [operation("Add"), 3, 0, 2, 0, 0];
    let reason = [operation("LessOrEqual"), 2, 2, 3, 0, 0];
    memory.program_with("gradient", &[sum], &[next, reason], &[3, 2]);
    for run in 0..runs {
        memory.number("planes", run, -((run % 12) as f64) * (run + 1) as f64 * ROWS as f64);
        for row in 0..ROWS {
            memory.number("lane_data", row * memory.data_lanes + run, (run + 1) as f64);
        }
    }
    memory
}

#[test]
fn a_program_without_a_kernel_makes_updates_until_it_says_stop() {
    for set in sets() {
        // Counts of updates are more than 32 bits hold, too; and cohorts close up between calls, or within one.
        let ways = [(0.0, 9), (0.0, 3), (2_f64.powi(33), 3)];
        let ways = &ways[..if cfg!(miri) { 1 } else { 3 }];
        for ((size, runs), (before, at_once)) in
            shapes().into_iter().flat_map(|shape| ways.iter().map(move |way| (shape, *way)))
        {
            let mut memory = counting(size, runs);
            memory.double("settings", 2, before + 9.0);
            memory.set("updates", at_once);
            // There is room for the coefficients of nine behind all else.
            memory.set("coefficients", memory.bytes / LINE);
            let end = memory.bytes / 8;
            memory.words.splice(end..end, [0; 9 * 5]);
            memory.bytes += 9 * 5 * 8;
            for done in (0..9).step_by(at_once) {
                memory.double("settings", 1, before + done as f64);
                assert!(memory.advance(set));
            }
            for run in 0..runs {
                let steps = run % 12;
                let updates = (steps + 1).min(9);
                let end = (updates as f64 - steps as f64) * (run + 1) as f64 * ROWS as f64;
                let reason = if steps < 9 { 1 } else { Reason::MaxIterations as u32 };
                let expected = (end, before + updates as f64, reason);
                assert_eq!(memory.result(run), expected, "{} {size} {runs} {run}", set.name());
            }
        }
    }
}

#[test]
fn a_program_without_a_kernel_has_a_reason_beside_its_parameters() {
    for size in [4, 8] {
        let mut memory = counting(size, 40);
        assert!(memory.advance(InstructionSet::best()));
        // The slot of the reason is not among them.
        let mut memory = counting(size, 40);
        memory.program_with("gradient", &[[operation("Add"), 2, 1, 2, 0, 0]], &[], &[2, 4]);
        assert!(!memory.advance(InstructionSet::best()));
        // Nor is any other number a kernel's.
        let mut memory = counting(size, 40);
        memory.set("kernel", NO_KERNEL - 1);
        assert!(!memory.advance(InstructionSet::best()));
    }
}

/// x becomes Σ (x − t)·t, with lanes that are rows, and stops.
fn in_rows(size: usize, runs: usize, rows: usize) -> Memory {
    let row_lanes = rows.next_multiple_of(LINE / size);
    let mut memory = Memory::of_rows(size, runs, rows, row_lanes);
    memory.set("kernel", NO_KERNEL);
    let difference = [operation("Subtract"), 3, 0, 1, 0, 0];
    let sum = [operation("MultiplyAdd"), 2, 3, 1, 2, 0];
    let one = [operation("Equal"), 3, 0, 0, 0, 0];
    memory.program_with("gradient", &[difference, sum], &[one], &[2, 3]);
    for run in 0..runs {
        memory.number("planes", run, run as f64 / 3.0);
        for row in 0..row_lanes {
            // Padding of a column must not be summed.
            memory.number("lane_data", run * row_lanes + row, if row < rows { t_of(run, row) } else { 1e30 });
        }
    }
    memory
}

fn t_of(run: usize, row: usize) -> f64 {
    1.0 / (1 + run + row) as f64
}

/// Its sum in the order that is promised, over the data of a run.
fn sum_in_order(size: usize, run: usize, data: usize, rows: usize) -> f64 {
    sum_from(size, run as f64 / 3.0, data, rows)
}

/// Same for any x.
fn sum_from(size: usize, x: f64, data: usize, rows: usize) -> f64 {
    let round = |x: f64| if size == 4 { f64::from(x as f32) } else { x };
    let x = round(x);
    let piece = BLOCK * MIN_BLOCKS.max(rows.div_ceil(BLOCK).div_ceil(MAX_PIECES));
    (0..rows).step_by(piece).fold(0.0, |total, begin| {
        let end = rows.min(begin + piece);
        let rest = (end - begin) % BLOCK;
        let mut lanes = [0.0; BLOCK];
        let ordered = (end - rest..end).enumerate().chain((begin..end - rest).enumerate());
        for (k, row) in ordered {
            let t = round(t_of(data, row));
            lanes[k % BLOCK] = round(round(round(x - t) * t) + lanes[k % BLOCK]);
        }
        for half in [128, 64, 32, 16, 8, 4, 2, 1] {
            (0..half).for_each(|k| lanes[k] = round(lanes[k] + lanes[half + k]));
        }
        round(total + lanes[0])
    })
}

#[test]
fn rows_are_lanes_with_one_order_of_sums() {
    for set in sets() {
        for (size, rows) in
            [4, 8].into_iter().flat_map(|size| [1, 255, 256, 300, 5000, 8193].map(|rows| (size, rows)))
        {
            for runs in [1, 3] {
                let mut memory = in_rows(size, runs, rows);
                assert!(memory.advance(set));
                for run in 0..runs {
                    let expected = (sum_in_order(size, run, run, rows), 1.0, 1);
                    assert_eq!(memory.result(run), expected, "{} {size} {rows} {run}", set.name());
                }
            }
        }
    }
}

#[test]
fn a_rule_moves_runs_whose_rows_are_lanes() {
    let kernel = kernels().iter().find(|kernel| kernel.name == "GradientDescent").unwrap().number;
    for set in sets() {
        for (size, rows) in [4, 8].into_iter().flat_map(|size| [256, 300, 8193].map(|rows| (size, rows))) {
            let round = |x: f64| if size == 4 { f64::from(x as f32) } else { x };
            let mut memory = in_rows(size, 3, rows);
            memory.set("kernel", kernel as usize);
            memory.set("updates", 1);
            memory.double("settings", Settings::AT.most_updates as usize, 1.0);
            let difference = [operation("Subtract"), 3, 0, 1, 0, 0];
            let sum = [operation("MultiplyAdd"), 2, 3, 1, 2, 0];
            memory.program("value", &[difference, sum]);
            let start = |run: usize| run as f64 / 3.0;
            (0..3).for_each(|run| memory.unbounded(run, start(run)));
            assert!(memory.advance(set));
            for run in 0..3 {
                let x = round(round(start(run)) - round(0.25 * sum_in_order(size, run, run, rows)));
                assert_eq!(memory.result(run), (x, 1.0, Reason::MaxIterations as u32), "{size} {rows}");
                assert_eq!(
                    memory.value(run),
                    sum_from(size, x, run, rows),
                    "{} {size} {rows} {run} {x}",
                    set.name()
                );
            }
        }
    }
}

#[test]
fn a_team_sums_rows_to_the_same_bits() {
    let rows = 40_000;
    let mut memory = in_rows(8, 2, rows);
    memory.set("scratches", 1);
    let bytes = memory.bytes;
    // SAFETY: these bytes are the vector's, and the set is available; pieces come one by one, the last one first.
    unsafe {
        let batch = Batch::new(memory.words.as_mut_ptr().cast(), bytes, InstructionSet::best()).unwrap();
        let backwards = |count: usize, piece: &(dyn Fn(usize, usize) + Sync)| {
            (0..count).rev().for_each(|number| piece(0, number));
            count > 1
        };
        batch.advance_by(0, 0, &backwards).unwrap();
    }
    for run in 0..2 {
        assert_eq!(memory.result(run).0, sum_in_order(8, run, run, rows));
    }
}

#[test]
fn all_runs_have_sums_where_not_all_pieces_are_there_at_once() {
    let rows = 5 * BLOCK * MIN_BLOCKS;
    const { assert!(5 * BLOCK > PIECES) };
    for size in [4, 8] {
        let mut memory = in_rows(size, 1, rows);
        // They share the rows of the first one.
        memory.set("shared", 1);
        memory.set("data", memory.line("lane_data"));
        memory.word("live", 0, BLOCK as u32);
        for run in 0..BLOCK {
            memory.number("planes", run, run as f64 / 3.0);
            memory.run_in(run, run);
        }
        assert!(memory.advance(InstructionSet::best()));
        for run in (0..BLOCK).step_by(17) {
            assert_eq!(memory.result(run).0, sum_in_order(size, run, 0, rows), "{size} {run}");
        }
    }
}

#[test]
fn rows_in_lanes_that_do_not_fit_are_a_fault() {
    let fails = |change: &dyn Fn(&mut Memory)| {
        let mut memory = in_rows(8, 3, 300);
        change(&mut memory);
        !memory.advance(InstructionSet::best())
    };
    assert!(!fails(&|_| ()));
    for row_lanes in [1, 296, 300, 4096, u32::MAX as usize] {
        assert!(fails(&|memory| memory.set("row_lanes", row_lanes)), "{row_lanes}");
    }
    assert!(fails(&|memory| memory.set("rows", 305)));
    assert!(fails(&|memory| memory.set("data_lanes", 2)));
    assert!(fails(&|memory| memory.set("data_lanes", 1000)));
    assert!(fails(&|memory| memory.set("pieces", memory.bytes / LINE - 1)));
    assert!(fails(&|memory| memory.set("pieces", memory.line("planes"))));
    // Slots that there are not.
    for slot in [4, u32::MAX] {
        assert!(fails(&|memory| memory.program_with("gradient", &[[0, slot, 0, 1, 0, 0]], &[], &[2, 3])));
        assert!(fails(&|memory| memory.program_with("gradient", &[[0, 2, 0, slot, 2, 0]], &[], &[2, 3])));
    }
}

#[test]
fn what_does_not_fit_is_a_fault() {
    let set = InstructionSet::best();
    for size in [4, 8] {
        let vector = LINE / size;
        let fails = |change: &dyn Fn(&mut Memory)| {
            let mut memory = Memory::new(size, 40);
            change(&mut memory);
            !memory.advance(set)
        };
        assert!(!fails(&|_| ()));
        for data_lanes in [0, 2, vector - 1, vector + 1, LANES + vector, u32::MAX as usize] {
            assert!(fails(&|memory| memory.set("data_lanes", data_lanes)), "{data_lanes}");
        }
        // Rows without numbers have room anywhere: theirs may be a vector further apart than all lanes, and no more.
        for (more, is_too_far) in [(vector, false), (2 * vector, true)] {
            let is_fault = fails(&|memory| {
                memory.set("rows", 0);
                memory.set("data_lanes", LANES + more);
            });
            assert_eq!(is_fault, is_too_far, "{more}");
        }
        // More runs than have data, or than there are.
        assert!(fails(&|memory| memory.word("live", 0, memory.data_lanes as u32 + 1)));
        assert!(fails(&|memory| memory.word("live", 0, u32::MAX)));
        // A run behind the last one has no result.
        for run in [LANES, u32::MAX as usize] {
            assert!(fails(&|memory| memory.run_in(0, run)), "{run}");
        }
        // More shared columns than there are.
        assert!(fails(&|memory| memory.set("shared", 2)));
        // Data, and planes of bounds, behind the end.
        assert!(fails(&|memory| {
            memory.set("shared", 1);
            memory.set("data", memory.bytes / LINE);
        }));
        assert!(fails(&|memory| memory.set("rows", memory.bytes)));
        assert!(fails(&|memory| memory.set("rows", u32::MAX as usize)));
        assert!(fails(&|memory| memory.set("lane_data", memory.bytes / LINE - 1)));
        let free = GAP + LANES * size;
        let last = |memory: &Memory| (memory.bytes - LANES * (size + 28) - GAP - free) / LINE;
        assert!(fails(&|memory| memory.set("planes", last(memory))));
        assert!(fails(&|memory| memory.set("cohorts", 1000)));
    }
}

#[test]
fn kernels_that_want_numbers_by_tensor_are_a_fault() {
    let (mut taken, mut refused) = (0, 0);
    for kernel in kernels().iter().filter(|kernel| kernel.state.is_empty() && kernel.row.len() <= 11) {
        let mut memory = Memory::new(8, 40);
        memory.set("kernel", kernel.number as usize);
        // One update, with all the room that there is for coefficients.
        memory.set("updates", 1);
        memory.set("row_length", 15);
        let done = memory.advance(InstructionSet::best());
        assert!(!done || kernel.tensor.is_empty(), "{}", kernel.name);
        taken += usize::from(done);
        refused += usize::from(!done && !kernel.tensor.is_empty());
    }
    assert!(taken > 0 && refused > 2, "{taken} {refused}");
}

#[test]
fn no_place_lies_over_another_one() {
    let set = InstructionSet::best();
    let memory = Memory::new(8, 40);
    let places: Vec<_> = memory
        .places
        .iter()
        .filter(|(name, _)| !["constant_values", "data", "pieces"].contains(name))
        .collect();
    for (name, line) in &places {
        let mut others: Vec<_> =
            places.iter().filter(|(other, _)| other != name).map(|(_, line)| *line).collect();
        // The number in the header is not among them.
        others.push(0);
        for other in others {
            let mut memory = Memory::new(8, 40);
            memory.set(name, other);
            assert!(!memory.advance(set), "{name} at line {other} instead of {line}");
        }
    }
    // An empty range may have any address.
    let mut memory = Memory::new(8, 40);
    memory.set("data", memory.line("planes"));
    assert!(memory.advance(set));
}

#[test]
fn each_place_wants_all_of_its_room() {
    for (size, row_lanes) in [(4, 0), (8, 0), (4, 304), (8, 304)] {
        let make = || if row_lanes > 0 { in_rows(size, 3, 300) } else { Memory::new(size, 40) };
        // Programs say themselves how long they are.
        for (k, (name, _)) in make().places.iter().enumerate().skip(2).filter(|(k, _)| make().rooms[*k] > 0) {
            // It lies behind all others, and bytes of it are missing.
            let fits = |missing: usize| {
                let mut memory = make();
                let (end, room) = (memory.bytes, memory.rooms[k]);
                memory.words.resize((end + room).div_ceil(8), 0);
                memory.set(name, end / LINE);
                let bytes = end + room - missing;
                // SAFETY: the vector has as many, and the set is available.
                unsafe { Batch::new(memory.words.as_mut_ptr().cast(), bytes, InstructionSet::best()) }.is_ok()
            };
            assert!(fits(0), "{name} {size} {row_lanes}");
            assert!(!fits(1), "{name} {size} {row_lanes}");
        }
    }
}

#[test]
fn a_program_ends_within_the_batch() {
    for (name, instructions) in [("value", 3), ("gradient", 2)] {
        let mut memory = Memory::new(8, 40);
        // A slot of its sum and one of its output follow.
        let words = Counts::SIZE + instructions * Instruction::SIZE + 2;
        let (end, bytes) = (memory.bytes, words * 4);
        let from = memory.line(name) * LINE;
        memory.words.resize((end + 2 * LINE) / 8, 0);
        memory.words.copy_within(from / 8..(from + 2 * LINE) / 8, end / 8);
        memory.set(name, end / LINE);
        let mut fits = |bytes: usize| {
            // SAFETY: the vector has as many, and the set is available.
            unsafe { Batch::new(memory.words.as_mut_ptr().cast(), bytes, InstructionSet::best()) }.is_ok()
        };
        assert!(fits(end + bytes) && !fits(end + bytes - 4), "{name}");
    }
}

#[test]
fn rows_of_no_data_are_a_fault() {
    let mut memory = Memory::new(8, 40);
    for (name, number) in [("columns", 0), ("rows", u32::MAX as usize)] {
        memory.set(name, number);
    }
    assert!(!memory.advance(InstructionSet::best()));
}

/// Numbers that are likely to be taken for something.
fn value() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => 0_u32..40,
        2 => (0_u32..20).prop_map(|x| x * BLOCK as u32),
        1 => (0_u32..64).prop_map(|x| u32::MAX - x),
        1 => (0_u32..32, 0_u32..3).prop_map(|(bit, x)| (1_u32 << bit).wrapping_add(x).wrapping_sub(1)),
        1 => any::<u32>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 1500 },
        rng_seed: RngSeed::Fixed(5),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Default::default()
    })]

    /// In the header, in programs and settings, which follow it, or anywhere.
    #[test]
    fn corrupt_batches_lead_nowhere_outside_of_their_bytes(
        size in prop::sample::select(vec![4_usize, 8]),
        is_counting in any::<bool>(),
        is_at_end in any::<bool>(),
        writes in prop::collection::vec(
            (prop_oneof![2 => 1..Header::SIZE, 2 => 32_usize..160, 1 => any::<usize>()], value()),
            1..5,
        ),
    ) {
        let mut memory = if is_counting { counting(size, 40) } else { Memory::new(size, 40) };
        for (at, value) in writes {
            let words = memory.bytes / 4;
            memory.bytes_at(0, at % words * 4, &value.to_ne_bytes());
        }
        for set in sets() {
            let (_held, base) = Guarded::copy(memory.words.as_ptr().cast(), memory.bytes, is_at_end);
            // SAFETY: the bytes are held, only this thread uses them, and the set is available.
            let Ok(batch) = (unsafe { Batch::new(base, memory.bytes, set) }) else { continue };
            for cohort in 0..batch.header.cohorts.min(4) {
                // SAFETY: as above; a batch has the scratches that its header says.
                let _ = unsafe { batch.advance(cohort, 0) };
            }
        }
    }
}

/// Digests of runs that a rule moves, and of runs that a program moves, as in tests/arena/digests.rs.
#[test]
#[cfg_attr(miri, ignore)] // It compares nothing by itself.
fn digests() {
    type Make = fn(usize, usize) -> Memory;
    let kinds: [(&str, Make); 2] = [("a rule", Memory::new), ("a program", counting)];
    for (size, (name, make)) in [4, 8].into_iter().flat_map(|size| kinds.map(|kind| (size, kind))) {
        for set in sets() {
            let (mut memory, mut hash) = (make(size, BLOCK + 45), DefaultHasher::new());
            // Neither a third nor its products are exact.
            memory.double("coefficients", 4, 1.0 / 3.0);
            assert!(memory.advance(set));
            for run in 0..BLOCK + 45 {
                let (x, updates, reason) = memory.result(run);
                (x.to_bits(), updates.to_bits(), reason).hash(&mut hash);
            }
            println!("digest many runs by {name}, {size} bytes, {}: {:016x}", set.name(), hash.finish());
        }
    }
}
