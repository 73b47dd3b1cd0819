/**
 * Tensors as matrices, one behind the other, and how their rows are cut into units, in which sums are taken:
 * crates/kernels/src/lines.rs says what for, and has the same cuts.
 */

import { BLOCK, GROUP, ROWS } from './manifest.js'

export class Matrices {
  readonly height: number
  readonly columns: number
  /** Rows of all matrices. */
  readonly rows: number
  readonly count: number
  /** Pieces of a matrix, each with sums of its columns. */
  readonly pieces: number
  readonly units: number
  /** How many numbers it has in LINES: of rows, and then of columns by piece. */
  readonly numbers: number
  /** Rows that are gone through at a time. */
  readonly group: number
  readonly #least: number
  readonly #together: number

  constructor(length: number, height: number, columns: number) {
    this.height = height
    this.columns = columns
    this.rows = length / columns
    this.count = this.rows / height
    this.#least = Math.max(ROWS, Math.ceil(BLOCK / columns))
    this.pieces = Math.max(1, Math.floor(height / this.#least))
    this.#together = this.pieces > 1 ? 1 : Math.ceil(this.#least / height)
    this.units = this.pieces > 1 ? this.count * this.pieces : Math.ceil(this.count / this.#together)
    this.numbers = this.rows + this.count * this.pieces * columns
    this.group = Math.max(1, Math.floor(GROUP / columns))
  }

  /** The rows of a unit, and which piece of its matrix it is. */
  unit(unit: number): [first: number, last: number, piece: number] {
    const { height, pieces, rows } = this
    if (pieces === 1) {
      const some = this.#together * height
      return [unit * some, Math.min((unit + 1) * some, rows), 0]
    }
    const [matrix, piece] = [Math.floor(unit / pieces), unit % pieces]
    const first = matrix * height + piece * this.#least
    return [first, piece + 1 === pieces ? (matrix + 1) * height : first + this.#least, piece]
  }
}
