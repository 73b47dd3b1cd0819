/**
 * What a worker runs: batches of many runs, all in a memory of its own. It knows no rule. Who asks is workers.ts, which
 * has this as a text; it is a file of the package, too.
 */

import { version } from '../../core/package.js'

/** Bytes of a batch: from which one on, and how many. */
export type ByteRange = readonly [at: number, bytes: number]

/** With what it begins; it answers with an empty answer, or with why it cannot. */
export interface BatchWorkerInit {
  readonly module: WebAssembly.Module
  /** Bytes of its memory that are the module's. */
  readonly reserved: number
}

/** A batch, and what is told of it. */
export interface NewBatch {
  readonly bytes: number
  /** How many runs of each cohort live; of those that others have, none. */
  readonly counts: ByteRange
  /** What is read after each call beside these, and what once none of its runs lives. */
  readonly read: readonly ByteRange[]
  readonly results: readonly ByteRange[]
}

/** A call. */
export interface Task {
  readonly batch: number
  /** With the first one. */
  readonly about?: NewBatch
  readonly written: readonly ByteRange[]
  /** What is written, end to end; what is read comes back in it, if there is room. */
  readonly buffer: ArrayBuffer
}

/** That a batch is not gone on with. */
export interface ReleaseBatch {
  readonly released: number
}

export interface WorkerReply {
  /** How many live, what was to be read, and the results if none of the runs lives: end to end. */
  readonly buffer: ArrayBuffer
  readonly isOver: boolean
  /** Whether the batch was one. */
  readonly isDone: boolean
  /** Why there is none. */
  readonly failed?: string
  /** Whether that is for want of memory. */
  readonly isFull?: boolean
}

interface Exports {
  advance(address: number, bytes: number): number
}

/** A batch where it lies. */
interface StoredBatch extends NewBatch {
  readonly batch: number
  readonly address: number
}

const PAGE_BYTES = 65536

let begun: BatchWorkerInit
let memory: WebAssembly.Memory
/** Those of an instance, unless it has lost its place on its own stack in a call that has not returned. */
let exports: Exports | undefined
/** In the order of their addresses. */
const residentBatches: StoredBatch[] = []

const handleMessage = (reply: Partial<WorkerReply>) => {
  const whole: WorkerReply = { buffer: new ArrayBuffer(0), isOver: false, isDone: true, ...reply }
  postMessage(whole, { transfer: [whole.buffer] })
}

const instantiate = () => {
  const { module, reserved } = begun
  const [{ module: name }] = WebAssembly.Module.imports(module)
  // A module takes what it does not initialize for zeros.
  new Uint8Array(memory.buffer, 0, reserved).fill(0)
  return new WebAssembly.Instance(module, { [name]: { memory } }).exports as unknown as Exports
}

/** Puts a batch into the first gap that is large enough. */
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
// By which it is known to be ours.
postMessage(version)
