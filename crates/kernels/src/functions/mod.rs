//! Elementary functions of vectors, with the same bits for lanes of any width; the twins in TypeScript are
//! ts/functions. There the largest errors seen are in docs/numerics.md; scripts/coefficients.py has the constants.
//!
//! Made of + − × ÷, comparisons and the bits of numbers. Where lanes may differ, both ways are computed.

mod atan;
mod exp;
mod log;
mod numbers;
mod pow;
mod quarter_turns;
mod tanh;
mod trigonometric;

pub use atan::atan;
pub use exp::exp;
pub use log::log;
pub use pow::pow;
pub use tanh::tanh;
pub use trigonometric::{cos, cos_sin_near, sin, tan};

use crate::dispatch::InstructionSet;
use crate::vector::{Scalar, Vector};

/// Numbers the functions, and picks one by its number.
macro_rules! functions {
    ($($name:ident($x:ident, $y:ident): $value:expr),* $(,)?) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Function { $($name),* }

        impl Function {
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }

        $(
            struct $name;
            impl Lanewise for $name {
                #[inline(always)]
                fn of<V: Vector>($x: V, $y: V) -> V {
                    $value
                }
            }
        )*

        /// x ← f(x), or xʸ, over `length` elements.
        ///
        /// # Safety
        /// `x` must be valid for `length` numbers of the dtype, and `y` readable.
        #[inline(always)]
        pub unsafe fn over<V: Vector>(function: Function, x: *mut u8, y: *const u8, length: usize) {
            match function {
                // SAFETY: passed on.
                $(Function::$name => unsafe { each::<V, $name>(x.cast(), y.cast(), length) }),*
            }
        }
    };
}
functions! {
    Exp(x, _y): exp(x),
    Log(x, _y): log(x),
    Pow(x, y): pow(x, y),
    Sin(x, _y): sin(x),
    Cos(x, _y): cos(x),
    Tan(x, _y): tan(x),
    Tanh(x, _y): tanh(x),
    Atan(x, _y): atan(x),
}

/// As a type, which is inlined where a closure would not be.
trait Lanewise {
    fn of<V: Vector>(x: V, y: V) -> V;
}

/// x ← f(x), or xʸ, element by element.
///
/// # Panics
/// Where the processor lacks the instruction set, or the lengths differ.
pub fn apply<T: Scalar>(set: InstructionSet, function: Function, x: &mut [T], y: &[T]) {
    assert!(set.is_available() && x.len() == y.len());
    // SAFETY: just checked.
    unsafe { set.functions(size_of::<T>())(function, x.as_mut_ptr().cast(), y.as_ptr().cast(), x.len()) }
}

/// # Safety
/// As for `over`.
#[inline(always)]
unsafe fn each<V: Vector, F: Lanewise>(x: *mut V::Scalar, y: *const V::Scalar, length: usize) {
    let whole = length - length % V::LANES;
    for at in (0..whole).step_by(V::LANES) {
        // SAFETY: all of these lanes are in the arrays.
        unsafe { F::of(V::load(x.add(at)), V::load(y.add(at))).store(x.add(at)) }
    }
    let mut rest = [[V::Scalar::from_f64(1.0); MOST_LANES]; 2];
    let count = length - whole;
    // SAFETY: what is left is less than a vector, and no vector has more lanes than these buffers.
    unsafe {
        rest[0].as_mut_ptr().copy_from_nonoverlapping(x.add(whole), count);
        rest[1].as_mut_ptr().copy_from_nonoverlapping(y.add(whole), count);
        F::of(V::load(rest[0].as_ptr()), V::load(rest[1].as_ptr())).store(rest[0].as_mut_ptr());
        x.add(whole).copy_from_nonoverlapping(rest[0].as_ptr(), count);
    }
}

/// What the widest vector has.
const MOST_LANES: usize = 16;
