//! What programs are made of. `ts/expressions/operations.ts` has the same operations, and what they give.

use crate::functions;
use crate::kernel::splat;
use crate::vector::Vector;

/// An operand: where it is, and whether it has a number for each lane or one for all.
#[derive(Clone, Copy)]
pub struct Operand {
    pub at: *const u8,
    /// All ones, or 0.
    pub mask: usize,
}

/// An operation over some lanes: where the result goes, three operands and how many lanes there are.
pub type Operate = unsafe fn(*mut u8, &[Operand; 3], usize);

/// An operation on vectors; operands that it does not have are not looked at.
pub trait Operation {
    fn apply<V: Vector>(a: V, b: V, c: V) -> V;
}

/// # Safety
/// Where the result goes there must be `length` numbers, rounded up to whole vectors, and so many in each
/// operand, or one vector if its mask is 0. The result may lie where an operand is, and not otherwise overlap.
#[inline(always)]
pub unsafe fn operate<V: Vector, O: Operation>(to: *mut u8, operands: &[Operand; 3], length: usize) {
    let to = to.cast::<V::Scalar>();
    let [a, b, c] = *operands;
    let mut at = 0;
    while at < length {
        // SAFETY: the caller vouches for these lanes.
        unsafe {
            let load = |from: Operand| V::load(from.at.cast::<V::Scalar>().add(at & from.mask));
            O::apply(load(a), load(b), load(c)).store(to.add(at));
        }
        at += V::LANES;
    }
}

/// The list, in the order of its numbers; each with the names of its operands.
macro_rules! operations {
    ($($name:ident($a:ident, $b:ident, $c:ident): $result:expr;)*) => {
        $(
            pub struct $name;
            impl Operation for $name {
                #[inline(always)]
                fn apply<V: Vector>($a: V, $b: V, $c: V) -> V { $result }
            }
        )*

        /// Hands the list to another macro.
        macro_rules! for_each_operation {
            ($then:ident!($argument:tt)) => { $then! { $argument $($name,)* } };
        }
        pub(crate) use for_each_operation;

        /// Their names.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

operations! {
    Add(a, b, _c): a + b;
    Subtract(a, b, _c): a - b;
    Multiply(a, b, _c): a * b;
    Divide(a, b, _c): a / b;
    Negate(a, _b, _c): splat::<V>(-1.0) * a;
    Abs(a, _b, _c): abs(a);
    Sqrt(a, _b, _c): a.sqrt();
    Min(a, b, _c): not_nan(a, b.if_greater(a, a, b), a);
    Max(a, b, _c): not_nan(a, a.if_greater(b, a, b), a);
    Less(a, b, _c): b.if_greater(a, splat(1.0), splat(0.0));
    LessOrEqual(a, b, _c): b.if_greater(a, splat(1.0), equal(a, b));
    Equal(a, b, _c): equal(a, b);
    Select(a, b, c): a.if_zero(c, b);
    MultiplyAdd(a, b, c): a * b + c;
    Copy(a, _b, _c): a;
    Exp(a, _b, _c): functions::exp(a);
    Log(a, _b, _c): functions::log(a);
    Sin(a, _b, _c): functions::sin(a);
    Cos(a, _b, _c): functions::cos(a);
    Tan(a, _b, _c): functions::tan(a);
    Tanh(a, _b, _c): functions::tanh(a);
    Atan(a, _b, _c): functions::atan(a);
    Pow(a, b, _c): functions::pow(a, b);
}

/// What bounds do to a parameter, and no program: NaN stays NaN. Its twin is `within` in `ts/bounds.ts`.
pub struct Clamp;

impl Operation for Clamp {
    #[inline(always)]
    fn apply<V: Vector>(a: V, min: V, max: V) -> V {
        min.if_greater(a, min, a.if_greater(max, max, a))
    }
}

/// −0 becomes 0.
#[inline(always)]
pub fn abs<V: Vector>(a: V) -> V {
    let zero = splat::<V>(0.0);
    zero.if_greater(a, zero - a, a.if_zero(zero, a))
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
