//! One lane: the plain reference, and what runs on a processor without known vectors.

use super::{Scalar, Vector};

macro_rules! scalar {
    ($scalar:ty) => {
        impl Vector for $scalar {
            type Scalar = $scalar;
            const LANES: usize = 1;
            type Wide = f64;
            const PARTS: usize = 1;
            #[inline(always)]
            fn widen(self) -> [f64; 2] {
                [self.to_f64(); 2]
            }
            #[inline(always)]
            fn splat(x: $scalar) -> Self {
                x
            }
            #[inline(always)]
            unsafe fn load(from: *const $scalar) -> Self {
                // SAFETY: the caller guarantees the address.
                unsafe { from.read() }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $scalar) {
                // SAFETY: the caller guarantees the address.
                unsafe { to.write(self) }
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                <$scalar>::sqrt(self)
            }
            #[inline(always)]
            fn if_greater(self, other: Self, yes: Self, no: Self) -> Self {
                if self > other { yes } else { no }
            }
            #[inline(always)]
            fn if_zero(self, yes: Self, no: Self) -> Self {
                if self == 0.0 { yes } else { no }
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                if self < other { self } else { other }
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                if self > other { self } else { other }
            }
            #[inline(always)]
            fn zero_unless(self, divisor: Self) -> Self {
                if divisor == 0.0 { 0.0 } else { self }
            }
            #[inline(always)]
            fn any_greater(self, other: Self) -> bool {
                self > other
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                Self::from_bits(self.to_bits() & other.to_bits())
            }
            #[inline(always)]
            fn xor(self, other: Self) -> Self {
                Self::from_bits(self.to_bits() ^ other.to_bits())
            }
            #[inline(always)]
            fn add_bits(self, other: Self) -> Self {
                Self::from_bits(self.to_bits().wrapping_add(other.to_bits()))
            }
            #[inline(always)]
            fn sub_bits(self, other: Self) -> Self {
                Self::from_bits(self.to_bits().wrapping_sub(other.to_bits()))
            }
            #[inline(always)]
            fn shl(self, count: u32) -> Self {
                Self::from_bits(self.to_bits() << count)
            }
            #[inline(always)]
            fn shr(self, count: u32) -> Self {
                Self::from_bits(self.to_bits() >> count)
            }
        }
    };
}

scalar!(f32);
scalar!(f64);
