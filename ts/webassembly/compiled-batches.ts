/**
 * The module for many runs and fits, compiled by the host. The condition `workerd` in package.json selects this file.
 */

import compiled from './many.wasm?module'
import type { WasmModule } from './module.js'

export const wasmModule: WasmModule = { text: '', compiled }
