/**
 * The end of an update in lanes: whether the run ends, and the test of convergence, with the same bits as `minimize`
 * (ts/minimize/minimize.ts and convergence.ts).
 */

import { EPSILON } from '../../core/numbers.js'
import {
  MAX_DISTANCE_IN_TOLERANCES,
  MAX_HALF_CHANGE,
  MIN_CHANGE,
  MIN_HALF_CHANGE,
  PATIENCE,
  PROBE_COUNT,
  SMALL_OF_CHANGE,
  SMALL_OF_START,
} from '../../minimize/convergence.js'
import { minimizeReasons } from '../../minimize/reasons.js'
import { defineLines, INFINITY, type LaneBuilder } from './lines.js'
import { type LaneFields, type LaneProblem, type LaneSolver, vectorNames } from './solver.js'
import type { LaneBox, LaneVectors } from './vectors.js'

const [CONVERGED, STALLED, MAX_ITERATIONS, DIVERGED] = (
  ['converged', 'stalled', 'max-iterations', 'diverged'] as const
).map((reason) => minimizeReasons.indexOf(reason))

/** The results of a pass, as nodes. */
export interface LanePass {
  /** Whether the pass has completed an update, or has evaluated the gradient for the test of convergence. */
  readonly isUpdate: number
  readonly isProbe: number
  /** Point, gradient and value after the update. */
  readonly at: readonly number[]
  readonly gradient: readonly number[]
  readonly value: number
  /** Largest change of a parameter in the update. */
  readonly change: number
  /** Whether no further update would change a parameter. */
  readonly isStuck: number
}

/** The decisions after a pass, as nodes. */
export interface LaneOutcome {
  /** The reason why the run ends, or 0. */
  readonly reason: number
  /** Whether the next trial point belongs to the test of convergence, and this point. */
  readonly probes: number
  readonly near: readonly number[]
  /** Whether the run continues with another update. */
  readonly continues: number
}

/** The gradient in the parameters that can move, as nodes. */
interface Pulls {
  /** Whether a bound holds each parameter. */
  readonly held: readonly number[]
  /** The least tolerance of each parameter. */
  readonly finest: readonly number[]
  /** The gradient, or 0 for a parameter that cannot move. */
  readonly pulls: readonly number[]
  /** The change of each pull from the point to the probe. */
  readonly answers: readonly number[]
  /** The largest element of the gradient that no bound holds. */
  readonly freeNorm: number
}

interface ProbePoint {
  readonly test: Pulls
  readonly isProbe: number
  readonly halves: number
  /** Index of the parameter. */
  readonly i: number
}

const afterUpdate = defineLines(
  `
  isBad = !(change < INFINITY)
  isShort = change < tolerance || isStuck
  isFinite = abs(value) < INFINITY && norm < INFINITY
  isLast = iterations >= maxIterations
  # The order of the tests is the order in minimize.
  whenShort = isFinite ? (pull == 0 ? CONVERGED : 0) : DIVERGED
  whenLast = isFinite ? MAX_ITERATIONS : DIVERGED
  whenLong = isLast ? whenLast : 0
  updateReason = isBad ? DIVERGED : isShort ? whenShort : whenLong
  begins = isUpdate && isShort && updateReason == 0
  goesOn = isUpdate && !isShort && updateReason == 0
`,
  { CONVERGED, DIVERGED, INFINITY, MAX_ITERATIONS },
)

const afterProbe = defineLines(
  `
  isWhole = halving == 0
  reaches = isWhole && answer >= pull
  isSmall = reaches && pull <= SMALL_OF_START*startNorm && pull <= SMALL_OF_CHANGE*answer
  halves = isProbe && reaches && !isSmall
  isNegligible = isWhole ? isSmall : isGradual
  isOver = isWhole ? probe >= PROBE_COUNT && !reaches : 1
  isGettingOn = sinceIterations < 0 || freeNorm < 0.99*sinceNorm || change > 1.01*sinceChange
  isTired = iterations - sinceIterations >= PATIENCE && !isGettingOn
  whenMoving = isLast ? MAX_ITERATIONS : isTired ? STALLED : 0
  whenOver = isStuck ? STALLED : whenMoving
  probeReason = isNegligible ? CONVERGED : isOver ? whenOver : 0
  again = isProbe && !isNegligible && !isOver
  ends = isProbe && isOver && probeReason == 0
`,
  { CONVERGED, MAX_ITERATIONS, PATIENCE, PROBE_COUNT, SMALL_OF_CHANGE, SMALL_OF_START, STALLED },
)

