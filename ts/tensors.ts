/** Parameters as users shape them, a typed array, a list or a nested record, and as a flat list. */

import { TensorError } from './errors.js'
import type { FloatArray } from './rules/rule.js'
import { isDetached, isFloatArray, lengthOf, typeOf } from './typed-arrays.js'

/** How many lists and records may lie in one another: no more than any stack holds. */
const DEEPEST = 100

/** One typed array, or lists and records of them, nested up to 100 deep. */
export type Parameters = FloatArray | readonly Parameters[] | { readonly [name: string]: Parameters }

// TypeScript 5.7 made typed arrays generic. Before, this is Float32Array, and since then it is
// Float32Array<ArrayBuffer>: so declarations need to name neither.
type View32 = ReturnType<typeof Float32Array.of>
type View64 = ReturnType<typeof Float64Array.of>

/** Methods of a class are on its prototype, which is not looked at. */
type Method = (...args: never) => unknown

/**
 * What `P` has to be so that it can be parameters. Interfaces and classes are no {@link Parameters},
 * for which TypeScript wants an index signature.
 */
export type Tree<P> = P extends FloatArray
  ? P
  : P extends readonly unknown[]
    ? { readonly [K in keyof P]: Tree<P[K]> }
    : P extends object
      ? P extends Method
        ? never
        : { readonly [K in keyof P as P[K] extends Method ? never : K]: Tree<P[K]> }
      : never

/** The same shape with a live view for each tensor; `view.slice()` is a copy with a buffer of its own. */
export type Views<P> = P extends Float32Array
  ? View32
  : P extends Float64Array
    ? View64
    : P extends readonly unknown[]
      ? { readonly [K in keyof P]: Views<P[K]> }
      : { readonly [K in keyof P as P[K] extends Method ? never : K]: Views<P[K]> }

/**
 * Gradients in the shape of the parameters. A tensor whose gradient is missing or null is skipped,
 * and its count of updates stands still.
 */
export type Gradients<P> = P extends Float32Array
  ? Float32Array
  : P extends Float64Array
    ? Float64Array
    : P extends readonly unknown[]
      ? { readonly [K in keyof P]: Gradients<P[K]> | null | undefined }
      : { readonly [K in keyof P as P[K] extends Method ? never : K]?: Gradients<P[K]> | null | undefined }

/** The shape of some parameters: a tensor's number in the flat list, or what it is nested in. */
export type Shape = number | readonly Shape[] | ReadonlyMap<string, Shape>

export interface Flat {
  readonly shape: Shape
  readonly names: readonly string[]
  readonly values: readonly FloatArray[]
  readonly dtype: 'float32' | 'float64'
}

/**
 * The tensors in the order of the list or of the record's keys.
 *
 * @throws TensorError where there is none, one is not a Float32Array or Float64Array or is
 * detached, dtypes are mixed, or two have one name, as 'a.b' and b in a; for a cycle, or one array,
 * list or record twice: what was one would be two
 */
export function flatten(parameters: unknown): Flat {
  const names: string[] = []
  const values: FloatArray[] = []
  const numbers = new Map<FloatArray, number>()
  const taken = new Set<string>()
  const seen = new Set<object>()
  const walk = (node: unknown, path: string, depth: number): Shape => {
    const name = path === '' ? 'params' : `params.${path}`
    if (isFloatArray(node)) {
      if (isDetached(node)) throw new TensorError(name, 'a tensor with its memory', 'a detached one')
      const [first] = values
      if (first !== undefined && typeOf(node) !== typeOf(first)) {
        throw new TensorError(name, `a ${typeOf(first)}, as ${names[0]}: one dtype an optimizer`, node)
      }
      const twin = numbers.get(node)
      if (twin !== undefined) {
        throw new TensorError(name, 'an array of its own, or a copy', `a second use of ${names[twin]}`)
      }
      if (taken.has(path)) throw new TensorError(name, 'one tensor of that name', 'a second one')
      taken.add(path)
      numbers.set(node, values.length)
      names.push(path)
      return values.push(node) - 1
    }
    const isOpen = typeof node === 'object' && node !== null && !ArrayBuffer.isView(node) && !isClosed(node)
    if (!isOpen || holdsValues(node)) {
      const expected = 'a Float32Array or Float64Array, or a list or record of them'
      throw new TensorError(name, expected + hint(node), node)
    }
    if (seen.has(node)) throw new TensorError(name, 'a tree', 'a cycle, or one list or record twice')
    seen.add(node)
    if (depth === DEEPEST) throw new TensorError(name, `nesting up to ${DEEPEST} deep`, node)
    const inner = (key: string | number) => (path === '' ? `${key}` : `${path}.${key}`)
    // Not by map, which leaves out the holes of a list.
    if (Array.isArray(node)) return Array.from(node, (child, i) => walk(child, inner(i), depth + 1))
    return new Map(Object.entries(node).map(([key, child]) => [key, walk(child, inner(key), depth + 1)]))
  }
  const shape = walk(parameters, '', 0)
  const [first] = values
  if (first === undefined) throw new TensorError('params', 'at least one tensor', parameters)
  return { shape, names, values, dtype: typeOf(first) === 'Float32Array' ? 'float32' : 'float64' }
}

