//! `WebAssembly.Memory` objects, whose bytes stay where they are as long as they do not grow. What is one is
//! asked of the functions that the environment had when the addon was loaded: whatever somebody puts in
//! their place later, or says of an object of his own, is not believed.

use std::ptr;

use napi::bindgen_prelude::{JsObjectValue, Object, Unknown};
use napi::{Env, Error, JsValue, Result, sys};

/// The getter of `buffer`, and `grow`; nothing where there is no WebAssembly. (A class may have taken its place.)
const ORIGINALS: &str = "((prototype) => {
  for (; prototype; prototype = Object.getPrototypeOf(prototype)) {
    const buffer = Object.getOwnPropertyDescriptor(prototype, 'buffer')?.get
    if (buffer) return { buffer, grow: prototype.grow }
  }
  return {}
})(globalThis.WebAssembly?.Memory?.prototype)";

/// They live as long as the environment.
struct Originals {
    buffer: sys::napi_ref,
    grow: sys::napi_ref,
}

/// Keeps what an environment has now.
pub fn keep_originals(env: &Env) -> Result<()> {
    let found: Object = env.run_script(ORIGINALS)?;
    if !found.has_own_property("buffer")? {
        return Ok(());
    }
    let keep = |name| -> Result<sys::napi_ref> {
        let function: Unknown = found.get_named_property(name)?;
        let mut reference = ptr::null_mut();
        // SAFETY: both are of the call under way.
        match unsafe { sys::napi_create_reference(env.raw(), function.raw(), 1, &mut reference) } {
            sys::Status::napi_ok => Ok(reference),
            _ => Err(Error::from_reason("no reference to WebAssembly.Memory")),
        }
    };
    env.set_instance_data(Originals { buffer: keep("buffer")?, grow: keep("grow")? }, (), |_| {})
}

/// The buffer of a memory that does not grow.
pub fn fixed_buffer(env: &Env, memory: sys::napi_value) -> Result<sys::napi_value> {
    let expected = || Error::from_reason("expected an ArrayBuffer or a WebAssembly.Memory");
    let originals: &Originals = env.get_instance_data()?.ok_or_else(expected)?;
    // SAFETY: the references are this environment's, and the value is of the call under way.
    unsafe {
        call(env, originals.buffer, memory, None).ok_or_else(expected)?;
        let mut page = ptr::null_mut();
        sys::napi_create_uint32(env.raw(), 1, &mut page);
        // One at its maximum throws, and nothing has changed. The bytes of others may move.
        if call(env, originals.grow, memory, Some(page)).is_some() {
            return Err(Error::from_reason("expected a WebAssembly.Memory whose maximum is its size"));
        }
        call(env, originals.buffer, memory, None).ok_or_else(expected)
    }
}

/// What a function returns; none if it throws.
///
/// # Safety
/// All must be this environment's, and the values of the call under way.
unsafe fn call(
    env: &Env,
    function: sys::napi_ref,
    this: sys::napi_value,
    argument: Option<sys::napi_value>,
) -> Option<sys::napi_value> {
    let (mut callee, mut result) = (ptr::null_mut(), ptr::null_mut());
    let arguments = argument.as_slice();
    // SAFETY: passed on.
    unsafe {
        sys::napi_get_reference_value(env.raw(), function, &mut callee);
        let (count, first) = (arguments.len(), arguments.as_ptr());
        let status = sys::napi_call_function(env.raw(), this, callee, count, first, &mut result);
        if status == sys::Status::napi_ok {
            return Some(result);
        }
        let mut thrown = ptr::null_mut();
        sys::napi_get_and_clear_last_exception(env.raw(), &mut thrown);
        None
    }
}
