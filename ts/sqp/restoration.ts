/** Restoration: a search for a point with a smaller violation, without regard to the objective. */

import { findDescending, tangents } from './curvature.js'
import type { Iterate, NonlinearProblem } from './problem.js'
import type { Subproblem } from './subproblem.js'

const MAX_STEPS = 200
/** Factors of the damping after a good step and after a bad step, and the limits of the damping. */
const [LESS, MORE, LEAST, MOST] = [0.1, 4, 1e-14, 1e20]
/** A violation falls no further if a step predicts a relative reduction below this number. */
const MIN_REDUCTION = 1e-12
/** Fraction of the predicted reduction that a step must achieve. */
const MIN_RATIO = 1e-4

export type RestorationOutcome = 'restored' | 'infeasible' | 'not-finite' | 'stalled'

interface RestorationSearch {
  /** The start; moved. */
  readonly point: Iterate
  readonly trial: Iterate
  readonly subproblem: Subproblem
  readonly weights: Float64Array
}

/**
 * Minimizes the sum of the squared weighted violations by damped Gauss-Newton steps (Levenberg, 1944; Marquardt, 1963),
 * until a point is accepted. Linear constraints, and nonlinear constraints that are satisfied, stay linearized
 * constraints of each step.
 *
 * @param accepts whether the search may end at a point
 */
export function restore(
  problem: NonlinearProblem,
  { point, trial, subproblem, weights }: RestorationSearch,
  accepts: (point: Iterate) => boolean,
): RestorationOutcome {
  const { size } = problem
  const hessian = new Float64Array(size * size)
  const gradient = new Float64Array(size)
  let damping = 1e-4
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    const now = squares(problem, point, weights)
    const scale = quadratic(problem, point, weights, hessian, gradient)
    const d = subproblem.step
    let isMoved = false
    while (damping <= MOST) {
      for (let i = 0; i < size; i++) hessian[i * size + i] += damping * scale
      const outcome = subproblem.solveRelaxed(point, hessian, gradient)
      for (let i = 0; i < size; i++) hessian[i * size + i] -= damping * scale
      if (outcome !== 'converged') {
        damping *= MORE
        continue
      }
      let change = 0
      for (let i = 0; i < size; i++) {
        let product = 0
        for (let j = 0; j < size; j++) product += hessian[i * size + j] * d[j]
        change += d[i] * (gradient[i] + 0.5 * product)
      }
      // Half the sum of the squares is the model's value.
      if (!(-change > MIN_REDUCTION * now)) {
        if (!leave(problem, { point, trial, subproblem, weights }, hessian)) return 'infeasible'
        isMoved = true
        break
      }
      move(problem, point, d, trial)
      trial.evaluate(weights)
      const next = squares(problem, trial, weights)
      if (trial.isFinite && next <= now + MIN_RATIO * change) {
        isMoved = true
        break
      }
      damping *= MORE
    }
    if (!isMoved) return 'stalled'
    damping = Math.max(LEAST, damping * LESS)
    trial.differentiate()
    if (!trial.hasDerivatives) return 'not-finite'
    point.copy(trial)
    if (accepts(point)) return 'restored'
  }
  return 'stalled'
}

/** Leaves a saddle point of the violation along a direction of negative curvature. Returns whether a point is better. */
function leave(
  problem: NonlinearProblem,
  { point, trial, subproblem, weights }: RestorationSearch,
  hessian: Float64Array,
): boolean {
  const { size, count, min } = problem
  const multipliers = new Float64Array(size + count)
  for (let k = 0; k < count; k++) {
    const sign = point.constraints[k] < min[size + k] ? -1 : 1
    multipliers[size + k] = -sign * weights[k] * weights[k] * point.excess(k)
  }
  const second = new Float64Array(size * size)
  problem.curvature(point.x, 0, multipliers, second)
  for (let i = 0; i < second.length; i++) second[i] += hessian[i]
  const descending = findDescending(problem, second, tangents(problem, point, subproblem.solver.active))
  if (descending === undefined) return false
  const now = squares(problem, point, weights)
  const largest = point.x.reduce((most, x) => Math.max(most, Math.abs(x)), 1)
  for (let length = largest; length > 1e-6 * largest; length *= 0.25) {
    for (const factor of [length, -length]) {
      move(problem, point, descending.direction, trial, factor)
      trial.evaluate(weights)
      if (!trial.isFinite) continue
      if (squares(problem, trial, weights) <= now + 0.1 * descending.curvature * length * length) return true
    }
  }
  return false
}

/** Moves along a step, to the closest point within the bounds. */
export function move(
  { size, min, max }: NonlinearProblem,
  from: Iterate,
  step: Float64Array,
  to: Iterate,
  factor = 1,
): void {
  for (let i = 0; i < size; i++) {
    const x = from.x[i] + factor * step[i]
    to.x[i] = x < min[i] ? min[i] : x > max[i] ? max[i] : x
  }
}

/** Half the sum of the squared weighted violations. */
function squares({ count }: NonlinearProblem, point: Iterate, weights: Float64Array): number {
  let sum = 0
  for (let k = 0; k < count; k++) {
    const excess = weights[k] * point.excess(k)
    sum += 0.5 * excess * excess
  }
  return sum
}

/** Writes the Gauss-Newton matrix and the gradient of {@link squares}, and returns the largest diagonal element. */
function quadratic(
  { size, count, min }: NonlinearProblem,
  point: Iterate,
  weights: Float64Array,
  hessian: Float64Array,
  gradient: Float64Array,
): number {
  hessian.fill(0)
  gradient.fill(0)
  for (let k = 0; k < count; k++) {
    const excess = point.excess(k)
    if (excess === 0) continue
    const square = weights[k] * weights[k]
    const sign = point.constraints[k] < min[size + k] ? -1 : 1
    for (let i = 0; i < size; i++) {
      const a = point.rows[k * size + i]
      gradient[i] += square * sign * excess * a
      for (let j = 0; j < size; j++) hessian[i * size + j] += square * a * point.rows[k * size + j]
    }
  }
  let largest = 0
  for (let i = 0; i < size; i++) largest = Math.max(largest, hessian[i * size + i])
  return largest > 0 ? largest : 1
}
