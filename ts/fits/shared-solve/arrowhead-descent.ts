/**
 * The Levenberg-Marquardt algorithm for groups that share parameters. Unlike single fits
 * (../programs/levenberg-marquardt.ts), all groups move together and share one damping λ.
 */

import type { EngineCall } from '../../many/engines/execute.js'
import { CONVERGED, MAX_ITERATIONS, NOT_FINITE, STALLED } from '../problem/reasons.js'
import {
  type ArrowheadPoint,
  type ArrowheadSolver,
  type ArrowheadStep,
  type FixedParameters,
  IDENTIFIABLE_PIVOT,
  NO_FIXED,
  SINGULAR_PIVOT,
  weightedStep,
} from './arrowhead-solver.js'
import type { EvaluationTotals } from './group-batch.js'

/** The point at which the Levenberg-Marquardt iterations ended. */
export interface ArrowheadStop {
  readonly point: ArrowheadPoint
  readonly cost: number
  readonly reason: number
  readonly evaluations: number
  /**
   * Totals of the last evaluation, if the evaluation was undamped and used the second derivatives for standard errors.
   */
  readonly end: EvaluationTotals | null
}

/** Options of a minimization by Levenberg-Marquardt. */
export interface SolveMode {
  /** Whether the start is close to the minimum. */
  readonly isWarmStart: boolean
  /**
   * Whether another evaluation solves for the linear parameters after each step, as in
   * ../programs/levenberg-marquardt.ts.
   */
  readonly alternates: boolean
  /** Damping λ of the first step in all parameters. Default 1e-3. */
  readonly damping?: number
  /** Gain of an undamped step at or below which the minimization ends. By default the solver's tolerance decides. */
  readonly gain?: number
}

const COLD_START: SolveMode = { isWarmStart: false, alternates: false }
export const WARM_START: SolveMode = { isWarmStart: true, alternates: false }

const FIRST_DAMPING = 1e-3
/** Damping λ of the linear parameters while no other parameter moves. */
const NEGLIGIBLE_GAIN = 1e-14
/**
 * Damping λ while the nonlinear parameters stay fixed. The damping limits the movement of nearly collinear linear
 * parameters.
 */
const ISOLATION_RATIO = 0.1
/** Smallest damping λ after an undamped step has failed. */
const RETRY_DAMPING = 1e-6
const MAX_DAMPING = 1e16
/**
 * If the gain exceeds this fraction of the prediction, λ is divided by 3. Each evaluation assumes that λ will be
 * divided by 3.
 */
const GOOD_AGREEMENT = 0.5
/** Maximum number of undamped retries that do not lower the cost. */
const MIN_CONFIRMATIONS = 4
/**
 * Limit for the gain of the last step relative to the variance of a row, as a fraction of the tolerance.
 */
const LAST_STEP_TOLERANCE = 1e-4
const MIN_DECREMENT = 1e-15
/** Relative gains up to this limit are below the rounding error of the cost. */
const NEGLIGIBLE_STEP = 1e-14
/** Largest relative rounding error of the cost. */
const ROUNDING_ERROR = 1e-12
/** Maximum number of steps whose gain is below the rounding error. */
const MAX_POLISHES = 8

/** @param maxIterations maximum number of evaluations */
export function descend(
  arrow: ArrowheadSolver,
  start: ArrowheadPoint,
  maxIterations: number,
  held = NO_FIXED,
  mode = COLD_START,
): Generator<EngineCall, ArrowheadStop> {
  return new ArrowheadDescent(arrow, held, mode, start).run(maxIterations)
}

class ArrowheadDescent {
  readonly #arrow: ArrowheadSolver
  readonly #held: FixedParameters
  readonly #alternates: boolean
  readonly #gain: number
  /** Largest relative gains that count as small and as zero. */
  readonly #small: number
  readonly #least: number
  /** The best point so far, the totals at the best point, and the largest diagonal of the shared parameters. */
  #shared: Float64Array
  #local: ArrowheadPoint['local']
  #now!: EvaluationTotals
  #scale!: Float64Array
  /**
   * Whether only the linear parameters move. If all parameters moved, the first step might move the nonlinear
   * parameters far away.
   */
  #isFirst: boolean
  #damping: number
  #growth = 2
  #evaluations = 0
  #confirmations = 0
  #polishes = 0
  /** Predicted gain of the last step. */
  #lastDecrement = 0

