//! A function that carries what it works on. To look up a handle takes three times as long as a call.

use std::ffi::{CString, c_void};
use std::ptr;

use antigrad_kernels::Fault;
use napi::{Env, Error, Result, Status, bindgen_prelude::Object, sys};

/// What may be called without arguments.
pub trait Callable: Sync {
    fn call(&self) -> std::result::Result<(), Fault>;
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
    let unwanted = ptr::null_mut();
    // SAFETY: it is of the call under way, and gives what `function` got.
    unsafe { sys::napi_get_cb_info(env, info, unwanted, ptr::null_mut(), ptr::null_mut(), &mut data) };
    // SAFETY: `function`'s caller vouches for it.
    let Some(callable) = (unsafe { data.cast::<T>().as_ref() }) else { return ptr::null_mut() };
    if let Err(fault) = callable.call() {
        let message = CString::new(fault.to_string()).unwrap_or_default();
        // SAFETY: the message ends with a zero and is copied.
        unsafe { sys::napi_throw_error(env, ptr::null(), message.as_ptr()) };
    }
    // That is `undefined`.
    ptr::null_mut()
}
