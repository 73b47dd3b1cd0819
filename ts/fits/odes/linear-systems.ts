/**
 * Linear systems by LU decomposition with partial pivoting, for real and complex matrices. Most rates depend on few of
 * the states, so that most elements of the matrices are 0. Only the other elements are visited.
 */

/** A decomposed real matrix. */
export interface LinearFactors {
  readonly n: number
  readonly lu: Float64Array
  /** The row that was exchanged with each row. */
  readonly rows: Int32Array
  /** Columns of the nonzero elements next to the diagonal, row by row. */
  readonly columns: Int32Array
  /** For each row, its first index among the columns, and the first index right of the diagonal. */
  readonly first: Int32Array
  readonly right: Int32Array
}

/** Decomposes a matrix, row by row, in place. The result is undefined if the matrix is singular. */
export function factorize(lu: Float64Array, n: number): LinearFactors | undefined {
  const rows = new Int32Array(n)
  const list = new Int32Array(n)
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
    const from = k * n
    const diagonal = lu[from + k]
    if (!(Math.abs(diagonal) > 0) || diagonal * 0 !== 0) return undefined
    let count = 0
    for (let j = k + 1; j < n; j++) if (lu[from + j] !== 0) list[count++] = j
    for (let to = from + n; to < n * n; to += n) {
      if (lu[to + k] === 0) continue
      const factor = lu[to + k] / diagonal
      lu[to + k] = factor
      for (let entry = 0; entry < count; entry++) lu[to + list[entry]] -= factor * lu[from + list[entry]]
    }
  }
  return listElements(lu, rows, n)
}

function listElements(lu: Float64Array, rows: Int32Array, n: number): LinearFactors {
  const columns = new Int32Array(n * n)
  const first = new Int32Array(n + 1)
  const right = new Int32Array(n)
  let count = 0
  for (let i = 0; i < n; i++) {
    first[i] = count
    for (let j = 0; j < i; j++) if (lu[i * n + j] !== 0) columns[count++] = j
    right[i] = count
    for (let j = i + 1; j < n; j++) if (lu[i * n + j] !== 0) columns[count++] = j
  }
  first[n] = count
  return { n, lu, rows, columns, first, right }
}

/** Replaces the right-hand sides b by the solutions. Each row of b contains one number of each of `width` systems. */
export function solve(factors: LinearFactors, b: Float64Array, width: number): void {
  const { n, rows } = factors
  for (let k = 0; k < n; k++) {
    const pivot = rows[k]
    if (pivot === k) continue
    for (let d = 0; d < width; d++) {
      const kept = b[pivot * width + d]
      b[pivot * width + d] = b[k * width + d]
      b[k * width + d] = kept
    }
  }
  if (width === 1) substitute(factors, b)
  else substituteAll(factors, b, width)
}

function substitute({ n, lu, columns, first, right }: LinearFactors, b: Float64Array): void {
  for (let i = 1; i < n; i++) {
    let sum = b[i]
    for (let k = first[i]; k < right[i]; k++) sum -= lu[i * n + columns[k]] * b[columns[k]]
    b[i] = sum
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = b[i]
    for (let k = right[i]; k < first[i + 1]; k++) sum -= lu[i * n + columns[k]] * b[columns[k]]
    b[i] = sum / lu[i * n + i]
  }
}

function substituteAll(
  { n, lu, columns, first, right }: LinearFactors,
  b: Float64Array,
  width: number,
): void {
  for (let i = 1; i < n; i++) {
    const to = i * width
    for (let k = first[i]; k < right[i]; k++) {
      const factor = lu[i * n + columns[k]]
      const from = columns[k] * width
      for (let d = 0; d < width; d++) b[to + d] -= factor * b[from + d]
    }
  }
  for (let i = n - 1; i >= 0; i--) {
    const to = i * width
    for (let k = right[i]; k < first[i + 1]; k++) {
      const factor = lu[i * n + columns[k]]
      const from = columns[k] * width
      for (let d = 0; d < width; d++) b[to + d] -= factor * b[from + d]
    }
    const diagonal = lu[i * n + i]
    for (let d = 0; d < width; d++) b[to + d] /= diagonal
  }
}

/**
 * The complex system (a + b·i)·x − J·x = r as a real system of twice the size. The real part and the imaginary part of
 * each unknown are neighbors, so that the zeros of J remain zeros of the factors.
 */
export function factorizeComplex(
  [a, b]: readonly [number, number],
  jacobian: Float64Array,
  n: number,
): LinearFactors | undefined {
  const size = 2 * n
  const lu = new Float64Array(size * size)
  for (let i = 0; i < n; i++) {
    const real = 2 * i * size
    const imaginary = real + size
    for (let j = 0; j < n; j++) {
      lu[real + 2 * j] = -jacobian[i * n + j]
      lu[imaginary + 2 * j + 1] = -jacobian[i * n + j]
    }
    lu[real + 2 * i] += a
    lu[imaginary + 2 * i + 1] += a
    lu[real + 2 * i + 1] = -b
    lu[imaginary + 2 * i] = b
  }
  return factorize(lu, size)
}
