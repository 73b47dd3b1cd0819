//! Gradients that JavaScript lends for the length of a call.

use std::ptr;

use antigrad_kernels::Arena;
use napi::bindgen_prelude::{FromNapiValue, TypedArrayType};
use napi::{Error, Result, Status, sys};

/// A list of typed arrays by tensor; `undefined` for a tensor that has none. What it points to is
/// good until the call returns, as nothing of JavaScript runs before.
pub struct Lent {
    pub pointers: Vec<*const u8>,
    arrays: Vec<(i32, usize)>,
}

impl Lent {
    /// Whether each is as long as its tensor, and of its dtype.
    pub fn check(&self, arena: &Arena) -> Result<()> {
        let fits = |(number, &(dtype, length)): (usize, &(i32, usize))| {
            let size = match dtype {
                dtype if dtype == TypedArrayType::Float32 as i32 => 4,
                dtype if dtype == TypedArrayType::Float64 as i32 => 8,
                _ => 0,
            };
            self.pointers[number].is_null() || arena.takes(number, size, length)
        };
        if self.arrays.iter().enumerate().all(fits) {
            return Ok(());
        }
        Err(Error::from_reason("a gradient is not of its tensor's length and dtype"))
    }
}

impl FromNapiValue for Lent {
    unsafe fn from_napi_value(env: sys::napi_env, list: sys::napi_value) -> Result<Self> {
        let mut count = 0;
        // SAFETY: the value is of the call under way, and the result is read only where this succeeds.
        check(unsafe { sys::napi_get_array_length(env, list, &mut count) })?;
        let mut pointers = Vec::with_capacity(count as usize);
        let mut arrays = Vec::with_capacity(count as usize);
        for number in 0..count {
            let (mut array, mut dtype, mut length, mut data) = (ptr::null_mut(), -1, 0, ptr::null_mut());
            let unwanted = ptr::null_mut();
            // SAFETY: as above.
            check(unsafe { sys::napi_get_element(env, list, number, &mut array) })?;
            // SAFETY: as above; what is not wanted may be null.
            let status = unsafe {
                sys::napi_get_typedarray_info(
                    env,
                    array,
                    &mut dtype,
                    &mut length,
                    &mut data,
                    unwanted,
                    ptr::null_mut(),
                )
            };
            // What is no typed array is missing.
            let found = status == sys::Status::napi_ok;
            pointers.push(if found { data.cast_const().cast() } else { ptr::null() });
            arrays.push((dtype, length));
        }
        Ok(Self { pointers, arrays })
    }
}

fn check(status: sys::napi_status) -> Result<()> {
    match Status::from(status) {
        Status::Ok => Ok(()),
        status => Err(Error::new(status, "no list of gradients")),
    }
}
