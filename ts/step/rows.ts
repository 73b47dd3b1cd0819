/** Gradients of some rows of a tensor, as an embedding has them: only these rows move. */

import { ACCUMULATED, BY_UNIT, WEIGHS } from '../arena/manifest.js'
import { byRow } from '../engines/typescript/jobs.js'
import { runRows } from '../engines/typescript/rows.js'
import { flagsOf } from '../gradients/clip.js'
import { ByRow, importedRows, isOfOne, type Present } from '../gradients/read.js'
import { bufferOf } from '../ground/buffers.js'
import { copyOf } from '../ground/copy.js'
import { OptionError, TensorError } from '../ground/errors.js'
import { listOf } from '../ground/given.js'
import type { FloatArray } from '../ground/numbers.js'
import { isFloatArray, lengthOf, typeOf } from '../ground/typed-arrays.js'
import type { Model } from '../model/model.js'
import type { Tensor } from '../model/part.js'
import type { DelayedStart } from '../rules/rule.js'
import { wasmModule as catalogue } from '../webassembly/catalogue.js'
import { bring } from '../webassembly/module.js'

/** Numbers of rows: whole numbers from 0 on. */
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

/** What {@link rows} gives: the gradients of some rows of a tensor, in the place of all of it. */
export class Rows<T extends FloatArray = FloatArray> {
  readonly #indices: ArrayLike<number | bigint>
  readonly #values: T

  /** Not to be called: `rows` makes them. */
  constructor(indices: ArrayLike<number | bigint>, values: T) {
    this.#indices = indices
    this.#values = values
  }

  /** So that it is not taken for a record of no gradients. */
  get [Symbol.toStringTag](): string {
    return 'Rows'
  }

