//! Operations of programs. `ts/expressions/operations.ts` defines the same operations and their results.

use crate::arena::LINE;
use crate::functions;
use crate::memory;
use crate::target::SMALL;
use crate::vector::{Vector, VectorPair, splat, store_at};

/// An operand: where it is, and whether it has a number for each lane or one for all.
#[derive(Clone, Copy)]
pub struct Operand {
    pub at: *const u8,
    /// Mask with all bits set, or 0.
    pub mask: usize,
}

impl Operand {
    #[inline(always)]
    pub fn moved(self, bytes: usize) -> Self {
        Self { at: self.at.wrapping_add(bytes), ..self }
    }
}

/// Operands of an operation. Operations with fewer operands ignore the remaining ones.
pub type Operands = [Operand; 4];

/// An operation over some lanes: where the result goes, its operands and how many lanes there are.
pub type Operate = unsafe fn(*mut u8, &Operands, usize);

/// An operation on vectors.
pub trait Operation {
    const OPERANDS: usize;
    /// How many vectors are computed at once, so that none has to wait for its own results: 1, 2 or 4.
    const IN_FLIGHT: usize;
    /// Whether float32 is computed in float64 as well, and rounded once. This suits functions with many operations,
    /// for which doubling the lanes gains less than float32 constants and float32 code would cost.
    const IN_FLOAT64: bool;
    /// Whether it is a function of arrays too, which the module of these functions has.
    const IS_FUNCTION: bool = false;

    fn apply<V: Vector>(operands: [V; 4]) -> V;
}

/// An operation with its number in programs.
#[cfg(any(feature = "equations", not(target_arch = "wasm32")))]
pub trait Listed: Operation {
    const NUMBER: u8;
}

/// # Safety
/// The result must have room for `length` numbers, rounded up to whole lines. Each operand must have as many, or one
/// line if its mask is 0. The result may coincide with an operand, and must not overlap otherwise.
#[inline(always)]
pub unsafe fn operate<V: Vector, O: Operation>(to: *mut u8, operands: &Operands, length: usize) {
    const { assert!(size_of::<V>() <= LINE) };
    let to = to.cast::<V::Scalar>();
    if O::OPERANDS == 4 && operands[0].mask | operands[2].mask == 0 && !SMALL {
        // SAFETY: the caller guarantees the result and each of the four operands.
        return unsafe { blend::<V, O>(to, operands, length) };
    }
    let mut from = operands.map(|Operand { at, mask }| OperandWalk { at, step: mask & size_of::<V>() });
    let mut at = 0;
    while O::IN_FLIGHT >= 4 && at + 4 * V::LANES <= length {
        let operands = from.map(|from| {
            // SAFETY: the caller guarantees `length` numbers of each operand, of which four vectors are left, or for a
            // line.
            let first = unsafe { two::<V>(from, 0) };
            // SAFETY: see above.
            VectorPair(first, unsafe { two(from, 2) })
        });
        // SAFETY: the caller guarantees as many numbers of the result.
        unsafe { store_at(O::apply(operands), to, at) };
        from = from.map(|from| from.moved(4));
        at += 4 * V::LANES;
    }
    // The padding of a line is computed, too, so no other loop is needed if a line holds two vectors.
    let is_last = O::IN_FLIGHT >= 2 && 2 * size_of::<V>() <= LINE;
    while O::IN_FLIGHT >= 2 && (at + 2 * V::LANES <= length || is_last && at < length) {
        // SAFETY: the caller guarantees each operand up to the end of the last line, or one line of it. A line holds
        // two vectors if the last vectors are not entirely within `length`.
        let operands = from.map(|from| unsafe { two::<V>(from, 0) });
        // SAFETY: the caller guarantees as many numbers of the result.
        unsafe { store_at(O::apply(operands), to, at) };
        from = from.map(|from| from.moved(2));
        at += 2 * V::LANES;
    }
    while !is_last && at < length {
        // SAFETY: the caller guarantees each operand up to the end of the last line, which also ends a vector, or one
        // line of it.
        let operands = from.map(|from| unsafe { one::<V>(from, 0) });
        // SAFETY: the caller guarantees as many numbers of the result.
        unsafe { store_at(O::apply(operands), to, at) };
        from = from.map(|from| from.moved(1));
        at += V::LANES;
    }
}

/// Number of loop iterations with two vectors. The padding of a line that holds two vectors is computed, too, because
/// the next operation reads it.
#[inline(always)]
pub fn twos<V: Vector>(length: usize) -> usize {
    let two = 2 * V::LANES;
    if 2 * size_of::<V>() <= LINE { length.div_ceil(two) } else { length / two }
}

