/**
 * Sparse gradients, which are gradients of some rows of a tensor, such as an embedding. A sparse gradient updates only
 * the listed rows.
 */

import { wasmModule as catalogue } from '#webassembly/catalogue'
import { NEEDS_PARAM_NORM, PER_UNIT } from '../arena/manifest.js'
import { readBuffer, readByteOffset } from '../core/buffers.js'
import { copyArray } from '../core/copy.js'
import { OptionError, TensorError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { getTypeName, isFloatArray, readLength } from '../core/typed-arrays.js'
import { toBoundedArray } from '../core/untrusted-input.js'
import { runRows } from '../engines/typescript/rows.js'
import { extensions } from '../extensions.js'
import { clipFlags, type TensorLimits } from '../gradients/clip.js'
import {
  type ArenaBuffers,
  copy,
  type DenseGradients,
  type GradientOwner,
  gradientPath,
  isArenaBuffer,
  RowGradient,
  type StepGradients,
} from '../gradients/read.js'
import type { Model } from '../model/model.js'
import type { Tensor } from '../model/partition.js'
import type { RuleInUse } from '../rules/active-rule.js'
import { AdamPerRow } from '../rules/adam-per-row.js'
import type { DelayedStart } from '../rules/rule.js'
import { registerModule } from '../webassembly/module.js'

/** Row indices: integers ≥ 0. */
export type RowIndices =
  | readonly number[]
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

/** The indices and values of a sparse gradient. */
interface RowParts {
  readonly indices: ArrayLike<number | bigint>
  readonly count: number
  readonly values: FloatArray
}

/**
 * A sparse gradient, made by {@link sparseRows}. A sparse gradient contains the gradients of some rows instead of all
 * rows. A structured clone of a sparse gradient is not a valid sparse gradient. To use a sparse gradient in a worker,
 * send `{ indices, values }` and call `sparseRows` in the worker.
 */
export class SparseRows<T extends FloatArray = FloatArray> {
  readonly #indices: ArrayLike<number | bigint>
  readonly #values: T

  /** This class is for internal use; call `sparseRows` instead. */
  constructor(indices: ArrayLike<number | bigint>, values: T) {
    this.#indices = indices
    this.#values = values
  }

  /** The row indices: the user's typed array, or a copy of the user's array. */
  get indices(): RowIndices {
    return (Array.isArray(this.#indices) ? this.#indices.slice() : this.#indices) as RowIndices
  }

  /** The gradients of the rows in the order of `indices`: the user's array. */
  get values(): T {
    return this.#values
  }

  /** A mark that distinguishes a sparse gradient from a plain object. */
  get [Symbol.toStringTag](): string {
    return 'Rows'
  }

  /**
   * Returns the indices and the values of a sparse gradient. The number of indices is the true length, which a subclass
   * of a typed array cannot override.
   */
  static parts(given: unknown): RowParts | null {
    if (typeof given !== 'object' || given === null || !(#indices in given)) return null
    const indices = given.#indices
    const count = ArrayBuffer.isView(indices) ? readLength(indices) : indices.length
    return { indices, count, values: given.#values }
  }
}

/** The type of a sparse gradient, if the rule supports sparse gradients. */
export type SparseRowsFor<R> =
  R extends DelayedStart<infer Inner>
    ? SparseRowsFor<Inner>
    : R extends { readonly name: 'gradientDescent' | 'sgd' | 'adagrad' | 'adam' | 'adamw' | 'rmsprop' }
      ? SparseRows
      : never

/**
 * A sparse gradient for {@link Optimizer.step}: `step({ embed: sparseRows(indices, values), body })`. Rows that are not
 * listed keep their values and state, and take no time.
 *
 * A row that is listed several times receives one update with the sum of its gradients, added in the order of the list.
 * The arrays are not copied. The step reads the arrays and validates `indices`.
 *
 * @param indices row indices along the first dimension of a tensor whose shape is known
 * @param values the gradients of these rows in row-major order, in the optimizer's dtype
 * @throws TensorError if the indices or values have the wrong type
 * @example
 * const optimizer = new Optimizer({ embed }, adam(), { shapes: { embed: [20_000, 32] } })
 * optimizer.step({ embed: sparseRows([3, 14], gradients) })
 */
export function sparseRows<T extends FloatArray>(indices: RowIndices, values: T): SparseRows<T> {
  const expected = 'an array or typed array of integers ≥ 0'
  const isTyped = ArrayBuffer.isView(indices) && lengthOfIntegers(indices) !== undefined
  const listed = isTyped ? [] : toBoundedArray(indices)
  if (listed === undefined) throw new TensorError('sparseRows: indices', expected, indices)
  for (const index of listed)
    if (!isIndex(index)) throw new TensorError('sparseRows: indices', expected, index)
  if (!isFloatArray(values)) {
    throw new TensorError('sparseRows: values', 'a Float32Array or Float64Array', values)
  }
  return new SparseRows((isTyped ? indices : listed) as ArrayLike<number | bigint>, values)
}

const isIndex = (index: unknown): boolean => Number.isSafeInteger(index) && (index as number) >= 0

/** The length of a typed array of integers; undefined for any other value. */
function lengthOfIntegers(given: ArrayBufferView): number | undefined {
  const type = getTypeName(given)
  return type !== undefined && !type.startsWith('Float') ? readLength(given) : undefined
}

/** The buffers for reading the sparse gradients of a tensor. */
interface Reading {
  /** The last rule that was found to support sparse gradients for this tensor. */
  use: RuleInUse | null
  readonly rows: number
  readonly columns: number
  /**
   * The number of listed rows, stored in the arena. This number is written before the list is validated, because no
   * other code uses the number.
   */
  readonly listed: Uint32Array
  /** The indices of the listed rows, and the index of the gradient of each row. Both arrays have room for all rows. */
  readonly numbers: Uint32Array
  readonly places: Uint32Array
  /** The number of leading gradient indices that are 0, 1, 2, …; sorting a list resets this number. */
  inOrder: number
  /** The number of the last reading in which each row occurred. */
  readonly met: Uint32Array
  readings: number
}

const reading = new WeakMap<Tensor, Reading>()

/**
 * @throws TensorError if the tensor has no rows
 */
function getReading(tensor: Tensor): Reading {
  const known = reading.get(tensor)
  if (known !== undefined) return known
  const { name, shape, length, part, place } = tensor
  if (shape === undefined || shape.length < 2 || length === 0) {
    const expected = 'sparse rows of a tensor with at least two dimensions in shapes'
    throw new TensorError(gradientPath(name), expected, 'a tensor without rows')
  }
  const [rows] = shape
  const list = part.arena.list(place)
  const made: Reading = {
    use: null,
    rows,
    columns: length / rows,
    listed: list.subarray(0, 1),
    numbers: list.subarray(1, 1 + rows),
    places: list.subarray(1 + rows),
    inOrder: 0,
    met: new Uint32Array(rows),
    readings: 0,
  }
  reading.set(tensor, made)
  return made
}

function read(given: unknown, number: number, model: Model): RowGradient | null {
  const sparse = SparseRows.parts(given)
  if (sparse === null) return null
  const { tensors, gradients, settings, measures, parts } = model
  const tensor = tensors[number]
  const name = gradientPath(tensor.name)
  const state = getReading(tensor)
  if (state.use !== tensor.use) {
    const what = unsupportedReason(tensor.use, settings.clip)
    if (what !== undefined)
      throw new OptionError(name, `a complete gradient (rows are not supported ${what})`, 'a sparse gradient')
    state.use = tensor.use
  }
  const { indices, count, values } = sparse
  const length = count * state.columns
  if (getTypeName(values) !== getTypeName(gradients[0]) || readLength(values) !== length) {
    const kind = `a ${getTypeName(gradients[0])} of length ${length}`
    throw new TensorError(name, `values of ${count} rows of ${state.columns}: ${kind}`, values)
  }
  // A list with repeated rows may be longer than the buffers. This buffer receives the sums of the values of repeated
  // rows.
  const numbers = count > state.rows ? new Uint32Array(count) : state.numbers
  if (isWords(indices)) numbers.set(indices)
  else for (let k = 0; k < count; k++) numbers[k] = toWord(indices[k])
  // Norms require sorted rows, and repeated rows do not matter for sorting.
  const order = measures
    ? countInOrder(numbers, count, state, name, indices)
    : findOrder(numbers, count, state, name, indices)
  const isTooLong = count > state.rows
  const listed = isTooLong
    ? merged({ indices: numbers, count, values }, state)
    : copyIfOverlapping(values, gradients[number], parts)
  const listedCount = readLength(listed) / state.columns
  if (order === MANY) sort(listedCount, state, measures && !isTooLong)
  else list(listedCount, state)
  return new RowGradient(given, listed)
}

/**
 * Copies values that overlap another part of an arena, because the step would overwrite such values before reading the
 * values.
 */
function copyIfOverlapping(values: FloatArray, own: FloatArray, parts: ArenaBuffers): FloatArray {
  const buffer = readBuffer(values)
  return !isArenaBuffer(buffer, parts) || isInPlace(values, own) ? values : copyArray(values)
}

const isInPlace = (values: FloatArray, own: FloatArray): boolean =>
  readBuffer(values) === own.buffer && readByteOffset(values) === own.byteOffset

/**
 * Reason why a tensor cannot have sparse gradients with its rule and clips; undefined if sparse gradients are
 * supported.
 */
function unsupportedReason(
  { definition, stages, flags, clip }: RuleInUse,
  limits: TensorLimits,
): string | undefined {
  const { name, takesRows } = definition
  if (!takesRows) return `by ${name}, whose row updates depend on other rows or on every step`
  if (flags !== 0 || stages.length > 1) return `by ${name} if it is cautious`
  const clips = clipFlags(clip ?? limits)
  if ((clips & PER_UNIT) !== 0) return 'if gradients are centralized, clipped by unit, or get noise'
  if ((clips & NEEDS_PARAM_NORM) !== 0) return 'if gradients are clipped by the norm of all parameters'
  return undefined
}

/** The order of a list of rows: sorted without repeats, unsorted without repeats, or with repeats. */
const SORTED = 0
const ONCE = 1
const MANY = 2

/**
 * Whether the indices can be copied into 32-bit words. The conversion turns a negative index into an invalid row index.
 */
const isWords = (indices: object): indices is ArrayLike<number> =>
  ArrayBuffer.isView(indices) && !getTypeName(indices)?.startsWith('Big')

/** An index as a 32-bit word. An index that needs more bits becomes an invalid row index. */
const toWord = (index: number | bigint): number =>
  index >= 0 && index <= 0xffff_ffff ? Number(index) : 0xffff_ffff

/**
 * Validates row indices and determines the order of the list. The argument `given` contains the original indices for
 * error messages.
 */
function findOrder(
  numbers: Uint32Array,
  count: number,
  state: Reading,
  name: string,
  given: RowParts['indices'],
): typeof SORTED | typeof ONCE | typeof MANY {
  const { met, rows } = state
  if (++state.readings > 0xffffffff) {
    met.fill(0)
    state.readings = 1
  }
  const { readings } = state
  let [isSorted, isUnique, last] = [true, true, -1]
  for (let k = 0; k < count; k++) {
    const index = numbers[k]
    if (index >= rows) throw outOfRange(name, rows, given[k])
    if (met[index] === readings) isUnique = false
    if (index <= last) isSorted = false
    met[index] = readings
    last = index
  }
  return isSorted ? SORTED : isUnique ? ONCE : MANY
}

/**
 * Validates row indices for callers that sort all unsorted lists, so that repeats do not matter. The function also
 * counts the digits for the sort.
 */
function countInOrder(
  numbers: Uint32Array,
  count: number,
  { rows }: Reading,
  name: string,
  given: RowParts['indices'],
): typeof SORTED | typeof MANY {
  lowStarts.fill(0)
  highStarts.fill(0)
  let [isSorted, last] = [true, -1]
  for (let k = 0; k < count; k++) {
    const index = numbers[k]
    if (index >= rows) throw outOfRange(name, rows, given[k])
    if (index <= last) isSorted = false
    last = index
    lowStarts[index & MAX_DIGIT]++
    highStarts[(index >>> DIGIT_BITS) & MAX_DIGIT]++
  }
  return isSorted ? SORTED : MANY
}

const outOfRange = (name: string, rows: number, index: number | bigint): TensorError =>
  new TensorError(name, `indices from 0 to ${rows - 1}`, index)

/** Stores the first `count` of `numbers` as rows, each with the gradient at the same position. */
function list(count: number, state: Reading): void {
  for (; state.inOrder < count; state.inOrder++) state.places[state.inOrder] = state.inOrder
  state.listed[0] = count
}

/**
 * Merges repeated rows. Distinct rows are stored in the order of their first occurrence. The gradients of each row are
 * added in list order, in the dtype.
 */
export function addedByRow(
  { indices, count, values }: RowParts,
  columns: number,
): { places: Map<number, number>; sums: FloatArray } {
  const places = new Map<number, number>()
  const sums = copyArray(values)
  for (let k = 0; k < count; k++) {
    const index = Number(indices[k])
    const known = places.get(index)
    const [from, to] = [k * columns, (known ?? places.size) * columns]
    if (known === undefined) places.set(index, places.size)
    if (known === undefined) for (let j = 0; j < columns; j++) sums[to + j] = values[from + j]
    else for (let j = 0; j < columns; j++) sums[to + j] += values[from + j]
  }
  return { places, sums: sums.subarray(0, places.size * columns) }
}

/** Merges a list that is longer than the number of rows of the tensor, and stores the distinct rows. */
function merged(parts: RowParts, state: Reading): FloatArray {
  const { places, sums } = addedByRow(parts, state.columns)
  state.numbers.set([...places.keys()])
  return sums
}

/** The number of bits per digit of the radix sort, and the largest digit. */
const DIGIT_BITS = 8
const MAX_DIGIT = (1 << DIGIT_BITS) - 1
/**
 * The number of entries per digit, for two adjacent digits. Later, the arrays contain the next position of an entry
 * with each digit.
 */
const lowStarts = new Int32Array(MAX_DIGIT + 1)
const highStarts = new Int32Array(MAX_DIGIT + 1)

/** Rows and their gradient indices between the two passes of a round. */
let spareRows = new Uint32Array(0)
let sparePlaces = new Uint32Array(0)

/**
 * Sorts the first `count` of `numbers` by row, together with their gradient indices, and keeps the order of equal rows.
 * The algorithm is a radix sort from the lowest digit, with two digits per round.
 *
 * @param isCounted whether entries have been counted by the two lowest digits
 */
function sort(count: number, state: Reading, isCounted: boolean): void {
  state.listed[0] = count
  state.inOrder = 0
  if (spareRows.length < count) {
    spareRows = new Uint32Array(count)
    sparePlaces = new Uint32Array(count)
  }
  if (!isCounted) countDigits(count, state, 0)
  sortByDigits(count, state, 0)
  const shift = 2 * DIGIT_BITS
  if ((state.rows - 1) >>> shift === 0) return
  countDigits(count, state, shift)
  sortByDigits(count, state, shift)
}

function countDigits(count: number, { numbers }: Reading, shift: number): void {
  lowStarts.fill(0)
  highStarts.fill(0)
  for (let k = 0; k < count; k++) {
    const digits = numbers[k] >>> shift
    lowStarts[digits & MAX_DIGIT]++
    highStarts[(digits >>> DIGIT_BITS) & MAX_DIGIT]++
  }
}

/** Sorts entries by the two digits at `shift`, after these digits have been counted. */
function sortByDigits(count: number, { numbers, places }: Reading, shift: number): void {
  const [rows, placesBetween] = [spareRows, sparePlaces]
  let [low, high] = [0, 0]
  for (let digit = 0; digit <= MAX_DIGIT; digit++) {
    const [lowCount, highCount] = [lowStarts[digit], highStarts[digit]]
    lowStarts[digit] = low
    highStarts[digit] = high
    low += lowCount
    high += highCount
  }
  for (let k = 0; k < count; k++) {
    const row = numbers[k]
    const at = lowStarts[(row >>> shift) & MAX_DIGIT]++
    rows[at] = row
    placesBetween[at] = shift === 0 ? k : places[k]
  }
  for (let k = 0; k < count; k++) {
    const row = rows[k]
    const at = highStarts[(row >>> (shift + DIGIT_BITS)) & MAX_DIGIT]++
    numbers[at] = row
    places[at] = placesBetween[k]
  }
}

/**
 * Adds up the gradients of each listed row, in list order. The function `at` receives a row and the number of preceding
 * rows, and returns the position of the row's sum. Returns the number of distinct rows.
 */
function addUp(
  values: FloatArray,
  { listed, numbers, places, columns }: Reading,
  sums: FloatArray,
  at: (row: number, before: number) => number,
): number {
  let count = 0
  for (let k = 0; k < listed[0]; k++) {
    const from = places[k] * columns
    const isNext = k === 0 || numbers[k] !== numbers[k - 1]
    if (isNext) count++
    const to = at(numbers[k], count - 1)
    for (let j = 0; j < columns; j++)
      sums[to + j] = isNext ? values[from + j] : sums[to + j] + values[from + j]
  }
  return count
}

function sum(tensor: Tensor, given: RowGradient | FloatArray): FloatArray {
  const state = reading.get(tensor) as Reading
  const values = given instanceof RowGradient ? given.values : given
  const sums = copyArray(values).subarray(0, state.listed[0] * state.columns)
  const count = addUp(values, state, sums, (_, before) => before * state.columns)
  return sums.subarray(0, count * state.columns)
}

function listed(tensor: Tensor): Uint32Array {
  const { listed, numbers } = reading.get(tensor) as Reading
  return numbers.slice(0, listed[0]).filter((row, k, all) => k === 0 || row !== all[k - 1])
}

function copyToArena(gradients: StepGradients, { gradients: own, parts }: Model): void {
  const whole = gradients.map((gradient) => (gradient instanceof RowGradient ? undefined : gradient))
  copy(whole, own, parts)
  for (let i = 0; i < gradients.length; i++) {
    const gradient = gradients[i]
    if (gradient instanceof RowGradient && !isInPlace(gradient.values, own[i])) own[i].set(gradient.values)
  }
}

/** The minimum number of elements for which the engine reads a sparse gradient in place faster than a copy is made. */
const LENT_FROM = 4096

function lend(gradients: StepGradients): DenseGradients | null {
  const isLong = gradients.some((gradient) => gradient instanceof RowGradient && gradient.length >= LENT_FROM)
  return isLong
    ? gradients.map((gradient) => (gradient instanceof RowGradient ? gradient.values : gradient))
    : null
}

function scatter(tensor: Tensor, own: FloatArray): void {
  const state = reading.get(tensor) as Reading
  const { listed, columns } = state
  const values = own.slice(0, listed[0] * columns)
  own.fill(0)
  const rows = new Set(typeof tensor.gathered === 'boolean' ? [] : tensor.gathered)
  addUp(values, state, own, (row) => {
    rows.add(row)
    return row * columns
  })
  if (tensor.gathered !== true) tensor.gathered = [...rows].sort((a, b) => a - b)
}

function gather(tensor: Tensor, rows: readonly number[], own: FloatArray): RowGradient {
  const state = getReading(tensor)
  const { columns } = state
  rows.forEach((row, place) => {
    // Rows are copied in ascending order, so no row is overwritten before it is read.
    own.copyWithin(place * columns, row * columns, (row + 1) * columns)
  })
  state.numbers.set(rows)
  list(rows.length, state)
  return new RowGradient(null, own.subarray(0, rows.length * columns))
}

function readSaved(
  given: unknown,
  shape: readonly number[] | undefined,
  use: RuleInUse,
  clip: TensorLimits,
): readonly number[] | undefined {
  const list = toBoundedArray(given)
  const isRow = (row: unknown) => isIndex(row) && shape !== undefined && (row as number) < shape[0]
  const isOrdered = list?.every(
    (row, k) => isRow(row) && (k === 0 || (row as number) > (list[k - 1] as number)),
  )
  const areThere = isOrdered && shape !== undefined && shape.length > 1
  return areThere && unsupportedReason(use, clip) === undefined ? (list as readonly number[]) : undefined
}

/** Sparse gradients. */
interface RowExtension {
  /** The variant of Adam that counts the updates of each row. */
  readonly adamKernel: typeof AdamPerRow
  /**
   * @returns the validated sparse gradient of the tensor with this index; null if `value` is not a sparse gradient
   * @throws TensorError or OptionError if the gradient is invalid for the tensor
   */
  read(value: unknown, index: number, model: GradientOwner): RowGradient | null
  /**
   * Returns gradients that an engine may read in place, with sparse gradients as plain arrays; null if a copy is
   * faster.
   */
  lend(gradients: StepGradients): DenseGradients | null
  /** Adds up the values of rows that are listed more than once, and returns one row of values per distinct row. */
  sum(tensor: Tensor, gradient: RowGradient | FloatArray): FloatArray
  /** Returns the distinct rows of a tensor that have a gradient in the current step. */
  listed(tensor: Tensor): Uint32Array
  /** Copies dense and sparse gradients into the arenas of their tensors. */
  copyToArena(gradients: StepGradients, model: Model): void
  /** Accumulates a sparse gradient by converting it to a dense gradient, in which all unlisted rows are 0. */
  scatter(tensor: Tensor, gradient: FloatArray): void
  /** Converts the rows of an accumulated dense gradient to a sparse gradient. */
  gather(tensor: Tensor, rows: readonly number[], gradient: FloatArray): RowGradient
  /**
   * Reads the accumulated rows of a saved tensor; undefined if the rows are invalid, or if the rule or the clips do not
   * support rows.
   */
  readSaved(
    value: unknown,
    shape: readonly number[] | undefined,
    use: RuleInUse,
    clip: TensorLimits,
  ): readonly number[] | undefined
  /** Runs a segment of a tensor that has a sparse gradient, in the TypeScript engine. */
  runSegment: typeof runRows
}

declare module '../extensions.js' {
  interface Extensions {
    rows: RowExtension
  }
}

registerModule(catalogue)
extensions.rows = {
  adamKernel: AdamPerRow,
  read,
  lend,
  sum,
  listed,
  copyToArena,
  scatter,
  gather,
  readSaved,
  runSegment: runRows,
}
