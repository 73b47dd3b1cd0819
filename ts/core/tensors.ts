/**
 * Conversion between the user's structure of parameters (a typed array, or an array or nested objects) and a flat list.
 */

import { joinFirst, TensorError } from './errors.js'
import type { FloatArray } from './numbers.js'
import { isCount } from './numbers.js'
import { getTypeName, isDetached, isFloatArray } from './typed-arrays.js'
import { isObject, MAX_LIST_LENGTH, toBoundedArray } from './untrusted-input.js'

/** The maximum nesting depth of arrays and objects, which any stack can hold. */
export const MAX_DEPTH = 100

/** The parameters: one typed array, or arrays and objects of typed arrays, nested up to 100 levels. */
export type Params = FloatArray | readonly Params[] | { readonly [name: string]: Params }

// Typed arrays are generic since TypeScript 5.7. These types resolve to Float32Array before 5.7, and to
// Float32Array<ArrayBuffer> since 5.7.
type View32 = ReturnType<typeof Float32Array.of>
type View64 = ReturnType<typeof Float64Array.of>

/** Methods of a class belong to the prototype, which is not read. */
type AnyFunction = (...args: never) => unknown

// Arrays of unknown length are compared as `E[]`, because TypeScript maps `E[]` lazily. Other array types would be
// mapped at once, without end if `P` can be any parameters.

/**
 * The type that `P` must have to be valid parameters. Interfaces and classes are not assignable to {@link Params},
 * because TypeScript requires an index signature.
 */
export type Tree<P> = P extends FloatArray
  ? P
  : P extends readonly (infer E)[]
    ? E[] extends P
      ? readonly Tree<E>[]
      : { readonly [K in keyof P]: Tree<P[K]> }
    : P extends object
      ? P extends AnyFunction
        ? never
        : { readonly [K in keyof P as P[K] extends AnyFunction ? never : K]: Tree<P[K]> }
      : never

/** The structure of the parameters, with a live view per tensor. `view.slice()` copies a view to a separate buffer. */
export type Views<P> = P extends Float32Array
  ? View32
  : P extends Float64Array
    ? View64
    : P extends readonly (infer E)[]
      ? E[] extends P
        ? readonly Views<E>[]
        : { readonly [K in keyof P]: Views<P[K]> }
      : { readonly [K in keyof P as P[K] extends AnyFunction ? never : K]: Views<P[K]> }

/**
 * Gradients in the structure of the parameters. A tensor whose gradient is missing or null is skipped, and its update
 * count stays the same. The type parameter `S` is a further type that the gradient of a tensor can have.
 */
export type Gradients<P, S = never> = P | Views<P> | WithSparse<P, S>

type WithSparse<P, S> = P extends Float32Array
  ? Float32Array | S
  : P extends Float64Array
    ? Float64Array | S
    : P extends readonly (infer E)[]
      ? E[] extends P
        ? readonly (WithSparse<E, S> | null | undefined)[]
        : { readonly [K in keyof P]: WithSparse<P[K], S> | null | undefined }
      : {
          readonly [K in keyof P as P[K] extends AnyFunction ? never : K]?:
            | WithSparse<P[K], S>
            | null
            | undefined
        }

/** Parameters merged with added parameters: objects are merged, and arrays are appended. */
export type MergedParams<P, Q> = P extends FloatArray
  ? P
  : P extends readonly unknown[]
    ? Q extends readonly unknown[]
      ? readonly [...P, ...Q]
      : P
    : {
        readonly [K in keyof P | keyof Q]: K extends keyof P
          ? K extends keyof Q
            ? MergedParams<P[K], Q[K]>
            : P[K]
          : K extends keyof Q
            ? Q[K]
            : never
      }

/**
 * The dimensions of the tensors, in the structure of the parameters. The shape of a tensor that is omitted is unknown.
 */
export type Shapes<P> = unknown extends P
  ? // biome-ignore lint/suspicious/noExplicitAny: whose shape nobody knows must fit what has one
    any
  : P extends FloatArray
    ? readonly number[]
    : P extends readonly (infer E)[]
      ? E[] extends P
        ? readonly (Shapes<E> | undefined)[]
        : { readonly [K in keyof P]?: Shapes<P[K]> | undefined }
      : { readonly [K in keyof P as P[K] extends AnyFunction ? never : K]?: Shapes<P[K]> | undefined }

/** The structure of the parameters: the index of a tensor in the flat list, or a nested array or Map. */
export type Shape = number | readonly Shape[] | ReadonlyMap<string, Shape>

export interface Flat {
  readonly shape: Shape
  readonly names: readonly string[]
  readonly values: readonly FloatArray[]
  readonly dtype: 'float32' | 'float64'
}

const describePath = (path: string) => (path === '' ? 'params' : `params.${path}`)

