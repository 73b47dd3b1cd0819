/** Runs the fits by likelihood of one call: Newton's method in lanes, and a refinement of each solution. */

import { wasmModule } from '#webassembly/many'
import { OptionError } from '../../core/errors.js'
import { runToEnd } from '../../core/slices.js'
import type { EngineChoice } from '../../engines/select-engine.js'
import { namesIn } from '../../expressions/parse.js'
import { checkRows, concatenate, type DataColumn, numbersInRun } from '../../many/batch/data.js'
import type { BatchRunner } from '../../many/engines/engines.js'
import { selectRunner } from '../../many/engines/engines.js'
import { CallProgress, type EngineCall } from '../../many/engines/execute.js'
import { type GuessArguments, readModel } from '../models/model.js'
import { countFits, type ParsedData, readData } from '../problem/columns.js'
import { BoundFunctionModel } from '../problem/function-model.js'
import { moveInside } from '../problem/multi-start.js'
import type { FitData } from '../problem/options.js'
import { type FitParameters, type Parameter, readParameters } from '../problem/parameters.js'
import { hasUsablePoint, NOT_FINITE, SINGULAR, TOO_FEW_POINTS } from '../problem/reasons.js'
import { type RowSelection, selectRows } from '../problem/row-selection.js'
import type { GroupLabel } from '../problem/shared-parameters.js'
import { fromInternal, toInternal } from '../programs/internal-parameters.js'
import type { DistributionFits } from '../solve/distribution.js'
import { forceTypeScript, selectFunctionEngine } from '../solve/function-engine.js'
import { isDegenerate } from './degenerate.js'
import { checkResponse, findInvalidStart } from './domains.js'
import { findDoubtfulStarts, solveExpressions } from './expression-solver.js'
import { ModelEvaluator } from './model-evaluator.js'
import { checkLimits, checkModel, checkOptions, type LikelihoodValues, limitScales } from './options.js'
import {
  FACTOR,
  type Likelihood,
  type LikelihoodProblem,
  makeLikelihood,
  namesOfDistribution,
} from './problem.js'
import { LikelihoodResult } from './result.js'
import { createSolutions, type LikelihoodSolutions, solveModel, TOLERANCE } from './solutions.js'
import type { PendingRun } from './source.js'

export class LikelihoodRun implements DistributionFits, PendingRun {
  readonly choice: EngineChoice<BatchRunner>
  readonly options: LikelihoodValues
  readonly progress: CallProgress
  readonly likelihood: LikelihoodProblem
  readonly parameters: readonly Parameter[]
  readonly data: ReadonlyMap<string, DataColumn>
  readonly selection: RowSelection
  readonly starts: ReadonlyMap<string, Float64Array>
  readonly count: number
  readonly model: unknown
  readonly distribution: Likelihood
  readonly solutions: LikelihoodSolutions
  readonly labels: readonly GroupLabel[] | undefined
  readonly free: readonly Parameter[]
  readonly #guess: (() => void) | undefined

