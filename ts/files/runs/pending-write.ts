/** What is still to be written of an array that may change meanwhile: from its view, and from what is kept of before. */

import { copyArray } from '../../core/copy.js'
import type { FloatArray } from '../../core/numbers.js'

/** Some rows as they were. */
interface KeptRows {
  /** In order. */
  readonly rows: Uint32Array
  /** One behind the other. */
  readonly values: FloatArray
}

export class PendingWrite {
  readonly #view: FloatArray
  /** What comes before there is written. */
  #written = 0
  /** All from `#start` on, where that is kept; else what the view has. */
  #values: FloatArray
  #start = 0
  /** Else rows, how long each is, and a bit for each: whether it is kept. */
  #keptRows: KeptRows[] = []
  #width = 0
  #isKept: Uint8Array | undefined

  constructor(view: FloatArray) {
    this.#view = view
    this.#values = view
  }

  /** Whether all of it is kept: nothing is to be kept any more. */
  get isKept(): boolean {
    return this.#values !== this.#view
  }

  /** All of it is about to change. */
  keep(): void {
    const rest = copyArray(this.#view.subarray(this.#written))
    this.#restore(rest, this.#written)
    this.#values = rest
    this.#start = this.#written
    this.#keptRows = []
  }

  /** Only some rows of so many are, none of which is there twice. */
  keepRows(changing: Uint32Array, count: number): void {
    const view = this.#view
    const width = view.length / count
    this.#isKept ??= new Uint8Array(Math.ceil(count / 8))
    const isKept = this.#isKept
    const rows = changing
      .filter((row) => (row + 1) * width > this.#written && (isKept[row >> 3] & (1 << (row & 7))) === 0)
      .sort()
    if (rows.length === 0) return
    // Of the view's type.
    const values = copyArray(view.subarray(0, rows.length * width))
    for (let k = 0; k < rows.length; k++) {
      values.set(view.subarray(rows[k] * width, (rows[k] + 1) * width), k * width)
      isKept[rows[k] >> 3] |= 1 << (rows[k] & 7)
    }
    this.#width = width
    this.#keptRows.push({ rows, values })
  }

  /** Numbers as they were. */
  read(from: number, to: number): FloatArray {
    const values = this.#values.subarray(from - this.#start, to - this.#start)
    if (this.#keptRows.length === 0) return values
    const own = copyArray(values)
    this.#restore(own, from)
    return own
  }

  /** Puts the rows that are kept into a copy of what begins there. */
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

  /** Nobody asks again for what comes before there. */
  release(to: number): void {
    this.#written = to
    const { length } = this.#keptRows
    if (length > 0)
      this.#keptRows = this.#keptRows.filter(({ rows }) => (rows[rows.length - 1] + 1) * this.#width > to)
  }
}

/** Where the first of these numbers, which are in order, is that is larger. */
function firstAtLeast(numbers: Uint32Array, least: number): number {
  let [from, to] = [0, numbers.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (numbers[middle] > least) to = middle
    else from = middle + 1
  }
  return from
}
