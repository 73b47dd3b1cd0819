//! Huge pages: of 2 MiB on x86-64, so that a pass over a large arena finds its pages at once.

/// Requests huge pages from the system, in whole pages of these bytes. The request only affects memory that has not
/// been written to, and only if the system leaves the choice to programs. Returns whether the system has accepted it.
#[cfg(target_os = "linux")]
pub fn advise(start: *mut u8, length: usize) -> bool {
    // SAFETY: it is advice: it changes no byte, and of addresses that are not there it is an error.
    unsafe { libc::madvise(start.cast(), length, libc::MADV_HUGEPAGE) == 0 }
}

#[cfg(not(target_os = "linux"))]
pub fn advise(_: *mut u8, _: usize) -> bool {
    false
}
