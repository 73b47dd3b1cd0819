/** The option `distribution` of fits, and the results of fits by likelihood. */

import { isObject } from '../../core/untrusted-input.js'
import type { EngineChoice } from '../../engines/select-engine.js'
import type { BatchRunner } from '../../many/engines/engines.js'
import type { CallProgress, EngineCall } from '../../many/engines/execute.js'
import type { FitValues } from '../problem/options.js'
import type { Parameter } from '../problem/parameters.js'
import type { GroupLabel, SharedParameter } from '../problem/shared-parameters.js'
import type { EstimateSource } from './estimate-source.js'
import type { FitContext, SolvedFits } from './fit-context.js'
import { objectOption } from './object-option.js'

/** Fits by likelihood of one call, not started yet. */
export interface DistributionFits {
  readonly choice: EngineChoice<BatchRunner>
  readonly options: { readonly signal: AbortSignal | undefined }
  readonly progress: CallProgress
  calls(): Generator<EngineCall>
  release(): void
  result(): { readonly length: number; at(fit: number): unknown }
}

/** The roles of the parameters of a fit with shared parameters. */
export interface ParameterPlaces {
  readonly joint: readonly SharedParameter[]
  /** Index among the joint parameters, or one index per group. A local parameter is missing. */
  readonly placesOf: ReadonlyMap<string, number | Uint32Array>
  /** Labels of the groups that share one value, by parameter name. */
  readonly sharedBy: ReadonlyMap<string, readonly GroupLabel[]>
}

/** Groups of rows that share parameters. */
export interface GroupRequest {
  readonly model: unknown
  /** Columns with one array per group, or with numbers for all groups. */
  readonly data: object
  readonly options: FitValues
  readonly labels: readonly GroupLabel[]
  /** Validates the roles of the parameters. */
  readonly place: (parameters: readonly Parameter[]) => ParameterPlaces
}

/** Fits of groups that share parameters, not started yet. */
export interface SharedDistributionFits extends Pick<DistributionFits, 'choice' | 'progress'> {
  readonly options: { readonly signal: AbortSignal | undefined }
  calls(): Generator<EngineCall>
  result(): object
}

/**
 * Distribution of the response: the object that `normal()`, `poisson()` and their neighbors return. The object contains
 * the code of fits by likelihood, so that other fits do not load the code.
 */
export abstract class Distribution {
  readonly #isOurs = true
  /** Name of the distribution, as in messages. */
  abstract readonly name: string

  /** @internal Whether the object is a real instance of the class, not a proxy of an instance. */
  static has(given: unknown): given is Distribution {
    return isObject(given) && #isOurs in given
  }

  /** @internal Validates the other arguments of a call and creates its fits. */
  abstract createFits(model: unknown, data: unknown, options: FitValues): DistributionFits
  /** @internal Names in the expressions of the distribution: columns and parameters. */
  abstract readonly uses: readonly string[]
  /** @internal Validates the other arguments of a call and creates the fit of groups that share parameters. */
  abstract createSharedFits(request: GroupRequest): SharedDistributionFits
}

/** An option that accepts distributions. */
export const distributionOption = objectOption(
  "normal(), poisson() or another import of 'antigrad/fit', as in poisson",
  Distribution.has,
)

/** A bootstrap that has not started yet. */
export interface BootstrapRun {
  readonly choice: EngineChoice<BatchRunner>
  readonly calls: Generator<EngineCall, unknown>
  readonly progress?: CallProgress
  readonly signal?: AbortSignal | undefined
}

/** The curve of one fit, and the scatter of new responses around the curve, for `inverse`. */
export interface ResponseCurve {
  readonly context: Pick<FitContext, 'data' | 'problem' | 'starts' | 'weightAt'> & {
    readonly solved: Pick<SolvedFits, 'atBound' | 'covariance' | 'errors' | 'free'>
  }
  readonly index: number
  /** x of the rows in use. */
  readonly x: Float64Array
  /** Whether the logarithms of responses scatter around the logarithm of the curve. */
  readonly isLogarithmic: boolean
  /** Number of trials of a response, or NaN if rows differ; undefined for other distributions than the binomial. */
  readonly trials: number | undefined
  /** Columns except x on which the variance depends. */
  readonly others: readonly string[]
  /** Variance at x of a response, of its logarithm, or of one trial. The model's value at x is f. */
  scatter(x: number, f: number): number
}

/** Analyses of one result of fits by likelihood, which the functions of `ts/fits/analysis` call. */
export interface LikelihoodAnalysis {
  /** Whether the result is one fit, whose analyses are synchronous. */
  readonly isOne: boolean
  profile(names: unknown, options: object): unknown
  /** The bootstrap of one fit, or of all fits of a result. */
  bootstrap(options: object): BootstrapRun
  compare(other: unknown, isNested: boolean): unknown
  rank(results: readonly unknown[], isNested: boolean): unknown
  /** The curve of one fit or of one group. */
  responseCurve(): ResponseCurve
  /** The estimates for expressions of parameters. */
  estimates(): EstimateSource
}

/** Returns the analyses of a result of a fit by likelihood, or undefined. The classes of the results replace `get`. */
export const likelihoodResults: { get: (found: object) => LikelihoodAnalysis | undefined } = {
  get: () => undefined,
}

/** The analyses of any value. */
export const likelihoodOf = (given: unknown): LikelihoodAnalysis | undefined =>
  isObject(given) ? likelihoodResults.get(given) : undefined
