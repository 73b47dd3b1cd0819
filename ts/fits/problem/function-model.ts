/** Models that are JavaScript functions. */

import { OptionError } from '../../core/errors.js'
import type { Slices } from '../../core/slices.js'
import { createRecord, isObject, readMember } from '../../core/untrusted-input.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import type { BatchRunner } from '../../many/engines/engines.js'
import type { FiniteDifferenceValues } from './finite-differences.js'

/** Frozen object of parameter values by name. The object contains every parameter in `start`. */
export type ParameterValues<Names extends string = string> = Readonly<Record<Names, number>>

/** The data columns of one fit by name, as copies. NaN marks a missing number. */
export type DataColumns<Columns extends string = string> = Readonly<Record<Columns, Float64Array>>

/**
 * A model as a function of one row. `x` is a number if the data have one column besides the response, and a frozen
 * object of numbers by column name if the data have several.
 */
export type RowFunction<Names extends string = string, X = unknown> = (
  p: ParameterValues<Names>,
  x: X,
) => number

/**
 * Writes the derivatives with respect to each free parameter to the array under the parameter's name, one value per
 * row.
 */
type Jacobian<Names extends string, Columns extends string> = (
  p: ParameterValues<Names>,
  out: Readonly<Record<Names, Float64Array>>,
  columns: DataColumns<Columns>,
) => void

/** A model that computes all rows at once, for example by integrating differential equations. */
export interface CurveModel<Names extends string = string, Columns extends string = string> {
  /** Writes the model values to the array `out`, one value per row of the data. */
  curve(p: ParameterValues<Names>, out: Float64Array, columns: DataColumns<Columns>): void
  /**
   * Derivatives of the curve. The user's derivatives are compared once with finite differences. Without `jacobian`,
   * finite differences replace the derivatives.
   */
  jacobian?: Jacobian<Names, Columns>
}

/**
 * A model that computes the residuals of all rows, as in SciPy's `least_squares`. The data of a residual model have no
 * response column.
 */
export interface ResidualModel<Names extends string = string, Columns extends string = string> {
  /** Number of residuals. The option `observations` is required if the data have no columns, and invalid otherwise. */
  readonly observations?: number
  /** Writes the residuals to the array `out`, one residual per row. */
  residuals(p: ParameterValues<Names>, out: Float64Array, columns: DataColumns<Columns>): void
  /**
   * Derivatives of the residuals. The user's derivatives are compared once with finite differences. Without `jacobian`,
   * finite differences replace the derivatives.
   */
  jacobian?: Jacobian<Names, Columns>
}

/**
 * Second argument of a row function: a number if there is one column besides the response, else an object of
 * numbers.
 */
export type RowArgument<Columns, Y> = string extends keyof Columns
  ? number
  : [Exclude<keyof Columns, Y>] extends [never]
    ? undefined
    : IsOne<Exclude<keyof Columns, Y>> extends true
      ? number
      : Readonly<Record<Exclude<keyof Columns, Y>, number>>

type IsOne<Names, Each = Names> = Names extends Names ? ([Each] extends [Names] ? true : false) : never

/** A function model: a function of one row, of all rows (`curve`), or of all residuals (`residuals`). */
export type FunctionModel<Names extends string = string, X = unknown, Columns extends string = string> =
  | RowFunction<Names, X>
  | CurveModel<Names, Columns>
  | ResidualModel<Names, Columns>

export type ModelFunction = (...given: readonly unknown[]) => unknown

/** Property of a model whose derivatives are exact, and which can evaluate other rows than the rows of its data. */
export const exactModel: unique symbol = Symbol('exact model')

/** Lanes in which a model computes several fits side by side. */
export interface ModelLanes {
  /**
   * Computes fits side by side. A fit that waits for its lane continues when the lane has ended.
   *
   * @param fits one generator per fit
   */
  run<Call>(fits: readonly Generator<Call, void>[]): Generator<Call | undefined, void>
}

/** The lane of a fit. */
export interface ModelLane {
  readonly lanes: ModelLanes
  readonly run: number
}

