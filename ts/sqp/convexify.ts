/**
 * Makes the Hessian of the Lagrangian positive definite. Curvature along the active constraints changes only where it
 * is not positive. Across active constraints, where the constraints fix the step, multiples of aaᵀ are added, which do
 * not change the step.
 */

import { diagonalize } from './eigen.js'

/** Pivots that are at least this large relative to the diagonal count as positive. */
const MIN_PIVOT = 1e-13
/** Multiples of the norm of the Hessian that are added across active constraints. */
const PENALTIES = [1, 10, 100, 1e4, 1e6]
/** Smallest eigenvalue relative to the norm of the Hessian. */
const MIN_EIGENVALUE = 1e-12
/** Curvature that counts as none. */
const NO_CURVATURE = 1e-100

/** The directions of the variables, for the last count of variables. */
let identity: readonly Float64Array[] = []

/**
 * @param hessian symmetric; overwritten by a positive definite matrix
 * @param normalsOf computes the normals of the active constraints, of length 1
 * @param tangents computes an orthonormal basis of the directions along the active constraints
 * @param least the smallest eigenvalue of a matrix with a changed curvature
 * @returns whether the matrix was changed
 */
export function convexify(
  hessian: Float64Array,
  size: number,
  normalsOf: () => readonly Float64Array[],
  tangents: () => readonly Float64Array[],
  least: number,
): boolean {
  if (isDefinite(hessian, size)) return false
  const normals = normalsOf()
  let norm = 0
  for (let i = 0; i < size; i++) {
    let sum = 0
    for (let j = 0; j < size; j++) sum += Math.abs(hessian[i * size + j])
    norm = Math.max(norm, sum)
  }
  const small = Math.max(least, MIN_EIGENVALUE * norm)
  // Without slope and curvature, the step is the shortest one to the constraints, for any multiple of the identity.
  const floor = small > NO_CURVATURE ? small : 1
  if (norm > 0 && normals.length > 0) {
    if (addNormals(hessian, size, normals, norm)) return true
    lift(hessian, size, tangents(), floor)
    if (isDefinite(hessian, size) || addNormals(hessian, size, normals, norm)) return true
  }
  if (identity.length !== size) {
    identity = Array.from({ length: size }, (_, i) => {
      const unit = new Float64Array(size)
      unit[i] = 1
      return unit
    })
  }
  lift(hessian, size, identity, floor)
  return true
}

/** Replaces the eigenvalues of a matrix along directions by their sizes, which are at least the floor. */
function lift(matrix: Float64Array, size: number, basis: readonly Float64Array[], floor: number): void {
  const free = basis.length
  const reduced = restrict(matrix, size, basis)
  const vectors = diagonalize(reduced, free)
  const direction = new Float64Array(size)
  for (let k = 0; k < free; k++) {
    const value = reduced[k * free + k]
    const change = Math.max(Math.abs(value), floor) - value
    if (change === 0) continue
    direction.fill(0)
    for (let a = 0; a < free; a++)
      for (let i = 0; i < size; i++) direction[i] += vectors[k * free + a] * basis[a][i]
    addSquare(matrix, size, direction, change)
  }
}

/** The matrix ZᵀMZ for the directions Z. */
export function restrict(matrix: Float64Array, size: number, basis: readonly Float64Array[]): Float64Array {
  const free = basis.length
  const reduced = new Float64Array(free * free)
  const product = new Float64Array(size)
  for (let a = 0; a < free; a++) {
    product.fill(0)
    for (let i = 0; i < size; i++)
      for (let j = 0; j < size; j++) product[i] += matrix[i * size + j] * basis[a][j]
    for (let b = 0; b <= a; b++) {
      let sum = 0
      for (let i = 0; i < size; i++) sum += basis[b][i] * product[i]
      reduced[a * free + b] = reduced[b * free + a] = sum
    }
  }
  return reduced
}

/** The memory of {@link addNormals}. */
let saved = new Float64Array(0)

/** Adds growing multiples of aaᵀ until the matrix is positive definite. Returns whether one suffices. */
function addNormals(
  matrix: Float64Array,
  size: number,
  normals: readonly Float64Array[],
  norm: number,
): boolean {
  const length = size * size
  if (saved.length < length) saved = new Float64Array(length)
  const given = saved.subarray(0, length)
  given.set(matrix)
  for (const penalty of PENALTIES) {
    matrix.set(given)
    for (const a of normals) addSquare(matrix, size, a, penalty * norm)
    if (isDefinite(matrix, size)) return true
  }
  matrix.set(given)
  return false
}

function addSquare(matrix: Float64Array, size: number, a: Float64Array, factor: number): void {
  for (let i = 0; i < size; i++) {
    if (a[i] === 0) continue
    const scaled = factor * a[i]
    for (let j = 0; j < size; j++) matrix[i * size + j] += scaled * a[j]
  }
}

/** The memory of {@link isDefinite}. */
let lower = new Float64Array(0)

/** Whether Cholesky's method finds only large pivots. */
export function isDefinite(matrix: Float64Array, size: number): boolean {
  if (lower.length < size * size) lower = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * size + j]
      for (let k = 0; k < j; k++) sum -= lower[i * size + k] * lower[j * size + k]
      if (i === j && !(sum > MIN_PIVOT * matrix[i * size + i])) return false
      lower[i * size + j] = i === j ? Math.sqrt(sum) : sum / lower[j * size + j]
    }
  }
  return true
}
