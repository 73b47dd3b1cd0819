//! Lanes: the few operations that rules are written in, for every instruction set.
//!
//! All of them are exact in IEEE 754's sense, so that lanes of any width give the same bits.
//! There is no fused multiply-add on purpose: WebAssembly has no deterministic one.

use std::ops::{Add, Div, Mul, Sub};

/// Gives a macro the methods that make a vector of vectors and a number, for types that are made of other vectors.
macro_rules! each_method {
    ($of:ident) => {
        $of! {
            sqrt([]);
            if_greater([other, yes, no]);
            if_zero([yes, no]);
            min([other]);
            max([other]);
            zero_unless([divisor]);
            and([other]);
            xor([other]);
            add_bits([other]);
            sub_bits([other]);
            shl([] count: u32);
            shr([] count: u32);
        }
    };
}

#[cfg(target_arch = "x86_64")]
pub mod avx2;
#[cfg(target_arch = "x86_64")]
pub mod avx512;
#[cfg(feature = "emulated")]
mod emulation;
#[cfg(target_arch = "aarch64")]
pub mod neon;
mod pair;
pub mod scalar;
#[cfg(target_arch = "wasm32")]
pub mod simd128;
#[cfg(target_arch = "x86_64")]
pub mod sse2;
mod storage;

#[cfg(feature = "emulated")]
pub use emulation::Emulated;
pub use pair::VectorPair;
pub use storage::Stored;

/// A floating-point type that parameters can have.
pub trait Scalar:
    Copy
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + PartialOrd
    + 'static
{
    /// `x` rounded to the nearest value, ties to even.
    fn from_f64(x: f64) -> Self;
    fn to_f64(self) -> f64;
    /// From 1 to the next number.
    const EPSILON: f64;

    /// Whether it is so small, but not 0, that it has fewer bits than other numbers.
    fn is_subnormal(self) -> bool;

    /// Rounded to the nearest bfloat16, ties to even; from float64 by way of float32.
    fn to_bfloat16(self) -> Self;
}

impl Scalar for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;

    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn is_subnormal(self) -> bool {
        (self != 0.0) & (self.abs() < Self::MIN_POSITIVE)
    }
    #[inline(always)]
    fn to_bfloat16(self) -> Self {
        let bits = self.to_bits();
        let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) & 0xffff_0000;
        if self.is_nan() { self } else { Self::from_bits(rounded) }
    }
}

impl Scalar for f64 {
    const EPSILON: f64 = f64::EPSILON;

    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn is_subnormal(self) -> bool {
        (self != 0.0) & (self.abs() < Self::MIN_POSITIVE)
    }
    #[inline(always)]
    fn to_bfloat16(self) -> Self {
        Self::from((self as f32).to_bfloat16())
    }
}

/// Bytes of the longest vectors.
pub const WIDEST: usize = if cfg!(any(target_arch = "x86_64", feature = "emulated")) { 64 } else { 16 };

