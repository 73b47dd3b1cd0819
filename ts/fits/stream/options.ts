/** Options of `fitStream`. */

import { OptionError } from '../../core/errors.js'
import { isArrayLike, isObject, isRecord } from '../../core/untrusted-input.js'
import type { Expression } from '../../expressions/expression.js'
import {
  customOption,
  type Option,
  option,
  optional,
  passThrough,
  type ValuesOf,
} from '../../options/kinds.js'
import { type FitManyOptions, fitOptionTable } from '../fit/options.js'
import { type FitModel, readModel } from '../models/model.js'
import type { FunctionModel } from '../problem/function-model.js'
import type { FitDerivedQuantities, FitParameters } from '../problem/parameters.js'

/** The model of a stream of fits. */
export type StreamModel<Names extends string = string> =
  | Expression<Names>
  | FitModel<Names>
  | FunctionModel<never, never, never>

/** Options of `fitStream`: the model, the column of groups, and the options of `fitMany` for each group. */
export interface FitStreamOptions<Model = StreamModel, Start = FitParameters, Derive = FitDerivedQuantities>
  extends Omit<FitManyOptions<Start, Derive>, 'sigma' | 'weights' | 'distribution' | 'onProgress'> {
  /** An expression, one of the built-in `models`, or a function, as for `fitMany`. */
  readonly model: Model
  /**
   * Column that labels the group of each row. The rows of a group must follow each other. Without `group`, each item
   * of the stream is a whole group, `{ group, data }`.
   */
  readonly group?: string
  /**
   * Standard deviations of the response: the name of a column, or an expression of the model value f and the columns,
   * such as `'0.05*f'`. Default: equal weights.
   */
  readonly sigma?: string
  /**
   * Weights of the squared residuals, as an alternative to `sigma`: the name of a column, or an expression such as
   * `'1/f^2'`.
   */
  readonly weights?: string
}

const nameOption = option<string, undefined>('a column name', undefined, (x) => typeof x === 'string')
const weightOption = option<string, undefined>(
  'a column name or an expression of f',
  undefined,
  (x) => typeof x === 'string',
)

/** Copies the starting values. A stream has no count of fits, so each parameter has one start for all groups. */
const startOption = customOption<FitParameters>((argument, given) => {
  if (!isRecord(given)) throw new OptionError(argument, 'an object of parameters', given)
  const entries = Object.entries(given).map(([name, entry]) => {
    const copy = isRecord(entry) ? { ...entry } : entry
    const start: unknown = isRecord(copy) ? (copy as { readonly start?: unknown }).start : copy
    if (isObject(start) && isArrayLike(start))
      throw new OptionError(`${argument}: ${name}`, 'one number for all groups', start)
    return [name, copy] as const
  })
  return Object.fromEntries(entries) as FitParameters
})

const { onProgress, distribution, sigma, weights, ...others } = fitOptionTable

const streamOptionTable = {
  ...others,
  model: passThrough<StreamModel>(),
  group: optional(nameOption),
  start: optional(startOption),
  sigma: optional(weightOption),
  weights: optional(weightOption),
} satisfies Record<keyof FitStreamOptions, Option>

/** The validated options of a stream. */
export type StreamValues = ValuesOf<typeof streamOptionTable>

/** Names of the table, for `readOptions`. */
export { streamOptionTable }

/** @throws OptionError if the model is invalid, or if both `sigma` and `weights` are set */
export function checkStream({ model, start, sigma, weights }: StreamValues): void {
  readModel(model, start !== undefined)
  if (sigma !== undefined && weights !== undefined)
    throw new OptionError('weights', 'none if sigma is set', weights)
}
