/**
 * Solves runs of fits: by normal equations first, then by QR if the normal equations lose digits or do not converge.
 */

import type { FloatArray } from '../../core/numbers.js'
import { type DataColumn, pickRuns, putRuns } from '../../many/batch/data.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { CONVERGED, MAX_ITERATIONS, NEEDS_QR, NOT_FINITE, STALLED } from '../problem/reasons.js'
import { powerOfTwoUnit } from '../programs/givens-qr.js'
import { triangleIndex } from '../programs/ldlt.js'
import type { FitPrograms, ModelPrograms } from '../programs/program-cache.js'
import { MAX_DIRECT_RUNS, runDirectly } from './direct-runs.js'
import { solutionColumns } from './fit-context.js'
import type { Iterations } from './iterations.js'

/** A batch of runs whose data have equal row counts. */
export interface SolverBatch {
  /** Indices of the fits whose data each run uses. */
  readonly runs: Uint32Array
  readonly data: readonly DataColumn[]
  /** Columns of starting values, and columns of fixed parameters. */
  readonly starts: readonly FloatArray[]
  readonly fixed: readonly FloatArray[]
  /** Count of observations minus count of free parameters, per run. */
  readonly degreesOfFreedom: FloatArray
}

/** End points of another method, with one column per free parameter. */
export interface StoppedRuns {
  readonly best: readonly FloatArray[]
  readonly iterations: ArrayLike<number>
  readonly reason: ArrayLike<number>
}

/** Starting point of a program's iterations. */
interface RunStart {
  readonly free: readonly FloatArray[]
  readonly units: readonly FloatArray[]
  /** Values of the state that differ from the initial values, by position in the state. */
  readonly fixedValues: ReadonlyMap<number, FloatArray | number>
}

const NO_VALUES: RunStart['fixedValues'] = new Map()

/** Results of the runs, as columns with one number per run. */
export interface SolverResult {
  readonly free: readonly FloatArray[]
  readonly cost: FloatArray
  /** The lower triangle of the covariance matrix. */
  readonly covariance: readonly FloatArray[]
  readonly errors: readonly FloatArray[]
  readonly reason: FloatArray
  /** Parameters at a bound, and unidentifiable parameters: one bit per free parameter, in 32-bit words. */
  readonly atBound: readonly FloatArray[]
  readonly unidentifiable: readonly FloatArray[]
  readonly evaluations: Float64Array
  /** Predicted gain of the remaining step, after a refined check. */
  readonly remaining: FloatArray
  /**
   * The points at which the steps stopped, the diagonals of JᵀWJ at the end points, and the largest diagonals of JᵀWJ
   * during the iterations.
   */
  readonly stopped: readonly FloatArray[]
  readonly diagonal: readonly FloatArray[]
  readonly largest: readonly FloatArray[]
}

/**
 * Number of evaluations by normal equations before QR takes over. Normal equations may use at least half of the limit
 * of evaluations.
 */
const FIRST_ITERATIONS = 100
/** Minimum number of evaluations for a fit that is only refined to its last digits. */
const POLISHING_ITERATIONS = 16
/** Initial damping λ of a QR refinement, which is positive but below the smallest λ of other steps. */
const MIN_COST = 1e-300
/** Maximum number of restarts of the refinement with new scales. */
const MAX_ROUNDS = 3
/** The refinement restarts if a scale has changed by more than this factor (2¹⁰⁰). */
const MAX_SCALE_RATIO = 1.2676506002282294e30
/** Maximum number of steps that refine a converged fit to its last digits. */
const MAX_POLISHES = 3
/** Two values of χ² that differ by at most this factor may belong to the same minimum. */
export const EQUALITY_RATIO = 1 + 1e-6
/** A diagonal element of JᵀWJ below this fraction of its largest value may have faded. */
const FADED_RATIO = 1e-12
/** Sums of squares below this limit (2⁻¹⁰¹⁰) may have lost digits near the underflow limit. */
const MIN_DIAGONAL = 9.113902524445497e-305

/** Number of evaluations by normal equations, out of a total number of evaluations. */
export const firstIterations = (most: number) =>
  Math.max(Math.min(most, FIRST_ITERATIONS), Math.ceil(most / 2))

export class Solver {
  readonly #compiled: ModelPrograms
  readonly #iterations: Iterations

  constructor(compiled: ModelPrograms, iterations: Iterations) {
    this.#compiled = compiled
    this.#iterations = iterations
  }

