//! Operations of programs on matrices, against loops over plain numbers, on every instruction set.

use antigrad_kernels::InstructionSet;
use antigrad_kernels::manifest::HASH;
use antigrad_kernels::many::{
    BLOCK, Batch, Counts, FIRST_MATRIX_OPERATION, GAP, Header, Instruction, LINE, MatrixOperation as Kind,
    MatrixShape, NO_KERNEL, OPERATIONS, Outcome, STEP, Settings, Short,
};

/// Contents of the memory after a batch, which must not change.
const CANARY: u64 = 0xA5A5_A5A5_A5A5_A5A5;

/// One update of a program that copies the parameters to consecutive slots, and runs an instruction on them.
struct Memory {
    words: Vec<u64>,
    bytes: usize,
    size: usize,
    planes: usize,
    program: usize,
    elements: usize,
    live: usize,
}

fn shape_of(kind: Kind, [n, r, d]: [usize; 3]) -> MatrixShape {
    MatrixShape { kind, n, r, d }
}

impl Memory {
    fn new(size: usize, shape: MatrixShape, lanes: usize) -> Self {
        let elements = shape.fixed() + shape.changed();
        let parameters = elements;
        let slots = 2 * elements + 2;
        let instructions = elements + 2;
        let words = Counts::SIZE + instructions * Instruction::SIZE + parameters + 1;
        let mut lines = (Header::SIZE * 4).div_ceil(LINE);
        let mut places = vec![];
        let tile = shape.tile();
        for (name, bytes) in [
            ("value", words * 4),
            ("gradient", words * 4),
            ("settings", 8 * Settings::SIZE),
            ("constant_values", LINE),
            ("data", 0),
            ("pieces", 0),
            ("lane_data", 0),
            ("coefficients", 64),
            ("live", 4),
            ("planes", BLOCK * (parameters * size + Short::SIZE * 8 + 4) + parameters * GAP),
            ("results", BLOCK * (parameters * size + Outcome::SIZE * 8 + 4)),
            (
                "scratch",
                (2 * slots + parameters + 3) * (BLOCK * size + GAP)
                    + (2 * slots + parameters + tile) * LINE
                    + 2 * instructions * STEP,
            ),
        ] {
            places.push((name, lines));
            lines += bytes.max(1).div_ceil(LINE);
        }
        let place = |name: &str| places.iter().find(|(known, _)| *known == name).unwrap().1;
        let bytes = lines * LINE;
        let mut words = vec![0_u64; bytes / 8];
        words.extend([CANARY; 64]);
        let mut memory = Self {
            words,
            bytes,
            size,
            planes: place("planes") * LINE,
            program: place("gradient") * LINE,
            elements,
            live: place("live") * LINE,
        };
        let header = [
            ("hash", HASH as usize),
            ("size", size),
            ("parameters", parameters),
            ("constants", 1),
            ("slots", slots),
            ("kernel", NO_KERNEL),
            ("cohorts", 1),
            ("lanes", BLOCK),
            ("updates", 1),
            ("row_length", 5),
            ("scratches", 1),
            ("tile", tile),
        ];
        for (name, number) in header.into_iter().chain(places.iter().copied()) {
            memory.set(name, number);
        }
        let copy = OPERATIONS.iter().position(|name| *name == "Copy").unwrap();
        let first = parameters + 1;
        let mut instructions: Vec<[usize; 6]> = (0..=elements)
            .map(|k| [copy, first + k, if k < elements { k } else { parameters }, 0, 0, 0])
            .collect();
        let operation = FIRST_MATRIX_OPERATION + shape.kind as usize;
        instructions.push([operation, first + shape.fixed(), first, shape.n, shape.r, shape.d]);
        let outputs = (0..=elements).map(|k| first + k);
        let mut counts = [0; Counts::SIZE];
        counts[Counts::AT.head] = instructions.len();
        let all = counts.into_iter().chain(instructions.into_iter().flatten()).chain(outputs);
        for name in ["value", "gradient"] {
            all.clone()
                .enumerate()
                .for_each(|(k, word)| memory.word(place(name) * LINE + 4 * k, word as u32));
        }
        memory.word(memory.live, lanes as u32);
        let most = place("settings") * LINE + 8 * Settings::AT.most_updates as usize;
        memory.put(most, &9.0_f64.to_ne_bytes());
        memory
    }

    /// A word of the instruction on matrices.
    fn instruction(&mut self, at: usize, word: u32) {
        let words = Counts::SIZE + (self.elements + 1) * Instruction::SIZE + at;
        self.word(self.program + 4 * words, word);
    }

    fn set(&mut self, name: &str, number: usize) {
        let at = Header::NAMES.iter().position(|known| *known == name).unwrap();
        self.word(at * 4, number as u32);
    }

