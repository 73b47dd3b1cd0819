//! Elementary functions and all other operations: the same bits on every instruction set, at every length, in every
//! lane, and in TypeScript, where test/function-bits.test.ts makes the same arguments of functions.

use std::hash::{DefaultHasher, Hash, Hasher};

use antigrad_kernels::many::{LINE, OPERATIONS};
use antigrad_kernels::{InstructionSet, Operand};
use proptest::{prelude::*, test_runner::RngSeed};

#[rustfmt::skip]
const FUNCTIONS: [&str; 33] = [
    "Exp", "Log", "Pow", "Sin", "Cos", "Tan", "Tanh", "Atan", "Expm1", "Log1p", "Log2", "Log10", "Sinh", "Cosh",
    "Cbrt", "Asin", "Acos", "Atan2", "Erf", "Erfc", "Erfcx", "ErfSlope", "Normpdf", "Normcdf", "Norminv", "Gamma",
    "Lgamma", "Digamma", "Trigamma", "Tetragamma", "Voigt", "FaddeevaByX", "FaddeevaByY",
];

#[rustfmt::skip]
const SPECIAL: [f64; 35] = [
    0.0, -0.0, 1.0, -1.0, 2.0, -3.0, 0.5, -0.5, 1e-45, -1e-45, 5e-324, -1e-310, 1.2e-38, 2.3e-308, 3e38, -3e38,
    1.7e308, -1.7e308, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.4375, 0.625, 0.6875, 1.1875, 2.4375,
    88.75, -87.4, -103.9, 709.75, -745.1, 3216.5, -1647100.5, 4503599627370497.0,
    // The number closest to a multiple of π/2.
    5.319372648326541e255,
];

/// The argument at which powers change from one expansion to another.
const SQRT_3_2: f64 = 1.224744871391589;

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
    all.extend((-2000..2000).map(|i| [SQRT_3_2, f64::from(i) / 77.0]));
    all
}

/// Operations of a dtype that a test needs.
trait Number: Copy + Into<f64> {
    const NAME: &str;
    fn round(x: f64) -> Self;
    fn apply(set: InstructionSet, name: &str, columns: [&mut [Self]; 4], length: usize);
    /// With one pattern for all NaN.
    fn hex(self) -> String;
}

impl Number for f32 {
    const NAME: &str = "float32";
    fn round(x: f64) -> Self {
        x as f32
    }
    fn apply(set: InstructionSet, name: &str, [x, y, z, w]: [&mut [Self]; 4], length: usize) {
        set.apply(name, x, [y, z, w], length);
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
    fn apply(set: InstructionSet, name: &str, [x, y, z, w]: [&mut [Self]; 4], length: usize) {
        set.apply(name, x, [y, z, w], length);
    }
    fn hex(self) -> String {
        format!("{:016x}", if self.is_nan() { 0x7ff8 << 48 } else { self.to_bits() })
    }
}

/// The third column is the second one from the end.
fn columns<T: Number>() -> [Vec<T>; 3] {
    let arguments = arguments();
    let [x, y] = [0, 1].map(|k| arguments.iter().map(|pair| T::round(pair[k])).collect::<Vec<T>>());
    let z = y.iter().rev().copied().collect();
    [x, y, z]
}

fn values<T: Number>(set: InstructionSet, name: &str, columns: [&[T]; 4]) -> Vec<String> {
    results(set, name, columns).into_iter().map(T::hex).collect()
}

fn results<T: Number>(set: InstructionSet, name: &str, columns: [&[T]; 4]) -> Vec<T> {
    let length = columns[0].len();
    let filled = |column: &[T]| {
        let mut column = column.to_vec();
        column.resize(length.next_multiple_of(LINE / size_of::<T>()), T::round(1.0));
        column
    };
    let mut columns = columns.map(filled);
    T::apply(set, name, columns.each_mut().map(|column| &mut column[..]), length);
    let [mut x, ..] = columns;
    x.truncate(length);
    x
}

fn sets() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::ALL.iter().copied().filter(|set| set.is_available())
}

fn check_sets<T: Number>() {
    let [x, y, z] = columns::<T>();
    for function in FUNCTIONS {
        let expected = values(InstructionSet::ALL[0], function, [&x, &y, &z, &z]);
        for set in sets() {
            let place = format!("{function}, {}, {}", T::NAME, set.name());
            for (i, (ours, theirs)) in
                values(set, function, [&x, &y, &z, &z]).iter().zip(&expected).enumerate()
            {
                let [x, y] = [x[i], y[i]].map(T::into);
                assert!(ours == theirs, "{ours} and not {theirs} of {x:e}, {y:e}: {place}");
            }
            for length in 0..40 {
                let from = 1200 + length * length;
                let [x, y, z] = [&x, &y, &z].map(|all| &all[from..from + length]);
                assert!(
                    values(set, function, [x, y, z, z]) == expected[from..from + length],
                    "{length}: {place}"
                );
            }
        }
    }
}

