/**
 * An arena is a block of memory that belongs to one optimizer. It consists of tables that describe the arena, followed
 * by arrays. The first arrays of an arena are the parameters and their gradients. Sums per tensor follow, and then the
 * state arrays of each family. crates/kernels/src/arena/layout.rs defines each field, and table.rs in the same folder
 * reads the fields.
 */

import { EngineError, TensorError } from '../core/errors.js'
import type { Dtype, FloatArray, Matrix } from '../core/numbers.js'
import * as layout from './layout.js'
import { HASH } from './manifest.js'
import { allocate, type Region } from './memory.js'

// Re-exported for the engines. The re-export places this file before the files of the engines in a bundle, which saves
// 100 bytes after gzip.
export { allocate, RESERVED_BYTES, type Region } from './memory.js'

/**
 * Period in bytes. The load and store units of a processor confuse two addresses that are equal modulo this period.
 */
const ADDRESS_PERIOD = 4096
/** The number of arrays that every arena has. */
const COMMON_ARRAY_COUNT = layout.ROW_LISTS + 1
/** The maximum number of passes in an engine's plan. Planning further passes would save a negligible time per pass. */
const MAX_PLANNED_PASSES = 16
/** The maximum number of coefficients of stages outside the rule, besides the pipeline's coefficients. */
const MAX_PLANE_COEFFICIENTS = 6

/** Adjacent tensors that have the same state arrays. */
export interface Family {
  readonly tensors: number
  /** The names of the state arrays, and of the arrays with one value per tensor. */
  readonly state: readonly string[]
  readonly byTensor: readonly string[]
  /** The number of state arrays with values per row or per column, which come last in the list; 0 by default. */
  readonly lines?: number
  /** The largest number of coefficients of a kernel in the family, besides the pipeline's coefficients. */
  readonly coefficients: number
}

/** The entry of an array in the table. */
interface ArrayEntry {
  readonly extent: number
  readonly byteOffset: number
  readonly first: number
  readonly length: number
  /** Whether the array has values per row (0) or per column (1). */
  readonly line: number | undefined
}

/** The matrix dimensions of a tensor that is not a matrix. */
export const NO_MATRIX: Matrix = [0, 0, 0]

export class Arena {
  readonly region: Region
  readonly dtype: Dtype
  /** The number of elements of each tensor, and the tensor's offset in the plane. */
  readonly lengths: number[]
  readonly offsets: number[]
  /** The matrix dimensions of each tensor; zeros if the tensor is not a matrix. */
  readonly matrices: Matrix[]
  /**
   * The number of rows of each tensor that can be centralized or clipped. The default 0 means that the tensor is not a
   * matrix.
   */
  readonly units: number[]
  /** The index and the offset of the next tensor that will be added. */
  #next = 0
  #end = 0
  #block = 0
  #list = 0
  /** The offset of the row list of each tensor. */
  readonly #lists: number[] = []
  /** The offset of each tensor's values in the arrays with values per row and per column. */
  readonly #lines: (readonly [number, number])[] = []
  /** The number of elements in a plane, including padding. */
  readonly length: number
  /** The index of each family's first state array. */
  readonly firstArrays: readonly number[]
  /**
   * The tables as 32-bit words, which only this class can access. The arena contains a copy of the tables for engines
   * that cannot read this copy.
   */
  readonly words: Uint32Array
  readonly #written: Uint32Array
  /** Version number of the tables, which increases whenever the tables change. */
  version = 0
  /** The position of an engine's plan in the arena, and the number of passes for which there is room. */
  readonly plan: number
  readonly planned: number
  /** Number of bytes per element. */
  readonly #size: number
  readonly #arrays: readonly ArrayEntry[]
  readonly #firstTensor: number
  readonly #firstSegment: number
  readonly #firstRow: number
  readonly #rowLength: number
  /** The engine that failed while using this arena, and the error message of the engine. */
  #failure: readonly [engine: string, reason: string] | null = null