    fn word(&mut self, at: usize, word: u32) {
        self.put(at, &word.to_ne_bytes());
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        assert!(at + bytes.len() <= self.bytes);
        let to = self.words.as_mut_ptr().cast::<u8>().wrapping_add(at);
        // SAFETY: this was just checked.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
    }

    fn at(&self, element: usize, lane: usize) -> usize {
        self.planes + element * (BLOCK * self.size + GAP) + lane * self.size
    }

    fn write(&mut self, lane: usize, numbers: &[f64]) {
        for (element, x) in numbers.iter().enumerate() {
            let at = self.at(element, lane);
            match self.size {
                4 => self.put(at, &(*x as f32).to_ne_bytes()),
                _ => self.put(at, &x.to_ne_bytes()),
            }
        }
    }

    fn read(&self, lane: usize) -> Vec<f64> {
        let number = |element| {
            let at = self.words.as_ptr().cast::<u8>().wrapping_add(self.at(element, lane));
            // SAFETY: elements and lanes are in the memory.
            unsafe {
                match self.size {
                    4 => f64::from(at.cast::<f32>().read()),
                    _ => at.cast::<f64>().read(),
                }
            }
        };
        (0..self.elements).map(number).collect()
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
}

fn sets() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::ALL.iter().copied().filter(|set| set.is_available())
}

fn triangle(i: usize, j: usize) -> usize {
    i * (i + 1) / 2 + j
}

/// The reference: the elements of the fixed matrix and of what changes, before and after.
fn compute(shape: MatrixShape, x: &mut [f64]) {
    let before = x.to_vec();
    factorize(shape, x);
    let is_factor = matches!(shape.kind, Kind::Ldlt | Kind::ModifiedLdlt | Kind::Cholesky | Kind::Lu);
    if is_factor && shape.d == 1 {
        x[..shape.matrix()].copy_from_slice(&before[..shape.matrix()]);
    }
}

fn factorize(shape: MatrixShape, x: &mut [f64]) {
    let MatrixShape { kind, n, r, d } = shape;
    let (a, sides) = x.split_at_mut(shape.matrix());
    match kind {
        Kind::Ldlt => ldlt(a, n, |c, _| c),
        Kind::ModifiedLdlt => modified(a, n),
        Kind::Cholesky => cholesky(a, n),
        Kind::Lu => lu(a, n),
        Kind::Qr => return qr(a, d, n, n + r),
        _ => {}
    }
    for b in sides.chunks_exact_mut(n) {
        match kind {
            Kind::Ldlt | Kind::ModifiedLdlt | Kind::SolveLdlt => {
                forward(n, b, |i, k| a[triangle(i, k)], |_| 1.0);
                (0..n).for_each(|i| b[i] *= 1.0 / a[triangle(i, i)]);
                backward(n, b, |i, k| a[triangle(k, i)], |_| 1.0);
            }
            Kind::Cholesky => {
                forward(n, b, |i, k| a[triangle(i, k)], |i| a[triangle(i, i)]);
                backward(n, b, |i, k| a[triangle(k, i)], |i| a[triangle(i, i)]);
            }
            Kind::SolveLower => forward(n, b, |i, k| a[triangle(i, k)], |i| a[triangle(i, i)]),
            Kind::SolveLowerTransposed => backward(n, b, |i, k| a[triangle(k, i)], |i| a[triangle(i, i)]),
            Kind::Lu | Kind::SolveLu => {
                (0..n).for_each(|k| b.swap(k, a[n * n + k] as usize));
                forward(n, b, |i, k| a[i * n + k], |_| 1.0);
                backward(n, b, |i, k| a[i * n + k], |i| a[i * n + i]);
            }
            Kind::SolveUpper => backward(n, b, |i, k| a[i * d + k], |i| a[i * d + i]),
            Kind::Qr => {}
        }
    }
}

fn forward(n: usize, b: &mut [f64], l: impl Fn(usize, usize) -> f64, d: impl Fn(usize) -> f64) {
    for i in 0..n {
        (0..i).for_each(|k| b[i] -= l(i, k) * b[k]);
        b[i] *= 1.0 / d(i);
    }
}

fn backward(n: usize, b: &mut [f64], u: impl Fn(usize, usize) -> f64, d: impl Fn(usize) -> f64) {
    for i in (0..n).rev() {
        (i + 1..n).for_each(|k| b[i] -= u(i, k) * b[k]);
        b[i] *= 1.0 / d(i);
    }
}

