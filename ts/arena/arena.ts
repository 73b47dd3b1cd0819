/**
 * One stretch of memory of an optimizer: tables that describe it, and then arrays. The parameters and
 * their gradients come first, then sums by tensor, and then each family's arrays of state.
 * crates/kernels/src/arena/layout.rs says what each field means, and table.rs beside it reads them.
 */

import { EngineError, TensorError } from '../core/errors.js'
import type { Dtype, FloatArray, Matrix } from '../core/numbers.js'
import * as layout from './layout.js'
import { HASH } from './manifest.js'
import { allocate, type Region } from './memory.js'

// For the engines: in a bundle this file comes before theirs then, where gzip makes 100 bytes less of it.
export { allocate, RESERVED_BYTES, type Region } from './memory.js'

/** Addresses that agree modulo this look alike to a processor's load and store units. */
const ADDRESS_PERIOD = 4096
/** Arrays that every arena has. */
const COMMON_ARRAY_COUNT = layout.ROW_LISTS + 1
/** The most passes that a plan has room for: where there are more, what it saves of each is little beside the rest. */
const MAX_PLANNED_PASSES = 16
/** The most coefficients of stages that are no rule's, the pipeline's aside. */
const MAX_PLANE_COEFFICIENTS = 6

/** Tensors that lie side by side and have the same arrays. */
export interface Family {
  readonly tensors: number
  /** The names of its arrays of state, and of what it has by tensor. */
  readonly state: readonly string[]
  readonly byTensor: readonly string[]
  /** How many of the last arrays of state have numbers by row, and by column; none by default. */
  readonly lines?: number
  /** The most coefficients of its kernels, the pipeline's aside. */
  readonly coefficients: number
}

/** An array's entry in the table. */
interface ArrayEntry {
  readonly extent: number
  readonly byteOffset: number
  readonly first: number
  readonly length: number
  /** Whether it has numbers by row (0) or by column (1). */
  readonly line: number | undefined
}

/** What is no matrix, as one. */
export const NO_MATRIX: Matrix = [0, 0, 0]

export class Arena {
  readonly region: Region
  readonly dtype: Dtype
  /** How many elements each tensor has, and where it lies in the plane. */
  readonly lengths: number[]
  readonly offsets: number[]
  /** What each is as matrices; zeros for those that are none. */
  readonly matrices: Matrix[]
  /** How many rows it has in which it may be centralized or clipped; 0, the default, where it is no matrix. */
  readonly units: number[]
  /** The first tensor that is not there yet, and where it would lie. */
  #next = 0
  #end = 0
  #block = 0
  #list = 0
  /** Where each one's list of rows begins. */
  readonly #lists: number[] = []
  /** Where their own numbers begin in arrays by row, and by column. */
  readonly #lines: (readonly [number, number])[] = []
  /** Elements of a plane, padding included. */
  readonly length: number
  /** For each family the number of its first array. */
  readonly firstArrays: readonly number[]
  /** The tables, as 32-bit words, which nobody else gets; and where an engine reads them that cannot read them here. */
  readonly words: Uint32Array
  readonly #written: Uint32Array
  /** Counts changes of the tables. */
  version = 0
  /** Where there is room for an engine's plan of so many passes. */
  readonly plan: number
  readonly planned: number
  /** Bytes of an element. */
  readonly #size: number
  readonly #arrays: readonly ArrayEntry[]
  readonly #firstTensor: number
  readonly #firstSegment: number
  readonly #firstRow: number
  readonly #rowLength: number
  /** Which engine has failed in the middle of it, and how. */
  #failure: readonly [engine: string, reason: string] | null = null