/// `LANES` numbers on which each operation acts lane by lane.
pub trait Vector:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    type Scalar: Scalar;
    const LANES: usize;
    /// Float64 of as many bytes, and how many of them the lanes of one fill: one or two.
    type Wide: Vector<Scalar = f64>;
    const PARTS: usize;

    fn splat(x: Self::Scalar) -> Self;

    /// # Safety
    /// `from` must be readable for `LANES` numbers; any alignment will do.
    unsafe fn load(from: *const Self::Scalar) -> Self;

    /// # Safety
    /// `to` must be writable for `LANES` numbers; any alignment will do.
    unsafe fn store(self, to: *mut Self::Scalar);

    /// The first `count` lanes, all of them where it is larger, and 0 in the others.
    ///
    /// # Safety
    /// `from` must be readable for `count` numbers.
    #[inline(always)]
    unsafe fn load_some(from: *const Self::Scalar, count: usize) -> Self {
        if count < Self::LANES {
            // SAFETY: the caller guarantees `count` numbers, and these are not all lanes.
            unsafe { load_part(from, count) }
        } else {
            // SAFETY: the caller guarantees `count` numbers, which are `LANES` at least.
            unsafe { Self::load(from) }
        }
    }

    /// Stores the first `count` lanes, or all of them.
    ///
    /// # Safety
    /// `to` must be writable for `count` numbers.
    #[inline(always)]
    unsafe fn store_some(self, to: *mut Self::Scalar, count: usize) {
        if count < Self::LANES {
            // SAFETY: the caller guarantees `count` numbers, and these are not all lanes.
            unsafe { store_part(self, to, count) }
        } else {
            // SAFETY: the caller guarantees `count` numbers, which are `LANES` at least.
            unsafe { self.store(to) }
        }
    }

    fn sqrt(self) -> Self;

    /// Its lanes in float64, in order; where one part is all, the second repeats it.
    fn widen(self) -> [Self::Wide; 2];

    /// `self > other ? yes : no`: `no` where either is NaN; zeros of both signs are equal.
    fn if_greater(self, other: Self, yes: Self, no: Self) -> Self;

    /// `self == 0 ? yes : no`: `yes` for zeros of both signs, `no` for NaN.
    fn if_zero(self, yes: Self, no: Self) -> Self;

    /// `self < other ? self : other`: `other` where either is NaN.
    fn min(self, other: Self) -> Self;

    /// `self > other ? self : other`: `other` where either is NaN.
    fn max(self, other: Self) -> Self;

    /// `divisor == 0 ? +0 : self`: 0 for zeros of both signs, `self` for NaN.
    fn zero_unless(self, divisor: Self) -> Self;

    /// Whether any lane is greater than the other's; one with a NaN is not.
    fn any_greater(self, other: Self) -> bool;

    /// The bits that both have.
    fn and(self, other: Self) -> Self;

    /// The bits that only one has.
    fn xor(self, other: Self) -> Self;

    /// The sum of their bits as integers, without a carry out of the lane.
    fn add_bits(self, other: Self) -> Self;

    /// The difference of their bits as integers, without a borrow from outside of the lane.
    fn sub_bits(self, other: Self) -> Self;

    /// Its bits moved up; zeros come in.
    fn shl(self, count: u32) -> Self;

    /// Its bits moved down; zeros come in.
    fn shr(self, count: u32) -> Self;

    /// `self / divisor`, but +0 where the divisor is exactly 0, whatever `self` is.
    #[inline(always)]
    fn div_or_zero(self, divisor: Self) -> Self {
        (self / divisor).zero_unless(divisor)
    }

    /// `self < −limit ? −limit : self > limit ? limit : self`; NaN stays NaN.
    #[inline(always)]
    fn clamp(self, limit: Self) -> Self {
        let low = Self::splat(Self::Scalar::from_f64(0.0)) - limit;
        limit.min(low.max(self))
    }

    /// 1 or −1; zeros and NaN are their own sign.
    #[inline(always)]
    fn signum(self) -> Self {
        let [zero, one, minus_one] = splats::<Self, 3>([0.0, 1.0, -1.0]);
        self.if_greater(zero, one, zero.if_greater(self, minus_one, self))
    }

    /// Its sign bit alone.
    #[inline(always)]
    fn sign(self) -> Self {
        self.and(Self::splat(Self::Scalar::from_f64(-0.0)))
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.xor(self.sign())
    }
}

/// The lanes from number `at` on.
///
/// # Safety
/// `from` must be readable for `LANES` numbers from number `at` on.
#[inline(always)]
pub unsafe fn load_at<V: Vector>(from: *const V::Scalar, at: usize) -> V {
    // SAFETY: the caller guarantees these lanes.
    let from = unsafe { from.add(at) };
    // SAFETY: see above.
    unsafe { V::load(from) }
}