/** The change by half of a move as a fraction of the change by the whole move; a fitting number for small components. */
const halfChange = defineLines('fraction = max(abs(pull), abs(whole)) < least ? 0.5 : half/whole')

/** The fields and nodes of updates. All solvers in lanes use this class, so that runs end by the same criteria. */
export class LaneUpdates {
  /** The point, its gradient, and the value of the objective. */
  readonly at: readonly number[]
  readonly gradient: readonly number[]
  readonly value: number
  readonly iterations: number
  readonly #b: LaneBuilder
  readonly #vectors: LaneVectors
  readonly #fields: LaneFields
  readonly #problem: LaneProblem
  readonly #box: LaneBox | null

  constructor(problem: LaneProblem, fields: LaneFields, vectors: LaneVectors, box: LaneBox | null) {
    const { length } = problem.parameters
    this.#b = problem.b
    this.#vectors = vectors
    this.#fields = fields
    this.#problem = problem
    this.#box = box
    this.at = fields.vector('at', length, (parameter) => ({ from: 'start', parameter }))
    this.gradient = fields.vector('gradient', length)
    this.value = fields.scalar('value', NaN)
    this.iterations = fields.scalar('iterations')
  }

  /** Adds the nodes that follow a pass. `probed` is the gradient at the trial point. */
  finish(pass: LanePass, probed: readonly number[]): LaneOutcome {
    const { at, gradient, value, isUpdate, isProbe } = pass
    const b = this.#b
    const fields = this.#fields
    const keep = (name: string, node: number, initial: number) => {
      const before = fields.scalar(name, initial)
      return b.select(isUpdate, node, before)
    }
    const change = keep('change', pass.change, NaN)
    const isStuck = keep('isStuck', pass.isStuck, 0)
    const iterations = b.add(this.iterations, isUpdate)
    const test = this.#pulls(pass, probed)
    const common = {
      isUpdate,
      isProbe,
      change,
      isStuck,
      iterations,
      pull: this.#vectors.largest(test.pulls),
      maxIterations: b.constant(this.#problem.maxIterations),
    }
    const update = afterUpdate(b, {
      ...common,
      value,
      norm: this.#vectors.largest(gradient),
      tolerance: b.constant(this.#problem.tolerance),
    })
    const after = this.#afterProbe(common, update, test)
    fields.set({ change, isStuck, iterations, value, answer: test.answers, at, gradient })
    return {
      reason: b.select(isUpdate, update.updateReason, b.select(isProbe, after.probeReason, b.zero)),
      probes: b.operation('max', update.begins, after.again),
      near: at.map((x, i) => this.#probePoint(x, { test, isProbe, halves: after.halves, i })),
      continues: b.operation('max', update.goesOn, after.ends),
    }
  }

  /** The pull on each parameter, and its change from the point to the probe. */
  #pulls({ at, gradient }: LanePass, probed: readonly number[]): Pulls {
    const b = this.#b
    const held = this.#vectors.held(at, gradient, this.#box)
    const finest = this.#finest(at)
    // A parameter that cannot move, because its tolerance is 0, exerts no pull.
    const isStill =
      this.#problem.tolerance > 0
        ? held
        : held.map((is, i) => b.operation('max', is, b.operation('lessOrEqual', finest[i], b.zero)))
    const pulls = gradient.map((g, i) => b.select(isStill[i], b.zero, g))
    const answers = probed.map((g, i) => b.subtract(b.select(isStill[i], b.zero, g), pulls[i]))
    const freeNorm = this.#vectors.largest(gradient.map((g, i) => b.select(held[i], b.zero, g)))
    return { held, finest, pulls, answers, freeNorm }
  }

  /** The decisions after a probe; updates the fields that only they read. */
  #afterProbe(
    common: Readonly<
      Record<'isUpdate' | 'isProbe' | 'change' | 'isStuck' | 'iterations' | 'pull' | 'maxIterations', number>
    >,
    update: ReturnType<typeof afterUpdate>,
    { pulls, answers, freeNorm }: Pulls,
  ) {
    const b = this.#b
    const fields = this.#fields
    const probe = b.select(update.begins, b.zero, b.add(fields.scalar('probe'), common.isProbe))
    const startBefore = fields.scalar('startNorm', -1)
    // The first pass evaluates the gradient at the start.
    const startNorm = b.select(b.operation('less', startBefore, b.zero), freeNorm, startBefore)
    const answersBefore = fields.vector('answer', answers.length)
    const since = {
      sinceIterations: fields.scalar('sinceIterations', -1),
      sinceChange: fields.scalar('sinceChange'),
      sinceNorm: fields.scalar('sinceNorm'),
    }
    const after = afterProbe(b, {
      ...common,
      ...since,
      answer: this.#vectors.largest(answers),
      freeNorm,
      probe,
      halving: fields.scalar('halving'),
      startNorm,
      isGradual: this.#isGradual(pulls, answers, answersBefore),
      isLast: update.isLast,
    })
    const marks = b.multiply(after.ends, after.isGettingOn)
    const mark = (node: number, before: number) => b.select(marks, node, before)
    fields.set({
      sinceIterations: b.select(
        update.goesOn,
        b.constant(-1),
        mark(common.iterations, since.sinceIterations),
      ),
      sinceChange: mark(common.change, since.sinceChange),
      sinceNorm: mark(freeNorm, since.sinceNorm),
      probe,
      halving: after.halves,
      startNorm,
    })
    return after
  }

  /** The next point of the test of convergence in one parameter: near x, or halfway between x and the last point. */
  #probePoint(x: number, { test, isProbe, halves, i }: ProbePoint): number {
    const b = this.#b
    const { held, finest, pulls, answers } = test
    const first = b.operation('less', b.zero, pulls[i])
    const isDown = b.select(isProbe, b.operation('less', answers[i], b.zero), first)
    const most = MAX_DISTANCE_IN_TOLERANCES
    const distance = b.select(isDown, b.constant(-most), b.constant(most))
    const moved = b.add(x, b.multiply(distance, finest[i]))
    const box = this.#box
    const inside = box === null ? moved : this.#vectors.clamp(moved, box.min[i], box.max[i])
    const near = b.select(held[i], x, inside)
    const trial = b.name(this.#problem.parameters[i])
    const half = b.add(x, b.multiply(b.constant(0.5), b.subtract(trial, x)))
    return b.select(halves, half, near)
  }

  /** Whether the gradient vanishes gradually, as the function of the same name in convergence.ts decides. */
  #isGradual(pulls: readonly number[], half: readonly number[], whole: readonly number[]): number {
    const b = this.#b
    const least = b.multiply(b.constant(MIN_CHANGE), this.#vectors.largest(whole))
    const fractions = whole.map(
      (change, i) => halfChange(b, { pull: pulls[i], half: half[i], whole: change, least }).fraction,
    )
    // The least or the largest number is NaN if a fraction is NaN.
    const [smallest, largest] = (['min', 'max'] as const).map((code) =>
      fractions.reduce((x, y) => b.operation(code, x, y)),
    )
    return b.multiply(
      b.operation('lessOrEqual', b.constant(MIN_HALF_CHANGE), smallest),
      b.operation('lessOrEqual', largest, b.constant(MAX_HALF_CHANGE)),
    )
  }

  /** The names of the result's fields, and the field of the gradient's largest element. */
  results(): LaneSolver['results'] {
    return {
      x: vectorNames('at', this.#problem.parameters.length),
      gradient: vectorNames('gradient', this.#problem.parameters.length),
      value: '@value',
      maxChange: '@change',
      iterations: '@iterations',
    }
  }

  /** The smallest move of each variable that counts: the tolerance, or the rounding error of the variable. */
  #finest(at: readonly number[]): number[] {
    const b = this.#b
    const tolerance = b.constant(this.#problem.tolerance)
    return at.map((x) =>
      b.operation('max', tolerance, b.multiply(b.constant(EPSILON), b.operation('abs', x))),
    )
  }
}
