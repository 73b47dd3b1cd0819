//! Requirements of the compiled code on the processor or the page.

/// Whether code is small rather than quick: the WebAssembly build is optimized for size, as pages load it.
pub const SMALL: bool = cfg!(target_arch = "wasm32");
