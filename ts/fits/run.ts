/** Fits under way. */

import type { Choice } from '../engines/choice.js'
import { Expression } from '../expressions/expression.js'
import { parse } from '../expressions/parse.js'
import { OptionError } from '../ground/errors.js'
import { isObject } from '../ground/given.js'
import { type FloatArray, smallestNormal } from '../ground/numbers.js'
import type { Slices } from '../ground/slices.js'
import { byRows, type Column, checkRows, numbersOf, pick, put, rowsOf } from '../many/data.js'
import type { Call } from '../many/drive.js'
import { type Advancer, chooseAdvancer } from '../many/engines.js'
import { runsOfBatch } from '../many/layout.js'
import { readSets } from '../many/option-sets.js'
import { reasons } from '../many/result.js'
import { Many } from '../many/run.js'
import { readOptions } from '../options/read.js'
import type { Rule } from '../rules/definitions.js'
import { Bound } from './called.js'
import { checkCounts, countOf, type DataRead, isWeight, readData, weightsFirst } from './columns.js'
import { type Compiled, compiled } from './compiled.js'
import { type Counted, countRows } from './counted.js'
import { DenseSolver } from './dense.js'
import { type Found, type Ingredients, keeping, type Profiled, type Refits } from './found.js'
import { Iterations, RUNS } from './iterations.js'
import { inTriangle } from './linear.js'
import { fromSteps, toSteps } from './logarithms.js'
import { termsOf } from './loss.js'
import { type FitModel, type Guess, readModel } from './models/model.js'
import { minimaOf, samples } from './multi-start.js'
import { Near } from './near.js'
import { type FitData, type FitValues, table } from './options.js'
import {
  deriveParameters,
  type FitParameter,
  type FitParameters,
  type Parameter,
  readParameters,
} from './parameters.js'
import type { Problem } from './problem.js'
import { noProfiles, profile } from './profile.js'
import { profileNames } from './profiled.js'
import { fitReasons, NOT_FINITE } from './reasons.js'
import { FitManyResult } from './result.js'
import { type Runs, type Solved, Solver } from './solver.js'

/** Runs that are the first, so that something can be told soon, and by what there are more from batch to batch. */
const [FIRST_RUNS, MORE] = [64, 8]
/** Runs at a time, by thread: one of two batches is not long in the way of the other. */
const RUNS_OF_THREAD = 1024
const TOO_FEW = fitReasons.indexOf('too-few-points')
/** So often a fit begins again in a lower valley. */
const RESTARTS = 8
/** What a run's reason is for a fit. */
const REASONS = reasons.map((reason) => (reason === 'diverged' ? 'not-finite' : reason))

/** Who fits batches, one after the other. */
interface Hand {
  readonly iterations: Iterations
  readonly solver: Solver | DenseSolver
}

/** @throws OptionError where something is given that has no meaning here */
function refuse(option: string, given: unknown, expected: string): void {
  if (given !== undefined) throw new OptionError(option, expected, given)
}

/** What runs functions. */
function inTypeScript(options: FitValues): Choice<Advancer> {
  const why = 'the model is a function'
  if (options.engine !== 'typescript') refuse('engine', options.engine, `'typescript', as ${why}`)
  const { instructionSet, threads } = options
  const { engine, runner } = chooseAdvancer({ engine: 'typescript', instructionSet, threads })
  return { engine, runner, reasons: [`${why}: it runs in JavaScript`] }
}

