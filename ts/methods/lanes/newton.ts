/**
 * The Newton method in lanes, with the same bits as the run in `newton-run.ts`.
 *
 * A lane is in one of the phases below. Each pass evaluates the objective at the lane's trial point, judges the point,
 * and proposes the next trial point. A pass is not an update: the field `iterations` counts the updates.
 */

import { EPSILON } from '../../core/numbers.js'
import { triangleIndex } from '../newton-factors.js'
import {
  BORDER,
  DAMPING_MARGIN,
  FLATTER,
  GOOD_RATIO,
  GROWTH_FACTOR,
  MIN_RATIO,
  NOISE_FACTOR,
  POOR_RATIO,
  requireFewParameters,
  SHRINK_FACTOR,
} from '../newton-limits.js'
import { defineLines, INFINITY, type LaneBuilder, type NamedNodes } from './lines.js'
import { LaneFactors } from './newton-factors.js'
import { LaneFields, type LaneProblem, type LaneSolver } from './solver.js'
import { type LaneOutcome, type LanePass, LaneUpdates } from './updates.js'
import { type LaneBox, LaneVectors } from './vectors.js'

/** The trial point is the start. */
const START = 0
/** The trial point is the end of a step. */
const TRIAL = 1
/** The trial point belongs to the test of convergence. */
const PROBE = 2
/** The pass proposes another step from the same point. */
const IDLE = 3
/** No step is possible, so the run ends. */
const STOP = 4

/** Whether the trial point is accepted, and the trust radius. */
const judgment = defineLines(
  `
  isStart = phase == START
  isTrial = phase == TRIAL
  isProbe = phase == PROBE
  isStop = phase == STOP
  hasValue = abs(value) < INFINITY
  hasDerivatives = sum + scale < INFINITY
  isUsable = hasValue && hasDerivatives
  reduction = before - value
  noise = NOISE*abs(before)
  isNoise = abs(reduction) <= noise
  isLess = reduction > 0 && reduction >= MIN_RATIO*predicted
  isFlatter = isUsable && isNoise && !isLess && norm <= FLATTER*normBefore
  isBetterTrial = isUsable ? isLess || isFlatter : value == -INFINITY
  isBetter = isStart || isTrial && isBetterTrial
  isPoor = !(isUsable && reduction > 0 && reduction >= POOR_RATIO*predicted)
  isGood = reduction >= GOOD_RATIO*predicted && reach >= BORDER*radius
  shorter = SHRINK_FACTOR*min(length, radius)
  changed = isPoor ? shorter : isGood ? GROWTH_FACTOR*radius : radius
  newRadius = isStart ? radius*size : isTrial && !isFlatter ? changed : radius
  isTooShort = moved < tolerance || isNoise && predicted <= noise
  isStuck = isStop || (isBetter ? !isUsable : isTrial && isTooShort)
  isUpdate = isStuck || isTrial && isBetter
  waits = (isStart || isTrial || phase == IDLE) && !isUpdate
  usable = isUsable || !hasValue ? value : NAN
  newValue = isBetter ? usable : before
`,
  {
    BORDER,
    FLATTER,
    GOOD_RATIO,
    GROWTH_FACTOR,
    IDLE,
    INFINITY,
    MIN_RATIO,
    NAN: NaN,
    NOISE: NOISE_FACTOR * EPSILON,
    POOR_RATIO,
    PROBE,
    SHRINK_FACTOR,
    START,
    STOP,
    TRIAL,
  },
)

/** The damping of the next step. */
const dampingOf = defineLines(
  `
  twice = 2*scale
  pull = norm/radius
  wanted = max(max(low, base + gain/radius), pull - twice)
  damping = low < 0 ? 0 : max(0, min(wanted, count*pull + twice))
`,
)

/** The kind of the next step, and the secular equation. */
const stepOf = defineLines(
  `
  isSound = largest < INFINITY
  length = largest*sqrt(squares)
  slope = weighted > 0 ? squares/weighted : 0
  base = damping - slope
  gain = slope*length
  fraction = isSound ? (length > radius ? radius/length : 1) : 0
  far = isSound ? fraction*largest : 0
  isShort = !(far > 0 && far >= tolerance)
  isKick = isShort && isIndefinite
  isRedo = isShort && !isIndefinite && damping > 0
  border = radius/sqrt(own)
  kick = curveSlope > 0 || curveSlope == 0 && isOut ? -border : border
  factor = isKick ? kick : isRedo ? 0 : fraction
  bound = isIndefinite ? damping - DAMPING_MARGIN*leastPivot/own : 0
  low = isKick ? 0 : isRedo ? -1 : bound
  reach = isKick ? radius : min(length, radius)
`,
  { DAMPING_MARGIN, INFINITY },
)

