//! Gradients that JavaScript lends for the length of a call.

use std::ptr;

use antigrad_kernels::{Arena, Gradient};
use napi::bindgen_prelude::TypedArrayType;
use napi::{Error, Result, Status, sys};

/// Typed arrays by tensor; `undefined` for a tensor that has none. What they point to is good until the
/// call returns, as nothing of JavaScript runs before.
pub struct Lent {
    pub gradients: Vec<Option<Gradient>>,
    dtypes: Vec<i32>,
}

impl Lent {
    /// # Safety
    /// The values must be of the call under way.
    pub unsafe fn new(env: sys::napi_env, values: &[sys::napi_value]) -> Self {
        let mut lent =
            Self { gradients: Vec::with_capacity(values.len()), dtypes: Vec::with_capacity(values.len()) };
        for value in values {
            let (mut dtype, mut length, mut data) = (-1, 0, ptr::null_mut());
            let (buffer, offset) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: passed on; what is not wanted may be null.
            let status = unsafe {
                sys::napi_get_typedarray_info(env, *value, &mut dtype, &mut length, &mut data, buffer, offset)
            };
            // What is no typed array is missing.
            let found = status == sys::Status::napi_ok;
            lent.gradients.push(found.then_some(Gradient { start: data.cast_const().cast(), length }));
            lent.dtypes.push(dtype);
        }
        lent
    }

    /// The same from a list of at most `most` of them.
    ///
    /// # Safety
    /// As for [`Self::new`].
    pub unsafe fn from_list(env: sys::napi_env, list: sys::napi_value, most: usize) -> Result<Self> {
        let mut count = 0;
        // SAFETY: passed on; the result is read only where this succeeds.
        check(unsafe { sys::napi_get_array_length(env, list, &mut count) })?;
        // Before anything is allocated for it.
        if count as usize > most {
            return Err(Error::from_reason(format!("{count} gradients for {most} tensors")));
        }
        let mut values = Vec::with_capacity(count as usize);
        for number in 0..count {
            let mut value = ptr::null_mut();
            // SAFETY: as above.
            check(unsafe { sys::napi_get_element(env, list, number, &mut value) })?;
            values.push(value);
        }
        // SAFETY: passed on.
        Ok(unsafe { Self::new(env, &values) })
    }

    /// Whether none is in the arena, where a step could write it before it has read it.
    ///
    /// # Errors
    /// Where one is not as long as its tensor, or not of its dtype; one that is detached has length 0.
    pub fn is_apart(&self, arena: &Arena) -> Result<bool> {
        let mut apart = true;
        for (number, gradient) in self.gradients.iter().enumerate() {
            let Some(Gradient { start, length }) = *gradient else { continue };
            let size = match self.dtypes[number] {
                dtype if dtype == TypedArrayType::Float32 as i32 => 4,
                dtype if dtype == TypedArrayType::Float64 as i32 => 8,
                _ => 0,
            };
            if !arena.takes(number, size, length) {
                return Err(Error::from_reason("a gradient is not of its tensor's length and dtype"));
            }
            apart &= !arena.holds(start, size * length);
        }
        Ok(apart)
    }
}

fn check(status: sys::napi_status) -> Result<()> {
    match Status::from(status) {
        Status::Ok => Ok(()),
        status => Err(Error::new(status, "no list of gradients")),
    }
}
