//! Two instructions that one loop performs have the bits of separate instructions, on every instruction set.

use antigrad_kernels::InstructionSet;
use antigrad_kernels::manifest::HASH;
use antigrad_kernels::many::{
    BLOCK, Batch, Counts, GAP, Header, Instruction, LINE, NO_KERNEL, OPERATIONS, Outcome, STEP, Settings,
    Short,
};

/// Contents of the memory after a batch, which must not change.
const CANARY: u64 = 0xA5A5_A5A5_A5A5_A5A5;
const PARAMETERS: usize = 7;
const CONSTANTS: usize = 4;
/// The first computed slot: copies of the parameters, the reason to stop, and a slot for separation.
const FIRST: usize = PARAMETERS + CONSTANTS;
const SLOTS: usize = FIRST + PARAMETERS + 2;
const MOST: usize = PARAMETERS + 4;

/// An update of a program that copies the parameters, and runs instructions on the copies.
struct Memory {
    words: Vec<u64>,
    bytes: usize,
    size: usize,
    planes: usize,
}

impl Memory {
    fn new(size: usize, lanes: usize, instructions: &[[usize; 6]]) -> Self {
        let program = (Counts::SIZE + MOST * Instruction::SIZE + PARAMETERS + 1) * 4;
        let mut lines = (Header::SIZE * 4).div_ceil(LINE);
        let mut places = vec![];
        let blocks = 2 * SLOTS + PARAMETERS + 3;
        for (name, bytes) in [
            ("value", program),
            ("gradient", program),
            ("settings", 8 * Settings::SIZE),
            ("constant_values", CONSTANTS * LINE),
            ("data", 0),
            ("pieces", 0),
            ("lane_data", 0),
            ("coefficients", 64),
            ("live", 4),
            ("planes", BLOCK * (PARAMETERS * size + Short::SIZE * 8 + 4) + PARAMETERS * GAP),
            ("results", BLOCK * (PARAMETERS * size + Outcome::SIZE * 8 + 4)),
            ("scratch", blocks * (BLOCK * size + GAP) + (2 * SLOTS + PARAMETERS) * LINE + 2 * MOST * STEP),
        ] {
            places.push((name, lines));
            lines += bytes.max(1).div_ceil(LINE);
        }
        let place = |name: &str| places.iter().find(|(known, _)| *known == name).unwrap().1 * LINE;
        let mut words = vec![0_u64; lines * LINE / 8];
        words.extend([CANARY; 64]);
        let mut memory = Self { words, bytes: lines * LINE, size, planes: place("planes") };
        let header = [
            ("hash", HASH as usize),
            ("size", size),
            ("parameters", PARAMETERS),
            ("constants", CONSTANTS),
            ("slots", SLOTS),
            ("kernel", NO_KERNEL),
            ("cohorts", 1),
            ("lanes", BLOCK),
            ("updates", 1),
            ("row_length", 5),
            ("scratches", 1),
        ];
        for (name, number) in header.into_iter().chain(places.iter().copied()) {
            let at = Header::NAMES.iter().position(|known| *known == name).unwrap();
            memory.put(at * 4, &(number as u32).to_ne_bytes());
        }
        let copy = operation("Copy");
        let copies = (0..PARAMETERS).map(|p| [copy, FIRST + p, p, 0, 0, 0]);
        let reason = [copy, FIRST + PARAMETERS, PARAMETERS, 0, 0, 0];
        let all: Vec<_> = copies.chain(instructions.iter().copied()).chain([reason]).collect();
        assert!(all.len() <= MOST);
        let mut counts = [0; Counts::SIZE];
        counts[Counts::AT.head] = all.len();
        let outputs = (0..=PARAMETERS).map(|p| FIRST + p);
        let words: Vec<_> = counts.into_iter().chain(all.into_iter().flatten()).chain(outputs).collect();
        for (name, (k, word)) in ["value", "gradient"]
            .iter()
            .flat_map(|name| words.iter().enumerate().map(move |word| (name, word)))
        {
            memory.put(place(name) + 4 * k, &(*word as u32).to_ne_bytes());
        }
        memory.put(place("live"), &(lanes as u32).to_ne_bytes());
        memory.put(place("settings") + 8 * Settings::AT.most_updates as usize, &9.0_f64.to_ne_bytes());
        for (constant, x) in [1.0, 0.75, -1.0 / 3.0, 1.25].into_iter().enumerate() {
            (0..LINE / size)
                .for_each(|k| memory.number(place("constant_values") + constant * LINE + k * size, x));
        }
        for (p, lane) in (0..PARAMETERS).flat_map(|p| (0..lanes).map(move |lane| (p, lane))) {
            let x = match (3 * p + 7 * lane) % 29 {
                0 => 0.0,
                1 => f64::INFINITY,
                2 => f64::NAN,
                3 => -1e30,
                _ => ((5 * p + 11 * lane) % 37) as f64 / 12.0 - 1.3,
            };
            memory.number(memory.at(p, lane), x);
        }
        memory
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        assert!(at + bytes.len() <= self.bytes);
        let to = self.words.as_mut_ptr().cast::<u8>().wrapping_add(at);
        // SAFETY: this was just checked.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
    }

