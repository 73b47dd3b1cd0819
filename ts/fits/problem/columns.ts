/** Reads the data columns: the model's columns, the response and the weights. */

import { OptionError, truncate } from '../../core/errors.js'
import { isCount } from '../../core/numbers.js'
import { type Slices, visitInSlices } from '../../core/slices.js'
import { isObject, toFloat64Array } from '../../core/untrusted-input.js'
import { checkName } from '../../expressions/names.js'
import {
  concatenate,
  type DataColumn,
  dataArgument,
  readColumn,
  rowsInRun,
  rowsPerRun,
  sharedFirst,
} from '../../many/batch/data.js'
import { listColumns, listShort, readTable, type TableColumns } from './data-table.js'
import { addRowColumns, type FunctionModelSpec, ZEROS } from './function-model.js'
import type { FitValues } from './options.js'
import type { Parameter } from './parameters.js'

/** Name of the internal column of standard deviations. Users' columns cannot have the name of an internal column. */
const SIGMA = '@sigma'
/** Name of the internal column of weights. Users' columns cannot have the name of an internal column. */
const WEIGHTS = '@weights'

export const isWeight = (name: string) => name === SIGMA || name === WEIGHTS

/** Validated data columns. Columns that all fits share come first. */
export interface ParsedData {
  readonly columns: ReadonlyMap<string, DataColumn>
  /** Names of the response column (`y`) and of the weight column (`weight`, null without weights). */
  readonly y: string
  readonly weight: string | null
}

/**
 * Reads and validates the data columns: the model's columns, the response and the weights. Other columns are ignored.
 *
 * @param asked names that the model uses, or a function model, which receives all columns except the response
 * @param localColumns default column names of a built-in model, which the options of the model can rename
 */
export function readData(
  asked: readonly string[] | FunctionModelSpec,
  data: unknown,
  { y: given, sigma, weights, missing }: FitValues,
  localColumns: readonly string[] = [],
): ParsedData {
  const columns = readTable('data', data)
  const functionModel = Array.isArray(asked) ? null : (asked as FunctionModelSpec)
  for (const name of columns.keys()) {
    checkName('data', name)
    if (functionModel && name.startsWith('@'))
      throw new OptionError('data', 'names that do not begin with @', name)
  }
  const read = new Map<string, DataColumn>()
  const take = (name: string) => read.set(name, readColumn(`data: ${name}`, columns.get(name), true))
  let y: string
  if (functionModel?.kind === 'residuals') {
    if (given !== undefined) throw new OptionError('y', 'none for a residuals model', given)
    for (const name of columns.keys()) take(name)
    y = ZEROS
  } else {
    const names = functionModel
      ? [...columns.keys()].filter((name) => name !== (given ?? 'y'))
      : (asked as readonly string[])
    y = readY(names, columns, given, localColumns)
    for (const name of [...names.filter((name) => columns.has(name)), y]) take(name)
  }
  const all = functionModel && functionModel.kind !== 'row' ? addRowColumns(functionModel, read) : read
  const weight = readWeights(sigma, weights, missing === 'drop')
  const named = weights === undefined ? SIGMA : WEIGHTS
  if (weight !== null) all.set(named, weight)
  return { columns: sharedFirst(emptySharedColumns(all)), y, weight: weight === null ? null : named }
}

/**
 * Moves the weights before the response, because only the response changes in bootstrap fits. Columns that all fits
 * share come first, as compiled programs require.
 */
export function orderWeightsFirst(
  columns: ReadonlyMap<string, DataColumn>,
  y: string,
): ReadonlyMap<string, DataColumn> {
  const others = [...columns].filter(([name]) => name !== y)
  return sharedFirst(new Map([...others, [y, columns.get(y) as DataColumn]]))
}

/** Removes the rows of shared columns from the fits whose own columns are empty. */
function emptySharedColumns(columns: Map<string, DataColumn>): Map<string, DataColumn> {
  const own = [...columns.values()].find(({ offsets }) => offsets)
  if (!own?.offsets || rowsPerRun(own)) return columns
  const rowCounts = Array.from({ length: own.offsets.length - 1 }, (_, fit) => rowsInRun(own, fit))
  if (!rowCounts.includes(0)) return columns
  for (const [name, { numbers, offsets }] of columns) {
    // A fit that has rows takes the rows from index 0 on.
    if (!offsets)
      columns.set(name, concatenate(rowCounts.map((n) => numbers.subarray(n ? 0 : numbers.length))))
  }
  return columns
}

