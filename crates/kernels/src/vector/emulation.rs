//! Vectors of any width in plain Rust, for tests: what each lane does is what the scalar does.

use super::Vector;
use std::array;
use std::ops::{Add, Div, Mul, Sub};

#[derive(Clone, Copy)]
pub struct Emulated<T, const N: usize>([T; N]);

/// Its lanes in float64, in vectors of as many bytes.
pub trait Widen<T> {
    type Wide: Vector<Scalar = f64>;
    const PARTS: usize;

    fn wide(self) -> [Self::Wide; 2];
}

impl<const N: usize> Widen<f64> for Emulated<f64, N> {
    type Wide = Self;
    const PARTS: usize = 1;

    #[inline(always)]
    fn wide(self) -> [Self; 2] {
        [self; 2]
    }
}

/// Half as many lanes: a type cannot have N/2 of them.
macro_rules! halves {
    ($($lanes:literal: $half:literal,)*) => {
        $(impl Widen<f32> for Emulated<f32, $lanes> {
            type Wide = Emulated<f64, $half>;
            const PARTS: usize = 2;

            #[inline(always)]
            fn wide(self) -> [Self::Wide; 2] {
                [0, $half].map(|from| Emulated(array::from_fn(|k| f64::from(self.0[from + k]))))
            }
        })*
    };
}
halves! { 2: 1, 16: 8, }

/// Operators and methods, lane by lane.
macro_rules! lane_by_lane {
    ($($trait:ident::$method:ident,)*) => {
        $(impl<T: Vector<Scalar = T>, const N: usize> $trait for Emulated<T, N> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(array::from_fn(|k| self.0[k].$method(other.0[k])))
            }
        })*
    };
    ($($name:ident([$($vector:ident),*] $($number:ident: $type:ty)?);)*) => {
        $(#[inline(always)]
        fn $name(self, $($vector: Self,)* $($number: $type)?) -> Self {
            Self(array::from_fn(|k| self.0[k].$name($($vector.0[k],)* $($number)?)))
        })*
    };
}
lane_by_lane! { Add::add, Sub::sub, Mul::mul, Div::div, }

impl<T: Vector<Scalar = T> + super::Scalar, const N: usize> Vector for Emulated<T, N>
where
    Self: Widen<T>,
{
    type Scalar = T;
    const LANES: usize = N;
    type Wide = <Self as Widen<T>>::Wide;
    const PARTS: usize = <Self as Widen<T>>::PARTS;

    #[inline(always)]
    fn splat(x: T) -> Self {
        Self([x; N])
    }

    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: the caller guarantees `N` numbers, as many as the array has, of any alignment.
        Self(unsafe { from.cast::<[T; N]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: the caller guarantees `N` numbers, as many as the array has, of any alignment.
        unsafe { to.cast::<[T; N]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    fn widen(self) -> [Self::Wide; 2] {
        self.wide()
    }

    #[inline(always)]
    fn any_greater(self, other: Self) -> bool {
        self.0.iter().zip(other.0).any(|(x, other)| *x > other)
    }

    each_method!(lane_by_lane);
}