/** Further abilities of a model with exact derivatives, such as a model of differential equations. */
export interface ExactModel {
  /** Names of all columns and parameters that the model may read. */
  readonly names: readonly string[]
  /** Relative error of the model's values. */
  readonly accuracy: number
  /** Names of the parameters, if the data have the given columns. */
  parameters(columns: { has(name: string): boolean }): string[]
  /** Converts the data and the options of a call to columns with one response. */
  prepare<Options extends object>(
    data: unknown,
    options: Options,
  ): { readonly data: unknown; readonly options: Options }
  /**
   * Computes the model at a point with pauses, and keeps the result for the next call of `curve` or `jacobian`.
   *
   * @param names names of the derivatives; by default the names of the last call of `jacobian`
   * @param lane the lane in which the model may compute; every pause then waits for the other lanes
   */
  advance(
    point: Readonly<Record<string, number>>,
    columns: Readonly<Record<string, Float64Array>>,
    names?: readonly string[],
    lane?: ModelLane,
  ): Slices<void>
  /** Creates lanes for a count of fits, if the code of lanes is loaded. */
  lanes(count: number, runner: BatchRunner): ModelLanes | undefined
  /** Appends the rows of a prediction to the columns of a fit. */
  extend(
    columns: Readonly<Record<string, Float64Array>>,
    at: Readonly<Record<string, unknown>>,
  ): { readonly columns: Readonly<Record<string, Float64Array>>; readonly rows: number }
  /** A remark on the parameters of a fit, such as the reason why the model has no value; '' for no remark. */
  remark(values: Readonly<Record<string, number>>, columns: Readonly<Record<string, Float64Array>>): string
}

/** A model that computes all rows together with exact derivatives, such as a model of `ode`. */
export interface ExactFunctionModel {
  /** @internal */
  readonly [exactModel]: ExactModel
}

/** A validated function model. */
export interface FunctionModelSpec {
  readonly exact?: ExactModel | undefined
  readonly model: object
  readonly kind: 'row' | 'curve' | 'residuals'
  readonly call: ModelFunction
  readonly jacobian: ModelFunction | undefined
  /** Number of rows if the data have no columns. */
  readonly observations: number | undefined
}

/** A function model together with its data columns. */
export class BoundFunctionModel implements FunctionModelSpec {
  // Object.assign sets the declared fields in the constructor, and `declare` emits no code for the fields.
  declare readonly exact: FunctionModelSpec['exact']
  declare readonly model: FunctionModelSpec['model']
  declare readonly kind: FunctionModelSpec['kind']
  declare readonly call: ModelFunction
  declare readonly jacobian: FunctionModelSpec['jacobian']
  declare readonly observations: FunctionModelSpec['observations']
  declare readonly differences: FiniteDifferenceValues
  /** All rows of the model's data columns. */
  declare readonly data: ReadonlyMap<string, DataColumn>
  /** Whether the user's derivatives have been compared with finite differences. */
  isChecked = false

  constructor(
    spec: FunctionModelSpec,
    data: ReadonlyMap<string, DataColumn>,
    differences: FiniteDifferenceValues = { order: 1, step: undefined },
  ) {
    Object.assign(this, spec, { data, differences })
    this.isChecked = spec.exact !== undefined
  }
}

/** Internal column of row indices, for models that compute all rows at once. */
export const ROWS = '@rows'
/** Internal response column of zeros, for residual models. */
export const ZEROS = '@zeros'

/** Reads a function model. The result is undefined if the value is not a function model. */
export function readFunctionModel(model: unknown): FunctionModelSpec | undefined {
  if (typeof model === 'function')
    return { model, kind: 'row', call: model as ModelFunction, jacobian: undefined, observations: undefined }
  if (!isObject(model)) return undefined
  if (model instanceof BoundFunctionModel) return model
  const exact = exactModel in model ? (model[exactModel] as ExactModel) : undefined
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
    const expected = kind === 'residuals' ? 'an integer > 0' : 'none if the data have columns'
    throw new OptionError('model: observations', expected, observations)
  }
  return { exact, model, kind, call: call as ModelFunction, jacobian, observations }
}

/** The columns of a fit for the user, without internal columns, as copies in a frozen object. */
export function copyColumns(
  data: ReadonlyMap<string, DataColumn>,
  fit: number,
): Readonly<Record<string, Float64Array>> {
  const own = [...data.keys()].filter((name) => !name.startsWith('@'))
  return Object.freeze(createRecord(own, (name) => numbersInRun(data.get(name) as DataColumn, fit).slice()))
}

/** Maximum number of residuals. Larger arrays would exhaust memory. */
const MAX_OBSERVATIONS = 1 << 27

/**
 * Adds the internal columns. Row indices are counted across all fits, and identify a row even after resampling or after
 * rows were dropped. Residual models also receive a response column of zeros.
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
      'at least one column, or `observations` in the model',
      length === 0 ? 'none' : length,
    )
  }
  if (like !== undefined && observations > 0)
    throw new OptionError('model: observations', 'none if the data have columns', observations)
  const column = (compute: (row: number) => number): DataColumn => ({
    numbers: Float64Array.from({ length }, (_, row) => compute(row)),
    offsets: like?.offsets ?? null,
  })
  const added: [string, DataColumn][] = [[ROWS, column((row) => row)]]
  if (kind === 'residuals') added.push([ZEROS, column(() => 0)])
  return new Map([...columns, ...added])
}