#[test]
fn every_instruction_set_has_the_same_bits() {
    check_sets::<f32>();
    check_sets::<f64>();
}

/// The last number of each array stays, and so does the first one.
fn check_arrays<T: Number + PartialEq>() {
    let columns = columns::<T>();
    let end = T::round(-7.0);
    for function in ["Exp", "Pow", "Voigt"] {
        let number = OPERATIONS.iter().position(|known| *known == function).expect("it is listed");
        for (set, length) in sets().flat_map(|set| (0..40).map(move |length| (set, length))) {
            // Exactly as many numbers as an array has, and not aligned to more than a number.
            let given = columns.each_ref().map(|column| column[3001..3001 + length].to_vec());
            let single = given[1].first().copied().unwrap_or(end);
            let mut to = vec![end; length + 2];
            for is_single in [false, true] {
                let mut operands =
                    [0, 1, 2, 2].map(|k: usize| Operand { at: given[k].as_ptr().cast(), mask: usize::MAX });
                if is_single {
                    operands[1] = Operand { at: (&raw const single).cast(), mask: 0 };
                }
                let start = to[1..=length].as_mut_ptr().cast();
                // SAFETY: each array has `length` numbers, and the instruction set is available.
                assert!(unsafe { set.apply_to_arrays(number, size_of::<T>(), start, &operands, length) });
                let second = if is_single { vec![single; length] } else { given[1].clone() };
                let expected = values(set, function, [&given[0], &second, &given[2], &given[2]]);
                let found: Vec<_> = to[1..=length].iter().map(|x| x.hex()).collect();
                let place = format!("{function}, {}, {}, {length}", T::NAME, set.name());
                assert!(found == expected && to[0] == end && to[length + 1] == end, "{place}");
            }
        }
    }
}

#[test]
fn arrays_of_any_length_and_alignment_have_the_same_bits() {
    check_arrays::<f32>();
    check_arrays::<f64>();
    let nothing = [Operand { at: std::ptr::null(), mask: usize::MAX }; 4];
    // SAFETY: no number is read or written.
    let done = unsafe {
        InstructionSet::best().apply_to_arrays(OPERATIONS.len(), 8, std::ptr::null_mut(), &nothing, 0)
    };
    assert!(!done);
}

/// More than any code has lanes at once, and then some: four vectors are computed together.
const LANES: usize = 4 * 16 + 5;

/// Far, subnormal, infinite, NaN, and a zero whose sign matters; then pairs of near ones.
const STRANGE: [f64; 8] = [3217.5, -1.6e6, 1e38, -1e300, 1e-45, f64::INFINITY, f64::NAN, -0.0];

/// All lanes are near, but for one, or all are strange.
fn check_lanes<T: Number>() {
    let near: Vec<T> = (0..LANES).map(|lane| T::round(0.1 + lane as f64 / 16.0)).collect();
    for (function, x) in FUNCTIONS.into_iter().flat_map(|function| STRANGE.map(|x| (function, x))) {
        let x = T::round(x);
        let check = |columns: [&[T]; 4], lane: usize| {
            let expected = values(InstructionSet::ALL[0], function, columns);
            for set in sets() {
                let place =
                    || format!("{function} of {:e}, {}, {}, lane {lane}", x.into(), T::NAME, set.name());
                assert!(values(set, function, columns) == expected, "{}", place());
            }
        };
        for lane in 0..LANES {
            let mut one = near.clone();
            one[lane] = x;
            check([&one, &near, &near, &near], lane);
            if matches!(function, "Pow" | "Atan2") {
                check([&near, &one, &near, &near], lane);
            }
        }
        check([&[x; LANES], &near, &near, &near], LANES);
    }
}

#[test]
fn a_strange_argument_in_any_lane_or_in_all_has_its_value_and_others_theirs() {
    check_lanes::<f32>();
    check_lanes::<f64>();
}

/// Ordinary numbers, far ones, and any bits at all.
fn number() -> impl Strategy<Value = f64> {
    use prop::num::{f32, f64};
    prop_oneof![
        4 => -8.0..8.0,
        2 => -1e9..1e9,
        1 => prop::sample::select(&SPECIAL[..]),
        1 => f32::ANY.prop_map(f64::from),
        1 => f64::ANY,
    ]
}

