//! The WebAssembly modules: calls of the kernels on the module's memory. This crate knows no rule.
//!
//! Addresses are trusted: JavaScript assigns regions of the memory behind the module's own data, one per caller. A
//! wrong address could only reach other regions of the same memory, or trap.

#[cfg(not(any(feature = "batches", feature = "functions")))]
mod arenas;
#[cfg(feature = "batches")]
mod batches;
#[cfg(any(feature = "functions", feature = "many"))]
mod functions;

use antigrad_kernels::manifest;
use wasm_bindgen::prelude::wasm_bindgen;

/// The hash of the kernels' sources.
#[wasm_bindgen]
pub fn hash() -> u32 {
    manifest::HASH
}
