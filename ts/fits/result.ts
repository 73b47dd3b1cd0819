import type { EngineName } from '../engines/engine.js'
import { ArgumentError } from '../ground/errors.js'
import { isObject, mapped, recordOf } from '../ground/given.js'
import { type Column, numbersOf } from '../many/data.js'
import { drive, driveSync } from '../many/drive.js'
import type { ValuesOf } from '../options/kinds.js'
import { readOption, readOptions } from '../options/read.js'
import { type BandOptions, bandAbout, bandTable, predicted, quantileOf, symmetric } from './bands.js'
import {
  type BootstrapManyOptions,
  type BootstrapOptions,
  type BootstrapValues,
  bootstrapManyTable,
  bootstrapTable,
  checkBootstrap,
  type Refitted,
  refit,
} from './bootstrap.js'
import { ZEROS } from './called.js'
import { type Contour, type ContourOptions, contour, contourTable, pairOf } from './contour.js'
import { columnsOfModel } from './curve.js'
import { errorOf, freedomOf, hasBit, type Ingredients } from './found.js'
import { probability } from './level.js'
import { correlationOf } from './linear.js'
import { type ColumnsAsked, covarianceOf, followed, modelAt } from './linearise.js'
import { describe, findNonFinite, type NonFinite } from './message.js'
import type { Minimum } from './multi-start.js'
import { checkProfiled } from './problem.js'
import {
  columnsOf,
  type Profile,
  type ProfileColumns,
  type ProfileManyOptions,
  type ProfileOptions,
  profiled,
  profileManyTable,
  profileNames,
  profileOf,
  profileTable,
} from './profiled.js'
import { type FitReason, fitReasons } from './reasons.js'
import { Bootstrap, BootstrapMany } from './refitted.js'
import { type Statistics, statistics, varies } from './statistics.js'

type Columns<Names extends string = string> = Readonly<Record<Names, Float64Array>>

/** Whether it is what `fitMany` gives, and no proxy of that. */
export let isFitManyResult: (given: object) => given is FitManyResult

/** Where fits ended, a column each, by fit. */
export class FitManyResult<Names extends string = string> {
  /** All parameters, fixed ones and those that follow from others too. */
  readonly values: Columns<Names>
  /** Their standard errors: 0 where a parameter is fixed, NaN where a bound holds it or nothing is known of it. */
  readonly errors: Columns<Names>
  /** The least sum of what rows cost: of w·(f − y)², of a loss, or a deviance. */
  readonly chiSquared: Float64Array
  /** Rows of data that count: those whose weight is not 0 and that are not left out. */
  readonly rows: Uint32Array
  /** Rows with a weight that are left out because something is missing, with the option `missing`. */
  readonly missing: Uint32Array
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
  readonly #of: Ingredients

  static {
    isFitManyResult = (given): given is FitManyResult => #of in given
  }