/// Same as above if the first and the third operand are one number for all lanes, which is loaded once.
///
/// # Safety
/// Same as for `operate`.
#[inline(always)]
unsafe fn blend<V: Vector, O: Operation>(to: *mut V::Scalar, operands: &Operands, length: usize) {
    let [a, b, c, d] = operands.map(|Operand { at, mask }| OperandWalk { at, step: mask & size_of::<V>() });
    // SAFETY: the caller guarantees a line of it.
    let a = unsafe { one::<V>(a, 0) };
    // SAFETY: see above.
    let c = unsafe { one::<V>(c, 0) };
    let twos = twos::<V>(length);
    for number in 0..twos {
        // SAFETY: the caller guarantees the other operands up to the end of the last line, and `twos` does not exceed
        // it.
        let [b, d] = [b, d].map(|from| unsafe { two::<V>(from, 2 * number) });
        let result = O::apply([VectorPair(a, a), b, VectorPair(c, c), d]);
        // SAFETY: the caller guarantees as many numbers of the result.
        unsafe { store_at(result, to, 2 * number * V::LANES) };
    }
    for number in 2 * twos..length.div_ceil(V::LANES) {
        // SAFETY: as above; the end of a line is one of a vector.
        let b = unsafe { one(b, number) };
        // SAFETY: see above.
        let d = unsafe { one(d, number) };
        // SAFETY: the caller guarantees as many numbers of the result.
        unsafe { store_at(O::apply([a, b, c, d]), to, number * V::LANES) };
    }
}

/// Stands for an operation that this build lacks.
///
/// # Safety
/// None is needed.
pub unsafe fn left_out(_: *mut u8, _: &Operands, _: usize) {}

/// Applies an operation to arrays of any length and alignment.
///
/// # Safety
/// The result must have room for `length` numbers of `size` bytes. Each operand must have as many, or one if its mask is
/// 0. The result may coincide with an operand, and must not overlap otherwise. The instruction set of the operation must
/// be available.
pub unsafe fn operate_on_arrays(
    operation: Operate,
    size: usize,
    to: *mut u8,
    operands: &Operands,
    length: usize,
) {
    #[derive(Clone, Copy)]
    #[repr(align(64))]
    struct Line([u8; LINE]);
    /// The first bytes of a line.
    ///
    /// # Safety
    /// There must be as many bytes, and no more than a line.
    unsafe fn line_of(from: *const u8, bytes: usize) -> Line {
        let mut line = Line([0; LINE]);
        // SAFETY: the caller guarantees it.
        unsafe { from.copy_to_nonoverlapping(line.0.as_mut_ptr(), bytes) };
        line
    }
    let lines = operands.map(|Operand { at, mask }| {
        let mut line = Line([0; LINE]);
        if mask == 0 {
            // SAFETY: the caller guarantees one number.
            line = unsafe { line_of(at, size) };
            (size..LINE).for_each(|byte| line.0[byte] = line.0[byte - size]);
        }
        line
    });
    let spread = std::array::from_fn(|k| match operands[k].mask {
        0 => Operand { at: lines[k].0.as_ptr(), mask: 0 },
        _ => operands[k],
    });
    let whole = length / (LINE / size) * LINE;
    // SAFETY: the caller guarantees the arrays, of which these are whole lines.
    unsafe { operation(to, &spread, whole / size) };
    let rest = length * size - whole;
    if rest == 0 {
        return;
    }
    let ends: [Line; 4] = std::array::from_fn(|k| match operands[k].mask {
        0 => lines[k],
        // SAFETY: the caller guarantees as many numbers of the operand, which are no whole line.
        _ => unsafe { line_of(operands[k].at.wrapping_add(whole), rest) },
    });
    let operands = std::array::from_fn(|k| Operand { at: ends[k].0.as_ptr(), ..operands[k] });
    let mut result = Line([0; LINE]);
    // SAFETY: each is a line.
    unsafe { operation(result.0.as_mut_ptr(), &operands, rest / size) };
    // SAFETY: the caller guarantees as many numbers of the result.
    unsafe { result.0.as_ptr().copy_to_nonoverlapping(to.wrapping_add(whole), rest) };
}

/// Numbers that are widened at a time, per operand.
const WIDENED: usize = 64;
pub const MAX_WIDENED: usize = 3;