export class Fits {
  readonly choice: Choice<Advancer>
  readonly options: FitValues
  readonly #compiled: Compiled
  /** Two batches may be under way: one is made ready, or taken over, while the engine's threads are at work on the other. */
  #hands: readonly Hand[] = []
  /** As they are given, and of the rows that count. */
  readonly #given: ReadonlyMap<string, Column>
  readonly #counted: Counted
  readonly #parameters: readonly Parameter[]
  /** Where each parameter starts, by fit; NaN where it has not been guessed yet. */
  readonly #starts: ReadonlyMap<string, Float64Array>
  /** Parameters that are guessed, if there are some. */
  readonly #open: readonly Parameter[]
  readonly #guess: Guess | undefined
  readonly #remark: Ingredients['remark']
  /** The columns that guesses get. */
  readonly #beside: readonly string[]
  readonly #count: number
  readonly #samples: readonly Float64Array[]
  readonly #model: Bound | FitModel
  #made: Found | undefined
  readonly #profiled: Profiled | undefined
  /** Whether they start where others have ended that are much like them. */
  readonly #isNear: boolean
  #hasTold = false
  #done = 0
  /** 1 for each fit that has got all that it will. */
  readonly #isDone: Uint8Array

  /** @param read what data have, where they are ours */
  constructor(model: unknown, data: FitData, given: object, read?: DataRead) {
    const options = readOptions('options', given, table)
    this.options = options
    const { method } = options
    const start = options.start ?? {}
    const {
      text,
      called,
      parameters: defaults,
      guess,
      x,
      others,
      remark,
    } = readModel(model, options.start !== undefined)
    if (called === undefined) refuse('differences', options.differences, 'none of what has derivatives')
    const names = called ? [] : parse(text).names
    const own = guess === undefined ? [] : [x, ...others]
    const { columns, y, weight } = read ?? readData(called ?? names, data, options, own)
    const known = called ? [...Object.keys(start)] : names.filter((name) => !columns.has(name))
    const parameters = readParameters(start, known, defaults)
    const taken = [...parameters.map(({ name }) => name), ...columns.keys()]
    this.#parameters = [...parameters, ...deriveParameters(options.derive, taken)]
    this.#count = countOf(columns, this.#parameters)
    checkRows(columns, this.#count)
    this.#given = columns
    const ordered = weight === null ? columns : weightsFirst(columns, y)
    this.#counted = countRows(ordered, weight, this.#count, options.missing === 'drop')
    const { loss, lossScale, multiStart } = options
    // What has been bound already is so to all data.
    const bound = called instanceof Bound ? called : called && new Bound(called, columns, options.differences)
    // Differences of order 1 have half of the digits.
    const isRough = bound && bound.jacobian === undefined && bound.differences.order === 1
    this.#compiled = compiled(bound ?? text, this.#parameters, {
      columns: [...this.#counted.columns.keys()],
      y,
      weight,
      loss,
      scale: lossScale,
      tolerance: options.tolerance ?? (isRough ? 1e-8 : 1e-10),
      isAbsolute: this.#isAbsolute,
    })
    const problem = this.#problem
    this.#model = bound ?? { text, x: '', parameters: {} }
    this.#isNear = read !== undefined
    this.#samples = samples(problem, this.#compiled.steps, multiStart)
    if (method !== undefined) {
      if (called) refuse('method', method, 'none, as the model is a function')
      // It throws where the rule is none for many runs.
      readSets(method, {}, 1)
    }
    if (loss === 'poisson') checkCounts(y, this.#counted.columns)
    const started = this.#parameters.filter(({ expr }) => expr === null)
    this.#open = started.filter(({ start }) => start === null)
    this.#guess = guess
    const beside = [x, y, ...others]
    this.#remark =
      remark && beside.every((name) => columns.has(name)) ? { of: remark, columns: beside } : null
    this.#beside = beside
    if (this.#open.length > 0 && (guess === undefined || !this.#beside.every((name) => columns.has(name)))) {
      throw new OptionError(`start: ${this.#open[0].name}`, 'a number, or one for each fit', undefined)
    }
    this.#starts = new Map(started.map((parameter) => [parameter.name, this.#startOf(parameter)]))
    this.choice = called ? inTypeScript(options) : chooseAdvancer(options)
    const count = this.#count
    this.#isDone = new Uint8Array(count)
    const { by, level } = options.intervals
    // Weights by the model and a covariance come afterwards, and profiles with them or on demand.
    const { sigma, weights, covariance } = options
    const isAtOnce = covariance === undefined && [sigma, weights].every((given) => typeof given !== 'string')
    const profiles = () => noProfiles(isAtOnce ? profileNames(undefined, problem) : [], level, count)
    this.#profiled = by === 'profile' ? profiles() : undefined
  }

  /** Not made before the first fits have ended: then the engine is at work on others, and memory is slow to come. */
  get #found(): Found {
    this.#made ??= this.#emptied()
    return this.#made
  }

