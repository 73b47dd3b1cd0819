//! An arena: a region of memory that describes itself.

mod error;
mod layout;
mod table;

pub use error::ArenaError;
pub use layout::*;
pub use table::*;

/// FNV-1a of the sources' lines: what was laid out for others is refused.
pub const HASH: u32 = include!(concat!(env!("OUT_DIR"), "/hash.rs"));