fn ldlt(a: &mut [f64], n: usize, pivot: impl Fn(f64, f64) -> f64) {
    let c = |a: &[f64], i: usize, j: usize, inverses: &[f64]| {
        (0..j).fold(a[triangle(i, j)], |rest, k| rest - a[triangle(i, k)] * (a[triangle(j, k)] * inverses[k]))
    };
    let mut inverses = vec![];
    for j in 0..n {
        for i in (j..n).rev() {
            a[triangle(i, j)] = c(a, i, j, &inverses);
        }
        let theta = (j + 1..n).fold(0.0, |most, i| f64::max(most, a[triangle(i, j)].abs()));
        a[triangle(j, j)] = pivot(a[triangle(j, j)], theta);
        inverses.push(1.0 / a[triangle(j, j)]);
    }
    (0..n).for_each(|i| (0..i).for_each(|k| a[triangle(i, k)] *= inverses[k]));
}

fn modified(a: &mut [f64], n: usize) {
    let is_diagonal = |at: usize| (0..n).any(|i| triangle(i, i) == at);
    let most = |a: &[f64], on: bool| {
        (0..a.len()).filter(|at| is_diagonal(*at) == on).fold(0.0, |most, at| f64::max(most, a[at].abs()))
    };
    let (gamma, xi) = (most(a, true), most(a, false));
    let beta = (2.0 * f64::max(gamma, xi / ((n * n - 1).max(1) as f64).sqrt())).sqrt();
    let delta = f64::EPSILON * gamma + f64::EPSILON * xi;
    let delta = if delta == 0.0 { 1.0 } else { delta };
    ldlt(a, n, |c, theta| {
        let ratio = theta * (1.0 / beta);
        let least = if ratio * ratio > c.abs() { ratio * ratio } else { c.abs() };
        if delta > least { delta } else { least }
    });
}

fn cholesky(a: &mut [f64], n: usize) {
    for j in 0..n {
        for i in j..n {
            (0..j).for_each(|k| a[triangle(i, j)] -= a[triangle(i, k)] * a[triangle(j, k)]);
        }
        a[triangle(j, j)] = a[triangle(j, j)].sqrt();
        (j + 1..n).for_each(|i| a[triangle(i, j)] *= 1.0 / a[triangle(j, j)]);
    }
}

fn lu(a: &mut [f64], n: usize) {
    for k in 0..n {
        let row =
            (k + 1..n).fold(k, |row, i| if a[i * n + k].abs() > a[row * n + k].abs() { i } else { row });
        a[n * n + k] = row as f64;
        (0..n).for_each(|j| a.swap(k * n + j, row * n + j));
        let inverse = if a[k * n + k] == 0.0 { 0.0 } else { 1.0 / a[k * n + k] };
        for i in k + 1..n {
            a[i * n + k] *= inverse;
            (k + 1..n).for_each(|j| a[i * n + j] -= a[i * n + k] * a[k * n + j]);
        }
    }
}

fn qr(a: &mut [f64], m: usize, n: usize, width: usize) {
    let over = |a: f64, b: f64| if b == 0.0 { 0.0 } else { a / b };
    for k in 0..n.min(m - 1) {
        let size = (k..m).fold(0.0, |most, i| f64::max(most, a[i * width + k].abs()));
        let mut v: Vec<f64> = (k..m).map(|i| over(a[i * width + k], size)).collect();
        let length = v.iter().fold(0.0, |sum, x| sum + x * x).sqrt();
        let signed = if v[0] < 0.0 { -length } else { length };
        let scale = over(1.0, length * (length + v[0].abs()));
        v[0] += signed;
        a[k * width + k] = 0.0 - signed * size;
        (k + 1..m).for_each(|i| a[i * width + k] = 0.0);
        for j in k + 1..width {
            let dot = (k..m).fold(0.0, |sum, i| sum - v[i - k] * a[i * width + j]) * (0.0 - scale);
            (k..m).for_each(|i| a[i * width + j] -= v[i - k] * dot);
        }
    }
}

/// Numbers between −1 and 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// Lanes of different kinds: definite, indefinite, singular, of zeros, of huge and tiny numbers, with NaN or infinity.
fn lane(shape: MatrixShape, number: usize, random: &mut Random) -> Vec<f64> {
    let mut x: Vec<f64> = (0..shape.fixed() + shape.changed()).map(|_| random.next()).collect();
    let n = shape.n;
    let matrix = shape.matrix();
    let diagonal: Vec<usize> = match shape.kind {
        Kind::Lu | Kind::SolveLu => (0..n).map(|i| i * n + i).collect(),
        Kind::Qr => (0..n).map(|i| i * (n + shape.r) + i).collect(),
        Kind::SolveUpper => (0..n).map(|i| i * shape.d + i).collect(),
        _ => (0..n).map(|i| triangle(i, i)).collect(),
    };
    match number % 8 {
        0 | 1 => diagonal.iter().for_each(|at| x[*at] = x[*at].abs() + n as f64),
        2 => x[diagonal[n / 2]] = 0.0,
        3 => x[..matrix].fill(0.0),
        4 => x[..matrix].iter_mut().for_each(|x| *x *= 1e150),
        5 => x[..matrix].iter_mut().for_each(|x| *x *= 1e-150),
        6 if number.is_multiple_of(3) => x[matrix / 2] = f64::NAN,
        6 => x[matrix / 2] = f64::INFINITY,
        _ => {}
    }
    if shape.kind == Kind::SolveLu {
        (0..n).for_each(|k| {
            x[n * n + k] = (k as f64 + (random.next().abs() * (n - k) as f64).floor()).min(n as f64 - 1.0)
        });
    }
    x
}

