/** Runs fits with shared parameters. */

import { wasmModule } from '#webassembly/fits'
import { OptionError } from '../../core/errors.js'
import type { EngineChoice } from '../../engines/select-engine.js'
import { type BatchRunner, selectRunner } from '../../many/engines/engines.js'
import { CallProgress, type EngineCall } from '../../many/engines/execute.js'
import { readOptions } from '../../options/read.js'
import { listColumns, readTable } from '../problem/data-table.js'
import { isRobust } from '../problem/loss.js'
import { sampleStarts } from '../problem/multi-start.js'
import type { Parameter } from '../problem/parameters.js'
import { CONVERGED, hasUsablePoint, MAX_ITERATIONS, NOT_FINITE } from '../problem/reasons.js'
import { sharedName } from '../problem/shared-parameters.js'
import { hasBounds } from '../programs/group-evaluation.js'
import { forceTypeScript } from '../solve/function-engine.js'
import { GroupLanes } from '../solve/group-lanes.js'
import type { CreateLanes } from '../solve/lane-slots.js'
import { MAX_ROUNDS } from '../solve/model-weights.js'
import { EQUALITY_RATIO, firstIterations } from '../solve/solver.js'
import { median } from '../uncertainty/statistics.js'
import { type ArrowheadStop, descend, WARM_START } from './arrowhead-descent.js'
import { type ArrowheadPoint, ArrowheadSolver, NO_FIXED } from './arrowhead-solver.js'
import { GroupBatch, type GroupBatchInput, getIndex } from './group-batch.js'
import { selectGroupRows, toInternalColumn } from './group-columns.js'
import { type SharedValues, sharedOptionTable } from './options.js'
import { type ParsedSharedFit, readShared } from './read.js'
import { JOINT_EVALUATIONS, restart } from './restarts.js'
import { computeStatistics, type InvalidWeight, type SharedStatistics } from './shared-statistics.js'
import { areWeightsSettled, hasModelWeights, setWeights } from './weights.js'

export interface SharedRequest {
  readonly model: unknown
  readonly data: unknown
}

export class SharedRun {
  readonly choice: EngineChoice<BatchRunner>
  readonly options: SharedValues
  readonly progress: CallProgress
  readonly parsed: ParsedSharedFit
  /** The solver of the fit, or of the last round of fits if weights depend on the model. */
  solver: ArrowheadSolver
  readonly isAbsolute: boolean
  /** The model and the data of the call, from which `compareSharing` makes fits with other shared parameters. */
  readonly request: SharedRequest
  readonly #tolerance: number
  /** Count of starting points of all groups together, and whether the first starting point was not the best one. */
  starts = 1
  isImproved = false
  /** Starting values of all parameters per batch, as columns over groups. */
  readonly #guesses: Float64Array[][] = []
  /** Additional starting points, one column per shared parameter. */
  readonly #samples: readonly Float64Array[]

