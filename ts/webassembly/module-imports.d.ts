/** Bundlers for Cloudflare's workerd import a file with this suffix as a compiled module. */
declare module '*.wasm?module' {
  const compiled: WebAssembly.Module
  export default compiled
}
