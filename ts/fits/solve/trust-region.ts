/**
 * Levenberg-Marquardt on arrays, one fit at a time, for function models and for more parameters than compiled programs
 * allow. The steps follow MINPACK (Moré, 1978), within a trust region whose radius depends on the success of previous
 * steps. A parameter that would cross a bound is held at the bound.
 *
 * All values are scaled as in givens-qr.ts, so no square underflows or overflows.
 */

import type { FloatArray } from '../../core/numbers.js'
import { pauseAfterNumbers, type Slices, visitInSlices } from '../../core/slices.js'
import { Graph } from '../../expressions/graph.js'
import { compile } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'
import { numbersInRun } from '../../many/batch/data.js'
import type { BatchRunner } from '../../many/engines/engines.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { zeros } from '../models/linear-least-squares.js'
import { areFinite } from '../problem/finite-differences.js'
import type { ModelLane, ModelLanes } from '../problem/function-model.js'
import { lossTerms } from '../problem/loss.js'
import type { Problem } from '../problem/problem.js'
import { CONVERGED, MAX_ITERATIONS, NOT_FINITE, SINGULAR, STALLED } from '../problem/reasons.js'
import { EXACT_FIT_RATIO, FADED_RATIO, OFFSET_TOLERANCE } from '../programs/diagnostics.js'
import { FunctionCurve, modelColumns } from '../programs/function-curve.js'
import { powerOfTwoUnit } from '../programs/givens-qr.js'
import { triangleIndex } from '../programs/ldlt.js'
import type { ModelPrograms } from '../programs/program-cache.js'
import { ExpressionCurve } from './expression-curve.js'
import { solutionColumns } from './fit-context.js'
import {
  dot,
  fillArray,
  invertUpper,
  multiplyUpper,
  type PivotedTriangle,
  scaledLength,
  solveUpper,
  stepWithin,
  triangularize,
} from './householder-qr.js'
import type { Iterations } from './iterations.js'
import type { SolverBatch, SolverResult, StoppedRuns } from './solver.js'

/** Initial radius of the trust region, as a multiple of the scaled length of the parameter vector. */
const INITIAL_RADIUS = 100
/** A step is accepted if its gain exceeds this fraction of the predicted gain. */
const MIN_ACCEPTED_RATIO = 1e-4
/**
 * Relative rounding error of exact derivatives. If the remainder of a column is below this fraction, the remainder is
 * noise.
 */
const MIN_ROUNDING = 1e-14
/** Number of bits per word. */
const BITS_PER_WORD = 32

export class TrustRegionSolver {
  readonly #compiled: ModelPrograms
  readonly #iterations: Iterations
  /** The engine of models that compute several fits side by side. */
  readonly #runner: BatchRunner | undefined

  constructor(compiled: ModelPrograms, iterations: Iterations, runner?: BatchRunner) {
    this.#compiled = compiled
    this.#iterations = iterations
    this.#runner = runner
  }

  *solve(some: SolverBatch, most: number): Generator<EngineCall, SolverResult> {
    return yield* this.#mapRuns(some, (fit, x) => fit.solve(x, most))
  }

