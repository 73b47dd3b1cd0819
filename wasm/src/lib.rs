//! The WebAssembly modules: calls of the kernels on the memory that one was given. They know no rule.
//!
//! Addresses are trusted: JavaScript hands out regions of the memory behind the module's own data,
//! one a caller, and a wrong one could only reach the memory's other regions, or trap.

#[cfg(not(feature = "batches"))]
mod arenas;
#[cfg(feature = "batches")]
mod batches;

use antigrad_kernels::manifest;
use wasm_bindgen::prelude::wasm_bindgen;

/// The hash of the kernels' sources.
#[wasm_bindgen]
pub fn hash() -> u32 {
    manifest::HASH
}
