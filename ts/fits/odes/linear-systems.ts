/** Dense linear systems by LU decomposition with partial pivoting, for real and complex matrices. */

/** A decomposed real matrix. */
export interface RealFactors {
  readonly lu: Float64Array
  readonly rows: Int32Array
}

/** Decomposes a matrix, row by row, in place. The result is undefined if the matrix is singular. */
export function factorize(lu: Float64Array, n: number): RealFactors | undefined {
  const rows = new Int32Array(n)
  for (let k = 0; k < n; k++) {
    let pivot = k
    for (let i = k + 1; i < n; i++) if (Math.abs(lu[i * n + k]) > Math.abs(lu[pivot * n + k])) pivot = i
    rows[k] = pivot
    if (pivot !== k) {
      for (let j = 0; j < n; j++) {
        const kept = lu[k * n + j]
        lu[k * n + j] = lu[pivot * n + j]
        lu[pivot * n + j] = kept
      }
    }
    const diagonal = lu[k * n + k]
    if (!(Math.abs(diagonal) > 0) || diagonal * 0 !== 0) return undefined
    const from = k * n
    for (let to = from + n; to < n * n; to += n) {
      const factor = lu[to + k] / diagonal
      lu[to + k] = factor
      if (factor !== 0) for (let j = k + 1; j < n; j++) lu[to + j] -= factor * lu[from + j]
    }
  }
  return { lu, rows }
}

/** Replaces the right-hand side b by the solution. */
export function solve({ lu, rows }: RealFactors, b: Float64Array, n: number): void {
  for (let k = 0; k < n; k++) {
    const pivot = rows[k]
    const kept = b[pivot]
    b[pivot] = b[k]
    b[k] = kept
  }
  for (let i = 1; i < n; i++) {
    const row = i * n
    let sum = b[i]
    for (let j = 0; j < i; j++) sum -= lu[row + j] * b[j]
    b[i] = sum
  }
  for (let i = n - 1; i >= 0; i--) {
    const row = i * n
    let sum = b[i]
    for (let j = i + 1; j < n; j++) sum -= lu[row + j] * b[j]
    b[i] = sum / lu[row + i]
  }
}

/**
 * The complex system (a + b·i)·x − J·x = r as a real system of twice the size, whose unknowns are the real parts and
 * the imaginary parts.
 */
export function factorizeComplex(
  [a, b]: readonly [number, number],
  jacobian: Float64Array,
  n: number,
): RealFactors | undefined {
  const size = 2 * n
  const lu = new Float64Array(size * size)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      lu[i * size + j] = -jacobian[i * n + j]
      lu[(n + i) * size + n + j] = -jacobian[i * n + j]
    }
    lu[i * size + i] += a
    lu[(n + i) * size + n + i] += a
    lu[i * size + n + i] = -b
    lu[(n + i) * size + i] = b
  }
  return factorize(lu, size)
}
