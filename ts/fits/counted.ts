/** Which rows of data count: those of weight 0 do not, and on request those that miss something. */

import { type Column, hasNaN, numbersOf, rowsOf, rowsOfEach } from '../many/data.js'

export interface Counted {
  /** Of the rows that count. */
  readonly columns: ReadonlyMap<string, Column>
  /** How many these are, by fit. */
  readonly rows: Uint32Array
  /** How many have a weight and miss something, and are left out. */
  readonly missing: Uint32Array
  /** Whether a row that counts misses something. */
  readonly isIncomplete: readonly boolean[]
}

/**
 * What a row that is given has to do with a fit.
 *
 * @param columns the fit's rows of columns
 * @param weights those of their weights, if there are some
 */
export function roleOf(
  columns: readonly Float64Array[],
  weights: Float64Array | undefined,
  row: number,
): 'counts' | 'weightless' | 'missing' {
  if (weights?.[row] === 0) return 'weightless'
  for (let k = 0; k < columns.length; k++) if (Number.isNaN(columns[k][row])) return 'missing'
  return 'counts'
}

/**
 * Leaves rows out. What is left lies side by side, so that nothing of the others is ever computed.
 *
 * @param weight the name of the column of weights
 * @param drops whether rows that miss something are left out
 */
export function countRows(
  columns: ReadonlyMap<string, Column>,
  weight: string | null,
  count: number,
  drops: boolean,
): Counted {
  const all = [...columns.values()]
  const rows = new Uint32Array(count).fill(rowsOfEach(all[0]) ?? 0)
  if (rowsOfEach(all[0]) === undefined) for (let fit = 0; fit < count; fit++) rows[fit] = rowsOf(all[0], fit)
  const missing = new Uint32Array(count)
  const isIncomplete = new Array<boolean>(count).fill(false)
  const asGiven = { columns, rows, missing, isIncomplete }
  const weights = weight === null ? undefined : columns.get(weight)
  const hasZero = weights?.numbers.includes(0) ?? false
  const gappy = all.filter(({ numbers, isWhole }) => !isWhole && hasNaN(numbers))
  if (gappy.length === 0 && !hasZero) return asGiven

  // Where only what fits share has gaps, all leave out the same.
  const isSame = [...gappy, ...(hasZero && weights ? [weights] : [])].every(({ offsets }) => offsets === null)
  const kept: Uint32Array[] = []
  for (let fit = 0; fit < (isSame ? 1 : count); fit++) {
    const numbers = gappy.map((column) => numbersOf(column, fit))
    const ownWeights = weights && numbersOf(weights, fit)
    const of = new Uint32Array(rows[fit])
    let length = 0
    for (let row = 0; row < of.length; row++) {
      const role = roleOf(numbers, ownWeights, row)
      if (role === 'missing' && drops) missing[fit]++
      else if (role === 'missing') isIncomplete[fit] = true
      if (role === 'counts' || (role === 'missing' && !drops)) of[length++] = row
    }
    kept.push(of.subarray(0, length))
  }
  if (isSame) {
    missing.fill(missing[0])
    isIncomplete.fill(isIncomplete[0])
  }
  if (kept.every(({ length }, fit) => length === rows[fit])) return asGiven
  const keptOf = (fit: number) => kept[isSame ? 0 : fit]
  return {
    ...asGiven,
    columns: new Map(
      [...columns].map(([name, column]) => {
        if (!isSame || column.offsets !== null) return [name, compacted(column, count, keptOf)]
        return [name, { numbers: Float64Array.from(kept[0], (row) => column.numbers[row]), offsets: null }]
      }),
    ),
    rows: rows.map((_, fit) => keptOf(fit).length),
  }
}

/** A list for each fit of its rows that are kept. */
function compacted(column: Column, count: number, keptOf: (fit: number) => Uint32Array): Column {
  const offsets = new Float64Array(count + 1)
  for (let fit = 0; fit < count; fit++) offsets[fit + 1] = offsets[fit] + keptOf(fit).length
  const numbers = new Float64Array(offsets[count])
  for (let fit = 0; fit < count; fit++) {
    const [own, kept] = [numbersOf(column, fit), keptOf(fit)]
    for (let k = 0; k < kept.length; k++) numbers[offsets[fit] + k] = own[kept[k]]
  }
  return { numbers, offsets }
}