  /**
   * Solves runs by Levenberg-Marquardt.
   *
   * @param maxIterations maximum number of evaluations per run; a run that loses digits with normal equations may use
   * 25% more evaluations
   * @param mayRestart whether a run that has not converged is solved again by QR
   * @param isWarmStart whether the runs start close to their minima
   */
  *solve(
    some: SolverBatch,
    maxIterations: number,
    mayRestart: boolean,
    isWarmStart: boolean,
  ): Generator<EngineCall, SolverResult> {
    const { byNormalEquations, byQr, isPartlyLinear, isThorough } = this.#compiled
    const first = mayRestart && isPartlyLinear ? firstIterations(maxIterations) : maxIterations
    const fixedValues = isWarmStart ? new Map([[byNormalEquations.state.damping, 0]]) : NO_VALUES
    const from = { free: some.starts, units: [], fixedValues }
    const solved = yield* this.#iterateBy(byNormalEquations, some, from, first)
    // A run that has used all of its evaluations is diagnosed without further steps.
    const isSpent = (reason: number) => first === maxIterations && reason === MAX_ITERATIONS
    yield* this.#diagnoseByQr(solved, some, indicesWhere(solved.reason, isSpent))
    const isFaint = hasFadedParameter(solved)
    const isDoubtful = (reason: number, run: number) =>
      isThorough || reason !== CONVERGED || isFaint[run] === 1
    const doubtful = indicesWhere(solved.reason, (reason, run) => isDoubtful(reason, run) && !isSpent(reason))
    if (doubtful.length === 0) return solved
    yield* this.#refine(solved, some, doubtful, Math.max(Math.ceil(maxIterations / 4), POLISHING_ITERATIONS))

    const lost = doubtful.filter((run) => solved.reason[run] !== CONVERGED)
    if (first === maxIterations || lost.length === 0) return solved
    const rest = selectRuns(some, lost)
    const start = { free: rest.starts, units: yield* this.#units(rest, rest.starts), fixedValues: NO_VALUES }
    const again = yield* this.#iterateBy(byQr, rest, start, maxIterations - first)
    const isBetter = (k: number) =>
      again.reason[k] === CONVERGED && !(again.cost[k] > EQUALITY_RATIO * solved.cost[lost[k]])
    merge(solved, again, lost, isBetter)
    return solved
  }

  /** Continues runs by QR from the points at which they stopped, and restarts if the scaling units have changed. */
  *#refine(
    solved: SolverResult,
    some: SolverBatch,
    doubtful: Uint32Array,
    most: number,
  ): Generator<EngineCall> {
    const { byQr } = this.#compiled
    const pointOf = (runs: Uint32Array) =>
      solved.stopped.map((x, i) =>
        Float64Array.from(runs, (run) => (solved.reason[run] === NOT_FINITE ? some.starts[i] : x)[run]),
      )
    let left = doubtful
    for (let round = 0; round < MAX_ROUNDS && left.length > 0; round++) {
      const few = selectRuns(some, left)
      const free = pointOf(left)
      const units = yield* this.#units(few, free)
      const fixedValues = new Map<number, FloatArray | number>([[byQr.state.damping, MIN_COST]])
      for (const [i, d] of solved.largest.entries()) {
        fixedValues.set(byQr.state.scale[i], scaleDiagonal(pickRuns(d, left), units[1 + i]))
      }
      merge(solved, yield* this.#iterateBy(byQr, few, { free, units, fixedValues }, most), left, () => true)
      const now = yield* this.#units(few, pointOf(left))
      left = left.filter((_, k) => units.some((unit, i) => isFar(unit[k], now[i][k])))
    }
  }

  /** Diagnoses the end points of another method. */
  *diagnose(some: SolverBatch, stops: StoppedRuns): Generator<EngineCall, SolverResult> {
    const seen = yield* this.#diagnose(this.#compiled.byNormalEquations, some, stops, [], null)
    const isFaint = hasFadedParameter(seen)
    const isDoubtful = (reason: number, run: number) => reason === NEEDS_QR || isFaint[run] === 1
    yield* this.#diagnoseByQr(seen, some, indicesWhere(seen.reason, isDoubtful))
    return seen
  }

  /** Diagnoses the doubtful runs among the solved runs by QR. */
  *#diagnoseByQr(solved: SolverResult, some: SolverBatch, doubtful: Uint32Array): Generator<EngineCall> {
    if (doubtful.length === 0) return
    const few = selectRuns(some, doubtful)
    const best = solved.stopped.map((x) => pickRuns(x, doubtful))
    const reason = pickRuns(solved.reason, doubtful).map((reason) =>
      reason === NEEDS_QR ? CONVERGED : reason,
    )
    const stops = { best, iterations: new Float64Array(doubtful.length), reason }
    const units = yield* this.#units(few, best)
    merge(solved, yield* this.#diagnose(this.#compiled.byQr, few, stops, units, null), doubtful, () => true)
  }

  /** Scaling units of the residuals, and of the derivatives with respect to each parameter, at the given points. */
  *#units(
    { runs, data, fixed }: SolverBatch,
    free: readonly FloatArray[],
  ): Generator<EngineCall, Float64Array[]> {
    const { problem, measuring } = this.#compiled.byQr
    const none = [problem.y, ...problem.free].map(() => 1)
    const { x } = yield* this.#iterations.run(measuring, runs, data, [...free, ...fixed, ...none], 1)
    return x.slice(free.length + fixed.length).map((largest, k) => {
      if (k === 0 && problem.loss === 'poisson') return new Float64Array(runs.length).fill(1)
      return Float64Array.from(runs, (_, run) => powerOfTwoUnit(largest[run]))
    })
  }

