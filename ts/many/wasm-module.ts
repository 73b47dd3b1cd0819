/**
 * The WebAssembly module of many runs. The entry points import this file after all other files and pass the module on,
 * as described in ts/fits/fit/wasm-module.ts.
 */

export { wasmModule } from '#webassembly/many'
