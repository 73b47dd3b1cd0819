/** Which rows of data count: those of weight 0 do not, and on request those that miss something. */

import { type Column, numbersOf, rowsOf } from '../many/data.js'

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

/** What a row that is given has to do with a fit. */
export type Role = 'counts' | 'weightless' | 'missing'

/**
 * What rows of one fit are.
 *
 * @param columns its rows of each column
 * @param weights the one of these that has their weights, if there are some
 */
export function roleOf(
  columns: readonly Float64Array[],
  weights: Float64Array | undefined,
  row: number,
): Role {
  if (weights?.[row] === 0) return 'weightless'
  return columns.some((column) => Number.isNaN(column[row])) ? 'missing' : 'counts'
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
  const weights = weight === null ? undefined : columns.get(weight)
  const rows = new Uint32Array(count).map((_, fit) => rowsOf(all[0], fit))
  const missing = new Uint32Array(count)
  const isIncomplete = new Array<boolean>(count).fill(false)
  const asGiven = { columns, rows, missing, isIncomplete }
  if (!all.some(({ numbers }) => hasNaN(numbers)) && !weights?.numbers.includes(0)) return asGiven

  const isShared = all.every(({ offsets }) => offsets === null)
  const kept: Uint32Array[] = []
  for (let fit = 0; fit < count; fit++) {
    if (isShared && fit > 0) {
      kept.push(kept[0])
      missing[fit] = missing[0]
      isIncomplete[fit] = isIncomplete[0]
      continue
    }
    const own = all.map((column) => numbersOf(column, fit))
    const ownWeights = weights && numbersOf(weights, fit)
    const of = new Uint32Array(rows[fit])
    let length = 0
    for (let row = 0; row < of.length; row++) {
      const role = roleOf(own, ownWeights, row)
      if (role === 'missing') {
        if (drops) missing[fit]++
        else isIncomplete[fit] = true
      }
      if (role === 'counts' || (role === 'missing' && !drops)) of[length++] = row
    }
    kept.push(of.subarray(0, length))
  }
  if (kept.every(({ length }, fit) => length === rows[fit])) return asGiven
  // Where all leave out the same, what they share stays shared.
  const isSame = kept.every((of) => of === kept[0] || isEqual(of, kept[0]))
  return {
    ...asGiven,
    columns: new Map([...columns].map(([name, column]) => [name, compacted(column, kept, isSame)])),
    rows: Uint32Array.from(kept, ({ length }) => length),
  }
}

function compacted(column: Column, kept: readonly Uint32Array[], isSame: boolean): Column {
  if (column.offsets === null && isSame) {
    return { numbers: Float64Array.from(kept[0], (row) => column.numbers[row]), offsets: null }
  }
  const offsets = new Float64Array(kept.length + 1)
  for (const [fit, { length }] of kept.entries()) offsets[fit + 1] = offsets[fit] + length
  const numbers = new Float64Array(offsets[kept.length])
  for (const [fit, of] of kept.entries()) {
    const own = numbersOf(column, fit)
    for (let k = 0; k < of.length; k++) numbers[offsets[fit] + k] = own[of[k]]
  }
  return { numbers, offsets }
}

function hasNaN(numbers: Float64Array): boolean {
  for (let k = 0; k < numbers.length; k++) if (Number.isNaN(numbers[k])) return true
  return false
}

function isEqual(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((row, k) => row === b[k])
}
