//! Kernels on arenas that are made by hand.

mod borrowed_gradients;
mod clips;
mod digests;
mod equations;
mod factored_moments;
mod guard_pages;
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