/** The consequences of the proposal. */
const proposal = defineLines(
  `
  isWorse = isBounded && moved > 0 && !(predicted > 0)
  isHolding = isWorse && hasMore
  newRadius = proposes && isWorse && !isHolding ? SHRINK_FACTOR*min(length, radius) : radius
  rests = isRedo || isWorse
  stops = moved == 0 && !rests
  nextPhase = probes ? PROBE : stops ? STOP : rests ? IDLE : TRIAL
`,
  { IDLE, PROBE, SHRINK_FACTOR, STOP, TRIAL },
)

/** The best point of a lane after the pass. */
interface LaneBest {
  readonly at: readonly number[]
  readonly gradient: readonly number[]
  /** Lower triangle of the Hessian. */
  readonly hessian: readonly number[]
  readonly norm: number
  readonly scale: number
  readonly radius: number
}

/** Builds the program of the Newton method in lanes. */
export function newtonLanes(values: { readonly radius: number }, problem: LaneProblem): LaneSolver {
  return new NewtonLanes(values.radius, problem).solver()
}

class NewtonLanes {
  readonly #problem: LaneProblem
  readonly #b: LaneBuilder
  readonly #fields: LaneFields
  readonly #vectors: LaneVectors
  readonly #box: LaneBox | null
  readonly #updates: LaneUpdates
  readonly #hessian: readonly number[]
  readonly #blocked: readonly number[]
  readonly #scalars: NamedNodes

