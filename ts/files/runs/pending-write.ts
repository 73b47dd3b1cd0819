/**
 * An array that may change while it is being written. A pending write combines the live view of an array with copies of
 * previous values.
 */

import { copyArray } from '../../core/copy.js'
import type { FloatArray } from '../../core/numbers.js'

/** Copies of individual rows of an array. */
interface KeptRows {
  /** Sorted indices of the copied rows. */
  readonly rows: Uint32Array
  /** Values of the copied rows, concatenated. */
  readonly values: FloatArray
}

export class PendingWrite {
  readonly #view: FloatArray
  /** Position up to which the array has already been written. */
  #written = 0
  /** If the array has been copied, a copy of all values from `#start` on; otherwise the live view. */
  #values: FloatArray
  #start = 0
  /**
   * If only individual rows have been copied: the copies, the length of a row, and one bit per row. The bits of copied
   * rows are set.
   */
  #keptRows: KeptRows[] = []
  #width = 0
  #isKept: Uint8Array | undefined

  constructor(view: FloatArray) {
    this.#view = view
    this.#values = view
  }

  /** Whether all unwritten values have been copied, so that no further copies are needed. */
  get isKept(): boolean {
    return this.#values !== this.#view
  }

  /** Copies all unwritten values, because the whole array is about to change. */
  keep(): void {
    const rest = copyArray(this.#view.subarray(this.#written))
    this.#restore(rest, this.#written)
    this.#values = rest
    this.#start = this.#written
    this.#keptRows = []
  }

  /**
   * Copies the given distinct rows, because only these rows are about to change.
   *
   * @param count number of rows of the array
   */
  keepRows(changing: Uint32Array, count: number): void {
    const view = this.#view
    const width = view.length / count
    this.#isKept ??= new Uint8Array(Math.ceil(count / 8))
    const isKept = this.#isKept
    const rows = changing
      .filter((row) => (row + 1) * width > this.#written && (isKept[row >> 3] & (1 << (row & 7))) === 0)
      .sort()
    if (rows.length === 0) return
    // The copy has the type of the view.
    const values = copyArray(view.subarray(0, rows.length * width))
    for (let k = 0; k < rows.length; k++) {
      values.set(view.subarray(rows[k] * width, (rows[k] + 1) * width), k * width)
      isKept[rows[k] >> 3] |= 1 << (rows[k] & 7)
    }
    this.#width = width
    this.#keptRows.push({ rows, values })
  }

  /** Returns a range of the original values. */
  read(from: number, to: number): FloatArray {
    const values = this.#values.subarray(from - this.#start, to - this.#start)
    if (this.#keptRows.length === 0) return values
    const own = copyArray(values)
    this.#restore(own, from)
    return own
  }

  /** Puts the copied rows into a copy of the view, which begins at position `from` of the array. */
  #restore(own: FloatArray, from: number): void {
    const [width, to] = [this.#width, from + own.length]
    for (const { rows, values } of this.#keptRows) {
      for (let k = firstAtLeast(rows, from / width - 1); k < rows.length && rows[k] * width < to; k++) {
        const at = rows[k] * width - from
        const [begin, end] = [Math.max(0, -at), Math.min(width, own.length - at)]
        own.set(values.subarray(k * width + begin, k * width + end), at + begin)
      }
    }
  }

  /** The caller announces that no further request concerns values before `to`. */
  release(to: number): void {
    this.#written = to
    const { length } = this.#keptRows
    if (length > 0)
      this.#keptRows = this.#keptRows.filter(({ rows }) => (rows[rows.length - 1] + 1) * this.#width > to)
  }
}

/** Index of the first element ≥ `least` in a sorted array. */
function firstAtLeast(numbers: Uint32Array, least: number): number {
  let [from, to] = [0, numbers.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (numbers[middle] > least) to = middle
    else from = middle + 1
  }
  return from
}
