import type { EngineName } from '../engines/engine.js'
import { requestedEngine, requestedThreads } from '../engines/index.js'
import { OptionError } from '../errors.js'
import { Expression } from '../expressions/expression.js'
import type { Program } from '../expressions/program.js'
import { Batch } from '../many/batch.js'
import {
  byRows,
  type Column,
  checkRows,
  type DataByRun,
  pick,
  put,
  readColumn,
  rowsOf,
} from '../many/data.js'
import { advance, advanceAsync, type Chosen, choose } from '../many/engines.js'
import { cohortsOf, runsOfBatch } from '../many/layout.js'
import { checkStopping } from '../minimize.js'
import type { FloatArray } from '../rules/kernel.js'
import { CONVERGED, iteration, STALLED, type State, stateOf, summary } from './levenberg-marquardt.js'
import { inTriangle } from './linear.js'
import { type Loss, losses } from './loss.js'
import { type FitModel, isModel } from './models/model.js'
import { type FitParameters, type Parameter, readParameters } from './parameters.js'
import { makeProblem, type Problem } from './problem.js'
import { type Fit, FitManyResult, type Found, fitReasons } from './result.js'

export interface FitManyOptions {
  /**
   * Where parameters start, and what they may be, by name: all of them, or for a model of ours those that are not to
   * be guessed.
   */
  readonly start?: FitParameters
  /** The column that the model is to meet: y, or else the only one that the model has no name for. */
  readonly y?: string
  /** Standard deviations of the measured numbers: for all rows, or for each fit's. */
  readonly sigma?: DataByRun[string]
  /** Weights of the squared residuals, instead of `sigma`: 1/σ² is the same. 0 leaves a row out. */
  readonly weights?: DataByRun[string]
  /** Whether `sigma` is known, and errors do not depend on how well the model fits; true for counts, else false. */
  readonly absoluteSigma?: boolean
  /** 'squared', the robust 'huber', 'softL1' and 'cauchy', or 'poisson' for counts; 'squared'. */
  readonly loss?: Loss
  /** The residual, in units of σ, beyond which a robust loss takes rows for outliers; 1. */
  readonly lossScale?: number
  /**
   * A fit has converged where the step that would solve the linearised problem would lower χ² by no more than this
   * part of it, or is no longer than this part of the parameters; 1e-10.
   */
  readonly tolerance?: number
  /** Evaluations at most; 1000. */
  readonly maxIterations?: number
  /** Forces an engine: by default the first of native, WebAssembly and TypeScript that there is. */
  readonly engine?: EngineName
  /** Forces an instruction set of the native engine. */
  readonly instructionSet?: string
  /** On how many threads the native engine runs; by default on all cores. No bit depends on it. */
  readonly threads?: number
  /** Ends the call: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal
  /** Called now and then with how many fits have ended, of how many. */
  readonly onProgress?: (done: number, total: number) => void
}

/** As for `fitMany`, without what only a promise has. */
export type FitOptions = Omit<FitManyOptions, 'signal' | 'onProgress' | 'threads'>

/** Iterations a call. */
const UPDATES = 4
const SINGULAR = fitReasons.indexOf('singular')

/**
 * Fits a model to many sets of data at once by least squares, with the Levenberg-Marquardt method in float64: the
 * same bits, fit by fit, on every engine and number of threads. The event loop stays free where the native engine
 * runs.
 *
 * @param model an `expression`, whose names are parameters or columns, or one of `models`
 * @param data columns of numbers, for all fits, or a list for each fit, also of its own length; copied
 * @throws (rejects with) OptionError before the first iteration; the signal's reason. A fit that cannot be done throws
 * nothing, but has a reason.
 * @example
 * const { values, errors } = await fitMany(expression('a*exp(-b*t) + c'), { t, y }, { start: { a: 1, b: 1, c: 0 } })
 */
export async function fitMany(
  model: Expression | FitModel,
  data: DataByRun,
  options: FitManyOptions = {},
): Promise<FitManyResult> {
  const fits = new Fits(model, data, options)
  const { signal } = fits.options
  signal?.throwIfAborted()
  for (const call of fits.calls()) {
    await advanceAsync(call, fits.engine)
    signal?.throwIfAborted()
  }
  return fits.result()
}

/** `fitMany` without a promise. */
export function fitManySync(
  model: Expression | FitModel,
  data: DataByRun,
  options: FitManyOptions = {},
): FitManyResult {
  const fits = new Fits(model, data, options)
  for (const call of fits.calls()) advance(call, fits.engine)
  return fits.result()
}

