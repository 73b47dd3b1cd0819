/** Runs the fits of one call of `fit` or `fitMany`. */

import { OptionError } from '../../core/errors.js'
import { runToEnd, type Slices } from '../../core/slices.js'
import { isObject, mapRecord } from '../../core/untrusted-input.js'
import type { EngineChoice } from '../../engines/select-engine.js'
import { namesIn } from '../../expressions/parse.js'
import {
  areContiguous,
  checkRows,
  type DataColumn,
  groupByRows,
  type NumberArray,
  numbersInRun,
  pickRuns,
  putRuns,
} from '../../many/batch/data.js'
import { runsPerBatch } from '../../many/batch/layout.js'
import { type BatchRunner, selectRunner } from '../../many/engines/engines.js'
import { CallProgress, type EngineCall } from '../../many/engines/execute.js'
import { readOptions } from '../../options/read.js'
import type { WasmModule } from '../../webassembly/module.js'
import {
  bindRemark,
  type FitModel,
  type Guess,
  type GuessArguments,
  readModel,
  type SearchableRun,
  type SolvedRuns,
  type StartSearch,
} from '../models/model.js'
import {
  checkCounts,
  countFits,
  isWeight,
  orderWeightsFirst,
  type ParsedData,
  readData,
} from '../problem/columns.js'
import { listColumns, readTable } from '../problem/data-table.js'
import {
  BoundFunctionModel,
  copyColumns,
  type ExactModel,
  type FunctionModelSpec,
} from '../problem/function-model.js'
import { distinctMinima, isBounded, moveInside, sampleAround, sampleStarts } from '../problem/multi-start.js'
import type { FitData } from '../problem/options.js'
import { type FitParameters, type Parameter, readParameters } from '../problem/parameters.js'
import type { Problem } from '../problem/problem.js'
import { NOT_FINITE, TOO_FEW_POINTS } from '../problem/reasons.js'
import { type RowSelection, selectRows } from '../problem/row-selection.js'
import { fromInternal, toInternal } from '../programs/internal-parameters.js'
import { triangleIndex } from '../programs/ldlt.js'
import { loadPrograms, type ModelPrograms } from '../programs/program-cache.js'
import { MAX_DIRECT_RUNS } from '../solve/direct-runs.js'
import {
  type FitContext,
  keepFits,
  type ProfiledEndpoints,
  type SolvedFits,
  solutionColumns,
} from '../solve/fit-context.js'
import type { MethodRequest } from '../solve/fit-method.js'
import { selectFunctionEngine } from '../solve/function-engine.js'
import type { IntervalMethod } from '../solve/interval-method.js'
import { Iterations, MAX_RUNS } from '../solve/iterations.js'
import { Solver, type SolverBatch, type SolverResult } from '../solve/solver.js'
import { TrustRegionSolver } from '../solve/trust-region.js'
import { type FitManyValues, fitOptionTable } from './options.js'
import { FitManyResult } from './result.js'

/** Number of runs in the first batch. The first batch is small, so that progress is reported early. */
const FIRST_RUNS = 64
/** Growth factor of the number of runs from one batch to the next. */
const RUN_GROWTH = 8
/**
 * Maximum number of runs per batch and thread. The limit keeps a concurrent batch from waiting long for the other one.
 */
const RUNS_PER_THREAD = 1024

/** A list for the usual case that all fits can run. */
const NO_FITS = new Uint32Array(0)

/** A worker that solves batches of fits one after another. */
interface BatchWorker {
  readonly iterations: Iterations
  readonly solver: Solver | TrustRegionSolver
}

/** Confidence intervals that are computed together with the fits. */
interface PendingIntervals {
  readonly method: IntervalMethod
  readonly columns: ProfiledEndpoints
}

/** Creates a list of equal parts. For few parts, `Array.from` takes several times as long. */
function createList<T>(length: number, make: () => T): T[] {
  const list: T[] = []
  for (let k = 0; k < length; k++) list.push(make())
  return list
}

/** @throws OptionError if an option is set that does not apply to the fit */
function refuseOption(option: string, given: unknown, expected: string): void {
  if (given !== undefined) throw new OptionError(option, expected, given)
}