/// Applies `operate` for float64 to float32 numbers, and rounds each result once more.
///
/// # Safety
/// Same as for `operate`, with numbers of four bytes. `operate` must be the float64 code of an operation with few
/// operands.
#[inline(always)]
pub unsafe fn operate_in_float64(to: *mut u8, operands: &Operands, length: usize, operate: Operate) {
    const LANES: usize = LINE / size_of::<f32>();
    let to = to.cast::<f32>();
    let mut wide = [[0.0_f64; WIDENED]; MAX_WIDENED];
    for from in (0..length).step_by(WIDENED) {
        let count = (length - from).min(WIDENED);
        let lanes = count.next_multiple_of(LANES);
        for (wide, &Operand { at, mask }) in wide.iter_mut().zip(operands) {
            // No more than there are: behind them nothing may ever have been written.
            let all = if mask == 0 { LANES } else { count };
            // SAFETY: the caller guarantees this many numbers from here on, or one line.
            let narrow =
                unsafe { std::slice::from_raw_parts(at.cast::<f32>().wrapping_add(mask & from), all) };
            wide.iter_mut().zip(narrow).for_each(|(wide, &narrow)| *wide = f64::from(narrow));
        }
        let mut results = [0.0_f64; WIDENED];
        // The operation ignores the last operands.
        let widened = [0, 1, 2, 2].map(|k| Operand { at: wide[k].as_ptr().cast(), ..operands[k] });
        // SAFETY: each array has whole lines and belongs to this function.
        unsafe { operate(results.as_mut_ptr().cast(), &widened, count) };
        for (lane, &result) in results[..lanes].iter().enumerate() {
            // SAFETY: the caller guarantees whole lines.
            unsafe { memory::write(to, from + lane, result as f32) };
        }
    }
}

/// The next vector of an operand, and how many bytes it is to the one after: none where one is all there is.
#[derive(Clone, Copy)]
struct OperandWalk {
    at: *const u8,
    step: usize,
}

impl OperandWalk {
    #[inline(always)]
    fn moved(self, vectors: usize) -> Self {
        Self { at: self.at.wrapping_add(vectors * self.step), ..self }
    }
}

/// # Safety
/// There must be a vector of that number of the operand.
#[inline(always)]
unsafe fn one<V: Vector>(from: OperandWalk, number: usize) -> V {
    // SAFETY: the caller guarantees that vector.
    unsafe { V::load(from.moved(number).at.cast()) }
}

/// # Safety
/// There must be vectors of that number of the operand and of the next one.
#[inline(always)]
unsafe fn two<V: Vector>(from: OperandWalk, number: usize) -> VectorPair<V> {
    // SAFETY: the caller guarantees the first of both vectors.
    let first = unsafe { one(from, number) };
    // SAFETY: the caller guarantees the second one.
    VectorPair(first, unsafe { one(from, number + 1) })
}

/// The list, in the order of its numbers; each with the names of its operands.
macro_rules! operations {
    ($([$in_flight:expr, $in_float64:expr, $is_function:expr]
        $($name:ident($($operand:ident),*): $result:expr;)*)*) => {
        $($(
            pub struct $name;
            impl Operation for $name {
                const OPERANDS: usize = [$(stringify!($operand)),*].len();
                const IN_FLIGHT: usize = $in_flight;
                const IN_FLOAT64: bool = $in_float64;
                const IS_FUNCTION: bool = $is_function;

                #[inline(always)]
                fn apply<V: Vector>([$($operand,)* ..]: [V; 4]) -> V { $result }
            }
        )*)*

        #[cfg(any(feature = "equations", not(target_arch = "wasm32")))]
        enum Number { $($($name),*),* }
        $($(
            #[cfg(any(feature = "equations", not(target_arch = "wasm32")))]
            impl Listed for $name {
                const NUMBER: u8 = Number::$name as u8;
            }
        )*)*

        /// Hands the list to another macro.
        macro_rules! for_each_operation {
            ($then:ident!($argument:tt)) => { $then! { $argument $($($name,)*)* } };
        }
        pub(crate) use for_each_operation;

        /// Their names.
        pub const NAMES: &[&str] = &[$($(stringify!($name)),*),*];
    };
}

