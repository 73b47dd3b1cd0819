/** Data of models of differential equations: several observed columns, doses in rows, and rows of predictions. */

import { OptionError } from '../../core/errors.js'
import { createRecord, isObject, isRecord, ownProperties } from '../../core/untrusted-input.js'
import { readNumbers } from '../problem/columns.js'
import type { OdeDefinition } from './options.js'

/** RowNumbers with the index of the observed quantity of each row, if a model observes several quantities. */
export const OBSERVABLE = 'observable'

type RowNumbers = ArrayLike<number | null>

const isPerFit = (column: unknown): column is readonly RowNumbers[] =>
  Array.isArray(column) && column.length > 0 && isObject(column[0])

/** Applies a function to a column, or to the column of each fit. */
function mapColumn(column: unknown, change: (one: RowNumbers, fit: number) => RowNumbers): unknown {
  return isPerFit(column) ? column.map(change) : isObject(column) ? change(column as RowNumbers, 0) : column
}

function repeat(column: unknown, count: number): unknown {
  return mapColumn(column, (one) => Array.from({ length: count }, () => Array.from(one)).flat())
}

/** @throws OptionError if a column of the rates differs from row to row */
export function checkConstant(name: string, column: Float64Array): number {
  const first = column.find((x) => !Number.isNaN(x)) ?? NaN
  const other = column.find((x) => !Number.isNaN(x) && x !== first)
  if (other !== undefined)
    throw new OptionError(`data: ${name}`, `one value per fit, like ${first} in its first row`, other)
  return first
}

/** Options of a call that the preparation reads. */
interface PreparedOptions {
  readonly y?: unknown
  readonly sigma?: unknown
  readonly weights?: unknown
  readonly missing?: unknown
}

/**
 * Replaces missing numbers in columns of doses by 0. If the model observes several quantities, their columns become one
 * response: all rows of the first quantity, followed by all rows of the second quantity, and so on.
 */
export function prepareData<Options extends PreparedOptions>(
  definition: OdeDefinition,
  data: unknown,
  options: Options,
): { data: unknown; options: Options } {
  if (!isRecord(data)) return { data, options }
  const { rowNames, observe } = definition
  const columns = ownProperties(data)
  for (const name of rowNames) {
    if (columns[name] !== undefined)
      columns[name] = mapColumn(columns[name], (one) =>
        Array.from(one, (x) => (Number.isNaN(x ?? NaN) ? 0 : x)),
      )
  }
  const drops = { ...options, missing: 'drop' } as Options
  const isLong = columns[OBSERVABLE] !== undefined
  if (observe.size === 1 || isLong)
    return { data: columns, options: rowNames.size > 0 || isLong ? drops : options }
  return stack(definition, columns, drops)
}

function stack<Options extends PreparedOptions>(
  { observe, time }: OdeDefinition,
  columns: Record<string, unknown>,
  options: Options,
): { data: unknown; options: Options } {
  if (options.y !== undefined)
    throw new OptionError('y', 'none if the model observes several columns', options.y)
  const names = [...observe.keys()]
  const times = columns[time]
  if (!isObject(times)) throw new OptionError('data', `a column ${time} of times`, times)
  const lost = names.find((name) => !isObject(columns[name]))
  if (lost !== undefined) throw new OptionError('data', `a column ${lost}`, columns[lost])
  const areLocal = [times, ...names.map((name) => columns[name])].find(isPerFit)
  const local = (column: unknown): unknown =>
    areLocal !== undefined && !isPerFit(column) ? areLocal.map(() => column) : column
  /** Joins one column per observed quantity. */
  const join = (parts: readonly unknown[]): unknown => {
    const [first, ...others] = parts.map(local)
    return mapColumn(first, (one, fit) => [
      ...Array.from(one),
      ...others.flatMap((other) => Array.from((isPerFit(other) ? other[fit] : other) as RowNumbers)),
    ])
  }
  const rest = Object.keys(columns).filter((name) => !names.includes(name))
  const ofRows = (compute: (k: number) => number) =>
    join(names.map((_, k) => mapColumn(local(times), (one) => Array.from(one, () => compute(k)))))
  const noise = (argument: string, given: unknown): unknown => {
    if (!isObject(given)) return given
    if (!isRecord(given) || Array.isArray(given) || ArrayBuffer.isView(given))
      return repeat(given, names.length)
    const own = ownProperties(given)
    const other = Object.keys(own).find((name) => !names.includes(name))
    if (other !== undefined) throw new OptionError(argument, `columns among ${names.join(', ')}`, other)
    return join(
      names.map((name) => {
        const one = own[name]
        if (one === undefined) throw new OptionError(`${argument}: ${name}`, 'a number or a column', one)
        return isObject(one) ? one : mapColumn(local(times), (rows) => Array.from(rows, () => one as number))
      }),
    )
  }
  return {
    data: {
      ...createRecord(rest, (name) => repeat(columns[name], names.length)),
      y: join(names.map((name) => columns[name])),
      [OBSERVABLE]: ofRows((k) => k),
    },
    options: { ...options, sigma: noise('sigma', options.sigma), weights: noise('weights', options.weights) },
  }
}

/** Appends the requested times of a prediction to the rows of a fit. The doses of the fit are kept. */
export function extendColumns(
  { time, observe, rowNames }: OdeDefinition,
  columns: Readonly<Record<string, Float64Array>>,
  at: Readonly<Record<string, unknown>>,
): { columns: Readonly<Record<string, Float64Array>>; rows: number } {
  const known = Object.keys(columns)
  const stranger = Object.keys(at).find((name) => !known.includes(name) || rowNames.has(name))
  if (stranger !== undefined) throw new OptionError('at', `columns among ${known.join(', ')}`, stranger)
  if (at[time] === undefined) throw new OptionError('at', `a column ${time}`, undefined)
  const times = Float64Array.from(readNumbers(`at: ${time}`, at[time]))
  const count = observe.size > 1 && at[OBSERVABLE] === undefined ? observe.size : 1
  const rows = times.length * count
  const requested = (name: string): number[] => {
    if (name === time) return Array.from({ length: rows }, (_, row) => times[row % times.length])
    const given = at[name] === undefined ? undefined : Array.from(readNumbers(`at: ${name}`, at[name]))
    if (given !== undefined && given.length !== times.length)
      throw new OptionError(`at: ${name}`, `${times.length} rows, like ${time}`, `${given.length} rows`)
    if (name === OBSERVABLE && observe.size > 1) {
      const wrong = given?.find((k) => !(Number.isInteger(k) && k >= 0 && k < observe.size))
      if (wrong !== undefined)
        throw new OptionError(`at: ${name}`, `indices from 0 to ${observe.size - 1}`, wrong)
      return given ?? Array.from({ length: rows }, (_, row) => Math.floor(row / times.length))
    }
    if (rowNames.has(name)) return new Array(rows).fill(0)
    return Array.from({ length: rows }, (_, row) => given?.[row % times.length] ?? columns[name][0])
  }
  return {
    rows,
    columns: createRecord(known, (name) => {
      const own = columns[name]
      const more = requested(name)
      // A column of the rates has one value per fit: the requested value.
      const isConstant = name !== time && name !== OBSERVABLE && !rowNames.has(name) && at[name] !== undefined
      return Float64Array.from([...(isConstant ? own.map(() => more[0]) : own), ...more])
    }),
  }
}
