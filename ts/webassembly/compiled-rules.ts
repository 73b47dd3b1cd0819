/** The module with all kernels, compiled by the host. The condition `workerd` in package.json selects this file. */

import compiled from './equations.wasm?module'
import { registerModule, type WasmModule } from './module.js'

export const wasmModule: WasmModule = {
  text: '',
  compiled,
  get most() {
    return this
  },
}

// Rules register modules that this host cannot compile. This module is therefore never replaced.
registerModule(wasmModule)
