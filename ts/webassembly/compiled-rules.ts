/** The module with all kernels, compiled by the host: the condition `workerd` of package.json selects it. */

import compiled from './equations.wasm?module'
import { registerModule, type WasmModule } from './module.js'

export const wasmModule: WasmModule = {
  text: '',
  compiled,
  get most() {
    return this
  },
}

// Rules register modules that this host cannot compile. This one is never replaced.
registerModule(wasmModule)
