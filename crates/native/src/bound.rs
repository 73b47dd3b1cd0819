//! A function that carries what it works on. To look up a handle takes three times as long as a call.

use std::ffi::c_void;
use std::ptr;

use napi::bindgen_prelude::{Object, ToNapiValue};
use napi::{Env, Error, JsError, Result, Status, sys};

use crate::borrowed_gradients::BorrowedGradients;
use crate::outcome::{Failure, outcome};

/// A target of a JavaScript function: callable without arguments, or with a stage and borrowed gradients. Returns
/// whether the stage ran.
pub trait Callable: Sync {
    fn call_again(&self) -> bool;
    fn call(&self, stage: u32, borrowed: Option<BorrowedGradients>) -> std::result::Result<bool, Failure>;
}

/// A function of JavaScript that calls `callable`.
///
/// # Safety
/// `callable` must live as long as the function: let something that the function holds own it.
pub unsafe fn function<'env, T: Callable>(env: &'env Env, callable: *const T) -> Result<Object<'env>> {
    let mut function = ptr::null_mut();
    let data = callable.cast_mut().cast();
    // SAFETY: the name is empty, and the result is only read if the call succeeds.
    let status =
        unsafe { sys::napi_create_function(env.raw(), ptr::null(), 0, Some(call::<T>), data, &mut function) };
    match Status::from(status) {
        Status::Ok => Ok(Object::from_raw(env.raw(), function)),
        status => Err(Error::new(status, "no function")),
    }
}

unsafe extern "C" fn call<T: Callable>(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: the values belong to the current call, and the caller of `function` guarantees the data that it carries.
    let outcome = outcome(|| unsafe { called::<T>(env, info) });
    // SAFETY: the environment belongs to the current call.
    let value = outcome.and_then(|outcome| unsafe { ToNapiValue::to_napi_value(env, outcome) });
    value.unwrap_or_else(|error| {
        // SAFETY: as above; it is thrown once the call returns, which comes next.
        unsafe { JsError::from(error).throw_into(env) };
        ptr::null_mut()
    })
}

/// # Safety
/// Both must belong to the current call of a function that [`function`] has made.
unsafe fn called<T: Callable>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> std::result::Result<bool, Failure> {
    let mut data: *mut c_void = ptr::null_mut();
    let mut count = 1;
    let mut stage = ptr::null_mut();
    let nowhere = ptr::null_mut();
    // SAFETY: there is room for one argument, and `count` says how many came.
    unsafe { sys::napi_get_cb_info(env, info, &mut count, &mut stage, nowhere, &mut data) };
    // SAFETY: the caller guarantees this.
    let Some(callable) = (unsafe { data.cast::<T>().as_ref() }) else { return Ok(false) };
    if count == 0 {
        return Ok(callable.call_again());
    }
    let mut number = 0;
    // SAFETY: the argument belongs to the current call; a value that is not a number leaves 0.
    unsafe { sys::napi_get_value_uint32(env, stage, &mut number) };
    if count < 2 {
        return callable.call(number, None);
    }
    let mut values = Vec::new();
    // If allocation fails, gradients are copied instead of borrowed.
    if values.try_reserve_exact(count).is_err() {
        return Ok(false);
    }
    values.resize(count, ptr::null_mut());
    // SAFETY: there is room for as many as `count` says.
    unsafe { sys::napi_get_cb_info(env, info, &mut count, values.as_mut_ptr(), nowhere, &mut data) };
    // SAFETY: the values belong to the current call.
    match unsafe { BorrowedGradients::new(env, &values[1..]) } {
        Some(borrowed) => callable.call(number, Some(borrowed)),
        None => Ok(false),
    }
}
