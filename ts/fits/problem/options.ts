import type { EngineName } from '../../engines/engine.js'
import type { WorkerPlacement } from '../../many/engines/engines.js'
import { callOptions } from '../../many/options.js'
import {
  choice,
  flag,
  integerAtLeast,
  keyOption,
  nonNegative,
  type Option,
  optional,
  passThrough,
  positive,
  type ValuesOf,
} from '../../options/kinds.js'
import { nestedOptions } from '../../options/read.js'
import { type FiniteDifferences, finiteDifferences } from './finite-differences.js'
import { type Loss, losses } from './loss.js'
import { type MultiStart, multiStart } from './multi-start.js'
import { derivedOption, type FitDerivedQuantities, type FitParameters } from './parameters.js'

/**
 * Columns of data by name: numbers for all fits, or a list for each; all of a fit's columns have one length. What is
 * missing is null or NaN.
 */
export type FitData = Readonly<Record<string, FitColumn>>

/** A column: numbers, or a list of these for each fit. */
export type FitColumn = ArrayLike<number | null> | readonly ArrayLike<number | null>[]

/** Options of `fit` and `fitMany` whose code every fit has. */
export interface CommonFitOptions<Start = FitParameters, Derive = FitDerivedQuantities> {
  /**
   * Where parameters start, and what they may be, by name: all of them, or for a model of ours those that are not to
   * be guessed.
   */
  readonly start?: Start
  /**
   * What is wanted beside the parameters, by them, as in `{ ec90: 'ec50 * 9^(1/slope)' }`: values, errors and intervals
   * have it too.
   */
  readonly derive?: Derive
  /** The column that the model is to meet: y, or else the only one that the model has no name for. */
  readonly y?: string
  /**
   * Standard deviations of the measured numbers: for all rows, or for each fit's; or how they follow from the model's
   * value f and columns, as a text: `'0.05*f'`.
   */
  readonly sigma?: FitColumn | string
  /**
   * Weights of the squared residuals, instead of `sigma`: 1/σ² is the same. 0 leaves a row out, whatever it holds.
   * A text, as `'1/f^2'`, says how they follow from the model's value f and columns: they are those of where the fit ends.
   */
  readonly weights?: FitColumn | string
  /**
   * The covariance of y, where errors of its rows are shared, as a matrix of at most 512 rows, instead of both: as in
   * SciPy it is a relative one, unless `absoluteSigma`.
   */
  readonly covariance?: readonly ArrayLike<number>[]
  /**
   * 'drop' leaves out rows in which something is null or NaN: a column, σ or a weight; `droppedRows` of the result counts
   * them. Otherwise a fit that has such a row ends as 'not-finite', and σ and weights must be numbers.
   */
  readonly missing?: 'drop'
  /** Whether `sigma` is known, and errors do not depend on how well the model fits; true for counts, else false. */
  readonly absoluteSigma?: boolean
  /** 'squared', the robust 'huber', 'softL1' and 'cauchy', or 'poisson' for counts; 'squared'. */
  readonly loss?: Loss
  /** The residual, in units of σ, beyond which a robust loss takes rows for outliers; 1. */
  readonly lossScale?: number
  /**
   * A fit has converged where the step that would solve the linearized problem would lower χ² by no more than this
   * part of it, or is no longer than this part of the parameters; 1e-10. From 1e-14 on all digits are sought.
   */
  readonly tolerance?: number
  /**
   * Of a function without a jacobian: the order of its differences, or `{ order, step }`; 1, which is a pass over the rows
   * for each parameter that varies.
   */
  readonly finiteDifferences?: number | FiniteDifferences
  /** Evaluations at most, of which what loses digits by normal equations may have a quarter more; 1000. */
  readonly maxIterations?: number
  /**
   * Starts each fit from so many points, the first one its own start, the others in the box of all `min` and `max`,
   * and keeps the best end; `minima` tells of all. One number, or how they are made; 1.
   */
  readonly multiStart?: number | MultiStart
  /** Forces an engine: by default the first of native, WebAssembly and TypeScript that there is. */
  readonly engine?: EngineName
  /** Forces an instruction set of the native engine. */
  readonly instructionSet?: string
  /** On how many threads the native engine runs, or how many workers; by default on all cores. No bit depends on it. */
  readonly threads?: number
  /** Has the WebAssembly engine run on workers, in browsers: what `workers()` gives. */
  readonly workers?: WorkerPlacement
  /** Ends the call: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal
  /** Called with how many fits have ended, of how many: at least four times a second, and at the end. */
  readonly onProgress?: (done: number, total: number) => void
}

export const commonOptionTable = {
  start: passThrough<FitParameters>(),
  derive: derivedOption,
  y: passThrough<string>(),
  sigma: passThrough<FitColumn | string>(),
  weights: passThrough<FitColumn | string>(),
  covariance: passThrough<readonly ArrayLike<number>[]>(),
  missing: optional(choice('drop')),
  absoluteSigma: optional(flag()),
  loss: keyOption<Loss, 'squared'>(losses, 'squared'),
  lossScale: positive(1),
  tolerance: optional(nonNegative()),
  maxIterations: optional(integerAtLeast(1)),
  finiteDifferences: optional(nestedOptions(finiteDifferences, 'order')),
  multiStart: nestedOptions(multiStart, 'count', 1),
  ...callOptions,
} satisfies Record<keyof CommonFitOptions, Option>

/** These options as they were read. */
export type FitValues = ValuesOf<typeof commonOptionTable>
