/** Runs the fit by likelihood of groups that share parameters: Newton's method for all parameters together. */

import { OptionError } from '../../core/errors.js'
import type { FitData } from '../problem/options.js'
import type { Parameter } from '../problem/parameters.js'
import { CONVERGED, MAX_ITERATIONS, NOT_FINITE, SINGULAR, TOO_FEW_POINTS } from '../problem/reasons.js'
import type { GroupLabel } from '../problem/shared-parameters.js'
import { fromInternal, toInternal } from '../programs/internal-parameters.js'
import { triangleIndex } from '../programs/ldlt.js'
import type { GroupRequest, ParameterPlaces, SharedDistributionFits } from '../solve/distribution.js'
import {
  type ArrowheadHessian,
  type ArrowheadLayout,
  arrowheadAlgebra,
  invertArrowhead,
  multiplyHalves,
  sumGroups,
} from './arrowhead.js'
import { findInvalidStart } from './domains.js'
import type { ProfiledProblem } from './endpoint.js'
import { createEvaluator } from './evaluate.js'
import { MAX_FURTHER_ITERATIONS } from './expression-solver.js'
import { MIN_GAIN } from './lanes.js'
import { freeIndices, type NewtonResult, newtonSteps, type SecondOrderEvaluation } from './newton.js'
import type { Likelihood } from './problem.js'
import { LikelihoodRun } from './run.js'
import { SharedLikelihoodFit } from './shared-result.js'
import type { GroupEvaluators, SharedLikelihoodFits, SharedSolution } from './shared-source.js'
import { haveScatter, sampledStarts, scaleStartsOfGroups } from './shared-starts.js'
import { isFlat, NEAR, reasonCodes, TOLERANCE } from './solutions.js'

const TOO_MANY = 1024

export class SharedLikelihoodRun implements SharedDistributionFits, SharedLikelihoodFits {
  readonly base: LikelihoodRun
  readonly places: ParameterPlaces
  readonly labels: readonly GroupLabel[]
  readonly layout: ArrowheadLayout
  /** Free parameters in the order of a group's rows of the layout, and whether they are local. */
  readonly free: readonly Parameter[]
  readonly isLocal: readonly boolean[]
  /** Number of values in the vector of all parameters. */
  readonly size: number
  readonly request: GroupRequest
  readonly distribution: Likelihood
  /** Groups that take part. */
  readonly isActive: Uint8Array
  solution: SharedSolution
  /** The point near which the Hessian is measured, if the model is not an expression. */
  #around: Float64Array | undefined

  constructor(distribution: Likelihood, request: GroupRequest) {
    const { model, data, options, labels, place } = request
    this.request = request
    this.distribution = distribution
    this.base = new LikelihoodRun(distribution, model, data as FitData, options, labels)
    this.labels = labels
    const { parameters, count, likelihood } = this.base
    this.places = place(parameters)
    if (count !== labels.length)
      throw new OptionError('start', `a number, or one per group (${labels.length})`, `${count} numbers`)
    if (likelihood.isRestricted)
      throw new OptionError('estimate', "'ml' for fits with shared parameters", 'reml')
    this.free = parameters.filter(({ isFixed }) => !isFixed)
    const { joint, placesOf } = this.places
    if (joint.length > TOO_MANY)
      throw new OptionError('sharedBy', `at most ${TOO_MANY} shared values`, `${joint.length}`)
    this.isLocal = this.free.map(({ name }) => !placesOf.has(name))
    const local = this.isLocal.filter(Boolean).length
    this.layout = {
      joint: joint.length,
      places: labels.map((_, g) => {
        let next = joint.length + g * local
        return this.free.map(({ name }) => {
          const place = placesOf.get(name)
          return place === undefined ? next++ : typeof place === 'number' ? place : place[g]
        })
      }),
    }
    this.size = joint.length + local * labels.length
    const { observations } = this.base.selection
    this.isActive = Uint8Array.from(labels, (_, g) => Number(observations[g] >= Math.max(1, local)))
    this.solution = this.#unsolved(new Float64Array(this.size), TOO_FEW_POINTS, -1)
  }

  get choice() {
    return this.base.choice
  }

  get progress() {
    return this.base.progress
  }

  get options() {
    return this.base.options
  }

