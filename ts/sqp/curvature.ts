/** Curvature of the Lagrangian along the active constraints, which tells minima from saddle points. */

import { ActiveFactors } from '../quadratic/factors.js'
import { restrict } from './convexify.js'
import { diagonalize } from './eigen.js'
import type { Iterate, NonlinearProblem } from './problem.js'

/** Curvature that counts as negative, relative to the largest second derivative. */
const MIN_CURVATURE = 1e-7

/** A direction of unit length along the constraints in which the Lagrangian curves down, and the curvature. */
export interface Descending {
  readonly direction: Float64Array
  readonly curvature: number
  /** Largest second derivative. */
  readonly norm: number
}

/**
 * Finds the direction of most negative curvature along active constraints.
 *
 * Returns undefined if no curvature is negative.
 *
 * @param hessian the matrix of second derivatives
 */
export function findDescending(
  { size }: NonlinearProblem,
  hessian: Float64Array,
  basis: readonly Float64Array[],
): Descending | undefined {
  const free = basis.length
  let norm = 0
  for (const element of hessian) norm = Math.max(norm, Math.abs(element))
  if (!(norm > 0 && norm < Infinity) || free === 0) return undefined
  const reduced = restrict(hessian, size, basis)
  const vectors = diagonalize(reduced, free)
  let lowest = -1
  for (let k = 0; k < free; k++) {
    const curvature = reduced[k * free + k]
    if (curvature < -MIN_CURVATURE * norm && (lowest < 0 || curvature < reduced[lowest * free + lowest]))
      lowest = k
  }
  if (lowest < 0) return undefined
  const direction = new Float64Array(size)
  for (let a = 0; a < free; a++)
    for (let i = 0; i < size; i++) direction[i] += vectors[lowest * free + a] * basis[a][i]
  return { direction, curvature: reduced[lowest * free + lowest], norm }
}

/** The memory of {@link tangents}, for the last count of variables. */
let shared: ReturnType<typeof createMemory> | undefined

function createMemory(size: number) {
  const factors = new ActiveFactors(size)
  const identity = new Float64Array(size * size)
  for (let i = 0; i < size; i++) identity[i * size + i] = 1
  factors.factorize(identity, 0, 0)
  return { factors, work: new Float64Array(size), rest: new Float64Array(size) }
}

/** An orthonormal basis of the directions along active constraints. */
export function tangents(
  { size }: NonlinearProblem,
  point: Iterate,
  active: readonly number[],
): Float64Array[] {
  if (shared?.factors.size !== size) shared = createMemory(size)
  const { factors, work, rest } = shared
  factors.reset()
  for (const normal of normals(size, point, active)) {
    if (factors.count < size && factors.project(normal, work, rest, size) > 0) factors.add()
  }
  const basis: Float64Array[] = []
  for (let k = factors.count; k < size; k++) basis.push(factors.basis.slice(k * size, (k + 1) * size))
  return basis
}

/** Normals of length 1 of active variables and constraints. */
export function normals(size: number, { rows }: Iterate, active: readonly number[]): Float64Array[] {
  const found: Float64Array[] = []
  for (const index of active) {
    const normal = new Float64Array(size)
    if (index < size) normal[index] = 1
    else if (!writeUnit(rows, (index - size) * size, normal)) continue
    found.push(normal)
  }
  return found
}

/** Writes a row in units of its length. Returns false if the row is 0 or not finite. */
function writeUnit(rows: Float64Array, first: number, out: Float64Array): boolean {
  let largest = 0
  for (let i = 0; i < out.length; i++) largest = Math.max(largest, Math.abs(rows[first + i]))
  if (!(largest > 0 && largest < Infinity)) return false
  let squares = 0
  for (let i = 0; i < out.length; i++) {
    out[i] = rows[first + i] / largest
    squares += out[i] * out[i]
  }
  const length = Math.sqrt(squares)
  for (let i = 0; i < out.length; i++) out[i] /= length
  return true
}
