/**
 * Reads the gradients that a user passes to a step. Each property of the gradients is read once, and validated before
 * use.
 */

import { readBuffer, readByteOffset } from '../core/buffers.js'
import { copyArray } from '../core/copy.js'
import { joinFirst, TensorError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { isNestedParams, type Shape, shapeHint } from '../core/tensors.js'
import { getTypeName, isDetached, isFloatArray, readLength } from '../core/typed-arrays.js'
import { extensions } from '../extensions.js'

/** A validated gradient of listed rows of a tensor. */
export class RowGradient {
  /** The user's object. The object is read again if user code has run since the first read. */
  readonly given: unknown
  /**
   * The values of the gradient, one row of values per entry of the list. If a row is listed repeatedly, its values are
   * added up.
   */
  readonly values: FloatArray
  /** The number of elements of `values`. */
  readonly length: number

  constructor(given: unknown, values: FloatArray) {
    this.given = given
    this.values = values
    this.length = readLength(values)
  }
}

/** The gradients of a step by tensor; undefined for a tensor that is skipped. */
export type StepGradients = readonly (FloatArray | RowGradient | undefined)[]
/** Gradients of a step in which no gradient is sparse. */
export type DenseGradients = readonly (FloatArray | undefined)[]
/** The gradients of a step if all gradients are in the arena. */
export const ALL_GRADIENTS: StepGradients = []
/** The gradients of a step if no tensor has a gradient. */
export const NO_GRADIENTS: StepGradients = []

/**
 * A structure of tensors, prepared for reading gradients in the same structure. The keys of an object are stored in
 * order, because a comparison of keys is faster than a lookup.
 */
export type ShapeReader = number | readonly ShapeReader[] | ObjectShapeReader

interface ObjectShapeReader {
  readonly names: readonly string[]
  readonly children: readonly ShapeReader[]
  readonly places: ReadonlyMap<string, number>
}

export function makeReader(shape: Shape): ShapeReader {
  if (typeof shape === 'number') return shape
  if (Array.isArray(shape)) return shape.map(makeReader)
  const record = shape as ReadonlyMap<string, Shape>
  const names = [...record.keys()]
  const places = new Map(names.map((name, k) => [name, k]))
  return { names, children: [...record.values()].map(makeReader), places }
}

/**
 * Collects the user's value for each tensor, in the order of the structure. User code such as getters and proxies runs
 * in this function.
 *
 * @throws TensorError if a name does not exist, or if the value is missing where an array or object of gradients is
 * expected
 */
export function read(reader: ShapeReader, given: unknown, found: unknown[], path = 'gradients'): void {
  if (given === null || given === undefined) return
  if (typeof reader === 'number') {
    found[reader] = given
    return
  }
  if (isList(reader)) {
    if (!Array.isArray(given) || given.length !== reader.length) {
      throw new TensorError(path, `an array of ${reader.length} gradients`, given)
    }
    for (let i = 0; i < reader.length; i++) readChild(reader[i] as ShapeReader, given[i], found, path, i)
    return
  }
  if (Array.isArray(given) || !isNestedParams(given))
    throw new TensorError(path, 'an object of gradients', given)
  const record = given as Record<string, unknown>
  const keys = Object.keys(record)
  let k = 0
  // In a for-in loop, the JavaScript compiler knows the positions of the values. Inherited keys come last and end the
  // loop.
  for (const key in record) {
    if (key !== keys[k]) break
    const child = findChild(reader, key, k++, path)
    readChild(child, record[key], found, path, key)
  }
  // The remaining keys, which getters have deleted or hidden during the loop.
  for (; k < keys.length; k++) {
    const child = findChild(reader, keys[k], k, path)
    readChild(child, record[keys[k]], found, path, keys[k])
  }
}

const isList = (reader: ShapeReader): reader is readonly ShapeReader[] => Array.isArray(reader)

function findChild(
  { names, children, places }: ObjectShapeReader,
  key: string,
  guess: number,
  path: string,
): ShapeReader {
  const place = names[guess] === key ? guess : places.get(key)
  if (place !== undefined) return children[place]
  throw new TensorError(path, `a parameter name: ${joinFirst(names)}`, key)
}

/**
 * Reads a child of the structure. The path of the child is built only if necessary, because a model can have thousands
 * of tensors.
 */
function readChild(
  reader: ShapeReader,
  given: unknown,
  found: unknown[],
  path: string,
  key: string | number,
): void {
  if (typeof reader === 'number') found[reader] = given ?? undefined
  else read(reader, given, found, `${path}.${key}`)
}

/**
 * Copies a gradient that is a single array. The result is false, without a copy, if the value is not a gradient of the
 * right type and length.
 */
export function takeSingle(given: unknown, own: FloatArray): boolean {
  if (!hasShape(given, getTypeName(own), own.length)) return false
  // `set` handles overlapping memory.
  if (isElsewhere(given, own)) copyElements(given, own)
  else own.set(given)
  return true
}

/** The tensors to which the gradients belong. */
export interface GradientOwner {
  readonly gradients: readonly FloatArray[]
  readonly tensors: readonly { readonly name: string }[]
  /** The tensors in the order of the user's structure. */
  all(): readonly { readonly number: number }[]
}

/**
 * Validates the collected values by comparing them with the arena's gradients, and reads sparse gradients. No user code
 * runs in this function.
 *
 * @returns whether some of the gradients are sparse
 * @throws TensorError if a gradient and its tensor differ in type or length; the error names the first invalid gradient
 * in the user's order
 */
export function check(found: unknown[], model: GradientOwner): boolean {
  const type = getTypeName(model.gradients[0])
  let isByRow = false
  try {
    for (let i = 0; i < found.length; i++) if (isRowGradient(found, i, type, model)) isByRow = true
  } catch (error) {
    // Indices follow the order in memory, which differs in a loaded run, so the tensors are checked again in the user's
    // order.
    for (const tensor of model.all()) isRowGradient(found, tensor.number, type, model)
    throw error
  }
  return isByRow
}

function isRowGradient(found: unknown[], i: number, type: string | undefined, model: GradientOwner): boolean {
  const gradient = found[i]
  const { length } = model.gradients[i]
  if (gradient === undefined || hasShape(gradient, type, length)) return false
  const byRow = extensions.rows?.read(gradient instanceof RowGradient ? gradient.given : gradient, i, model)
  if (byRow) {
    found[i] = byRow
    return true
  }
  const detached = isFloatArray(gradient) && isDetached(gradient)
  const expected = `a ${type} of length ${length}${shapeHint(gradient, type)}`
  throw new TensorError(gradientPath(model.tensors[i].name), expected, detached ? 'a detached one' : gradient)
}

/** The name of a tensor's gradient, for messages. */
export const gradientPath = (name: string): string => (name === '' ? 'gradients' : `gradients.${name}`)

function hasShape(gradient: unknown, type: string | undefined, length: number): gradient is FloatArray {
  if (getTypeName(gradient) !== type || readLength(gradient as FloatArray) !== length) return false
  return length > 0 || !isDetached(gradient as FloatArray)
}

/** The maximum array length for which a loop is faster than a call of `set`. */
const MAX_LOOP_COPY = 12

/** Arrays of this length are shorter than the tables at the start of an arena. */
const MAX_LENGTH_BELOW_TABLES = 32

/** The memories of the arenas. */
export type ArenaBuffers = readonly {
  readonly arena: { readonly region: { readonly buffer: ArrayBufferLike } }
}[]

/** Copies gradients into the arenas, even if some of the gradients are arrays of an arena in a different order. */
export function copy(gradients: DenseGradients, own: readonly FloatArray[], arenas: ArenaBuffers): void {
  const apart = areElsewhere(gradients, own)
    ? gradients
    : gradients.map((gradient, i) => copyIfInArena(gradient, own[i], arenas))
  for (let i = 0; i < apart.length; i++) {
    const gradient = apart[i]
    if (gradient !== undefined) copyElements(gradient, own[i])
  }
}

function copyElements(from: FloatArray, to: FloatArray): void {
  const { length } = to
  if (length > MAX_LOOP_COPY) to.set(from)
  else for (let i = 0; i < length; i++) to[i] = from[i]
}

function areElsewhere(gradients: DenseGradients, own: readonly FloatArray[]): boolean {
  for (let i = 0; i < gradients.length; i++) {
    const gradient = gradients[i]
    if (gradient !== undefined && !isElsewhere(gradient, own[i])) return false
  }
  return true
}

/**
 * Whether the array is certainly outside the arena: it is short, and begins at the start of its buffer. Reading the
 * property `buffer` is slow, and allocates a buffer for a short array.
 */
const isElsewhere = (gradient: FloatArray, { length }: FloatArray): boolean =>
  length <= MAX_LENGTH_BELOW_TABLES && readByteOffset(gradient) === 0

/**
 * The gradient, or a copy if the gradient lies in the memory of an arena; undefined if the gradient already lies in its
 * place in the arena.
 */
function copyIfInArena(
  gradient: FloatArray | undefined,
  own: FloatArray,
  arenas: ArenaBuffers,
): FloatArray | undefined {
  if (gradient === undefined) return gradient
  const buffer = readBuffer(gradient)
  if (!isArenaBuffer(buffer, arenas)) return gradient
  const isInPlace = buffer === own.buffer && readByteOffset(gradient) === own.byteOffset
  return isInPlace ? undefined : copyArray(gradient)
}

/** Whether the buffer is the memory of one of the arenas. */
export function isArenaBuffer(buffer: ArrayBufferLike, arenas: ArenaBuffers): boolean {
  for (let p = 0; p < arenas.length; p++) if (arenas[p].arena.region.buffer === buffer) return true
  return false
}
