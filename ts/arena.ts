/**
 * One optimizer's memory: a header, the tensors, the segments of a step, and then planes: the
 * parameters, their gradients and each array of state, one behind the other.
 * crates/kernels/src/arena.rs has the same layout and describes it.
 */

import { allocate, type Region } from './memory.js'
import type { FloatArray } from './rules/rule.js'

const HEADER = 8
const TENSOR = 3
const COEFFICIENTS = 10
const SEGMENT = 6 + COEFFICIENTS
const ALIGNMENT = 64

const roundUp = (x: number, multiple: number): number => Math.ceil(x / multiple) * multiple

/** The longest stagger that is worth its memory: planes below this size do not collide. */
const PERIOD = 4096

export class Arena {
  readonly region: Region
  /** The float64 before the planes. */
  readonly control: Float64Array<ArrayBuffer>
  readonly tensorCount: number
  readonly planeCount: number
  /** Numbers in a plane, padding included. */
  readonly planeLength: number
  readonly dtype: 'float32' | 'float64'
  readonly #firstPlane: number
  readonly #distance: number
  readonly #offsets: Float64Array
  readonly #lengths: readonly number[]

  /** An arena for tensors of these lengths with `stateCount` arrays of state, all zero. */
  constructor(dtype: 'float32' | 'float64', lengths: readonly number[], stateCount: number) {
    const size = dtype === 'float32' ? 4 : 8
    const padding = ALIGNMENT / size
    const offsets = new Float64Array(lengths.length)
    let planeLength = 0
    lengths.forEach((length, i) => {
      offsets[i] = planeLength
      planeLength += roundUp(length, padding)
    })
    this.dtype = dtype
    this.tensorCount = lengths.length
    this.planeCount = 2 + stateCount
    this.planeLength = planeLength
    this.#offsets = offsets
    this.#lengths = lengths
    const controlLength = HEADER + lengths.length * (TENSOR + SEGMENT)
    this.#firstPlane = roundUp(controlLength * 8, ALIGNMENT)
    this.#distance = staggered(planeLength * size, this.planeCount)
    const last = this.#firstPlane + (this.planeCount - 1) * this.#distance
    this.region = allocate(last + planeLength * size)
    this.control = new Float64Array(this.region.buffer, this.region.byteOffset, controlLength)
    this.control.set([size, this.#firstPlane, this.#distance, planeLength, this.planeCount, lengths.length])
    lengths.forEach((length, i) => {
      this.control.set([offsets[i] as number, length], HEADER + i * TENSOR)
    })
  }

  /** All bytes of the arena. */
  bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.region.buffer, this.region.byteOffset, this.region.byteLength)
  }

  /** A whole plane, padding included: 0 parameters, 1 gradients, then the state. */
  plane(number: number): FloatArray {
    return this.#view(number, 0, this.planeLength)
  }

  /** A tensor's part of a plane. */
  view(plane: number, tensor: number): FloatArray {
    return this.#view(plane, this.#offsets[tensor] as number, this.#lengths[tensor] as number)
  }

  /** Segment `number`'s place for coefficients, to be written before each step. */
  row(number: number): Float64Array {
    const first = this.#segment(number)
    return this.control.subarray(first + 6, first + SEGMENT)
  }

  /** Makes segment `number` of the tensors from `first` to `last`. */
  setSegment(number: number, first: number, last: number): void {
    const offset = this.#offsets[first] as number
    const end = (this.#offsets[last] as number) + (this.#lengths[last] as number)
    const at = this.#segment(number)
    this.control[at] = offset
    this.control[at + 1] = end - offset
  }

  /** What happens around the rule in segment `number`; see `Segment` in arena.rs. */
  setGradientPath(number: number, hold: boolean, scale: number, limit: number, l2: number): void {
    const at = this.#segment(number)
    const { control } = this
    control[at + 2] = hold ? 1 : 0
    control[at + 3] = scale
    control[at + 4] = limit
    control[at + 5] = l2
  }

  get segmentCount(): number {
    return this.control[6] as number
  }

  set segmentCount(count: number) {
    this.control[6] = count
  }

  get zeroesGradients(): boolean {
    return this.control[7] !== 0
  }

  set zeroesGradients(zeroes: boolean) {
    this.control[7] = zeroes ? 1 : 0
  }

  /** Segment `number` as an engine in TypeScript reads it. */
  segment(number: number): Float64Array {
    const at = this.#segment(number)
    return this.control.subarray(at, at + SEGMENT)
  }

  /** The sum of squares of a tensor's gradient, after an engine has written it. */
  sumOfSquares(tensor: number): number {
    return this.control[HEADER + tensor * TENSOR + 2] as number
  }

  setSumOfSquares(tensor: number, sum: number): void {
    this.control[HEADER + tensor * TENSOR + 2] = sum
  }

  #segment(number: number): number {
    return HEADER + this.tensorCount * TENSOR + number * SEGMENT
  }

  #view(plane: number, offset: number, length: number): FloatArray {
    const Typed = this.dtype === 'float32' ? Float32Array : Float64Array
    const first = this.region.byteOffset + this.#firstPlane + plane * this.#distance
    return new Typed(this.region.buffer, first + offset * Typed.BYTES_PER_ELEMENT, length)
  }
}

/**
 * The distance of planes. Addresses that agree modulo 4096 look alike to a processor's load and
 * store units, so planes of more than a period are spread evenly over it.
 */
function staggered(bytes: number, planes: number): number {
  if (bytes * planes <= PERIOD) return bytes
  const stagger = roundUp(PERIOD / planes, ALIGNMENT)
  return bytes + ((stagger - (bytes % PERIOD) + PERIOD) % PERIOD)
}
