/** Sequential quadratic programming with a filter line search, for one run. */

import { EPSILON, largest } from '../core/numbers.js'
import { convexify, isDefinite } from './convexify.js'
import { type Descending, findDescending, normals, tangents } from './curvature.js'
import { Filter, improves } from './filter.js'
import { Iterate, lagrangianGradient, lagrangianHessian, type NonlinearProblem } from './problem.js'
import { updateDamped } from './quasi-newton.js'
import { move, restore } from './restoration.js'
import { Subproblem } from './subproblem.js'

export type SqpOutcome = 'converged' | 'infeasible' | 'stalled' | 'diverged' | 'not-finite'

/** A violation that counts as none, relative to the limit of the constraint or to 1. */
export const FEASIBLE = 1e-10
/** Fraction of the predicted decrease that a step must achieve. */
const ARMIJO = 1e-4
/** Exponents of the condition under which the value must fall (Wächter and Biegler, 2006). */
const [VALUE_POWER, VIOLATION_POWER] = [2.25, 1.125]
/** Shortest step of a line search, as a fraction. */
const MIN_FRACTION = 1e-10
/** Largest violation of all points, as a multiple of the first violation. */
const MAX_VIOLATION = 1e4
/** Largest relative residual of the KKT conditions at a minimum. */
const RESIDUAL = 1e-6
/** Points this far away, in units of the start, mean that the objective falls without a limit. */
const FAR = 1e20
/** Largest count of Hessians of one step, for different active constraints. */
const MAX_HESSIANS = 3
/** Largest count of attempts to find the active constraints, if the Hessian does not depend on them. */
const MAX_ATTEMPTS = 4
/** Count of steps in a row that change nothing but rounding errors. */
const MAX_IDLE = 4
/** Largest count of saddle points that a run leaves. */
const MAX_ESCAPES = 20
/** Count of steps after which a run minimizes the violation, if the steps have not reduced it to the fraction. */
const [MAX_WAIT, PROGRESS] = [30, 0.9]

export class SqpRun {
  readonly point: Iterate
  /** Multipliers of the variables and of the constraints. */
  readonly multipliers: Float64Array
  outcome: SqpOutcome | null = null
  readonly subproblem: Subproblem
  readonly #problem: NonlinearProblem
  /** Length of a step below which the run ends, relative to the point or to 1. */
  tolerance = 0
  readonly #trial: Iterate
  readonly #weights: Float64Array
  readonly #filter = new Filter()
  readonly #hessian: Float64Array
  readonly #step: Float64Array
  readonly #residual: Float64Array
  readonly #approximation: Float64Array
  /** Whether the Hessian of the Lagrangian is that of the objective, for all multipliers. */
  #isOwnHessian = false
  /** Whether the Hessian at the point is known to be positive definite along the active constraints. */
  #isDefinite = false
  /** Whether the step comes from the active constraints of the last step, without changes of the Hessian. */
  #isKnown = false
  #isFirst = true
  #isFresh = true
  /** Length of steps along directions without curvature. */
  #radius = 0
  #far = 0
  #idle = 0
  #firstValue = 0
  /** Largest derivative of the objective at the start, without the scales of the variables. */
  #firstSlope = 0
  #escapes = 0
  /** The least violation, and the count of steps since then. */
  #least = Infinity
  #wait = 0

  constructor(problem: NonlinearProblem) {
    const { size, count } = problem
    this.#problem = problem
    this.point = new Iterate(problem)
    this.#trial = new Iterate(problem)
    this.multipliers = new Float64Array(size + count)
    this.#weights = new Float64Array(count)
    this.#hessian = new Float64Array(size * size)
    this.#step = new Float64Array(size)
    this.#residual = new Float64Array(size)
    this.#approximation = new Float64Array(size * size)
    this.subproblem = new Subproblem(problem)
  }

  /**
   * Starts a run. Nothing of an earlier run is left.
   *
   * @param x a point within the bounds and the linear constraints
   */
  start(x: Float64Array): void {
    const { size, hasHessian, isLinear } = this.#problem
    this.#isOwnHessian = hasHessian && !isLinear.includes(0)
    this.point.start(x)
    this.outcome = null
    this.multipliers.fill(0)
    this.subproblem.solver.forget()
    this.#weights.fill(1)
    this.#approximation.fill(0)
    for (let i = 0; i < size; i++) this.#approximation[i * size + i] = 1
    this.#isFirst = true
    this.#isFresh = true
    this.#isDefinite = false
    this.#idle = 0
    this.#firstValue = 0
    this.#escapes = 0
    this.#least = Infinity
    this.#wait = 0
    const magnitude = Math.max(1, largest(x))
    this.#radius = 10 * magnitude
    this.#far = FAR * magnitude
  }

