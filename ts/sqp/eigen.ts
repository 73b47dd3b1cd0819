/** Eigenvalues of small symmetric matrices by Jacobi's rotations (Golub and Van Loan, 2013, section 8.5). */

import { EPSILON } from '../core/numbers.js'

const MAX_SWEEPS = 40

/**
 * Writes the eigenvalues to the diagonal of the matrix, and returns the eigenvectors as rows.
 *
 * @param matrix a symmetric matrix by rows; overwritten
 */
export function diagonalize(matrix: Float64Array, size: number): Float64Array {
  const vectors = new Float64Array(size * size)
  for (let i = 0; i < size; i++) vectors[i * size + i] = 1
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let isDone = true
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        const element = matrix[p * size + q]
        const a = matrix[p * size + p]
        const b = matrix[q * size + q]
        if (Math.abs(element) <= EPSILON * Math.sqrt(Math.abs(a * b)) || element === 0) continue
        if (Math.abs(element) <= 1e-300) continue
        isDone = false
        const ratio = (b - a) / (2 * element)
        const t = (ratio >= 0 ? 1 : -1) / (Math.abs(ratio) + Math.sqrt(ratio * ratio + 1))
        const c = 1 / Math.sqrt(t * t + 1)
        rotate(matrix, vectors, { size, p, q, c, s: t * c })
      }
    }
    if (isDone) break
  }
  return vectors
}

interface Rotation {
  readonly size: number
  readonly p: number
  readonly q: number
  readonly c: number
  readonly s: number
}

function rotate(matrix: Float64Array, vectors: Float64Array, { size, p, q, c, s }: Rotation): void {
  for (let k = 0; k < size; k++) {
    const a = matrix[k * size + p]
    const b = matrix[k * size + q]
    matrix[k * size + p] = c * a - s * b
    matrix[k * size + q] = s * a + c * b
  }
  for (let k = 0; k < size; k++) {
    const a = matrix[p * size + k]
    const b = matrix[q * size + k]
    matrix[p * size + k] = c * a - s * b
    matrix[q * size + k] = s * a + c * b
    const v = vectors[p * size + k]
    const w = vectors[q * size + k]
    vectors[p * size + k] = c * v - s * w
    vectors[q * size + k] = s * v + c * w
  }
  matrix[p * size + q] = 0
  matrix[q * size + p] = 0
}
