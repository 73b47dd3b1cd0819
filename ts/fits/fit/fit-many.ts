import { OptionError } from '../../core/errors.js'
import type { Expression } from '../../expressions/expression.js'
import { execute, executeSync } from '../../many/engines/execute.js'
import { readOptions } from '../../options/read.js'
import type { LikelihoodFit, LikelihoodResult } from '../likelihood/result.js'
import type { FitModel } from '../models/model.js'
import type { ColumnsOf } from '../problem/data-table.js'
import type { ExactFunctionModel, FunctionModel, RowArgument } from '../problem/function-model.js'
import type { FitData } from '../problem/options.js'
import type {
  FitDerivedQuantities,
  FitParameters,
  OnlyParameters,
  ParametersOf,
} from '../problem/parameters.js'
import { Distribution, type DistributionFits } from '../solve/distribution.js'
import { weightExpression } from '../solve/model-weights.js'
import type { CallFits } from './call-fits.js'
import { IterativeReweighting } from './irls.js'
import { type FitManyOptions, type FitOptions, fitOptionTable, type WithDistribution } from './options.js'
import type { Fit, FitManyResult } from './result.js'
import { FitRun } from './run.js'
import { wasmModule } from './wasm-module.js'

/**
 * Fits a model to many data sets at once by nonlinear least squares. The algorithm is Levenberg-Marquardt in float64.
 * The result of each fit is bit-identical on every engine and with any number of threads. After copying the data and
 * compiling the model, the call yields to the event loop at least every 50 ms, even while built-in models guess
 * starting values.
 *
 * @param model an `expression`, whose names are parameters or columns; one of the built-in `models`; or a
 * function, which runs in JavaScript (see {@link FunctionModel})
 * @param data columns by name: an array of numbers for all fits, or one array per fit. The lengths of the arrays may
 * differ between fits. An array of objects, one object per row, is accepted as well. Columns that the model does not
 * use are ignored. Null and NaN mark missing numbers (see the option `missing`). The call copies the data.
 * @param options starting values, weights, loss, tolerance, engine and other settings
 * @returns a promise of the results, with one column per quantity, and one number per fit in each column
 * @throws (rejects with) OptionError before the first iteration if an argument is invalid; the reason of the
 * AbortSignal if the call is aborted. A failed fit does not throw an error. Instead, the `reason` of the fit explains
 * the failure.
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
/** With a distribution, the fits maximize the likelihood. */
export function fitMany<
  Names extends string,
  D extends FitData,
  const Start extends FitParameters = Record<never, never>,
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  model: Expression<Names> | FitModel<Names>,
  data: D,
  options: WithDistribution<FitManyOptions<Start, Derive>>,
): Promise<LikelihoodResult<ParametersOf<Names, D, Start, Derive>>>
/** A model of `ode` with a distribution. */
export function fitMany<
  const Start extends FitParameters,
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  model: ExactFunctionModel,
  data: FitData,
  options: WithDistribution<FitManyOptions<Start, Derive>> & { readonly start: Start },
): Promise<LikelihoodResult<keyof (Start & Derive) & string>>
/** For a model function, the parameters are the names in `start`. Exceptions of the model function are passed on. */
export function fitMany<
  D extends FitData,
  const Start extends FitParameters,
  const Y extends string = 'y',
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  model: FunctionModel<keyof Start & string, RowArgument<ColumnsOf<D>, Y>, keyof ColumnsOf<D> & string>,
  data: D,
  options: FitManyOptions<Start, Derive> & { readonly start: Start; readonly y?: Y },
): Promise<FitManyResult<keyof (Start & Derive) & string>>
export async function fitMany(
  model: AnyModel,
  data: FitData,
  options: object = {},
): Promise<FitManyResult<string> | LikelihoodResult<string>> {
  const fits = createAnyFits(model, data, options)
  const { choice, options: read, progress } = fits
  await execute(choice, fits.calls(true), read.signal, () => fits.release(), progress.repeat)
  return fits.result() as FitManyResult<string> | LikelihoodResult<string>
}