fn check_operations<T: Number>(numbers: &[[f64; 4]]) {
    let columns = [0, 1, 2, 3].map(|k| numbers.iter().map(|all| T::round(all[k])).collect::<Vec<T>>());
    let columns = columns.each_ref().map(|column| &column[..]);
    for name in OPERATIONS {
        let expected = values(InstructionSet::ALL[0], name, columns);
        for set in sets() {
            assert!(values(set, name, columns) == expected, "{name}, {}, {}", T::NAME, set.name());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 1 } else { 64 },
        rng_seed: RngSeed::Fixed(3),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn every_operation_has_the_same_bits_on_every_instruction_set(
        numbers in prop::collection::vec(prop::array::uniform4(number()), 0..2 * LANES),
    ) {
        check_operations::<f32>(&numbers);
        check_operations::<f64>(&numbers);
    }
}

/// A fused operation, and the operations that it combines: x is the result so far, and a, b, c and d are the operands.
type Steps = &'static [(&'static str, [char; 2])];

#[rustfmt::skip]
const SEVERAL: [(&str, Steps); 15] = [
    ("MultiplyAdd", &[("Multiply", ['a', 'b']), ("Add", ['x', 'c'])]),
    ("MultiplyOver", &[("Multiply", ['a', 'b']), ("Over", ['x', 'c'])]),
    ("MultiplyOverFrom", &[("Multiply", ['a', 'b']), ("Over", ['x', 'c']), ("Subtract", ['d', 'x'])]),
    ("OverMultiply", &[("Over", ['a', 'b']), ("Multiply", ['x', 'c'])]),
    ("MultiplyDivide", &[("Multiply", ['a', 'b']), ("Divide", ['x', 'c'])]),
    ("MultiplyDivideFrom", &[("Multiply", ['a', 'b']), ("Divide", ['x', 'c']), ("Subtract", ['d', 'x'])]),
    ("DivideMultiply", &[("Divide", ['a', 'b']), ("Multiply", ['x', 'c'])]),
    ("SqrtDivideAdd", &[("Sqrt", ['a', 'a']), ("Divide", ['x', 'b']), ("Add", ['x', 'c'])]),
    ("DivideSqrtAdd", &[("Divide", ['a', 'b']), ("Sqrt", ['x', 'x']), ("Add", ['x', 'c'])]),
    ("SqrtMultiplyAdd", &[("Sqrt", ['a', 'a']), ("Multiply", ['x', 'b']), ("Add", ['x', 'c'])]),
    ("MultiplySubtract", &[("Multiply", ['a', 'b']), ("Subtract", ['x', 'c'])]),
    ("Blend", &[("Multiply", ['c', 'd']), ("Copy", ['x', 'y']), ("Multiply", ['a', 'b']), ("Add", ['x', 'y'])]),
    ("BlendSquare", &[
        ("Multiply", ['d', 'd']), ("Multiply", ['c', 'x']), ("Copy", ['x', 'y']), ("Multiply", ['a', 'b']), ("Add", ['x', 'y']),
    ]),
    ("BlendProduct", &[
        ("Multiply", ['c', 'd']), ("Multiply", ['x', 'd']), ("Copy", ['x', 'y']), ("Multiply", ['a', 'b']), ("Add", ['x', 'y']),
    ]),
    ("MultiplySubtractMultiply", &[
        ("Multiply", ['c', 'd']), ("Copy", ['x', 'y']), ("Multiply", ['a', 'b']), ("Subtract", ['x', 'y']),
    ]),
];

/// With one pattern for all NaN. `y` keeps what is copied to it.
fn check_several<T: Number>(numbers: &[[f64; 4]]) {
    let own = [0, 1, 2, 3].map(|k| numbers.iter().map(|all| T::round(all[k])).collect::<Vec<T>>());
    for (name, steps) in SEVERAL {
        let expected = values(InstructionSet::Scalar, name, own.each_ref().map(|column| &column[..]));
        let [mut x, mut y] = [own[0].clone(), own[0].clone()];
        for (step, operands) in steps {
            if *step == "Copy" {
                y.clone_from(&x);
                continue;
            }
            let [a, b] = operands.map(|name| match name {
                'x' => x.clone(),
                'y' => y.clone(),
                _ => own[name as usize - 'a' as usize].clone(),
            });
            x = results(InstructionSet::Scalar, step, [&a, &b, &b, &b]);
        }
        assert!(x.iter().map(|x| x.hex()).eq(expected), "{name}, {}", T::NAME);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 1 } else { 256 },
        rng_seed: RngSeed::Fixed(5),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn what_does_several_things_rounds_each_of_them(
        numbers in prop::collection::vec(prop::array::uniform4(number()), 0..LANES),
    ) {
        check_several::<f32>(&numbers);
        check_several::<f64>(&numbers);
    }
}

