/**
 * Levenberg-Marquardt for groups that share parameters: as ../programs/levenberg-marquardt.ts has it for a single fit, but
 * that all groups move together, and one λ damps them.
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

/** Where all have ended. */
export interface ArrowheadStop {
  readonly point: ArrowheadPoint
  readonly cost: number
  readonly reason: number
  readonly evaluations: number
  /** What the last look has told, where it was without λ and by what errors are made of. */
  readonly end: EvaluationTotals | null
}

/** How steps are made. */
export interface SolveMode {
  /** Whether they start near their end. */
  readonly isWarmStart: boolean
  /** Whether what models are linear in is solved for after each step, as in ../programs/levenberg-marquardt.ts. */
  readonly alternates: boolean
}

const COLD_START: SolveMode = { isWarmStart: false, alternates: false }
export const WARM_START: SolveMode = { isWarmStart: true, alternates: false }

const FIRST_DAMPING = 1e-3
/** λ of what models are linear in, where nothing else moves. */
const NEGLIGIBLE_GAIN = 1e-14
/** λ where some parameters wait: what hardly differs from others does not move much then. */
const ISOLATION_RATIO = 0.1
/** A step without λ that has failed is followed by one with so much at least. */
const RETRY_DAMPING = 1e-6
const MAX_DAMPING = 1e16
/** Beside what was predicted, a gain above which λ becomes a third; each look is made as if that were so. */
const GOOD_AGREEMENT = 0.5
/** So often steps are tried without λ that do not lower the cost. */
const MIN_CONFIRMATIONS = 4
/** A part of the tolerance: a step that gains so little, beside what errors are made of, is the last one. */
const LAST_STEP_TOLERANCE = 1e-4
const MIN_DECREMENT = 1e-15
/** A relative gain this small is lost in the rounding of the cost. */
const NEGLIGIBLE_STEP = 1e-14
/** Largest relative rounding error of the cost. */
const ROUNDING_ERROR = 1e-12
/** So many steps are made that only lower what is lost in rounding. */
const MAX_POLISHES = 8

/** @param maxIterations looks */
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
  /** Gains, beside the cost, that are small, and that are none. */
  readonly #small: number
  readonly #least: number
  /** The best point so far, what it costs, and the largest diagonal of shared parameters. */
  #shared: Float64Array
  #local: ArrowheadPoint['local']
  #now!: EvaluationTotals
  #scale!: Float64Array
  /** What models are linear in finds its scale first: else the first step may lead the rest to nowhere. */
  #isFirst: boolean
  #damping: number
  #growth = 2
  #evaluations = 0
  #confirmations = 0
  #polishes = 0
  /** What the last step was to gain. */
  #lastDecrement = 0

  constructor(arrow: ArrowheadSolver, held: FixedParameters, mode: SolveMode, start: ArrowheadPoint) {
    this.#arrow = arrow
    this.#held = held
    this.#alternates = mode.alternates
    this.#small = Math.max(arrow.tolerance, NEGLIGIBLE_STEP)
    this.#least = Math.max(LAST_STEP_TOLERANCE * arrow.tolerance, MIN_DECREMENT)
    this.#shared = start.shared
    this.#local = start.local
    this.#isFirst = arrow.isPartlyLinear && !mode.isWarmStart
    // In turns they are solved for at once: damped, those that hardly differ would not find it.
    const waiting = mode.alternates ? NEGLIGIBLE_GAIN : ISOLATION_RATIO
    this.#damping = this.#isFirst ? waiting : FIRST_DAMPING
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
      // So small a step needs no look at where it leads, as of a single fit.
      if (this.#damping === 0 && decrement * this.#arrow.degreesOfFreedom <= this.#least * this.#now.cost) {
        const point = this.#arrow.movedDistance(this.#shared, step)
        return { ...this.#stop(CONVERGED), point, cost: this.#now.cost - decrement, end: this.#now }
      }
      const reason = yield* this.#tryStep(step)
      if (reason !== 0) return this.#stop(reason)
    }
    return this.#stop(MAX_ITERATIONS)
  }

  /** A step; null where too many small ones have had λ. */
  *#nextStep(): Generator<EngineCall, ArrowheadStep | null> {
    const step = this.#step()
    // With damping any step becomes small: only one without it tells.
    const isDoubtful = this.#damping > 0 && !this.#isFirst
    if (!isDoubtful || !(step.decrement <= this.#small * this.#now.cost)) return step
    if (this.#confirmations++ >= MIN_CONFIRMATIONS) return null
    this.#damping = 0
    // What D was large by may be gone: beside it nothing here would count as determined.
    this.#now = yield* this.#evaluate(this.#shared, this.#input(0, 0, false))
    this.#scale = this.#now.diagonal
    return this.#step()
  }

  /** Takes a step if it lowers the cost. @returns why it was the last one, or 0 */
  *#tryStep(step: ArrowheadStep): Generator<EngineCall, number> {
    const { cost } = this.#now
    const { decrement } = step
    const damping = this.#damping
    // Of such a step the cost can no longer tell.
    const isPolish = damping === 0 && decrement <= NEGLIGIBLE_STEP * cost
    // As if it succeeds, and the next one gains less by as much as this one; where not, there is another look.
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

  /** @returns whether the look at the new point was made with the λ that follows */
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