/** The shape with `leaf(number)` for each tensor. */
export function unflatten(shape: Shape, leaf: (number: number) => unknown): unknown {
  if (typeof shape === 'number') return leaf(shape)
  if (Array.isArray(shape)) return Object.freeze(shape.map((child) => unflatten(child, leaf)))
  const record: Record<string, unknown> = {}
  for (const [key, child] of shape as ReadonlyMap<string, Shape>) {
    // Not by assignment: a key may be called __proto__.
    Object.defineProperty(record, key, { value: unflatten(child, leaf), enumerable: true })
  }
  return Object.freeze(record)
}

/**
 * Gradients in the flat list's order, undefined for those that are missing or null. What they are is
 * not checked yet: to read the next one may run code of the user's.
 *
 * @throws TensorError where a name does not exist, or a list has another length
 */
export function match(shape: Shape, gradients: unknown, found: unknown[], path = 'gradients'): void {
  if (gradients === null || gradients === undefined) return
  if (typeof shape === 'number') {
    found[shape] = gradients
    return
  }
  if (Array.isArray(shape)) {
    if (!Array.isArray(gradients) || gradients.length !== shape.length) {
      throw new TensorError(path, `a list of ${shape.length} gradients`, gradients)
    }
    for (let i = 0; i < shape.length; i++) {
      const child = shape[i] as Shape
      const gradient: unknown = gradients[i]
      // A path is only made where it may be needed: there can be thousands of tensors.
      if (typeof child !== 'number') match(child, gradient, found, `${path}.${i}`)
      else if (gradient !== null) found[child] = gradient
    }
    return
  }
  const isRecord =
    typeof gradients === 'object' && !Array.isArray(gradients) && !ArrayBuffer.isView(gradients)
  if (!isRecord || isClosed(gradients)) throw new TensorError(path, 'a record of gradients', gradients)
  const children = shape as ReadonlyMap<string, Shape>
  for (const key of Object.keys(gradients)) {
    const child = children.get(key)
    if (child === undefined) {
      const known = [...children.keys()]
      const some = known.slice(0, 8).join(', ') + (known.length > 8 ? ', …' : '')
      throw new TensorError(path, `only the names of parameters: ${some}`, key)
    }
    match(child, (gradients as Record<string, unknown>)[key], found, `${path}.${key}`)
  }
}

/** `tensor` is of the arena: it is what it says that it is. */
function fits(gradient: unknown, tensor: FloatArray): gradient is FloatArray {
  if (typeOf(gradient) !== tensor[Symbol.toStringTag]) return false
  const length = lengthOf(gradient as FloatArray)
  return length === tensor.length && (length > 0 || !isDetached(gradient as FloatArray))
}

/**
 * Checks that each gradient is as its tensor.
 *
 * @throws TensorError where a gradient's type or length is not its tensor's, or it is detached
 */
export function checkGradients(
  found: readonly unknown[],
  tensors: readonly FloatArray[],
  names: readonly string[],
): asserts found is readonly (FloatArray | undefined)[] {
  for (let i = 0; i < found.length; i++) {
    const gradient = found[i]
    const tensor = tensors[i]
    if (gradient === undefined || fits(gradient, tensor)) continue
    const detached = isFloatArray(gradient) && isDetached(gradient)
    const expected = `a ${typeOf(tensor)} of length ${tensor.length}${hint(gradient)}`
    const path = names[i] === '' ? 'gradients' : `gradients.${names[i]}`
    throw new TensorError(path, expected, detached ? 'a detached one' : gradient)
  }
}

/** TensorFlow.js's tensors and their like: their numbers are elsewhere. */
function holdsValues(node: unknown): boolean {
  return typeof (node as { dataSync?: unknown } | null)?.dataSync === 'function'
}

/** How to make a typed array of what came. */
function hint(value: unknown): string {
  if (holdsValues(value)) return ' (dataSync() gives the numbers of such a tensor)'
  const isNumber = typeof value === 'number' || (Array.isArray(value) && typeof value[0] === 'number')
  return isNumber ? ' (Float32Array.from and Float64Array.from make one of plain numbers)' : ''
}

/** Maps, promises and their like: they look like records without names, and are mistakes. */
function isClosed(node: object): boolean {
  for (const key in node) if (Object.hasOwn(node, key)) return false
  return !Array.isArray(node) && Object.prototype.toString.call(node) !== '[object Object]'
}
