//! Kernels on arenas that are made by hand.

mod borrowed;
mod clips;
mod digests;
mod equations;
mod factored;
mod guarded;
mod hostile;
mod kernels;
mod manifest;
mod masks;
mod matrices;
mod memory;
mod pipeline;
mod plan;
mod plane;
mod ranges;
mod reference;
mod rows;
mod sm3;
#[cfg(feature = "trial")]
mod trial;
