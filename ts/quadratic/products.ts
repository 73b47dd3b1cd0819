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
