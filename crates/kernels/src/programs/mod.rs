//! Operations of programs, for many runs and for custom rules, and the kernels of custom rules.

#[cfg(feature = "equations")]
pub mod equations;
pub mod operations;
#[cfg(any(feature = "equations", not(target_arch = "wasm32")))]
pub mod pairs;

use crate::arena::{Numbers, tables};
use crate::kernel::code::Entry;

/// Maximum number of slots of a program, of temporary slots, and of instructions.
pub const MAX_SLOTS: usize = 128;
pub const MAX_TEMPORARIES: usize = 64;
pub const MAX_INSTRUCTIONS: usize = 256;

tables! {
    /// The first numbers behind the pipeline's: where programs and constants begin, counted from here, how many
    /// constants there are, and which arrays of state are flushed, a bit each.
    Places of usize {
        update,
        sums,
        second_sums,
        constants,
        count,
        flushes,
    }
}

/// Whether an array of a kernel's state is flushed where that is wanted: a row with equations says it.
#[cfg_attr(not(feature = "equations"), allow(unused_variables))]
#[inline(always)]
pub fn flushes(entry: &Entry, row: Numbers, state: usize) -> bool {
    #[cfg(feature = "equations")]
    if entry.program.is_some() {
        return equations::flushes(row, state);
    }
    true
}
