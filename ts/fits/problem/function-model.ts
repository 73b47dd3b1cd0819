/** Models that are functions: what users give. */

import { OptionError } from '../../core/errors.js'
import { isObject, readMember } from '../../core/untrusted-input.js'
import type { DataColumn } from '../../many/batch/data.js'
import type { FiniteDifferenceValues } from './finite-differences.js'

/** Parameters by name, all that `start` has. It is frozen. */
export type ParameterValues<Names extends string = string> = Readonly<Record<Names, number>>

/** A fit's columns by name, as they were given; NaN where a number is missing. They are copies. */
export type DataColumns<Columns extends string = string> = Readonly<Record<Columns, Float64Array>>

/** A model by its value in a row: of one column x its number there, of several a frozen record of these. */
export type RowFunction<Names extends string = string, X = unknown> = (
  p: ParameterValues<Names>,
  x: X,
) => number

/** Writes derivatives by each parameter that varies to the array of its name, one for each row. */
type Jacobian<Names extends string, Columns extends string> = (
  p: ParameterValues<Names>,
  out: Readonly<Record<Names, Float64Array>>,
  columns: DataColumns<Columns>,
) => void

/** A model that gives all rows at once, as what integrates equations does. */
export interface CurveModel<Names extends string = string, Columns extends string = string> {
  /** Writes the model's values to `out`, one for each row of the data. */
  curve(p: ParameterValues<Names>, out: Float64Array, columns: DataColumns<Columns>): void
  /** Derivatives of the curve, which are checked once; without it they are differences. */
  jacobian?: Jacobian<Names, Columns>
}

/** What is to be small, row by row, as for `least_squares` of SciPy. There is no column y then. */
export interface ResidualModel<Names extends string = string, Columns extends string = string> {
  /** How many residuals there are, where the data have no columns. */
  readonly observations?: number
  /** Writes the residuals to `out`. */
  residuals(p: ParameterValues<Names>, out: Float64Array, columns: DataColumns<Columns>): void
  /** Derivatives of the residuals, which are checked once; without it they are differences. */
  jacobian?: Jacobian<Names, Columns>
}

/** What a row function is given beside parameters: the number in a row of its only column, or a record of them all. */
export type RowArgument<Data, Y> = string extends keyof Data
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

export type ModelFunction = (...given: readonly unknown[]) => unknown

/** A function model as it was read. */
export interface FunctionModelSpec {
  readonly model: object
  readonly kind: 'row' | 'curve' | 'residuals'
  readonly call: ModelFunction
  readonly jacobian: ModelFunction | undefined
  /** How many rows there are, where no column says it. */
  readonly observations: number | undefined
}

/** The same with the data that it is called with. */
export class BoundFunctionModel implements FunctionModelSpec {
  // Declared alone: what is assigned has them all.
  declare readonly model: FunctionModelSpec['model']
  declare readonly kind: FunctionModelSpec['kind']
  declare readonly call: ModelFunction
  declare readonly jacobian: FunctionModelSpec['jacobian']
  declare readonly observations: FunctionModelSpec['observations']
  declare readonly differences: FiniteDifferenceValues
  /** All rows of all columns. */
  declare readonly data: ReadonlyMap<string, DataColumn>
  /** Whether its derivatives have been looked at. */
  isChecked = false

  constructor(
    spec: FunctionModelSpec,
    data: ReadonlyMap<string, DataColumn>,
    differences: FiniteDifferenceValues = { order: 1, step: undefined },
  ) {
    Object.assign(this, spec, { data, differences })
  }
}

/** Column of a model that returns all rows at once: the indices of the rows. */
export const ROWS = '@rows'
/** … and what its residuals are compared with. */
export const ZEROS = '@zeros'

/** What a user gave as a function; undefined for what is none. */
export function readFunctionModel(model: unknown): FunctionModelSpec | undefined {
  if (typeof model === 'function')
    return { model, kind: 'row', call: model as ModelFunction, jacobian: undefined, observations: undefined }
  if (!isObject(model)) return undefined
  if (model instanceof BoundFunctionModel) return model
  const kind = (['curve', 'residuals'] as const).find((name) => readMember(model, name) !== undefined)
  if (kind === undefined) return undefined
  const [call, jacobian] = [kind, 'jacobian'].map((name): ModelFunction | undefined => {
    const method = readMember(model, name)
    if (method === undefined) return undefined
    if (typeof method !== 'function') throw new OptionError(`model: ${name}`, 'a function', method)
    return (...all) => Reflect.apply(method, model, all)
  })
  const observations = readMember(model, 'observations') as number | undefined
  const isCount = kind === 'residuals' && Number.isSafeInteger(observations) && (observations as number) > 0
  if (observations !== undefined && !isCount) {
    const expected = kind === 'residuals' ? 'an integer above 0' : 'none, as the data have rows'
    throw new OptionError('model: observations', expected, observations)
  }
  return { model, kind, call: call as ModelFunction, jacobian, observations }
}

/** Longer lists of residuals would not find memory. */
const MAX_OBSERVATIONS = 1 << 27

/**
 * Columns with those that only we have: numbers of rows through all fits, so that a row which is drawn again, or follows one
 * that is left out, is known; and what residuals are to be.
 */
export function addRowColumns(
  { kind, observations = 0 }: FunctionModelSpec,
  columns: ReadonlyMap<string, DataColumn>,
): Map<string, DataColumn> {
  const all = [...columns.values()]
  const like = all.find(({ offsets }) => offsets !== null) ?? all[0]
  const length = like?.numbers.length ?? observations
  if (!(length > 0 && length <= MAX_OBSERVATIONS)) {
    throw new OptionError(
      'data',
      'at least one column, or `observations` of the model',
      length === 0 ? 'none' : length,
    )
  }
  if (like !== undefined && observations > 0)
    throw new OptionError('model: observations', 'none, as the data have rows', observations)
  const column = (compute: (row: number) => number): DataColumn => ({
    numbers: Float64Array.from({ length }, (_, row) => compute(row)),
    offsets: like?.offsets ?? null,
  })
  const added: [string, DataColumn][] = [[ROWS, column((row) => row)]]
  if (kind === 'residuals') added.push([ZEROS, column(() => 0)])
  return new Map([...columns, ...added])
}