  constructor(model: unknown, data: unknown, given: object) {
    this.request = { model, data }
    this.options = readOptions('options', given, sharedOptionTable)
    this.progress = new CallProgress(this.options.onProgress)
    this.progress.total = 1
    const { absoluteSigma, loss, tolerance = 1e-10 } = this.options
    this.isAbsolute = absoluteSigma ?? loss === 'poisson'
    this.parsed = readShared(model, data, this.options)
    for (const { free, guess, x, extraColumns, data: columns } of this.parsed.batches) {
      const open = free.find(({ start }) => start === null)
      if (
        open === undefined ||
        (guess !== undefined && [x, ...extraColumns].every((name) => columns[0].has(name)))
      )
        continue
      const names = listColumns(readTable('data', data))
      const expected = `a number, or one per group (a parameter, because the columns of the data are ${names})`
      throw new OptionError(`start: ${open.name}`, expected, undefined)
    }
    const origin = this.parsed.batches
      .flatMap(({ parameters }) => parameters)
      .find(({ isFixed, expr, start }) => isFixed && expr === null && start === null)
    // An origin of x that is chosen from the data would differ from group to group.
    if (origin !== undefined) throw new OptionError(`start: ${origin.name}`, 'a number', undefined)
    this.choice = this.isFunction
      ? forceTypeScript(this.options, true, wasmModule)
      : selectRunner({ ...this.options, workers: undefined }, wasmModule)
    this.#tolerance = tolerance
    this.solver = this.createSolver()
    const { shared } = this.parsed
    const [min, max] = [this.solver.min, this.solver.max].map((limits) => [...limits])
    const said = (['min', 'max'] as const).map((end) => shared.map(({ parameter }) => parameter[end]))
    this.#samples = sampleStarts(
      { min: said[0], max: said[1] },
      { free: shared.map(sharedName), min, max },
      this.options.multiStart,
    )
  }

  /**
   * Creates a separate solver. Each profile needs a separate solver, because two profiles may run at once. The
   * bootstrap needs a separate solver for the resampled data.
   *
   * @param lanesOf creates the lanes of each batch of groups
   */
  createSolver(
    values: readonly GroupBatchInput[] = this.parsed.batches,
    lanesOf: (batch: number) => CreateLanes = () => (program, stretches, data) =>
      new GroupLanes(program, stretches, data, this.choice.runner),
  ): ArrowheadSolver {
    const isBounded = values.some(({ outputs }) => hasBounds(outputs[0].compiled.problemInSteps))
    const families = values.map((family, f) => new GroupBatch(family, isBounded, lanesOf(f)))
    for (const [f, { groups, frozen }] of (this.solver?.batches ?? []).entries())
      if (families[f]?.groups.length === groups.length) families[f].freeze(frozen)
    const shared = this.parsed.shared.map(({ parameter }) => parameter)
    return new ArrowheadSolver(families, shared, this.#tolerance)
  }

  /** Whether the model is a function, such as a model of differential equations. */
  get isFunction(): boolean {
    return this.parsed.batches.some(({ outputs }) => outputs[0].compiled.problem.functionModel !== null)
  }

  get maxIterations(): number {
    return this.options.maxIterations ?? 1000
  }

  *calls(): Generator<EngineCall, SharedStatistics> {
    const start = yield* this.#start()
    const { multiStart } = this.options
    const isAlone = multiStart.count === 1
    const stop = yield* descend(this.solver, start, this.#firstEvaluations(isAlone))
    const ended = yield* this.#finish(isAlone ? stop : yield* this.#best(start, stop))
    const found = yield* this.#reweight(isAlone ? yield* this.#repeat(start, ended) : ended)
    this.progress.advance(1)
    return found
  }

  /**
   * Maximum number of evaluations of the first fit. If the option `multiStart` requests several starting points, no fit
   * is restarted.
   */
  #firstEvaluations(isAlone: boolean): number {
    if (!isAlone) return this.maxIterations
    if (this.parsed.batches.some(({ guess }) => guess !== undefined))
      return Math.min(this.maxIterations, JOINT_EVALUATIONS)
    return this.solver.isPartlyLinear ? firstIterations(this.maxIterations) : this.maxIterations
  }

  /** Repeats a fit that has not converged or may have missed the lowest minimum. */
  *#repeat(start: ArrowheadPoint, first: SharedStatistics): Generator<EngineCall, SharedStatistics> {
    const { batches } = this.parsed
    const hasConverged = first.reason === CONVERGED
    const hasGuess = batches.some(({ guess }) => guess !== undefined)
    const canRestart =
      (hasGuess || first.reason !== NOT_FINITE) &&
      !this.isFunction &&
      this.solver.batches.some(({ local, active }) => local * active > 0) &&
      batches.every(({ outputs }) => outputs.length === 1 && !outputs[0].isIncomplete.includes(1))
    const again = hasConverged || (canRestart && hasGuess) ? null : yield* this.#restart(start, first)
    const ended = again ?? first
    if (!canRestart || (ended.reason === CONVERGED && !hasGuess)) return ended
    const outcome = yield* restart({
      solver: this.solver,
      batches,
      threads: this.choice.runner.threads,
      maxEvaluations: this.maxIterations,
      isRobust: isRobust(this.options.loss),
      start,
      guesses: this.#guesses,
      first: ended,
    })
    this.starts = outcome.starts
    this.isImproved = outcome.isImproved
    if (outcome.starts === 1) return ended
    return outcome.isImproved
      ? yield* this.#finish(outcome.stop)
      : { ...ended, stop: { ...ended.stop, evaluations: outcome.stop.evaluations } }
  }

  /** Repeats the fit with weights that are computed from the previous fit, until the weights no longer change. */
  *#reweight(first: SharedStatistics): Generator<EngineCall, SharedStatistics> {
    const { batches } = this.parsed
    let ended = first
    for (let round = 0; hasModelWeights(batches) && round <= MAX_ROUNDS; round++) {
      if (!hasUsablePoint(ended.reason)) return ended
      const unweighed = yield* setWeights(batches, this.solver.batches, ended.values)
      if (unweighed !== null) return makeUnusableStatistics(ended, unweighed)
      this.solver.release()
      this.solver = this.createSolver()
      const stop = yield* descend(this.solver, ended.stop.point, this.maxIterations, NO_FIXED, WARM_START)
      const evaluations = ended.stop.evaluations + stop.evaluations
      const now = yield* this.#finish({ ...stop, evaluations })
      if (areWeightsSettled(this.solver, ended, now, this.#tolerance)) return now
      ended = now
    }
    return hasModelWeights(batches) ? { ...ended, reason: MAX_ITERATIONS } : ended
  }

  /** The best fit from all starting points. The lanes are set to the end point of the best fit. */
  *#best({ local }: ArrowheadPoint, first: ArrowheadStop): Generator<EngineCall, ArrowheadStop> {
    let [best, { evaluations }] = [first, first]
    for (let k = 1; k < this.options.multiStart.count; k++) {
      const shared = Float64Array.from(this.#samples, (column) => column[k - 1])
      const stop = yield* descend(this.solver, { shared, local }, this.maxIterations)
      evaluations += stop.evaluations
      if (stop.cost < best.cost || !Number.isFinite(best.cost)) best = stop
    }
    this.solver.setPoint(best.point.local, NO_FIXED, 'weight')
    return { ...best, evaluations, end: null }
  }

  *#finish(stop: ArrowheadStop): Generator<EngineCall, SharedStatistics> {
    return yield* computeStatistics(this.solver, stop, this.isAbsolute, this.options.loss)
  }

  /**
   * Restarts the fit from its starting point with alternating steps, as `Solver` does. The result is null if the
   * restarted fit is no better.
   */
  *#restart(
    start: ArrowheadPoint,
    { reason, stop }: SharedStatistics,
  ): Generator<EngineCall, SharedStatistics | null> {
    const left = this.maxIterations - stop.evaluations
    if (!this.solver.isPartlyLinear || reason === NOT_FINITE || left <= 0) return null
    const other = yield* descend(this.solver, start, left, NO_FIXED, { isWarmStart: false, alternates: true })
    const evaluations = stop.evaluations + other.evaluations
    const ended = yield* this.#finish({ ...other, evaluations })
    return ended.reason === CONVERGED && other.cost <= EQUALITY_RATIO * stop.cost ? ended : null
  }

  release(): void {
    this.solver.release()
  }

  /**
   * Starting values from the user, or guesses per group. A shared parameter starts at the median of the guesses of all
   * groups.
   */
  *#start(): Generator<EngineCall, ArrowheadPoint> {
    const { batches: read, shared } = this.parsed
    const guesses = shared.map((): number[] => [])
    const local: Float64Array[][] = []
    for (const [f, family] of this.solver.batches.entries()) {
      const { free, groups, active, outputs, problem, sharedPlaces } = family
      const begin = ({ start }: Parameter) =>
        typeof start === 'object' && start !== null
          ? family.readParameter(start)
          : new Float64Array(groups.length).fill(start ?? NaN)
      const columns = free.map(begin)
      const { guess, x, extraColumns } = read[f]
      const open = [...free.keys()].filter((i) => free[i].start === null)
      if (guess !== undefined && open.length > 0) {
        for (const [at, group] of groups.subarray(0, active).entries()) {
          const compute = (name: string) => selectGroupRows(outputs[0], name, group)
          const steps = guess(compute(x), compute(problem.y), ...extraColumns.map(compute))
          let step = steps.next()
          for (; !step.done; step = steps.next()) yield
          for (const i of open) columns[i][at] = step.value[free[i].name]
          yield
        }
      }
      for (const [i, column] of columns.entries()) toInternalColumn(free[i], column)
      for (const i of open) {
        const place = sharedPlaces[i - family.local]
        if (place === undefined) continue
        for (const [at, x] of columns[i].subarray(0, active).entries()) guesses[getIndex(place, at)].push(x)
      }
      local.push(columns.slice(0, family.local))
      this.#guesses.push(columns)
    }
    const point = Float64Array.from(guesses, (values, k) => {
      const { parameter } = shared[k]
      return values.length > 0
        ? median(values)
        : toInternalColumn(parameter, Float64Array.of((parameter.start ?? 0) as number))[0]
    })
    const { min, max } = this.solver
    return { shared: point.map((x, k) => Math.min(Math.max(x, min[k]), max[k])), local }
  }
}

/** The statistics of a fit with an invalid weight, in which all values are unknown. */
function makeUnusableStatistics(ended: SharedStatistics, invalidWeight: InvalidWeight): SharedStatistics {
  const none = (numbers: Float64Array) => numbers.map(() => NaN)
  const localErrors = ended.localErrors.map((columns) => columns.map(none))
  return {
    ...ended,
    invalidWeight,
    reason: NOT_FINITE,
    covariance: none(ended.covariance),
    localErrors,
    variance: NaN,
  }
}
