/** Rows of a wide table, converted to one row per cell while the table is read. */

import { describeExcess } from './split.js'
import { groupOfColumn, nameWideColumns, type ReplicateRule } from './wide.js'

/** Name of the column of labels that a wide table gets. */
export const WIDE_GROUP = 'group'

/** The table that receives the rows. */
export interface RowReceiver {
  checkHeader(names: readonly string[]): void
  columns(names: readonly string[]): void
  take(cells: readonly string[], line: number, source: string): void
  fail(problem: string): never
}

/** Passes the cells of a wide table to a table with the columns x (by its name), y and group. Empty cells are omitted. */
export class WideRows {
  readonly #rows: RowReceiver
  readonly #replicates: ReplicateRule
  #names: readonly string[] = []
  #groups: readonly string[] = []

  constructor(rows: RowReceiver, replicates: ReplicateRule) {
    this.#rows = rows
    this.#replicates = replicates
  }

  add(cells: readonly string[], line: number): void {
    const names = this.#names
    if (names.length === 0) {
      this.#begin(cells)
      return
    }
    const excess = describeExcess(cells, names.length)
    if (excess !== null) this.#rows.fail(`line ${line}: ${excess}`)
    for (let k = 1; k < names.length; k++) {
      const cell = cells[k] ?? ''
      if (cell !== '') this.#rows.take([cells[0], cell, this.#groups[k]], line, names[k])
    }
  }

  #begin(header: readonly string[]): void {
    this.#rows.checkHeader(header)
    const names = nameWideColumns(header)
    if (names.length < 2)
      this.#rows.fail(`expected a wide table with a column of x and columns of y, got only ${names.join()}`)
    this.#rows.columns([names[0], 'y', WIDE_GROUP])
    this.#names = names
    this.#groups = names.map((name) => groupOfColumn(name, this.#replicates))
  }
}
