/** Sums of products over parts of arrays. Four sums at once are faster, because one addition need not await another. */

/** The scalar product of two parts of arrays. */
export function multiply(
  a: Float64Array,
  first: number,
  b: Float64Array,
  second: number,
  length: number,
): number {
  let s = 0
  let t = 0
  let u = 0
  let v = 0
  let i = 0
  for (; i + 3 < length; i += 4) {
    s += a[first + i] * b[second + i]
    t += a[first + i + 1] * b[second + i + 1]
    u += a[first + i + 2] * b[second + i + 2]
    v += a[first + i + 3] * b[second + i + 3]
  }
  for (; i < length; i++) s += a[first + i] * b[second + i]
  return s + t + (u + v)
}

/** Adds a multiple of a part of an array to a part of another array. */
export function addMultiple(
  to: Float64Array,
  first: number,
  factor: number,
  from: Float64Array,
  second: number,
  length: number,
): void {
  let i = 0
  for (; i + 3 < length; i += 4) {
    const at = first + i
    const other = second + i
    to[at] += factor * from[other]
    to[at + 1] += factor * from[other + 1]
    to[at + 2] += factor * from[other + 2]
    to[at + 3] += factor * from[other + 3]
  }
  for (; i < length; i++) to[first + i] += factor * from[second + i]
}

/**
 * Writes the scalar products of a vector with some rows of a matrix. Four rows at once share the elements of the vector.
 *
 * @param first index of the first element of the first row
 * @param rows count of rows, each as long as the vector
 */
export function multiplyRows(
  matrix: Float64Array,
  first: number,
  rows: number,
  vector: Float64Array,
  out: Float64Array,
): void {
  const { length } = vector
  let row = 0
  let a = first
  for (; row + 3 < rows; row += 4, a += 4 * length) {
    const b = a + length
    const c = b + length
    const d = c + length
    let s = 0
    let t = 0
    let u = 0
    let v = 0
    for (let i = 0; i < length; i++) {
      const x = vector[i]
      s += matrix[a + i] * x
      t += matrix[b + i] * x
      u += matrix[c + i] * x
      v += matrix[d + i] * x
    }
    out[row] = s
    out[row + 1] = t
    out[row + 2] = u
    out[row + 3] = v
  }
  for (; row < rows; row++, a += length) {
    let sum = 0
    for (let i = 0; i < length; i++) sum += matrix[a + i] * vector[i]
    out[row] = sum
  }
}

/**
 * Adds multiples of some rows of a matrix to a vector.
 *
 * @param factors the factor of row k at index k
 */
export function addRows(
  to: Float64Array,
  matrix: Float64Array,
  factors: Float64Array,
  from: number,
  end: number,
): void {
  const { length } = to
  let row = from
  let a = from * length
  for (; row + 3 < end; row += 4, a += 4 * length) {
    const b = a + length
    const c = b + length
    const d = c + length
    const s = factors[row]
    const t = factors[row + 1]
    const u = factors[row + 2]
    const v = factors[row + 3]
    for (let i = 0; i < length; i++)
      to[i] += s * matrix[a + i] + t * matrix[b + i] + (u * matrix[c + i] + v * matrix[d + i])
  }
  for (; row < end; row++, a += length) addMultiple(to, 0, factors[row], matrix, a, length)
}

/**
 * Adds multiples of a vector to the rows of a square matrix from some row on. Four rows at once share the elements of
 * the vector.
 *
 * @param factors the multiple of row k is the factor at index k, times the common factor
 */
export function addToRows(
  matrix: Float64Array,
  factors: Float64Array,
  common: number,
  vector: Float64Array,
  from: number,
): void {
  const { length } = vector
  let row = from
  let a = from * length
  for (; row + 3 < length; row += 4, a += 4 * length) {
    const b = a + length
    const c = b + length
    const d = c + length
    const s = common * factors[row]
    const t = common * factors[row + 1]
    const u = common * factors[row + 2]
    const v = common * factors[row + 3]
    for (let i = 0; i < length; i++) {
      const x = vector[i]
      matrix[a + i] += s * x
      matrix[b + i] += t * x
      matrix[c + i] += u * x
      matrix[d + i] += v * x
    }
  }
  for (; row < length; row++, a += length) addMultiple(matrix, a, common * factors[row], vector, 0, length)
}
