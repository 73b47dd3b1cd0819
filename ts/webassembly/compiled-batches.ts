/** The module of many runs and of fits, compiled by the host: the condition `workerd` of package.json selects it. */

import compiled from './many.wasm?module'
import type { WasmModule } from './module.js'

export const wasmModule: WasmModule = { text: '', compiled }
