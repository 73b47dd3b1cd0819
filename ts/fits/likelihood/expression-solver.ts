/** Fits of expressions by likelihood: Newton's method in lanes, from several starts, and a refinement of each minimum. */

import { pauseAfterNumbers } from '../../core/slices.js'
import { concatenate, type DataColumn, numbersInRun, pickRuns, sharedFirst } from '../../many/batch/data.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { RunEvaluation } from '../../many/evaluate-runs.js'
import { isBounded, moveInside, sampleAround, sampleStarts } from '../problem/multi-start.js'
import type { Parameter } from '../problem/parameters.js'
import { toInternal } from '../programs/internal-parameters.js'
import { MAX_DIRECT_RUNS } from '../solve/direct-runs.js'
import { hasScatter } from './degenerate.js'
import { refineInLanes } from './lane-refinement.js'
import { keepLower, type LaneMinima, type LikelihoodBatch, minimizeInLanes } from './lanes.js'
import type { LikelihoodValues } from './options.js'
import { externalPoint, scaleStarts, scalesOf } from './scale-starts.js'
import { refine, TOLERANCE } from './solutions.js'
import type { LikelihoodFits } from './source.js'

/**
 * Maximum number of iterations from a further start. A descent that takes more iterations usually leaves the data: the
 * curve tends to 0, and σ tends to infinity.
 */
export const MAX_FURTHER_ITERATIONS = 100

/** The fits of a call whose model is an expression. */
interface ExpressionFits extends Omit<LikelihoodFits, 'refit'> {
  readonly options: LikelihoodValues
  /** The free parameters. */
  readonly free: readonly Parameter[]
  /** Rows of a column that is constant in a fit. */
  readonly constant: (name: string, fit: number) => Float64Array
}

/**
 * The columns of the objective of all fits, in the order of batches. Parameters that differ between fits, and internal
 * factors, are constant in a fit.
 */
function orderedColumns(run: ExpressionFits): ReadonlyMap<string, DataColumn> {
  const { likelihood, selection, count, constant } = run
  const columnOf = (name: string) =>
    selection.columns.get(name) ?? concatenate(Array.from({ length: count }, (_, fit) => constant(name, fit)))
  return sharedFirst(new Map(likelihood.columns.map((name) => [name, columnOf(name)])))
}

/**
 * The fits that may be unable to start, because a row has no finite likelihood or an option that is not positive. Most
 * fits can start, and need no further test.
 */
export function* findDoubtfulStarts(
  run: ExpressionFits,
  fits: Uint32Array,
): Generator<EngineCall, Uint32Array> {
  if (fits.length <= MAX_DIRECT_RUNS) return fits
  const columns = orderedColumns(run)
  const program = run.likelihood.screen([...columns.keys()])
  const evaluation = new RunEvaluation(program, [...columns.values()], run.choice.runner.threads)
  const isDoubtful = new Uint8Array(fits.length)
  const x = run.free.map(({ name }) => pickRuns(run.starts.get(name) as Float64Array, fits))
  yield* evaluation.evaluate(fits, x, (points, [count]) => {
    for (let k = 0; k < points.length; k++) if (count[k] !== 0) isDoubtful[points[k]] = 1
  })
  return fits.filter((_, k) => isDoubtful[k] === 1)
}

/** Solves fits, and stores their solutions in internal units. */
export function* solveExpressions(run: ExpressionFits, fits: Uint32Array): Generator<EngineCall> {
  const { likelihood, solutions: to, choice } = run
  const { tolerance = TOLERANCE, maxIterations = 1000 } = run.options
  const columns = orderedColumns(run)
  const { x, iterations } = yield* new ExpressionMinima(run, columns, fits).search()
  const rowsOf = (fit: number) => run.rowsOf(fit)
  const all = { likelihood, columns, threads: choice.runner.threads, rowsOf }
  yield* refineInLanes(all, fits, (waiting, k) => {
    const start = new Float64Array(x.length)
    for (let i = 0; i < x.length; i++) start[i] = x[i][k]
    const { evaluate, advance, fit } = waiting
    const request = { evaluate, advance, tolerance, maxIterations, likelihood }
    return refine(request, start, { to, fit, iterations: iterations[k] })
  })
}

/** The minima of some fits. */
class ExpressionMinima {
  readonly #run: ExpressionFits
  readonly #columns: ReadonlyMap<string, DataColumn>
  readonly #fits: Uint32Array

