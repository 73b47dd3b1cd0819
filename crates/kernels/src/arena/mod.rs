//! An arena: a region of memory that describes itself.

pub mod table;