/**
 * Flattens parameters to a list of tensors, in the order of array indices or object keys.
 *
 * @throws TensorError if a value is not a Float32Array or Float64Array, or if its memory is detached. TensorError also
 * if there is no tensor, if dtypes are mixed, or if two tensors have the same name, as with the keys 'a.b' and b in a.
 * TensorError also for cycles, and for repeated arrays or objects, whose copies would no longer be the same object.
 */
export function flatten(parameters: unknown): Flat {
  const names: string[] = []
  const values: FloatArray[] = []
  const numbers = new Map<FloatArray, number>()
  const taken = new Set<string>()
  const seen = new Set<object>()
  const walk = (node: unknown, path: string, depth: number): Shape => {
    const name = describePath(path)
    if (isFloatArray(node)) {
      if (isDetached(node)) throw new TensorError(name, 'an attached tensor', 'a detached one')
      const [first] = values
      if (first !== undefined && getTypeName(node) !== getTypeName(first)) {
        throw new TensorError(name, `a ${getTypeName(first)} (the dtype of ${names[0]})`, node)
      }
      const twin = numbers.get(node)
      if (twin !== undefined) {
        throw new TensorError(name, 'a separate array, or a copy', `a second use of ${names[twin]}`)
      }
      if (taken.has(path)) throw new TensorError(name, 'a unique tensor name', 'a duplicate')
      taken.add(path)
      numbers.set(node, values.length)
      names.push(path)
      return values.push(node) - 1
    }
    if (!isNestedParams(node) || hasValues(node)) {
      const expected = 'a Float32Array or Float64Array, or an array or object of them'
      throw new TensorError(name, expected + shapeHint(node), node)
    }
    if (seen.has(node)) throw new TensorError(name, 'a tree', 'a cycle, or a repeated array or object')
    seen.add(node)
    if (depth === MAX_DEPTH) throw new TensorError(name, `nesting up to ${MAX_DEPTH} levels`, node)
    const inner = (key: string | number) => (path === '' ? `${key}` : `${path}.${key}`)
    if (Array.isArray(node)) {
      const children = toBoundedArray(node)
      if (children !== undefined) return children.map((child, i) => walk(child, inner(i), depth + 1))
      throw new TensorError(name, `at most ${MAX_LIST_LENGTH.toLocaleString('en')} elements`, node)
    }
    return new Map(Object.entries(node).map(([key, child]) => [key, walk(child, inner(key), depth + 1)]))
  }
  const shape = walk(parameters, '', 0)
  const [first] = values
  if (first === undefined) throw new TensorError('params', 'at least one tensor', parameters)
  return { shape, names, values, dtype: getTypeName(first) === 'Float32Array' ? 'float32' : 'float64' }
}

/**
 * The dotted names of the tensors by index, in the order of the structure. The numbers of appended array elements
 * follow the numbers of the existing elements.
 *
 * @throws TensorError if a tensor with the same name already exists
 */
export function collectNames(shape: Shape, old?: Shape, path = ''): [number: number, name: string][] {
  const isTensor = typeof shape === 'number'
  if (
    old !== undefined &&
    (typeof old === 'number' || isTensor || Array.isArray(old) !== Array.isArray(shape))
  ) {
    const expected = typeof old === 'number' ? 'a unique tensor name' : 'the existing structure'
    throw new TensorError(describePath(path), expected, isTensor ? 'a tensor' : 'an array or object')
  }
  if (isTensor) return [[shape, path]]
  const inner = (key: string | number) => (path === '' ? `${key}` : `${path}.${key}`)
  if (Array.isArray(shape)) {
    const count = Array.isArray(old) ? old.length : 0
    return shape.flatMap((child, i) => collectNames(child, undefined, inner(count + i)))
  }
  const before = old as ReadonlyMap<string, Shape> | undefined
  return [...(shape as ReadonlyMap<string, Shape>)].flatMap(([key, child]) =>
    collectNames(child, before?.get(key), inner(key)),
  )
}

/** Merges an added structure into an existing structure, in place. */
export function join(old: Shape, added: Shape): void {
  if (Array.isArray(old)) {
    for (const child of added as readonly Shape[]) old.push(child)
    return
  }
  const record = old as Map<string, Shape>
  for (const [key, child] of added as ReadonlyMap<string, Shape>) {
    const before = record.get(key)
    if (before === undefined) record.set(key, child)
    else join(before, child)
  }
}

/** Returns the same structure with new tensor indices. */
export function renumberShape(shape: Shape, newIndexOf: (number: number) => number): Shape {
  if (typeof shape === 'number') return newIndexOf(shape)
  if (Array.isArray(shape)) return shape.map((child) => renumberShape(child, newIndexOf))
  const record = shape as ReadonlyMap<string, Shape>
  return new Map([...record].map(([key, child]) => [key, renumberShape(child, newIndexOf)]))
}

