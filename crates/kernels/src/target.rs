//! What the processor or the page that code is built for asks of it.

/// Whether code is small rather than quick: the WebAssembly build is optimized for size, as pages load it.
pub const SMALL: bool = cfg!(target_arch = "wasm32");
