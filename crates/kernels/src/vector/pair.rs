//! Two vectors as one: while one waits for its results, the other one is computed.

use super::Vector;
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
        // SAFETY: passed on.
        unsafe { Self(V::load(from), V::load(from.add(V::LANES))) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut V::Scalar) {
        // SAFETY: passed on.
        unsafe {
            self.0.store(to);
            self.1.store(to.add(V::LANES));
        }
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
