//! The bytes of an arena, which are JavaScript's.

use std::ptr;

use napi::{Env, Error, JsValue, Result, Status, sys};

use crate::memories::fixed_buffer;

/// A reference to a `WebAssembly.Memory` that does not grow, or to an `ArrayBuffer`, that does not keep it alive
/// but while it is held. The facade does that: a handle that did would outlive every loop that does not let
/// Node's event loop turn, as Node drops handles only then.
pub struct Bytes {
    env: sys::napi_env,
    reference: sys::napi_ref,
    start: *mut u8,
    length: usize,
    /// Whether they stay where they are as long as their owner lives, which is a memory then: its buffers may be
    /// detached, but that moves nothing. An `ArrayBuffer` may be transferred or resized, and its bytes freed.
    pub stay: bool,
}

impl Bytes {
    pub fn new<'a>(env: &Env, owner: &impl JsValue<'a>) -> Result<Self> {
        let owner = owner.raw();
        let mut is_buffer = false;
        // SAFETY: the value belongs to the current call.
        check(unsafe { sys::napi_is_arraybuffer(env.raw(), owner, &mut is_buffer) })?;
        let buffer = if is_buffer { owner } else { fixed_buffer(env, owner)? };
        let (start, length) = extent(env.raw(), buffer)?;
        let mut reference = ptr::null_mut();
        // SAFETY: both belong to the current call, and the result is only written if the call succeeds.
        check(unsafe { sys::napi_create_reference(env.raw(), owner, 0, &mut reference) })?;
        Ok(Self { env: env.raw(), reference, start, length, stay: !is_buffer })
    }

    /// The start of `length` bytes from `offset` on, if there are as many.
    pub fn part(&self, offset: f64, length: f64) -> Option<(*mut u8, usize)> {
        let whole = |x: f64| (x >= 0.0 && x.fract() == 0.0 && x <= self.length as f64).then_some(x as usize);
        let (offset, length) = (whole(offset)?, whole(length)?);
        (length <= self.length - offset).then(|| (self.start.wrapping_add(offset), length))
    }

    pub fn all(&self) -> (*mut u8, usize) {
        (self.start, self.length)
    }

    /// Keeps their owner alive until [`Self::release`].
    pub fn hold(&self) -> Result<()> {
        let mut count = 0;
        // SAFETY: as in `are_there`.
        check(unsafe { sys::napi_reference_ref(self.env, self.reference, &mut count) })
    }

    pub fn release(&self) -> Result<()> {
        let mut count = 0;
        // SAFETY: as in `are_there`.
        check(unsafe { sys::napi_reference_unref(self.env, self.reference, &mut count) })
    }

    /// Whether their owner has not been collected, transferred or resized.
    pub fn are_there(&self) -> bool {
        let mut owner = ptr::null_mut();
        // SAFETY: the reference is deleted only with `self`, whose environment is this thread's.
        let status = unsafe { sys::napi_get_reference_value(self.env, self.reference, &mut owner) };
        let is_same = || extent(self.env, owner).is_ok_and(|extent| extent == (self.start, self.length));
        status == sys::Status::napi_ok && !owner.is_null() && (self.stay || is_same())
    }
}

/// Address and length of the bytes of an `ArrayBuffer`.
fn extent(env: sys::napi_env, buffer: sys::napi_value) -> Result<(*mut u8, usize)> {
    let (mut start, mut length) = (ptr::null_mut(), 0);
    // SAFETY: the buffer belongs to the current call; for any other value the function returns an error.
    check(unsafe { sys::napi_get_arraybuffer_info(env, buffer, &mut start, &mut length) })?;
    Ok((start.cast(), length))
}

// SAFETY: it goes along with a call to another thread, but is used and dropped on JavaScript's alone.
unsafe impl Send for Bytes {}
// SAFETY: see above.
unsafe impl Sync for Bytes {}

impl Drop for Bytes {
    fn drop(&mut self) {
        // SAFETY: as above; a failure would leave a small object behind.
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}

fn check(status: sys::napi_status) -> Result<()> {
    match Status::from(status) {
        Status::Ok => Ok(()),
        status => Err(Error::new(status, "the arena is in no ArrayBuffer")),
    }
}