  /** What it was made of. */
  static parts(given: unknown): { indices: ArrayLike<number | bigint>; values: FloatArray } | null {
    const isRows = typeof given === 'object' && given !== null && #indices in given
    return isRows ? { indices: given.#indices, values: given.#values } : null
  }
}

/** What a tensor's gradient may be beside an array, under some rule. */
export type SomeRows<R> =
  R extends DelayedStart<infer Inner>
    ? SomeRows<Inner>
    : R extends { readonly name: 'gradientDescent' | 'sgd' | 'adagrad' | 'adam' | 'adamw' | 'rmsprop' }
      ? Rows
      : never

/**
 * Gradients of some rows of a tensor, for {@link Optimizer.step}: `step({ embed: rows(indices, values), body })`. The
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
 * optimizer.step({ embed: rows([3, 14], gradients) })
 */
export function rows<T extends FloatArray>(indices: RowIndices, values: T): Rows<T> {
  const expected = 'a list or a typed array of whole numbers from 0 on'
  const isTyped = ArrayBuffer.isView(indices) && lengthOfIntegers(indices) !== undefined
  const listed = isTyped ? [] : listOf(indices)
  if (listed === undefined) throw new TensorError('rows: indices', expected, indices)
  for (const index of listed) if (!isIndex(index)) throw new TensorError('rows: indices', expected, index)
  if (!isFloatArray(values)) {
    throw new TensorError('rows: values', 'a Float32Array or Float64Array', values)
  }
  bring(catalogue)
  return new Rows((isTyped ? indices : listed) as ArrayLike<number | bigint>, values)
}

const isIndex = (index: unknown): boolean => Number.isSafeInteger(index) && (index as number) >= 0

/** How many integers a typed array has; undefined for other kinds. */
function lengthOfIntegers(given: ArrayBufferView): number | undefined {
  const type = typeOf(given)
  return type !== undefined && !type.startsWith('Float') ? lengthOf(given) : undefined
}

/** What there is of a tensor to read its rows with. */
interface Reading {
  /** Its list in the arena. */
  readonly list: Uint32Array
  /** For each row the number of the reading that has met it last, and where it has put it. */
  readonly met: Float64Array
  readings: number
}

const reading = new WeakMap<Tensor, Reading>()

function readingOf(tensor: Tensor, rows: number): Reading {
  const known = reading.get(tensor)
  if (known !== undefined) return known
  const made = { list: tensor.part.arena.list(tensor.place), met: new Float64Array(rows), readings: 0 }
  reading.set(tensor, made)
  return made
}

importedRows.read = (given, number, model) => {
  const read = Rows.parts(given)
  if (read === null) return null
  const { tensors, settings, measures, parts } = model as Model
  const tensor = tensors[number]
  const name = tensor.name === '' ? 'gradients' : `gradients.${tensor.name}`
  checkRule(tensor, name, settings)
  const { shape, length } = tensor
  const { indices, values } = read
  if (shape === undefined || shape.length < 2 || length === 0) {
    throw new TensorError(
      name,
      'rows of a tensor whose shape has two dimensions and more',
      'rows of another one',
    )
  }
  const [own] = (model as Model).gradients
  const [count, columns] = [indices.length, length / shape[0]]
  if (typeOf(values) !== typeOf(own) || lengthOf(values) !== count * columns) {
    const expected = `values of ${count} rows of ${columns}: a ${typeOf(own)} of length ${count * columns}`
    throw new TensorError(name, expected, values)
  }
  const found = readIndices(indices, tensor, shape[0], name)
  // Where they lie in an arena themselves, they would be written to before they are read.
  const apart = isOfOne(bufferOf(values), parts) ? copyOf(values) : values
  const { list, values: sums } = found.isUnique
    ? { list: found.list, values: apart }
    : merged(found.list, apart, columns)
  if (measures && !found.isSorted) sort(list)
  return new ByRow(given, list, sums)
}

function checkRule({ use }: Tensor, name: string, { clip, planes }: Model['settings']): void {
  const refuse = (what: string) => {
    throw new OptionError(name, `all gradients, as there are no rows ${what}`, 'some rows')
  }
  const { definition, stages } = use
  if (!definition.takesRows)
    refuse(`of ${definition.name}: its update of a row depends on the others, or on each step`)
  if (use.flags !== 0 || stages.length > 1) refuse(`of ${definition.name} where it is cautious`)
  const flags = flagsOf(use.clip ?? clip)
  if ((flags & BY_UNIT) !== 0) refuse('where gradients are centralized, clipped by unit, or get noise')
  if ((flags & WEIGHS) !== 0) refuse('where gradients are clipped by the norm of all parameters')
  if (planes.includes(ACCUMULATED)) refuse('where several batches are accumulated')
}

/** The pairs of a list in the order given, and whether rows are in order, and none there twice. */
function readIndices(indices: ArrayLike<number | bigint>, tensor: Tensor, rows: number, name: string) {
  const state = readingOf(tensor, rows)
  const { met } = state
  const stamp = ++state.readings
  const list = new Uint32Array(2 * indices.length)
  let [isUnique, isSorted, last] = [true, true, -1]
  for (let k = 0; k < indices.length; k++) {
    const index = Number(indices[k])
    if (!(index >= 0 && index < rows)) {
      throw new TensorError(name, `indices from 0 to ${rows - 1}`, indices[k])
    }
    if (index <= last) isSorted = false
    if (met[index] === stamp) isUnique = false
    met[index] = stamp
    last = index
    list[2 * k] = index
    list[2 * k + 1] = k
  }
  return { list, isUnique, isSorted }
}

/** Adds up what is of the same row, in the order given, in the dtype. */
function merged(pairs: Uint32Array, values: FloatArray, columns: number) {
  const places = new Map<number, number>()
  for (let k = 0; k < pairs.length; k += 2) {
    if (!places.has(pairs[k])) places.set(pairs[k], places.size)
  }
  const sums = copyOf(values).subarray(0, places.size * columns)
  const seen = new Set<number>()
  for (let k = 0; k < pairs.length; k += 2) {
    const [from, to] = [pairs[k + 1] * columns, (places.get(pairs[k]) as number) * columns]
    if (seen.has(to)) for (let j = 0; j < columns; j++) sums[to + j] += values[from + j]
    else sums.set(values.subarray(from, from + columns), to)
    seen.add(to)
  }
  return { list: Uint32Array.from([...places].flat()), values: sums }
}

/** Puts the pairs of a list in the order of rows. */
function sort(list: Uint32Array): void {
  const pairs = Array.from({ length: list.length / 2 }, (_, k) => [list[2 * k], list[2 * k + 1]])
  list.set(pairs.sort(([a], [b]) => a - b).flat())
}

importedRows.put = (gradients: Present, model) => {
  const { tensors, gradients: own } = model as Model
  gradients.forEach((gradient, number) => {
    if (!(gradient instanceof ByRow)) return
    const tensor = tensors[number]
    const { list } = reading.get(tensor) as Reading
    own[number].set(gradient.values)
    list[0] = gradient.list.length / 2
    list.set(gradient.list, 1)
  })
}

byRow.run = runRows
