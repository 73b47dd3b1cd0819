/** Solutions of fits by likelihood, as columns, and the refinement of a solution. */

import { runToEnd, type Slices } from '../../core/slices.js'
import type { Problem } from '../problem/problem.js'
import { CONVERGED, MAX_ITERATIONS, NOT_FINITE, SINGULAR, STALLED } from '../problem/reasons.js'
import { triangleIndex } from '../programs/ldlt.js'
import { hasBit, type SolvedFits } from '../solve/fit-context.js'
import { denseAlgebra, invertHessian } from './dense-newton.js'
import type { ModelEvaluator } from './model-evaluator.js'
import { freeIndices, type NewtonProblem, type NewtonResult, NOISE, newtonSteps } from './newton.js'
import type { LikelihoodProblem } from './problem.js'

/** Default of the predicted decrease of −2 log L below which a fit has converged. */
export const TOLERANCE = 1e-10

/** The columns of solved fits that a likelihood has, and the certificate of convergence. */
export interface LikelihoodSolutions
  extends Pick<
    SolvedFits,
    'free' | 'covariance' | 'errors' | 'cost' | 'atBound' | 'unidentifiable' | 'evaluations' | 'reason'
  > {
  /** Decrease of −2 log L that the quadratic approximation predicts for the next step. */
  readonly decrement: Float64Array
}

export function createSolutions({ free }: Problem, count: number): LikelihoodSolutions {
  const columns = (length: number) => Array.from({ length }, () => new Float64Array(count).fill(NaN))
  const bits = () => Array.from({ length: Math.ceil(free.length / 32) }, () => new Uint32Array(count))
  return {
    free: columns(free.length),
    covariance: columns(triangleIndex(free.length, 0)),
    errors: columns(free.length),
    cost: columns(1)[0],
    atBound: bits(),
    unidentifiable: bits(),
    evaluations: new Uint32Array(count),
    reason: new Uint8Array(count),
    decrement: columns(1)[0],
  }
}

export const reasonCodes = {
  converged: CONVERGED,
  stalled: STALLED,
  'max-iterations': MAX_ITERATIONS,
  'not-finite': NOT_FINITE,
  singular: SINGULAR,
} as const

interface Refinement extends Pick<NewtonProblem, 'evaluate' | 'advance' | 'tolerance' | 'maxIterations'> {
  readonly likelihood: LikelihoodProblem
}

interface StoredSolution {
  readonly to: LikelihoodSolutions
  readonly fit: number
  readonly iterations: number
}

/** Rise of −2 log L one standard error away from the minimum, below which a parameter has no finite estimate. */
const MIN_RISE = 0.01
/** Smallest rise that counts, because smaller ones underflow. */
const MIN_NUMBER = 1e-30

interface FlatProblem extends Pick<NewtonProblem<unknown>, 'evaluate' | 'advance' | 'min' | 'max'> {}

interface Solution {
  readonly x: Float64Array
  readonly value: number
}

/**
 * Whether −2 log L hardly rises one standard error away, as for theta → ∞ if counts scatter like Poisson counts. Such
 * a likelihood has no minimum, although the next step would hardly lower it.
 */
export const isFlat = (at: Solution, i: number, error: number, problem: FlatProblem): boolean =>
  runToEnd(testFlatness(at, i, error, problem))

function* testFlatness(at: Solution, i: number, error: number, problem: FlatProblem): Slices<boolean> {
  for (const step of [error, -error]) if (yield* hardlyRises(at, i, step, problem)) return true
  return false
}

function* hardlyRises(
  { x, value }: Solution,
  i: number,
  step: number,
  { evaluate, advance, min, max }: FlatProblem,
): Slices<boolean> {
  // If the model overflows or underflows, a shorter step decides. The rise of a parabola is quadratic.
  for (let part = 1; MIN_RISE * part * part > NOISE * Math.abs(value) + MIN_NUMBER; part /= 2) {
    const to = x.slice()
    to[i] = x[i] + part * step
    if (!(to[i] > min[i] && to[i] < max[i])) return false
    if (advance) yield* advance(to)
    const rise = evaluate(to).value - value
    if (Number.isFinite(rise)) return rise < MIN_RISE * part * part
  }
  // The model has no values at an appreciable part of the standard error, so that the error has no meaning.
  return true
}

