//! A function that carries what it works on. To look up a handle takes three times as long as a call.

use std::ffi::{CString, c_void};
use std::ptr;

use napi::{Env, Error, Result, Status, bindgen_prelude::Object, sys};

use crate::lent::Lent;

/// What may be called with a stage, 0 by default, and with gradients that are lent; says whether it was done.
pub trait Callable: Sync {
    fn call(&self, stage: u32, lent: Option<Lent>) -> Result<bool>;
}

/// A function of JavaScript that calls `callable`.
///
/// # Safety
/// `callable` must live as long as the function: let something that the function holds own it.
pub unsafe fn function<'env, T: Callable>(env: &'env Env, callable: *const T) -> Result<Object<'env>> {
    let mut function = ptr::null_mut();
    let data = callable.cast_mut().cast();
    // SAFETY: the name is none, and the result is read only where the call succeeds.
    let status =
        unsafe { sys::napi_create_function(env.raw(), ptr::null(), 0, Some(call::<T>), data, &mut function) };
    match Status::from(status) {
        Status::Ok => Ok(Object::from_raw(env.raw(), function)),
        status => Err(Error::new(status, "no function")),
    }
}

unsafe extern "C" fn call<T: Callable>(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut data: *mut c_void = ptr::null_mut();
    let mut count = 1;
    let mut stage = ptr::null_mut();
    let nowhere = ptr::null_mut();
    // SAFETY: it is of the call under way; there is room for one argument, and `count` says how many came.
    unsafe { sys::napi_get_cb_info(env, info, &mut count, &mut stage, nowhere, &mut data) };
    // SAFETY: `function`'s caller vouches for it.
    let Some(callable) = (unsafe { data.cast::<T>().as_ref() }) else { return ptr::null_mut() };
    let mut number = 0;
    if count > 0 {
        // SAFETY: the argument is of the call under way; a value that is no number leaves 0.
        unsafe { sys::napi_get_value_uint32(env, stage, &mut number) };
    }
    let lent = (count > 1).then(|| {
        let mut values = vec![ptr::null_mut(); count];
        // SAFETY: as above, and there is room for as many.
        unsafe {
            sys::napi_get_cb_info(env, info, &mut count, values.as_mut_ptr(), nowhere, &mut data);
            Lent::new(env, &values[1..])
        }
    });
    let mut result = ptr::null_mut();
    match callable.call(number, lent) {
        // SAFETY: the result may be written.
        Ok(done) => unsafe { sys::napi_get_boolean(env, done, &mut result) },
        Err(error) => {
            let message = CString::new(error.reason.to_string()).unwrap_or_default();
            // SAFETY: the message ends with a zero and is copied.
            unsafe { sys::napi_throw_error(env, ptr::null(), message.as_ptr()) }
        }
    };
    result
}
