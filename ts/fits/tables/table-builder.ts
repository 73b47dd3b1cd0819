/** Builds tables row by row. */

/** A table as an object of columns of equal length. */
export type ResultColumns = Readonly<Record<string, readonly unknown[] | Float64Array>>

/** Type of a column: numbers become a `Float64Array`, and other values an array. */
export type ColumnType = 'numbers' | 'values'

/** Collects the cells of a table. Cells that a row lacks are NaN in columns of numbers, and null in other columns. */
export class TableBuilder {
  readonly #columns = new Map<string, { readonly type: ColumnType; readonly cells: unknown[] }>()
  #rows = 0

  /** @param columns names and types of the columns that the table has even without rows */
  constructor(columns: readonly (readonly [name: string, type: ColumnType])[]) {
    for (const [name, type] of columns) this.#columns.set(name, { type, cells: [] })
  }

  /** Sets a cell of the current row. ResultColumns appear in the order of their first cells. */
  set(name: string, cell: unknown, type: ColumnType = 'numbers'): void {
    let column = this.#columns.get(name)
    if (column === undefined) {
      column = { type, cells: [] }
      this.#columns.set(name, column)
    }
    const { cells } = column
    while (cells.length < this.#rows) cells.push(column.type === 'numbers' ? NaN : null)
    cells.push(cell)
  }

  /** Adds a row whose cells belong to the first columns, in their order. */
  add(cells: readonly unknown[]): void {
    let k = 0
    for (const column of this.#columns.values()) {
      if (k === cells.length) break
      column.cells.push(cells[k++])
    }
    this.#rows++
  }

  /** Ends the current row. */
  end(): void {
    this.#rows++
  }

  toTable(): ResultColumns {
    return Object.fromEntries(
      [...this.#columns].map(([name, { type, cells }]) => {
        while (cells.length < this.#rows) cells.push(type === 'numbers' ? NaN : null)
        return [name, type === 'numbers' ? Float64Array.from(cells as number[]) : cells]
      }),
    )
  }
}
