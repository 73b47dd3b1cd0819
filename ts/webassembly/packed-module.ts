/**
 * Packed modules, which are LZMA data in base64. Gzip compresses the base64 text to about the size of the LZMA data.
 */

import { decodeModule } from './module.js'
import { wasmModule as unpacker } from './unpack.js'

const PAGE = 65536

/**
 * @throws Error if WebAssembly cannot run, or if memory is exhausted
 */
export function unpack(text: string): ArrayBuffer {
  const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  // In the LZMA header, the size comes after a byte and the dictionary size.
  const size = new DataView(packed.buffer).getUint32(5, true)
  // The first page of the memory belongs to the unpacker.
  const to = PAGE + packed.length
  const pages = Math.ceil((to + size) / PAGE)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
  const bytes = new Uint8Array(memory.buffer)
  bytes.set(packed, PAGE)
  // The import name that wasm-bindgen generates.
  const imports = { './antigrad_unpack_bg.js': { memory } }
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(decodeModule(unpacker)), imports)
  const unpack = exports.unpack as (packed: number, to: number, size: number) => void
  unpack(PAGE, to, size)
  return memory.buffer.slice(to, to + size)
}
