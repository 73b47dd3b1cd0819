/** Models that are functions: what users give. */

import { OptionError } from '../ground/errors.js'
import { isObject, member } from '../ground/given.js'
import type { Column } from '../many/data.js'
import type { DifferenceValues } from './differences.js'

/** Parameters by name, all that `start` has. It is frozen. */
export type FitPoint<Names extends string = string> = Readonly<Record<Names, number>>

/** A fit's columns by name, as they were given; NaN where a number is missing. They are copies. */
export type OwnColumns<Columns extends string = string> = Readonly<Record<Columns, Float64Array>>

/** A model by its value in a row: of one column x its number there, of several a frozen record of these. */
export type RowFunction<Names extends string = string, X = unknown> = (p: FitPoint<Names>, x: X) => number

/** Writes derivatives by each parameter that varies to the array of its name, one for each row. */
type Jacobian<Names extends string, Columns extends string> = (
  p: FitPoint<Names>,
  out: Readonly<Record<Names, Float64Array>>,
  columns: OwnColumns<Columns>,
) => void

/** A model that gives all rows at once, as what integrates equations does. */
export interface CurveModel<Names extends string = string, Columns extends string = string> {
  /** Writes the model's values to `out`, one for each row of the data. */
  curve(p: FitPoint<Names>, out: Float64Array, columns: OwnColumns<Columns>): void
  /** Derivatives of the curve, which are checked once; without it they are differences. */
  jacobian?: Jacobian<Names, Columns>
}

/** What is to be small, row by row, as for `least_squares` of SciPy. There is no column y then. */
export interface ResidualModel<Names extends string = string, Columns extends string = string> {
  /** How many residuals there are, where the data have no columns. */
  readonly rows?: number
  /** Writes the residuals to `out`. */
  residuals(p: FitPoint<Names>, out: Float64Array, columns: OwnColumns<Columns>): void
  /** Derivatives of the residuals, which are checked once; without it they are differences. */
  jacobian?: Jacobian<Names, Columns>
}

/** What a row function is given beside parameters: the number in a row of its only column, or a record of them all. */
export type RowOf<Data, Y> = string extends keyof Data
  ? number
  : [Exclude<keyof Data, Y>] extends [never]
    ? undefined
    : IsOne<Exclude<keyof Data, Y>> extends true
      ? number
      : Readonly<Record<Exclude<keyof Data, Y>, number>>

type IsOne<Names, Each = Names> = Names extends Names ? ([Each] extends [Names] ? true : false) : never

/** A function as a model. */
export type FunctionModel<Names extends string = string, X = unknown, Columns extends string = string> =
  | RowFunction<Names, X>
  | CurveModel<Names, Columns>
  | ResidualModel<Names, Columns>

export type Call = (...given: readonly unknown[]) => unknown

/** A function model as it was read. */
export interface Called {
  readonly given: object
  readonly kind: 'row' | 'curve' | 'residuals'
  readonly call: Call
  readonly jacobian: Call | undefined
  /** How many rows there are, where no column says it. */
  readonly rows: number | undefined
}

/** The same with the data that it is called with. */
export class Bound implements Called {
  readonly given: Called['given']
  readonly kind: Called['kind']
  readonly call: Call
  readonly jacobian: Called['jacobian']
  readonly rows: Called['rows']
  readonly differences: DifferenceValues
  /** All rows of all columns. */
  readonly data: ReadonlyMap<string, Column>
  /** Whether its derivatives have been looked at. */
  isChecked = false

  constructor(
    { given, kind, call, jacobian, rows }: Called,
    data: ReadonlyMap<string, Column>,
    differences: DifferenceValues = { order: 1, step: undefined },
  ) {
    this.given = given
    this.kind = kind
    this.call = call
    this.jacobian = jacobian
    this.rows = rows
    this.data = data
    this.differences = differences
  }
}

/** Columns of a model that gives all rows at once: which these are, and what residuals are to be. */
export const [ROWS, ZEROS] = ['@rows', '@zeros']

/** What a user gave as a function; undefined for what is none. */
export function readCalled(given: unknown): Called | undefined {
  if (typeof given === 'function')
    return { given, kind: 'row', call: given as Call, jacobian: undefined, rows: undefined }
  if (!isObject(given)) return undefined
  if (given instanceof Bound) return given
  const kind = (['curve', 'residuals'] as const).find((name) => member(given, name) !== undefined)
  if (kind === undefined) return undefined
  const [call, jacobian] = [kind, 'jacobian'].map((name): Call | undefined => {
    const method = member(given, name)
    if (method === undefined) return undefined
    if (typeof method !== 'function') throw new OptionError(`model: ${name}`, 'a function', method)
    return (...all) => Reflect.apply(method, given, all)
  })
  const rows = member(given, 'rows') as number | undefined
  const isCount = kind === 'residuals' && Number.isSafeInteger(rows) && (rows as number) > 0
  if (rows !== undefined && !isCount) {
    const expected = kind === 'residuals' ? 'a whole number above 0' : 'none, as the data have rows'
    throw new OptionError('model: rows', expected, rows)
  }
  return { given, kind, call: call as Call, jacobian, rows }
}

/** Longer lists of residuals would not find memory. */
const MOST_ROWS = 1 << 27

/**
 * Columns with those that only we have: numbers of rows through all fits, so that a row which is drawn again, or follows one
 * that is left out, is known; and what residuals are to be.
 */
export function withRows(
  { kind, rows = 0 }: Called,
  columns: ReadonlyMap<string, Column>,
): Map<string, Column> {
  const all = [...columns.values()]
  const like = all.find(({ offsets }) => offsets !== null) ?? all[0]
  const length = like?.numbers.length ?? rows
  if (!(length > 0 && length <= MOST_ROWS)) {
    throw new OptionError(
      'data',
      'at least one column, or `rows` of the model',
      length === 0 ? 'none' : length,
    )
  }
  if (like !== undefined && rows > 0)
    throw new OptionError('model: rows', 'none, as the data have rows', rows)
  const column = (of: (row: number) => number): Column => ({
    numbers: Float64Array.from({ length }, (_, row) => of(row)),
    offsets: like?.offsets ?? null,
  })
  const added: [string, Column][] = [[ROWS, column((row) => row)]]
  if (kind === 'residuals') added.push([ZEROS, column(() => 0)])
  return new Map([...columns, ...added])
}