  *#iterateBy(
    programs: FitPrograms,
    some: SolverBatch,
    from: RunStart,
    most: number,
  ): Generator<EngineCall, SolverResult> {
    const { iteration, state } = programs
    const begin: (FloatArray | number)[] = [...from.free, ...some.fixed, ...from.units]
    for (let i = begin.length; i < state.starts.length; i++) begin.push(state.starts[i] as number)
    for (const [i, value] of from.fixedValues) begin[i] = value
    const { x, iterations, reason } = yield* this.#iterations.run(
      iteration,
      some.runs,
      some.data,
      begin,
      most,
    )
    const stops = { best: state.best.map((at) => x[at]), iterations, reason }
    return yield* this.#diagnose(programs, some, stops, from.units, x)
  }

  /** Diagnoses stopped runs. If a program made the steps, the diagnosis uses the end state of the program. */
  *#diagnose(
    programs: FitPrograms,
    some: SolverBatch,
    { best, iterations, reason }: StoppedRuns,
    units: readonly FloatArray[],
    ended: readonly FloatArray[] | null,
  ): Generator<EngineCall, SolverResult> {
    const { problem, state, isCloser } = programs
    const { runs, data, fixed } = some
    // If steps and standard errors use different second derivatives, the end points are evaluated once more.
    const isKnown = ended !== null && (problem.loss === 'squared' || problem.loss === 'poisson')
    const lookAt = (free: readonly FloatArray[]) => {
      const columns = [...free, ...fixed, ...units]
      const rest = state.starts.slice(columns.length) as readonly number[]
      return this.#iterations.run(programs.last, runs, data, [...columns, ...rest], 1)
    }
    const x = isKnown ? ended : (yield* lookAt(best)).x
    const largest = state.scale.map((at) => (isCloser ? (ended ?? x)[at].slice() : (ended ?? x)[at]))
    const solved = yield* this.#runDiagnostics(programs, some, x, largest, units)
    for (let run = 0; run < runs.length; run++) solved.evaluations[run] = iterations[run]
    // The remaining step has not been evaluated. If parameters are nearly collinear, the remaining step may lead far
    // away.
    const isOpen = new Uint8Array(isCloser ? runs.length : 0).fill(1)
    let before = solved.remaining
    for (let k = 0; k < MAX_POLISHES && isOpen.includes(1); k++) {
      const { x: there } = yield* lookAt(solved.free)
      const closer = yield* this.#runDiagnostics(programs, some, there, largest, units)
      const now = closer.remaining
      const isLess = (gain: number, run: number) => gain <= before[run]
      const worse = indicesWhere(now, (gain, run) => isOpen[run] === 1 && !isLess(gain, run))
      copyResults(
        solved,
        closer,
        indicesWhere(now, (gain, run) => isOpen[run] === 1 && isLess(gain, run)),
      )
      for (const [i, column] of solved.free.entries())
        putRuns(column, worse, pickRuns(solved.stopped[i], worse))
      for (const run of worse) isOpen[run] = 0
      before = now
    }
    for (let run = 0; run < runs.length; run++) {
      if (reason[run] !== CONVERGED && reason[run] !== STALLED) solved.reason[run] = reason[run]
    }
    return solved
  }

  /** Runs the diagnostics on the state of a fit after its last iteration. */
  *#runDiagnostics(
    { problem: { free }, state, summary, isCloser }: FitPrograms,
    { runs, starts, degreesOfFreedom }: SolverBatch,
    x: readonly FloatArray[],
    largest: readonly FloatArray[],
    units: readonly FloatArray[],
  ): Generator<EngineCall, SolverResult> {
    const inputs = state.diagnosed.map((at) => x[at])
    inputs.push(degreesOfFreedom)
    if (isCloser) inputs.push(...largest, ...starts)
    inputs.push(...units)
    // The refined check runs its programs again, so results are copied before other runs overwrite them.
    const own = (column: FloatArray) => (isCloser ? column.slice() : column)
    const [size, end] = [free.length, free.length + 1 + triangleIndex(free.length, 0)]
    const count = end + (isCloser ? 4 + size : 2)
    const all =
      runs.length <= MAX_DIRECT_RUNS
        ? runDirectly(summary, inputs, runs.length, count)
        : (yield* this.#iterations.run(summary, runs, [], inputs, 1)).x.slice(0, count).map(own)
    return {
      free: all.slice(0, size),
      cost: all[size],
      covariance: all.slice(size + 1, end),
      reason: all[end],
      atBound: [all[end + 1]],
      errors: isCloser
        ? all.slice(end + 3, end + 3 + size)
        : free.map((_, i) => squareRoots(all[size + 1 + triangleIndex(i, i)])),
      unidentifiable: [all[end + 2] ?? new Float64Array(runs.length)],
      remaining: all[end + 3 + size] ?? all[end],
      stopped: state.best.map((at) => own(x[at])),
      diagonal: state.diagonal.map((at) => own(x[at])),
      largest,
      evaluations: new Float64Array(runs.length),
    }
  }
}

