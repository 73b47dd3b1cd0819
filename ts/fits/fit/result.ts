import { ArgumentError } from '../../core/errors.js'
import { createRecord, isObject, mapRecord } from '../../core/untrusted-input.js'
import type { EngineName } from '../../engines/engine.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import { CallProgress, execute, executeSync } from '../../many/engines/execute.js'
import { readOption, readOptions } from '../../options/read.js'
import { probability } from '../problem/confidence-level.js'
import { ZEROS } from '../problem/function-model.js'
import type { FitMinimum } from '../problem/multi-start.js'
import { checkProfiled } from '../problem/problem.js'
import { type FitReason, fitReasons } from '../problem/reasons.js'
import {
  type Contour,
  type ContourOptions,
  contourTable,
  readPair,
  traceContour,
} from '../profiles/contour.js'
import {
  createProfile,
  createProfiles,
  type Profile,
  type ProfileColumns,
  type ProfileManyOptions,
  type ProfileOptions,
  profileManyTable,
  profileNames,
  profileTable,
  toColumns,
} from '../profiles/profile-result.js'
import { modelColumns } from '../programs/function-curve.js'
import { correlationMatrix } from '../programs/ldlt.js'
import { computeDegreesOfFreedom, type FitContext, hasBit, standardError } from '../solve/fit-context.js'
import { describeFit, findNonFinite, type NonFinite } from '../solve/message.js'
import {
  type BandOptions,
  bandTable,
  computeBand,
  confidenceQuantile,
  predictColumns,
  symmetricInterval,
} from '../uncertainty/bands.js'
import {
  type BootstrapManyOptions,
  type BootstrapOptions,
  type BootstrapValues,
  bootstrapManyTable,
  bootstrapTable,
  checkBootstrap,
  type Replicates,
  runBootstrap,
} from '../uncertainty/bootstrap.js'
import { Bootstrap, BootstrapMany } from '../uncertainty/bootstrap-result.js'
import {
  covarianceEntry,
  derivedColumn,
  evaluateModel,
  type RequestedColumns,
} from '../uncertainty/linearize.js'
import { computeStatistics, type Statistics, varies } from '../uncertainty/statistics.js'

type OutputColumns<Names extends string = string> = Readonly<Record<Names, Float64Array>>

/** Whether it is what `fitMany` gives, and no proxy of that. */
export let isFitManyResult: (given: object) => given is FitManyResult

/** Where fits ended, a column each, by fit. */
export class FitManyResult<Names extends string = string> {
  /** All parameters, fixed ones and those that follow from others too. */
  readonly values: OutputColumns<Names>
  /** Their standard errors: 0 where a parameter is fixed, NaN where a bound holds it or nothing is known of it. */
  readonly errors: OutputColumns<Names>
  /** The least sum of what rows cost: of w·(f − y)², of a loss, or a deviance. */
  readonly chiSquared: Float64Array
  /** Rows of data that count: those whose weight is not 0 and that are not left out. */
  readonly observations: Uint32Array
  /** Rows with a weight that are left out because something is missing, with the option `missing`. */
  readonly droppedRows: Uint32Array
  /** How often the model has been evaluated. */
  readonly evaluations: Uint32Array
  /** Indices into `fitReasons`. */
  readonly reason: Uint8Array
  /** Parameters that vary, in the order of covariances. */
  readonly free: readonly Names[]
  /** What ran. */
  readonly engine: EngineName
  /** Why this engine, and why not another. */
  readonly engineReasons: readonly string[]
  readonly #context: FitContext

  static {
    isFitManyResult = (given): given is FitManyResult => #context in given
  }