/** A bound model function keeps the data columns to which the function was bound. */
const bindModel = (
  model: FunctionModelSpec,
  columns: ReadonlyMap<string, DataColumn>,
  differences: FitManyValues['finiteDifferences'],
): BoundFunctionModel =>
  model instanceof BoundFunctionModel ? model : new BoundFunctionModel(model, columns, differences)

export class FitRun {
  // `declare` emits no fields, which keeps bundles small.
  declare readonly choice: EngineChoice<BatchRunner>
  declare readonly options: FitManyValues
  declare progress: CallProgress
  readonly #module: WasmModule
  readonly #compiled: ModelPrograms
  /**
   * One or two batch workers. While the engine's threads run one batch, the second worker prepares another batch or
   * collects its results.
   */
  #workers: readonly BatchWorker[] = []
  readonly #data: ReadonlyMap<string, DataColumn>
  /** The data columns in an order that has the weights before y. */
  readonly #ordered: ReadonlyMap<string, DataColumn>
  #selected: RowSelection | undefined
  readonly #parameters: readonly Parameter[]
  readonly #free: readonly Parameter[]
  /** Starting values of each parameter, one per fit. Starting values are NaN until the model has guessed the values. */
  readonly #starts: ReadonlyMap<string, Float64Array>
  /** Parameters whose starting values the model guesses. */
  readonly #open: readonly Parameter[]
  readonly #guess: Guess | undefined
  readonly #remark: FitContext['remark']
  /** The search for further starting points of the model, created on demand. */
  readonly #search: (() => StartSearch) | undefined
  /** Whether the model searches: the user has chosen neither the starting points nor the method. */
  readonly #searches: boolean
  /** Names of the columns that the guess function receives. */
  readonly #followers: readonly string[]
  readonly #count: number
  readonly #samples: readonly Float64Array[]
  readonly #model: BoundFunctionModel | FitModel
  #made: SolvedFits | undefined
  readonly #intervals: PendingIntervals | undefined
  /** Whether each fit starts near its solution, as a bootstrap fit does. */
  readonly #isWarmStart: boolean
  #hasReported = false
  #done = 0
  /** Array with 1 for each completed fit, and 0 for each unfinished fit. */
  readonly #isDone: Uint8Array