  /**
   * @param labels labels of the groups of a fit with shared parameters
   * @param read data columns that are already validated, if the run refits the rows of a bound model
   */
  constructor(
    distribution: Likelihood,
    model: unknown,
    data: FitData,
    given: LikelihoodValues,
    labels?: readonly GroupLabel[],
    read?: ParsedData,
  ) {
    this.labels = labels
    checkOptions(given)
    this.model = model
    this.distribution = distribution
    this.progress = new CallProgress(given.onProgress)
    const parsed = readModel(model, true)
    const { text, functionModel, guess, x, extraColumns } = parsed
    const exact = functionModel?.exact
    checkModel(model, functionModel, given)
    const prepared = read === undefined ? exact?.prepare(data, given) : undefined
    const options = prepared?.options ?? given
    this.options = options
    const ofText = exact ? [] : namesIn(text)
    const ofDistribution = namesOfDistribution(distribution)
    const own = guess === undefined ? [] : [x, ...extraColumns]
    const { columns, y, weight } =
      read ??
      readData(
        functionModel ?? [...new Set([...ofText, ...ofDistribution])],
        prepared?.data ?? data,
        options,
        own,
      )
    const ofModel = exact?.parameters(columns) ?? ofText
    checkLimits(distribution, columns)
    const known = [...new Set([...ofModel, ...ofDistribution])].filter((name) => !columns.has(name))
    const defaults = { ...limitScales(known, ofModel), ...parsed.parameters }
    this.parameters = readParameters(options, known, defaults, columns.keys())
    this.free = this.parameters.filter(({ isFixed }) => !isFixed)
    this.count = countFits(columns, this.parameters)
    checkRows(columns, this.count, true)
    this.data = columns
    this.progress.total = this.count
    const bound =
      functionModel instanceof BoundFunctionModel || !functionModel
        ? functionModel
        : new BoundFunctionModel(functionModel, columns)
    const inputs = { ofModel, parameters: this.parameters, columns: [...columns.keys()], y, weight }
    this.likelihood = makeLikelihood(distribution, { ...inputs, model: bound ?? text })
    this.choice = exact ? this.#chooseForModel() : selectRunner(options, wasmModule)
    checkResponse(this, options.missing === 'drop')
    this.selection = runToEnd(selectRows(columns, weight, this.count, options.missing === 'drop'))
    const started = this.parameters.filter(({ expr }) => expr === null)
    this.starts = new Map(started.map((parameter) => [parameter.name, startsOf(parameter, this.count)]))
    const open = started.filter(({ start }) => start === null)
    this.#guess = this.#guessOf(open, parsed, y, ofModel)
    this.solutions = createSolutions(this.likelihood.problem, this.count)
  }

  release(): void {}

