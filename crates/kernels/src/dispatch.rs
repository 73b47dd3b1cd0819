//! From a rule's number to code for the instruction set at hand.

use crate::rules::{Rule, Visitor};
use crate::update::{Coefficients, Preparation, Streams};
use crate::vector::{self, Scalar};
use crate::{reduce, update};

pub type Update = unsafe fn(&Streams, &Coefficients, usize);
pub type Prepare = unsafe fn(&Streams, &Preparation, *mut u8, usize);
pub type SumOfSquares = unsafe fn(*const u8, usize) -> f64;
pub type Settle = unsafe fn(*mut u8, usize);

/// What runs for one rule, dtype and instruction set.
#[derive(Clone, Copy)]
pub struct Loops {
    /// How many arrays of state the rule keeps.
    pub state: usize,
    pub update: Update,
    pub prepare: Prepare,
    pub sum_of_squares: SumOfSquares,
    pub settle: Settle,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dtype {
    Float32,
    Float64,
}

/// Makes the loops of one instruction set: generic code, compiled for that set alone.
macro_rules! loops {
    ($module:ident, $f32:ty, $f64:ty $(, $feature:literal)?) => {
        #[allow(clippy::undocumented_unsafe_blocks)] // Documented below, for all of them at once.
        mod $module {
            use super::*;
            use crate::vector::Vector;

            // SAFETY (all four): called only after `InstructionSet::is_available` said yes, and
            // with arrays as `update` and `reduce` want them.
            $(#[target_feature(enable = $feature)])?
            unsafe fn run<V: Vector, R: Rule>(
                streams: &Streams,
                coefficients: &Coefficients,
                length: usize,
            ) {
                unsafe { update::update::<V, R>(streams, coefficients, length) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn prepare<V: Vector>(
                streams: &Streams,
                preparation: &Preparation,
                prepared: *mut u8,
                length: usize,
            ) {
                unsafe { update::prepare::<V>(streams, preparation, prepared, length) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn squares<T: Scalar>(from: *const u8, length: usize) -> f64 {
                reduce::sum_of_squares(unsafe { std::slice::from_raw_parts(from.cast::<T>(), length) })
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn settle<T: Scalar>(from: *mut u8, length: usize) {
                update::settle(unsafe { std::slice::from_raw_parts_mut(from.cast::<T>(), length) })
            }

            pub fn of<R: Rule>(dtype: Dtype) -> Loops {
                match dtype {
                    Dtype::Float32 => Loops {
                        state: R::STATE,
                        update: run::<$f32, R>,
                        prepare: prepare::<$f32>,
                        sum_of_squares: squares::<f32>,
                        settle: settle::<f32>,
                    },
                    Dtype::Float64 => Loops {
                        state: R::STATE,
                        update: run::<$f64, R>,
                        prepare: prepare::<$f64>,
                        sum_of_squares: squares::<f64>,
                        settle: settle::<f64>,
                    },
                }
            }
        }
    };
}

/// The instruction sets of this architecture, worst first: name, whether this processor has it.
macro_rules! instruction_sets {
    ($($variant:ident, $name:literal, $module:ident, $f32:ty, $f64:ty, $available:expr $(, $feature:literal)?;)*) => {
        $(loops!($module, $f32, $f64 $(, $feature)?);)*

        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum InstructionSet { $($variant),* }

        impl InstructionSet {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Whether this processor, and its operating system, run it.
            pub fn is_available(self) -> bool {
                match self { $(Self::$variant => $available),* }
            }

            fn loops<R: Rule>(self, dtype: Dtype) -> Loops {
                match self { $(Self::$variant => $module::of::<R>(dtype)),* }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
instruction_sets! {
    Scalar, "scalar", scalar, f32, f64, true;
    Sse2, "sse2", sse2, vector::sse2::F32x4, vector::sse2::F64x2, true, "sse2";
    Avx2, "avx2", avx2, vector::avx2::F32x8, vector::avx2::F64x4, is_x86_feature_detected!("avx2"), "avx2";
    Avx512, "avx512", avx512, vector::avx512::F32x16, vector::avx512::F64x8,
        is_x86_feature_detected!("avx512f"), "avx512f";
}

#[cfg(target_arch = "aarch64")]
instruction_sets! {
    Scalar, "scalar", scalar, f32, f64, true;
    Neon, "neon", neon, vector::neon::F32x4, vector::neon::F64x2, true, "neon";
}

#[cfg(target_arch = "wasm32")]
instruction_sets! {
    Simd128, "simd128", simd128, vector::simd128::F32x4, vector::simd128::F64x2, true, "simd128";
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "wasm32")))]
instruction_sets! {
    Scalar, "scalar", scalar, f32, f64, true;
}

impl InstructionSet {
    /// The widest that this processor runs.
    pub fn best() -> Self {
        *Self::ALL.iter().rfind(|set| set.is_available()).expect("the first is always there")
    }
}

/// Finds the loops of the rule that it visits.
pub struct Find {
    pub set: InstructionSet,
    pub dtype: Dtype,
}

impl Visitor for Find {
    type Output = Loops;
    fn visit<R: Rule>(self) -> Loops {
        self.set.loops::<R>(self.dtype)
    }
}
