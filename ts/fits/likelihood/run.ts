/** Runs the fits by likelihood of one call: Newton's method in lanes, and a refinement of each solution. */

import { wasmModule } from '#webassembly/many'
import { OptionError } from '../../core/errors.js'
import { pauseAfterNumbers, runToEnd } from '../../core/slices.js'
import type { EngineChoice } from '../../engines/select-engine.js'
import { namesIn } from '../../expressions/parse.js'
import { checkRows, concatenate, type DataColumn, numbersInRun } from '../../many/batch/data.js'
import type { BatchRunner } from '../../many/engines/engines.js'
import { selectRunner } from '../../many/engines/engines.js'
import { CallProgress, type EngineCall } from '../../many/engines/execute.js'
import { type GuessArguments, readModel } from '../models/model.js'
import { countFits, type ParsedData, readData } from '../problem/columns.js'
import { BoundFunctionModel } from '../problem/function-model.js'
import { isBounded, moveInside, sampleAround, sampleStarts } from '../problem/multi-start.js'
import type { FitData } from '../problem/options.js'
import { type FitParameters, type Parameter, readParameters } from '../problem/parameters.js'
import { hasUsablePoint, NOT_FINITE, SINGULAR, TOO_FEW_POINTS } from '../problem/reasons.js'
import { type RowSelection, selectRows } from '../problem/row-selection.js'
import type { GroupLabel } from '../problem/shared-parameters.js'
import { fromInternal, fromInternalInterval, toInternal } from '../programs/internal-parameters.js'
import type { DistributionFits } from '../solve/distribution.js'
import { forceTypeScript, selectFunctionEngine } from '../solve/function-engine.js'
import { hasVanishingScatter, isDegenerate } from './degenerate.js'
import { checkResponse, findInvalidStart } from './domains.js'
import { createEvaluator, evaluateRows } from './evaluate.js'
import { keepLower, type LaneMinima, type LikelihoodBatch, minimizeInLanes } from './lanes.js'
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
import { scaleStarts, scalesOf } from './scale-starts.js'
import { createSolutions, type LikelihoodSolutions, refine, solveModel } from './solutions.js'
import type { PendingRun } from './source.js'

