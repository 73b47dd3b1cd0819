/**
 * One optimizer's memory: a header, the tensors, the segments of a step, and then planes: the
 * parameters, their gradients and each array of state, one behind the other.
 * crates/kernels/src/arena.rs has the same layout and describes its fields.
 */

import { TensorError } from './errors.js'
import { allocate, type Region } from './memory.js'
import type { FloatArray } from './rules/rule.js'

export type Dtype = 'float32' | 'float64'

/** Smaller numbers have fewer bits: they are subnormal. 2⁻¹²⁶ and 2⁻¹⁰²². */
export const smallestNormal: Readonly<Record<Dtype, number>> = {
  float32: 1.1754943508222875e-38,
  float64: 2.2250738585072014e-308,
}

/** What arena.rs must have as well; see there. */
const LAYOUT = 2
/** Sizes in float64; a whole number takes half of one. */
const HEADER = 5
const TENSOR = 2
const COEFFICIENTS = 10
const SEGMENT = 5 + COEFFICIENTS
const HOLDS = 1
const SETTLES = 2
const LINE = 64
const DETACHED = 'a detached one: its buffer was transferred'
/** Addresses that agree modulo this look alike to a processor's load and store units. */
const PERIOD = 4096

/** A norm adds up the sums of the squares of blocks of so many elements, as reduce.rs does. */
export const SQUARES_BLOCK = 1 << 14

/** A part of each plane, in elements. */
export interface Stretch {
  readonly offset: number
  readonly length: number
}

export class Arena {
  readonly region: Region
  readonly dtype: Dtype
  readonly tensorCount: number
  readonly planeCount: number
  /** Numbers in a plane, padding included. */
  readonly planeLength: number
  /** Where the first plane begins, and the distance of planes, in bytes. */
  readonly firstPlane: number
  readonly planeDistance: number
  /** All that is before the planes, as float64 and as 32-bit whole numbers. */
  readonly floats: Float64Array<ArrayBuffer>
  readonly #integers: Uint32Array<ArrayBuffer>
  readonly #offsets: Uint32Array
  readonly #lengths: readonly number[]
  readonly #firstSegment: number

  /** An arena for tensors of these lengths with `stateCount` arrays of state, all zero. */
  constructor(dtype: Dtype, lengths: readonly number[], stateCount: number) {
    const size = dtype === 'float32' ? 4 : 8
    const offsets = new Uint32Array(lengths.length)
    let planeLength = 0
    lengths.forEach((length, i) => {
      offsets[i] = planeLength
      planeLength += roundUp(length, LINE / size)
    })
    this.dtype = dtype
    this.tensorCount = lengths.length
    this.planeCount = 2 + stateCount
    this.planeLength = planeLength
    this.#offsets = offsets
    this.#lengths = lengths
    this.#firstSegment = HEADER + lengths.length * TENSOR
    const tables = this.#firstSegment + lengths.length * SEGMENT
    this.firstPlane = roundUp(tables * 8, LINE)
    this.planeDistance = staggered(planeLength * size, this.planeCount)
    const bytes = this.firstPlane + (this.planeCount - 1) * this.planeDistance + planeLength * size
    this.region = allocate(bytes, planeLength)
    const { buffer, byteOffset } = this.region
    this.floats = new Float64Array(buffer, byteOffset, tables)
    this.#integers = new Uint32Array(buffer, byteOffset, tables * 2)
    const planes = [this.firstPlane / LINE, this.planeDistance / LINE, planeLength, this.planeCount]
    this.#integers.set([LAYOUT, 0, size, ...planes, lengths.length])
    lengths.forEach((length, i) => {
      this.setTensor(i, { offset: offsets[i], length })
    })
  }

  /** Whether it was an `ArrayBuffer` and somebody has transferred it. */
  get isDetached(): boolean {
    return this.floats.length === 0
  }

  /** @throws TensorError where it is detached */
  checkAttached(): void {
    if (this.isDetached) throw this.broken()
  }

  /** Why an engine did not do what it was asked to: somebody has transferred the arena, or written to it. */
  broken(): TensorError {
    if (this.isDetached) return new TensorError('optimizer', 'an arena with its memory', DETACHED)
    return new TensorError('optimizer', 'an arena as the library has written it', 'an overwritten one')
  }

  /** A whole plane, padding included: 0 parameters, 1 gradients, then the state. */
  plane(number: number): FloatArray {
    return this.#view(number, 0, this.planeLength)
  }

  /** A tensor's part of a plane. */
  view(plane: number, tensor: number): FloatArray {
    return this.#view(plane, this.#offsets[tensor], this.#lengths[tensor])
  }

  get segmentCount(): number {
    return this.#integers[8]
  }

  set segmentCount(count: number) {
    this.#integers[8] = count
  }

  get zeroesGradients(): boolean {
    return this.#integers[9] !== 0
  }

  set zeroesGradients(zeroes: boolean) {
    this.#integers[9] = zeroes ? 1 : 0
  }

