//! Huge pages: of 2 MiB on x86-64, so that a pass over a large arena finds its pages at once.

/// Asks the system for them, in whole ones of these bytes. It has an effect only on what nobody has written to yet, and
/// where the system leaves it to programs. Says whether the system has taken it.
#[cfg(target_os = "linux")]
pub fn advise(start: *mut u8, length: usize) -> bool {
    // SAFETY: it is advice: it changes no byte, and of addresses that are not there it is an error.
    unsafe { libc::madvise(start.cast(), length, libc::MADV_HUGEPAGE) == 0 }
}

#[cfg(not(target_os = "linux"))]
pub fn advise(_: *mut u8, _: usize) -> bool {
    false
}