/**
 * One fit: see {@link fitMany}.
 *
 * @example
 * const { values, errors, rSquared } = fit(expression('a*exp(-b*t) + c'), { t, y }, { start: { a: 1, b: 1, c: 0 } })
 */
export function fit(model: Expression | FitModel, data: DataByRun, options: FitOptions = {}): Fit {
  const found = fitManySync(model, data, options)
  if (found.length !== 1) throw new OptionError('data', 'columns of one fit', `${found.length} fits`)
  return found.at(0)
}

class Fits {
  readonly engine: Chosen
  readonly options: FitManyOptions
  readonly #problem: Problem
  readonly #state: State
  readonly #iteration: Program
  readonly #summary: Program
  readonly #columns: ReadonlyMap<string, Column>
  readonly #parameters: readonly Parameter[]
  readonly #starts: ReadonlyMap<string, Float64Array>
  readonly #rows: Uint32Array
  readonly #count: number
  readonly #found: Found

  constructor(model: Expression | FitModel, data: DataByRun, given: FitManyOptions) {
    const { text, parameters: defaults, guess, x } = describe(model)
    const options = readOptions(given)
    this.options = options
    const names = new Expression(text).names
    const { columns, y, weight } = readData(names, data, options)
    const known = names.filter((name) => !columns.has(name))
    this.#parameters = readParameters(options.start ?? {}, known, defaults)
    this.#count = countOf(columns, this.#parameters)
    checkRows(columns, this.#count)
    this.#columns = columns
    const { loss = 'squared', lossScale = 1 } = options
    const problem = makeProblem(text, this.#parameters, {
      ...{ columns: [...columns.keys()], y, weight, loss, scale: lossScale },
    })
    this.#problem = problem
    if (loss === 'poisson') checkCounts(y, columns)
    this.#rows = this.#rowsThatCount()
    this.#starts = this.#begin(guess, x)
    this.#state = stateOf(problem)
    this.#iteration = iteration(problem, this.#state, options.tolerance ?? 1e-10)
    this.#summary = summary(problem, options.absoluteSigma ?? loss === 'poisson')
    this.engine = choose(
      requestedEngine(options.engine)?.name,
      options.instructionSet,
      requestedThreads(options.threads),
    )
    const [count, size] = [this.#count, problem.free.length]
    const make = () => new Float64Array(count).fill(NaN)
    this.#found = {
      free: problem.free.map((name) => this.#starts.get(name)?.slice() ?? make()),
      covariance: Array.from({ length: inTriangle(size, 0) }, make),
      cost: make(),
      evaluations: new Uint32Array(count),
      reason: new Uint8Array(count).fill(fitReasons.indexOf('too-few-points')),
    }
  }

  /** Rows of each fit whose weight is not 0. */
  #rowsThatCount(): Uint32Array {
    const [first] = this.#columns.values()
    const { weight } = this.#problem
    const weights = weight === null ? undefined : this.#columns.get(weight)
    return new Uint32Array(this.#count).map((_, fit) => {
      if (weights === undefined) return rowsOf(first, fit)
      return numbersOf(weights, fit).reduce((sum, w) => sum + (w > 0 ? 1 : 0), 0)
    })
  }

  /** Where each parameter starts, by fit; what is not given is guessed. */
  #begin(guess: FitModel['guess'], x: string): ReadonlyMap<string, Float64Array> {
    const own = this.#parameters.filter(({ expr }) => expr === null)
    const starts = new Map<string, Float64Array>()
    for (const { name, start } of own) {
      starts.set(
        name,
        typeof start === 'object' && start !== null
          ? start
          : new Float64Array(this.#count).fill(start ?? NaN),
      )
    }
    const open = own.filter(({ start }) => start === null)
    if (open.length > 0) {
      const [xs, ys] = [this.#columns.get(x), this.#columns.get(this.#problem.y) as Column]
      if (guess === undefined || xs === undefined) {
        throw new OptionError(`start: ${open[0].name}`, 'a number, or one for each fit', undefined)
      }
      for (let fit = 0; fit < this.#count; fit++) {
        const guessed = guess(numbersOf(xs, fit), numbersOf(ys, fit))
        for (const { name } of open) (starts.get(name) as Float64Array)[fit] = guessed[name]
      }
    }
    for (const { name, min, max } of own) {
      const column = (starts.get(name) as Float64Array).map((start) => Math.min(Math.max(start, min), max))
      starts.set(name, column)
    }
    return starts
  }

  *calls(): Generator<Batch> {
    const size = this.#problem.free.length
    const fits = new Uint32Array(this.#count).map((_, fit) => fit).filter((fit) => this.#rows[fit] >= size)
    let done = this.#count - fits.length
    const data = [...this.#columns.values()]
    for (const runs of byRows(data, fits)) {
      const most = runs.length === 0 ? 1 : runsOfBatch(data, runs[0], 8)
      for (let from = 0; from < runs.length; from += most) {
        const part = runs.subarray(from, from + most)
        yield* this.#batch(part, data)
        done += part.length
        this.options.onProgress?.(done, this.#count)
      }
    }
  }

  *#batch(runs: Uint32Array, data: readonly Column[]): Generator<Batch> {
    const { maxIterations = 1000 } = this.options
    const { names, starts, best, cost, gradient, matrix } = this.#state
    const x = names.map((name, i) => starts[i] ?? pick(this.#starts.get(name) as Float64Array, runs))
    const fitted = yield* this.#iterate(this.#iteration, runs, data, x, maxIterations)
    const freedom = new Float64Array(runs.length)
    for (let k = 0; k < runs.length; k++) freedom[k] = this.#rows[runs[k]] - this.#problem.free.length
    const point = [...best, cost, ...gradient, ...matrix].map((at) => fitted.x[at])
    const summed = yield* this.#iterate(this.#summary, runs, [], [...point, freedom], 1)
    const to = this.#found
    for (const [i, column] of to.free.entries()) put(column, runs, point[i])
    for (const [i, column] of to.covariance.entries()) put(column, runs, summed.x[i])
    put(to.cost, runs, point[best.length])
    put(to.evaluations, runs, fitted.iterations)
    const [isSingular, isOff] = summed.x.slice(to.covariance.length)
    for (let k = 0; k < runs.length; k++) {
      const reason = fitted.reason[k]
      const found = isSingular[k] !== 0 ? SINGULAR : isOff[k] !== 0 ? STALLED : CONVERGED
      to.reason[runs[k]] = reason === CONVERGED ? found : reason
    }
  }

  /** Iterates a program from some points on, as many as there are runs; gives where each stops. */
  *#iterate(
    program: Program,
    runs: Uint32Array,
    data: readonly Column[],
    x: readonly (FloatArray | number)[],
    mostUpdates: number,
  ): Generator<Batch, ReturnType<Batch['results']>> {
    const { threads } = this.engine
    const { cohorts, lanes } = cohortsOf(runs, data, 8, threads)
    const updates = Math.min(UPDATES, mostUpdates)
    const batch = new Batch({
      ...{
        dtype: 'float64',
        value: program,
        gradient: program,
        kernel: null,
        runs,
        data,
        cohorts,
        lanes,
        updates,
      },
      ...{ rows: data.length === 0 ? 0 : rowsOf(data[0], runs[0]), mostUpdates },
      ...{ tolerance: 0, exempt: 0, delay: 0, scratches: Math.min(threads, cohorts), isBounded: false },
    })
    batch.fill({ x, starts: [], box: null })
    for (let done = 0; batch.live > 0; done += updates) {
      batch.set('done', done)
      batch.set('updates', Math.min(updates, mostUpdates - done))
      yield batch
    }
    return batch.results()
  }

  result(): FitManyResult {
    return new FitManyResult({
      ...{ problem: this.#problem, parameters: this.#parameters, starts: this.#starts, rows: this.#rows },
      ...{ columns: this.#columns, found: this.#found, engine: this.engine.engine },
      isAbsolute: this.options.absoluteSigma ?? this.#problem.loss === 'poisson',
    })
  }
}

/** A fit's numbers of a column. */
export function numbersOf({ numbers, offsets }: Column, fit: number): Float64Array {
  return offsets === null ? numbers : numbers.subarray(offsets[fit], offsets[fit + 1])
}

function describe(model: unknown): FitModel {
  if (model instanceof Expression) return { text: model.text, parameters: {}, x: '' }
  if (isModel(model)) return model
  throw new OptionError('model', 'an expression, or one of models', model)
}

/** The columns of data, in the order of the model's names, then the one to meet, and weights. */
function readData(names: readonly string[], data: unknown, { y: given, sigma, weights }: FitManyOptions) {
  if (typeof data !== 'object' || data === null) throw new OptionError('data', 'an object', data)
  const columns = new Map(Object.entries(data))
  const others = [...columns.keys()].filter((name) => !names.includes(name))
  const y = given ?? (others.length === 1 ? others[0] : 'y')
  if (typeof y !== 'string' || !columns.has(y)) {
    throw new OptionError('y', `a column: ${[...columns.keys()].join(', ')}`, given ?? y)
  }
  if (names.includes(y)) throw new OptionError('y', 'a column that the model does not use', y)
  const stranger = others.find((name) => name !== y)
  if (stranger !== undefined) {
    throw new OptionError('data', `columns among ${[...names, y].join(', ')}`, stranger)
  }
  const read = new Map<string, Column>()
  for (const name of [...names.filter((name) => columns.has(name)), y]) {
    read.set(name, readColumn(`data: ${name}`, columns.get(name)))
  }
  const weight = readWeights(sigma, weights)
  if (weight !== null) read.set(WEIGHT, weight)
  return { columns: read, y, weight: weight === null ? null : WEIGHT }
}

/** A name that no user's text can have. */
const WEIGHT = '@weight'

function readWeights(sigma: unknown, weights: unknown): Column | null {
  if (sigma !== undefined && weights !== undefined) {
    throw new OptionError('weights', 'none beside sigma', weights)
  }
  if (weights !== undefined) {
    const column = readColumn('weights', weights)
    const wrong = column.numbers.find((w) => !(w >= 0 && w < Infinity))
    if (wrong !== undefined) throw new OptionError('weights', 'finite numbers ≥ 0', wrong)
    return column
  }
  if (sigma === undefined) return null
  const { numbers, offsets } = readColumn('sigma', sigma)
  const wrong = numbers.find((s) => !(s > 0 && s < Infinity))
  if (wrong !== undefined) throw new OptionError('sigma', 'finite numbers > 0', wrong)
  return { numbers: numbers.map((s) => 1 / (s * s)), offsets }
}

function checkCounts(y: string, columns: ReadonlyMap<string, Column>): void {
  const wrong = columns.get(y)?.numbers.find((count) => count < 0)
  if (wrong !== undefined) throw new OptionError(`data: ${y}`, 'counts ≥ 0', wrong)
}

/** How many fits there are: as many as columns or starts have lists or numbers. */
function countOf(columns: ReadonlyMap<string, Column>, parameters: readonly Parameter[]): number {
  const counts = [
    ...[...columns].map(
      ([name, { offsets }]) => [`data: ${name}`, offsets === null ? null : offsets.length - 1] as const,
    ),
    ...parameters.map(
      ({ name, start }) =>
        [`start: ${name}`, typeof start === 'object' ? (start?.length ?? null) : null] as const,
    ),
  ].filter(([, count]) => count !== null)
  const [, count = 1] = counts[0] ?? []
  const other = counts.find(([, another]) => another !== count)
  if (other !== undefined)
    throw new OptionError(other[0], `${count} fits, as ${counts[0][0]} has`, `${other[1]}`)
  if (count === 0) throw new OptionError(counts[0][0], 'at least one fit', 'none')
  return count as number
}

const optionNames = [
  ...(['start', 'y', 'sigma', 'weights', 'absoluteSigma', 'loss', 'lossScale'] as const),
  ...(['tolerance', 'maxIterations', 'engine', 'instructionSet', 'threads', 'signal', 'onProgress'] as const),
] satisfies (keyof FitManyOptions)[]

/** A copy, so that each is read once. */
function readOptions(given: FitManyOptions): FitManyOptions {
  if (typeof given !== 'object' || given === null) throw new OptionError('options', 'an object', given)
  const options: FitManyOptions = { ...given }
  const stranger = Object.keys(options).find((name) => !(optionNames as readonly string[]).includes(name))
  if (stranger !== undefined) throw new OptionError('options', `one of ${optionNames.join(', ')}`, stranger)
  checkStopping(options)
  const { absoluteSigma, loss, lossScale, maxIterations, onProgress } = options
  if (absoluteSigma !== undefined && typeof absoluteSigma !== 'boolean') {
    throw new OptionError('absoluteSigma', 'true or false', absoluteSigma)
  }
  if (loss !== undefined && !Object.hasOwn(losses, loss)) {
    throw new OptionError('loss', `one of ${Object.keys(losses).join(', ')}`, loss)
  }
  if (lossScale !== undefined && !(typeof lossScale === 'number' && lossScale > 0 && lossScale < Infinity)) {
    throw new OptionError('lossScale', 'a number > 0', lossScale)
  }
  if (maxIterations === 0) throw new OptionError('maxIterations', 'a whole number ≥ 1', maxIterations)
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new OptionError('onProgress', 'a function', onProgress)
  }
  requestedEngine(options.engine)
  return options
}