  constructor(arrow: ArrowheadSolver, held: FixedParameters, mode: SolveMode, start: ArrowheadPoint) {
    this.#arrow = arrow
    this.#held = held
    this.#alternates = mode.alternates
    this.#gain = mode.gain ?? 0
    this.#small = Math.max(arrow.tolerance, NEGLIGIBLE_STEP)
    this.#least = Math.max(LAST_STEP_TOLERANCE * arrow.tolerance, MIN_DECREMENT)
    this.#shared = start.shared
    this.#local = start.local
    this.#isFirst = arrow.isPartlyLinear && !mode.isWarmStart
    // With alternating steps, one evaluation must solve for the linear parameters. Stronger damping would stop nearly
    // collinear linear parameters before the solution.
    const waiting = mode.alternates ? NEGLIGIBLE_GAIN : ISOLATION_RATIO
    this.#damping = this.#isFirst ? waiting : (mode.damping ?? FIRST_DAMPING)
  }

  *run(maxIterations: number): Generator<EngineCall, ArrowheadStop> {
    this.#arrow.setPoint(this.#local, this.#held, 'weight')
    this.#now = yield* this.#evaluate(this.#shared, this.#input(0, this.#damping, this.#isFirst, true))
    if (!Number.isFinite(this.#now.cost)) return this.#stop(NOT_FINITE)
    this.#scale = this.#now.diagonal
    while (this.#evaluations < maxIterations) {
      const step = yield* this.#nextStep()
      if (step === null) return this.#stop(STALLED)
      const { decrement } = step
      // After a step with such a small gain, no evaluation is needed, as in single fits.
      if (this.#damping === 0 && this.#isNegligible(decrement)) {
        const point = this.#arrow.movedPoint(this.#shared, step)
        return { ...this.#stop(CONVERGED), point, cost: this.#now.cost - decrement, end: this.#now }
      }
      const reason = yield* this.#tryStep(step)
      if (reason !== 0) return this.#stop(reason)
    }
    return this.#stop(MAX_ITERATIONS)
  }

  #isNegligible(decrement: number): boolean {
    const { degreesOfFreedom } = this.#arrow
    return decrement <= this.#gain || decrement * degreesOfFreedom <= this.#least * this.#now.cost
  }

  /** The next step, or null after too many small damped steps. */
  *#nextStep(): Generator<EngineCall, ArrowheadStep | null> {
    const step = this.#step()
    // Damping makes any step small, so only a small undamped step indicates convergence.
    const isDoubtful = this.#damping > 0 && !this.#isFirst
    if (!isDoubtful || !(step.decrement <= this.#small * this.#now.cost)) return step
    if (this.#confirmations++ >= MIN_CONFIRMATIONS) return null
    this.#damping = 0
    // The diagonal D may still contain old large values. Relative to such values, no parameter would count as
    // determined.
    this.#now = yield* this.#evaluate(this.#shared, this.#input(0, 0, false))
    this.#scale = this.#now.diagonal
    return this.#step()
  }

  /**
   * Evaluates a step, and accepts the step if the cost decreases.
   *
   * @returns the reason why the minimization stops, or 0 if the minimization continues
   */
  *#tryStep(step: ArrowheadStep): Generator<EngineCall, number> {
    const { cost } = this.#now
    const { decrement } = step
    const damping = this.#damping
    // The gain of a polishing step is below the rounding error of the cost.
    const isPolish = damping === 0 && decrement <= NEGLIGIBLE_STEP * cost
    // The evaluation assumes that the step succeeds, and that the next gain shrinks by the same factor. If the
    // assumption is wrong, the point is evaluated again.
    const isNearEnd = decrement * Math.min(1, decrement / this.#lastDecrement) <= this.#small * cost
    const next = this.#isFirst ? FIRST_DAMPING : isNearEnd ? 0 : damping / 3
    const turns = this.#alternates && !this.#isFirst
    let [to, delta] = this.#arrow.stepAlong(this.#shared, step)
    const input = turns ? this.#input(1, NEGLIGIBLE_GAIN, true) : this.#input(1, next, false)
    let there = yield* this.#evaluate(to, input, delta)
    const length = there.length + weightedStep(this.#scale, delta)
    const size = there.size + weightedStep(this.#scale, to)
    const isShort = damping === 0 && length <= this.#least * this.#least * size
    const predicted = this.#arrow.isBounded ? there.gain : decrement + damping * length
    if (turns && Number.isFinite(there.cost)) {
      const options = { scale: there.diagonal, damping: NEGLIGIBLE_GAIN, held: this.#held, isFirst: true }
      ;[to, delta] = this.#arrow.stepAlong(to, this.#arrow.step(to, there, options))
      there = yield* this.#evaluate(to, this.#input(1, next, false), delta)
    }
    if (there.cost < cost || (isPolish && there.cost <= cost * (1 + ROUNDING_ERROR))) {
      const ratio = predicted > 0 ? (cost - there.cost) / predicted : 1
      this.#lastDecrement = decrement
      this.#shared = to
      this.#now = there
      if (isShort || (isPolish && ++this.#polishes === MAX_POLISHES)) return CONVERGED
      if (this.#accept(ratio, next)) return 0
    } else {
      this.#reject(turns)
      if (isShort) return CONVERGED
      if (damping > MAX_DAMPING) return STALLED
    }
    this.#now = yield* this.#evaluate(this.#shared, this.#input(0, this.#damping, this.#isFirst))
    return 0
  }

  /** @returns whether the new point was evaluated with the λ of the next step */
  #accept(ratio: number, next: number): boolean {
    if (this.#alternates) this.#local = this.#arrow.readLocals()
    const { diagonal } = this.#now
    const isFresh = this.#alternates || next === 0
    this.#scale = isFresh ? diagonal : this.#scale.map((d, k) => Math.max(d, diagonal[k]))
    this.#growth = 2
    if (this.#isFirst || this.#damping === 0 || ratio >= GOOD_AGREEMENT) {
      this.#damping = next
      this.#isFirst = false
      return true
    }
    const off = 2 * ratio - 1
    this.#damping *= 1 - off * off * off
    return false
  }

  #reject(turns: boolean): void {
    if (turns) this.#arrow.setPoint(this.#local, this.#held, 'weight')
    this.#arrow.stepBack()
    const more = Math.max(this.#damping * this.#growth, RETRY_DAMPING)
    this.#growth = this.#damping > 0 ? 2 * this.#growth : 2
    this.#damping = more
  }

  #step(): ArrowheadStep {
    return this.#arrow.step(this.#shared, this.#now, {
      scale: this.#scale,
      damping: this.#damping,
      held: this.#held,
      isFirst: this.#isFirst,
    })
  }

  #input(moves: number, damping: number, isAlone: boolean, isFresh = this.#alternates) {
    return {
      moves,
      damping,
      first: Number(isAlone),
      fresh: Number(isFresh || damping === 0),
      least: damping === 0 ? IDENTIFIABLE_PIVOT : SINGULAR_PIVOT,
    }
  }

  *#evaluate(...look: Parameters<ArrowheadSolver['evaluate']>): Generator<EngineCall, EvaluationTotals> {
    const totals = yield* this.#arrow.evaluate(...look)
    this.#evaluations++
    return totals
  }

  #stop(reason: number): ArrowheadStop {
    const point = { shared: this.#shared, local: this.#arrow.readLocals() }
    return { point, cost: this.#now.cost, reason, evaluations: this.#evaluations, end: null }
  }
}