  /** The engine of a model that computes all rows together. */
  #chooseForModel(): EngineChoice<BatchRunner> {
    return this.labels
      ? forceTypeScript(this.options, true, wasmModule)
      : selectFunctionEngine(this.options, true, this.count, wasmModule)
  }

  /**
   * Returns a function that fills the starts of the open parameters, which the model guesses from the data. Without open
   * parameters, the result is undefined.
   *
   * @throws OptionError if the model cannot guess one of the starts
   */
  #guessOf(
    open: readonly Parameter[],
    { guess, x, extraColumns }: ReturnType<typeof readModel>,
    y: string,
    ofModel: readonly string[],
  ): (() => void) | undefined {
    const followers = [x, y, ...extraColumns]
    const canGuess = guess !== undefined && followers.every((name) => this.data.has(name))
    const lost = open.find(({ name }) => !(canGuess && ofModel.includes(name)))
    if (lost) throw new OptionError(`start: ${lost.name}`, 'a number, or one per fit', undefined)
    if (guess === undefined || open.length === 0) return undefined
    return () => {
      for (let fit = 0; fit < this.count; fit++) {
        const rows = followers.map((name) =>
          numbersInRun(this.selection.columns.get(name) as DataColumn, fit),
        ) as unknown as GuessArguments
        const point = runToEnd(guess(...rows))
        for (const parameter of open)
          (this.starts.get(parameter.name) as Float64Array)[fit] = moveInside(
            parameter,
            point[parameter.name],
          )
      }
    }
  }

  /** Fills the starting values that the model guesses from the data. */
  guessStarts(): void {
    this.#guess?.()
  }

  *calls(): Generator<EngineCall> {
    const { problem } = this.likelihood
    const { observations, isIncomplete } = this.selection
    this.#guess?.()
    const enough = Uint32Array.from({ length: this.count }, (_, fit) => fit).filter(
      (fit) => observations[fit] >= Math.max(1, problem.free.length) && !isIncomplete[fit],
    )
    const { solutions } = this
    const isFunction = problem.functionModel !== null
    const doubtful = isFunction ? enough : yield* findDoubtfulStarts(this, enough)
    const invalid = new Set(doubtful.filter((fit) => findInvalidStart(this, fit) !== null))
    const live = enough.filter((fit) => !invalid.has(fit))
    if (live.length > 0) {
      yield* isFunction ? this.#solveModels(live) : solveExpressions(this, live)
      this.#complete(live)
    }
    const isLive = new Uint8Array(this.count)
    for (const fit of live) isLive[fit] = 1
    // The results of fits that cannot run contain their starting values.
    for (let fit = 0; fit < this.count; fit++) {
      if (isLive[fit] === 1) continue
      solutions.reason[fit] =
        observations[fit] < Math.max(1, problem.free.length) ? TOO_FEW_POINTS : NOT_FINITE
      for (const [i, name] of problem.free.entries())
        solutions.free[i][fit] = (this.starts.get(name) as Float64Array)[fit]
    }
    this.progress.advance(this.count)
  }

  /** Minimizes −2 log L of models that compute all rows together, side by side where the model can. */
  *#solveModels(fits: Uint32Array): Generator<EngineCall> {
    const { likelihood, solutions: to } = this
    const { tolerance = TOLERANCE, maxIterations = 1000 } = this.options
    const { engine, runner } = this.choice
    const { exact } = likelihood.problem.functionModel ?? {}
    const lanes = engine === 'typescript' ? undefined : exact?.lanes(fits.length, runner)
    const solveOne = (fit: number, run: number) => {
      const evaluator = new ModelEvaluator(likelihood, this.rowsOf(fit), lanes && { lanes, run })
      const start = Float64Array.from(this.free, (parameter) => {
        const own = this.starts.get(parameter.name) as Float64Array
        return toInternal(parameter, own.slice(fit, fit + 1))[0]
      })
      return solveModel(evaluator, { tolerance, maxIterations, likelihood }, start, {
        to,
        fit,
        iterations: 0,
      })
    }
    const all = Array.from(fits, solveOne)
    if (lanes) yield* lanes.run(all)
    else for (const one of all) yield* one
  }

  /** Converts the solutions to external units. */
  #complete(fits: Uint32Array): void {
    const { solutions } = this
    fromInternal(this.free, solutions.free, solutions.covariance, solutions.errors)
    for (const fit of fits)
      if (hasUsablePoint(solutions.reason[fit]) && isDegenerate({ run: this, fit }))
        solutions.reason[fit] = SINGULAR
  }

  /** Internal values of the free parameters at the solution of a fit. */
  internalPoint(fit: number): Float64Array {
    return Float64Array.from(
      this.free,
      (parameter, i) => toInternal(parameter, this.solutions.free[i].slice(fit, fit + 1))[0],
    )
  }

  /** The rows of a fit, in the order of the objective's columns. */
  rowsOf(fit: number): Float64Array[] {
    return this.likelihood.columns.map((name) => {
      const column = this.selection.columns.get(name)
      return column ? numbersInRun(column, fit) : this.constant(name, fit)
    })
  }

  /** Rows of a column that is constant in a fit. */
  readonly constant = (name: string, fit: number): Float64Array => {
    const rows = this.selection.observations[fit]
    const value = name === FACTOR ? this.factor(fit) : (this.starts.get(name) as Float64Array)[fit]
    return new Float64Array(rows).fill(value)
  }

  /** Factor (n − p)/n of log σ, for p free parameters of the model. */
  factor(fit: number): number {
    const n = this.selection.observations[fit]
    const { problem, ofModel } = this.likelihood
    const p = problem.free.filter((name) => ofModel.includes(name)).length
    return Math.max(n - p, 0) / n
  }

  /** Fits of other rows with the same settings, which start at the given values. */
  refit(columns: Readonly<Record<string, readonly Float64Array[]>>, start: FitParameters): LikelihoodRun {
    const same = {
      ...this.options,
      weights: undefined,
      missing: undefined,
      multiStart: { ...this.options.multiStart, count: 1 },
      signal: undefined,
      onProgress: undefined,
    }
    const { weight, y, functionModel } = this.likelihood.problem
    if (functionModel !== null) {
      const all = Object.entries(columns).map(([name, own]) => [name, concatenate(own)] as const)
      const read = { columns: new Map(all), y, weight }
      return new LikelihoodRun(this.distribution, functionModel, {}, { ...same, start }, undefined, read)
    }
    const own = { ...columns }
    const weighted = weight === null ? {} : { weights: own[weight] }
    if (weight !== null) delete own[weight]
    return new LikelihoodRun(this.distribution, this.model, own, { ...same, ...weighted, y, start })
  }

  result(): LikelihoodResult {
    return new LikelihoodResult(this)
  }
}

function startsOf({ start, min, max }: Parameter, count: number): Float64Array {
  const column = start instanceof Float64Array ? start.slice() : new Float64Array(count).fill(start ?? NaN)
  return column.map((x) => Math.min(Math.max(x, min), max))
}
