//! Stages of a step: from tables to passes over stretches of arrays, and to matrices.

pub mod arena;
pub mod matrices;
pub mod plane;
pub mod run;
pub mod walk;
