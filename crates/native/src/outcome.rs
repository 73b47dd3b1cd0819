//! How a call ends, as JavaScript gets to know it.

use antigrad_pool::{Panic, catch_panic};
use napi::{Either, Error, Result};

/// Whether a call has done its work; or, where Rust itself has failed in the middle of it, what it said.
pub type Outcome = Either<bool, String>;

/// Why a call cannot say whether it has.
pub enum Failure {
    /// A panic; the data that the call worked on is unusable.
    Panic(Panic),
    /// Nothing has changed.
    Argument(Error),
}

impl From<Panic> for Failure {
    fn from(panic: Panic) -> Self {
        Self::Panic(panic)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Argument(error)
    }
}

/// The outcome of `work`. It belongs inside of each `extern "C"` function: what unwinds out of one ends the process.
#[inline(always)]
pub fn outcome(work: impl FnOnce() -> std::result::Result<bool, Failure>) -> Result<Outcome> {
    match catch_panic(work).unwrap_or_else(|panic| Err(panic.into())) {
        Ok(done) => Ok(Either::A(done)),
        Err(Failure::Panic(panic)) => Ok(Either::B(panic.to_string())),
        Err(Failure::Argument(error)) => Err(error),
    }
}
