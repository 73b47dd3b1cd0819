/**
 * Where arenas live: in a `WebAssembly.Memory` that never grows, so that views stay good for life,
 * and that nobody holds but its arenas, so that the garbage collector frees it.
 *
 * Runtimes allow few live memories (browsers about a hundred), so small arenas share slabs: memories
 * that are filled from the front, never reused and collected with their last tenant. Once many
 * memories are alive, large arenas share larger slabs. Where no memory can be had, an arena is an
 * `ArrayBuffer`.
 */

import { getMessage, MemoryError } from '../core/errors.js'
import { extensions } from '../extensions.js'

/** Bytes at the start of each memory that belong to the module: 32 KiB of stack, see .cargo/config.toml, and data. */
export const RESERVED_BYTES = 65536
const PAGE = 65536
const FIRST_SLAB_BYTES = 1 << 16
/** The largest slab, a quarter of which is an arena that has a memory of its own. */
const MAX_SLAB_BYTES = 1 << 22
/** From this many live memories on, slabs grow to 16 times the size. */
const MIN_MANY_MEMORIES = 32
const MAX_SLAB_BYTES_WITH_MANY = 1 << 26
/** What 32-bit addresses can reach, less a page. */
const MAX_MEMORY_BYTES = 65535 * PAGE
const ALIGNMENT = 64
export const NO_WEBASSEMBLY = 'there is no WebAssembly here'
/** What the arena's header can count. */
const MAX_PLANE_LENGTH = 0xffffffff

/** A stretch of a buffer that is an arena's alone. */
export interface Region {
  readonly buffer: ArrayBuffer
  readonly byteOffset: number
  readonly byteLength: number
  /** The memory that the buffer belongs to; null for a plain `ArrayBuffer`. */
  readonly memory: WebAssembly.Memory | null
  /** Why it is a plain `ArrayBuffer`; null if it is not. */
  readonly reason: string | null
}

/** Bytes from which on an arena's memory is to have huge pages: two of these. */
const MIN_HUGE_PAGE_BYTES = 1 << 22

/** How many memories are alive, as far as the garbage collector has told. */
let memories = 0
const collected = new FinalizationRegistry(() => memories--)

/** The slab that is being filled. Full ones are held by their tenants alone. */
let slab = { memory: null as WebAssembly.Memory | null, next: 0, end: 0, size: FIRST_SLAB_BYTES / 2 }

/**
 * A zeroed region, aligned to 64 bytes within its buffer.
 *
 * @throws MemoryError where the runtime can hold it in neither way
 */
export function allocate(byteLength: number, planeLength: number): Region {
  if (planeLength > MAX_PLANE_LENGTH)
    throw new MemoryError(byteLength, `more than ${MAX_PLANE_LENGTH} parameters`)
  const rounded = Math.ceil(byteLength / ALIGNMENT) * ALIGNMENT
  try {
    if (!hasWebAssembly()) throw new Error(NO_WEBASSEMBLY)
    if (RESERVED_BYTES + rounded > MAX_MEMORY_BYTES) throw new Error('a WebAssembly memory ends at 4 GiB')
    const largest = memories < MIN_MANY_MEMORIES ? MAX_SLAB_BYTES : MAX_SLAB_BYTES_WITH_MANY
    if (rounded >= largest / 4) {
      const memory = fixedMemory(RESERVED_BYTES + rounded)
      if (rounded >= MIN_HUGE_PAGE_BYTES) extensions.adviseMemory?.(memory)
      return makeRegion(memory, RESERVED_BYTES, byteLength)
    }
    if (slab.memory === null || slab.next + rounded > slab.end) {
      let size = Math.min(2 * slab.size, largest)
      while (size < rounded) size *= 2
      slab = {
        memory: fixedMemory(RESERVED_BYTES + size),
        next: RESERVED_BYTES,
        end: RESERVED_BYTES + size,
        size,
      }
    }
    const byteOffset = slab.next
    slab.next += rounded
    return makeRegion(slab.memory as WebAssembly.Memory, byteOffset, byteLength)
  } catch (thrown) {
    const reason = getMessage(thrown)
    try {
      return allocateBuffer(byteLength, reason)
    } catch (thrownToo) {
      throw new MemoryError(byteLength, `${reason}; ${getMessage(thrownToo)}`)
    }
  }
}

/**
 * A zeroed region in a memory that nobody else has; see {@link allocate}. It is an `ArrayBuffer` only where there is no
 * WebAssembly: the engines that want a memory do not begin there.
 *
 * @throws MemoryError where there is none
 */
export function allocateAlone(byteLength: number): Region {
  const hasMemories = hasWebAssembly()
  if (hasMemories && RESERVED_BYTES + byteLength > MAX_MEMORY_BYTES) {
    throw new MemoryError(byteLength, 'a WebAssembly memory ends at 4 GiB')
  }
  try {
    if (!hasMemories) return allocateBuffer(byteLength, NO_WEBASSEMBLY)
    const memory = fixedMemory(RESERVED_BYTES + byteLength)
    if (byteLength >= MIN_HUGE_PAGE_BYTES) extensions.adviseMemory?.(memory)
    return makeRegion(memory, RESERVED_BYTES, byteLength)
  } catch (thrown) {
    throw new MemoryError(byteLength, getMessage(thrown))
  }
}

/** Not in `node --jitless`, for example. */
export const hasWebAssembly = () => typeof WebAssembly !== 'undefined'

function allocateBuffer(byteLength: number, reason: string): Region {
  return { buffer: new ArrayBuffer(byteLength), byteOffset: 0, byteLength, memory: null, reason }
}

function makeRegion(memory: WebAssembly.Memory, byteOffset: number, byteLength: number): Region {
  return { buffer: memory.buffer as ArrayBuffer, byteOffset, byteLength, memory, reason: null }
}

function fixedMemory(bytes: number): WebAssembly.Memory & { readonly buffer: ArrayBuffer } {
  const pages = Math.ceil(bytes / PAGE)
  // What somebody has put on every object is not asked.
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: false })
  memories++
  // Views outlive the memory's own object.
  collected.register(memory.buffer, undefined)
  return memory as WebAssembly.Memory & { readonly buffer: ArrayBuffer }
}