/// For short operations, and for others.
const SHORT: usize = if SMALL { 2 } else { 4 };
const LONG: usize = SHORT / 2;
const FUNCTIONS: usize = match SMALL {
    false => 4,
    true if cfg!(feature = "functions") => 2,
    true => 1,
};
operations! {
    [SHORT, false, false]
    Add(a, b): a + b;
    Subtract(a, b): a - b;
    Multiply(a, b): a * b;
    MultiplyAdd(a, b, c): a * b + c;
    MultiplySubtract(a, b, c): a * b - c;
    MultiplyFrom(a, b, c): c - a * b;
    MultiplyMultiply(a, b, c): a * b * c;
    AddAdd(a, b, c): a + b + c;
    AddSubtract(a, b, c): a + b - c;
    AddMultiply(a, b, c): (a + b) * c;
    SubtractAdd(a, b, c): a - b + c;
    SubtractSubtract(a, b, c): a - b - c;
    SubtractMultiply(a, b, c): (a - b) * c;
    Blend(a, b, c, d): a * b + c * d;
    BlendSquare(a, b, c, d): a * b + c * (d * d);
    BlendProduct(a, b, c, d): a * b + c * d * d;
    MultiplySubtractMultiply(a, b, c, d): a * b - c * d;
    [LONG, false, false]
    Divide(a, b): a / b;
    Over(a, b): a.div_or_zero(b);
    MultiplyOver(a, b, c): (a * b).div_or_zero(c);
    MultiplyOverFrom(a, b, c, d): d - (a * b).div_or_zero(c);
    OverMultiply(a, b, c): a.div_or_zero(b) * c;
    MultiplyDivide(a, b, c): a * b / c;
    MultiplyDivideFrom(a, b, c, d): d - a * b / c;
    DivideMultiply(a, b, c): a / b * c;
    SqrtDivideAdd(a, b, c): a.sqrt() / b + c;
    DivideSqrtAdd(a, b, c): (a / b).sqrt() + c;
    Negate(a): splat::<V>(-1.0) * a;
    Abs(a): a.abs();
    Sqrt(a): a.sqrt();
    SqrtMultiplyAdd(a, b, c): a.sqrt() * b + c;
    Min(a, b): not_nan(a, b.if_greater(a, a, b), a);
    Max(a, b): not_nan(a, a.if_greater(b, a, b), a);
    Larger(a, b): a.max(b);
    Less(a, b): b.if_greater(a, splat(1.0), splat(0.0));
    LessOrEqual(a, b): b.if_greater(a, splat(1.0), equal(a, b));
    Equal(a, b): equal(a, b);
    Select(a, b, c): a.if_zero(c, b);
    Copy(a): a;
    Sign(a): a.signum();
    Floor(a): functions::floor(a);
    [FUNCTIONS, false, true]
    Exp(a): functions::exp(a);
    Log(a): functions::log(a);
    Sin(a): functions::sin(a);
    Cos(a): functions::cos(a);
    Tan(a): functions::tan(a);
    Tanh(a): functions::tanh(a);
    Atan(a): functions::atan(a);
    Pow(a, b): functions::pow(a, b);
    [1, true, true]
    Expm1(a): functions::expm1(a);
    Log1p(a): functions::log1p(a);
    Log2(a): functions::log2(a);
    Log10(a): functions::log10(a);
    Sinh(a): functions::sinh(a);
    Cosh(a): functions::cosh(a);
    Cbrt(a): functions::cbrt(a);
    Asin(a): functions::asin(a);
    Acos(a): functions::acos(a);
    Atan2(a, b): functions::atan2(a, b);
    Erf(a): functions::erf(a);
    Erfc(a): functions::erfc(a);
    Erfcx(a): functions::erfcx(a);
    [1, true, false]
    ErfSlope(a): functions::erf_slope(a);
    [1, true, true]
    Normpdf(a): functions::normpdf(a);
    Normcdf(a): functions::normcdf(a);
    Norminv(a): functions::norminv(a);
    Gamma(a): functions::gamma(a);
    Lgamma(a): functions::lgamma(a);
    Digamma(a): functions::digamma(a);
    Trigamma(a): functions::trigamma(a);
    [1, true, false]
    Tetragamma(a): functions::tetragamma(a);
    [1, true, true]
    Voigt(a, b, c): functions::voigt(a, b, c);
    [1, true, false]
    FaddeevaByX(a, b): functions::faddeeva_by_x(a, b);
    FaddeevaByY(a, b): functions::faddeeva_by_y(a, b);
}

/// Keeps a parameter within bounds; not part of programs. NaN stays NaN. Its twin is `within` in
/// `ts/objectives/bounds.ts`.
pub struct Clamp;

impl Operation for Clamp {
    const OPERANDS: usize = 3;
    const IN_FLIGHT: usize = LONG;
    const IN_FLOAT64: bool = false;

    #[inline(always)]
    fn apply<V: Vector>([a, min, max, _]: [V; 4]) -> V {
        min.if_greater(a, min, a.if_greater(max, max, a))
    }
}

/// `yes` unless a is NaN, which neither is above nor below nor 0.
#[inline(always)]
fn not_nan<V: Vector>(a: V, yes: V, no: V) -> V {
    let zero = splat::<V>(0.0);
    a.if_greater(zero, yes, zero.if_greater(a, yes, a.if_zero(yes, no)))
}

/// 1 where they are equal, else 0, with NaN as well: neither is above, and none is NaN.
#[inline(always)]
fn equal<V: Vector>(a: V, b: V) -> V {
    let (zero, one) = (splat::<V>(0.0), splat::<V>(1.0));
    let neither = a.if_greater(b, zero, b.if_greater(a, zero, one));
    not_nan(a, not_nan(b, neither, zero), zero)
}
