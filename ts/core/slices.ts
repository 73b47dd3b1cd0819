/** Performs work in slices, so that the event loop can run between two slices. */

/** A generator that performs work and can pause at every `yield`. */
export type Slices<T> = Generator<undefined, T>

/** Number of array elements per slice. A slice takes a fraction of a millisecond. */
export const ROWS_PER_SLICE = 1 << 14

/** Visits the range from 0 to `length` in slices. */
export function* visitInSlices(length: number, visit: (from: number, to: number) => void): Slices<void> {
  for (let from = 0; from < length; from += ROWS_PER_SLICE) {
    if (from > 0) yield
    visit(from, Math.min(from + ROWS_PER_SLICE, length))
  }
}

/** Whether the condition holds in at least one slice; later slices are not visited. */
export function* someInSlices(length: number, holds: (from: number, to: number) => boolean): Slices<boolean> {
  for (let from = 0; from < length; from += ROWS_PER_SLICE) {
    if (from > 0) yield
    if (holds(from, Math.min(from + ROWS_PER_SLICE, length))) return true
  }
  return false
}

/** Returns a function that adds up counts and reports whether a pause is due. */
export function pauseAfterNumbers(): (count: number) => boolean {
  let sum = 0
  return (count) => {
    sum += count
    const isDue = sum >= ROWS_PER_SLICE
    if (isDue) sum = 0
    return isDue
  }
}

/** Runs the work without pauses. */
export function runToEnd<T>(work: Slices<T>): T {
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
  }
}

/**
 * Sorts an array stably, with pauses. Each slice is sorted first. Sorted runs are then merged into runs of twice the
 * size. The function may overwrite the array `numbers`.
 *
 * @param compare comparison function; by default numbers are sorted in ascending order, with −0 before 0
 */
export function* sortInSlices<T extends Float64Array | Uint32Array>(
  numbers: T,
  compare?: (a: number, b: number) => number,
): Slices<T> {
  const { length } = numbers
  if (length <= ROWS_PER_SLICE) return numbers.sort(compare) as T
  yield* visitInSlices(length, (from, to) => numbers.subarray(from, to).sort(compare))
  const isFirst = (a: number, b: number) => (compare ?? compareAscending)(a, b) <= 0
  let now = numbers
  let next = numbers.slice() as T
  for (let size = ROWS_PER_SLICE; size < length; size *= 2) {
    let [left, middle, right, end] = [0, 0, 0, 0]
    yield* visitInSlices(length, (from, to) => {
      for (let k = from; k < to; k++) {
        if (k % (2 * size) === 0) {
          left = k
          middle = right = Math.min(k + size, length)
          end = Math.min(middle + size, length)
        }
        const isLeft = left < middle && (right === end || isFirst(now[left], now[right]))
        next[k] = isLeft ? now[left++] : now[right++]
      }
    })
    ;[now, next] = [next, now]
  }
  return now
}

const compareAscending = (a: number, b: number) => a - b || 1 / a - 1 / b
