//! What programs are made of. `ts/expressions/operations.ts` has the same operations, and what they give.

use crate::arena::LINE;
use crate::functions;
use crate::vector::{Two, Vector, splat};

/// An operand: where it is, and whether it has a number for each lane or one for all.
#[derive(Clone, Copy)]
pub struct Operand {
    pub at: *const u8,
    /// All ones, or 0.
    pub mask: usize,
}

impl Operand {
    #[inline(always)]
    pub fn moved(self, bytes: usize) -> Self {
        Self { at: self.at.wrapping_add(bytes), ..self }
    }
}

/// An operation over some lanes: where the result goes, three operands and how many lanes there are.
pub type Operate = unsafe fn(*mut u8, &[Operand; 3], usize);

/// An operation on vectors; operands that it does not have are not looked at.
pub trait Operation {
    /// How many vectors are computed at once, so that none has to wait for its own results: 1, 2 or 4.
    const IN_FLIGHT: usize;
    /// Whether float32 is computed in float64 too, and rounded once: a function of so many operations that twice as
    /// many lanes gain less than constants and care of its own would cost.
    const IN_FLOAT64: bool;

    fn apply<V: Vector>(a: V, b: V, c: V) -> V;
}

/// # Safety
/// Where the result goes there must be `length` numbers, rounded up to whole lines, and so many in each
/// operand, or one line if its mask is 0. The result may lie where an operand is, and not otherwise overlap.
#[inline(always)]
pub unsafe fn operate<V: Vector, O: Operation>(to: *mut u8, operands: &[Operand; 3], length: usize) {
    const { assert!(size_of::<V>() <= LINE) };
    let to = to.cast::<V::Scalar>();
    let mut from = operands.map(|Operand { at, mask }| Walk { at, step: mask & size_of::<V>() });
    let mut at = 0;
    while O::IN_FLIGHT >= 4 && at + 4 * V::LANES <= length {
        // SAFETY: the caller vouches for these lanes.
        unsafe {
            let [a, b, c] = from.map(|from| Two(two::<V>(from, 0), two(from, 2)));
            O::apply(a, b, c).store(to.add(at));
        }
        from = from.map(|from| from.moved(4));
        at += 4 * V::LANES;
    }
    // What is left of a line is computed too: no other loop is needed where it holds two vectors.
    let is_last = O::IN_FLIGHT >= 2 && 2 * size_of::<V>() <= LINE;
    while O::IN_FLIGHT >= 2 && (at + 2 * V::LANES <= length || is_last && at < length) {
        // SAFETY: as above.
        unsafe {
            let [a, b, c] = from.map(|from| two::<V>(from, 0));
            O::apply(a, b, c).store(to.add(at));
        }
        from = from.map(|from| from.moved(2));
        at += 2 * V::LANES;
    }
    while !is_last && at < length {
        // SAFETY: as above.
        unsafe {
            let [a, b, c] = from.map(|from| one::<V>(from, 0));
            O::apply(a, b, c).store(to.add(at));
        }
        from = from.map(|from| from.moved(1));
        at += V::LANES;
    }
}

/// So many numbers are widened at a time.
const WIDENED: usize = 64;

/// What `operate` does to float64, done to float32: each result is rounded once more.
///
/// # Safety
/// As for `operate`, of numbers of four bytes; `operate` is that for float64.
#[inline(always)]
pub unsafe fn operate_in_float64(to: *mut u8, operands: &[Operand; 3], length: usize, operate: Operate) {
    const LANES: usize = LINE / size_of::<f32>();
    let to = to.cast::<f32>();
    let mut wide = [[0.0_f64; WIDENED]; 3];
    for from in (0..length).step_by(WIDENED) {
        let count = (length - from).min(WIDENED);
        let lanes = count.next_multiple_of(LANES);
        for (wide, &Operand { at, mask }) in wide.iter_mut().zip(operands) {
            let all = if mask == 0 { LANES } else { lanes };
            // SAFETY: the caller vouches for whole lines from here on, or for one.
            let narrow =
                unsafe { std::slice::from_raw_parts(at.cast::<f32>().wrapping_add(mask & from), all) };
            wide.iter_mut().zip(narrow).for_each(|(wide, &narrow)| *wide = f64::from(narrow));
        }
        let mut results = [0.0_f64; WIDENED];
        let widened = [0, 1, 2].map(|k| Operand { at: wide[k].as_ptr().cast(), ..operands[k] });
        // SAFETY: each has whole lines, and nobody else's.
        unsafe { operate(results.as_mut_ptr().cast(), &widened, count) };
        for (lane, &result) in results[..lanes].iter().enumerate() {
            // SAFETY: the caller vouches for whole lines.
            unsafe { to.add(from + lane).write(result as f32) };
        }
    }
}

/// The next vector of an operand, and how many bytes it is to the one after: none where one is all there is.
#[derive(Clone, Copy)]
struct Walk {
    at: *const u8,
    step: usize,
}