function squareRoots(squares: FloatArray): Float64Array {
  const found = new Float64Array(squares.length)
  for (let k = 0; k < found.length; k++) found[k] = Math.sqrt(squares[k])
  return found
}

/**
 * Whether the sums of squares of a run are so small that digits may be lost, or a diagonal element of the run has
 * faded.
 */
function hasFadedParameter({ cost, diagonal, largest }: SolverResult): Uint8Array {
  const is = new Uint8Array(cost.length)
  for (let run = 0; run < is.length; run++) if (cost[run] < MIN_DIAGONAL) is[run] = 1
  for (const [i, d] of diagonal.entries()) {
    const most = largest[i]
    for (let run = 0; run < is.length; run++)
      if (d[run] < MIN_DIAGONAL || d[run] <= FADED_RATIO * most[run]) is[run] = 1
  }
  return is
}

/** Whether squares in one scaling unit may underflow or overflow in another scaling unit. */
const isFar = (a: number, b: number) => a > MAX_SCALE_RATIO * b || b > MAX_SCALE_RATIO * a

/** Diagonal elements in scaled units, or 0 for an element that overflows. */
function scaleDiagonal(diagonal: FloatArray, unit: FloatArray): FloatArray {
  return diagonal.map((d, run) => {
    const scaled = d * unit[run] * unit[run]
    return scaled < Infinity ? scaled : 0
  })
}

/**
 * Copies the result of each run from a second solution if the result is better. The evaluations of the second solution
 * are always added.
 */
function merge(
  into: SolverResult,
  from: SolverResult,
  runs: Uint32Array,
  isBetter: (k: number) => boolean,
): void {
  const better = indicesWhere(runs, (_, k) => isBetter(k))
  copyResults(into, from, better, pickRuns(runs, better))
  for (const [k, run] of runs.entries()) into.evaluations[run] += from.evaluations[k]
}

/** Copies the results of the given runs. */
function copyResults(into: SolverResult, from: SolverResult, runs: Uint32Array, at = runs): void {
  const columns = (solved: SolverResult) => [...solutionColumns(solved), ...solved.stopped]
  const others = columns(from)
  for (const [i, column] of columns(into).entries()) putRuns(column, at, pickRuns(others[i], runs))
}

function selectRuns(
  { runs, data, starts, fixed, degreesOfFreedom }: SolverBatch,
  some: Uint32Array,
): SolverBatch {
  const picked = (columns: readonly FloatArray[]) => columns.map((column) => pickRuns(column, some))
  return {
    runs: pickRuns(runs, some),
    data,
    starts: picked(starts),
    fixed: picked(fixed),
    degreesOfFreedom: pickRuns(degreesOfFreedom, some),
  }
}

/** An array for the usual case that no element satisfies a condition. */
const NONE = new Uint32Array(0)

/** Indices of the elements that satisfy a condition. */
function indicesWhere(column: FloatArray | Uint32Array, is: (x: number, k: number) => boolean): Uint32Array {
  const found: number[] = []
  for (let k = 0; k < column.length; k++) if (is(column[k], k)) found.push(k)
  return found.length === 0 ? NONE : new Uint32Array(found)
}
