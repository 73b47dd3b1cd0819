//! Two vectors as one: while one waits for its results, the other one is computed.

use super::{Vector, load_at, store_at};
use std::ops::{Add, Div, Mul, Sub};

#[derive(Clone, Copy)]
pub struct VectorPair<V>(pub V, pub V);

/// Operators, lane by lane.
macro_rules! operators {
    ($($trait:ident::$method:ident,)*) => {
        $(impl<V: Vector> $trait for VectorPair<V> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(self.0.$method(other.0), self.1.$method(other.1))
            }
        })*
    };
}
operators! { Add::add, Sub::sub, Mul::mul, Div::div, }

/// Methods, vector by vector.
macro_rules! methods {
    ($($name:ident([$($vector:ident),*] $($number:ident: $type:ty)?);)*) => {
        $(#[inline(always)]
        fn $name(self, $($vector: Self,)* $($number: $type)?) -> Self {
            Self(self.0.$name($($vector.0,)* $($number)?), self.1.$name($($vector.1,)* $($number)?))
        })*
    };
}

impl<V: Vector> Vector for VectorPair<V> {
    type Scalar = V::Scalar;
    const LANES: usize = 2 * V::LANES;
    type Wide = VectorPair<V::Wide>;
    const PARTS: usize = V::PARTS;

    #[inline(always)]
    fn splat(x: V::Scalar) -> Self {
        Self(V::splat(x), V::splat(x))
    }

    #[inline(always)]
    unsafe fn load(from: *const V::Scalar) -> Self {
        // SAFETY: the caller guarantees twice as many numbers as one of both takes.
        let first = unsafe { V::load(from) };
        // SAFETY: see above.
        let second = unsafe { load_at(from, V::LANES) };
        Self(first, second)
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut V::Scalar) {
        // SAFETY: the caller guarantees twice as many numbers as one of both takes.
        unsafe { self.0.store(to) };
        // SAFETY: see above.
        unsafe { store_at(self.1, to, V::LANES) };
    }

    #[inline(always)]
    fn widen(self) -> [Self::Wide; 2] {
        let [[a, b], [c, d]] = [self.0.widen(), self.1.widen()];
        if V::PARTS == 1 {
            [VectorPair(a, c), VectorPair(a, c)]
        } else {
            [VectorPair(a, b), VectorPair(c, d)]
        }
    }

    #[inline(always)]
    fn any_greater(self, other: Self) -> bool {
        self.0.any_greater(other.0) | self.1.any_greater(other.1)
    }

    each_method!(methods);
}
