//! `WebAssembly.Memory` objects, whose bytes stay where they are as long as they do not grow. What is one is
//! asked of the functions that the environment had when the addon was loaded: whatever somebody puts in
//! their place later, or says of an object of his own, is not believed.

use std::ptr;

use napi::bindgen_prelude::Unknown;
use napi::{Env, Error, JsValue, Result, sys};

/// Gives the buffer of a memory that does not grow: one at its maximum throws, and nothing has changed. Of another
/// one, whose bytes may move, it gives nothing. It throws for what is no memory. (Caught here, as an exception that
/// leaves JavaScript takes twenty times as long; and once a memory, as small arenas share one. A class may have taken
/// the memory's place.)
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

/// That function; it lives as long as the environment.
struct BufferOf(sys::napi_ref);

/// Keeps what an environment has now.
pub fn keep_originals(env: &Env) -> Result<()> {
    let function: Unknown = env.run_script(BUFFER_OF)?;
    let mut reference = ptr::null_mut();
    // SAFETY: both are of the call under way.
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
    // SAFETY: the environment is that of the call under way.
    unsafe { sys::napi_get_undefined(env.raw(), &mut this) };
    // SAFETY: there is one argument, a value of the call under way; where the two others are null, it fails.
    let status = unsafe { sys::napi_call_function(env.raw(), this, function, 1, &memory, &mut buffer) };
    if status != sys::Status::napi_ok {
        let mut thrown = ptr::null_mut();
        // SAFETY: there is room for the exception, or for undefined where none has been thrown.
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