  /** @internal */
  constructor(ingredients: FitContext) {
    const { problem, starts, observations, solved, choice } = ingredients
    const { parameters } = ingredients.whitened?.plain ?? ingredients
    this.#context = ingredients
    this.free = problem.free as readonly Names[]
    this.chiSquared = solved.cost
    this.observations = observations
    this.droppedRows = ingredients.droppedRows
    this.evaluations = solved.evaluations
    this.reason = solved.reason
    this.engine = choice.engine
    this.engineReasons = choice.reasons
    const columns = parameters.map(({ name, expr }) => {
      const at = problem.free.indexOf(name)
      if (at >= 0) return [name, solved.free[at], solved.errors[at]] as const
      if (expr === null)
        return [name, starts.get(name) as Float64Array, new Float64Array(observations.length)] as const
      return [name, ...this.#deriveColumn(name)] as const
    })
    const names = columns.map(([name]) => name as Names)
    this.values = createRecord(names, (_, i) => columns[i][1])
    this.errors = createRecord(names, (_, i) => columns[i][2])
  }

  /** How many fits there are. */
  get length(): number {
    return this.observations.length
  }

  /** χ² by degree of freedom; NaN where there is none. */
  get reducedChiSquared(): Float64Array {
    return this.#statistic('reducedChiSquared')
  }

  /** 1 − χ²/Σw·(y − ȳ)², the part of the variance that the model explains; NaN where y does not vary. */
  get rSquared(): Float64Array {
    return this.#statistic('rSquared')
  }

  /** n·log(χ²/n) + 2·p, as lmfit has it; of a deviance χ² + 2·p. What a bound holds is not counted in p. */
  get aic(): Float64Array {
    return this.#statistic('aic')
  }

  /** The same with log(n)·p. */
  get bic(): Float64Array {
    return this.#statistic('bic')
  }

  /** One of the fits, with all that can be said of it. */
  at(fit: number): Fit<Names> {
    if (!Number.isInteger(fit) || fit < 0 || fit >= this.length) {
      throw new ArgumentError('fit', `an integer from 0 to ${this.length - 1}`, fit)
    }
    return new Fit(this, fit, this.#context)
  }

  /**
   * The bootstrap of each fit, as {@link Fit.bootstrap} has it: thousands of refits side by side, with the same bits on
   * every engine and number of threads. The event loop stays free where the native engine runs.
   *
   * @throws (rejects with) OptionError where an option is out of its range, residuals are asked of fits of counts, or
   * there would be more than 2²⁷ numbers; the signal's reason
   */
  async bootstrap(options: BootstrapManyOptions = {}): Promise<BootstrapMany<Names>> {
    const read = this.#readBootstrap(options)
    const { choice } = this.#context
    const progress = new CallProgress(read.onProgress)
    const calls = this.#bootstrap(read, progress)
    return this.#toBootstrapResult(await execute(choice, calls, read.signal, () => {}, progress.repeat), read)
  }

  /** `bootstrap` without a promise. */
  bootstrapSync(options: BootstrapManyOptions = {}): BootstrapMany<Names> {
    const read = this.#readBootstrap(options)
    const calls = this.#bootstrap(read, new CallProgress(read.onProgress))
    return this.#toBootstrapResult(executeSync(this.#context.choice, calls), read)
  }

  #readBootstrap(options: BootstrapManyOptions) {
    const read = readOptions('options', options, bootstrapManyTable)
    checkBootstrap(this.#context, this.length, read)
    return read
  }

  #bootstrap(options: BootstrapValues, progress: CallProgress) {
    return runBootstrap(this.#context, Array.from(this.observations.keys()), options, progress)
  }

  #toBootstrapResult({ values, reason }: Replicates, options: BootstrapValues): BootstrapMany<Names> {
    const { count } = options
    const at = (fit: number) => {
      const own = <T extends Float64Array | Uint8Array>(column: T) =>
        column.subarray(fit * count, (fit + 1) * count) as T
      const original = {
        context: this.#context,
        fit,
        values: mapRecord(this.values, (column) => column[fit]),
      }
      return new Bootstrap(original, { values: mapRecord(values, own), reason: own(reason) }, options)
    }
    return new BootstrapMany(at, this.length, count)
  }

  /**
   * The ends of each fit's profiles, as {@link Fit.profile} has them, which says in words why one is not there: thousands
   * side by side. The event loop stays free where the native engine runs.
   *
   * @throws (rejects with) OptionError where a name is none, or the level no probability; the signal's reason
   */
  async profile<Name extends Names = Names>(
    names?: Name | readonly Name[],
    options: ProfileManyOptions = {},
  ): Promise<Readonly<Record<Name, ProfileColumns>>> {
    const { signal, level } = readOptions('options', options, profileManyTable)
    return toColumns(
      await execute(this.#context.choice, this.#toProfileResult(names, level), signal, () => {}),
    )
  }

  /** `profile` without a promise. */
  profileSync<Name extends Names = Names>(
    names?: Name | readonly Name[],
    options: ProfileManyOptions = {},
  ): Readonly<Record<Name, ProfileColumns>> {
    const { level } = readOptions('options', options, profileManyTable)
    return toColumns(executeSync(this.#context.choice, this.#toProfileResult(names, level)))
  }

  #toProfileResult(names: unknown, level: number) {
    return createProfiles(this.#context, undefined, profileNames(names, this.#context.problem), level)
  }

  #statistic(name: keyof Statistics): Float64Array {
    return this.chiSquared.map((_, fit) => fitStatistics(this.#context, fit)[name])
  }

  /** A parameter that follows from others, and its errors by theirs. */
  #deriveColumn(name: string): readonly [Float64Array, Float64Array] {
    const { solved, observations } = this.#context
    const outputs = derivedColumn(this.#context, name)
    const [values, errors] = [new Float64Array(observations.length), new Float64Array(observations.length)]
    for (let fit = 0; fit < observations.length; fit++) {
      const [value, ...slopes] = outputs(fit)
      values[fit] = value
      errors[fit] = Number.isNaN(value) ? NaN : standardError(solved, fit, slopes)
    }
    return [values, errors]
  }
}

function fitStatistics(context: FitContext, fit: number): Statistics {
  const { problem, columns, whitened, observations, solved } = context
  return computeStatistics(
    problem,
    columns,
    whitened?.ones ?? null,
    fit,
    solved.cost[fit],
    observations[fit],
    computeDegreesOfFreedom(context, fit),
  )
}

/** Whether it is what `fit` gives, and no proxy of that. */
export let isFit: (given: object) => given is Fit
/** What a fit is made of, and which of the fits there it is, for what is a module of its own. */
export let getFitContext: (fit: Fit) => { readonly context: FitContext; readonly index: number }

/** One fit. */
export class Fit<Names extends string = string> {
  readonly values: Readonly<Record<Names, number>>
  /** Standard errors: 0 where a parameter is fixed, NaN where a bound holds it or all that it follows from, or nothing is known. */
  readonly errors: Readonly<Record<Names, number>>
  readonly chiSquared: number
  readonly reducedChiSquared: number
  readonly rSquared: number
  readonly aic: number
  readonly bic: number
  /** Rows of data that count: those whose weight is not 0 and that are not left out. */
  readonly observations: number
  /** Rows with a weight that are left out because something is missing, with the option `missing`. */
  readonly droppedRows: number
  /** How many more rows count than there are parameters that vary and no bound holds. */
  readonly degreesOfFreedom: number
  readonly evaluations: number
  readonly reason: FitReason
  /** Parameters that vary, in the order of covariances. */
  readonly free: readonly Names[]
  /**
   * Those of them that a bound holds, as χ² would be less beyond it. All else is that of a fit in which they are fixed
   * there: degrees of freedom, errors, bands; their own errors are NaN.
   */
  readonly atBound: readonly Names[]
  /** Those on which the model no longer depends where the fit has ended: their errors are NaN, and it is 'singular'. */
  readonly unidentifiable: readonly Names[]
  /** The minima at which the starts of `multiStart` have ended, the best one first. */
  readonly minima: readonly FitMinimum[]
  /** What ran. */
  readonly engine: EngineName
  /** Why this engine, and why not another. */
  readonly engineReasons: readonly string[]
  readonly #fit: number
  readonly #context: FitContext
  /** The same of rows as they were given: they are others where y has a covariance. */
  readonly #rows: FitContext

  static {
    isFit = (given): given is Fit => #context in given
    getFitContext = (fit) => ({ context: fit.#context, index: fit.#fit })
  }

  /** @internal */
  constructor(all: FitManyResult<Names>, fit: number, ingredients: FitContext) {
    const ofFit = (columns: OutputColumns<Names>) => mapRecord(columns, (numbers) => numbers[fit])
    this.#fit = fit
    this.#context = ingredients
    this.#rows = ingredients.whitened?.plain ?? ingredients
    this.values = ofFit(all.values)
    this.errors = ofFit(all.errors)
    this.chiSquared = all.chiSquared[fit]
    this.observations = all.observations[fit]
    this.droppedRows = all.droppedRows[fit]
    this.free = all.free
    const { atBound, unidentifiable } = ingredients.solved
    this.atBound = this.free.filter((_, i) => hasBit(atBound, fit, i))
    this.unidentifiable = this.free.filter((_, i) => hasBit(unidentifiable, fit, i))
    this.degreesOfFreedom = computeDegreesOfFreedom(ingredients, fit)
    const said = fitStatistics(ingredients, fit)
    this.reducedChiSquared = said.reducedChiSquared
    this.rSquared = said.rSquared
    this.aic = said.aic
    this.bic = said.bic
    this.evaluations = all.evaluations[fit]
    this.reason = fitReasons[all.reason[fit]] as FitReason
    this.minima = ingredients.solved.minima[fit] ?? []
    this.engine = all.engine
    this.engineReasons = all.engineReasons
  }

  /** By rows and columns, of the parameters in `free`. */
  get covariance(): number[][] {
    return this.free.map((_, i) => this.free.map((_, j) => this.#covariance(i, j)))
  }

  get correlation(): number[][] {
    return correlationMatrix(this.covariance)
  }

  /** Why it ended as `reason` says, in words, and what has to be known of its numbers; empty if there is nothing. */
  get message(): string {
    const { data, columns, problem, parameters, isByRule, isAbsolute } = this.#rows
    const y = numbersInRun(columns.get(problem.y) as DataColumn, this.#fit)
    const index = (row: number) =>
      modelColumns(problem)
        .filter((name) => !name.startsWith('@'))
        .map((name) => [name, numbersInRun(data.get(name) as DataColumn, this.#fit)[row]] as const)
    const moved = parameters.flatMap(({ name, start, min, max }): [string, number][] => {
      const given = isObject(start) ? start[this.#fit] : start
      return given !== null && (given < min || given > max) ? [[name, given]] : []
    })
    const about = { index, isByRule, isAbsolute, moved, varies: varies(y) || problem.y === ZEROS }
    const said = describeFit(this, about)
    return [said, this.#remark()].filter((text) => text !== '').join('; ')
  }

  /** What the model says of its values. */
  #remark(): string {
    const { remark, columns } = this.#rows
    if (remark === null || this.reason === 'not-finite' || this.reason === 'too-few-points') return ''
    const [x, y, ...others] = remark.columns.map((name) =>
      numbersInRun(columns.get(name) as DataColumn, this.#fit),
    )
    return remark.remark(() => this.values, x, y, ...others)
  }

  /**
   * Of a fit that is 'not-finite', the first row and column, the model or a derivative there, or the parameter whose
   * start is not finite; null where all are, and sums of them are not, or steps have led there.
   */
  get nonFinite(): NonFinite | null {
    if (this.reason !== 'not-finite') return null
    const unweighed = this.#context.invalidWeights.get(this.#fit)
    if (unweighed !== undefined) return unweighed
    const { data: columns, problem, starts, dropsInvalid } = this.#rows
    const point = [...problem.free, ...problem.fixed].map((name) => starts.get(name)?.[this.#fit] ?? NaN)
    const { outputs } = evaluateModel(this.#rows, this.#fit, undefined)
    const evaluate = (row: number) => outputs(row, point)
    return findNonFinite({ problem, columns, fit: this.#fit, starts, dropsInvalid, evaluate })
  }

  /**
   * y − f by row, without weights. All rows that were given have their place, those of weight 0 too; where y or a column
   * of the model is missing it is NaN.
   */
  get residuals(): Float64Array {
    const { data, problem } = this.#rows
    const y = numbersInRun(data.get(problem.y) as DataColumn, this.#fit)
    return this.predict().map((f, row) => y[row] - f)
  }

  /**
   * Within which a parameter is with a probability: value ± t·error, with Student's t, or the normal distribution's
   * where σ is known; of a positive one that of its logarithm. With the option `intervals: 'profile'` they are those
   * of {@link profile}.
   */
  intervals(level = 0.95): Readonly<Record<Names, readonly [low: number, high: number]>> {
    const t = this.#quantile(level)
    const positive = this.#context.parameters
      .filter(({ isLogarithmic }) => isLogarithmic)
      .map(({ name }) => name)
    const profiles = this.#context.profiled && this.profile(undefined, { level })
    return mapRecord(this.values, (value, name) => {
      if (profiles && Object.hasOwn(profiles, name)) return [profiles[name].low, profiles[name].high] as const
      return symmetricInterval(value, t * this.errors[name], positive.includes(name))
    })
  }

  /**
   * Fits again and again to data that might as well have been measured, for errors, intervals and bands that do not take
   * the model for linear. A fit of a batch gets the numbers that it has in the bootstrap of the batch.
   *
   * @throws OptionError where an option is out of its range, or residuals are asked of a fit of counts
   */
  bootstrap(options: BootstrapOptions = {}): Bootstrap<Names> {
    const read = readOptions('options', options, bootstrapTable)
    const context = this.#context
    checkBootstrap(context, 1, read)
    const refits = runBootstrap(context, [this.#fit], read, undefined)
    return new Bootstrap(
      { context, fit: this.#fit, values: this.values },
      executeSync(context.choice, refits),
      read,
    )
  }

  /**
   * How far parameters can go, while all others follow, until χ² has risen by what the level says: by F(1, n) where σ is
   * unknown (`conf_interval` of lmfit), by Δχ² where it is known (MINOS). Not symmetric, and right where the model is
   * not linear within the errors.
   *
   * @param names of parameters that vary, or that follow from these; by default all of them
   * @throws OptionError where a name is none of these, or the level no probability
   */
  profile<Name extends Names = Names>(
    names?: Name | readonly Name[],
    options: ProfileOptions = {},
  ): Readonly<Record<Name, Profile>> {
    const { level } = readOptions('options', options, profileTable)
    const context = this.#context
    const profiles = createProfiles(context, this.#fit, profileNames(names, context.problem), level)
    const found = executeSync(context.choice, profiles)
    return createRecord(found.names as Name[], (_, k) => createProfile(context, found, k, this.#fit))
  }

  /**
   * Where χ², by two parameters while all others follow, has risen to what the level says for both at once: by F(2, n), or
   * by Δχ² of two degrees of freedom where σ is known. Points are in a circle around the fit, one on each ray from it; of
   * what follows from parameters they are those that lines from outside touch.
   *
   * @param a @param b parameters that vary, or that follow from these
   * @throws OptionError where one is none, both are one, or an option is out of its range
   */
  contour<A extends Names, B extends Names>(a: A, b: B, options: ContourOptions = {}): Contour<A | B> {
    const read = readOptions('options', options, contourTable)
    const context = this.#context
    checkProfiled('a', context.problem)
    return executeSync(
      context.choice,
      traceContour(context, this.#fit, readPair(a, b, context), read),
    ) as Contour<A | B>
  }

  /**
   * The model.
   *
   * @param at columns of the model, of one length, null and NaN where one is missing; by default those that were
   * given, with rows that are left out
   * @throws OptionError where it is none, or one is missing or no numbers
   */
  predict(at?: RequestedColumns): Float64Array {
    return predictColumns(this.#rows, this.#fit, at)
  }

  /** Lower and upper ends of a band about `predict(at)`, by the derivatives of the model (the delta method). */
  band(
    at?: RequestedColumns,
    options: BandOptions = {},
  ): { readonly low: Float64Array; readonly high: Float64Array } {
    const { level, kind } = readOptions('options', options, bandTable)
    // Rows may be others than those of which errors are known.
    const context = { ...this.#rows, solved: this.#context.solved }
    return computeBand(context, this.#fit, at, kind, this.#quantile(level), this.reducedChiSquared)
  }

  #covariance(i: number, j: number): number {
    return covarianceEntry(this.#context, this.#fit, i, j)
  }

  #quantile(level: number): number {
    readOption('level', probability, level)
    return confidenceQuantile(this.#context.isAbsolute, this.degreesOfFreedom, level)
  }
}