  /**
   * @param module the WebAssembly module of fits
   * @param read data columns that are already validated, if the run refits internal data
   */
  constructor(module: WasmModule, model: unknown, data: FitData, given: object, read?: ParsedData) {
    const plain = readOptions('options', given, fitOptionTable)
    this.#module = module
    this.progress = new CallProgress(plain.onProgress)
    const { start, method, finiteDifferences } = plain
    const { text, functionModel, parameters, guess, x, extraColumns, remark, search } = readModel(
      model,
      start !== undefined,
    )
    const exact = functionModel?.exact
    const prepared = (read === undefined ? exact : undefined)?.prepare(data, plain)
    const options = prepared?.options ?? plain
    this.options = options
    if (functionModel === undefined)
      refuseOption('finiteDifferences', finiteDifferences, 'none unless the model is a function')
    const names = functionModel ? [] : namesIn(text)
    const own = guess === undefined ? [] : [x, ...extraColumns]
    const { columns, y, weight } =
      read ?? readData(functionModel ?? names, prepared?.data ?? data, options, own)
    const known = functionModel
      ? (exact?.parameters(columns) ?? Object.keys(start ?? {}))
      : names.filter((name) => !columns.has(name))
    this.#parameters = readParameters(options, known, parameters, [...columns.keys()])
    this.#free = this.#parameters.filter(({ isFixed }) => !isFixed)
    this.#count = countFits(columns, this.#parameters)
    this.progress.total = this.#count
    checkRows(columns, this.#count, true)
    this.#data = columns
    this.#ordered = weight === null ? columns : orderWeightsFirst(columns, y)
    const bound = functionModel && bindModel(functionModel, columns, finiteDifferences)
    this.#compiled = this.#compile(bound ?? text, y, weight)
    this.#model = bound ?? { text, x: '', parameters: {} }
    this.#isWarmStart = read !== undefined
    const { problemInSteps } = this.#compiled
    this.#samples = sampleStarts(this.problem, problemInSteps, options.multiStart, guess !== undefined)
    if (method && functionModel) refuseOption('method', method, 'none if the model is a function')
    const started = this.#parameters.filter(({ expr }) => expr === null)
    this.#open = started.filter(({ start }) => start === null)
    this.#guess = guess
    this.#followers = [x, y, ...extraColumns]
    const areThere = this.#followers.every((name) => columns.has(name))
    this.#remark = exact
      ? this.#remarkOf(exact)
      : remark && areThere
        ? bindRemark(remark, this.#followers)
        : null
    this.#search = search
    this.#searches = options.multiStart.count === 1 && method === undefined && this.#open.length > 0
    if (this.#open.length > 0 && !(guess && areThere))
      throw new OptionError(`start: ${this.#open[0].name}`, this.#expectedStart(data), undefined)
    this.#starts = new Map(started.map((parameter) => [parameter.name, this.#startOf(parameter)]))
    this.choice = functionModel
      ? selectFunctionEngine(options, exact !== undefined, this.#count, module)
      : selectRunner(options, method?.module ?? module)
    this.#isDone = new Uint8Array(this.#count)
    this.#intervals = this.#pendingIntervals()
  }

  #remarkOf(exact: ExactModel): FitContext['remark'] {
    return (values, data, fit) => {
      // Estimates are NaN if the model has no value at the start.
      const at = mapRecord(values(), (x, name) =>
        Number.isNaN(x) ? (this.#starts.get(name)?.[fit] ?? x) : x,
      )
      return exact.remark(at, copyColumns(data, fit))
    }
  }

  /** A misspelled column becomes a parameter without a start, so the message also names the columns. */
  #expectedStart(data: FitData): string {
    const columns = listColumns(readTable('data', data))
    return `a number, or one per fit (a parameter, because the columns of the data are ${columns})`
  }

  #compile(model: string | BoundFunctionModel, y: string, weight: string | null): ModelPrograms {
    const { loss, lossScale: scale, tolerance } = this.options
    // Derivatives by first-order differences have only half of the digits of a float64.
    const isRough = typeof model === 'object' && model.jacobian === undefined && model.differences.order === 1
    return loadPrograms(model, this.#parameters, {
      columns: [...this.#ordered.keys()],
      y,
      weight,
      loss,
      scale,
      tolerance: tolerance ?? (isRough ? 1e-8 : 1e-10),
      isAbsolute: this.#isAbsolute,
    })
  }

  /**
   * Confidence intervals to compute together with the fits. With model-based weights or a covariance, further runs
   * follow, and intervals are computed on demand.
   */
  #pendingIntervals(): PendingIntervals | undefined {
    const { sigma, weights, covariance, intervals: method } = this.options
    const isFinal = covariance === undefined && [sigma, weights].every((given) => typeof given !== 'string')
    return isFinal && method
      ? { method, columns: method.createColumns(this.problem, this.#count) }
      : undefined
  }

  /** Selection of the data rows that the fits use. */
  get #selection(): RowSelection {
    return this.#selected ?? runToEnd(this.#select())
  }

  /** @throws OptionError if the loss is 'poisson' and a row in use has a negative count */
  *#select(): Slices<RowSelection> {
    const { y, weight, loss } = this.problem
    const drops = this.options.missing === 'drop'
    const selection = yield* selectRows(this.#ordered, weight, this.#count, drops)
    if (loss === 'poisson') yield* checkCounts(y, selection.columns)
    if (selection.columns !== this.#ordered) this.problem.graph.linkedRows?.refuse('data: dropped rows')
    this.#selected = selection
    return selection
  }

  /**
   * The columns for the results of the fits. The columns are allocated while the engine already runs the second batch,
   * so that the allocation costs no time.
   */
  get #found(): SolvedFits {
    this.#made ??= this.#createColumns()
    return this.#made
  }

  /**
   * Creates the columns for the results of the fits, in which all fits have failed.
   *
   * @param solved results of all fits whose columns are used without a copy
   */
  #createColumns(solved?: SolverResult): SolvedFits {
    const { free } = this.problem
    const [count, size] = [this.#count, free.length]
    const { observations } = this.#selection
    const columns = (length: number) => createList(length, () => new Float64Array(count).fill(NaN))
    const bits = () => createList(Math.ceil(size / 32), () => new Uint32Array(count))
    // Reasons for which fits cannot run: too few points or a missing number.
    const reason = new Uint8Array(count)
    for (let fit = 0; fit < count; fit++) reason[fit] = observations[fit] < size ? TOO_FEW_POINTS : NOT_FINITE
    // For a single fit, the allocation of columns takes longer than the computation of their numbers.
    const numbers = (solved as Pick<SolvedFits, 'free' | 'covariance' | 'errors' | 'cost'> | undefined) ?? {
      free: columns(size),
      covariance: columns(triangleIndex(size, 0)),
      errors: columns(size),
      cost: columns(1)[0],
    }
    return {
      free: numbers.free,
      covariance: numbers.covariance,
      errors: numbers.errors,
      cost: numbers.cost,
      atBound: bits(),
      unidentifiable: bits(),
      evaluations: new Uint32Array(count),
      reason,
      starts: new Uint32Array(count),
      minima: [],
    }
  }

  get problem(): Problem {
    return this.#compiled.problem
  }

  get #maxIterations(): number {
    return this.options.maxIterations ?? 1000
  }

  #startOf({ start, min, max }: Parameter): Float64Array {
    const column = isObject(start) ? start.slice() : new Float64Array(this.#count).fill(start ?? NaN)
    if (min === -Infinity && max === Infinity) return column
    for (let fit = 0; fit < column.length; fit++) column[fit] = Math.min(Math.max(column[fit], min), max)
    return column
  }

  /** Guesses the starting values that the user omitted. */
  *#initialize(fits: Uint32Array): Slices<void> {
    if (this.#open.length === 0) return
    const guess = this.#guess as Guess
    const dataOf = this.#guessArguments()
    const open = this.#open.map(
      (parameter) => [parameter, this.#starts.get(parameter.name) as Float64Array] as const,
    )
    for (const fit of fits) {
      const steps = guess(...dataOf(fit))
      let step = steps.next()
      for (; !step.done; step = steps.next()) {
        // Progress is reported before the first fit ends, because there may be only one fit.
        if (!this.#hasReported) this.#reportProgress()
        yield
      }
      for (const [parameter, column] of open) column[fit] = moveInside(parameter, step.value[parameter.name])
      yield
    }
  }

  /** Function that returns the columns of a fit for the model's guess: x, y and the extra columns. */
  #guessArguments(): (fit: number) => GuessArguments {
    const { columns } = this.#selection
    const [x, y, ...others] = this.#followers.map((name) => columns.get(name) as DataColumn)
    return (fit) => [
      numbersInRun(x, fit),
      numbersInRun(y, fit),
      ...others.map((column) => numbersInRun(column, fit)),
    ]
  }

  #reportProgress(): void {
    this.#hasReported = true
    this.progress.advance(this.#done)
  }

  /** Transfers the progress reports to the caller, if the run of the fits is a part of the caller's computation. */
  takeProgress(): CallProgress {
    const { progress } = this
    this.progress = new CallProgress(undefined)
    return progress
  }

  /** Frees the memory of the engine. The caller ensures that no computation still uses the memory. */
  release(): void {
    for (const { iterations } of this.#workers) iterations.release()
  }

  /** @param sideBySide whether two batches may run concurrently */
  *calls(sideBySide = false): Generator<EngineCall> {
    const { columns } = yield* this.#select()
    const [fits, others] = this.#sortByCost()
    this.#done = others.length
    this.#markDone(others)
    const data = [...columns.values()]
    this.#workers = this.#workersFor(sideBySide && fits.length > this.#first)
    const parts = this.#partition(data, fits)
    if (this.#workers.length === 1) yield* this.#fit(parts, data, this.#workers[0])
    else yield this.#workers.map((hand) => this.#fit(parts, data, hand))
    // The results of fits that cannot run contain their starting values.
    yield* this.#initialize(others)
  }

  #workersFor(areTwo: boolean): BatchWorker[] {
    const { engine, runner } = this.choice
    const { threads } = runner
    // The addon's thread pool runs one batch at a time. A second batch runs on one separate thread. Both batches
    // together use all threads.
    const each = engine === 'native' ? [threads - 1, 1] : [threads, threads]
    return (areTwo && threads > 1 ? each : [threads]).map((some) => {
      const iterations = new Iterations(this.#compiled, some)
      const { isDense } = this.#compiled
      return {
        iterations,
        solver: isDense
          ? new TrustRegionSolver(this.#compiled, iterations, engine === 'typescript' ? undefined : runner)
          : new Solver(this.#compiled, iterations),
      }
    })
  }

  /** Number of runs in the first batch. */
  get #first(): number {
    return this.#isWarmStart ? MAX_RUNS : FIRST_RUNS
  }

  /**
   * Splits the fits into batches. The first batches are small, and the last fits are divided evenly among the workers.
   */
  *#partition(data: readonly DataColumn[], fits: Uint32Array): Generator<Uint32Array, void> {
    const { count } = this.options.multiStart
    const hands = this.#workers.length
    const atOnce = Math.min(MAX_RUNS, RUNS_PER_THREAD * this.choice.runner.threads)
    let few = this.#first
    for (const some of groupByRows(data, fits)) {
      const most = runsPerBatch(data, some[0], 8, atOnce)
      let from = 0
      for (; few < most && from < some.length; few *= RUN_GROWTH) {
        const size = Math.max(1, Math.floor(few / count))
        const part = from === 0 && size >= some.length ? some : some.subarray(from, from + size)
        from += part.length
        yield part
      }
      const left = some.length - from
      const rounds = Math.ceil(left / hands / Math.max(1, Math.floor(most / count)))
      const each = Math.ceil(left / hands / rounds)
      for (; from < some.length; from += each) yield some.subarray(from, from + each)
    }
  }

  /** Solves batches of fits until all batches are solved. */
  *#fit(
    parts: Iterable<Uint32Array>,
    data: readonly DataColumn[],
    hand: BatchWorker,
  ): Generator<EngineCall, void> {
    for (const part of parts) {
      yield* this.#initialize(part)
      yield* this.#batch(part, this.#starts, data, hand)
      if (this.#searches && this.#search) yield* this.#repeatDoubtful(part, data, hand, this.#search())
      if (this.#intervals) yield* this.#computeIntervals(part, data, this.#intervals, hand)
      this.#markDone(part)
      this.#done += part.length
      this.#reportProgress()
      yield
    }
  }

  #markDone(fits: Uint32Array): void {
    for (let k = 0; k < fits.length; k++) this.#isDone[fits[k]] = 1
  }

  /** Separates the fits that can run from the fits with too few rows or a missing number. */
  #sortByCost(): readonly [Uint32Array, Uint32Array] {
    const size = this.problem.free.length
    const { observations, isIncomplete } = this.#selection
    // The fits that can run fill the array from the front, and the other fits fill the array from the back.
    const fits = new Uint32Array(this.#count)
    let count = 0
    for (let fit = 0; fit < this.#count; fit++) {
      if (observations[fit] >= size && !isIncomplete[fit]) fits[count++] = fit
      else fits[this.#count - 1 - (fit - count)] = fit
    }
    return [
      count === this.#count ? fits : fits.subarray(0, count),
      count === this.#count ? NO_FITS : fits.subarray(count).reverse(),
    ]
  }

  *#batch(
    fits: Uint32Array,
    starts: ReadonlyMap<string, Float64Array>,
    data: readonly DataColumn[],
    hand: BatchWorker,
  ): Generator<EngineCall> {
    const { count } = this.options.multiStart
    // The runs of one fit, one per start, are adjacent.
    const runs = new Uint32Array(fits.length * count)
    for (let run = 0; run < runs.length; run++) runs[run] = fits[count === 1 ? run : Math.floor(run / count)]
    const pick = (name: string) => this.#startsOf(starts.get(name) as Float64Array, name, runs)
    const solved = yield* this.#solve(data, hand, runs, pick, [this.#maxIterations, count === 1])
    this.#store(fits, solved, count === 1 ? null : this.#keepBest(fits, solved))
    const { starts: counts } = this.#found
    for (let k = 0; k < fits.length; k++) counts[fits[k]] += count
  }

  /**
   * Solves runs of fits.
   *
   * @param pick returns the starting values of the runs, in internal units, by parameter name
   * @param limits maximum number of evaluations, and whether runs may restart
   */
  *#solve(
    data: readonly DataColumn[],
    { solver }: BatchWorker,
    runs: Uint32Array,
    pick: (name: string) => Float64Array,
    [maxIterations, mayRestart]: readonly [number, boolean],
  ): Generator<EngineCall, SolverResult> {
    const degreesOfFreedom = new Float64Array(runs.length)
    const { observations } = this.#selection
    const { method } = this.options
    const { free, fixed } = this.problem
    for (let run = 0; run < runs.length; run++) degreesOfFreedom[run] = observations[runs[run]] - free.length
    const some = { runs, data, starts: free.map(pick), fixed: fixed.map(pick), degreesOfFreedom }
    const solved =
      method === undefined
        ? yield* solver.solve(some, maxIterations, mayRestart, this.#isWarmStart)
        : yield* solver.diagnose(some, yield* method.minimize(this.#requestOf(some)))
    fromInternal(this.#free, solved.free, solved.covariance, solved.errors)
    // No later run overwrites the columns of a few runs.
    if (this.#count <= MAX_DIRECT_RUNS && runs.length === this.#count)
      this.#made ??= this.#createColumns(solved)
    const { evaluations } = this.#found
    for (let run = 0; run < runs.length; run++) evaluations[runs[run]] += solved.evaluations[run]
    return solved
  }

  /** Stores one run of each fit: the run at the same index, or the listed runs. */
  #store(fits: Uint32Array, solved: SolvedRuns, some: Uint32Array | null): void {
    const from = solutionColumns(solved)
    const to = solutionColumns<NumberArray>(this.#found)
    const together = areContiguous(fits)
    for (let k = 0; k < to.length; k++)
      if (to[k] !== from[k]) putRuns(to[k], fits, some === null ? from[k] : pickRuns(from[k], some), together)
  }

  /** Repeats doubtful fits from further starting points of the model. */
  *#repeatDoubtful(
    fits: Uint32Array,
    data: readonly DataColumn[],
    hand: BatchWorker,
    search: StartSearch,
  ): Generator<EngineCall, void> {
    const run = {
      free: this.#free,
      solved: this.#found,
      starts: this.#starts,
      x: this.#selection.columns.get(this.#followers[0]) as DataColumn,
      options: this.options,
    }
    if (!search.hasDoubtful(run, fits)) return
    const more = {
      open: this.#open,
      dataOf: this.#guessArguments(),
      solve: (...request: Parameters<SearchableRun['solve']>) => this.#solve(data, hand, ...request),
      store: (...runs: Parameters<SearchableRun['store']>) => this.#store(...runs),
    }
    yield* search.improve({ ...run, ...more }, fits)
  }

  /** Computes the confidence intervals of the fits. The interval method may restart fits. */
  *#computeIntervals(
    fits: Uint32Array,
    data: readonly DataColumn[],
    { method, columns: to }: PendingIntervals,
    hand: BatchWorker,
  ): Generator<EngineCall> {
    const context = {
      compiled: this.#compiled,
      columns: this.#selection.columns,
      observations: this.#selection.observations,
      problem: this.problem,
      starts: this.#starts,
      solved: this.#found,
      isAbsolute: this.#isAbsolute,
    }
    yield* method.run(context, hand.iterations, fits, to, (...some) => this.#batch(...some, data, hand))
  }

  get #isAbsolute(): boolean {
    return this.options.absoluteSigma ?? this.options.loss === 'poisson'
  }

  /** Starting values of a parameter in each run, from the start of the fit and from the samples of `multiStart`. */
  #startsOf(starts: Float64Array, name: string, runs: Uint32Array): Float64Array {
    const at = this.problem.free.indexOf(name)
    const { count } = this.options.multiStart
    // Runs without samples read the starting values in place.
    const own =
      count === 1 && areContiguous(runs)
        ? starts.subarray(runs[0], runs[0] + runs.length)
        : pickRuns(starts, runs, false)
    const points = at < 0 ? own : toInternal(this.#free[at], own)
    const others = this.#samples[at]
    if (others === undefined || count === 1) return points
    const { min, max } = this.#compiled.problemInSteps
    const isSampled = isBounded(min[at], max[at])
    const parameter = this.#free[at]
    const x = this.#search?.().positions().includes(name) ? this.#guessArguments() : null
    for (let run = 0; run < runs.length; run++) {
      if (run % count === 0) continue
      const part = others[(run % count) - 1]
      if (isSampled) points[run] = part
      else own[run] = moveInside(parameter, sampleAround(own[run], part, x?.(runs[run])[0] as Float64Array))
    }
    return isSampled ? points : toInternal(parameter, own)
  }

  #requestOf({ runs, data, starts, fixed }: SolverBatch): MethodRequest {
    const { tolerance, maxIterations, instructionSet, threads } = this.options
    const options = { engine: this.choice.engine, tolerance, maxIterations, instructionSet, threads }
    const { problemInSteps } = this.#compiled
    return { problem: this.problem, problemInSteps, runs, data, starts, fixed, options }
  }

  /** Index of the best run of each fit. `#keepBest` also records the minima of all runs. */
  #keepBest(fits: Uint32Array, { free: x, cost, errors }: SolverResult): Uint32Array {
    const { count } = this.options.multiStart
    const { free } = this.problem
    return fits.map((fit, k) => {
      const runs = Array.from({ length: count }, (_, start) => k * count + start)
      const ends = runs.map((run) => ({
        x: x.map((column) => column[run]),
        errors: errors.map((column) => column[run]),
        chiSquared: cost[run],
      }))
      this.#found.minima[fit] = distinctMinima(free, ends)
      return runs.reduce((best, run) => (cost[run] < cost[best] || Number.isNaN(cost[best]) ? run : best))
    })
  }

  /** Result of all fits of the run. The caller supplies the parameter names as a type argument. */
  result<Names extends string>(): FitManyResult<Names> {
    this.release()
    return new FitManyResult<Names>(this.ingredients())
  }

  /** Context of an aborted run. Unfinished fits have reason 0. */
  done(): FitContext {
    return keepFits(this.ingredients(), this.#isDone)
  }

  /** Context with all solutions so far, from which the results are built. */
  ingredients(): FitContext {
    const { columns, observations, droppedRows } = this.#selection
    return {
      compiled: this.#compiled,
      problem: this.problem,
      parameters: this.#parameters,
      starts: this.#starts,
      columns,
      observations,
      droppedRows,
      data: this.#data,
      solved: this.#found,
      choice: this.choice,
      dropsInvalid: this.options.missing === 'drop',
      isByRule: this.options.method !== undefined,
      isAbsolute: this.#isAbsolute,
      computeIntervals: this.options.intervals?.compute,
      profiled: this.#intervals?.columns,
      refit: (...given) => this.#refitFrom(...given),
      warmStart: { compiled: this.#compiled, maxIterations: this.#maxIterations },
      invalidWeights: new Map(),
      whitened: null,
      weightAt: null,
      remark: this.#remark,
    }
  }

  #refitFrom(columns: ReadonlyMap<string, DataColumn>, start: FitParameters, others: object = {}): FitRun {
    const { sigma, weights, missing, multiStart, intervals, signal, onProgress, ...same } = this.options
    const weight = [...columns.keys()].find(isWeight) ?? null
    const read = { columns, y: this.problem.y, weight }
    return new FitRun(this.#module, this.#model, {}, { ...same, ...others, start }, read)
  }
}
