/**
 * What a worker runs: batches of many runs, all in a memory of its own. It knows no rule. Who asks is workers.ts, which
 * has this as a text; it is a file of the package, too.
 */

import { version } from '../ground/package.js'

/** Bytes of a batch: from which one on, and how many. */
export type Stretch = readonly [at: number, bytes: number]

/** With what it begins; it answers with an empty answer, or with why it cannot. */
export interface Beginning {
  readonly module: WebAssembly.Module
  /** Bytes of its memory that are the module's. */
  readonly reserved: number
}

/** A batch, and what is told of it. */
export interface New {
  readonly bytes: number
  /** How many runs of each cohort live; of those that others have, none. */
  readonly counts: Stretch
  /** What is read after each call beside these, and what once none of its runs lives. */
  readonly read: readonly Stretch[]
  readonly results: readonly Stretch[]
}

/** A call. */
export interface Task {
  readonly batch: number
  /** With the first one. */
  readonly about?: New
  readonly written: readonly Stretch[]
  /** What is written, end to end; what is read comes back in it, if there is room. */
  readonly buffer: ArrayBuffer
}

/** That a batch is not gone on with. */
export interface Forgotten {
  readonly forgotten: number
}

export interface Answer {
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
interface Held extends New {
  readonly batch: number
  readonly at: number
}

const PAGE = 65536

let begun: Beginning
let memory: WebAssembly.Memory
/** Those of an instance, unless it has lost its place on its own stack in a call that has not returned. */
let exports: Exports | undefined
/** In the order of their addresses. */
const held: Held[] = []

const answer = (of: Partial<Answer>) => {
  const whole: Answer = { buffer: new ArrayBuffer(0), isOver: false, isDone: true, ...of }
  postMessage(whole, { transfer: [whole.buffer] })
}

const begin = () => {
  const { module, reserved } = begun
  const [{ module: name }] = WebAssembly.Module.imports(module)
  // A module takes what it does not initialise for zeros.
  new Uint8Array(memory.buffer, 0, reserved).fill(0)
  return new WebAssembly.Instance(module, { [name]: { memory } }).exports as unknown as Exports
}

/** Puts a batch into the first gap that is large enough. */
function hold(batch: number, about: New): Held {
  let at = begun.reserved
  let k = 0
  for (; k < held.length && held[k].at - at < about.bytes; k++) at = held[k].at + held[k].bytes
  const more = at + about.bytes - memory.buffer.byteLength
  if (more > 0) memory.grow(Math.ceil(more / PAGE))
  const one = { ...about, batch, at }
  held.splice(k, 0, one)
  return one
}

function forget(batch: number): void {
  const k = held.findIndex((one) => one.batch === batch)
  if (k >= 0) held.splice(k, 1)
}

function run({ batch, about, written, buffer }: Task): void {
  let one: Held
  try {
    one = about ? hold(batch, about) : (held.find((one) => one.batch === batch) as Held)
  } catch (thrown) {
    answer({ failed: String(thrown), isFull: true })
    return
  }
  const bytes = new Uint8Array(memory.buffer, one.at, one.bytes)
  let place = 0
  for (const [at, length] of written) {
    bytes.set(new Uint8Array(buffer, place, length), at)
    place += length
  }
  const taken = exports ?? begin()
  exports = undefined
  const isDone = taken.advance(one.at, one.bytes) !== 0
  exports = taken
  const [at, length] = one.counts
  const isOver = new Uint32Array(memory.buffer, one.at + at, length / 4).every((count) => count === 0)
  const stretches = [one.counts, ...one.read, ...(isOver ? one.results : [])]
  const all = stretches.reduce((sum, [, length]) => sum + length, 0)
  const to = new Uint8Array(all > buffer.byteLength ? new ArrayBuffer(all) : buffer)
  place = 0
  for (const [at, length] of stretches) {
    to.set(bytes.subarray(at, at + length), place)
    place += length
  }
  answer({ buffer: to.buffer, isOver, isDone })
  if (isOver || !isDone) forget(batch)
}

globalThis.onmessage = ({ data }: MessageEvent<Beginning | Task | Forgotten>) => {
  try {
    if ('module' in data) {
      begun = data
      memory = new WebAssembly.Memory({ initial: begun.reserved / PAGE, maximum: 65536 })
      exports = begin()
      answer({})
    } else if ('forgotten' in data) forget(data.forgotten)
    else run(data)
  } catch (thrown) {
    if ('batch' in data) forget(data.batch)
    answer({ failed: thrown instanceof Error ? thrown.message : String(thrown) })
  }
}
globalThis.onmessageerror = () => answer({ failed: 'the module does not arrive' })
// By which it is known to be ours.
postMessage(version)
