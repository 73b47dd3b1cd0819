//! References that do not keep JavaScript's values alive.

use napi::{Env, Error, JsValue, Result, Status, sys};

/// A reference that does not keep its value alive but while it is held. The facade does that: a handle
/// that did would outlive every loop that does not let Node's event loop turn, as Node drops handles
/// only then.
pub struct Weak {
    env: sys::napi_env,
    reference: sys::napi_ref,
}

impl Weak {
    pub fn new<'a>(env: &Env, value: &impl JsValue<'a>) -> Result<Self> {
        let mut reference = std::ptr::null_mut();
        // SAFETY: both are of the call under way, and the result is written only where it succeeds.
        check(unsafe { sys::napi_create_reference(env.raw(), value.raw(), 0, &mut reference) })?;
        Ok(Self { env: env.raw(), reference })
    }

    /// Keeps the value alive until [`Self::release`].
    pub fn hold(&self) -> Result<()> {
        let mut count = 0;
        // SAFETY: as in `is_alive`.
        check(unsafe { sys::napi_reference_ref(self.env, self.reference, &mut count) })
    }

    pub fn release(&self) -> Result<()> {
        let mut count = 0;
        // SAFETY: as in `is_alive`.
        check(unsafe { sys::napi_reference_unref(self.env, self.reference, &mut count) })
    }

    /// Whether the value has not been collected.
    pub fn is_alive(&self) -> bool {
        let mut value = std::ptr::null_mut();
        // SAFETY: the reference is deleted only with `self`, whose environment is this thread's.
        let status = unsafe { sys::napi_get_reference_value(self.env, self.reference, &mut value) };
        status == sys::Status::napi_ok && !value.is_null()
    }
}

// SAFETY: it goes along with a call to another thread, but is used and dropped on JavaScript's alone.
unsafe impl Send for Weak {}
// SAFETY: as above.
unsafe impl Sync for Weak {}

impl Drop for Weak {
    fn drop(&mut self) {
        // SAFETY: as above; a failure would leave a small object behind.
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}

fn check(status: sys::napi_status) -> Result<()> {
    match Status::from(status) {
        Status::Ok => Ok(()),
        status => Err(Error::new(status, "no reference to the arena")),
    }
}
