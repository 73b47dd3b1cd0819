use std::fmt;

/// A fault of an arena, as one word that is returned in a register. In WebAssembly, where code size matters and no
/// caller reads the message, the error is empty.
#[derive(Debug, PartialEq, Eq)]
pub struct ArenaError(#[cfg(not(target_arch = "wasm32"))] &'static &'static str);

impl ArenaError {
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) const fn new(what: &'static &'static str) -> Self {
        Self(what)
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) const fn new(_: &'static &'static str) -> Self {
        Self()
    }

    /// The error if several threads have found faults.
    pub const OVERWRITTEN: Self = Self::new(&"it was overwritten");
}

impl fmt::Display for ArenaError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("this is not an arena of this version")?;
        #[cfg(not(target_arch = "wasm32"))]
        write!(f, ": {}", self.0)?;
        Ok(())
    }
}

impl std::error::Error for ArenaError {}
