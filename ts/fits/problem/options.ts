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
 * A table of data: columns by name, or an array of objects, one object per row. A column is one array for all fits, or
 * contains one array per fit. All columns of a fit that the model uses have the same length. Other columns are ignored
 * and may have any content. Null, NaN and properties that a row lacks mark missing numbers.
 */
export type FitData = Readonly<Record<string, FitColumn | readonly unknown[]>> | readonly FitRow[]

/** A row of a table: numbers by column name. Columns that the model does not use may have any content. */
export type FitRow = Readonly<Record<string, unknown>>

/** A data column: one array of numbers for all fits, or an array that contains one array of numbers per fit. */
export type FitColumn = ArrayLike<number | null> | readonly ArrayLike<number | null>[]

/** Numbers or columns by observed quantity, for models of `ode` that observe several quantities. */
export type NoiseByQuantity = Readonly<Record<string, number | FitColumn>>

/** Options that `fit`, `fitMany` and `fitShared` have in common. */
export interface CommonFitOptions<Start = FitParameters, Derive = FitDerivedQuantities> {
  /**
   * Starting values and bounds of the parameters by name. Every parameter of an expression or a function
   * needs a starting value. Built-in models guess the parameters that are omitted.
   */
  readonly start?: Start
  /**
   * Derived quantities: expressions of the parameters by name, as in `{ ec90: 'ec50 * 9^(1/slope)' }`. The results
   * `values`, `errors` and `intervals()` include the derived quantities. Default: no derived quantities.
   */
  readonly derive?: Derive
  /** Name of the response column. Default: the column that the model does not use if exactly one exists, else `y`. */
  readonly y?: string
  /**
   * Standard deviations of the response: an array for all fits, or an array per fit. A string such as `'0.05*f'` is an
   * expression of the model value f and the columns. Each σ must be finite and > 0. A model of `ode` with several
   * observed quantities also accepts an object with a number or an array per quantity. Default: equal weights.
   */
  readonly sigma?: FitColumn | string | NoiseByQuantity
  /**
   * Weights of the squared residuals, as an alternative to `sigma`; 1 by default. Weights 1/σ² are equivalent to `sigma`.
   * Numbers must be finite and ≥ 0. A row of weight 0 is ignored, even if it contains NaN. A string such as
   * `'1/f^2'` is an expression of the model value f and the columns, evaluated at the solution (iteratively
   * reweighted least squares).
   */
  readonly weights?: FitColumn | string | NoiseByQuantity
  /**
   * The value 'drop' ignores rows in which a column, σ or weight is null or NaN. `droppedRows` counts the ignored rows.
   * Without the option `missing`, a fit with a missing number ends as 'not-finite', and a missing σ or weight is an
   * error.
   */
  readonly missing?: 'drop'
  /**
   * Whether standard errors use `sigma` as given, instead of scaling `sigma` so that the reduced χ² is 1. Default: true
   * for the loss 'poisson', else false.
   */
  readonly absoluteSigma?: boolean
  /**
   * Loss function: 'squared', the robust 'huber', 'softL1' and 'cauchy', or 'poisson' for counts. Default
   * 'squared'.
   */
  readonly loss?: Loss
  /**
   * Residual, in units of σ, beyond which a robust loss treats a row as an outlier. The limit must be > 0. Default 1.
   */
  readonly lossScale?: number
  /**
   * Convergence tolerance. A fit has converged if the next linearized step would reduce χ² by at most this fraction. A
   * fit has also converged if the next step is at most this fraction of the parameters. The default tolerance is 1e-10,
   * or 1e-8 for a function model with first-order differences. A tolerance of 1e-14 or less refines the solution to all
   * digits.
   */
  readonly tolerance?: number
  /**
   * Finite differences for a function model that lacks a `jacobian`: the order 1 or 2, or `{ order, step }`. The
   * default order 1 evaluates the model once per free parameter.
   */
  readonly finiteDifferences?: number | FiniteDifferences
  /**
   * Maximum number of model evaluations per start. Fits that lose digits with normal equations may use 25% more
   * evaluations. Default 1000.
   */
  readonly maxIterations?: number
  /**
   * Number of starting points per fit, or `{ count, sample, seed }`. The first point is the fit's own start. Further
   * points are sampled between the finite `min` and `max` of the free parameters. If the model guesses starting values,
   * a parameter without finite bounds is sampled around the guess. The fit keeps the best minimum, and `minima` lists
   * all minima. Default 1, but built-in models add starting points to doubtful fits.
   */
  readonly multiStart?: number | MultiStart
  /** Engine to use. Default: the first available engine of native, WebAssembly and TypeScript. */
  readonly engine?: EngineName
  /**
   * Instruction set of the native engine, such as 'avx2'. Default: the best instruction set that the processor
   * supports.
   */
  readonly instructionSet?: string
  /**
   * Number of threads of the native engine, or number of workers. Default: the number of cores. Results do not depend
   * on the number of threads.
   */
  readonly threads?: number
  /** Workers for the WebAssembly engine in browsers, as returned by `workers()`. */
  readonly workers?: WorkerPlacement
  /** AbortSignal for the call. If the signal aborts, the promise is rejected with the reason of the signal. */
  readonly signal?: AbortSignal
  /**
   * Progress callback, called with the number of completed fits and the number of all fits. The callback is called at
   * least four times per second, and at the end.
   */
  readonly onProgress?: (done: number, total: number) => void
}

export const commonOptionTable = {
  start: passThrough<FitParameters>(),
  derive: derivedOption,
  y: passThrough<string>(),
  sigma: passThrough<FitColumn | string>(),
  weights: passThrough<FitColumn | string>(),
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

/** The validated options of a fit. */
export type FitValues = ValuesOf<typeof commonOptionTable>
