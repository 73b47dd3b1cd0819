//! Gradients that JavaScript owns, borrowed for the duration of a call.

use std::ptr;

use antigrad_kernels::Arena;
use napi::bindgen_prelude::TypedArrayType;
use napi::{Error, Result, sys};

/// Typed arrays by tensor; `undefined` for a tensor without one. The pointers are valid until the call returns, because
/// no JavaScript runs before.
pub struct BorrowedGradients {
    pub bytes: Vec<*const [u8]>,
    /// The bytes of a number of each; none for a tensor that has no gradient, 0 for other dtypes.
    sizes: Vec<Option<usize>>,
}

impl BorrowedGradients {
    /// Returns None if memory allocation fails.
    ///
    /// # Safety
    /// The values must belong to the current call.
    pub unsafe fn new(env: sys::napi_env, values: &[sys::napi_value]) -> Option<Self> {
        let mut borrowed = Self { bytes: Vec::new(), sizes: Vec::new() };
        borrowed.bytes.try_reserve_exact(values.len()).ok()?;
        borrowed.sizes.try_reserve_exact(values.len()).ok()?;
        for value in values {
            let (mut dtype, mut length, mut data) = (-1, 0, ptr::null_mut());
            let (buffer, offset) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: the caller guarantees that the value belongs to the current call; unneeded outputs may be null.
            let status = unsafe {
                sys::napi_get_typedarray_info(env, *value, &mut dtype, &mut length, &mut data, buffer, offset)
            };
            // Any other value than a typed array counts as missing.
            let found = status == sys::Status::napi_ok;
            let size = match dtype {
                dtype if dtype == TypedArrayType::Float32 as i32 => 4,
                dtype if dtype == TypedArrayType::Float64 as i32 => 8,
                _ => 0,
            };
            let (data, bytes) =
                if found { (data.cast_const().cast(), length * size) } else { (ptr::null(), 0) };
            borrowed.bytes.push(ptr::slice_from_raw_parts(data, bytes));
            borrowed.sizes.push(found.then_some(size));
        }
        Some(borrowed)
    }

    /// Whether none is in the arena, where a step could write it before it has read it.
    ///
    /// # Errors
    /// Where one is not as long as its tensor, or not of its dtype.
    pub fn is_apart(&self, arena: &Arena) -> Result<bool> {
        let mut apart = true;
        for (number, (bytes, size)) in self.bytes.iter().zip(&self.sizes).enumerate() {
            let Some(size) = *size else { continue };
            if size == 0 || !arena.takes(number, size, bytes.len() / size) {
                return Err(Error::from_reason("a gradient is not of its tensor's length and dtype"));
            }
            apart &= !arena.holds(bytes.cast(), bytes.len());
        }
        Ok(apart)
    }
}