  *calls(): Generator<undefined> {
    const { base, labels, isActive } = this
    base.guessStarts()
    const { isIncomplete } = base.selection
    const failed = labels.findIndex(
      (_, g) => isActive[g] === 1 && (isIncomplete[g] || findInvalidStart(base, g) !== null),
    )
    const start = this.#start()
    const rows = base.selection.observations.reduce((all, n, g) => all + n * isActive[g], 0)
    const used = new Set(this.layout.places.flatMap((own, g) => (isActive[g] ? own : [])))
    if (failed >= 0 || rows < Math.max(1, used.size)) {
      this.#store(this.#unsolved(start, failed >= 0 ? NOT_FINITE : TOO_FEW_POINTS, failed))
    } else {
      const solution = yield* this.#best(start)
      this.#around = solution.x
      this.#store(solution)
    }
    base.progress.advance(labels.length)
  }

  /** The lowest minimum from all starts. */
  *#best(start: Float64Array): Generator<undefined, SharedSolution> {
    const evaluatorOf: GroupEvaluators = (group, around) => this.evaluator(group, around)
    let best = yield* this.solve(start, evaluatorOf)
    if (this.base.likelihood.problem.functionModel !== null) return best
    const { multiStart } = this.options
    for (const x of sampledStarts(this, start, multiStart))
      best = this.#lower(best, yield* this.solve(x, evaluatorOf))
    for (const x of scaleStartsOfGroups(this, best.x))
      best = this.#lower(best, yield* this.solve(x, evaluatorOf, MAX_FURTHER_ITERATIONS))
    return best
  }

  /** The other solution if it is a lower minimum, with the evaluations of both. */
  #lower(best: SharedSolution, other: SharedSolution): SharedSolution {
    const evaluations = best.evaluations + other.evaluations
    const isLower = !(best.value - other.value < MIN_GAIN) && other.reason === CONVERGED
    return { ...(isLower && haveScatter(this, other.x) ? other : best), evaluations }
  }

  *solve(
    start: Float64Array,
    evaluatorOf: GroupEvaluators,
    most = Infinity,
  ): Generator<undefined, SharedSolution> {
    const { tolerance = TOLERANCE } = this.options
    const maxIterations = Math.min(this.options.maxIterations ?? 1000, most)
    const settings = { fixed: -1, tolerance, maxIterations }
    const problem = this.problem(evaluatorOf)
    if (this.base.likelihood.problem.functionModel === null)
      return this.#solved(yield* newtonSteps({ ...problem, ...settings }, start), problem, evaluatorOf)
    const near = Math.max(NEAR, tolerance)
    const first = yield* newtonSteps({ ...problem, ...settings, tolerance: near }, start)
    if (first.status === 'not-finite') return this.#solved(first, problem, evaluatorOf)
    // The last steps have the measured Hessian.
    const exact = this.problem((group) => evaluatorOf(group, this.pointOf(group, first.x)))
    const { evaluations, ...found } = yield* newtonSteps({ ...exact, ...settings }, first.x)
    const all = { ...found, evaluations: first.evaluations + evaluations }
    return this.#solved(all, exact, evaluatorOf)
  }

  /** The problem of all groups. Values that no group uses keep their starts. */
  problem(
    evaluatorOf: GroupEvaluators = (group) => this.evaluator(group),
  ): ProfiledProblem<ArrowheadHessian> {
    const { inSteps } = this.base.likelihood
    const [min, max] = [new Array<number>(this.size).fill(0), new Array<number>(this.size).fill(0)]
    for (const [g, places] of this.layout.places.entries())
      for (const [i, place] of places.entries())
        if (this.isActive[g]) [min[place], max[place]] = [inSteps.min[i], inSteps.max[i]]
    const evaluators = this.labels.map((_, g) => (this.isActive[g] ? evaluatorOf(g) : undefined))
    const evaluate = (x: Float64Array) =>
      sumGroups(
        this.layout,
        this.size,
        evaluators.map((at, g) => at?.(this.pointOf(g, x))),
      )
    return { evaluate, algebra: arrowheadAlgebra(this.layout), min, max }
  }

  evaluator(
    group: number,
    around = this.#around && this.pointOf(group, this.#around),
  ): (x: Float64Array) => SecondOrderEvaluation {
    return createEvaluator(this.base.likelihood, this.base.rowsOf(group), around)
  }

  /** Internal values of a group's free parameters. */
  pointOf(group: number, x: Float64Array): Float64Array {
    return Float64Array.from(this.layout.places[group], (place) => x[place])
  }

  /** Starting values. A shared parameter starts at the mean of the guesses of its groups. */
  #start(): Float64Array {
    const x = new Float64Array(this.size)
    const counts = new Uint32Array(this.size)
    for (const [i, parameter] of this.free.entries()) {
      const column = toInternal(parameter, this.base.starts.get(parameter.name) as Float64Array)
      for (const [g, places] of this.layout.places.entries()) {
        // Guesses of groups with few rows are poor.
        if (!this.isActive[g] && !this.isLocal[i]) continue
        const place = places[i]
        counts[place]++
        x[place] += (column[g] - x[place]) / counts[place]
      }
    }
    return x
  }

  #unsolved(x: Float64Array, reason: number, failedGroup: number): SharedSolution {
    const none = { value: NaN, decrement: NaN, evaluations: 0, inverse: null }
    const sets = { atBound: new Set<number>(), unidentifiable: new Set<number>() }
    return { x, reason, failedGroup, ...none, ...sets, errors: new Float64Array(this.size).fill(NaN) }
  }

  #solved(
    found: NewtonResult<ArrowheadHessian>,
    problem: ProfiledProblem<ArrowheadHessian>,
    evaluatorOf: GroupEvaluators,
  ): SharedSolution {
    const { x, value, decrement, evaluations, status, hessian } = found
    const own = { ...this.#unsolved(x, reasonCodes[status], -1), value, decrement, evaluations }
    if (status === 'not-finite') return own
    const free = freeIndices({ ...problem, fixed: -1 }, x, found)
    const isFree = new Set(free)
    const varying = problem.min.flatMap((min, i) => (min < problem.max[i] ? [i] : []))
    const atBound = new Set(varying.filter((i) => !isFree.has(i)))
    const inverse = invertArrowhead(this.layout, hessian, free)
    if (inverse === null) {
      const reason = own.reason === MAX_ITERATIONS ? MAX_ITERATIONS : SINGULAR
      return { ...own, reason, atBound, unidentifiable: isFree }
    }
    const errors = new Float64Array(this.size).fill(NaN)
    for (const i of free) {
      const half = inverse.half(new Map([[i, 1]]))
      // The Hessian of −2 log L is twice the observed information.
      errors[i] = Math.sqrt(2 * multiplyHalves(half, half))
    }
    const unidentifiable = new Set(
      free.filter((i) => {
        if (errors[i] < Math.abs(x[i])) return false
        if (i < this.layout.joint) return isFlat(found, i, errors[i], problem)
        return this.#isLocalFlat(i, found.x, errors[i], evaluatorOf)
      }),
    )
    for (const i of unidentifiable) errors[i] = NaN
    const isJoint = [...unidentifiable].some((i) => i < this.layout.joint)
    return { ...own, reason: isJoint ? SINGULAR : own.reason, inverse, errors, atBound, unidentifiable }
  }

  /** Whether −2 log L hardly rises along a local parameter. Only the group of the parameter is evaluated. */
  #isLocalFlat(i: number, x: Float64Array, error: number, evaluatorOf: GroupEvaluators): boolean {
    const { joint, places } = this.layout
    const group = Math.floor((i - joint) / ((this.size - joint) / this.labels.length))
    const evaluate = evaluatorOf(group)
    const point = this.pointOf(group, x)
    const at = places[group].indexOf(i)
    const { min, max } = this.base.likelihood.inSteps
    return isFlat({ x: point, value: evaluate(point).value }, at, error, { evaluate, min, max })
  }

  /** Stores the solution as columns with one number per group. */
  #store(solution: SharedSolution): void {
    this.solution = solution
    const { solutions: to } = this.base
    const { x, inverse, errors, atBound, unidentifiable, reason } = solution
    const isSolved = Number.isFinite(solution.value)
    for (const [g, places] of this.layout.places.entries()) {
      const isActive = this.isActive[g] === 1
      const isOpen = places.some((place, i) => this.isLocal[i] && unidentifiable.has(place))
      to.reason[g] = !isActive ? TOO_FEW_POINTS : isOpen ? SINGULAR : reason
      to.decrement[g] = solution.decrement
      to.evaluations[g] = solution.evaluations
      if (isActive && isSolved) to.cost[g] = this.evaluator(g)(this.pointOf(g, x)).value
      const halves = places.map((place) =>
        inverse === null || !isActive ? null : inverse.half(new Map([[place, 1]])),
      )
      for (const [i, place] of places.entries()) {
        to.free[i][g] = x[place]
        if (!isActive) continue
        to.errors[i][g] = errors[place]
        if (atBound.has(place)) to.atBound[i >> 5][g] |= 1 << (i & 31)
        if (unidentifiable.has(place)) to.unidentifiable[i >> 5][g] |= 1 << (i & 31)
        for (let j = 0; j <= i; j++)
          if (!unidentifiable.has(place) && !unidentifiable.has(places[j]))
            to.covariance[triangleIndex(i, j)][g] = 2 * multiplyHalves(halves[i], halves[j])
      }
    }
    fromInternal(this.free, to.free, to.covariance, to.errors)
  }

  result(): SharedLikelihoodFit {
    return new SharedLikelihoodFit(this)
  }
}
