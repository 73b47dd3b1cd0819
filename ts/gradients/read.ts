/** Gradients as users hand them over: read once, then checked, and only then used. */

import { readBuffer, readByteOffset } from '../core/buffers.js'
import { copyArray } from '../core/copy.js'
import { joinFirst, TensorError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { isNestedParams, type Shape, shapeHint } from '../core/tensors.js'
import { getTypeName, isDetached, isFloatArray, readLength } from '../core/typed-arrays.js'
import { extensions, type Model } from '../extensions.js'

/** Gradients of some rows of a tensor, read and checked. */
export class RowGradient {
  /** What was given, to be read again where code of the user's has run since. */
  readonly given: unknown
  /** One row behind the other, one for each entry of the list: a row that is listed again gets the sum. */
  readonly values: FloatArray
  /** How many numbers `values` has. */
  readonly length: number

  constructor(given: unknown, values: FloatArray) {
    this.given = given
    this.values = values
    this.length = readLength(values)
  }
}

/** The gradients of a step by tensor, undefined for those that are skipped. */
export type StepGradients = readonly (FloatArray | RowGradient | undefined)[]
/** Those that are of all elements. */
export type DenseGradients = readonly (FloatArray | undefined)[]
/** A step with the gradients of the arena. */
export const ALL_GRADIENTS: StepGradients = []
/** A step without any gradient. */
export const NO_GRADIENTS: StepGradients = []

/** A shape as steps read it; a record has its names in order beside them, as to compare takes less than to look up. */
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
 * What was given for each tensor, in the shape's order. All code of the user's that is in the way, getters
 * and proxies, runs here.
 *
 * @throws TensorError where a name does not exist, or what is in a list's or record's place is none
 */
export function read(reader: ShapeReader, given: unknown, found: unknown[], path = 'gradients'): void {
  if (given === null || given === undefined) return
  if (typeof reader === 'number') {
    found[reader] = given
    return
  }
  if (isList(reader)) {
    if (!Array.isArray(given) || given.length !== reader.length) {
      throw new TensorError(path, `a list of ${reader.length} gradients`, given)
    }
    for (let i = 0; i < reader.length; i++) readChild(reader[i] as ShapeReader, given[i], found, path, i)
    return
  }
  if (Array.isArray(given) || !isNestedParams(given))
    throw new TensorError(path, 'a record of gradients', given)
  const record = given as Record<string, unknown>
  const keys = Object.keys(record)
  let k = 0
  // In such a loop the compiler knows where values are. What is inherited comes last, and is not looked at.
  for (const key in record) {
    if (key !== keys[k]) break
    const child = findChild(reader, key, k++, path)
    readChild(child, record[key], found, path, key)
  }
  // What getters have deleted, or hidden, meanwhile.
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
  throw new TensorError(path, `only the names of parameters: ${joinFirst(names)}`, key)
}

/** A path is only made where it may be needed: there can be thousands of tensors. */
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

/** Copies what is the one gradient of the only tensor; false, and nothing is done, where it is none. */
export function takeSingle(given: unknown, own: FloatArray): boolean {
  if (!hasShape(given, getTypeName(own), own.length)) return false
  // `set` copies also what overlaps.
  if (isElsewhere(given, own)) copyElements(given, own)
  else own.set(given)
  return true
}

/**
 * Checks what was read against the arena's own gradients, and reads those of rows; nothing of the user's runs here.
 *
 * @returns whether there are some of rows
 * @throws TensorError where a gradient's type or length is not its tensor's: of the first such one that the user gave
 */
export function check(found: unknown[], model: Model): boolean {
  const type = getTypeName(model.gradients[0])
  let isByRow = false
  try {
    for (let i = 0; i < found.length; i++) if (isRowGradient(found, i, type, model)) isByRow = true
  } catch (error) {
    // Numbers are in the order of memory, which is another one in a run that was loaded.
    for (const tensor of model.all()) isRowGradient(found, tensor.number, type, model)
    throw error
  }
  return isByRow
}

function isRowGradient(found: unknown[], i: number, type: string | undefined, model: Model): boolean {
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

/** What messages call the gradient of a tensor. */
export const gradientPath = (name: string): string => (name === '' ? 'gradients' : `gradients.${name}`)

function hasShape(gradient: unknown, type: string | undefined, length: number): gradient is FloatArray {
  if (getTypeName(gradient) !== type || readLength(gradient as FloatArray) !== length) return false
  return length > 0 || !isDetached(gradient as FloatArray)
}

/** Up to so many elements a loop takes less time than the call of `set`. */
const MAX_LOOP_COPY = 12

/** So many are shorter than the tables in front of an arena's arrays. */
const MAX_LENGTH_BELOW_TABLES = 32

/** The memories of arenas, one after the other. */
export type ArenaBuffers = readonly {
  readonly arena: { readonly region: { readonly buffer: ArrayBufferLike } }
}[]

/** Copies gradients into the arenas' own, also where they are some of these in another order. */
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
 * Whether it is surely not in an arena's array: a short one at the start of its buffer. To ask for a buffer is slow, and
 * makes one where a short array had none.
 */
const isElsewhere = (gradient: FloatArray, { length }: FloatArray): boolean =>
  length <= MAX_LENGTH_BELOW_TABLES && readByteOffset(gradient) === 0

/** The gradient, or a copy where it is in an arena's memory; undefined where it is in its place. */
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

/** Whether it is the memory of one of these. */
export function isArenaBuffer(buffer: ArrayBufferLike, arenas: ArenaBuffers): boolean {
  for (let p = 0; p < arenas.length; p++) if (arenas[p].arena.region.buffer === buffer) return true
  return false
}