/// Stores lanes from number `at` on.
///
/// # Safety
/// `to` must be writable for `LANES` numbers from number `at` on.
#[inline(always)]
pub unsafe fn store_at<V: Vector>(vector: V, to: *mut V::Scalar, at: usize) {
    // SAFETY: the caller guarantees these lanes.
    let to = unsafe { to.add(at) };
    // SAFETY: see above.
    unsafe { vector.store(to) }
}

/// The same number in each lane, rounded.
#[inline(always)]
pub fn splat<V: Vector>(x: f64) -> V {
    V::splat(V::Scalar::from_f64(x))
}

/// Same as above, for an array of vectors. Array `map` is not used: the compiler may leave it a call, and vectors would
/// go through memory.
#[inline(always)]
pub fn splats<V: Vector, const N: usize>(numbers: [f64; N]) -> [V; N] {
    let mut vectors = [splat(0.0); N];
    for (vector, number) in vectors.iter_mut().zip(numbers) {
        *vector = splat(number);
    }
    vectors
}

/// # Safety
/// Same as for [`Vector::load_some`]; not all lanes.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
unsafe fn load_part<V: Vector>(from: *const V::Scalar, count: usize) -> V {
    let mut lanes = Stored::new(splat::<V>(0.0));
    // SAFETY: the caller guarantees `count` numbers at `from`, fewer than lanes, of which `lanes` has all.
    unsafe { copy_part::<V>(from, lanes.as_mut_ptr(), count) };
    lanes.load()
}

/// # Safety
/// Same as for [`Vector::store_some`]; not all lanes.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
unsafe fn store_part<V: Vector>(vector: V, to: *mut V::Scalar, count: usize) {
    // SAFETY: the caller guarantees `count` numbers at `to`, fewer than lanes, of which a stored vector has all.
    unsafe { copy_part::<V>(Stored::new(vector).as_ptr(), to, count) };
}

/// Copies halves, quarters and so on, each as one move. (A load after a masked store would wait for the store, and a
/// vector load after these moves waits for all of them. So `load_some` uses a mask if vectors are long.)
///
/// # Safety
/// `count` numbers must be readable at `from` and writable at `to`. `count` must be less than the lanes of a vector,
/// and the ranges must not overlap.
#[inline(always)]
unsafe fn copy_part<V: Vector>(from: *const V::Scalar, to: *mut V::Scalar, count: usize) {
    let (mut done, mut width) = (0, V::LANES / 2);
    while width > 0 {
        if count & width != 0 {
            // SAFETY: larger bits of `count` are done, so `done + width` is `count` at most, for which the caller
            // vouches.
            let to = unsafe { to.add(done) };
            // SAFETY: see above.
            let from = unsafe { from.add(done) };
            // SAFETY: see above.
            unsafe { to.copy_from_nonoverlapping(from, width) };
            done += width;
        }
        width /= 2;
    }
}

