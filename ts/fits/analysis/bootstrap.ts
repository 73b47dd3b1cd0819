/** `bootstrap`: standard errors, intervals and bands from fits of resampled data. */

import { mapRecord } from '../../core/untrusted-input.js'
import { CallProgress, executeSync } from '../../many/engines/execute.js'
import { readOptions } from '../../options/read.js'
import type { Fit, FitManyResult } from '../fit/result.js'
import type { LikelihoodFit, LikelihoodResult } from '../likelihood/result.js'
import type { SharedLikelihoodFit } from '../likelihood/shared-result.js'
import type { SharedFit } from '../shared/result.js'
import { type SharedSource, sharedSources } from '../shared/result-source.js'
import { type LikelihoodAnalysis, likelihoodOf } from '../solve/distribution.js'
import type { FitContext } from '../solve/fit-context.js'
import { fitManySources, fitSources } from '../solve/result-source.js'
import {
  type BootstrapManyOptions,
  type BootstrapManyValues,
  type BootstrapOptions,
  bootstrapManyTable,
  bootstrapTable,
  checkBootstrap,
  runBootstrap,
} from '../uncertainty/bootstrap.js'
import { Bootstrap, BootstrapMany } from '../uncertainty/bootstrap-result.js'
import type { SharedBootstrap } from '../uncertainty/shared-bootstrap-result.js'
import { type Computation, checkResult, run, runSync } from './computation.js'
import { prepareSharedBootstrap } from './shared-bootstrap.js'

/**
 * Bootstraps one fit: refits resampled data to compute standard errors, intervals and bands that do not assume a linear
 * model. Fit i uses the same random numbers in `bootstrap(result.at(i))` as in `bootstrap(result)`.
 *
 * @param found a result of the function `fit`
 * @param options number of replicates, resampling method, seed and confidence level
 * @throws OptionError if an option is out of its range, or if the options resample the residuals of a Poisson fit
 * @example
 * const { errors } = bootstrap(found, { count: 2000, seed: 1 })
 */
export function bootstrap<Names extends string>(
  found: Fit<Names>,
  options?: BootstrapOptions,
): Bootstrap<Names>
/**
 * Bootstraps a fit with a distribution. The method 'parametric' (default) draws responses from the fitted distribution,
 * and censors them at the limit of quantification. The method 'cases' resamples rows.
 */
export function bootstrap<Names extends string>(
  found: LikelihoodFit<Names>,
  options?: BootstrapOptions,
): Bootstrap<Names>
/** Bootstraps each fit with a distribution. */
export function bootstrap<Names extends string>(
  found: LikelihoodResult<Names>,
  options?: BootstrapManyOptions,
): Promise<BootstrapMany<Names>>
/**
 * Bootstraps each fit of a batch. Thousands of replicates run side by side, with bit-identical results on every engine
 * and with any number of threads. The native engine does not block the event loop.
 *
 * @param found a result of `fitMany`
 * @throws (rejects with) OptionError if an option is out of its range or the replicates would contain more than 2²⁷
 * numbers; the reason of the AbortSignal if the call is aborted
 */
export function bootstrap<Names extends string>(
  found: FitManyResult<Names>,
  options?: BootstrapManyOptions,
): Promise<BootstrapMany<Names>>
/**
 * Bootstraps a fit with shared parameters. Rows or residuals are resampled within each group, and all groups
 * are refitted together. The random numbers depend only on the seed, the group and the replicate.
 *
 * @param found a result of `fitShared`
 * @throws (rejects with) OptionError under the same conditions as for results of `fitMany`; the reason of the
 * AbortSignal if the call is aborted
 */
export function bootstrap(found: SharedFit, options?: BootstrapManyOptions): Promise<SharedBootstrap>
/**
 * Bootstraps a fit with a distribution of groups that share parameters. Each replicate draws the rows of all groups,
 * as for a single fit, and refits all groups together.
 */