  /** Solves one run, and stores its results in columns. */
  *#mapRun(
    some: SolverBatch,
    run: number,
    all: SolverResult,
    end: (fit: TrustRegionFit, x: Float64Array) => Generator<EngineCall, FitEnd>,
    lanes: ModelLanes | undefined,
  ): Generator<EngineCall, void> {
    const lane = lanes && { lanes, run }
    const fit = new TrustRegionFit(this.#compiled, this.#iterations, some, run, lane)
    const found = yield* end(
      fit,
      Float64Array.from(some.starts, (start) => start[run]),
    )
    const numbers = solutionColumns<number>(found)
    for (const [k, to] of solutionColumns<FloatArray>(all).entries()) to[run] = numbers[k]
    all.evaluations[run] = fit.evaluations
  }

  /** Diagnoses the end points of another method. */
  *diagnose(
    some: SolverBatch,
    { best, iterations, reason }: StoppedRuns,
  ): Generator<EngineCall, SolverResult> {
    const solved = yield* this.#mapRuns({ ...some, starts: best }, (fit, x) => fit.diagnose(x))
    for (const [run, code] of Array.from(reason).entries()) {
      solved.evaluations[run] += iterations[run]
      if (code !== CONVERGED && code !== STALLED) solved.reason[run] = code
    }
    return solved
  }

  *#mapRuns(
    some: SolverBatch,
    end: (fit: TrustRegionFit, x: Float64Array) => Generator<EngineCall, FitEnd>,
  ): Generator<EngineCall, SolverResult> {
    const problem = this.#compiled.problemInSteps
    const size = problem.free.length
    const column = () => new Float64Array(some.runs.length)
    const columns = (count: number) => Array.from({ length: count }, column)
    const words = Math.ceil(size / BITS_PER_WORD)
    const free = columns(size)
    const all = {
      free,
      covariance: columns(triangleIndex(size, 0)),
      errors: columns(size),
      cost: column(),
      reason: column(),
      evaluations: column(),
      atBound: columns(words),
      unidentifiable: columns(words),
      remaining: column(),
      stopped: free,
      diagonal: [],
      largest: [],
    }
    const exact = this.#runner && problem.functionModel?.exact
    const lanes = exact?.lanes(some.runs.length, this.#runner as BatchRunner)
    const fits = Array.from(some.runs, (_, run) => this.#mapRun(some, run, all, end, lanes))
    if (lanes) yield* lanes.run(fits)
    else {
      for (const fit of fits) {
        yield* fit
        yield
      }
    }
    return all
  }
}

/** Results of one run. */
interface FitEnd {
  readonly free: Float64Array
  readonly covariance: Float64Array
  readonly errors: Float64Array
  readonly atBound: readonly number[]
  readonly unidentifiable: readonly number[]
  readonly cost: number
  readonly reason: number
}

/** A point, and the cost at the point in scaled units. */
interface TrialPoint {
  readonly x: Float64Array
  readonly f: Float64Array
  readonly cost: number
}

/** Matrix R of the parameters that may move, and the indices of these parameters in pivot order. */
interface ReducedSystem {
  readonly triangle: PivotedTriangle
  readonly places: readonly number[]
}

/** Derivatives at a point, and the reduced system. */
interface PointDerivatives extends TrialPoint, ReducedSystem {
  /** Lengths of the columns of W^½·J in scaled units, per free parameter, with the weights of steps. */
  readonly lengths: readonly number[]
  readonly moves: readonly boolean[]
  /** The Jacobian J of the model. */
  readonly slopes: readonly Float64Array[]
}

class TrustRegionFit {
  readonly #problem: Problem
  readonly #curve: FunctionCurve | ExpressionCurve
  readonly #costs: CostEvaluator
  readonly #tolerance: number
  readonly #isAbsolute: boolean
  readonly #degreesOfFreedom: number
  readonly #start: Float64Array
  /** Scaling units: the factors of the residuals, and of the derivatives with respect to each parameter. */
  #unit = 1
  #units: readonly number[] = []
  /** The diagonal D: the largest length of each column of the Jacobian so far. */
  readonly #scale: Float64Array
  /** Minimum absolute value of each parameter in the computation of finite-difference steps. */
  readonly #sizes: Float64Array

  constructor(
    { problemInSteps, settings }: ModelPrograms,
    iterations: Iterations,
    { runs, data, starts, fixed, degreesOfFreedom }: SolverBatch,
    run: number,
    lane?: ModelLane,
  ) {
    this.#problem = problemInSteps
    const columns = new Map(problemInSteps.columns.map((name, k) => [name, numbersInRun(data[k], runs[run])]))
    const rows = (name: string) => columns.get(name) as Float64Array
    const own = modelColumns(problemInSteps).map(rows)
    const numbers = fixed.map((column) => column[run])
    const count = rows(problemInSteps.y).length
    this.#curve =
      problemInSteps.functionModel === null
        ? new ExpressionCurve(problemInSteps, iterations, own, numbers, count)
        : new FunctionCurve(problemInSteps, problemInSteps.functionModel, own, numbers, count, lane)
    this.#costs = new CostEvaluator(
      problemInSteps,
      rows(problemInSteps.y),
      problemInSteps.weight === null ? null : rows(problemInSteps.weight),
    )
    this.#tolerance = settings.tolerance
    this.#isAbsolute = settings.isAbsolute
    this.#degreesOfFreedom = degreesOfFreedom[run]
    this.#start = Float64Array.from(starts, (start) => start[run])
    this.#scale = new Float64Array(starts.length)
    // A change of 1 in the logarithm of a parameter changes the parameter by a factor of e.
    this.#sizes = Float64Array.from(problemInSteps.isLogarithm, Number)
  }

  get evaluations(): number {
    return this.#curve.evaluations
  }

  *diagnose(x: Float64Array): Generator<EngineCall, FitEnd> {
    const first = yield* this.#initialize(x)
    const at = first && (yield* this.#slopesAt(first))
    return at ? yield* this.#describeEnd(at, CONVERGED) : this.#noUsablePoint(x)
  }

  *solve(start: Float64Array, most: number): Generator<EngineCall, FitEnd> {
    const first = yield* this.#initialize(start)
    yield
    const begin = first && (yield* this.#slopesAt(first))
    if (!begin) return this.#noUsablePoint(start)
    let at = begin
    let [radius, damping] = [INITIAL_RADIUS * this.#stepLength(at.x) || INITIAL_RADIUS, 0]
    const tolerance = this.#tolerance
    for (let [tries, isFirst] = [1, true]; ; ) {
      const { triangle, places } = at
      const sound = triangle.right.subarray(0, this.#numericalRank(at))
      if (dot(sound, sound) <= Math.max(tolerance * at.cost, this.#radiusLimit(at).least))
        return yield* this.#describeEnd(at, CONVERGED)
      const scale = fillArray(places.length, (k) => this.#scale[places[k]] || 1)
      let next: PointDerivatives | undefined
      while (next === undefined) {
        if (tries >= most) return yield* this.#describeEnd(at, MAX_ITERATIONS)
        const made = stepWithin(triangle, scale, radius, damping)
        damping = made.damping
        const x = this.#movedPoint(at, made.step)
        const taken = fillArray(places.length, (k) => {
          const i = places[k]
          return (x[i] - at.x[i]) / this.#units[i]
        })
        const length = scaledLength(taken, scale)
        const f = yield* this.#curve.evaluate(x)
        tries++
        yield
        const point = { x, f, cost: yield* this.#costs.costAt(f, this.#unit) }
        const along = multiplyUpper(triangle.columns, taken)
        // Half the initial derivative of the linear model along the step, and the total predicted gain of the step.
        const slope = dot(along, triangle.right)
        const predicted = -(2 * slope + dot(along, along))
        const actual = point.cost < 100 * at.cost ? at.cost - point.cost : -at.cost
        const ratio = predicted > 0 ? actual / predicted : 0
        if (isFirst) radius = Math.min(radius, length)
        if (ratio <= 0.25) {
          const part = actual >= 0 ? 0.5 : (0.5 * slope) / (slope + 0.5 * actual)
          const by = point.cost < 100 * at.cost && part >= 0.1 ? part : 0.1
          radius = by * Math.min(radius, length / 0.1)
          damping /= by
        } else if (damping === 0 || ratio >= 0.75) {
          radius = length / 0.5
          damping *= 0.5
        }
        if (ratio >= MIN_ACCEPTED_RATIO) next = yield* this.#slopesAt(point)
        if (next === undefined && ratio >= MIN_ACCEPTED_RATIO) radius = 0.1 * Math.min(radius, length)
        isFirst = false
        // The fit ends, because the remaining gain is below rounding error, unless a bound limited the step.
        const isOver =
          radius <= tolerance * this.#stepLength(at.x) || Math.abs(predicted) <= EPSILON * at.cost
        if (next === undefined && isOver) return yield* this.#describeEnd(at, STALLED)
      }
      at = next
    }
  }

  /** Evaluates the starting point. The result is undefined if the cost is not finite. */
  *#initialize(x: Float64Array): Generator<EngineCall, TrialPoint | undefined> {
    const f = yield* this.#curve.evaluate(x)
    this.#unit = yield* this.#costs.unitFor(f)
    const cost = yield* this.#costs.costAt(f, this.#unit)
    return cost < Infinity ? { x, f, cost } : undefined
  }

  /** Evaluates the derivatives at a point. The result is undefined if the derivatives are not finite. */
  *#slopesAt(point: TrialPoint): Generator<EngineCall, PointDerivatives | undefined> {
    const { x, f, cost } = point
    const { min, max } = this.#problem
    const slopes = yield* this.#curve.slopes({ x, f, min, max, sizes: this.#sizes })
    if ((yield* mapInSlices(slopes, areFinite)).includes(false)) return undefined
    if (this.#units.length === 0) {
      this.#units = yield* mapInSlices(slopes, (slope) => {
        let most = 0
        for (let row = 0; row < slope.length; row++) most = Math.max(most, Math.abs(slope[row]))
        return powerOfTwoUnit(most * this.#unit)
      })
    }
    let { right, columns } = yield* this.#weighted(f, slopes, 'weight')
    const lengths = yield* mapInSlices(columns, (column) => Math.sqrt(dot(column, column)))
    if (!lengths.every((length) => length < Infinity)) return undefined
    for (let i = 0; i < lengths.length; i++) {
      const length = lengths[i]
      this.#scale[i] = Math.max(this.#scale[i], length)
      if (this.#problem.isLogarithm[i] || !(length > 0)) continue
      // If the start is far from the data, the length of the parameter vector cannot set the length of steps.
      const most = 10 * Math.max(Math.abs(x[i]), Math.abs(this.#start[i])) || Infinity
      this.#sizes[i] = Math.min((Math.sqrt(cost) / length) * this.#units[i], most)
    }
    const moves = yield* mapInSlices(columns, (column, i) => {
      const gradient = dot(column, right)
      return lengths[i] > 0 && !this.#leavesBox(x, i, -gradient)
    })
    // The loop repeats, because a step of the free parameters may drive another parameter across its bound.
    for (;;) {
      const { triangle, places } = yield* reduceToMoving(columns, right, moves)
      const step = solveUpper(triangle.columns, triangle.right)
      const isAtBound = places.filter((i, k) => this.#leavesBox(x, i, -step[k]))
      if (isAtBound.length === 0) return { x, f, cost, slopes, lengths, moves, triangle, places }
      for (const i of isAtBound) moves[i] = false
      ;({ right, columns } = yield* this.#weighted(f, slopes, 'weight'))
    }
  }

  /** Whether a step would move a parameter at a bound across the bound. */
  #leavesBox(x: Float64Array, i: number, by: number): boolean {
    const { min, max } = this.#problem
    return (x[i] <= min[i] && by < 0) || (x[i] >= max[i] && by > 0)
  }

  /**
   * The matrix W^½·J and the right-hand side in scaled units, with the row weights of one kind of second derivatives.
   */
  *#weighted(
    f: Float64Array,
    slopes: readonly Float64Array[],
    second: 'weight' | 'curvature',
  ): Slices<{ right: Float64Array; columns: Float64Array[] }> {
    const { roots, right } = yield* this.#costs.weights(f, this.#unit, second)
    const unit = this.#unit
    const columns = yield* mapInSlices(slopes, (slope, i) => {
      const by = this.#units[i]
      const column = zeros(slope.length)
      for (let row = 0; row < column.length; row++) column[row] = slope[row] * unit * by * roots[row]
      return column
    })
    return { right, columns }
  }

  #movedPoint({ x, places }: PointDerivatives, step: Float64Array): Float64Array {
    const { min, max } = this.#problem
    const to = x.slice()
    for (let k = 0; k < places.length; k++) {
      const i = places[k]
      to[i] = Math.min(Math.max(x[i] + step[k] * this.#units[i], min[i]), max[i])
    }
    return to
  }

  /** The scaled length ‖D·x‖ in scaled units. */
  #stepLength(x: Float64Array): number {
    const parts = fillArray(x.length, (i) => x[i] / this.#units[i])
    return scaledLength(parts, this.#scale)
  }

  /** Count of columns whose remainder is more than rounding error. */
  #numericalRank({
    triangle,
    places,
    lengths,
  }: Pick<PointDerivatives, 'triangle' | 'places' | 'lengths'>): number {
    const rounding = Math.max(this.#curve.rounding, MIN_ROUNDING)
    const none = triangle.columns.findIndex(
      (column, k) => !(Math.abs(column[k]) > rounding * lengths[places[k]]),
    )
    return none < 0 ? places.length : none
  }

  /** Gains that count as zero. `least` is relative to the parameters, and `most` is also relative to the cost. */
  #radiusLimit({ x, lengths, cost }: PointDerivatives) {
    const parts = fillArray(x.length, (i) => (x[i] / this.#units[i]) * lengths[i])
    const exact = Math.max(EXACT_FIT_RATIO * EXACT_FIT_RATIO, 4 * this.#tolerance * this.#tolerance)
    const least = exact * dot(parts, parts)
    return {
      least,
      most: Math.max(Math.max(OFFSET_TOLERANCE * OFFSET_TOLERANCE, 2 * this.#tolerance) * cost, least),
    }
  }

  /**
   * Describes the end point of a fit. The remaining step is taken if an evaluation could not show its effect on the
   * cost.
   */
  *#describeEnd(at: PointDerivatives, reason: number): Slices<FitEnd> {
    const { x, lengths } = at
    const { least, most } = this.#radiusLimit(at)
    const { min, max } = this.#problem
    const isUnidentifiable = lengths.map((length, i) => {
      // If both bounds of a parameter are equal, finite differences are impossible.
      if (min[i] === max[i]) return false
      const size = Math.max(Math.abs(x[i]), Math.abs(this.#start[i])) / this.#units[i]
      const part = length * size
      return length * length <= FADED_RATIO * this.#scale[i] * this.#scale[i] && part * part <= least
    })
    const isAtBound = at.moves.map((is, i) => !is && !isUnidentifiable[i])
    const moves = at.moves.map((is, i) => is && !isUnidentifiable[i])
    const { triangle, places } = isUnidentifiable.includes(true)
      ? yield* this.#reduce(at, moves, 'weight')
      : at
    const isSound = this.#numericalRank({ triangle, places, lengths }) === places.length
    const gain = dot(triangle.right, triangle.right)
    const isClose = isSound && gain <= Math.max(2 * this.#tolerance * at.cost, least)
    const step = solveUpper(triangle.columns, triangle.right).map((part) => -part)
    const free = isClose ? this.#movedPoint({ ...at, places }, step) : x
    const cost = isClose ? Math.max(at.cost - gain, 0) : at.cost
    const atPoint = gain <= most ? CONVERGED : STALLED
    const verdict = !isSound || isUnidentifiable.includes(true) ? SINGULAR : atPoint
    const freedom = this.#degreesOfFreedom + isAtBound.filter((is) => is).length
    // For the squared loss, steps and standard errors use the same second derivatives.
    const isSame = this.#problem.loss === 'squared'
    const ofErrors = !isSound
      ? null
      : isSame
        ? { triangle, places }
        : yield* this.#reduce(at, moves, 'curvature')
    // Standard deviation of a row, in scaled units.
    const ofRows = this.#isAbsolute ? this.#unit : freedom > 0 ? Math.sqrt(cost / freedom) : NaN
    const { covariance, errors } = this.#errors(ofErrors, ofRows)
    return {
      free,
      cost: cost / this.#unit / this.#unit,
      covariance,
      errors,
      atBound: packBits(isAtBound),
      unidentifiable: packBits(isUnidentifiable),
      reason: reason === MAX_ITERATIONS ? reason : verdict,
    }
  }

  *#reduce(
    { f, slopes }: PointDerivatives,
    moves: readonly boolean[],
    second: 'weight' | 'curvature',
  ): Slices<ReducedSystem> {
    const { right, columns } = yield* this.#weighted(f, slopes, second)
    return yield* reduceToMoving(columns, right, moves)
  }

  /** @param system the reduced system, or null if the reduced system is unknown */
  #errors(system: ReducedSystem | null, ofRows: number) {
    const { length: size } = this.#units
    const covariance = new Float64Array(triangleIndex(size, 0)).fill(NaN)
    const errors = new Float64Array(size).fill(NaN)
    if (system === null) return { covariance, errors }
    const { triangle, places } = system
    const factor = (i: number) => this.#units[i] * ofRows
    for (const [a, row] of invertUpper(triangle.columns).entries()) {
      const i = places[a]
      errors[i] = Math.sqrt(row[a]) * factor(i)
      for (const [b, total] of row.entries()) {
        covariance[triangleIndex(i, places[b])] = total * factor(i) * factor(places[b])
      }
    }
    return { covariance, errors }
  }

  /** Result of a fit whose start is not finite. */
  #noUsablePoint(x: Float64Array): FitEnd {
    const none = (count: number) => new Float64Array(count).fill(NaN)
    const words = packBits(Array.from(x, () => false))
    return {
      free: none(x.length),
      covariance: none(triangleIndex(x.length, 0)),
      errors: none(x.length),
      atBound: words,
      unidentifiable: words,
      cost: NaN,
      reason: NOT_FINITE,
    }
  }
}

const EPSILON = Number.EPSILON

/** Maps columns to values, with pauses between long columns. */
function* mapInSlices<T>(
  columns: readonly Float64Array[],
  map: (column: Float64Array, i: number) => T,
): Slices<T[]> {
  const isPauseDue = pauseAfterNumbers()
  const made: T[] = []
  for (const [i, column] of columns.entries()) {
    if (isPauseDue(column.length)) yield
    made.push(map(column, i))
  }
  return made
}

/** Matrix R of the parameters that may move. The function overwrites all columns. */
function* reduceToMoving(
  columns: readonly Float64Array[],
  right: Float64Array,
  moves: readonly boolean[],
): Slices<ReducedSystem> {
  const own = [...columns.keys()].filter((i) => moves[i])
  const triangle = yield* triangularize(
    own.map((i) => columns[i]),
    right,
  )
  return { triangle, places: triangle.pivots.map((k) => own[k]) }
}

/** Packs conditions into the bits of 32-bit words. */
function packBits(conditions: readonly boolean[]): number[] {
  const words = new Array<number>(Math.ceil(conditions.length / BITS_PER_WORD)).fill(0)
  for (const [i, is] of conditions.entries()) if (is) words[i >> 5] = (words[i >> 5] | (1 << (i & 31))) >>> 0
  return words
}

/** Computes the losses of the rows from the values of a curve. */
class CostEvaluator {
  readonly #problem: Problem
  readonly #y: Float64Array
  readonly #weight: Float64Array | null
  readonly #machine: ProgramRunner | null
  /** Square roots of the data weights, for losses whose row weights do not depend on the residuals. */
  readonly #roots: Float64Array

  constructor(problem: Problem, y: Float64Array, weight: Float64Array | null) {
    this.#problem = problem
    this.#y = y
    this.#weight = weight
    this.#machine = problem.loss === 'squared' ? null : compileLoss(problem)
    this.#roots = zeros(y.length)
    for (let row = 0; row < y.length; row++) this.#roots[row] = weight === null ? 1 : Math.sqrt(weight[row])
  }

  /** The power of 2 that scales the largest residual to about 1. */
  *unitFor(f: Float64Array): Slices<number> {
    if (this.#problem.loss === 'poisson') return 1
    let most = 0
    yield* visitInSlices(f.length, (from, to) => {
      for (let row = from; row < to; row++) {
        const weight = this.#weight === null ? 1 : this.#weight[row]
        most = Math.max(most, Math.abs(f[row] - this.#y[row]) * Math.sqrt(weight))
      }
    })
    return powerOfTwoUnit(most)
  }

  /** Sum of the row losses in squared units, or ∞ if the sum is NaN. */
  *costAt(f: Float64Array, unit: number): Slices<number> {
    let sum = 0
    yield* visitInSlices(f.length, (from, to) => {
      for (let row = from; row < to; row++) {
        const weight = this.#weight === null ? 1 : this.#weight[row]
        if (this.#machine === null) {
          const off = unit * (f[row] - this.#y[row])
          sum += weight * off * off
        } else sum += this.#terms(this.#machine, f[row], row, weight, unit)[0]
      }
    })
    return sum < Infinity ? sum : Infinity
  }

  /**
   * Two values per row: the square root of half the second derivative of the loss, and the first derivative divided by
   * this root.
   */
  *weights(
    f: Float64Array,
    unit: number,
    second: 'weight' | 'curvature',
  ): Slices<{ roots: Float64Array; right: Float64Array }> {
    const right = zeros(f.length)
    const machine = this.#machine
    if (machine === null) {
      const roots = this.#roots
      for (let row = 0; row < f.length; row++) right[row] = roots[row] * unit * (f[row] - this.#y[row])
      return { roots, right }
    }
    const roots = zeros(f.length)
    yield* visitInSlices(f.length, (from, to) => {
      for (let row = from; row < to; row++) {
        const weight = this.#weight === null ? 1 : this.#weight[row]
        const terms = this.#terms(machine, f[row], row, weight, unit)
        roots[row] = Math.sqrt(terms[second === 'weight' ? 2 : 3])
        right[row] = terms[1] / roots[row]
      }
    })
    return { roots, right }
  }

  #terms(machine: ProgramRunner, f: number, row: number, weight: number, unit: number): readonly number[] {
    const { slots, program } = machine
    machine.run([f, this.#y[row], weight, unit], [], 0)
    return program.outputs.map((slot) => slots[slot])
  }
}

/**
 * Compiles the loss of a row, half its first derivative, and half its second derivatives for steps and for standard
 * errors.
 */
function compileLoss({ loss, scale }: Problem): ProgramRunner {
  const graph = new Graph()
  const [model, , , unit] = ['f', 'y', 'w', 'unit'].map((name) => graph.name(name))
  const inputs = { graph, model, y: 'y', weight: 'w', loss, scale }
  const { cost, slope, weight, curvature } = lossTerms(inputs, loss === 'poisson' ? undefined : unit)
  return new ProgramRunner(
    compile(graph, [cost, slope, weight, curvature], ['f', 'y', 'w', 'unit'], []),
    'float64',
  )
}
