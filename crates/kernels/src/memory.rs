//! Values behind an address, by number.

/// # Safety
/// Value `at` behind the address must be there, and be readable.
#[inline(always)]
pub unsafe fn read<T: Copy>(from: *const T, at: usize) -> T {
    // SAFETY: the caller guarantees that it is there.
    let from = unsafe { from.add(at) };
    // SAFETY: the caller guarantees that it is readable.
    unsafe { from.read() }
}

/// # Safety
/// Value `at` behind the address must be there, and be writable.
#[inline(always)]
pub unsafe fn write<T: Copy>(to: *mut T, at: usize, x: T) {
    // SAFETY: the caller guarantees that it is there.
    let to = unsafe { to.add(at) };
    // SAFETY: the caller guarantees that it is writable.
    unsafe { to.write(x) }
}

/// Value `at`, for as long as the caller says.
///
/// # Safety
/// It must be there, be a `T`, and so long change only by what `T` itself allows.
#[inline(always)]
pub unsafe fn get<'a, T>(from: *const T, at: usize) -> &'a T {
    // SAFETY: the caller guarantees that it is there.
    let from = unsafe { from.add(at) };
    // SAFETY: the caller guarantees that it is a `T`, and how it changes.
    unsafe { &*from }
}