/// Implements [`Vector`] for a register type from its intrinsics.
macro_rules! vector {
    (
        $(#[$doc:meta])* $name:ident($register:ty), $scalar:ty, $lanes:literal;
        splat: $splat:path, load($from:ident): $load:expr, store($to:ident, $value:ident): $store:expr,
        add: $add:path, sub: $sub:path, mul: $mul:path, div: $div:path, sqrt: $sqrt:path,
        greater($a:ident, $b:ident, $yes:ident, $no:ident): $greater:expr,
        zero($z:ident, $zyes:ident, $zno:ident): $zero:expr,
        min($la:ident, $lb:ident): $min:expr, max($ha:ident, $hb:ident): $max:expr,
        unless($q:ident, $d:ident): $unless:expr,
        any($g:ident, $than:ident): $any:expr,
        bits: $to_bits:path, $from_bits:path,
        widen($narrow:ident) -> $wide:ty, $parts:literal: $widen:expr,
        and: $and:path, xor: $xor:path, add_bits: $add_bits:path, sub_bits: $sub_bits:path,
        shl($sl:ident, $ln:ident): $shl:expr, shr($sr:ident, $rn:ident): $shr:expr,
        $(load_some($some:ident, $count:ident): $load_some:expr,)?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name($register);

        vector!(@operator $name, Add, add, $add);
        vector!(@operator $name, Sub, sub, $sub);
        vector!(@operator $name, Mul, mul, $mul);
        vector!(@operator $name, Div, div, $div);

        // SAFETY (all of this implementation): the intrinsics need the instruction set of their
        // module. Values are only made by loops that `dispatch` picks after it has found that set.
        #[allow(unused_unsafe, clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]
        impl $crate::vector::Vector for $name {
            type Scalar = $scalar;
            const LANES: usize = $lanes;
            type Wide = $wide;
            const PARTS: usize = $parts;
            #[inline(always)]
            fn widen(self) -> [$wide; 2] {
                let $narrow = self;
                unsafe { $widen }
            }
            #[inline(always)]
            fn splat(x: $scalar) -> Self {
                Self(unsafe { $splat(x) })
            }
            #[inline(always)]
            unsafe fn load($from: *const $scalar) -> Self {
                Self(unsafe { $load })
            }
            #[inline(always)]
            unsafe fn store(self, $to: *mut $scalar) {
                let $value = self.0;
                unsafe { $store }
            }
            $(#[inline(always)]
            unsafe fn load_some($some: *const $scalar, $count: usize) -> Self {
                Self(unsafe { $load_some })
            })?
            #[inline(always)]
            fn sqrt(self) -> Self {
                Self(unsafe { $sqrt(self.0) })
            }
            #[inline(always)]
            fn if_greater(self, other: Self, yes: Self, no: Self) -> Self {
                let ($a, $b, $yes, $no) = (self.0, other.0, yes.0, no.0);
                Self(unsafe { $greater })
            }
            #[inline(always)]
            fn if_zero(self, yes: Self, no: Self) -> Self {
                let ($z, $zyes, $zno) = (self.0, yes.0, no.0);
                Self(unsafe { $zero })
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                let ($la, $lb) = (self.0, other.0);
                Self(unsafe { $min })
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                let ($ha, $hb) = (self.0, other.0);
                Self(unsafe { $max })
            }
            #[inline(always)]
            fn zero_unless(self, divisor: Self) -> Self {
                let ($q, $d) = (self.0, divisor.0);
                Self(unsafe { $unless })
            }
            #[inline(always)]
            fn any_greater(self, other: Self) -> bool {
                let ($g, $than) = (self.0, other.0);
                unsafe { $any }
            }
            vector!(@bits and, $and, $to_bits, $from_bits);
            vector!(@bits xor, $xor, $to_bits, $from_bits);
            vector!(@bits add_bits, $add_bits, $to_bits, $from_bits);
            vector!(@bits sub_bits, $sub_bits, $to_bits, $from_bits);
            #[inline(always)]
            fn shl(self, $ln: u32) -> Self {
                let $sl = unsafe { $to_bits(self.0) };
                Self(unsafe { $from_bits($shl) })
            }
            #[inline(always)]
            fn shr(self, $rn: u32) -> Self {
                let $sr = unsafe { $to_bits(self.0) };
                Self(unsafe { $from_bits($shr) })
            }
        }
    };
    (@bits $method:ident, $intrinsic:path, $to_bits:path, $from_bits:path) => {
        #[inline(always)]
        fn $method(self, other: Self) -> Self {
            Self(unsafe { $from_bits($intrinsic($to_bits(self.0), $to_bits(other.0))) })
        }
    };
    (@operator $name:ident, $trait:ident, $method:ident, $intrinsic:path) => {
        impl std::ops::$trait for $name {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: as for the whole type, see the implementation of `Vector`.
                #[allow(unused_unsafe, clippy::multiple_unsafe_ops_per_block)]
                Self(unsafe { $intrinsic(self.0, other.0) })
            }
        }
    };
}
pub(crate) use vector;
