/** Gradients as users hand them over: read once, then checked, and only then used. */

import { bufferOf, byteOffsetOf } from '../ground/buffers.js'
import { copyOf } from '../ground/copy.js'
import { some, TensorError } from '../ground/errors.js'
import type { FloatArray } from '../ground/numbers.js'
import { hint, isNest, type Shape } from '../ground/tensors.js'
import { isDetached, isFloatArray, lengthOf, typeOf } from '../ground/typed-arrays.js'

/** The gradients of a step by tensor, undefined for those that are skipped. */
export type Present = readonly (FloatArray | undefined)[]
/** A step with the gradients of the arena. */
export const ALL: Present = []
/** A step without any gradient. */
export const NONE: Present = []

/**
 * What was given for each tensor, in the shape's order. All code of the user's that is in the way, getters
 * and proxies, runs here.
 *
 * @throws TensorError where a name does not exist, or what is in a list's or record's place is none
 */
export function read(shape: Shape, given: unknown, found: unknown[], path = 'gradients'): void {
  if (given === null || given === undefined) return
  if (typeof shape === 'number') {
    found[shape] = given
    return
  }
  if (Array.isArray(shape)) {
    if (!Array.isArray(given) || given.length !== shape.length) {
      throw new TensorError(path, `a list of ${shape.length} gradients`, given)
    }
    for (let i = 0; i < shape.length; i++) {
      const child = shape[i] as Shape
      const gradient: unknown = given[i]
      // A path is only made where it may be needed: there can be thousands of tensors.
      if (typeof child === 'number') found[child] = gradient ?? undefined
      else read(child, gradient, found, `${path}.${i}`)
    }
    return
  }
  if (Array.isArray(given) || !isNest(given)) throw new TensorError(path, 'a record of gradients', given)
  const children = shape as ReadonlyMap<string, Shape>
  for (const key of Object.keys(given)) {
    const child = children.get(key)
    if (child === undefined) {
      throw new TensorError(path, `only the names of parameters: ${some([...children.keys()])}`, key)
    }
    const gradient = (given as Record<string, unknown>)[key]
    if (typeof child === 'number') found[child] = gradient ?? undefined
    else read(child, gradient, found, `${path}.${key}`)
  }
}

/**
 * Checks what was read against the arena's own gradients; nothing of the user's runs here.
 *
 * @param names of the tensors, for messages
 * @throws TensorError where a gradient's type or length is not its tensor's
 */
export function check(
  found: readonly unknown[],
  own: readonly FloatArray[],
  names: readonly string[],
): asserts found is Present {
  const type = typeOf(own[0])
  for (let i = 0; i < found.length; i++) {
    const gradient = found[i]
    if (gradient === undefined || fits(gradient, type, own[i].length)) continue
    const detached = isFloatArray(gradient) && isDetached(gradient)
    const expected = `a ${typeOf(own[i])} of length ${own[i].length}${hint(gradient)}`
    const path = names[i] === '' ? 'gradients' : `gradients.${names[i]}`
    throw new TensorError(path, expected, detached ? 'a detached one' : gradient)
  }
}

function fits(gradient: unknown, type: string | undefined, length: number): gradient is FloatArray {
  if (typeOf(gradient) !== type || lengthOf(gradient as FloatArray) !== length) return false
  return length > 0 || !isDetached(gradient as FloatArray)
}

/** Up to so many elements a loop takes less time than the call of `set`. */
const SHORT = 32

/** Copies gradients into the arena's own, also where they are some of these in another order. */
export function copy(gradients: Present, own: readonly FloatArray[]): void {
  let apart = gradients
  // One alone may lie where it likes.
  if (gradients.length > 1 && !gradients.every(isElsewhere, own)) {
    apart = gradients.map((gradient, i) => moved(gradient, own[i]))
  }
  for (let i = 0; i < apart.length; i++) {
    const gradient = apart[i]
    if (gradient !== undefined) copyElements(gradient, own[i])
  }
}

function copyElements(from: FloatArray, to: FloatArray): void {
  const { length } = to
  if (length > SHORT) to.set(from)
  else for (let i = 0; i < length; i++) to[i] = from[i]
}

/**
 * Whether it is surely not in the arena, in front of whose arrays there are tables: a short one at the start of its buffer.
 * To ask for a buffer is slow, and makes one where a short array had none.
 */
function isElsewhere(this: readonly FloatArray[], gradient: FloatArray | undefined, i: number): boolean {
  return gradient === undefined || (this[i].length <= SHORT && byteOffsetOf(gradient) === 0)
}

/** The gradient, or a copy where it is in the arena; undefined where it is in its place. */
function moved(gradient: FloatArray | undefined, own: FloatArray): FloatArray | undefined {
  if (gradient === undefined || bufferOf(gradient) !== own.buffer) return gradient
  return byteOffsetOf(gradient) === own.byteOffset ? undefined : copyOf(gradient)
}
