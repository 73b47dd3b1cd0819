/**
 * Code of a worker, which advances batches of many runs in its own memory. The worker contains no update rules.
 * workers.ts sends messages to the worker, and contains the worker's code as a string. The package also contains this
 * code as a file.
 */

import { version } from '../../core/package.js'

/** A range of bytes in a batch: offset and length. */
export type ByteRange = readonly [at: number, bytes: number]

/** The first message to a worker. The reply is empty, or contains the reason of a failure. */
export interface BatchWorkerInit {
  readonly module: WebAssembly.Module
  /** Number of bytes at the start of the worker's memory that the WebAssembly module itself uses. */
  readonly reserved: number
}

/** A new batch and its layout. */
export interface NewBatch {
  readonly bytes: number
  /** Count of running runs in each cohort; 0 for the cohorts of other workers. */
  readonly counts: ByteRange
  /** Byte ranges that are read after each call, and byte ranges that are read after all runs have ended. */
  readonly read: readonly ByteRange[]
  readonly results: readonly ByteRange[]
}

/** A request to advance a batch. */
export interface Task {
  readonly batch: number
  /** Layout of the batch, sent with its first task. */
  readonly about?: NewBatch
  readonly written: readonly ByteRange[]
  /**
   * The bytes of all written ranges, concatenated. The reply reuses the buffer of the request if the buffer is large
   * enough.
   */
  readonly buffer: ArrayBuffer
}

/** A message to the worker that a batch is no longer needed. */
export interface ReleaseBatch {
  readonly released: number
}

export interface WorkerReply {
  /**
   * The counts of running runs, followed by the ranges to read. After all runs have ended, the results follow.
   */
  readonly buffer: ArrayBuffer
  readonly isOver: boolean
  /** Whether the engine accepted the batch as valid. */
  readonly isDone: boolean
  /** Reason of a failure. */
  readonly failed?: string
  /** Whether the failure is a lack of memory. */
  readonly isFull?: boolean
}

interface Exports {
  advance(address: number, bytes: number): number
}

/** A batch in the worker's memory. */
interface StoredBatch extends NewBatch {
  readonly batch: number
  readonly address: number
}

const PAGE_BYTES = 65536

let begun: BatchWorkerInit
let memory: WebAssembly.Memory
/**
 * Exports of the WebAssembly instance; undefined after a call that did not return, because the stack pointer is then
 * invalid.
 */
let exports: Exports | undefined
/** Batches in the order of their addresses. */
const residentBatches: StoredBatch[] = []

const handleMessage = (reply: Partial<WorkerReply>) => {
  const whole: WorkerReply = { buffer: new ArrayBuffer(0), isOver: false, isDone: true, ...reply }
  postMessage(whole, { transfer: [whole.buffer] })
}

const instantiate = () => {
  const { module, reserved } = begun
  const [{ module: name }] = WebAssembly.Module.imports(module)
  // The module expects zeros in uninitialized memory.
  new Uint8Array(memory.buffer, 0, reserved).fill(0)
  return new WebAssembly.Instance(module, { [name]: { memory } }).exports as unknown as Exports
}

/** Places a batch in the first gap of the memory that is large enough. */
function holdBatch(batch: number, about: NewBatch): StoredBatch {
  let address = begun.reserved
  let k = 0
  for (; k < residentBatches.length && residentBatches[k].address - address < about.bytes; k++)
    address = residentBatches[k].address + residentBatches[k].bytes
  const more = address + about.bytes - memory.buffer.byteLength
  if (more > 0) memory.grow(Math.ceil(more / PAGE_BYTES))
  const one = { ...about, batch, address }
  residentBatches.splice(k, 0, one)
  return one
}

function releaseBatch(batch: number): void {
  const k = residentBatches.findIndex((one) => one.batch === batch)
  if (k >= 0) residentBatches.splice(k, 1)
}

function runTask({ batch, about, written, buffer }: Task): void {
  let one: StoredBatch
  try {
    one = about
      ? holdBatch(batch, about)
      : (residentBatches.find((one) => one.batch === batch) as StoredBatch)
  } catch (thrown) {
    handleMessage({ failed: String(thrown), isFull: true })
    return
  }
  const bytes = new Uint8Array(memory.buffer, one.address, one.bytes)
  let place = 0
  for (const [at, length] of written) {
    bytes.set(new Uint8Array(buffer, place, length), at)
    place += length
  }
  const taken = exports ?? instantiate()
  exports = undefined
  const isDone = taken.advance(one.address, one.bytes) !== 0
  exports = taken
  const [at, length] = one.counts
  const isOver = new Uint32Array(memory.buffer, one.address + at, length / 4).every((count) => count === 0)
  const stretches = [one.counts, ...one.read, ...(isOver ? one.results : [])]
  const all = stretches.reduce((sum, [, length]) => sum + length, 0)
  const to = new Uint8Array(all > buffer.byteLength ? new ArrayBuffer(all) : buffer)
  place = 0
  for (const [at, length] of stretches) {
    to.set(bytes.subarray(at, at + length), place)
    place += length
  }
  handleMessage({ buffer: to.buffer, isOver, isDone })
  if (isOver || !isDone) releaseBatch(batch)
}

globalThis.onmessage = ({ data }: MessageEvent<BatchWorkerInit | Task | ReleaseBatch>) => {
  try {
    if ('module' in data) {
      begun = data
      memory = new WebAssembly.Memory({ initial: begun.reserved / PAGE_BYTES, maximum: 65536 })
      exports = instantiate()
      handleMessage({})
    } else if ('released' in data) releaseBatch(data.released)
    else runTask(data)
  } catch (thrown) {
    if ('batch' in data) releaseBatch(data.batch)
    handleMessage({ failed: thrown instanceof Error ? thrown.message : String(thrown) })
  }
}
globalThis.onmessageerror = () => handleMessage({ failed: 'the module does not arrive' })
// The version shows that the worker belongs to this version of the package.
postMessage(version)