  #emptied(): Found {
    const { free } = this.#problem
    const [count, size] = [this.#count, free.length]
    const words = Array.from({ length: Math.ceil(size / 32) })
    const make = () => new Float64Array(count).fill(NaN)
    const { rows } = this.#counted
    // Of those that are not begun.
    const reason = new Uint8Array(count)
    for (let fit = 0; fit < count; fit++) reason[fit] = rows[fit] < size ? TOO_FEW : NOT_FINITE
    return {
      free: free.map(make),
      covariance: Array.from({ length: inTriangle(size, 0) }, make),
      errors: free.map(make),
      cost: make(),
      held: words.map(() => new Uint32Array(count)),
      undetermined: words.map(() => new Uint32Array(count)),
      evaluations: new Uint32Array(count),
      reason,
      minima: [],
    }
  }

  get #problem(): Problem {
    return this.#compiled.problem
  }

  get #free(): Parameter[] {
    return this.#parameters.filter(({ isFixed }) => !isFixed)
  }

  #startOf({ start, min, max }: Parameter): Float64Array {
    const column = isObject(start) ? start.slice() : new Float64Array(this.#count).fill(start ?? NaN)
    if (min === -Infinity && max === Infinity) return column
    for (let fit = 0; fit < column.length; fit++) column[fit] = Math.min(Math.max(column[fit], min), max)
    return column
  }

  /** Guesses where fits start, as far as nobody has said it. */
  *#begin(fits: Uint32Array): Slices<void> {
    if (this.#open.length === 0) return
    const guess = this.#guess as Guess
    const [x, y, ...others] = this.#beside.map((name) => this.#counted.columns.get(name) as Column)
    const open = this.#open.map(
      (parameter) => [parameter, this.#starts.get(parameter.name) as Float64Array] as const,
    )
    for (const fit of fits) {
      const beside = others.map((column) => numbersOf(column, fit))
      const steps = guess(numbersOf(x, fit), numbersOf(y, fit), ...beside)
      let step = steps.next()
      for (; !step.done; step = steps.next()) {
        // Its fit may be the only one.
        if (!this.#hasTold) this.tell()
        yield
      }
      for (const [{ name, min, max, isLogarithmic }, column] of open) {
        const guessed = isLogarithmic ? Math.abs(step.value[name]) || 1 : step.value[name]
        column[fit] = Math.min(Math.max(guessed, min), max)
      }
      yield
    }
  }

  /** Reports how many fits are done. */
  tell(): void {
    this.#hasTold = true
    this.options.onProgress?.(this.#done, this.#count)
  }

  /** Gives memory back, which no engine may have any more. */
  leave(): void {
    for (const { iterations } of this.#hands) iterations.leave()
  }

  /** @param sideBySide whether several calls may be made at once */
  *calls(sideBySide = false): Generator<Call> {
    const { columns } = this.#counted
    const [fits, others] = this.#sorted()
    this.#done = others.length
    put(this.#isDone, others, new Uint8Array(others.length).fill(1))
    const data = [...columns.values()]
    this.#hands = this.#handsFor(sideBySide && fits.length > this.#first)
    const parts = this.#parts(data, fits)
    if (this.#hands.length === 1) yield* this.#fit(parts, data, this.#hands[0])
    else yield this.#hands.map((hand) => this.#fit(parts, data, hand))
    // What cannot be fitted is told of with where it would start.
    yield* this.#begin(others)
  }

  #handsFor(areTwo: boolean): Hand[] {
    const { engine, runner } = this.choice
    const { threads } = runner
    // The addon's threads serve one of both: the other one runs on a thread of its own, and together they have them all.
    const each = engine === 'native' ? [threads - 1, 1] : [threads, threads]
    return (areTwo && threads > 1 ? each : [threads]).map((some) => {
      const iterations = new Iterations(this.#compiled, some)
      const { isDense } = this.#compiled
      return {
        iterations,
        solver: isDense
          ? new DenseSolver(this.#compiled, iterations)
          : new Solver(this.#compiled, iterations),
      }
    })
  }

  /** Runs of the first batch. */
  get #first(): number {
    return this.#isNear ? RUNS : FIRST_RUNS
  }

  /** Fits of a batch, one part after the other: first a few, and then each hand gets as many as the other. */
  *#parts(data: readonly Column[], fits: Uint32Array): Generator<Uint32Array, void> {
    const { count } = this.options.multiStart
    const hands = this.#hands.length
    const atOnce = Math.min(RUNS, RUNS_OF_THREAD * this.choice.runner.threads)
    let few = this.#first
    for (const some of byRows(data, fits)) {
      const most = runsOfBatch(data, some[0], 8, atOnce)
      let from = 0
      for (; few < most && from < some.length; few *= MORE) {
        const part = some.subarray(from, from + Math.max(1, Math.floor(few / count)))
        from += part.length
        yield part
      }
      const left = some.length - from
      const rounds = Math.ceil(left / hands / Math.max(1, Math.floor(most / count)))
      const each = Math.ceil(left / hands / rounds)
      for (; from < some.length; from += each) yield some.subarray(from, from + each)
    }
  }

  /** Fits what there is, until nothing is left. */
  *#fit(parts: Iterable<Uint32Array>, data: readonly Column[], hand: Hand): Generator<Call, void> {
    for (const part of parts) {
      yield* this.#begin(part)
      yield* this.#batch(part, data, this.#starts, hand)
      if (this.#profiled) yield* this.#profile(part, data, this.#profiled, hand)
      put(this.#isDone, part, new Uint8Array(part.length).fill(1))
      this.#done += part.length
      this.tell()
      yield
    }
  }

  /** What can be fitted, and what cannot. */
  #sorted(): readonly [Uint32Array, Uint32Array] {
    const size = this.#problem.free.length
    const { rows, isIncomplete } = this.#counted
    const [fits, others] = [new Uint32Array(this.#count), new Uint32Array(this.#count)]
    let count = 0
    for (let fit = 0; fit < this.#count; fit++) {
      if (rows[fit] >= size && !isIncomplete[fit]) fits[count++] = fit
      else others[fit - count] = fit
    }
    return [fits.subarray(0, count), others.subarray(0, this.#count - count)]
  }

  *#batch(
    fits: Uint32Array,
    data: readonly Column[],
    starts: ReadonlyMap<string, Float64Array>,
    { solver }: Hand,
  ): Generator<Call> {
    const { count } = this.options.multiStart
    // The runs of a fit, one from each start, are neighbours.
    const runs = new Uint32Array(fits.length * count)
    const freedom = new Float64Array(runs.length)
    const { rows } = this.#counted
    const size = this.#problem.free.length
    for (let run = 0; run < runs.length; run++) {
      runs[run] = fits[count === 1 ? run : Math.floor(run / count)]
      freedom[run] = rows[runs[run]] - size
    }
    const { method, maxIterations = 1000 } = this.options
    const { free, fixed } = this.#problem
    const columns = (names: readonly string[]) =>
      names.map((name) => this.#startsOf(starts.get(name) as Float64Array, name, runs))
    const some: Runs = { runs, data, starts: columns(free), fixed: columns(fixed), freedom }
    const solved =
      method === undefined
        ? yield* solver.solve(some, maxIterations, count === 1, this.#isNear)
        : yield* solver.look(some, yield* this.#byRule(method, some))
    fromSteps(this.#free, solved.free, solved.covariance, solved.errors)
    const best = count === 1 ? null : this.#best(fits, solved)
    const to = this.#found
    const of = (column: FloatArray) => (best === null ? column : pick(column, best))
    for (const name of ['free', 'covariance', 'errors', 'held', 'undetermined'] as const) {
      for (const [i, column] of to[name].entries()) put(column, fits, of(solved[name][i]))
    }
    for (const name of ['cost', 'reason'] as const) put(to[name], fits, of(solved[name]))
    for (let run = 0; run < runs.length; run++) {
      to.evaluations[fits[count === 1 ? run : Math.floor(run / count)]] += solved.evaluations[run]
    }
  }

  /** Profiles fits, and on request begins again where one is found to be below its fit. */
  *#profile(fits: Uint32Array, data: readonly Column[], to: Profiled, hand: Hand): Generator<Call> {
    const about = { compiled: this.#compiled, columns: this.#counted.columns, rows: this.#counted.rows }
    const of = {
      ...{ ...about, problem: this.#problem, starts: this.#starts },
      ...{ found: this.#found, isAbsolute: this.#isAbsolute },
    }
    yield* profile(of, hand.iterations, fits, to)
    for (let some = fits, k = 0; this.options.intervals.restart && k < RESTARTS; k++) {
      some = some.filter((fit) => to.lower[fit] !== undefined)
      if (some.length === 0) return
      const starts = new Map([...this.#starts].map(([name, column]) => [name, column.slice()]))
      for (const fit of some) {
        for (const [i, { name, isLogarithmic }] of this.#free.entries()) {
          const x = to.lower[fit]?.x[i] as number
          const column = starts.get(name) as Float64Array
          column[fit] = isLogarithmic ? Math.max(x, smallestNormal.float64) : x
        }
        delete to.lower[fit]
      }
      yield* this.#batch(some, data, starts, hand)
      yield* profile(of, hand.iterations, some, to)
    }
  }

  get #isAbsolute(): boolean {
    return this.options.absoluteSigma ?? this.options.loss === 'poisson'
  }

  /** Where runs of fits start: from the fit's own start, and from samples. */
  #startsOf(starts: Float64Array, name: string, runs: Uint32Array): Float64Array {
    const at = this.#problem.free.indexOf(name)
    const own = pick(starts, runs)
    const points = at < 0 ? own : toSteps(this.#free[at], own)
    const others = this.#samples[at]
    const { count } = this.options.multiStart
    if (others !== undefined) {
      for (let run = 0; run < runs.length; run++) if (run % count > 0) points[run] = others[(run % count) - 1]
    }
    return points
  }

  /** The first-order way: what `minimizeMany` does with the sum of what rows cost. */
  *#byRule(rule: Rule, { runs, data, starts: begin }: Runs) {
    const { steps } = this.#compiled
    const { graph, free, fixed, min, max, columns } = steps
    const { tolerance, maxIterations, instructionSet, threads } = this.options
    const objective = new Expression(`the cost of ${this.#problem.text}`, {
      ...{ graph, root: termsOf(steps).cost, names: [...free, ...fixed, ...columns] },
    })
    const ofRuns = (column: Column) =>
      column.offsets === null ? column.numbers : Array.from(runs, (fit) => numbersOf(column, fit))
    const constants = fixed.map((name) => {
      const [numbers] = [this.#starts.get(name) as Float64Array]
      const rows = rowsOf(data[0], runs[0])
      return [name, Array.from(runs, (fit) => new Float64Array(rows).fill(numbers[fit]))] as const
    })
    const named = columns.map((name, k) => [name, ofRuns(data[k])] as const)
    const starts = Object.fromEntries(free.map((name, i) => [name, begin[i]]))
    const many = new Many(objective, starts, rule, {
      ...{ data: Object.fromEntries([...named, ...constants]), dtype: 'float64', engine: this.choice.engine },
      bounds: free.map((_, i) => [min[i], max[i]] as const),
      ...{ tolerance, maxIterations, instructionSet, threads },
    })
    yield* many.calls()
    const { x, iterations, reason } = many.result()
    return {
      ...{ best: free.map((name) => x[name]), iterations },
      reason: reason.map((number) => fitReasons.indexOf(REASONS[number])),
    }
  }

  /** The best run of each fit; all are told in its minima. */
  #best(fits: Uint32Array, { free: x, cost, errors }: Solved): Uint32Array {
    const { count } = this.options.multiStart
    const { free } = this.#problem
    return fits.map((fit, k) => {
      const runs = Array.from({ length: count }, (_, start) => k * count + start)
      const ends = runs.map((run) => ({
        x: x.map((column) => column[run]),
        errors: errors.map((column) => column[run]),
        chiSquared: cost[run],
      }))
      this.#found.minima[fit] = minimaOf(free, ends)
      return runs.reduce((best, run) => (cost[run] < cost[best] || Number.isNaN(cost[best]) ? run : best))
    })
  }

  /** Whoever knows what its parameters are called says so. */
  result<Names extends string>(): FitManyResult<Names> {
    this.leave()
    return new FitManyResult<Names>(this.ingredients())
  }

  /** What can be said where they have been stopped: of those that are not done, the reason is none. */
  done(): Ingredients {
    return keeping(this.ingredients(), this.#isDone)
  }

  /** What the result is made of, as far as it has been found. */
  ingredients(): Ingredients {
    const { columns, rows, missing } = this.#counted
    return {
      compiled: this.#compiled,
      problem: this.#problem,
      parameters: this.#parameters,
      starts: this.#starts,
      columns,
      rows,
      missing,
      given: this.#given,
      found: this.#found,
      choice: this.choice,
      drops: this.options.missing === 'drop',
      isByRule: this.options.method !== undefined,
      isAbsolute: this.#isAbsolute,
      profiled: this.#profiled,
      again: (columns, start) => this.#again(columns, start),
      near: (columns, start) => this.#near(columns, start),
      unweighed: new Map(),
      whitened: null,
      weightAt: null,
      remark: this.#remark,
    }
  }

  #again(columns: ReadonlyMap<string, Column>, start: FitParameters): Fits {
    const { sigma, weights, missing, multiStart, intervals, signal, onProgress, ...same } = this.options
    const weight = [...columns.keys()].find(isWeight) ?? null
    return new Fits(this.#model, {}, { ...same, start }, { columns, y: this.#problem.y, weight })
  }

  /** To read and to compile nothing anew takes a third less than `again`, where the same programs will do. */
  #near(columns: ReadonlyMap<string, Column>, start: FitParameters): Refits {
    const parameters = this.#parameters
    const { method, maxIterations = 1000 } = this.options
    const own = this.#problem.columns
    const isSame = [...columns.keys()].every((name, k) => name === own[k])
    const hasOthers = parameters.some(({ expr }) => expr !== null)
    if (method !== undefined || this.#compiled.isDense || hasOthers || !isSame)
      return this.#again(columns, start)
    const starts = new Map(
      Object.entries(start).map(([name, given]) => [name, (given as FitParameter).start as FloatArray]),
    )
    const [count] = Array.from(columns.values(), ({ offsets }) => (offsets?.length ?? 1) - 1).filter(
      (some) => some > 0,
    )
    const { threads } = this.choice.runner
    return new Near({
      compiled: this.#compiled,
      parameters,
      threads,
      columns,
      starts,
      count,
      mostIterations: maxIterations,
    })
  }
}