  /**
   * Allocates an arena filled with zeros, for tensors of the given lengths. The arrays of the families are stored one
   * family after the other.
   *
   * @param planes the optional arrays that the arena contains: ACCUMULATED, AVERAGE and SLOW; none by default
   * @param matrices the matrix dimensions of each tensor; null if the tensor is not a matrix
   * @param room the size of the array SCRATCH in bytes
   * @param units the number of rows of each tensor; 0 if the tensor is not a matrix
   * @param spare the number of spare cache lines for later tensors, which use the arrays of the last family
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
    // Tensors that do not exist yet are placed behind all existing tensors.
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

  /** Whether further tensors fit behind the existing tensors. */
  hasRoom(tensors: readonly { readonly length: number; readonly units: number }[]): boolean {
    const end = tensors.reduce((end, { length }) => end + this.#padded(length), this.#end)
    const listed = tensors.reduce((listed, { units }) => listed + listLength(units), this.#list)
    return (
      end <= this.length &&
      listed <= this.#arrays[layout.ROW_LISTS].length &&
      this.#next + tensors.length <= this.lengths.length
    )
  }

  /** The length of the plane, rounded up to whole cache lines. */
  #padded(length: number): number {
    return roundUp(length, layout.LINE / this.#size)
  }

  /** Appends a tensor to the arena. A family with values per row or per column gets no later tensors. */
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

  /** Whether the arena is an `ArrayBuffer` that was transferred. */
  get isDetached(): boolean {
    return this.#written.length === 0
  }

  /**
   * @throws TensorError if the arena is detached, EngineError if an engine has failed while using the arena
   */
  checkUsable(): void {
    if (this.#failure !== null) throw this.fail(...this.#failure)
    if (!this.isDetached) return
    const received = 'a detached one'
    throw new TensorError('optimizer', 'an attached arena', received)
  }

  /** Builds the error for tables that this class has not written. */
  broken(): TensorError {
    this.checkUsable()
    return new TensorError('optimizer', 'an intact arena', 'an overwritten one')
  }

  /** Records that an engine failed and left undefined contents in the arena, and builds the error. */
  fail(engine: string, reason: string): EngineError {
    this.#failure = [engine, reason]
    return new EngineError(engine, [reason], 'has failed, and this optimizer is unusable')
  }

  /**
   * A whole array of elements, including padding, indexed by the offset in the plane. If a family begins in the middle
   * of the plane, the elements before the family belong to other arrays.
   */
  elements(array: number): FloatArray {
    const { byteOffset, first, length } = this.#arrays[array]
    return this.#floats(byteOffset - first * this.#size, first + length)
  }

  /** The part of an array that belongs to one tensor, with values per element, per row or per column. */
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

  /** A float64 array with values per tensor or per block. */
  numbers(array: number): Float64Array {
    const { byteOffset, length } = this.#arrays[array]
    return new Float64Array(this.region.buffer, this.region.byteOffset + byteOffset, length)
  }

  /**
   * The list of the rows of a tensor that have gradients: the count of the rows, the indices of the rows, and the index
   * of each row's gradient.
   */
  list(tensor: number): Uint32Array {
    const at = this.#arrays[layout.ROW_LISTS].byteOffset + this.#lists[tensor] * 4
    const { buffer, byteOffset } = this.region
    return new Uint32Array(buffer, byteOffset + at, listLength(this.units[tensor]))
  }

  /**
   * One row of the table of coefficients. The table has one row per tensor. The last row is for passes over the whole
   * plane.
   */
  row(number: number): Float64Array {
    const at = (this.#firstRow + number * this.#rowLength * 2) * 4
    return new Float64Array(this.region.buffer, this.region.byteOffset + at, this.#rowLength)
  }

  /** Copies the tables into the arena's memory. */
  writeTables(): void {
    this.#written.set(this.words)
  }

  #set(at: number, word: number): void {
    if (this.words[at] === word >>> 0) return
    this.words[at] = word
    this.version++
  }

  /** Sets whether passes over the whole plane skip a tensor; by default no tensor is skipped. */
  setStays(tensor: number, stays: boolean): void {
    this.#set(this.tensorAt(tensor) + layout.TENSOR_FLAGS, stays ? layout.EXCLUDED : 0)
  }

  /** The index of the first word that describes a tensor in the tables. */
  tensorAt(number: number): number {
    return this.#firstTensor + number * layout.TENSOR
  }

  /** The index of the first word that describes a segment in the tables. */
  segmentAt(number: number): number {
    return this.#firstSegment + number * layout.SEGMENT
  }

  /** Sets the hash of a tensor's name, which is the seed of the tensor's noise. */
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
   * Writes a segment that consists of the tensors from `first` to `last`. The argument `array` is the index of the
   * tensors' first state array, and `byTensor` is the index of their first array with values per tensor. The argument
   * `kernels` lists one kernel per stage; 0 or a hole means that the stage has no kernel.
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

  /** Changes the flags of a segment, except for the flag BY_ROW. */
  setFlags(segment: number, flags: number): void {
    const at = this.segmentAt(segment) + layout.SEGMENT_FLAGS
    this.#set(at, flags | (this.words[at] & layout.BY_ROW))
  }
}

/** The number of words in a row list, and the number of words reserved for each spare cache line. */
const listLength = (units: number): number => (units > 0 ? 1 + 2 * units : 0)
const SPARE_LIST = 8

/** The extents of the arrays whose elements have the arena's dtype. */
const elementExtents: readonly number[] = [layout.ELEMENTS, layout.BY_LINE]

const countBlocks = (length: number): number => Math.ceil(length / layout.BLOCK)

const roundUp = (x: number, multiple: number): number => Math.ceil(x / multiple) * multiple

const modulo = (x: number, period: number): number => ((x % period) + period) % period

/**
 * The distance between the start addresses of two planes, modulo the period. The distance avoids collisions between the
 * planes, and is 0 for small arenas.
 */
function staggered(bytes: number, planes: number): number {
  return bytes * planes <= ADDRESS_PERIOD ? 0 : roundUp(ADDRESS_PERIOD / planes, layout.LINE)
}