  constructor(radius: number, problem: LaneProblem) {
    const { b, parameters, isBounded } = problem
    const { length } = parameters
    requireFewParameters(length)
    const fields = new LaneFields(problem)
    this.#problem = problem
    this.#b = b
    this.#fields = fields
    this.#vectors = new LaneVectors(b)
    this.#box = fields.box()
    this.#updates = new LaneUpdates(problem, fields, this.#vectors, this.#box)
    this.#hessian = fields.vector('hessian', triangleIndex(length, 0))
    this.#blocked = isBounded ? fields.vector('blocked', length) : []
    const initial = { phase: START, radius, scale: 0, norm: INFINITY, base: 0, gain: 0, low: 0 }
    const proposed = { predicted: 0, length: 0, reach: 0, moved: 0 }
    this.#scalars = Object.fromEntries(
      Object.entries({ ...initial, ...proposed }).map(([name, value]) => [name, fields.scalar(name, value)]),
    )
  }

  solver(): LaneSolver {
    const { best, pass, waits } = this.#judge()
    const outcome = this.#updates.finish(pass, this.#problem.gradient)
    this.#propose(best, waits, outcome)
    return { fields: this.#fields, reason: outcome.reason, results: this.#updates.results() }
  }

  /** Accepts or rejects the trial point, and adjusts the trust radius. */
  #judge() {
    const b = this.#b
    const v = this.#vectors
    const { gradient, parameters, value, tolerance } = this.#problem
    const { at: atBefore, gradient: gradientBefore, value: before } = this.#updates
    const second = this.#problem.second()
    const x = parameters.map((name) => b.name(name))
    const held = this.#held(x, gradient)
    const sumOf = (nodes: readonly number[]) => v.sum(nodes.map((node) => b.operation('abs', node)))
    const scale = sumOf(second)
    const norm = v.largest(gradient.map((g, i) => b.select(held[i], b.zero, g)))
    const judged = judgment(b, {
      ...this.#scalars,
      value,
      before,
      norm,
      normBefore: this.#scalars.norm,
      scale,
      sum: sumOf(gradient),
      size: v.largest([b.one, ...x]),
      tolerance: b.constant(tolerance),
    })
    const { isBetter, isTrial, isUpdate, isProbe, isStuck } = judged
    const best: LaneBest = {
      at: v.select(isBetter, x, atBefore),
      gradient: v.select(isBetter, gradient, gradientBefore),
      hessian: v.select(isBetter, second, this.#hessian),
      norm: b.select(isBetter, norm, this.#scalars.norm),
      scale: b.select(isBetter, scale, this.#scalars.scale),
      radius: judged.newRadius,
    }
    // The difference is NaN if the start is not finite.
    const change = b.select(b.multiply(isTrial, isBetter), this.#scalars.moved, v.zeroOf(best.at))
    const { at, gradient: g } = best
    const pass: LanePass = { isUpdate, isProbe, isStuck, at, gradient: g, value: judged.newValue, change }
    this.#fields.set({ hessian: best.hessian, norm: best.norm, scale: best.scale })
    return { best, pass, waits: judged.waits }
  }

  /**
   * Chooses the next trial point.
   *
   * @param waits whether the lane needs a trial point, because the pass was no update
   */
  #propose(best: LaneBest, waits: number, { continues, probes, near }: LaneOutcome): void {
    const b = this.#b
    const v = this.#vectors
    const fields = this.#fields
    const { at, gradient, norm, scale, radius } = best
    const { low, base, gain } = this.#scalars
    const held = this.#held(at, gradient).map((is, i) =>
      this.#box === null ? is : b.operation('max', is, this.#blocked[i]),
    )
    const { damping } = dampingOf(b, { norm, scale, radius, low, base, gain, count: b.constant(at.length) })
    const { step, direction } = this.#step(best, held, damping)
    const { trial, ...moved } = this.#move(best, direction, step.factor)
    const more = v.held(at, negatives(b, direction), this.#box).map((is, i) => b.select(held[i], b.zero, is))
    const proposes = b.operation('max', waits, continues)
    const next = proposal(b, {
      ...moved,
      radius,
      proposes,
      isBounded: this.#box === null ? b.zero : b.one,
      hasMore: v.any(more),
      isRedo: step.isRedo,
      probes,
    })
    fields.setPoint(v.select(probes, near, v.select(next.isWorse, at, trial)))
    for (const name of ['base', 'gain', 'low'] as const)
      fields.set({ [name]: b.select(proposes, step[name], this.#scalars[name]) })
    const blocked = this.#blocked.map((is, i) => {
      const kept = b.multiply(is, step.isRedo)
      const grown = b.select(next.isHolding, b.operation('max', is, more[i]), kept)
      return b.select(proposes, grown, is)
    })
    const { newRadius, nextPhase } = next
    fields.set({ ...moved, reach: step.reach, radius: newRadius, phase: nextPhase, blocked })
  }

  /** Solves for the step and the secular equation. */
  #step(best: LaneBest, held: readonly number[], damping: number) {
    const b = this.#b
    const v = this.#vectors
    const { at, gradient, hessian, radius, scale } = best
    const isBounded = this.#box !== null
    const matrix = hessian.map((element, index) => {
      const [i, j] = triangleRow(index)
      const damped = j < i ? element : b.add(element, damping)
      return isBounded ? b.select(b.operation('max', held[i], held[j]), b.zero, damped) : damped
    })
    const factors = new LaneFactors(b, matrix, at.length, b.add(scale, damping))
    const d = factors.solve(negatives(b, gradient).map((g, i) => b.select(held[i], b.zero, g)))
    const largest = v.largest(d)
    const hasLength = b.operation('less', b.zero, largest)
    const e = d.map((di) => b.select(hasLength, b.divide(di, largest), b.zero))
    const curve = factors.negativeDirection()
    const isOut = v.any(v.held(at, negatives(b, curve), this.#box))
    const step = stepOf(b, {
      damping,
      radius,
      largest,
      squares: v.dot(e, e),
      weighted: factors.weightedSquares(factors.eliminate(e)),
      own: v.dot(curve, curve),
      curveSlope: v.dot(gradient, curve),
      isOut,
      isIndefinite: factors.isIndefinite,
      leastPivot: factors.leastPivot,
      tolerance: b.constant(this.#problem.tolerance),
    })
    return { step, direction: v.select(step.isKick, curve, d) }
  }

  /** The step along a direction, to the closest point within the bounds, and the predicted reduction. */
  #move({ at, gradient, hessian }: LaneBest, direction: readonly number[], factor: number) {
    const b = this.#b
    const v = this.#vectors
    const box = this.#box
    const isNone = b.operation('equal', factor, b.zero)
    const trial = at.map((x, i) => {
      const to = b.add(x, b.add(b.multiply(factor, direction[i]), b.zero))
      return b.select(isNone, x, box === null ? to : v.clamp(to, box.min[i], box.max[i]))
    })
    const s = v.subtract(trial, at)
    const products = s.map((_, i) =>
      v.sum(s.map((sj, j) => b.multiply(hessian[triangleIndex(Math.max(i, j), Math.min(i, j))], sj))),
    )
    const half = b.constant(0.5)
    const slopes = gradient.map((g, i) => b.add(g, b.multiply(half, products[i])))
    return {
      trial,
      moved: v.largest(s),
      length: b.operation('sqrt', v.dot(s, s)),
      predicted: b.negate(v.dot(s, slopes)),
    }
  }

  /** Whether each variable stays at its bound. */
  #held(x: readonly number[], g: readonly number[]): number[] {
    const b = this.#b
    const box = this.#box
    const held = this.#vectors.held(x, g, box)
    if (box === null) return held
    return held.map((is, i) => b.operation('max', is, b.operation('lessOrEqual', box.max[i], box.min[i])))
  }
}

const negatives = (b: LaneBuilder, nodes: readonly number[]) => nodes.map((node) => b.negate(node))

/** Row and column of an element of a lower triangle. */
function triangleRow(index: number): readonly [i: number, j: number] {
  let i = 0
  while (triangleIndex(i + 1, 0) <= index) i++
  return [i, index - triangleIndex(i, 0)]
}
