use super::Vector;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::slice;

/// A vector's lanes as a slice. The vector's type says how many there are: none is too long for it.
pub struct Stored<V>(MaybeUninit<V>);

impl<V: Vector> Stored<V> {
    #[inline(always)]
    pub fn new(vector: V) -> Self {
        const {
            assert!(size_of::<V>() == V::LANES * size_of::<V::Scalar>());
            assert!(align_of::<V>() >= align_of::<V::Scalar>());
        }
        let mut lanes = MaybeUninit::<V>::uninit();
        // SAFETY: the array has the size of the vector, as asserted.
        unsafe { vector.store(lanes.as_mut_ptr().cast()) };
        Self(lanes)
    }

    #[inline(always)]
    pub fn load(self) -> V {
        // SAFETY: `new` has written all of them.
        unsafe { V::load(self.0.as_ptr().cast()) }
    }
}

impl<V: Vector> Deref for Stored<V> {
    type Target = [V::Scalar];

    #[inline(always)]
    fn deref(&self) -> &[V::Scalar] {
        // SAFETY: `new` has written this many numbers, and they are aligned.
        unsafe { slice::from_raw_parts(self.0.as_ptr().cast(), V::LANES) }
    }
}

impl<V: Vector> DerefMut for Stored<V> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [V::Scalar] {
        // SAFETY: see above.
        unsafe { slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), V::LANES) }
    }
}