  constructor(run: ExpressionFits, columns: ReadonlyMap<string, DataColumn>, fits: Uint32Array) {
    this.#run = run
    this.#columns = columns
    this.#fits = fits
  }

  /** The lowest minima that Newton's method reaches. */
  *search(): Generator<EngineCall, LaneMinima> {
    const { starts } = this.#run
    const fits = this.#fits
    const found = yield* minimizeInLanes(
      this.#batch(fits),
      this.#internal((parameter) => {
        const own = starts.get(parameter.name) as Float64Array
        return Float64Array.from(fits, (fit) => own[fit])
      }),
    )
    yield* this.#startElsewhere(found)
    yield* this.#startAgain(found)
    return found
  }

  /** Replaces minima by lower ones from the starts of the option `multiStart`. */
  *#startElsewhere(found: LaneMinima): Generator<EngineCall> {
    const { options, likelihood, free, starts: given } = this.#run
    const { multiStart } = options
    const { problem, inSteps } = likelihood
    const fits = this.#fits
    const samples = sampleStarts(problem, inSteps, multiStart, true)
    const runs = Uint32Array.from(fits.keys())
    for (let n = 1; n < multiStart.count; n++) {
      const starts = free.map((parameter, i) => {
        const part = samples[i][n - 1]
        if (isBounded(inSteps.min[i], inSteps.max[i])) return new Float64Array(fits.length).fill(part)
        const own = given.get(parameter.name) as Float64Array
        const around = Float64Array.from(fits, (fit) =>
          moveInside(parameter, sampleAround(own[fit], part, undefined)),
        )
        return toInternal(parameter, around)
      })
      const other = yield* minimizeInLanes(this.#batch(fits), starts)
      keepLower(found, other, runs, (k, point) => this.#hasScatter(fits[k], point))
    }
  }

  /** Replaces minima by lower ones from further starts of the parameters of σ. */
  *#startAgain(found: LaneMinima): Generator<EngineCall> {
    const { likelihood, selection, free } = this.#run
    const fits = this.#fits
    const scales = scalesOf(likelihood)
    if (scales.length < 2) return
    const isPauseDue = pauseAfterNumbers()
    const internal = new Float64Array(free.length)
    const points: number[][][] = []
    for (let k = 0; k < fits.length; k++) {
      for (let i = 0; i < free.length; i++) internal[i] = found.x[i][k]
      const point = externalPoint(this.#run, fits[k], free, internal)
      points.push(scaleStarts(likelihood, this.#run.rowsOf(fits[k]), point, scales))
      if (isPauseDue(50 * selection.observations[fits[k]])) yield
    }
    // All starts run side by side. The first starts of all fits come first, so that they are compared first.
    const order = [0, 1, 2].flatMap((n) => points.flatMap((own, k) => (own.length > n ? [[k, n]] : [])))
    if (order.length === 0) return
    const starts = free.map((parameter, i) => {
      const column = new Float64Array(order.length)
      for (let r = 0; r < order.length; r++) {
        const [k, n] = order[r]
        column[r] = moveInside(parameter, points[k][n][i])
      }
      return toInternal(parameter, column)
    })
    const runs = Uint32Array.from(order, ([k]) => k)
    const batch = this.#batch(
      runs.map((k) => fits[k]),
      MAX_FURTHER_ITERATIONS,
    )
    const other = yield* minimizeInLanes(batch, starts)
    keepLower(found, other, runs, (k, point) => this.#hasScatter(fits[k], point))
  }

  #hasScatter(fit: number, internal: Float64Array): boolean {
    const run = this.#run
    return hasScatter(run.likelihood, run.rowsOf(fit), externalPoint(run, fit, run.free, internal))
  }

  /** Internal values of the free parameters, as columns. */
  #internal(external: (parameter: Parameter, i: number) => Float64Array): Float64Array[] {
    return this.#run.free.map((parameter, i) => toInternal(parameter, external(parameter, i)))
  }

  #batch(fits: Uint32Array, most = Infinity): LikelihoodBatch {
    const { options, likelihood, choice } = this.#run
    const { maxIterations = 1000, instructionSet, threads, workers } = options
    return {
      likelihood,
      data: likelihood.columns.map((name) => {
        const column = this.#columns.get(name) as DataColumn
        return column.offsets === null ? column.numbers : Array.from(fits, (fit) => numbersInRun(column, fit))
      }),
      maxIterations: Math.min(maxIterations, most),
      running: { engine: choice.engine, instructionSet, threads, workers },
    }
  }
}