  /** Segment `number`, which there may be as many of as tensors. */
  segment(number: number): Segment {
    const at = this.#firstSegment + number * SEGMENT
    return new Segment(this.floats.subarray(at, at + SEGMENT), this.#integers.subarray(2 * at, 2 * at + 4))
  }

  /** Makes segment `number` of the tensors from `first` to `last`. */
  setSegment(number: number, first: number, last: number): void {
    const at = 2 * (this.#firstSegment + number * SEGMENT)
    this.#integers[at] = this.#offsets[first]
    this.#integers[at + 1] = this.#offsets[last] + this.#lengths[last] - this.#offsets[first]
  }

  /** Where tensor `number` lies in each plane. */
  tensor(number: number): Stretch {
    return { offset: this.#offsets[number], length: this.#lengths[number] }
  }

  /** The same as it is in the table, which slices change. */
  inTable(number: number): Stretch {
    const at = 2 * (HEADER + number * TENSOR)
    return { offset: this.#integers[at], length: this.#integers[at + 1] }
  }

  /**
   * Anybody can write to the tables: they must be as arena.rs wants them before they are gone by.
   *
   * @throws TensorError where they are not
   */
  checkSegments(): void {
    if (this.segmentCount > this.tensorCount) throw this.broken()
    this.#checkStretches(this.#firstSegment, SEGMENT, this.segmentCount)
  }

  /** The same for the table of tensors. */
  checkTensors(): void {
    this.#checkStretches(HEADER, TENSOR, this.tensorCount)
  }

  #checkStretches(first: number, size: number, count: number): void {
    let end = 0
    for (let number = 0; number < count; number++) {
      const at = 2 * (first + number * size)
      const offset = this.#integers[at]
      const length = this.#integers[at + 1]
      if (length === 0) continue
      if (offset < end || offset + length > this.planeLength) throw this.broken()
      end = offset + length
    }
  }

  setTensor(number: number, { offset, length }: Stretch): void {
    const at = 2 * (HEADER + number * TENSOR)
    this.#integers[at] = offset
    this.#integers[at + 1] = length
  }

  /** The sum of squares of a tensor's gradient, after an engine has written it. */
  sumOfSquares(tensor: number): number {
    return this.floats[HEADER + tensor * TENSOR + 1]
  }

  setSumOfSquares(tensor: number, sum: number): void {
    this.floats[HEADER + tensor * TENSOR + 1] = sum
  }

  #view(plane: number, offset: number, length: number): FloatArray {
    const Typed = this.dtype === 'float32' ? Float32Array : Float64Array
    const first = this.region.byteOffset + this.firstPlane + plane * this.planeDistance
    return new Typed(this.region.buffer, first + offset * Typed.BYTES_PER_ELEMENT, length)
  }
}

/** A stretch of the planes that is updated with one row of coefficients. */
export class Segment {
  readonly #floats: Float64Array
  readonly #integers: Uint32Array
  /** The kernel's coefficients. */
  readonly row: Float64Array

  constructor(floats: Float64Array, integers: Uint32Array) {
    this.#floats = floats
    this.#integers = integers
    this.row = floats.subarray(5)
  }

  get offset(): number {
    return this.#integers[0]
  }

  get length(): number {
    return this.#integers[1]
  }

  /** Whether state is collected, but the parameters stay. */
  get holds(): boolean {
    return (this.#integers[2] & HOLDS) !== 0
  }

  /** Whether afterwards subnormal numbers of the state become +0. */
  get settles(): boolean {
    return (this.#integers[2] & SETTLES) !== 0
  }

  /** The gradient's factor. */
  get scale(): number {
    return this.#floats[2]
  }

  /** The largest absolute value of a scaled gradient. */
  get limit(): number {
    return this.#floats[3]
  }

  /** λ of λ·θ, which is added to the gradient. */
  get l2(): number {
    return this.#floats[4]
  }

  /** The same values, away from the arena. */
  copy(): Segment {
    return new Segment(this.#floats.slice(), this.#integers.slice())
  }

  /** Takes over `whole`, but only `length` of its elements from `first` on. */
  paste(whole: Segment, first: number, length: number): void {
    this.#floats.set(whole.#floats)
    this.#integers.set(whole.#integers)
    this.#integers[0] += first
    this.#integers[1] = length
  }

  /** Sets what happens around the rule. */
  prepare(holds: boolean, settles: boolean, scale: number, limit: number, l2: number): void {
    this.#integers[2] = (holds ? HOLDS : 0) | (settles ? SETTLES : 0)
    this.#floats[2] = scale
    this.#floats[3] = limit
    this.#floats[4] = l2
  }
}

const roundUp = (x: number, multiple: number): number => Math.ceil(x / multiple) * multiple

/** The distance of planes: those of more than a period are spread evenly over it. */
function staggered(bytes: number, planes: number): number {
  if (bytes * planes <= PERIOD) return bytes
  const stagger = roundUp(PERIOD / planes, LINE)
  return bytes + ((stagger - (bytes % PERIOD) + PERIOD) % PERIOD)
}
