/** Modules that are packed: as LZMA, and then in base64, of which gzip makes what was packed. */

import { decodeModule } from './module.js'
import { wasmModule as unpacker } from './unpack.js'

const PAGE = 65536

/** @throws Error where WebAssembly does not run, or has no memory left */
export function unpack(text: string): ArrayBuffer {
  const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  // Behind a byte and the dictionary's size.
  const size = new DataView(packed.buffer).getUint32(5, true)
  // The first page is the unpacker's.
  const to = PAGE + packed.length
  const pages = Math.ceil((to + size) / PAGE)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
  const bytes = new Uint8Array(memory.buffer)
  bytes.set(packed, PAGE)
  // As wasm-bindgen names it.
  const imports = { './antigrad_unpack_bg.js': { memory } }
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(decodeModule(unpacker)), imports)
  const unpack = exports.unpack as (packed: number, to: number, size: number) => void
  unpack(PAGE, to, size)
  return memory.buffer.slice(to, to + size)
}