fn shapes() -> Vec<MatrixShape> {
    let sizes: &[usize] = if cfg!(miri) { &[1, 3] } else { &[1, 2, 3, 5, 8, 17, 64] };
    let mut shapes = vec![];
    for (&kind, &n) in Kind::ALL.iter().flat_map(|kind| sizes.iter().map(move |n| (kind, n))) {
        let d = |r: usize| match kind {
            Kind::Qr => n + usize::from(r == 2 && n < 64),
            Kind::SolveUpper => n + r,
            Kind::Ldlt | Kind::ModifiedLdlt | Kind::Cholesky | Kind::Lu => usize::from(r == 2),
            _ => 0,
        };
        shapes.extend([0, 1, 2].map(|r| shape_of(kind, [n, r, d(r)])).into_iter().filter(|one| {
            // A few large ones are enough.
            n < 64 || one.r == 1
        }));
    }
    shapes
}

fn rounded(size: usize, x: f64) -> f64 {
    if size == 4 { f64::from(x as f32) } else { x }
}

#[test]
fn each_lane_has_the_results_of_loops_over_numbers() {
    for shape in shapes() {
        let lanes = match shape.n {
            64 => 17,
            17 => 7,
            _ => 45,
        };
        for size in [4, 8] {
            let mut random = Random(shape.n as u64 + 100 * shape.r as u64);
            let x: Vec<Vec<f64>> = (0..lanes)
                .map(|number| {
                    lane(shape, number, &mut random).into_iter().map(|x| rounded(size, x)).collect()
                })
                .collect();
            let expected: Vec<Vec<f64>> = x
                .iter()
                .map(|x| {
                    let mut x = x.clone();
                    compute(shape, &mut x);
                    x.into_iter().map(|x| rounded(size, x)).collect()
                })
                .collect();
            for set in sets() {
                let mut memory = Memory::new(size, shape, lanes);
                x.iter().enumerate().for_each(|(lane, x)| memory.write(lane, x));
                assert!(memory.advance(set), "{} {:?}", set.name(), shape.kind);
                for (lane, expected) in expected.iter().enumerate() {
                    for (at, (x, y)) in memory.read(lane).iter().zip(expected).enumerate() {
                        let is_same = x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan();
                        let MatrixShape { kind, n, r, .. } = shape;
                        assert!(is_same, "{} {kind:?} {size} {n} {r}: {lane} {at}: {x} {y}", set.name());
                    }
                }
            }
        }
    }
}

#[test]
fn instructions_that_leave_their_slots_are_refused() {
    let shape = shape_of(Kind::SolveUpper, [3, 2, 5]);
    let begun = || {
        let mut memory = Memory::new(8, shape, 5);
        (0..5).for_each(|lane| memory.write(lane, &vec![1.0; memory.elements]));
        memory
    };
    let set = sets().last().unwrap();
    assert!(begun().advance(set));
    let first = begun().elements as u32 + 1;
    let last = 2 * first - 1;
    let fixed = shape.fixed() as u32;
    for (name, at, word) in [
        ("no operation", 0, (FIRST_MATRIX_OPERATION + Kind::ALL.len()) as u32),
        ("no operation", 0, OPERATIONS.len() as u32),
        ("no operation", 0, u32::MAX),
        ("a parameter is written", 1, first - 2),
        ("a constant is written", 1, first - 1),
        ("the end", 1, last - 4),
        ("nowhere", 1, u32::MAX),
        ("nowhere", 1, u32::MAX - 3),
        ("a parameter", 2, first - 2),
        ("the end", 2, last - fixed + 2),
        ("nowhere", 2, u32::MAX),
        ("no rows", 3, 0),
        ("many rows", 3, 65),
        ("many rows", 3, 6),
        ("many sides", 4, 65),
        ("many sides", 4, u32::MAX),
        ("short rows", 5, 2),
        ("long rows", 5, 129),
    ] {
        let mut memory = begun();
        memory.instruction(at, word);
        assert!(!memory.advance(set), "{name}: {at} {word}");
    }
    let mut memory = begun();
    memory.set("tile", shape.tile() - 1);
    assert!(!memory.advance(set), "a short tile");
    let mut memory = begun();
    memory.set("tile", u32::MAX as usize);
    assert!(!memory.advance(set), "a tile that does not fit");
}
