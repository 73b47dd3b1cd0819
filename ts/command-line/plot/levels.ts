/** Splits the rows of a fit by the levels of its other columns, so that each level has a curve. */

import { toPrintable } from '../../core/text.js'
import type { DrawableFit, DrawnCurve } from './fit-marks.js'

/** Columns of a table by position: x, the other columns, and the response. Each has one array per group. */
type ColumnsByGroup = readonly (readonly ArrayLike<number>[])[]

/** The data of one fit. */
interface RowData {
  readonly x: ArrayLike<number>
  readonly y: ArrayLike<number>
  readonly bars: ArrayLike<number> | null
}

/** The level of each row of a group: the numbers in the other columns as a text, which identifies the level. */
export function levelsOf(count: number, columns: ColumnsByGroup, group: number): string[] {
  const others = columns.slice(1, 1 + count)
  return Array.from(columns[0][group], (_, row) => others.map((column) => column[group][row]).join(' '))
}

const numbersOf = (level: string) => level.split(' ').map(Number)

/** Orders levels by their numbers. */
function compareLevels(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)]
  return left.map((x, k) => x - right[k]).find((difference) => difference !== 0) ?? 0
}

/**
 * @param levels the level of each row
 * @param names names of the columns of the levels
 * @param columnNames columns of the table by the names in the model, beginning with x
 * @returns one curve per level, in the order of the levels' numbers
 */
export function splitByLevel(
  { x, y, bars }: RowData,
  fit: DrawableFit,
  levels: readonly string[],
  names: readonly string[],
  columnNames: Readonly<Record<string, string>>,
): DrawnCurve[] {
  const outliers = new Set(fit.outliers?.map(({ row }) => row))
  const [column] = Object.keys(columnNames)
  return [...new Set(levels)].sort(compareLevels).map((level) => {
    const rows = [...levels.keys()].filter((row) => levels[row] === level)
    const pick = (list: ArrayLike<number>) => rows.map((row) => list[row])
    const numbers = numbersOf(level)
    const others = Object.entries(columnNames).flatMap(([own, given]) =>
      names.includes(given) ? [[own, numbers[names.indexOf(given)]] as const] : [],
    )
    return {
      name: names.map((name, k) => `${toPrintable(name)} = ${numbers[k]}`).join(', '),
      x: pick(x),
      y: pick(y),
      bars: bars && pick(bars),
      residuals: pick(fit.residuals),
      isOutlier: rows.map((row) => outliers.has(row)),
      fit,
      column,
      others: Object.fromEntries(others),
    }
  })
}
