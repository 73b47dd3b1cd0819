//! Numbers that end where memory ends.

/// A copy of some numbers between unreadable pages, if the system supports this. One end of the copy is the end of its
/// pages; at the other end, up to a page is accessible.
pub struct Guarded {
    memory: *mut u8,
    bytes: usize,
}

// Miri knows no protected pages, and sees itself what is read behind an end.
#[cfg(all(target_os = "linux", not(miri)))]
mod system {
    use std::ffi::{c_int, c_long, c_void};

    unsafe extern "C" {
        fn mmap(
            at: *mut c_void,
            n: usize,
            protection: c_int,
            flags: c_int,
            file: c_int,
            from: c_long,
        ) -> *mut c_void;
        fn mprotect(at: *mut c_void, n: usize, protection: c_int) -> c_int;
        fn munmap(at: *mut c_void, n: usize) -> c_int;
    }

    /// No page is larger.
    pub const PAGE: usize = 1 << 16;

    /// `bytes`, whole pages, which may be used, between two pages that may not.
    pub fn pages(bytes: usize) -> *mut u8 {
        // SAFETY: private, anonymous memory without other users (0: neither read nor write; 0x22).
        let memory = unsafe { mmap(std::ptr::null_mut(), bytes + 2 * PAGE, 0, 0x22, -1, 0) };
        assert!(memory as isize != -1);
        let used = memory.wrapping_byte_add(PAGE);
        // SAFETY: its middle may be read and written (3) from now on.
        assert!(unsafe { mprotect(used, bytes, 3) } == 0);
        used.cast()
    }

    pub fn free(memory: *mut u8, bytes: usize) {
        // SAFETY: they are from `pages`.
        unsafe { munmap(memory.wrapping_sub(PAGE).cast(), bytes + 2 * PAGE) };
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod system {
    pub const PAGE: usize = 64;

    pub fn pages(bytes: usize) -> *mut u8 {
        Box::leak(vec![0_u64; bytes / 8].into_boxed_slice()).as_mut_ptr().cast()
    }

    pub fn free(memory: *mut u8, bytes: usize) {
        // SAFETY: it is what `pages` has leaked.
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(memory.cast::<u64>(), bytes / 8)) });
    }
}

impl Guarded {
    pub fn new(size: usize, values: &[f64]) -> Self {
        let bytes = (values.len() * size).max(1).next_multiple_of(system::PAGE);
        let memory = system::pages(bytes);
        let start = memory.wrapping_add(bytes - values.len() * size);
        for (i, x) in values.iter().enumerate() {
            // SAFETY: it is within these pages, and aligned, as integers are before their end.
            unsafe {
                match size {
                    4 => start.cast::<f32>().add(i).write(*x as f32),
                    _ => start.cast::<f64>().add(i).write(*x),
                }
            }
        }
        Self { memory, bytes }
    }

    /// A copy of bytes, whole words, at the end of its pages or else at their beginning; and where it is.
    pub fn copy(from: *const u8, length: usize, is_at_end: bool) -> (Self, *mut u8) {
        let bytes = length.max(1).next_multiple_of(system::PAGE);
        let memory = system::pages(bytes);
        let start = memory.wrapping_add(if is_at_end { bytes - length } else { 0 });
        // SAFETY: the pages have as many, and the caller's are there.
        unsafe { start.copy_from_nonoverlapping(from, length) };
        (Self { memory, bytes }, start)
    }

    /// The last `length` bytes.
    pub fn last(&self, length: usize) -> *const [u8] {
        std::ptr::slice_from_raw_parts(self.memory.wrapping_add(self.bytes - length), length)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        system::free(self.memory, self.bytes);
    }
}
