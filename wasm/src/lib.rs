//! The WebAssembly module: calls of the kernels on the memory that it was given. It knows no rule.
//!
//! Arguments are trusted: JavaScript hands out regions of the memory behind this module's own data, one
//! an arena, and knows their layout; a wrong one could only reach the memory's other arenas, or trap. (No
//! crate can call this function: this one is no library for Rust.)
//!
//! The memory is not: anybody's JavaScript can write there. So nothing is kept in it between calls.

use antigrad_kernels::{Arena, InstructionSet, Layout};
use wasm_bindgen::prelude::wasm_bindgen;

/// Updates every segment of the arena at `address` in place, by the kernel of that number; or else, if
/// `squares` is true, writes the sum of squares of each tensor's gradient into the arena. False, and
/// nothing is done, if the arena was overwritten.
#[wasm_bindgen]
#[allow(clippy::too_many_arguments)] // What is not an argument would have to lie in the memory.
pub fn run(
    squares: bool,
    kernel: usize,
    address: usize,
    size: usize,
    first_plane: usize,
    plane_distance: usize,
    plane_length: usize,
    planes: usize,
    tensors: usize,
) -> bool {
    let layout = Layout { size, first_plane, plane_distance, plane_length, planes, tensors };
    // SAFETY: see the top; the module's only thread is in here.
    unsafe {
        Arena::with_layout(address as *mut u8, layout, kernel, InstructionSet::best())
            .and_then(|arena| if squares { arena.sum_squares() } else { arena.step() })
            .is_ok()
    }
}
