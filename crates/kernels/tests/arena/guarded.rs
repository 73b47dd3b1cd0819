//! Numbers that end where memory ends.

/// A copy of some numbers in a dtype, behind which nothing can be read where the system helps.
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

    /// `bytes`, whole pages, which may be used, and a page behind them that may not.
    pub fn pages(bytes: usize) -> *mut u8 {
        // SAFETY: private, anonymous memory (3: read and write; 0x22), of which the end is protected.
        unsafe {
            let memory = mmap(std::ptr::null_mut(), bytes + PAGE, 3, 0x22, -1, 0);
            assert!(memory as isize != -1 && mprotect(memory.byte_add(bytes), PAGE, 0) == 0);
            memory.cast()
        }
    }

    pub fn free(memory: *mut u8, bytes: usize) {
        // SAFETY: they are from `pages`.
        unsafe { munmap(memory.cast(), bytes + PAGE) };
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
            // SAFETY: it is within these pages, and aligned, as whole numbers are before their end.
            unsafe {
                match size {
                    4 => start.cast::<f32>().add(i).write(*x as f32),
                    _ => start.cast::<f64>().add(i).write(*x),
                }
            }
        }
        Self { memory, bytes }
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
