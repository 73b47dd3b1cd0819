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
import { type CommonFitOptions, commonOptionTable, type FitColumn } from '../problem/options.js'

/** What is as in `fitMany`. */
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
   * The column of the data, of texts or numbers, that says which group a row belongs to. Without it columns are lists for
   * each group, or numbers for all.
   */
  readonly group?: string
  /** Parameters that have one value for all groups. */
  readonly shared?: readonly string[]
  /** Parameters that each group has for itself; those that are named nowhere else. */
  readonly local?: readonly string[]
  /**
   * Parameters that have one value for each label of a column, as in `{ slope: 'plate' }`: all groups of a plate share its
   * slope. Without `group` the column has a label for each group.
   */
  readonly sharedBy?: Readonly<Record<string, string>>
  /** Of several models, the column that says which one a group has, by its index; modelOf. */
  readonly modelColumn?: string
  /**
   * From how many points to start, or `{ count, sample, seed }`: its own one and others, in which what is shared is spread
   * over its bounds; the best end is the result; 1.
   */
  readonly multiStart?: number | MultiStart
  /**
   * Standard deviations of the measured numbers; of a model with several values a column for each. A text says as in
   * `fit` how they follow from the model's value.
   */
  readonly sigma?: FitColumn | string | Readonly<Record<string, FitColumn | string>>
  /** Weights of the squared residuals, instead of `sigma`. */
  readonly weights?: FitColumn | string | Readonly<Record<string, FitColumn | string>>
}

const nameOption = option<string, undefined>('a name', undefined, (x) => typeof x === 'string')

const namesOption = customOption<readonly string[]>((argument, given) => {
  const list = toBoundedArray(given)
  if (list === undefined) throw new OptionError(argument, 'a list of names', given)
  const seen = new Set<string>()
  for (const [k, one] of list.entries()) {
    if (typeof one !== 'string') throw new OptionError(`${argument}[${k}]`, 'a name', one)
    if (seen.has(one)) throw new OptionError(argument, 'each name once', one)
    seen.add(one)
  }
  return list as string[]
})

const columnsByName = customOption<Readonly<Record<string, string>>>((argument, given) => {
  if (!isRecord(given)) throw new OptionError(argument, 'columns by parameter', given)
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
} satisfies Record<keyof SharedOptions, Option>

export type SharedValues = ValuesOf<typeof sharedOptionTable>
