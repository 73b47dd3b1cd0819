//! Elementary functions: the same bits on every instruction set, at every length, and in TypeScript, where
//! test/function-bits.test.ts makes the same arguments.

use antigrad_kernels::InstructionSet;
use antigrad_kernels::functions::{Function, apply};

#[rustfmt::skip]
const SPECIAL: [f64; 34] = [
    0.0, -0.0, 1.0, -1.0, 2.0, -3.0, 0.5, -0.5, 1e-45, -1e-45, 5e-324, -1e-310, 1.2e-38, 2.3e-308, 3e38, -3e38,
    1.7e308, -1.7e308, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.4375, 0.625, 0.6875, 1.1875, 2.4375,
    88.75, -87.4, -103.9, 709.75, -745.1, 3216.5, -1647100.5, 4503599627370497.0,
];

/// Arguments of all kinds, as pairs.
fn arguments() -> Vec<[f64; 2]> {
    let mut all: Vec<[f64; 2]> = SPECIAL.iter().flat_map(|&x| SPECIAL.map(|y| [x, y])).collect();
    let mut state = 2_463_534_242_u32;
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    for i in 0..30_001 {
        let words = [word(), word(), word(), word()];
        let [u, v] = [words[0], words[2]].map(|word| f64::from(word) / 4294967296.0);
        let any = |k: usize| f64::from_bits(u64::from(words[k]) << 32 | u64::from(words[k + 1]));
        let any32 = |k: usize| f64::from(f32::from_bits(words[k]));
        all.push(match i % 8 {
            0 => [any(0), any(2)],
            1 => [any32(0), any32(2)],
            2 => [16.0 * u - 8.0, 16.0 * v - 8.0],
            3 => [4e6 * u - 2e6, 4.0 * v - 2.0],
            4 => [1.0 + (u - 0.5) / 1024.0, any32(2)],
            5 => [any(0), 2.0 * v - 1.0],
            6 => [1600.0 * u - 800.0, f64::from(words[2] >> 26) - 32.0],
            _ => [220.0 * u - 110.0, 32.0 * v - 16.0],
        });
    }
    all
}

/// What a test needs of a dtype.
trait Number: Copy + Into<f64> {
    const NAME: &str;
    fn round(x: f64) -> Self;
    fn apply(set: InstructionSet, function: Function, x: &mut [Self], y: &[Self]);
    /// With one pattern for all NaN.
    fn hex(self) -> String;
}

impl Number for f32 {
    const NAME: &str = "float32";
    fn round(x: f64) -> Self {
        x as f32
    }
    fn apply(set: InstructionSet, function: Function, x: &mut [Self], y: &[Self]) {
        apply(set, function, x, y);
    }
    fn hex(self) -> String {
        format!("{:08x}", if self.is_nan() { 0x7fc0_0000 } else { self.to_bits() })
    }
}

impl Number for f64 {
    const NAME: &str = "float64";
    fn round(x: f64) -> Self {
        x
    }
    fn apply(set: InstructionSet, function: Function, x: &mut [Self], y: &[Self]) {
        apply(set, function, x, y);
    }
    fn hex(self) -> String {
        format!("{:016x}", if self.is_nan() { 0x7ff8 << 48 } else { self.to_bits() })
    }
}

fn columns<T: Number>() -> [Vec<T>; 2] {
    let arguments = arguments();
    [0, 1].map(|k| arguments.iter().map(|pair| T::round(pair[k])).collect())
}

fn values<T: Number>(set: InstructionSet, function: Function, x: &[T], y: &[T]) -> Vec<String> {
    let mut values = x.to_vec();
    T::apply(set, function, &mut values, y);
    values.into_iter().map(T::hex).collect()
}

fn sets() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::ALL.iter().copied().filter(|set| set.is_available())
}

fn check_sets<T: Number>() {
    let [x, y] = columns::<T>();
    for &function in Function::ALL {
        let expected = values(InstructionSet::ALL[0], function, &x, &y);
        for set in sets() {
            let place = format!("{function:?}, {}, {}", T::NAME, set.name());
            for (i, (ours, theirs)) in values(set, function, &x, &y).iter().zip(&expected).enumerate() {
                let [x, y] = [x[i], y[i]].map(T::into);
                assert!(ours == theirs, "{ours} and not {theirs} of {x:e}, {y:e}: {place}");
            }
            for length in 0..40 {
                let from = 1200 + length * length;
                let [x, y] = [&x, &y].map(|all| &all[from..from + length]);
                assert!(values(set, function, x, y) == expected[from..from + length], "{length}: {place}");
            }
        }
    }
}

#[test]
fn every_instruction_set_has_the_same_bits() {
    check_sets::<f32>();
    check_sets::<f64>();
}

/// FNV-1a of all bits of each function.
fn lines<T: Number>() -> String {
    let [x, y] = columns::<T>();
    let lines: Vec<String> = Function::ALL
        .iter()
        .map(|&function| {
            let all = values(InstructionSet::ALL[0], function, &x, &y).concat();
            let hash = all
                .bytes()
                .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
            format!("    \"{}\": \"{hash:08x}\"", format!("{function:?}").to_lowercase())
        })
        .collect();
    format!("  \"{}\": {{\n{}\n  }}", T::NAME, lines.join(",\n"))
}

#[test]
fn both_languages_have_the_bits_of_one_file() {
    let text = format!("{{\n{},\n{}\n}}\n", lines::<f32>(), lines::<f64>());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test/data/function-bits.json");
    if std::env::var_os("ANTIGRAD_WRITE").is_some() {
        std::fs::write(path, &text).expect("it can be written");
    }
    let checked_in = std::fs::read_to_string(path).expect("test/data/function-bits.json is there");
    assert!(
        checked_in == text,
        "test/data/function-bits.json has other bits; with ANTIGRAD_WRITE=1 this writes it:\n{text}"
    );
}