    fn number(&mut self, at: usize, x: f64) {
        match self.size {
            4 => self.put(at, &(x as f32).to_ne_bytes()),
            _ => self.put(at, &x.to_ne_bytes()),
        }
    }

    fn at(&self, parameter: usize, lane: usize) -> usize {
        self.planes + parameter * (BLOCK * self.size + GAP) + lane * self.size
    }

    /// The parameters of each lane after the update, as bits; NaN has one form.
    fn results(mut self, lanes: usize, set: InstructionSet) -> Vec<u64> {
        let base = self.words.as_mut_ptr().cast::<u8>();
        // SAFETY: these bytes are the vector's, and the set is available.
        unsafe { Batch::new(base, self.bytes, set).and_then(|batch| batch.advance(0, 0)) }.expect("it fits");
        assert!(self.words[self.bytes / 8..].iter().all(|word| *word == CANARY));
        let number = |(p, lane): (usize, usize)| {
            let at = base.wrapping_add(self.at(p, lane));
            // SAFETY: parameters and lanes are in the memory.
            let x = unsafe {
                if self.size == 4 { f64::from(at.cast::<f32>().read()) } else { at.cast::<f64>().read() }
            };
            if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() }
        };
        (0..PARAMETERS).flat_map(|p| (0..lanes).map(move |lane| (p, lane))).map(number).collect()
    }
}

/// An operation, and the operands that are for all.
type Half = (&'static str, u8);

/// The pairs in the source, and which operands of the second operation are results of the first one.
fn joins() -> Vec<([Half; 2], u8)> {
    let source = include_str!("../src/many/join_loops.rs");
    let bits = |text: &str| u8::from_str_radix(text.strip_prefix("0b")?, 2).ok();
    let half = |text: &'static str| text.split_once(' ').and_then(|(name, all)| Some((name, bits(all)?)));
    let join = |line: &'static str| {
        let parts: Vec<_> = line.trim().strip_suffix(';')?.split(", ").collect();
        let [first, second, reads] = parts[..] else { return None };
        Some(([half(first)?, half(second)?], bits(reads)?))
    };
    source.lines().filter_map(join).collect()
}

fn operation(name: &str) -> usize {
    OPERATIONS.iter().position(|known| *known == name).unwrap()
}

#[test]
fn joined_instructions_have_the_bits_of_separate_instructions() {
    let counts: &[usize] = if cfg!(miri) { &[3] } else { &[1, 8, 15, 33, 100, 256] };
    // Copies that the results go to: of their own, one for both, or operands of one of the instructions.
    let places = [[4, 5], [4, 4], [0, 1], [5, 1], [2, 0], [6, 2]];
    let joins = joins();
    assert!(joins.len() > 30);
    for ([(first, first_all), (second, second_all)], reads) in joins {
        for [to, last] in places {
            let operand = |all: u8, k: usize, copy: usize| match all >> k & 1 {
                1 => PARAMETERS + k,
                _ => FIRST + copy,
            };
            let a: [usize; 4] = std::array::from_fn(|k| operand(first_all, k, k));
            let b: [usize; 4] = std::array::from_fn(|k| match (reads >> k & 1, [3, 2, 6, 1][k]) {
                (1, _) => FIRST + to,
                (_, copy) if copy == to => operand(second_all, k, 5 - copy % 2),
                (_, copy) => operand(second_all, k, copy),
            });
            let one = [operation(first), FIRST + to, a[0], a[1], a[2], a[3]];
            let other = [operation(second), FIRST + last, b[0], b[1], b[2], b[3]];
            let apart = [operation("Copy"), SLOTS - 1, FIRST, 0, 0, 0];
            for size in [4, 8] {
                for set in InstructionSet::ALL.iter().copied().filter(|set| set.is_available()) {
                    for &lanes in counts {
                        let of = |all: &[[usize; 6]]| Memory::new(size, lanes, all).results(lanes, set);
                        let what =
                            || format!("{first}, {second} to {to}, {last}; {size}, {lanes}, {}", set.name());
                        assert!(of(&[one, other]) == of(&[one, apart, other]), "{}", what());
                    }
                }
            }
        }
    }
}
