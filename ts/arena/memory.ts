/**
 * Allocation of the memory of arenas. An arena is part of a `WebAssembly.Memory` that never grows, so that views stay
 * valid. Only arenas refer to the memory, so that the garbage collector can free the memory.
 *
 * Runtimes limit the number of memories (browsers to about a hundred), so small arenas share memories, which are called
 * slabs. A slab is filled from the front, and its parts are never reused. The garbage collector frees a slab after the
 * last arena of the slab. If there are already many memories, large arenas share larger slabs. If no WebAssembly memory
 * is available, an arena is an `ArrayBuffer`.
 */

import { getMessage, MemoryError } from '../core/errors.js'
import { extensions } from '../extensions.js'

/**
 * Number of bytes at the start of each memory that the WebAssembly module uses: 32 KiB of stack (see
 * .cargo/config.toml), followed by data.
 */
export const RESERVED_BYTES = 65536
const PAGE = 65536
const FIRST_SLAB_BYTES = 1 << 16
/** The maximum size of a slab, in bytes. An arena of at least a quarter of this size gets a separate memory. */
const MAX_SLAB_BYTES = 1 << 22
/** The number of memories above which slabs are 16 times larger. */
const MIN_MANY_MEMORIES = 32
const MAX_SLAB_BYTES_WITH_MANY = 1 << 26
/** The size of the 32-bit address space, minus one page of memory. */
const MAX_MEMORY_BYTES = 65535 * PAGE
const ALIGNMENT = 64
export const NO_WEBASSEMBLY = 'there is no WebAssembly here'
/** The largest plane length that the arena's header can store. */
const MAX_PLANE_LENGTH = 0xffffffff

/** The part of a buffer that belongs to one arena. */
export interface Region {
  readonly buffer: ArrayBuffer
  readonly byteOffset: number
  readonly byteLength: number
  /** The WebAssembly memory to which the buffer belongs; null for a plain `ArrayBuffer`. */
  readonly memory: WebAssembly.Memory | null
  /** The reason why the buffer is a plain `ArrayBuffer`; null for a WebAssembly memory. */
  readonly reason: string | null
}

/** The minimum size in bytes for which huge pages are requested: two huge pages. */
const MIN_HUGE_PAGE_BYTES = 1 << 22

/** The number of memories that the garbage collector has not yet reported as freed. */
let memories = 0
const collected = new FinalizationRegistry(() => memories--)

/** The slab from which small arenas are allocated. When a slab is full, only its arenas refer to the slab. */
let slab = { memory: null as WebAssembly.Memory | null, next: 0, end: 0, size: FIRST_SLAB_BYTES / 2 }

/**
 * Allocates a region of zeros, aligned to 64 bytes within its buffer.
 *
 * @throws MemoryError if neither a WebAssembly memory nor an ArrayBuffer can be allocated
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
 * Allocates a region of zeros in a separate memory; see {@link allocate}. The region is an `ArrayBuffer` only if
 * WebAssembly is missing, because then no engine needs a WebAssembly memory.
 *
 * @throws MemoryError if the memory cannot be allocated
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

/** `WebAssembly` is undefined, for example in `node --jitless`. */
export const hasWebAssembly = () => typeof WebAssembly !== 'undefined'

function allocateBuffer(byteLength: number, reason: string): Region {
  return { buffer: new ArrayBuffer(byteLength), byteOffset: 0, byteLength, memory: null, reason }
}

function makeRegion(memory: WebAssembly.Memory, byteOffset: number, byteLength: number): Region {
  return { buffer: memory.buffer as ArrayBuffer, byteOffset, byteLength, memory, reason: null }
}

function fixedMemory(bytes: number): WebAssembly.Memory & { readonly buffer: ArrayBuffer } {
  const pages = Math.ceil(bytes / PAGE)
  // All options are set explicitly, so that no option is read from Object.prototype.
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: false })
  memories++
  // The buffer is registered instead of the memory object, because views can outlive the memory object.
  collected.register(memory.buffer, undefined)
  return memory as WebAssembly.Memory & { readonly buffer: ArrayBuffer }
}
