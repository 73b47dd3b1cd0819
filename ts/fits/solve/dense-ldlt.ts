/**
 * Factorization L·D·Lᵀ without pivoting, for the symmetric equations of the shared parameters. The factors are stored
 * in the lower triangle of a matrix.
 */

/**
 * Elements of L below the diagonal, and 1/D on the diagonal. 1/D is 0 for a parameter that does not move or is
 * unidentifiable.
 */
export interface DenseFactors {
  readonly size: number
  readonly factors: Float64Array
}

/**
 * @param matrix the matrix by rows, of which only the lower triangle is used
 * @param scale the diagonal D of the damping term λ·D, with which pivots are compared
 */
export function factorizeDense(
  matrix: Float64Array,
  scale: Float64Array,
  damping: number,
  moves: ArrayLike<number>,
  least: number,
): DenseFactors {
  const size = scale.length
  const factors = matrix.slice()
  const scaled = new Float64Array(size)
  for (let i = 0; i < size; i++) {
    const row = i * size
    for (let j = 0; j <= i; j++) {
      let rest = matrix[row + j] + (i === j ? damping * scale[i] : 0)
      for (let k = 0; k < j; k++) rest -= scaled[k] * factors[j * size + k]
      scaled[j] = rest
      if (j < i) factors[row + j] = rest * factors[j * size + j]
      else factors[row + i] = rest > least * scale[i] && moves[i] !== 0 ? 1 / rest : 0
    }
  }
  return { size, factors }
}

/** Solves the linear equations in place. */
export function solveDense({ size, factors }: DenseFactors, x: Float64Array): Float64Array {
  for (let i = 0; i < size; i++) for (let k = 0; k < i; k++) x[i] -= factors[i * size + k] * x[k]
  for (let i = size - 1; i >= 0; i--) {
    const inverse = factors[i * size + i]
    x[i] = inverse === 0 ? 0 : x[i] * inverse
    for (let k = i + 1; k < size; k++) x[i] -= factors[k * size + i] * x[k]
  }
  return x
}

/** The full inverse matrix. Rows and columns of parameters that do not move are 0. */
export function invertDense(dense: DenseFactors): Float64Array {
  const { size } = dense
  const inverse = new Float64Array(size * size)
  for (let j = 0; j < size; j++) {
    if (dense.factors[j * size + j] === 0) continue
    const column = inverse.subarray(j * size, (j + 1) * size)
    column[j] = 1
    solveDense(dense, column)
  }
  return inverse
}