impl Walk {
    #[inline(always)]
    fn moved(self, vectors: usize) -> Self {
        Self { at: self.at.wrapping_add(vectors * self.step), ..self }
    }
}

/// # Safety
/// As for `operate`.
#[inline(always)]
unsafe fn one<V: Vector>(from: Walk, number: usize) -> V {
    // SAFETY: passed on.
    unsafe { V::load(from.moved(number).at.cast()) }
}

/// # Safety
/// As for `operate`.
#[inline(always)]
unsafe fn two<V: Vector>(from: Walk, number: usize) -> Two<V> {
    // SAFETY: passed on.
    unsafe { Two(one(from, number), one(from, number + 1)) }
}

/// The list, in the order of its numbers; each with the names of its operands.
macro_rules! operations {
    ($([$in_flight:expr, $in_float64:expr] $($name:ident($a:ident, $b:ident, $c:ident): $result:expr;)*)*) => {
        $($(
            pub struct $name;
            impl Operation for $name {
                const IN_FLIGHT: usize = $in_flight;
                const IN_FLOAT64: bool = $in_float64;

                #[inline(always)]
                fn apply<V: Vector>($a: V, $b: V, $c: V) -> V { $result }
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

/// For short operations, and for others. WebAssembly's code is to stay small.
const SHORT: usize = if cfg!(target_arch = "wasm32") { 2 } else { 4 };
const LONG: usize = SHORT / 2;
const FUNCTIONS: usize = if cfg!(target_arch = "wasm32") { 1 } else { 4 };

operations! {
    [SHORT, false]
    Add(a, b, _c): a + b;
    Subtract(a, b, _c): a - b;
    Multiply(a, b, _c): a * b;
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
    [LONG, false]
    Divide(a, b, _c): a / b;
    Negate(a, _b, _c): splat::<V>(-1.0) * a;
    Abs(a, _b, _c): a.abs();
    Sqrt(a, _b, _c): a.sqrt();
    Min(a, b, _c): not_nan(a, b.if_greater(a, a, b), a);
    Max(a, b, _c): not_nan(a, a.if_greater(b, a, b), a);
    Less(a, b, _c): b.if_greater(a, splat(1.0), splat(0.0));
    LessOrEqual(a, b, _c): b.if_greater(a, splat(1.0), equal(a, b));
    Equal(a, b, _c): equal(a, b);
    Select(a, b, c): a.if_zero(c, b);
    Copy(a, _b, _c): a;
    Sign(a, _b, _c): a.signum();
    Floor(a, _b, _c): functions::floor(a);
    [FUNCTIONS, false]
    Exp(a, _b, _c): functions::exp(a);
    Log(a, _b, _c): functions::log(a);
    Sin(a, _b, _c): functions::sin(a);
    Cos(a, _b, _c): functions::cos(a);
    Tan(a, _b, _c): functions::tan(a);
    Tanh(a, _b, _c): functions::tanh(a);
    Atan(a, _b, _c): functions::atan(a);
    Pow(a, b, _c): functions::pow(a, b);
    [1, true]
    Expm1(a, _b, _c): functions::expm1(a);
    Log1p(a, _b, _c): functions::log1p(a);
    Log2(a, _b, _c): functions::log2(a);
    Log10(a, _b, _c): functions::log10(a);
    Sinh(a, _b, _c): functions::sinh(a);
    Cosh(a, _b, _c): functions::cosh(a);
    Cbrt(a, _b, _c): functions::cbrt(a);
    Asin(a, _b, _c): functions::asin(a);
    Acos(a, _b, _c): functions::acos(a);
    Atan2(a, b, _c): functions::atan2(a, b);
    Erf(a, _b, _c): functions::erf(a);
    Erfc(a, _b, _c): functions::erfc(a);
    Erfcx(a, _b, _c): functions::erfcx(a);
    ErfSlope(a, _b, _c): functions::erf_slope(a);
    Normpdf(a, _b, _c): functions::normpdf(a);
    Normcdf(a, _b, _c): functions::normcdf(a);
    Norminv(a, _b, _c): functions::norminv(a);
    Gamma(a, _b, _c): functions::gamma(a);
    Lgamma(a, _b, _c): functions::lgamma(a);
    Digamma(a, _b, _c): functions::digamma(a);
    Trigamma(a, _b, _c): functions::trigamma(a);
    Tetragamma(a, _b, _c): functions::tetragamma(a);
    Faddeeva(a, b, _c): functions::faddeeva(a, b);
    FaddeevaByX(a, b, _c): functions::faddeeva_by_x(a, b);
    FaddeevaByY(a, b, _c): functions::faddeeva_by_y(a, b);
}

/// What bounds do to a parameter, and no program: NaN stays NaN. Its twin is `within` in `ts/objectives/bounds.ts`.
pub struct Clamp;

impl Operation for Clamp {
    const IN_FLIGHT: usize = LONG;
    const IN_FLOAT64: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(a: V, min: V, max: V) -> V {
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