/** Default of the predicted decrease of −2 log L below which a fit has converged. */
export const TOLERANCE = 1e-10

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
  readonly #free: readonly Parameter[]
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
    checkModel(model, functionModel, given, labels !== undefined)
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
    this.#free = this.parameters.filter(({ isFixed }) => !isFixed)
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
    const live = enough.filter((fit) => findInvalidStart(this, fit) === null)
    const isFunction = problem.functionModel !== null
    if (live.length > 0) yield* isFunction ? this.#solveModels(live) : this.#solve(live)
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

  /** Minimizes in lanes, and refines the minima in TypeScript. */
  *#solve(fits: Uint32Array): Generator<EngineCall> {
    const { tolerance = TOLERANCE, maxIterations = 1000 } = this.options
    const found = yield* minimizeInLanes(
      this.#laneBatch(fits),
      this.#internal((parameter) => {
        const own = this.starts.get(parameter.name) as Float64Array
        return Float64Array.from(fits, (fit) => own[fit])
      }),
    )
    yield* this.#startElsewhere(fits, found)
    yield* this.#startAgain(fits, found)
    const isPauseDue = pauseAfterNumbers()
    for (const [k, fit] of fits.entries()) {
      const evaluate = createEvaluator(this.likelihood, this.rowsOf(fit))
      const start = Float64Array.from(found.x, (column) => column[k])
      const request = { evaluate, tolerance, maxIterations, likelihood: this.likelihood }
      refine(request, start, {
        to: this.solutions,
        fit,
        iterations: found.iterations[k],
      })
      if (isPauseDue(200 * this.selection.observations[fit])) yield
    }
    this.#complete(fits)
  }

  /** Replaces minima by lower ones from the starts of the option `multiStart`. */
  *#startElsewhere(fits: Uint32Array, found: LaneMinima): Generator<EngineCall> {
    const { multiStart } = this.options
    const { problem, inSteps } = this.likelihood
    const samples = sampleStarts(problem, inSteps, multiStart, true)
    const runs = Uint32Array.from(fits.keys())
    for (let n = 1; n < multiStart.count; n++) {
      const starts = this.#free.map((parameter, i) => {
        const part = samples[i][n - 1]
        if (isBounded(inSteps.min[i], inSteps.max[i])) return new Float64Array(fits.length).fill(part)
        const own = this.starts.get(parameter.name) as Float64Array
        const around = Float64Array.from(fits, (fit) =>
          moveInside(parameter, sampleAround(own[fit], part, undefined)),
        )
        return toInternal(parameter, around)
      })
      const other = yield* minimizeInLanes(this.#laneBatch(fits), starts)
      keepLower(found, other, runs, (k, point) => this.#hasScatter(fits[k], point))
    }
  }

  /** Replaces minima by lower ones from further starts of the parameters of σ. */
  *#startAgain(fits: Uint32Array, found: LaneMinima): Generator<EngineCall> {
    const { likelihood } = this
    const scales = scalesOf(likelihood)
    if (scales.length < 2) return
    const isPauseDue = pauseAfterNumbers()
    const points: number[][][] = []
    for (const [k, fit] of fits.entries()) {
      const point = this.#externalPoint(
        fit,
        Float64Array.from(found.x, (column) => column[k]),
      )
      points.push(scaleStarts(likelihood, this.rowsOf(fit), point, scales))
      if (isPauseDue(50 * this.selection.observations[fit])) yield
    }
    for (let n = 0; ; n++) {
      const runs = Uint32Array.from(fits.keys()).filter((k) => points[k].length > n)
      if (runs.length === 0) return
      const starts = this.#internal((parameter, i) =>
        Float64Array.from(runs, (k) => moveInside(parameter, points[k][n][i])),
      )
      const some = runs.map((k) => fits[k])
      const other = yield* minimizeInLanes(this.#laneBatch(some), starts)
      keepLower(found, other, runs, (k, point) => this.#hasScatter(fits[k], point))
    }
  }

  /** Whether σ of no row is as small as rounding errors. */
  #hasScatter(fit: number, internal: Float64Array): boolean {
    const { likelihood } = this
    const rows = this.rowsOf(fit)
    const outputs = evaluateRows(likelihood, this.#externalPoint(fit, internal), rows)
    const y = rows[likelihood.columns.indexOf(likelihood.problem.y)]
    return !hasVanishingScatter(likelihood.family, y, outputs[3], outputs[4])
  }

  /** External values of the free parameters, followed by the parameters that are fixed per fit. */
  #externalPoint(fit: number, internal: Float64Array): number[] {
    const fixed = this.likelihood.problem.fixed.map((name) => (this.starts.get(name) as Float64Array)[fit])
    return [...this.#free.map((parameter, i) => fromInternalInterval(parameter)(internal[i])), ...fixed]
  }

  /** Internal values of the free parameters, as columns. */
  #internal(external: (parameter: Parameter, i: number) => Float64Array): Float64Array[] {
    return this.#free.map((parameter, i) => toInternal(parameter, external(parameter, i)))
  }

  #laneBatch(fits: Uint32Array): LikelihoodBatch {
    const { maxIterations = 1000, instructionSet, threads, workers } = this.options
    return {
      likelihood: this.likelihood,
      data: this.likelihood.columns.map((name) => this.#columnOf(name, fits)),
      maxIterations,
      running: { engine: this.choice.engine, instructionSet, threads, workers },
    }
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
      const start = Float64Array.from(this.#free, (parameter) => {
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
    this.#complete(fits)
  }

  /** Converts the solutions to external units. */
  #complete(fits: Uint32Array): void {
    const { solutions } = this
    fromInternal(this.#free, solutions.free, solutions.covariance, solutions.errors)
    for (const fit of fits)
      if (hasUsablePoint(solutions.reason[fit]) && isDegenerate({ run: this, fit }))
        solutions.reason[fit] = SINGULAR
  }

  /** Internal values of the free parameters at the solution of a fit. */
  internalPoint(fit: number): Float64Array {
    return Float64Array.from(
      this.#free,
      (parameter, i) => toInternal(parameter, this.solutions.free[i].slice(fit, fit + 1))[0],
    )
  }

  /** Column of some fits, for many runs. */
  #columnOf(name: string, fits: Uint32Array): Float64Array | Float64Array[] {
    const column = this.selection.columns.get(name)
    if (column?.offsets === null) return column.numbers
    return Array.from(fits, (fit) => (column ? numbersInRun(column, fit) : this.#constant(name, fit)))
  }

  /** The rows of a fit, in the order of the objective's columns. */
  rowsOf(fit: number): Float64Array[] {
    return this.likelihood.columns.map((name) => {
      const column = this.selection.columns.get(name)
      return column ? numbersInRun(column, fit) : this.#constant(name, fit)
    })
  }

  #constant(name: string, fit: number): Float64Array {
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
