/** The solved fit of groups that share parameters, for its results and analyses. */

import type { Parameter } from '../problem/parameters.js'
import type { GroupLabel } from '../problem/shared-parameters.js'
import type { ParameterPlaces } from '../solve/distribution.js'
import type { ArrowheadHessian, ArrowheadInverse, ArrowheadLayout } from './arrowhead.js'
import type { ProfiledProblem } from './endpoint.js'
import type { SecondOrderEvaluation } from './newton.js'
import type { LikelihoodFits } from './source.js'

/** The solution of a shared fit, in internal units. */
export interface SharedSolution {
  /** Values of the joint parameters, followed by the values of the local parameters, group by group. */
  readonly x: Float64Array
  readonly value: number
  readonly decrement: number
  readonly evaluations: number
  readonly reason: number
  readonly inverse: ArrowheadInverse | null
  /** Standard errors by place; NaN if unknown. */
  readonly errors: Float64Array
  readonly atBound: ReadonlySet<number>
  readonly unidentifiable: ReadonlySet<number>
  /** Group that could not start, or −1. */
  readonly failedGroup: number
}

/** Returns −2 log L of a group with its derivatives. */
export type GroupEvaluators = (
  group: number,
  around?: Float64Array,
) => (x: Float64Array) => SecondOrderEvaluation

export interface SharedLikelihoodFits {
  /** The groups as fits, with the solution in columns with one number per group. */
  readonly base: LikelihoodFits
  readonly places: ParameterPlaces
  readonly labels: readonly GroupLabel[]
  readonly layout: ArrowheadLayout
  /** Free parameters in the order of the layout, and whether they are local. */
  readonly free: readonly Parameter[]
  readonly isLocal: readonly boolean[]
  /** Groups that take part. */
  readonly isActive: Uint8Array
  readonly solution: SharedSolution
  /** The problem of all groups together. */
  problem(): ProfiledProblem<ArrowheadHessian>
  /** −2 log L of a group with its derivatives. */
  readonly evaluator: GroupEvaluators
  /** Minimizes −2 log L of all groups from a vector of all parameters, for the rows of the evaluators. */
  solve(start: Float64Array, evaluatorOf: GroupEvaluators): Generator<undefined, SharedSolution>
  /** Internal values of a group's free parameters. */
  pointOf(group: number, x: Float64Array): Float64Array
}
