/**
 * Sums of gradients from several workers. The order of the additions does not depend on the order in which the workers
 * finish.
 */

import { copyArray } from '../core/copy.js'
import { TensorError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { isNestedParams, MAX_DEPTH, setOwn, shapeHint } from '../core/tensors.js'
import { getTypeName, isDetached, isFloatArray, readLength } from '../core/typed-arrays.js'
import { toBoundedArray } from '../core/untrusted-input.js'
import { addedByRow, SparseRows, sparseRows } from './rows.js'

/** The nodes of all parts at one path; some nodes may be missing. */
interface GradientNode {
  readonly nodes: readonly unknown[]
  /** The index of the first part that contains a node at this path. */
  readonly first: number
  readonly refuse: (part: number, expected: string, received?: unknown) => never
}

/** The largest row index that is valid. */
const MAX_ROW_INDEX = 0xffffffff

/**
 * Adds the gradients that several workers have computed, for a single {@link Optimizer.step}. The result depends only
 * on the order of the list. Store each part at the index of the worker, instead of in the order of arrival.
 *
 * Neighboring parts are added first, and then the sums of neighbors: ((0 + 1) + (2 + 3)) + 4. Each sum is rounded to
 * the dtype. Missing gradients contribute nothing to the sum. Gradients by {@link sparseRows} remain sparse: the result
 * contains each row of any part once, in ascending order. The function does not change the arguments and keeps no
 * references.
 *
 * @param parts the gradients of each worker in the structure of the parameters: arrays, results of `sparseRows`, and
 * nested arrays and objects of these values. The gradient of a tensor can be null or missing, but every worker needs a
 * part.
 * @returns new arrays; null for a tensor that has no gradient in any part
 * @throws TensorError if parts differ in structure, dtype, length or sparsity, or if a value is not a gradient
 * @example
 * const parts = new Array(workers.length)
 * workers[w].on('message', ({ indices, values }) => { parts[w] = { embed: sparseRows(indices, values) } })
 * // After all messages have arrived:
 * optimizer.step(sumGradients(parts))
 */
export function sumGradients<G extends object>(parts: readonly G[]): G {
  const given = toBoundedArray(parts)
  if (given === undefined || given.length === 0) {
    throw new TensorError('sumGradients: parts', 'an array of gradients from at least one worker', parts)
  }
  given.forEach((part, k) => {
    if (isMissing(part)) throw new TensorError(`sumGradients: parts.${k}`, 'gradients from each worker', part)
  })
  const seen = given.map(() => new Set<unknown>())
  return addGradients(given, seen, '', 0) as G
}

const isMissing = (node: unknown): node is null | undefined => node === undefined || node === null

/** No user code runs between the check of an array and its sum. */
function addGradients(
  nodes: readonly unknown[],
  seen: readonly Set<unknown>[],
  path: string,
  depth: number,
): unknown {
  const first = nodes.findIndex((node) => !isMissing(node))
  if (first === -1) return null
  const refuse = (part: number, expected: string, received = nodes[part]): never => {
    throw new TensorError(`sumGradients: parts.${part}${path}`, expected, received)
  }
  const place = { nodes, first, refuse }
  const given = nodes[first]
  if (isFloatArray(given)) return sumArrays(place, given)
  if (SparseRows.parts(given) !== null) return sumSparseRows(place)
  const isList = Array.isArray(given)
  if (!isNestedParams(given) || (!isList && shapeHint(given) !== '')) {
    refuse(
      first,
      `a Float32Array or Float64Array, sparse rows, or an array or object of them${shapeHint(given)}`,
    )
  }
  if (depth === MAX_DEPTH) refuse(first, `nesting up to ${MAX_DEPTH} levels`)
  // Nested objects that repeat could represent 2¹⁰⁰ tensors.
  nodes.forEach((node, k) => {
    if (seen[k].has(node)) refuse(k, 'a tree', 'a cycle, or a repeated array or object')
    if (!isMissing(node)) seen[k].add(node)
  })
  const inner = (children: readonly unknown[], key: string | number) =>
    addGradients(children, seen, `${path}.${key}`, depth + 1)
  return isList ? sumLists(place, inner) : sumObjects(place, inner)
}

type SumChild = (children: readonly unknown[], key: string | number) => unknown

function sumLists({ nodes, first, refuse }: GradientNode, inner: SumChild): unknown {
  let length: number | undefined
  const lists = nodes.map((node, k) => {
    if (isMissing(node)) return []
    const list = toBoundedArray(node)
    length ??= list?.length
    if (list === undefined || list.length !== length) {
      return refuse(
        k,
        length === undefined ? 'a shorter array' : `an array of length ${length} like parts.${first}`,
      )
    }
    return list
  })
  return Array.from({ length: length as number }, (_, i) =>
    inner(
      lists.map((list) => list[i]),
      i,
    ),
  )
}

function sumObjects({ nodes, first, refuse }: GradientNode, inner: SumChild): unknown {
  const byName = new Map<string, unknown[]>()
  nodes.forEach((node, k) => {
    if (isMissing(node)) return
    if (Array.isArray(node) || !isNestedParams(node)) refuse(k, `an object like parts.${first}`)
    for (const [name, child] of Object.entries(node as object)) {
      if (!byName.has(name)) byName.set(name, new Array(nodes.length).fill(undefined))
      ;(byName.get(name) as unknown[])[k] = child
    }
  })
  const sums: Record<string, unknown> = {}
  for (const [name, children] of byName) setOwn(sums, name, inner(children, name))
  return sums
}

function sumArrays({ nodes, first, refuse }: GradientNode, given: FloatArray): FloatArray {
  const [type, length] = [getTypeName(given), readLength(given)]
  const arrays = nodes.map((node, k) => {
    if (isMissing(node)) return undefined
    if (getTypeName(node) !== type || readLength(node as FloatArray) !== length) {
      return refuse(k, `a ${type} of length ${length} like parts.${first}`)
    }
    return isDetached(node as FloatArray) ? refuse(k, 'an attached array', 'a detached one') : node
  }) as (FloatArray | undefined)[]
  const sum = sumInPairs(arrays, (a, b) => {
    const both = copyArray(a)
    for (let i = 0; i < both.length; i++) both[i] += b[i]
    return both
  }) as FloatArray
  return arrays.includes(sum) ? copyArray(sum) : sum
}

interface SparseSum {
  readonly indices: Uint32Array
  readonly values: FloatArray
}

function sumSparseRows({ nodes, first, refuse }: GradientNode): SparseRows {
  let columns: number | undefined
  let type: string | undefined
  const parts = nodes.map((node, k): SparseSum | undefined => {
    if (isMissing(node)) return undefined
    const read = SparseRows.parts(node) ?? refuse(k, `sparse rows like parts.${first}`)
    const { indices: given, count, values } = read
    const indices = new Uint32Array(count)
    for (let i = 0; i < indices.length; i++) {
      const index = Number(given[i])
      if (!(index >= 0 && index <= MAX_ROW_INDEX)) refuse(k, `indices from 0 to ${MAX_ROW_INDEX}`, given[i])
      indices[i] = index
    }
    type ??= getTypeName(values)
    if (getTypeName(values) !== type) return refuse(k, `a ${type} like parts.${first}`, values)
    const length = readLength(values)
    if (count > 0) columns ??= length / count
    if (isDetached(values) || !Number.isInteger(columns ?? 0) || length !== count * (columns ?? 0)) {
      const whole = Number.isInteger(columns) ? `${columns} columns like the others` : 'equally many columns'
      return refuse(k, `values of ${count} rows of ${whole}`, values)
    }
    return { indices, values }
  })
  const wide = columns ?? 0
  const once = parts.map((part) => part && mergeRepeatedRows(part, wide))
  const sum = sortRows(
    sumInPairs(once, (a, b) => mergeRepeatedRows(concatenate(a, b), wide)) as SparseSum,
    wide,
  )
  return sparseRows(sum.indices, sum.values)
}

/** Merges repeated rows, and adds the gradients of each row in the order of the list. */
function mergeRepeatedRows({ indices, values }: SparseSum, columns: number): SparseSum {
  const { places, sums } = addedByRow({ indices, count: indices.length, values }, columns)
  return { indices: Uint32Array.from(places.keys()), values: sums }
}

/** Sorts sparse gradients by row, in ascending order. */
function sortRows({ indices, values }: SparseSum, columns: number): SparseSum {
  const order = indices.map((_, k) => k).sort((a, b) => indices[a] - indices[b])
  const sorted = copyArray(values)
  order.forEach((from, to) => {
    sorted.set(values.subarray(from * columns, (from + 1) * columns), to * columns)
  })
  return { indices: order.map((k) => indices[k]), values: sorted }
}

function concatenate(a: SparseSum, b: SparseSum): SparseSum {
  const joined = <T extends Uint32Array | FloatArray>(first: T, second: T): T => {
    const both = new (first.constructor as Uint32ArrayConstructor)(first.length + second.length)
    both.set(first)
    both.set(second, first.length)
    return both as T
  }
  return { indices: joined(a.indices, b.indices), values: joined(a.values, b.values) }
}

/**
 * Adds the parts in pairs, ((0 + 1) + (2 + 3)) + 4. The sum of the first 2ᵏ parts is therefore one intermediate sum,
 * which can be computed in advance.
 */
function sumInPairs<T>(parts: readonly (T | undefined)[], add: (a: T, b: T) => T): T | undefined {
  if (parts.length === 1) return parts[0]
  let half = 1
  while (2 * half < parts.length) half *= 2
  const a = sumInPairs(parts.slice(0, half), add)
  const b = sumInPairs(parts.slice(half), add)
  return a === undefined ? b : b === undefined ? a : add(a, b)
}
