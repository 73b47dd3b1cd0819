//! `WebAssembly.Memory` objects, whose bytes stay in place as long as the memory does not grow. The functions that
//! identify a memory are taken from the environment when the addon is loaded. So later replacements of these
//! functions, and claims of user objects, have no effect.

use std::ptr;

use napi::bindgen_prelude::Unknown;
use napi::{Env, Error, JsValue, Result, sys};

/// Returns the buffer of a memory that does not grow: `grow` throws at the maximum, and changes nothing. Returns
/// nothing for a memory whose bytes may move. Throws for any other value. (The exception is caught in JavaScript,
/// because an exception that leaves JavaScript takes twenty times as long. This happens once per memory, because small
/// arenas share one. A class may have replaced the memory's prototype.)
const BUFFER_OF: &str = "((prototype, { apply }, { has, add }) => {
  const fixed = new WeakSet()
  for (; prototype; prototype = Object.getPrototypeOf(prototype)) {
    const buffer = Object.getOwnPropertyDescriptor(prototype, 'buffer')?.get
    const { grow } = prototype
    if (buffer) return (memory) => {
      if (apply(has, fixed, [memory])) return apply(buffer, memory, [])
      try { apply(grow, memory, [1]) } catch {
        const found = apply(buffer, memory, [])
        apply(add, fixed, [memory])
        return found
      }
    }
  }
  return () => { throw new TypeError('no WebAssembly') }
})(globalThis.WebAssembly?.Memory?.prototype, Reflect, WeakSet.prototype)";

/// The function above; it lives as long as the environment.
struct BufferOf(sys::napi_ref);

/// Keeps what an environment has now.
pub fn keep_originals(env: &Env) -> Result<()> {
    let function: Unknown = env.run_script(BUFFER_OF)?;
    let mut reference = ptr::null_mut();
    // SAFETY: both belong to the current call.
    match unsafe { sys::napi_create_reference(env.raw(), function.raw(), 1, &mut reference) } {
        sys::Status::napi_ok => env.set_instance_data(BufferOf(reference), (), |_| {}),
        _ => Err(Error::from_reason("no reference to WebAssembly.Memory")),
    }
}

/// The buffer of a memory that does not grow.
pub fn fixed_buffer(env: &Env, memory: sys::napi_value) -> Result<sys::napi_value> {
    let expected = || Error::from_reason("expected an ArrayBuffer or a WebAssembly.Memory");
    let BufferOf(reference) = env.get_instance_data()?.ok_or_else(expected)?;
    let (mut function, mut this, mut buffer) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    let mut kind = sys::ValueType::napi_undefined;
    // SAFETY: the reference is this environment's, and lives as long.
    unsafe { sys::napi_get_reference_value(env.raw(), *reference, &mut function) };
    // SAFETY: the environment belongs to the current call.
    unsafe { sys::napi_get_undefined(env.raw(), &mut this) };
    // SAFETY: there is one argument, a value of the current call; if one of the other two is null, the call fails.
    let status = unsafe { sys::napi_call_function(env.raw(), this, function, 1, &memory, &mut buffer) };
    if status != sys::Status::napi_ok {
        let mut thrown = ptr::null_mut();
        // SAFETY: there is room for the exception, or for undefined if nothing was thrown.
        unsafe { sys::napi_get_and_clear_last_exception(env.raw(), &mut thrown) };
        return Err(expected());
    }
    // SAFETY: the call has succeeded, and so has given a value.
    unsafe { sys::napi_typeof(env.raw(), buffer, &mut kind) };
    match kind {
        sys::ValueType::napi_object => Ok(buffer),
        _ => Err(Error::from_reason("expected a WebAssembly.Memory whose maximum is its size")),
    }
}