  /** @internal */
  constructor(ingredients: Ingredients) {
    const { problem, starts, rows, found, choice } = ingredients
    const { parameters } = ingredients.whitened?.plain ?? ingredients
    this.#of = ingredients
    this.free = problem.free as readonly Names[]
    this.chiSquared = found.cost
    this.rows = rows
    this.missing = ingredients.missing
    this.evaluations = found.evaluations
    this.reason = found.reason
    this.engine = choice.engine
    this.engineReasons = choice.reasons
    const columns = parameters.map(({ name, expr }) => {
      const at = problem.free.indexOf(name)
      if (at >= 0) return [name, found.free[at], found.errors[at]] as const
      if (expr === null)
        return [name, starts.get(name) as Float64Array, new Float64Array(rows.length)] as const
      return [name, ...this.#derive(name)] as const
    })
    const names = columns.map(([name]) => name as Names)
    this.values = recordOf(names, (_, i) => columns[i][1])
    this.errors = recordOf(names, (_, i) => columns[i][2])
  }

  /** How many fits there are. */
  get length(): number {
    return this.rows.length
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
      throw new ArgumentError('fit', `a whole number from 0 to ${this.length - 1}`, fit)
    }
    return new Fit(this, fit, this.#of)
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
    const { choice } = this.#of
    return this.#bootstrapped(await drive(choice, this.#refit(read), read.signal, () => {}), read)
  }

  /** `bootstrap` without a promise. */
  bootstrapSync(options: BootstrapManyOptions = {}): BootstrapMany<Names> {
    const read = this.#readBootstrap(options)
    return this.#bootstrapped(driveSync(this.#of.choice, this.#refit(read)), read)
  }

  #readBootstrap(options: BootstrapManyOptions) {
    const read = readOptions('options', options, bootstrapManyTable)
    checkBootstrap(this.#of, this.length, read)
    return read
  }

  #refit(options: ValuesOf<typeof bootstrapManyTable>) {
    return refit(this.#of, Array.from(this.rows.keys()), options, options.onProgress)
  }

  #bootstrapped({ values, reason }: Refitted, options: BootstrapValues): BootstrapMany<Names> {
    const { count } = options
    const at = (fit: number) => {
      const own = <T extends Float64Array | Uint8Array>(column: T) =>
        column.subarray(fit * count, (fit + 1) * count) as T
      const original = { of: this.#of, fit, values: mapped(this.values, (column) => column[fit]) }
      return new Bootstrap(original, { values: mapped(values, own), reason: own(reason) }, options)
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
    return columnsOf(await drive(this.#of.choice, this.#profiled(names, level), signal, () => {}))
  }

  /** `profile` without a promise. */
  profileSync<Name extends Names = Names>(
    names?: Name | readonly Name[],
    options: ProfileManyOptions = {},
  ): Readonly<Record<Name, ProfileColumns>> {
    const { level } = readOptions('options', options, profileManyTable)
    return columnsOf(driveSync(this.#of.choice, this.#profiled(names, level)))
  }

  #profiled(names: unknown, level: number) {
    return profiled(this.#of, undefined, profileNames(names, this.#of.problem), level)
  }

  #statistic(name: keyof Statistics): Float64Array {
    return this.chiSquared.map((_, fit) => statisticsOf(this.#of, fit)[name])
  }

  /** A parameter that follows from others, and its errors by theirs. */
  #derive(name: string): readonly [Float64Array, Float64Array] {
    const { found, rows } = this.#of
    const outputs = followed(this.#of, name)
    const [values, errors] = [new Float64Array(rows.length), new Float64Array(rows.length)]
    for (let fit = 0; fit < rows.length; fit++) {
      const [value, ...slopes] = outputs(fit)
      values[fit] = value
      errors[fit] = Number.isNaN(value) ? NaN : errorOf(found, fit, slopes)
    }
    return [values, errors]
  }
}

function statisticsOf(of: Ingredients, fit: number): Statistics {
  const { problem, columns, whitened, rows, found } = of
  return statistics(
    problem,
    columns,
    whitened?.ones ?? null,
    fit,
    found.cost[fit],
    rows[fit],
    freedomOf(of, fit),
  )
}

/** Whether it is what `fit` gives, and no proxy of that. */
export let isFit: (given: object) => given is Fit
/** What a fit is made of, and which of the fits there it is, for what is a module of its own. */
export let ingredientsOf: (fit: Fit) => { readonly of: Ingredients; readonly at: number }

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
  readonly rows: number
  /** Rows with a weight that are left out because something is missing, with the option `missing`. */
  readonly missing: number
  /** How many more rows count than there are parameters that vary and no bound holds. */
  readonly freedom: number
  readonly evaluations: number
  readonly reason: FitReason
  /** Parameters that vary, in the order of covariances. */
  readonly free: readonly Names[]
  /**
   * Those of them that a bound holds, as χ² would be less beyond it. All else is that of a fit in which they are fixed
   * there: degrees of freedom, errors, bands; their own errors are NaN.
   */
  readonly held: readonly Names[]
  /** Those on which the model no longer depends where the fit has ended: their errors are NaN, and it is 'singular'. */
  readonly undetermined: readonly Names[]
  /** The minima at which the starts of `multiStart` have ended, the best one first. */
  readonly minima: readonly Minimum[]
  /** What ran. */
  readonly engine: EngineName
  /** Why this engine, and why not another. */
  readonly engineReasons: readonly string[]
  readonly #fit: number
  readonly #of: Ingredients
  /** The same of rows as they were given: they are others where y has a covariance. */
  readonly #rows: Ingredients

  static {
    isFit = (given): given is Fit => #of in given
    ingredientsOf = (fit) => ({ of: fit.#of, at: fit.#fit })
  }

  /** @internal */
  constructor(all: FitManyResult<Names>, fit: number, ingredients: Ingredients) {
    const ofFit = (columns: Columns<Names>) => mapped(columns, (numbers) => numbers[fit])
    this.#fit = fit
    this.#of = ingredients
    this.#rows = ingredients.whitened?.plain ?? ingredients
    this.values = ofFit(all.values)
    this.errors = ofFit(all.errors)
    this.chiSquared = all.chiSquared[fit]
    this.rows = all.rows[fit]
    this.missing = all.missing[fit]
    this.free = all.free
    const { held, undetermined } = ingredients.found
    this.held = this.free.filter((_, i) => hasBit(held, fit, i))
    this.undetermined = this.free.filter((_, i) => hasBit(undetermined, fit, i))
    this.freedom = freedomOf(ingredients, fit)
    const said = statisticsOf(ingredients, fit)
    this.reducedChiSquared = said.reducedChiSquared
    this.rSquared = said.rSquared
    this.aic = said.aic
    this.bic = said.bic
    this.evaluations = all.evaluations[fit]
    this.reason = fitReasons[all.reason[fit]] as FitReason
    this.minima = ingredients.found.minima[fit] ?? []
    this.engine = all.engine
    this.engineReasons = all.engineReasons
  }

  /** By rows and columns, of the parameters in `free`. */
  get covariance(): number[][] {
    return this.free.map((_, i) => this.free.map((_, j) => this.#covariance(i, j)))
  }

  get correlation(): number[][] {
    return correlationOf(this.covariance)
  }

  /** Why it ended as `reason` says, in words, and what has to be known of its numbers; empty if there is nothing. */
  get message(): string {
    const { given, columns, problem, parameters, isByRule, isAbsolute } = this.#rows
    const y = numbersOf(columns.get(problem.y) as Column, this.#fit)
    const at = (row: number) =>
      columnsOfModel(problem)
        .filter((name) => !name.startsWith('@'))
        .map((name) => [name, numbersOf(given.get(name) as Column, this.#fit)[row]] as const)
    const moved = parameters.flatMap(({ name, start, min, max }): [string, number][] => {
      const given = isObject(start) ? start[this.#fit] : start
      return given !== null && (given < min || given > max) ? [[name, given]] : []
    })
    const about = { at, isByRule, isAbsolute, moved, varies: varies(y) || problem.y === ZEROS }
    const said = describe(this, about)
    return [said, this.#remark()].filter((text) => text !== '').join('; ')
  }

  /** What the model says of its values. */
  #remark(): string {
    const { remark, columns } = this.#rows
    if (remark === null || this.reason === 'not-finite' || this.reason === 'too-few-points') return ''
    const [x, y, ...others] = remark.columns.map((name) => numbersOf(columns.get(name) as Column, this.#fit))
    return remark.of(() => this.values, x, y, ...others)
  }

  /**
   * Of a fit that is 'not-finite', the first row and column, the model or a derivative there, or the parameter whose
   * start is not finite; null where all are, and sums of them are not, or steps have led there.
   */
  get nonFinite(): NonFinite | null {
    if (this.reason !== 'not-finite') return null
    const unweighed = this.#of.unweighed.get(this.#fit)
    if (unweighed !== undefined) return unweighed
    const { given: columns, problem, starts, drops } = this.#rows
    const point = [...problem.free, ...problem.fixed].map((name) => starts.get(name)?.[this.#fit] ?? NaN)
    const { outputs } = modelAt(this.#rows, this.#fit, undefined)
    const evaluate = (row: number) => outputs(row, point)
    return findNonFinite({ problem, columns, fit: this.#fit, starts, drops, evaluate })
  }

  /**
   * y − f by row, without weights. All rows that were given have their place, those of weight 0 too; where y or a column
   * of the model is missing it is NaN.
   */
  get residuals(): Float64Array {
    const { given, problem } = this.#rows
    const y = numbersOf(given.get(problem.y) as Column, this.#fit)
    return this.predict().map((f, row) => y[row] - f)
  }

  /**
   * Within which a parameter is with a probability: value ± t·error, with Student's t, or the normal distribution's
   * where σ is known; of a positive one that of its logarithm. With the option `intervals: 'profile'` they are those
   * of {@link profile}.
   */
  intervals(level = 0.95): Readonly<Record<Names, readonly [low: number, high: number]>> {
    const t = this.#quantile(level)
    const positive = this.#of.parameters.filter(({ isLogarithmic }) => isLogarithmic).map(({ name }) => name)
    const profiles = this.#of.profiled && this.profile(undefined, { level })
    return mapped(this.values, (value, name) => {
      if (profiles && Object.hasOwn(profiles, name)) return [profiles[name].low, profiles[name].high] as const
      return symmetric(value, t * this.errors[name], positive.includes(name))
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
    const of = this.#of
    checkBootstrap(of, 1, read)
    const refits = refit(of, [this.#fit], read, undefined)
    return new Bootstrap({ of, fit: this.#fit, values: this.values }, driveSync(of.choice, refits), read)
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
    const of = this.#of
    const profiles = profiled(of, this.#fit, profileNames(names, of.problem), level)
    const found = driveSync(of.choice, profiles)
    return recordOf(found.names as Name[], (_, k) => profileOf(of, found, k, this.#fit))
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
    const of = this.#of
    checkProfiled('a', of.problem)
    return driveSync(of.choice, contour(of, this.#fit, pairOf(a, b, of), read)) as Contour<A | B>
  }

  /**
   * The model.
   *
   * @param at columns of the model, of one length, null and NaN where one is missing; by default those that were
   * given, with rows that are left out
   * @throws OptionError where it is none, or one is missing or no numbers
   */
  predict(at?: ColumnsAsked): Float64Array {
    return predicted(this.#rows, this.#fit, at)
  }

  /** Lower and upper ends of a band about `predict(at)`, by the derivatives of the model (the delta method). */
  band(
    at?: ColumnsAsked,
    options: BandOptions = {},
  ): { readonly low: Float64Array; readonly high: Float64Array } {
    const { level, kind } = readOptions('options', options, bandTable)
    // Rows may be others than those of which errors are known.
    const of = { ...this.#rows, found: this.#of.found }
    return bandAbout(of, this.#fit, at, kind, this.#quantile(level), this.reducedChiSquared)
  }

  #covariance(i: number, j: number): number {
    return covarianceOf(this.#of, this.#fit, i, j)
  }

  #quantile(level: number): number {
    readOption('level', probability, level)
    return quantileOf(this.#of.isAbsolute, this.freedom, level)
  }
}