/** Name of the response column. */
function readY(
  names: readonly string[],
  columns: TableColumns,
  given: unknown,
  own: readonly string[],
): string {
  const used = new Set(names)
  const others = [...columns.keys()].filter((name) => !used.has(name))
  const y = given ?? (others.length === 1 ? others[0] : 'y')
  if (typeof y !== 'string' || !columns.has(y)) {
    const missing = given === undefined ? missingNames(names, columns) : ''
    throw new OptionError('y', `one of ${listColumns(columns)}${missing}`, given ?? y)
  }
  if (used.has(y)) throw new OptionError('y', 'a column that the model does not use', y)
  // Names that begin with @ are reserved for internal columns and for the state of programs.
  if (y.startsWith('@')) throw new OptionError('y', 'a name that does not begin with @', y)
  const lost = own.find((name) => !columns.has(name))
  if (lost !== undefined) {
    const expected = `${truncate(lost)}, a column of the model (its options can rename it)`
    throw new OptionError('data', expected, others.find((name) => name !== y) ?? y)
  }
  return y
}

/** The names that the model uses and that are not columns, for messages. */
function missingNames(names: readonly string[], columns: TableColumns): string {
  const missing = names.filter((name) => !columns.has(name))
  return missing.length === 0 ? '' : ` (the model also uses ${listShort(missing)})`
}

/** Validated columns of numbers at which a model is evaluated. A null in the input becomes NaN. */
export function readNumbers(argument: string, given: unknown): ArrayLike<number> {
  const numbers = toFloat64Array(given, true)
  if (numbers !== undefined) return numbers
  const list = given as ArrayLike<unknown>
  if (!isObject(given) || !isCount(list.length)) throw new OptionError(argument, 'an array of numbers', given)
  const copy: number[] = []
  for (let i = 0; i < list.length; i++) {
    const x = list[i] === null ? NaN : list[i]
    if (typeof x !== 'number') throw new OptionError(`${argument}[${i}]`, 'a number', x)
    copy.push(x)
  }
  return copy
}

/** @param drops whether rows without a weight are dropped */
function readWeights(sigma: unknown, weights: unknown, drops: boolean): DataColumn | null {
  if (sigma !== undefined && weights !== undefined) {
    throw new OptionError('weights', 'none if sigma is set', weights)
  }
  // Model-based weights are computed later, by iterative reweighting.
  if (typeof sigma === 'string' || typeof weights === 'string') return null
  const isMissing = (x: number) => drops && Number.isNaN(x)
  // Loops are several times faster than array methods for a million numbers.
  if (weights !== undefined) {
    const column = readColumn('weights', weights, drops)
    const { numbers } = column
    for (let row = 0; row < numbers.length; row++) {
      const w = numbers[row]
      if (!(w >= 0 && w < Infinity) && !isMissing(w))
        throw new OptionError('weights', 'finite numbers ≥ 0', w)
    }
    return column
  }
  if (sigma === undefined) return null
  const column = readColumn('sigma', sigma, drops)
  const { numbers } = column
  for (let row = 0; row < numbers.length; row++) {
    const s = numbers[row]
    const w = 1 / (s * s)
    numbers[row] = w
    // If s² is 0 or infinite, the row would dominate the fit or be ignored.
    if (!(s > 0 && w > 0 && w < Infinity) && !isMissing(s))
      throw new OptionError('sigma', 'numbers > 0 with finite squares > 0', s)
  }
  return column
}

export function* checkCounts(y: string, columns: ReadonlyMap<string, DataColumn>): Slices<void> {
  const numbers = columns.get(y)?.numbers ?? []
  yield* visitInSlices(numbers.length, (from, to) => {
    for (let row = from; row < to; row++)
      if (numbers[row] < 0) throw new OptionError(`data: ${y}`, 'counts ≥ 0', numbers[row])
  })
}

/**
 * Number of fits, from the per-fit columns and per-fit starting values. All per-fit columns and starting values must
 * have the same number of fits.
 */
export function countFits(
  columns: ReadonlyMap<string, DataColumn>,
  parameters: readonly Parameter[],
): number {
  const counts: (readonly [argument: string, count: number])[] = []
  for (const [name, { offsets }] of columns) {
    if (offsets !== null) counts.push([dataArgument(name), offsets.length - 1])
  }
  for (const { name, start } of parameters) {
    if (isObject(start)) counts.push([`start: ${name}`, start.length])
  }
  const [, count = 1] = counts[0] ?? []
  const other = counts.find(([, another]) => another !== count)
  if (other !== undefined)
    throw new OptionError(other[0], `${count} fits, like ${counts[0][0]}`, `${other[1]}`)
  if (count === 0) throw new OptionError(counts[0][0], 'at least one fit', 'none')
  return count
}
