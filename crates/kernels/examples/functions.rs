//! Measures elementary functions: `cargo run --release --example functions -- exhaustive exp`, all float32
//! against the standard library in float64; `-- pow`, random powers in float32; `-- speed`; and
//! `-- write exp 1000000`, for scripts/function-errors.py.

use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use antigrad_kernels::InstructionSet;

const FUNCTIONS: [&str; 8] = ["Exp", "Log", "Pow", "Sin", "Cos", "Tan", "Tanh", "Atan"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["exhaustive", name] => exhaustive(named(name)),
        ["pow"] => random_powers(),
        ["speed"] => speed(),
        ["write", name, count] => write(named(name), count.parse().expect("a number")),
        _ => panic!("see this file's head"),
    }
}

fn named(name: &str) -> &'static str {
    FUNCTIONS.into_iter().find(|known| known.eq_ignore_ascii_case(name)).expect("a function's name")
}

fn of_std(function: &str, x: f64, y: f64) -> f64 {
    match function {
        "Exp" => x.exp(),
        "Log" => x.ln(),
        "Pow" => x.powf(y),
        "Sin" => x.sin(),
        "Cos" => x.cos(),
        "Tan" => x.tan(),
        "Tanh" => x.tanh(),
        "Atan" => x.atan(),
        _ => unreachable!("it is in the list"),
    }
}

/// In units of the last place where the exact value lies; infinite where one is NaN, or a zero's sign is wrong.
fn error(actual: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    let same = actual.to_bits() == rounded.to_bits() || (actual.is_nan() && exact.is_nan());
    if same && (rounded == 0.0 || !rounded.is_finite()) {
        return 0.0;
    }
    let exponent = (exact.to_bits() >> 52 & 0x7ff) as i32 - 1023;
    let error = (f64::from(actual) - exact).abs() / 2f64.powi(exponent.max(-126) - 23);
    if error.is_nan() || actual.is_sign_negative() != exact.is_sign_negative() {
        f64::INFINITY
    } else {
        error
    }
}

#[derive(Default)]
struct Worst {
    error: f64,
    at: (f32, f32),
}

impl Worst {
    fn see(&mut self, function: &str, x: &[f32], y: &[f32]) {
        let mut actual = x.to_vec();
        InstructionSet::best().apply(function, &mut actual, [y; 3], x.len());
        for ((&x, &y), &actual) in x.iter().zip(y).zip(&actual) {
            let error = error(actual, of_std(function, x.into(), y.into()));
            if error > self.error {
                *self = Self { error, at: (x, y) };
            }
        }
    }
}

const BLOCK: usize = 1 << 12;

fn exhaustive(function: &str) {
    let mut worst = Worst::default();
    for from in (0..=u32::MAX).step_by(BLOCK) {
        let x: Vec<f32> = (0..BLOCK as u32).map(|i| f32::from_bits(from + i)).collect();
        worst.see(function, &x, &x);
    }
    println!("{function}: {:.4} at {:e}", worst.error, worst.at.0);
}

fn noise() -> impl FnMut() -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

fn random_powers() {
    let (mut next, mut worst) = (noise(), Worst::default());
    for block in 0..100_000 {
        let x: Vec<f32> = (0..BLOCK).map(|_| f32::from_bits(next() as u32)).collect();
        let near_one = |x: f32| 1.0 + (x.abs().fract() - 0.5) / (1 << (block / 4 % 20)) as f32;
        let x: Vec<f32> = if block % 4 == 0 { x } else { x.into_iter().map(near_one).collect() };
        // So that results are of all sizes.
        let power = |x: f32, random: u64| match block % 2 {
            0 => f32::from_bits(random as u32),
            _ => (200.0 * (random as u32 as f32 / u32::MAX as f32 - 0.5)) / x.abs().ln(),
        };
        let y: Vec<f32> = x.iter().map(|&x| power(x, next())).collect();
        worst.see("Pow", &x, &y);
    }
    println!("Pow: {:.4} at {:e}, {:e}", worst.error, worst.at.0, worst.at.1);
}

/// Arguments of all sizes, and where errors are largest, each with its value, as bytes.
fn write(function: &str, count: usize) {
    let mut next = noise();
    let mut out = std::io::stdout().lock();
    for _ in 0..count.div_ceil(BLOCK) {
        let mut unit = || (next() >> 11) as f64 / (1_u64 << 53) as f64;
        let x: Vec<f64> = (0..BLOCK)
            .map(|i| match (function, i % 4) {
                (_, 0) => f64::from_bits((unit() * 2f64.powi(64)) as u64),
                ("Exp", 1) => 1500.0 * unit() - 750.0,
                ("Exp", _) => 2.0 * unit() - 1.0,
                ("Log", _) => 0.4 + 1.2 * unit(),
                ("Pow", 1) => 1.0 + (unit() - 0.5) * 2f64.powf(-40.0 * unit()),
                ("Pow", _) => 0.5 + unit(),
                ("Sin" | "Cos" | "Tan", 1) => 2e6 * (2.0 * unit() - 1.0),
                _ => 8.0 * unit() - 4.0,
            })
            .collect();
        let y: Vec<f64> = x.iter().map(|x| (1470.0 * unit() - 750.0) / x.abs().ln()).collect();
        let mut value = x.clone();
        InstructionSet::best().apply(function, &mut value, [&y; 3], x.len());
        for ((x, y), value) in x.iter().zip(&y).zip(&value) {
            out.write_all(&[x, y, value].map(|x| x.to_le_bytes()).concat()).expect("someone reads");
        }
    }
}

fn speed() {
    for function in FUNCTIONS {
        print!("{function:6}");
        for set in InstructionSet::ALL.iter().copied().filter(|set| set.is_available()) {
            let narrow = nanoseconds(|x| x as f32, |x, y| set.apply(function, x, [y; 3], x.len()));
            let wide = nanoseconds(|x| x, |x, y| set.apply(function, x, [y; 3], x.len()));
            print!("  {} {narrow:.2} {wide:.2}", set.name());
        }
        println!();
    }
}

/// For an element: the least of many runs.
fn nanoseconds<T: Copy>(round: impl Fn(f64) -> T, apply: impl Fn(&mut [T], &[T])) -> f64 {
    let mut next = noise();
    let mut numbers =
        || -> Vec<T> { (0..1024).map(|_| round((next() >> 40) as f64 / 2f64.powi(22))).collect() };
    let (x, y) = (numbers(), numbers());
    let run = || {
        let mut x = x.clone();
        let start = Instant::now();
        apply(black_box(&mut x), &y);
        start.elapsed().as_nanos() as f64 / x.len() as f64
    };
    (0..3000).map(|_| run()).fold(f64::INFINITY, f64::min)
}