#[test]
fn a_quotient_by_zero_is_zero_and_the_larger_of_a_nan_is_the_second() {
    let divided = results::<f64>(
        InstructionSet::Scalar,
        "Over",
        [&[1.0, f64::NAN, -3.0, 0.0], &[-0.0, 0.0, 2.0, f64::NAN], &[0.0; 4], &[0.0; 4]],
    );
    assert!(
        divided[..3] == [0.0, 0.0, -1.5]
            && divided[..2].iter().all(|x| x.is_sign_positive())
            && divided[3].is_nan()
    );
    let larger = results::<f64>(
        InstructionSet::Scalar,
        "Larger",
        [&[1.0, f64::NAN, 2.0, -0.0], &[2.0, 3.0, f64::NAN, 0.0], &[0.0; 4], &[0.0; 4]],
    );
    assert!(larger[..2] == [2.0, 3.0] && larger[2].is_nan() && larger[3].is_sign_positive());
}

/// Compares conditions with Rust's own operators, for every pair of special numbers.
fn check_conditions<T: Number>() {
    let pairs: Vec<[T; 2]> = SPECIAL.iter().flat_map(|&x| SPECIAL.map(|y| [x, y].map(T::round))).collect();
    let [a, b] = [0, 1].map(|k| pairs.iter().map(|pair| pair[k]).collect::<Vec<T>>());
    let third = vec![T::round(7.0); pairs.len()];
    type Expected = fn(f64, f64) -> f64;
    let expected: [(&str, Expected); 7] = [
        ("Less", |a, b| f64::from(u8::from(a < b))),
        ("LessOrEqual", |a, b| f64::from(u8::from(a <= b))),
        ("Equal", |a, b| f64::from(u8::from(a == b))),
        ("Select", |a, b| if a == 0.0 { 7.0 } else { b }),
        // The second where they are equal, and NaN where one is.
        ("Min", |a, b| if a.is_nan() || a < b { a } else { b }),
        ("Max", |a, b| if a.is_nan() || a > b { a } else { b }),
        ("Sign", |a, _| {
            if a > 0.0 {
                1.0
            } else if a < 0.0 {
                -1.0
            } else {
                a
            }
        }),
    ];
    for (set, (name, expected)) in sets().flat_map(|set| expected.map(|one| (set, one))) {
        let results = results::<T>(set, name, [&a, &b, &third, &third]);
        for (pair, result) in pairs.iter().zip(results) {
            let [x, y] = pair.map(Into::into);
            let (expected, result): (f64, f64) = (expected(x, y), result.into());
            let is_same = expected.to_bits() == result.to_bits() || expected.is_nan() && result.is_nan();
            assert!(is_same, "{name}({x:e}, {y:e}) is {result:e} by {}, {}", set.name(), T::NAME);
        }
    }
}

#[test]
fn comparisons_conditions_and_extremes_are_those_of_rust_with_nan_and_both_zeros() {
    check_conditions::<f32>();
    check_conditions::<f64>();
}

/// FNV-1a of all bits of each function.
fn lines<T: Number>() -> String {
    let [x, y, z] = columns::<T>();
    let lines: Vec<String> = FUNCTIONS
        .into_iter()
        .map(|function| {
            let all = values(InstructionSet::ALL[0], function, [&x, &y, &z, &z]).concat();
            let hash = all
                .bytes()
                .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
            let (first, rest) = function.split_at(1);
            format!("    \"{}{rest}\": \"{hash:08x}\"", first.to_lowercase())
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

/// Prints a digest of each operation, as in tests/arena/digests.rs.
fn print_digests<T: Number>() {
    let [x, y, z] = columns::<T>().map(|column| column[..6_000].to_vec());
    for (operation, set) in OPERATIONS.iter().flat_map(|&operation| sets().map(move |set| (operation, set))) {
        let mut hash = DefaultHasher::new();
        values(set, operation, [&x, &y, &z, &x]).hash(&mut hash);
        println!("digest {operation}, {}, {}: {:016x}", T::NAME, set.name(), hash.finish());
    }
}

#[test]
#[cfg_attr(miri, ignore)] // It compares nothing by itself.
fn digests() {
    print_digests::<f32>();
    print_digests::<f64>();
}