/** Refines a solution by Newton steps, and stores it with its covariance in internal units. */
export function* refine(
  { likelihood, evaluate, advance, tolerance, maxIterations }: Refinement,
  start: Float64Array,
  stored: StoredSolution,
): Slices<void> {
  const { min, max } = likelihood.inSteps
  const algebra = denseAlgebra
  const problem = { evaluate, advance, algebra, min, max, fixed: -1, tolerance, maxIterations }
  yield* store(problem, yield* newtonSteps(problem, start), stored)
}

/** Predicted decrease at which the Hessian of a model is measured, and the largest squared distance to its point. */
export const NEAR = 1e-6

/**
 * Minimizes −2 log L of a model that is not an expression, and stores the solution. The last steps have the measured
 * Hessian, which also gives the covariance.
 */
export function* solveModel(
  evaluator: ModelEvaluator,
  { tolerance, maxIterations, likelihood }: Omit<Refinement, 'evaluate' | 'advance'>,
  start: Float64Array,
  stored: StoredSolution,
): Slices<void> {
  const { min, max } = likelihood.inSteps
  const evaluate = (x: Float64Array) => evaluator.evaluate(x)
  const advance = (x: Float64Array) => evaluator.advance(x)
  const problem = { evaluate, advance, algebra: denseAlgebra, min, max, fixed: -1 }
  let found = yield* newtonSteps({ ...problem, tolerance: Math.max(NEAR, tolerance), maxIterations }, start)
  let { evaluations } = found
  for (let round = 0; round < 3 && found.status !== 'not-finite' && evaluations < maxIterations; round++) {
    const { x } = found
    yield* evaluator.observe(x)
    found = yield* newtonSteps({ ...problem, tolerance, maxIterations: maxIterations - evaluations }, x)
    evaluations += found.evaluations
    if (squaredDistance(found.hessian, x, found.x) <= NEAR) break
  }
  const ended = { ...stored, iterations: stored.iterations + evaluations - found.evaluations }
  yield* store(problem, found, ended)
}

/** Squared distance of two points in units of the Hessian. */
function squaredDistance(hessian: Float64Array, a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++)
    for (let j = 0; j < a.length; j++) sum += hessian[triangleIndex(i, j)] * (b[i] - a[i]) * (b[j] - a[j])
  return Math.abs(sum)
}

function* store(
  problem: Omit<NewtonProblem, 'algebra' | 'tolerance' | 'maxIterations'>,
  found: NewtonResult,
  { to, fit, iterations }: StoredSolution,
): Slices<void> {
  const { x, value, hessian, status } = found
  to.cost[fit] = value
  to.evaluations[fit] = iterations + found.evaluations
  to.decrement[fit] = found.decrement
  to.reason[fit] = reasonCodes[status]
  for (let i = 0; i < x.length; i++) to.free[i][fit] = x[i]
  if (status === 'not-finite') return
  const free = freeIndices(problem, x, found)
  const inverse = invertHessian(hessian, free)
  for (let i = 0; i < x.length; i++) if (!free.includes(i)) to.atBound[i >> 5][fit] |= 1 << (i & 31)
  if (inverse === null) {
    to.reason[fit] = SINGULAR
    for (const i of free) to.unidentifiable[i >> 5][fit] |= 1 << (i & 31)
    return
  }
  const errors = free.map((_, a) => Math.sqrt(2 * inverse[a][a]))
  for (let a = 0; a < free.length; a++) {
    const i = free[a]
    if (errors[a] < Math.abs(x[i]) || !(yield* testFlatness(found, i, errors[a], problem))) continue
    to.reason[fit] = SINGULAR
    to.unidentifiable[i >> 5][fit] |= 1 << (i & 31)
  }
  for (let a = 0; a < free.length; a++) {
    const i = free[a]
    if (hasBit(to.unidentifiable, fit, i)) continue
    // The Hessian of −2 log L is twice the observed information.
    to.errors[i][fit] = errors[a]
    for (let b = 0; b < free.length; b++) {
      const j = free[b]
      if (!hasBit(to.unidentifiable, fit, j)) to.covariance[triangleIndex(i, j)][fit] = 2 * inverse[a][b]
    }
  }
}
