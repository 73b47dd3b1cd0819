import { OptionError } from '../../core/errors.js'
import { isRecord, toBoundedArray } from '../../core/untrusted-input.js'
import {
  customOption,
  type Option,
  option,
  optional,
  passThrough,
  type ValuesOf,
} from '../../options/kinds.js'
import type { MultiStart } from '../problem/multi-start.js'
import {
  type CommonFitOptions,
  commonOptionTable,
  type FitColumn,
  type NoiseByQuantity,
} from '../problem/options.js'
import { distributionOption } from '../solve/distribution.js'

/** Options that `fitShared` has in common with `fitMany`. */
type CommonOptions = Pick<
  CommonFitOptions,
  | 'start'
  | 'derive'
  | 'y'
  | 'missing'
  | 'absoluteSigma'
  | 'loss'
  | 'lossScale'
  | 'tolerance'
  | 'maxIterations'
  | 'engine'
  | 'instructionSet'
  | 'threads'
  | 'signal'
  | 'onProgress'
>

export interface SharedOptions extends CommonOptions {
  /**
   * Column of strings or numbers that labels the group of each row. Without `group`, each column is an array of arrays,
   * one per group, or one array of numbers for all groups.
   */
  readonly group?: string
  /** Parameters that have one value for all groups. */
  readonly shared?: readonly string[]
  /** Parameters that are local to each group. Default: all parameters that no other option names. */
  readonly local?: readonly string[]
  /**
   * Parameters that have one value per label of a column. For example, with `{ slope: 'plate' }` all groups of a plate
   * share one slope. Without `group`, the column has one label per group.
   */
  readonly sharedBy?: Readonly<Record<string, string>>
  /** Column with the index of each group's model, if the fit has several models. Default 'modelOf'. */
  readonly modelColumn?: string
  /**
   * Count of starting points, or `{ count, sample, seed }`. Default 1. The first point is the usual start. Further
   * starting points spread the shared parameters over their bounds. The result is the best of the fits from all
   * starting points.
   */
  readonly multiStart?: number | MultiStart
  /**
   * Standard deviations of the response. For a model with several outputs, `sigma` is an object with one column per
   * response. A string is an expression of the model's value, as in `fit`.
   */
  readonly sigma?: FitColumn | string | NoiseByQuantity | Readonly<Record<string, FitColumn | string>>
  /** Weights of the squared residuals, instead of `sigma`. */
  readonly weights?: FitColumn | string | NoiseByQuantity | Readonly<Record<string, FitColumn | string>>
  /**
   * Distribution of the response, as in `poisson()` or `normal({ sigma: 'prop*f' })`. The parameters of σ are shared or
   * local like all others. The fit then maximizes the likelihood, and the result is a `SharedLikelihoodFit`. Default:
   * least squares.
   */
  readonly distribution?: undefined
}

const nameOption = option<string, undefined>('a name', undefined, (x) => typeof x === 'string')

const namesOption = customOption<readonly string[]>((argument, given) => {
  const list = toBoundedArray(given)
  if (list === undefined) throw new OptionError(argument, 'an array of names', given)
  const seen = new Set<string>()
  for (const [k, one] of list.entries()) {
    if (typeof one !== 'string') throw new OptionError(`${argument}[${k}]`, 'a name', one)
    if (seen.has(one)) throw new OptionError(argument, 'each name once', one)
    seen.add(one)
  }
  return list as string[]
})

const columnsByName = customOption<Readonly<Record<string, string>>>((argument, given) => {
  if (!isRecord(given)) throw new OptionError(argument, 'an object of column names', given)
  const entries = Object.entries(given)
  for (const [parameter, column] of entries) {
    if (typeof column !== 'string')
      throw new OptionError(`${argument}: ${parameter}`, "a column's name", column)
  }
  return Object.fromEntries(entries) as Record<string, string>
})

const { start, derive, y, missing, absoluteSigma, loss, lossScale, tolerance, maxIterations } =
  commonOptionTable
const { engine, instructionSet, threads, signal, onProgress, multiStart } = commonOptionTable

export const sharedOptionTable = {
  start,
  derive,
  y,
  missing,
  absoluteSigma,
  loss,
  lossScale,
  tolerance,
  maxIterations,
  engine,
  instructionSet,
  threads,
  signal,
  onProgress,
  multiStart,
  group: optional(nameOption),
  shared: optional(namesOption),
  local: optional(namesOption),
  sharedBy: optional(columnsByName),
  modelColumn: optional(nameOption),
  sigma: passThrough<FitColumn | string>(),
  weights: passThrough<FitColumn | string>(),
  distribution: distributionOption,
} satisfies Record<keyof SharedOptions, Option>

export type SharedValues = ValuesOf<typeof sharedOptionTable>