  /**
   * An arena, all zero, for tensors of these lengths, of which the families come one after the other.
   *
   * @param planes which of the arrays ACCUMULATED, AVERAGE and SLOW it has; none by default
   * @param matrices what tensors are as matrices; null for those that are none
   * @param room how many bytes SCRATCH has
   * @param units how many rows each has; 0 for those that are no matrices
   * @param spare how many lines are left for tensors to come, which have the arrays of the last family
   */
  constructor(
    dtype: Dtype,
    lengths: readonly number[],
    families: readonly Family[],
    planes: readonly number[] = [],
    matrices: readonly (Matrix | null)[] = [],
    room = 0,
    units: readonly number[] = [],
    spare = 0,
  ) {
    const size = dtype === 'float32' ? 4 : 8
    this.dtype = dtype
    this.#size = size
    const count = lengths.length + spare
    const length = lengths.reduce((sum, n) => sum + this.#padded(n), (spare * layout.LINE) / size)
    const blockCount = lengths.reduce((sum, n) => sum + countBlocks(n), spare)
    this.length = length
    const all = Array.from({ length: count })
    // What is not there yet lies behind all else.
    this.offsets = all.map(() => length)
    this.lengths = all.map(() => 0)
    this.matrices = all.map(() => NO_MATRIX)
    this.units = [...this.lengths]
    const names = families.map(({ state, byTensor }) => state.length + byTensor.length)
    const arrayCount = COMMON_ARRAY_COUNT + names.reduce((sum, n) => sum + n, 0)
    this.#firstTensor = layout.HEADER + arrayCount * layout.ARRAY
    this.#firstSegment = this.#firstTensor + count * layout.TENSOR
    this.#firstRow = this.#firstSegment + count * layout.SEGMENT
    const coefficients = families.map(({ coefficients }) => coefficients)
    this.#rowLength = layout.PIPELINE + Math.max(MAX_PLANE_COEFFICIENTS, ...coefficients)
    const rowCount = count + 1
    let end = (this.#firstRow + rowCount * this.#rowLength * 2) * 4

    const mostState = families.reduce((most, { state }) => Math.max(most, state.length), 0)
    const stagger = staggered(length * size, 2 + planes.length + mostState)
    const arrays: ArrayEntry[] = []
    const start = roundUp(end, layout.LINE)
    let plane = 0
    const place = (array: number, extent: number, first: number, elements: number, line?: number) => {
      let byteOffset = roundUp(end, layout.LINE)
      if (extent === layout.ELEMENTS && elements > 0 && stagger > 0) {
        byteOffset += modulo(start + stagger * plane++ - byteOffset, ADDRESS_PERIOD)
      }
      arrays[array] = { extent, byteOffset, first, length: elements, line }
      end = byteOffset + elements * (extent === layout.LISTS ? 4 : elementExtents.includes(extent) ? size : 8)
    }
    for (const array of [layout.PARAMETERS, layout.GRADIENTS]) place(array, layout.ELEMENTS, 0, length)
    for (const array of [layout.SQUARES, layout.PARAMETER_SQUARES, layout.SCALES]) {
      place(array, layout.TENSORS, 0, count)
    }
    place(layout.PARTIALS, layout.BLOCKS, 0, blockCount * layout.PARTS)
    for (let array = layout.ACCUMULATED; array <= layout.SLOW; array++) {
      place(array, layout.ELEMENTS, 0, planes.includes(array) ? length : 0)
    }
    place(layout.SCRATCH, layout.ELEMENTS, 0, roundUp(room, layout.LINE) / size)
    place(
      layout.ROW_LISTS,
      layout.LISTS,
      0,
      units.reduce((sum, n) => sum + listLength(n), spare * SPARE_LIST),
    )
    const firstArrays: number[] = []
    this.words = new Uint32Array(this.#firstRow)
    const { words } = this
    for (const { tensors, state, byTensor, lines: byLine = 0 } of families) {
      firstArrays.push(arrays.length)
      const totals: [number, number] = [0, 0]
      const first = this.#end
      for (let k = 0; k < tensors; k++) {
        const i = this.#next
        this.#lines.push([...totals])
        this.add(lengths[i], matrices[i] ?? NO_MATRIX, units[i] ?? 0)
        const [rows, columns, count] = this.matrices[i]
        totals[0] += rows * count
        totals[1] += columns * count
      }
      const last = this.#next < lengths.length ? this.#end : length
      for (let k = byLine; k < state.length; k++) place(arrays.length, layout.ELEMENTS, first, last - first)
      for (let line = 0; line < byLine; line++) place(arrays.length, layout.BY_LINE, 0, totals[line], line)
      for (const _ of byTensor) place(arrays.length, layout.TENSORS, 0, count)
    }

    this.planned = Math.min(count, MAX_PLANNED_PASSES)
    this.plan = roundUp(end, layout.LINE)
    end = this.plan + (layout.PLAN + this.planned * layout.PLANNED) * 4

    this.firstArrays = firstArrays
    this.#arrays = arrays
    this.region = allocate(roundUp(end, layout.LINE), length)
    this.#written = new Uint32Array(this.region.buffer, this.region.byteOffset, this.#firstRow)
    words[layout.HEADER_HASH] = HASH
    words[layout.HEADER_ELEMENT_SIZE] = size
    words[layout.HEADER_ARRAYS] = arrayCount
    words[layout.HEADER_TENSORS] = count
    words[layout.HEADER_ROWS] = rowCount
    words[layout.HEADER_ROW_LENGTH] = this.#rowLength
    words[layout.HEADER_LENGTH] = length
    words[layout.HEADER_BLOCKS] = blockCount
    arrays.forEach(({ extent, byteOffset, first, length }, k) => {
      const at = layout.HEADER + k * layout.ARRAY
      words[at + layout.ARRAY_EXTENT] = extent
      words[at + layout.ARRAY_POSITION] = byteOffset / layout.LINE
      words[at + layout.ARRAY_FIRST] = first
      words[at + layout.ARRAY_LENGTH] = length
    })
    for (let i = this.#next; i < count; i++) words[this.tensorAt(i) + layout.TENSOR_OFFSET] = length
  }

  /** Whether others find room behind those that are there. */
  hasRoom(tensors: readonly { readonly length: number; readonly units: number }[]): boolean {
    const end = tensors.reduce((end, { length }) => end + this.#padded(length), this.#end)
    const listed = tensors.reduce((listed, { units }) => listed + listLength(units), this.#list)
    return (
      end <= this.length &&
      listed <= this.#arrays[layout.ROW_LISTS].length &&
      this.#next + tensors.length <= this.lengths.length
    )
  }

  /** A length, filled up to a whole line. */
  #padded(length: number): number {
    return roundUp(length, layout.LINE / this.#size)
  }

  /** Puts a tensor there; one of a family that has numbers by row or by column is none to come. */
  add(length: number, matrix: Matrix, units: number): void {
    const i = this.#next++
    const [[rows, columns], [firstRow, firstColumn]] = [matrix, this.#lines[i] ?? NO_MATRIX]
    const { words } = this
    const at = this.tensorAt(i)
    words[at + layout.TENSOR_OFFSET] = this.#end
    words[at + layout.TENSOR_LENGTH] = length
    words[at + layout.TENSOR_BLOCK] = this.#block
    words[at + layout.TENSOR_ROWS] = rows
    words[at + layout.TENSOR_COLUMNS] = columns
    words[at + layout.TENSOR_FIRST_ROW] = firstRow
    words[at + layout.TENSOR_FIRST_COLUMN] = firstColumn
    words[at + layout.TENSOR_UNITS] = units
    words[at + layout.TENSOR_UNIT_LENGTH] = units > 0 ? length / units : 0
    words[at + layout.TENSOR_LIST] = this.#list
    this.lengths[i] = length
    this.offsets[i] = this.#end
    this.matrices[i] = matrix
    this.units[i] = units
    this.#lists[i] = this.#list
    this.#end += this.#padded(length)
    this.#block += countBlocks(length)
    this.#list += listLength(units)
    this.version++
  }

  /** Whether it was an `ArrayBuffer` and somebody has transferred it. */
  get isDetached(): boolean {
    return this.#written.length === 0
  }

  /**
   * @throws TensorError where it is detached; EngineError where an engine has failed in the middle of it
   */
  checkUsable(): void {
    if (this.#failure !== null) throw this.fail(...this.#failure)
    if (!this.isDetached) return
    const received = 'a detached array'
    throw new TensorError('optimizer', 'an arena with its memory', received)
  }

  /** What is wrong where an engine has found tables that this class did not write. */
  broken(): TensorError {
    this.checkUsable()
    return new TensorError('optimizer', 'an arena that nothing else writes to', 'one that was overwritten')
  }

  /** What is wrong where an engine has failed itself: from now on nobody can tell what is in here. */
  fail(engine: string, reason: string): EngineError {
    this.#failure = [engine, reason]
    return new EngineError(engine, [reason], 'has failed, and this optimizer is broken')
  }

  /**
   * A whole array of elements, padding included, each at its place in the plane: where a family begins in
   * the middle of it, what comes before is another array's.
   */
  elements(array: number): FloatArray {
    const { byteOffset, first, length } = this.#arrays[array]
    return this.#floats(byteOffset - first * this.#size, first + length)
  }

  /** A tensor's part of an array of elements, or of what it has by row or by column. */
  view(array: number, tensor: number): FloatArray {
    const { byteOffset, first, line } = this.#arrays[array]
    if (line !== undefined) {
      const { [line]: lines, 2: count } = this.matrices[tensor]
      return this.#floats(byteOffset + this.#lines[tensor][line] * this.#size, lines * count)
    }
    return this.#floats(byteOffset + (this.offsets[tensor] - first) * this.#size, this.lengths[tensor])
  }

  #floats(byteOffset: number, length: number): FloatArray {
    const { buffer, byteOffset: start } = this.region
    const Typed = this.dtype === 'float32' ? Float32Array : Float64Array
    return new Typed(buffer, start + byteOffset, length)
  }

  /** An array of float64 numbers: by tensor, or by block. */
  numbers(array: number): Float64Array {
    const { byteOffset, length } = this.#arrays[array]
    return new Float64Array(this.region.buffer, this.region.byteOffset + byteOffset, length)
  }

  /** The list of a tensor's rows that have gradients: how many, their numbers, and which gradient each has. */
  list(tensor: number): Uint32Array {
    const at = this.#arrays[layout.ROW_LISTS].byteOffset + this.#lists[tensor] * 4
    const { buffer, byteOffset } = this.region
    return new Uint32Array(buffer, byteOffset + at, listLength(this.units[tensor]))
  }

  /** Row `number` of coefficients: there are as many as tensors, and behind them the plane's. */
  row(number: number): Float64Array {
    const at = (this.#firstRow + number * this.#rowLength * 2) * 4
    return new Float64Array(this.region.buffer, this.region.byteOffset + at, this.#rowLength)
  }

  /** Writes the tables into the arena itself. */
  writeTables(): void {
    this.#written.set(this.words)
  }

  #set(at: number, word: number): void {
    if (this.words[at] === word >>> 0) return
    this.words[at] = word
    this.version++
  }

  /** Says whether passes over the plane leave a tensor out; none stays by default. */
  setStays(tensor: number, stays: boolean): void {
    this.#set(this.tensorAt(tensor) + layout.TENSOR_FLAGS, stays ? layout.EXCLUDED : 0)
  }

  /** Where a tensor begins among the words. */
  tensorAt(number: number): number {
    return this.#firstTensor + number * layout.TENSOR
  }

  /** Where a segment begins. */
  segmentAt(number: number): number {
    return this.#firstSegment + number * layout.SEGMENT
  }

  /** The key of a tensor's name, for its noise. */
  setKey(tensor: number, key: number): void {
    this.#set(this.tensorAt(tensor) + layout.TENSOR_KEY, key)
  }

  set segmentCount(count: number) {
    this.#set(layout.HEADER_SEGMENTS, count)
  }

  get zeroesGradients(): boolean {
    return this.words[layout.HEADER_ZEROES] !== 0
  }

  set zeroesGradients(zeroes: boolean) {
    this.#set(layout.HEADER_ZEROES, zeroes ? 1 : 0)
  }

  /**
   * Makes segment `number` of the tensors from `first` to `last`, whose state begins with array `array`, and
   * what they have by tensor with `byTensor`; `kernels` has a number by stage, 0 or a hole for none.
   */
  setSegment(
    number: number,
    first: number,
    last: number,
    array: number,
    byTensor: number,
    row: number,
    kernels: readonly number[],
    flags: number,
  ): void {
    const at = this.segmentAt(number)
    const [words, offset] = [this.words, this.offsets[first]]
    this.version++
    words[at + layout.SEGMENT_OFFSET] = offset
    words[at + layout.SEGMENT_LENGTH] = this.offsets[last] + this.lengths[last] - offset
    words[at + layout.SEGMENT_ARRAY] = array
    words[at + layout.SEGMENT_ROW] = row
    words[at + layout.SEGMENT_FLAGS] = flags
    words[at + layout.SEGMENT_BY_TENSOR] = byTensor
    words[at + layout.SEGMENT_EARLY_KERNELS] = kernels[0] | (kernels[1] << 16)
    words[at + layout.SEGMENT_LATE_KERNELS] = kernels[2] | (kernels[3] << 16)
  }

  /** Gives a segment other flags; what it is goes on to be so. */
  setFlags(segment: number, flags: number): void {
    const at = this.segmentAt(segment) + layout.SEGMENT_FLAGS
    this.#set(at, flags | (this.words[at] & layout.BY_ROW))
  }
}

/** Words of the list of so many rows, and those that a line has that is spare. */
const listLength = (units: number): number => (units > 0 ? 1 + 2 * units : 0)
const SPARE_LIST = 8

/** Extents of arrays whose numbers are of the dtype. */
const elementExtents: readonly number[] = [layout.ELEMENTS, layout.BY_LINE]

const countBlocks = (length: number): number => Math.ceil(length / layout.BLOCK)

const roundUp = (x: number, multiple: number): number => Math.ceil(x / multiple) * multiple

const modulo = (x: number, period: number): number => ((x % period) + period) % period

/** By how much the starts of planes are moved apart, so that they do not collide; 0 where all is small. */
function staggered(bytes: number, planes: number): number {
  return bytes * planes <= ADDRESS_PERIOD ? 0 : roundUp(ADDRESS_PERIOD / planes, layout.LINE)
}