export function bootstrap(
  found: SharedLikelihoodFit,
  options?: BootstrapManyOptions,
): Promise<SharedBootstrap>
export function bootstrap(
  found: object,
  options: BootstrapManyOptions = {},
): Bootstrap | Promise<BootstrapMany | SharedBootstrap> {
  const likelihood = likelihoodOf(found)
  if (likelihood?.isOne) return runSync(likelihood.bootstrap(options)) as Bootstrap
  if (likelihood) return bootstrapByLikelihood(likelihood, options)
  checkResult(found, 'a result of fit, fitMany or fitShared', fitSources, fitManySources, sharedSources)
  const source = fitSources.get(found)
  if (source === undefined) return bootstrapAsync(found, options)
  const { context, index } = source
  const read = readOptions('options', options, bootstrapTable)
  checkBootstrap(context, 1, read)
  const refits = executeSync(
    context.choice,
    runBootstrap(context, [index], read, new CallProgress(undefined)),
  )
  return new Bootstrap({ context, fit: index, values: (found as Fit).values }, refits, read)
}

/** Synchronous version of {@link bootstrap} for results of `fitMany` and `fitShared`. */
export function bootstrapSync<Names extends string>(
  found: FitManyResult<Names>,
  options?: BootstrapManyOptions,
): BootstrapMany<Names>
export function bootstrapSync<Names extends string>(
  found: LikelihoodResult<Names>,
  options?: BootstrapManyOptions,
): BootstrapMany<Names>
export function bootstrapSync(
  found: SharedFit | SharedLikelihoodFit,
  options?: BootstrapManyOptions,
): SharedBootstrap
export function bootstrapSync(
  found: object,
  options: BootstrapManyOptions = {},
): BootstrapMany | SharedBootstrap {
  const likelihood = likelihoodOf(found)
  if (likelihood && !likelihood.isOne)
    return runSync(likelihood.bootstrap(options)) as BootstrapMany | SharedBootstrap
  checkResult(found, 'a result of fitMany or fitShared', fitManySources, sharedSources)
  const read = readOptions('options', options, bootstrapManyTable)
  return runSync<BootstrapMany | SharedBootstrap>(prepareBootstrap(found, read))
}

async function bootstrapByLikelihood(likelihood: LikelihoodAnalysis, options: object) {
  const started = likelihood.bootstrap(options)
  return (await run(started, started.signal)) as BootstrapMany | SharedBootstrap
}

async function bootstrapAsync(found: object, options: BootstrapManyOptions) {
  const read = readOptions('options', options, bootstrapManyTable)
  return run<BootstrapMany | SharedBootstrap>(prepareBootstrap(found, read), read.signal)
}

function prepareBootstrap(
  found: object,
  options: BootstrapManyValues,
): Computation<BootstrapMany> | Computation<SharedBootstrap> {
  const context = fitManySources.get(found)
  return context
    ? prepareMany(found as FitManyResult, context, options)
    : prepareSharedBootstrap(found as SharedFit, sharedSources.get(found) as SharedSource, options)
}

function prepareMany(
  found: FitManyResult,
  context: FitContext,
  options: BootstrapManyValues,
): Computation<BootstrapMany> {
  const { length, values: columns } = found
  const { count } = options
  checkBootstrap(context, length, options)
  const progress = new CallProgress(options.onProgress)
  function* calls() {
    const fits = Array.from({ length }, (_, fit) => fit)
    const { values, reason } = yield* runBootstrap(context, fits, options, progress)
    const at = (fit: number) => {
      const own = <T extends Float64Array | Uint8Array>(column: T) =>
        column.subarray(fit * count, (fit + 1) * count) as T
      const original = { context, fit, values: mapRecord(columns, (column) => column[fit]) }
      return new Bootstrap(original, { values: mapRecord(values, own), reason: own(reason) }, options)
    }
    return new BootstrapMany(at, length, count)
  }
  return { choice: context.choice, calls: calls(), progress }
}
