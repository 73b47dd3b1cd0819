/** Gradients of some rows of a tensor, as an embedding has them: only these rows move. */

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
import { wasmModule as catalogue } from '../webassembly/catalogue.js'
import { registerModule } from '../webassembly/module.js'

/** Numbers of rows: integers from 0 on. */
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

/** What gradients by row are made of. */
interface RowParts {
  readonly indices: ArrayLike<number | bigint>
  readonly count: number
  readonly values: FloatArray
}

/**
 * What {@link sparseRows} gives: the gradients of some rows of a tensor, in the place of all of it. No clone is one: send
 * `{ indices, values }` to a worker or a process, and call `sparseRows` there.
 */
export class SparseRows<T extends FloatArray = FloatArray> {
  readonly #indices: ArrayLike<number | bigint>
  readonly #values: T

  /** Not to be called: `sparseRows` makes them. */
  constructor(indices: ArrayLike<number | bigint>, values: T) {
    this.#indices = indices
    this.#values = values
  }

  /** Which rows: the typed array that was given, or a copy of the list. */
  get indices(): RowIndices {
    return (Array.isArray(this.#indices) ? this.#indices.slice() : this.#indices) as RowIndices
  }

  /** Their gradients, one behind the other: the array that was given. */
  get values(): T {
    return this.#values
  }

  /** So that it is not taken for a record of no gradients. */
  get [Symbol.toStringTag](): string {
    return 'Rows'
  }

  /** What it was made of; a subclass of typed arrays has no say in how many indices there are. */
  static parts(given: unknown): RowParts | null {
    if (typeof given !== 'object' || given === null || !(#indices in given)) return null
    const indices = given.#indices
    const count = ArrayBuffer.isView(indices) ? readLength(indices) : indices.length
    return { indices, count, values: given.#values }
  }
}

/** What a tensor's gradient may be beside an array, under some rule. */
export type SparseRowsFor<R> =
  R extends DelayedStart<infer Inner>
    ? SparseRowsFor<Inner>
    : R extends { readonly name: 'gradientDescent' | 'sgd' | 'adagrad' | 'adam' | 'adamw' | 'rmsprop' }
      ? SparseRows
      : never

/**
 * Gradients of some rows of a tensor, for {@link Optimizer.step}: `step({ embed: sparseRows(indices, values), body })`. The
 * other rows stay as they are, state included, and cost nothing.
 *
 * A row that is named more than once gets the sum, in the order given, and one update. Arrays are not copied: they are
 * read, and `indices` checked, at the step.
 *
 * @param indices which rows: of a tensor whose shape is known, by its first dimension
 * @param values their gradients, one behind the other, in the optimizer's dtype
 * @throws TensorError where these are no indices or no values
 * @example
 * const optimizer = new Optimizer({ embed }, adam(), { shapes: { embed: [20_000, 32] } })
 * optimizer.step({ embed: sparseRows([3, 14], gradients) })
 */
export function sparseRows<T extends FloatArray>(indices: RowIndices, values: T): SparseRows<T> {
  const expected = 'a list or a typed array of integers from 0 on'
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

/** How many integers a typed array has; undefined for other kinds. */
function lengthOfIntegers(given: ArrayBufferView): number | undefined {
  const type = getTypeName(given)
  return type !== undefined && !type.startsWith('Float') ? readLength(given) : undefined
}

/** What there is of a tensor to read its rows with. */
interface Reading {
  /** The rule of which is known that it takes rows. */
  use: RuleInUse | null
  readonly rows: number
  readonly columns: number
  /** How many rows are listed, in the arena: nobody else sees the list, so it is written before it is checked. */
  readonly listed: Uint32Array
  /** Which rows these are, and which of the gradients each has: room for all. */
  readonly numbers: Uint32Array
  readonly places: Uint32Array
  /** How many of the first places are 0, 1, 2 and so on, as they are but where a list was put in order. */
  inOrder: number
  /** For each row the number of the reading that has met it last. */
  readonly met: Uint32Array
  readings: number
}

const reading = new WeakMap<Tensor, Reading>()

/** @throws TensorError where the tensor has no rows */
function getReading(tensor: Tensor): Reading {
  const known = reading.get(tensor)
  if (known !== undefined) return known
  const { name, shape, length, part, place } = tensor
  if (shape === undefined || shape.length < 2 || length === 0) {
    const expected = 'rows of a tensor whose shape has two dimensions and more'
    throw new TensorError(gradientPath(name), expected, 'rows of another one')
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
      throw new OptionError(name, `all gradients, as there are no rows ${what}`, 'some rows')
    state.use = tensor.use
  }
  const { indices, count, values } = sparse
  const length = count * state.columns
  if (getTypeName(values) !== getTypeName(gradients[0]) || readLength(values) !== length) {
    const kind = `a ${getTypeName(gradients[0])} of length ${length}`
    throw new TensorError(name, `values of ${count} rows of ${state.columns}: ${kind}`, values)
  }
  // Rows that are there more than once may be more than there is room for: those are added up here.
  const numbers = count > state.rows ? new Uint32Array(count) : state.numbers
  if (isWords(indices)) numbers.set(indices)
  else for (let k = 0; k < count; k++) numbers[k] = toWord(indices[k])
  // A norm wants rows in order: whether one is there twice is all the same then.
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

/** A copy where they lie elsewhere in an arena, in which they would be written to before they are read. */
function copyIfOverlapping(values: FloatArray, own: FloatArray, parts: ArenaBuffers): FloatArray {
  const buffer = readBuffer(values)
  return !isArenaBuffer(buffer, parts) || isInPlace(values, own) ? values : copyArray(values)
}

const isInPlace = (values: FloatArray, own: FloatArray): boolean =>
  readBuffer(values) === own.buffer && readByteOffset(values) === own.byteOffset

/** Of what there are no rows, as gradients of tensors that are updated and clipped so; undefined where there are some. */
function unsupportedReason(
  { definition, stages, flags, clip }: RuleInUse,
  limits: TensorLimits,
): string | undefined {
  const { name, takesRows } = definition
  if (!takesRows) return `of ${name}: its update of a row depends on the others, or on each step`
  if (flags !== 0 || stages.length > 1) return `of ${name} where it is cautious`
  const clips = clipFlags(clip ?? limits)
  if ((clips & PER_UNIT) !== 0) return 'where gradients are centralized, clipped by unit, or get noise'
  if ((clips & NEEDS_PARAM_NORM) !== 0) return 'where gradients are clipped by the norm of all parameters'
  return undefined
}

/** Rows in order, each once; each once; and some more than once. */
const SORTED = 0
const ONCE = 1
const MANY = 2

/** Whether a copy into words keeps what they are; of negative ones it makes numbers that no row has. */
const isWords = (indices: object): indices is ArrayLike<number> =>
  ArrayBuffer.isView(indices) && !getTypeName(indices)?.startsWith('Big')

/** An index as 32 bits; one that no row has where it does not fit. */
const toWord = (index: number | bigint): number =>
  index >= 0 && index <= 0xffff_ffff ? Number(index) : 0xffff_ffff

/** Checks the rows' numbers, and says in which order they are; `given` is what they were. */
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

/** The same if lists out of order are sorted in any case: repeats do not matter then. Counts the digits for the sort. */
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

/** Lists as many of `numbers`, each with the gradient in its place. */
function list(count: number, state: Reading): void {
  for (; state.inOrder < count; state.inOrder++) state.places[state.inOrder] = state.inOrder
  state.listed[0] = count
}

/** Each row once, in the order in which they are first named, and the sums of what is of each, in the order given, in the dtype. */
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

/** The same of rows that are more than the tensor has, which are listed then. */
function merged(parts: RowParts, state: Reading): FloatArray {
  const { places, sums } = addedByRow(parts, state.columns)
  state.numbers.set([...places.keys()])
  return sums
}

/** Bits of a digit by which rows are sorted, and the largest digit. */
const DIGIT_BITS = 8
const MAX_DIGIT = (1 << DIGIT_BITS) - 1
/** How many entries have each digit, of two that are next to each other; then where entries that have it go. */
const lowStarts = new Int32Array(MAX_DIGIT + 1)
const highStarts = new Int32Array(MAX_DIGIT + 1)

/** Rows, and the place of the gradient of each, between the two digits. */
let spareRows = new Uint32Array(0)
let sparePlaces = new Uint32Array(0)

/**
 * Lists as many of `numbers` in the order of rows, each with the gradient in its place; entries of one row keep their
 * order. This is a radix sort: by one digit after the other, the lowest one first, and two in one round.
 *
 * @param isCounted whether the lowest two have been counted
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

/** Moves entries into the order of the two digits at `shift`, which have been counted. */
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
 * Adds up the gradients of each listed row, in the order of the list. `at` gets the row, and how many rows come before it,
 * and says where its sum begins. Returns how many rows are listed.
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

/** Numbers of a gradient of rows from which on to lend it takes less than a copy. */
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
    // In order: none is written to before it is read.
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
