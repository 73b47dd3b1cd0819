import { OptionError } from '../../core/errors.js'
import type { Expression } from '../../expressions/expression.js'
import { execute, executeSync } from '../../many/engines/execute.js'
import type { FitModel } from '../models/model.js'
import type { FunctionModel, RowArgument } from '../problem/function-model.js'
import type { FitData } from '../problem/options.js'
import type {
  FitDerivedQuantities,
  FitParameters,
  OnlyParameters,
  ParametersOf,
} from '../problem/parameters.js'
import { weightExpression } from '../solve/model-weights.js'
import { IterativeReweighting } from './irls.js'
import type { FitManyOptions, FitOptions } from './options.js'
import type { Fit, FitManyResult } from './result.js'
import { FitRun } from './run.js'
import { WhitenedFit } from './whitening.js'

/**
 * Fits a model to many sets of data at once by least squares, with the Levenberg-Marquardt method in float64: the
 * same bits, fit by fit, on every engine and number of threads. Once data are copied, the event loop gets its
 * turn after 50 ms at the latest, also while starts are guessed by models of ours.
 *
 * @param model an `expression`, whose names are parameters or columns, or one of `models`; or a function, which runs in
 * JavaScript: see {@link FunctionModel}
 * @param data columns of numbers, for all fits, or a list for each fit, also of its own length; null and NaN are
 * missing: see the option `missing`; copied
 * @throws (rejects with) OptionError before the first iteration; the signal's reason. A fit that cannot be done throws
 * nothing, but has a reason.
 * @example
 * const { values, errors } = await fitMany(expression('a*exp(-b*t) + c'), { t, y }, { start: { a: 1, b: 1, c: 0 } })
 */
export function fitMany<
  Names extends string,
  D extends FitData,
  const Start extends FitParameters = Record<never, never>,
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  model: Expression<Names> | FitModel<Names>,
  data: D,
  options?: FitManyOptions<Start & OnlyParameters<Names, D, Start>, Derive>,
): Promise<FitManyResult<ParametersOf<Names, D, Start, Derive>>>
/** With a function as model: its parameters are those of `start`, and what it throws is passed on. */
export function fitMany<
  D extends FitData,
  const Start extends FitParameters,
  const Y extends string = 'y',
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  model: FunctionModel<keyof Start & string, RowArgument<D, Y>, keyof D & string>,
  data: D,
  options: FitManyOptions<Start, Derive> & { readonly start: Start; readonly y?: Y },
): Promise<FitManyResult<keyof (Start & Derive) & string>>
export async function fitMany(
  model: AnyModel,
  data: FitData,
  options: object = {},
): Promise<FitManyResult<string>> {
  const fits = createFits(model, data, options)
  const { choice, options: read, progress } = fits
  await execute(choice, fits.calls(true), read.signal, () => fits.release(), progress.repeat)
  return fits.result()
}

/** `fitMany` without a promise. */
export function fitManySync<
  Names extends string,
  D extends FitData,
  const Start extends FitParameters = Record<never, never>,
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  model: Expression<Names> | FitModel<Names>,
  data: D,
  options?: FitManyOptions<Start & OnlyParameters<Names, D, Start>, Derive>,
): FitManyResult<ParametersOf<Names, D, Start, Derive>>
/** With a function as model: its parameters are those of `start`, and what it throws is passed on. */
export function fitManySync<
  D extends FitData,
  const Start extends FitParameters,
  const Y extends string = 'y',
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  model: FunctionModel<keyof Start & string, RowArgument<D, Y>, keyof D & string>,
  data: D,
  options: FitManyOptions<Start, Derive> & { readonly start: Start; readonly y?: Y },
): FitManyResult<keyof (Start & Derive) & string>
export function fitManySync(model: AnyModel, data: FitData, options: object = {}): FitManyResult<string> {
  return createRun(model, data, options).result()
}

/**
 * One fit: see {@link fitMany}.
 *
 * @example
 * const { values, errors, rSquared } = fit(expression('a*exp(-b*t) + c'), { t, y }, { start: { a: 1, b: 1, c: 0 } })
 */
export function fit<
  Names extends string,
  D extends FitData,
  const Start extends FitParameters = Record<never, never>,
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  model: Expression<Names> | FitModel<Names>,
  data: D,
  options?: FitOptions<Start & OnlyParameters<Names, D, Start>, Derive>,
): Fit<ParametersOf<Names, D, Start, Derive>>
/** With a function as model: its parameters are those of `start`, and what it throws is passed on. */
export function fit<
  D extends FitData,
  const Start extends FitParameters,
  const Y extends string = 'y',
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  model: FunctionModel<keyof Start & string, RowArgument<D, Y>, keyof D & string>,
  data: D,
  options: FitOptions<Start, Derive> & { readonly start: Start; readonly y?: Y },
): Fit<keyof (Start & Derive) & string>
export function fit(model: AnyModel, data: FitData, options: object = {}): Fit<string> {
  const found = createRun(model, data, options).result()
  if (found.length !== 1) {
    const expected = 'columns of one fit, and no list in start, which is a start for each fit'
    throw new OptionError('data', expected, `${found.length} fits`)
  }
  return found.at(0)
}

type AnyModel = Expression | FitModel | FunctionModel<never, never, never>

function createRun(
  model: AnyModel,
  data: FitData,
  options: object,
): FitRun | IterativeReweighting | WhitenedFit {
  const fits = createFits(model, data, options)
  executeSync(fits.choice, fits.calls())
  return fits
}

/** Fits that are not begun. */
export function createFits(
  model: AnyModel,
  data: FitData,
  options: object,
): FitRun | IterativeReweighting | WhitenedFit {
  const fits = new FitRun(model, data, options)
  if (fits.options.covariance !== undefined) return new WhitenedFit(fits)
  return weightExpression(fits.options) === undefined ? fits : new IterativeReweighting(fits)
}