  /** Evaluates the start, unless a step has evaluated the start. */
  evaluateStart(): void {
    if (this.#isFirst) this.#begin()
  }

  /** Performs one step, and sets the outcome at the end of the run. */
  advance(): void {
    if (this.#isFirst && !this.#begin()) return
    const { point } = this
    const outcome = this.#propose()
    if (outcome === 'infeasible') this.#restore()
    else if (outcome !== 'converged') this.outcome = 'stalled'
    else this.#follow()
    if (this.outcome === null) this.#watch()
    if (this.outcome !== null) return
    if (largest(point.x) > this.#far) this.outcome = 'diverged'
  }

  /** Minimizes the violation if many steps have not reduced it, as steps to the tangents of x² = −1 never do. */
  #watch(): void {
    const { point } = this
    if (point.violation <= PROGRESS * this.#least || point.relativeExcess(FEASIBLE) <= 1) {
      this.#least = point.violation
      this.#wait = 0
    } else if (++this.#wait >= MAX_WAIT) {
      this.#wait = 0
      this.#restore(this.#least)
    }
  }

  #begin(): boolean {
    const { size, count } = this.#problem
    const { point } = this
    this.#isFirst = false
    point.evaluate(this.#weights)
    const hasValues = point.isFinite
    if (hasValues) point.differentiate()
    if (!hasValues || !point.hasDerivatives) {
      this.outcome = 'not-finite'
      return false
    }
    this.#problem.adapt?.(point)
    for (let k = 0; k < count; k++) {
      let largest = 0
      for (let i = 0; i < size; i++) largest = Math.max(largest, Math.abs(point.rows[k * size + i]))
      this.#weights[k] = largest === 0 ? 1 : 1 / Math.max(largest, 1e-8)
    }
    this.#firstValue = Math.abs(point.value)
    const { units } = this.#problem
    this.#firstSlope = 0
    for (let i = 0; i < size; i++)
      this.#firstSlope = Math.max(this.#firstSlope, Math.abs(point.gradient[i] / (units?.[i] ?? 1)))
    point.violation = 0
    for (let k = 0; k < count; k++) point.violation += this.#weights[k] * point.excess(k)
    this.#resetFilter()
    return true
  }

  #resetFilter(): void {
    this.#filter.reset(MAX_VIOLATION * Math.max(1, this.point.violation))
  }

  /** Solves for the step and the multipliers. */
  #propose() {
    const { point, subproblem, multipliers } = this
    const hessian = this.#hessian
    this.#isKnown = false
    if (!this.#problem.hasHessian) {
      hessian.set(this.#approximation)
      return this.#solve(hessian)
    }
    let outcome: ReturnType<Subproblem['solve']> = 'stalled'
    for (let count = 0; count < MAX_HESSIANS; count++) {
      const { active } = subproblem.solver
      lagrangianHessian(this.#problem, point.x, multipliers, hessian)
      let sum = 0
      for (let i = 0; i < hessian.length; i++) sum += Math.abs(hessian[i])
      if (!(sum < Infinity)) hessian.fill(0)
      const isStart = this.#isFresh
      this.#isKnown = this.#solveKnown()
      let isChanged = false
      if (!this.#isKnown) {
        isChanged = this.#convexify(active)
        outcome = this.#solve(hessian)
        if (outcome !== 'converged') return outcome
      }
      this.#isDefinite = this.#isOwnHessian && !isChanged && (!this.#isKnown || this.#isStrict())
      if (isStart) multipliers.set(subproblem.multipliers)
      this.#isFresh = false
      if (this.#isKnown || this.#isDefinite) return 'converged'
      if (!isStart && (!isChanged || isSameSet(active, subproblem.solver.active))) break
    }
    return outcome
  }

  /** Solves from the last active constraints. Returns whether the step is the solution. */
  #solveKnown(): boolean {
    const { point, subproblem } = this
    if (this.#isOwnHessian) return subproblem.solveKnown(point, this.#hessian, MAX_ATTEMPTS)
    // Without multipliers, the Hessian of the Lagrangian is not known. Other active constraints may be far away.
    return !this.#isFresh && subproblem.solveKnown(point, this.#hessian, 1)
  }

  /** Makes the Hessian positive definite. Returns whether the Hessian was changed. */
  #convexify(active: readonly number[]): boolean {
    const { size } = this.#problem
    const { point } = this
    let slope = 0
    lagrangianGradient(this.#problem, point, this.multipliers, this.#residual)
    for (let i = 0; i < size; i++) slope = Math.max(slope, Math.abs(this.#residual[i]))
    return convexify(
      this.#hessian,
      size,
      () => normals(size, point, active),
      () => tangents(this.#problem, point, active),
      slope / this.#radius,
    )
  }

  /** Whether no multiplier of an active inequality is 0. */
  #isStrict(): boolean {
    const { min, max } = this.#problem
    const { active } = this.subproblem.solver
    const { multipliers } = this.subproblem
    for (const index of active) if (min[index] < max[index] && multipliers[index] === 0) return false
    return true
  }

  #solve(hessian: Float64Array): ReturnType<Subproblem['solve']> {
    const { point, subproblem } = this
    const { size } = this.#problem
    let outcome = subproblem.solve(point, hessian)
    // Curvature that is lost to rounding gets a floor.
    for (
      let factor = 1e-10;
      factor < 1 && outcome !== 'converged' && outcome !== 'infeasible';
      factor *= 100
    ) {
      let norm = 0
      for (const element of hessian) norm = Math.max(norm, Math.abs(element))
      for (let i = 0; i < size; i++) hessian[i * size + i] += factor * norm
      outcome = subproblem.solve(point, hessian)
    }
    const isClose = outcome === 'infeasible' && point.relativeExcess(FEASIBLE) <= 1
    return isClose ? subproblem.solveTolerant(point, hessian) : outcome
  }

  /** Moves along the step, if the run does not end. */
  #follow(): void {
    const { point, subproblem, multipliers } = this
    const { size } = this.#problem
    const d = this.#step
    d.set(subproblem.step)
    multipliers.set(subproblem.multipliers)
    let slope = 0
    let curvature = 0
    let length = 0
    for (let i = 0; i < size; i++) {
      let product = 0
      for (let j = 0; j < size; j++) product += this.#hessian[i * size + j] * d[j]
      slope += point.gradient[i] * d[i]
      curvature += d[i] * product
      length = Math.max(length, Math.abs(d[i]) / Math.max(1, Math.abs(point.x[i])))
    }
    const isFeasible = point.relativeExcess(FEASIBLE) <= 1
    const noise = 10 * EPSILON * Math.max(Math.abs(point.value), 1e-6 * this.#firstValue)
    const isIdle = isFeasible && Math.abs(slope) + Math.abs(curvature) <= noise
    this.#idle = isIdle ? this.#idle + 1 : 0
    const isDone = (isFeasible && length <= this.tolerance) || this.#idle >= MAX_IDLE
    if (isDone) this.#finish()
    else if (!this.#search(slope, isIdle)) {
      if (isFeasible && point.violation <= 1e-12 && this.kktResidual() <= RESIDUAL) this.#finish()
      else this.#restore()
    }
  }

  /** Searches along the step for an acceptable point, and moves to the point. */
  #search(slope: number, isIdle: boolean): boolean {
    const { point } = this
    const trial = this.#trial
    const d = this.#step
    let fraction = 1
    let isNear = false
    let longest = 0
    for (const component of d) longest = Math.max(longest, Math.abs(component))
    while (fraction >= MIN_FRACTION) {
      move(this.#problem, point, d, trial, fraction)
      if (this.#tryPoint(fraction, slope, isIdle)) {
        if (fraction === 1 && longest >= 0.5 * this.#radius) this.#radius *= 4
        return true
      }
      if (!isNear && fraction === 1 && trial.isFinite && this.#correct(slope)) return true
      isNear = true
      fraction *= this.#shrink(slope, fraction)
      if (longest >= 0.5 * this.#radius) this.#radius *= 0.5
    }
    return false
  }

  /** The factor for the next fraction: the minimum of a parabola, if the value alone was too high. */
  #shrink(slope: number, fraction: number): number {
    const { point } = this
    const trial = this.#trial
    if (!trial.isFinite || !(slope < 0) || trial.violation > point.violation)
      return trial.isFinite ? 0.5 : 0.25
    const rise = trial.value - point.value - slope * fraction
    const factor = (-slope * fraction) / (2 * rise)
    return factor > 0.1 ? (factor < 0.5 ? factor : 0.5) : 0.1
  }

  /** Second-order correction: a step that takes the constraints' values after the step into account. */
  #correct(slope: number): boolean {
    const { point, subproblem } = this
    const { size, count } = this.#problem
    const trial = this.#trial
    const first = this.#step
    if (!(trial.violation > 0)) return false
    const values = new Float64Array(count)
    for (let k = 0; k < count; k++) {
      let along = 0
      for (let i = 0; i < size; i++) along += point.rows[k * size + i] * first[i]
      values[k] = trial.constraints[k] - along
    }
    if (!(this.#isKnown && subproblem.solveKnown(point, this.#hessian, 1, values))) {
      if (this.#isKnown) this.#convexify(subproblem.solver.active)
      if (subproblem.solve(point, this.#hessian, values) !== 'converged') return false
    }
    move(this.#problem, point, subproblem.step, trial)
    return this.#tryPoint(1, slope, false)
  }

  /** Evaluates the trial point, and moves there if the point is acceptable. */
  #tryPoint(fraction: number, slope: number, isIdle: boolean): boolean {
    const { point } = this
    const trial = this.#trial
    trial.evaluate(this.#weights)
    if (!trial.isFinite) return false
    const noise = 10 * EPSILON * Math.abs(point.value)
    const isEither = this.#filter.accepts(trial.violation, trial.value - noise)
    if (!isEither && !isIdle) return false
    const isFalling =
      slope < 0 && fraction * power(-slope, VALUE_POWER) > power(point.violation, VIOLATION_POWER)
    const isLow = trial.value <= point.value + ARMIJO * fraction * slope + noise
    const isClose = trial.relativeExcess(FEASIBLE) <= 1
    if (isIdle ? !isClose : isFalling ? !isLow : !improves(trial, point) && !(isClose && isLow)) return false
    trial.differentiate()
    if (!trial.hasDerivatives) return false
    if (!isFalling) this.#filter.add(point.violation, point.value)
    this.#approximate()
    point.copy(trial)
    return true
  }

  /** Updates the approximation of the Hessian with the derivatives at the trial point. */
  #approximate(): void {
    if (this.#problem.hasHessian) return
    const { point, multipliers } = this
    const trial = this.#trial
    const before = new Float64Array(this.#problem.size)
    lagrangianGradient(this.#problem, point, multipliers, before)
    lagrangianGradient(this.#problem, trial, multipliers, this.#residual)
    const step = trial.x.map((x, i) => x - point.x[i])
    const change = this.#residual.map((g, i) => g - before[i])
    updateDamped(this.#approximation, step, change, false)
  }

  /**
   * Relative residual of the KKT conditions: the gradient of the Lagrangian next to its terms. A residual must be small
   * with the scales of the variables and without them.
   */
  kktResidual(): number {
    const { units } = this.#problem
    const scaled = this.#residualIn(null)
    return units ? Math.max(scaled, this.#residualIn(units)) : scaled
  }

  #residualIn(units: Float64Array | null): number {
    const { size, count } = this.#problem
    const { point, multipliers } = this
    lagrangianGradient(this.#problem, point, multipliers, this.#residual)
    let largest = 0
    let terms = units === null ? 1 : Math.max(1, this.#firstSlope)
    for (let i = 0; i < size; i++) {
      const unit = units === null ? 1 : units[i]
      largest = Math.max(largest, Math.abs(this.#residual[i] / unit))
      terms = Math.max(terms, Math.abs(point.gradient[i] / unit), Math.abs(multipliers[i] / unit))
      for (let k = 0; k < count; k++)
        terms = Math.max(terms, Math.abs((multipliers[size + k] * point.rows[k * size + i]) / unit))
    }
    return largest / terms
  }

  /** Ends the run at a minimum, or leaves a saddle point. */
  #finish(): void {
    const { point, multipliers, subproblem } = this
    const { size } = this.#problem
    if (this.kktResidual() > RESIDUAL) {
      this.outcome = 'stalled'
      return
    }
    if (this.#isDefinite) {
      this.outcome = 'converged'
      return
    }
    const hessian = this.#hessian
    lagrangianHessian(this.#problem, point.x, multipliers, hessian)
    if (isDefinite(hessian, size)) {
      this.outcome = 'converged'
      return
    }
    const active = subproblem.solver.active.filter((index) => {
      const { min, max } = this.#problem
      return min[index] === max[index] || multipliers[index] !== 0
    })
    const descending = findDescending(this.#problem, hessian, tangents(this.#problem, point, active))
    if (descending === undefined) this.outcome = 'converged'
    else if (++this.#escapes > MAX_ESCAPES || !this.#escape(descending)) this.outcome = 'stalled'
  }

  /** Moves away from a saddle point along a direction of negative curvature. */
  #escape({ direction, curvature, norm }: Descending): boolean {
    const { point, subproblem } = this
    const trial = this.#trial
    const { size } = this.#problem
    let along = 0
    for (let i = 0; i < size; i++) along += direction[i] * point.gradient[i]
    const magnitude = Math.max(1, largest(point.x))
    const target = new Float64Array(size)
    for (let length = 0.1 * magnitude; length > 1e-6 * magnitude; length *= 0.25) {
      for (const sign of along > 0 ? [-1, 1] : [1, -1]) {
        for (let i = 0; i < size; i++) target[i] = point.gradient[i] - norm * sign * length * direction[i]
        let values = point.constraints
        for (let corrections = 0; corrections < 4; corrections++) {
          if (subproblem.solveClosest(point, target, values, norm) !== 'converged') break
          const step = subproblem.step.slice()
          move(this.#problem, point, step, trial)
          trial.evaluate(this.#weights)
          if (!trial.isFinite) break
          const isLow = trial.value < point.value + 0.1 * curvature * length * length
          if (isLow && (trial.relativeExcess(FEASIBLE) <= 1 || trial.violation <= 1e-3 * length)) {
            trial.differentiate()
            if (!trial.hasDerivatives) break
            point.copy(trial)
            this.#resetFilter()
            this.#idle = 0
            return true
          }
          values = correctedValues(this.#problem, point, step, trial)
        }
      }
    }
    return false
  }

  /** Moves to a point with a smaller violation than the given one. */
  #restore(violation = this.point.violation): void {
    const { point } = this
    this.#filter.add(point.violation, point.value)
    const target = 0.5 * violation
    const parts = {
      point,
      trial: this.#trial,
      subproblem: this.subproblem,
      weights: this.#weights,
    }
    const outcome = restore(
      this.#problem,
      parts,
      (at) =>
        (at.violation <= target && this.#filter.accepts(at.violation, at.value)) ||
        at.relativeExcess(FEASIBLE) <= 1,
    )
    this.#isFresh = true
    this.#isDefinite = false
    if (outcome !== 'restored') {
      const isFeasible = point.relativeExcess(FEASIBLE) <= 1
      if (isFeasible && this.kktResidual() <= RESIDUAL) this.#finish()
      else {
        this.multipliers.fill(0)
        this.outcome = isFeasible ? 'stalled' : outcome
      }
      return
    }
    this.multipliers.fill(0)
    if (!this.#filter.accepts(point.violation, point.value)) this.#resetFilter()
  }
}

/** Whether two lists without repetitions have the same elements. */
function isSameSet(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((index) => b.includes(index))
}

/** The constraints' values in a linearization that is exact after a step. */
function correctedValues(
  { size, count }: NonlinearProblem,
  point: Iterate,
  step: Float64Array,
  trial: Iterate,
): Float64Array {
  const values = new Float64Array(count)
  for (let k = 0; k < count; k++) {
    let along = 0
    for (let i = 0; i < size; i++) along += point.rows[k * size + i] * step[i]
    values[k] = trial.constraints[k] - along
  }
  return values
}

/** x^y for the exponents 2.3 and 1.1, which decide only roughly, by square roots. */
function power(x: number, exponent: number): number {
  if (!(x > 0)) return 0
  const root = Math.sqrt(Math.sqrt(Math.sqrt(x)))
  // 2.3 is close to 2 + 2/8, and 1.1 to 1 + 1/8.
  return exponent > 2 ? x * x * root * root : x * root
}
