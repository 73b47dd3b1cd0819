//! An arena: a region of memory that describes itself.

mod fault;
mod layout;
mod table;

pub use fault::Fault;
pub use layout::*;
pub use table::*;

/// FNV-1a of the sources' lines: what was laid out for others is refused.
pub const HASH: u32 = include!(concat!(env!("OUT_DIR"), "/hash.rs"));