/** Synchronous version of {@link fitMany}. */
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
/** With a distribution, the fits maximize the likelihood. */
export function fitManySync<
  Names extends string,
  D extends FitData,
  const Start extends FitParameters = Record<never, never>,
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  model: Expression<Names> | FitModel<Names>,
  data: D,
  options: WithDistribution<FitManyOptions<Start, Derive>>,
): LikelihoodResult<ParametersOf<Names, D, Start, Derive>>
/** A model of `ode` with a distribution. */
export function fitManySync<
  const Start extends FitParameters,
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  model: ExactFunctionModel,
  data: FitData,
  options: WithDistribution<FitManyOptions<Start, Derive>> & { readonly start: Start },
): LikelihoodResult<keyof (Start & Derive) & string>
/** For a model function, the parameters are the names in `start`. Exceptions of the model function are passed on. */
export function fitManySync<
  D extends FitData,
  const Start extends FitParameters,
  const Y extends string = 'y',
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  model: FunctionModel<keyof Start & string, RowArgument<ColumnsOf<D>, Y>, keyof ColumnsOf<D> & string>,
  data: D,
  options: FitManyOptions<Start, Derive> & { readonly start: Start; readonly y?: Y },
): FitManyResult<keyof (Start & Derive) & string>
export function fitManySync(
  model: AnyModel,
  data: FitData,
  options: object = {},
): FitManyResult<string> | LikelihoodResult<string> {
  return createRun(model, data, options).result() as FitManyResult<string> | LikelihoodResult<string>
}

/**
 * Fits a model to one data set by nonlinear least squares. `fit` takes the same arguments as {@link fitMany}.
 *
 * @throws OptionError if an argument is invalid. A failed fit does not throw an error. Instead, the `reason` of the fit
 * explains the failure.
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
/** With a distribution, the fit maximizes the likelihood. */
export function fit<
  Names extends string,
  D extends FitData,
  const Start extends FitParameters = Record<never, never>,
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  model: Expression<Names> | FitModel<Names>,
  data: D,
  options: WithDistribution<FitOptions<Start, Derive>>,
): LikelihoodFit<ParametersOf<Names, D, Start, Derive>>
/** A model of `ode` with a distribution. */
export function fit<
  const Start extends FitParameters,
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  model: ExactFunctionModel,
  data: FitData,
  options: WithDistribution<FitOptions<Start, Derive>> & { readonly start: Start },
): LikelihoodFit<keyof (Start & Derive) & string>
/** For a model function, the parameters are the names in `start`. Exceptions of the model function are passed on. */
export function fit<
  D extends FitData,
  const Start extends FitParameters,
  const Y extends string = 'y',
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  model: FunctionModel<keyof Start & string, RowArgument<ColumnsOf<D>, Y>, keyof ColumnsOf<D> & string>,
  data: D,
  options: FitOptions<Start, Derive> & { readonly start: Start; readonly y?: Y },
): Fit<keyof (Start & Derive) & string>
export function fit(
  model: AnyModel,
  data: FitData,
  options: object = {},
): Fit<string> | LikelihoodFit<string> {
  const found = createRun(model, data, options).result()
  if (found.length !== 1) {
    const expected = 'columns and starts of one fit (use fitMany for several fits)'
    throw new OptionError('data', expected, `${found.length} fits`)
  }
  return found.at(0) as Fit<string> | LikelihoodFit<string>
}

type AnyModel = Expression | FitModel | FunctionModel<never, never, never> | ExactFunctionModel

function createRun(model: AnyModel, data: FitData, options: object): CallFits | DistributionFits {
  const fits = createAnyFits(model, data, options)
  executeSync(fits.choice, fits.calls())
  return fits
}

/** Creates the fits of any distribution, without starting them. */
export function createAnyFits(
  model: AnyModel,
  data: FitData,
  options: { readonly distribution?: unknown },
): CallFits | DistributionFits {
  const distribution = options?.distribution
  return Distribution.has(distribution)
    ? distribution.createFits(
        model,
        data,
        readOptions('options', { ...options, distribution }, fitOptionTable),
      )
    : createFits(model, data, options)
}

/** Validates the arguments and creates the run of least-squares fits, without starting it. */
export function createFits(model: AnyModel, data: FitData, options: object): CallFits {
  const fits = new FitRun(wasmModule, model, data, options)
  const { outliers, covariance } = fits.options
  const first = outliers ?? covariance
  if (first !== undefined) return first.wrap(fits)
  return weightExpression(fits.options) === undefined ? fits : new IterativeReweighting(fits)
}