/**
 * Reads the dimensions of tensors that the user has passed in the structure of the parameters. Each property of the
 * user's object is read once. The result omits tensors without dimensions.
 *
 * @throws TensorError if a name does not exist, or if the product of the dimensions differs from the tensor's length
 */
export function readShapes(
  shape: Shape,
  shapes: unknown,
  lengthOf: (number: number) => number,
  path = 'shapes',
): Map<number, readonly number[]> {
  const found = new Map<number, readonly number[]>()
  if (shapes === undefined || shapes === null) return found
  if (typeof shape === 'number') {
    const length = lengthOf(shape)
    const dimensions = readDimensions(shapes, length)
    if (dimensions !== undefined) return found.set(shape, dimensions)
    throw new TensorError(path, expectedDimensions(length), describeShape(shapes))
  }
  if (!isNestedParams(shapes) || Array.isArray(shape) !== Array.isArray(shapes)) {
    throw new TensorError(path, `an ${Array.isArray(shape) ? 'array' : 'object'} of shapes`, shapes)
  }
  const children = Array.isArray(shape) ? new Map(shape.map((child, i) => [`${i}`, child])) : shape
  for (const [key, child] of Object.entries(shapes)) {
    const place = (children as ReadonlyMap<string, Shape>).get(key)
    if (place === undefined) throw new TensorError(path, 'a parameter name', key)
    for (const pair of readShapes(place, child, lengthOf, `${path}.${key}`)) found.set(...pair)
  }
  return found
}

/** The maximum number of dimensions of a tensor. */
const MAX_DIMENSIONS = 100

/**
 * Reads each dimension of a tensor once; the result is undefined if the dimensions are invalid or do not match the
 * length.
 */
export function readDimensions(given: unknown, length: number): readonly number[] | undefined {
  const dimensions = toBoundedArray(given, MAX_DIMENSIONS)
  const product = dimensions?.reduce<number>((product, n) => product * (isCount(n) ? n : NaN), 1)
  return product === length ? Object.freeze(dimensions as number[]) : undefined
}

export const expectedDimensions = (length: number) =>
  `an array of up to ${MAX_DIMENSIONS} integers whose product is ${length}`

/** Formats dimensions for a message. */
function describeShape(dimensions: unknown): unknown {
  if (!Array.isArray(dimensions)) return dimensions
  return `an array: [${joinFirst(dimensions, (n) => (typeof n === 'number' ? n : typeof n))}]`
}

/**
 * Rebuilds the structure, with `leaf(number)` in place of each tensor. Arrays and objects are frozen, or converted by
 * `cache`.
 */
export function unflatten(
  shape: Shape,
  leaf: (number: number) => unknown,
  cache: (nest: object) => unknown = Object.freeze,
): unknown {
  if (typeof shape === 'number') return leaf(shape)
  const inner = (child: Shape) => unflatten(child, leaf, cache)
  if (Array.isArray(shape)) return cache(shape.map(inner))
  const record: Record<string, unknown> = {}
  for (const [key, child] of shape as ReadonlyMap<string, Shape>) setOwn(record, key, inner(child))
  return cache(record)
}

/**
 * Sets a property of an object. A property that every object inherits, such as `__proto__`, is defined instead of
 * assigned.
 */
export function setOwn<T>(record: Record<string, T>, key: string, value: T): void {
  if (!(key in record)) record[key] = value
  else Object.defineProperty(record, key, { value, enumerable: true, writable: true, configurable: true })
}

/**
 * The tensors sorted by name; elements of arrays are sorted by index. The order of object keys does not matter, because
 * conversion to JSON may change the order.
 */
export function sortByName(shape: Shape): number[] {
  if (typeof shape === 'number') return [shape]
  if (Array.isArray(shape)) return shape.flatMap(sortByName)
  const children = [...(shape as ReadonlyMap<string, Shape>)]
  return children.sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, child]) => sortByName(child))
}

/** Whether the object is a tensor of TensorFlow.js or a similar library, which stores the values elsewhere. */
function hasValues(node: unknown): boolean {
  return typeof (node as { dataSync?: unknown } | null)?.dataSync === 'function'
}

/** A hint that explains how to convert the value to a typed array. */
export function shapeHint(value: unknown, type = 'Float64Array'): string {
  if (hasValues(value)) return ' (dataSync() gives the numbers of such a tensor)'
  const isNumber = typeof value === 'number' || (Array.isArray(value) && typeof value[0] === 'number')
  return isNumber ? ` (${type}.from(list) makes one)` : ''
}

/**
 * Whether the value is a nested array or a plain object. Maps and promises look like objects without keys. A user who
 * passes a Map or promise has made a mistake.
 */
export function isNestedParams(node: unknown): node is object {
  if (!isObject(node) || ArrayBuffer.isView(node) || node instanceof String) return false
  for (const key in node) if (Object.hasOwn(node, key)) return true
  return Array.isArray(node) || Object.prototype.toString.call(node) === '[object Object]'
}
