//! References that do not keep JavaScript's values alive.

use napi::{Env, Error, JsValue, Result, Status, sys};

/// A reference that does not keep its value alive. The facade does that: a handle that did would
/// outlive every loop that does not let Node's event loop turn, as Node drops handles only then.
pub struct Weak {
    env: sys::napi_env,
    reference: sys::napi_ref,
}

impl Weak {
    pub fn new<'a>(env: &Env, value: &impl JsValue<'a>) -> Result<Self> {
        let mut reference = std::ptr::null_mut();
        // SAFETY: both are of the call under way, and the result is written only where it succeeds.
        let status = unsafe { sys::napi_create_reference(env.raw(), value.raw(), 0, &mut reference) };
        match Status::from(status) {
            Status::Ok => Ok(Self { env: env.raw(), reference }),
            status => Err(Error::new(status, "no reference to the arena")),
        }
    }

    pub fn is_alive(&self) -> bool {
        let mut value = std::ptr::null_mut();
        // SAFETY: the reference is deleted only with `self`, whose environment is this thread's.
        let status = unsafe { sys::napi_get_reference_value(self.env, self.reference, &mut value) };
        status == sys::Status::napi_ok && !value.is_null()
    }
}

impl Drop for Weak {
    fn drop(&mut self) {
        // SAFETY: as above; a failure would leave a small object behind.
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}
