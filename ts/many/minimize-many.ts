import { type Bounds, type Box, type LimitByRun, limitOf, readBounds, within } from '../bounds.js'
import type { EngineName } from '../engines/engine.js'
import { requestedEngine, requestedThreads } from '../engines/index.js'
import { OptionError } from '../errors.js'
import { Expression, type Programs } from '../expressions/expression.js'
import { Machine } from '../expressions/run.js'
import { checkStopping, type MinimizeReason } from '../minimize.js'
import type { Rule } from '../rules/definitions.js'
import type { FloatArray, Kernel } from '../rules/kernel.js'
import type { Resolved } from '../rules/resolve.js'
import { warmupSteps } from '../schedules.js'
import { isFloatArray } from '../typed-arrays.js'
import { Batch } from './batch.js'
import {
  byRows,
  type Column,
  checkRows,
  type DataByRun,
  dataOf,
  type Numbers,
  pick,
  put,
  readDataByRun,
  rowsOf,
  sharedFirst,
} from './data.js'
import { advance, advanceAsync, type Chosen, choose } from './engines.js'
import { cohortsOf, runsOfBatch } from './layout.js'
import { type OptionSet, readSets } from './option-sets.js'
import { Recorder } from './paths.js'
import { Rows } from './rows.js'

/** Where runs start: a column for each parameter, or all parameters of the first run, of the second, … */
export type Starts = Readonly<Record<string, ArrayLike<number>>> | FloatArray | readonly number[]

export interface MinimizeManyOptions {
  /**
   * Columns of data, whose rows are summed; the expression's other names are parameters. A list of columns, one for
   * each run, gives each run its own, also of its own length.
   */
  readonly data?: DataByRun
  /** Options of the rule that differ by run: a number for each. */
  readonly each?: Readonly<Record<string, ArrayLike<number>>>
  /** As for `minimize`, by name or in the order of parameters; numbers, or lists with one for each run. */
  readonly bounds?: Bounds<LimitByRun>
  /** As for `minimize`; 1e-9. */
  readonly tolerance?: number
  /** As for `minimize`; 10,000. */
  readonly maxIterations?: number
  /**
   * Keeps the start of each run, and its point after each so many updates, in the result's `paths`. They may come to
   * 2²⁷ numbers in all, at `maxIterations`; while they are put in order there are two of each.
   */
  readonly path?: number
  /** In which everything is computed; that of the starts, and float64 for plain numbers. */
  readonly dtype?: 'float32' | 'float64'
  /** Clips each element of gradients. */
  readonly clip?: { readonly value?: number }
  /** Forces an engine: by default the first of native, WebAssembly and TypeScript that there is. */
  readonly engine?: EngineName
  /** Forces an instruction set of the native engine. */
  readonly instructionSet?: string
  /** On how many threads the native engine runs; by default on all cores. No bit depends on it. */
  readonly threads?: number
  /** Ends the call: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal
  /** Called now and then with how many runs have ended, of how many. */
  readonly onProgress?: (done: number, total: number) => void
}

/** Why runs have stopped, by the numbers in `reason`; the first is of none. */
export const reasons = [
  null,
  'converged',
  'stalled',
  'max-iterations',
  'diverged',
] as const satisfies readonly (MinimizeReason | null)[]

/** Points of each run: the start, and those after each so many updates. The last one is there if it is one of these. */
export interface Paths {
  /** Run i has the points from `offsets[i]` to `offsets[i + 1]`. */
  readonly offsets: Uint32Array
  /** Run after run, by parameter, in the dtype. */
  readonly x: Readonly<Record<string, FloatArray>>
}

/** Where runs ended, a column each, by run. */
export interface ManyResult {
  /** The last points, by parameter, in the dtype. */
  readonly x: Readonly<Record<string, FloatArray>>
  /** The objective there. */
  readonly value: Float64Array
  /** The largest |gᵢ| at the last update, before clipping and decay; at a bound it need not be small. */
  readonly gradientNorm: Float64Array
  /** The largest change of a parameter in the last update. */
  readonly change: Float64Array
  readonly iterations: Uint32Array
  /** Indices into `reasons`. */
  readonly reason: Uint8Array
  /** Points on the way, if `path` asked for them. */
  readonly paths: Paths | null
  /** What ran. */
  readonly engine: EngineName
}

/** What a run comes to. */
interface Found extends Omit<ManyResult, 'engine' | 'paths' | 'x' | 'reason'> {
  readonly x: readonly FloatArray[]
  readonly reason: Numbers
}

/** Updates a call. */
const UPDATES = 256
/** Operations on numbers that a call may take, some hundredths of a second. */
const WORK = 4e8

/**
 * `minimize` for many runs at once: the same bits, run by run, on every engine and number of threads. The event
 * loop stays free where the native engine runs.
 *
 * @param objective an `expression`
 * @param starts as many as there are runs; copied
 * @param rule one that is elementwise, such as `adam()`
 * @throws (rejects with) OptionError as `minimize` does, before the first update; the signal's reason
 */
export async function minimizeMany(
  objective: Expression,
  starts: Starts,
  rule: Rule,
  options: MinimizeManyOptions = {},
): Promise<ManyResult> {
  const many = new Many(objective, starts, rule, options)
  const { signal } = many.options
  signal?.throwIfAborted()
  for (const call of many.calls()) {
    await advanceAsync(call, many.engine)
    signal?.throwIfAborted()
  }
  return many.result()
}

/** `minimizeMany` without a promise. */
export function minimizeManySync(
  objective: Expression,
  starts: Starts,
  rule: Rule,
  options: MinimizeManyOptions = {},
): ManyResult {
  const many = new Many(objective, starts, rule, options)
  for (const call of many.calls()) advance(call, many.engine)
  return many.result()
}

/** Runs under way. */
export class Many {
  readonly engine: Chosen
  readonly #programs: Programs
  readonly #data: readonly Column[]
  readonly #x: readonly FloatArray[]
  readonly #box: Box<number | FloatArray> | null
  readonly #count: number
  /** Runs that have the same options: their numbers, in order. */
  readonly #sets: readonly OptionSet[]
  readonly options: MinimizeManyOptions
  readonly #dtype: 'float32' | 'float64'
  readonly #recorder: Recorder | null
  readonly #result: Found

  constructor(objective: Expression, starts: Starts, rule: Rule, given: MinimizeManyOptions) {
    if (!(objective instanceof Expression)) throw new OptionError('objective', 'an expression', objective)
    const options = readOptions(given)
    const data = sharedFirst(readDataByRun(objective, options.data ?? {}))
    this.#programs = objective.programs([...data.keys()])
    this.#data = [...data.values()]
    this.options = options
    if (this.#programs.parameters.length === 0) {
      throw new OptionError('objective', 'an expression with parameters', objective.text)
    }
    const { columns, dtype } = readStarts(starts, this.#programs.parameters)
    this.#dtype = options.dtype ?? dtype
    this.#count = columns[0].length
    checkRows(data, this.#count)
    this.#box = readBounds(options.bounds, {
      ...{ names: this.#programs.parameters, length: columns.length, dtype: this.#dtype, runs: this.#count },
    })
    this.#x = columns.map((column, p) => this.#inside(this.#numbers(column), p))
    this.#sets = readSets(rule, options.each, this.#count)
    this.engine = choose(
      requestedEngine(options.engine)?.name,
      options.instructionSet,
      requestedThreads(options.threads),
    )
    const count = this.#count
    const { path, maxIterations = 10_000 } = options
    this.#recorder = path === undefined ? null : new Recorder(path, count, columns.length, maxIterations)
    this.#result = {
      x: columns.map(() => this.#numbers(count)),
      value: new Float64Array(count),
      gradientNorm: new Float64Array(count),
      change: new Float64Array(count),
      iterations: new Uint32Array(count),
      reason: new Uint8Array(count),
    }
  }

  #numbers(of: ArrayLike<number> | number): FloatArray {
    const make = this.#dtype === 'float32' ? Float32Array : Float64Array
    return typeof of === 'number' ? new make(of) : make.from(of)
  }

  /** A column of starts, in the box. */
  #inside(column: FloatArray, p: number): FloatArray {
    const box = this.#box
    return box === null
      ? column
      : column.map((x, run) => within(x, limitOf(box.min[p], run), limitOf(box.max[p], run)))
  }

  /** Batches that are to be advanced, one behind the other; what a call has ended is in the result then. */
  *calls(): Generator<Batch> {
    let done = 0
    const sets = this.#sets.flatMap(({ resolved, runs }) =>
      byRows(this.#data, runs).map((runs) => ({ resolved, runs })),
    )
    for (const { resolved, runs } of sets) {
      const most = runsOfBatch(this.#data, runs[0], this.#size)
      for (let from = 0; from < runs.length; from += most) {
        const part = runs.subarray(from, from + most)
        yield* this.#batch(resolved, part)
        done += part.length
        this.options.onProgress?.(done, this.#count)
      }
    }
  }

  get #size(): number {
    return this.#dtype === 'float32' ? 4 : 8
  }

  *#batch(resolved: Resolved, runs: Uint32Array): Generator<Batch> {
    const { tolerance = 1e-9, maxIterations = 10_000, clip } = this.options
    const { value, gradient } = this.#programs
    const [column] = this.#data
    const rows = column === undefined ? 0 : rowsOf(column, runs[0])
    const rowsOfRule = new Rows(resolved, clip?.value ?? Number.POSITIVE_INFINITY, this.#dtype)
    const { use } = rowsOfRule
    const [kernel] = use.stages as readonly [Kernel]
    const { threads } = this.engine
    const { cohorts, lanes } = cohortsOf(runs, this.#data, this.#size, threads)
    const operations = gradient.head.length + gradient.tail.length + gradient.body.length * rows + 16
    const updates = Math.max(1, Math.min(UPDATES, Math.floor(WORK / (operations * runs.length))))
    const batch = new Batch({
      ...{
        dtype: this.#dtype,
        value,
        gradient,
        kernel,
        runs,
        data: this.#data,
        rows,
        cohorts,
        lanes,
        updates,
      },
      ...{ mostUpdates: maxIterations, tolerance, delay: use.delay, scratches: Math.min(threads, cohorts) },
      isBounded: this.#box !== null,
      exempt: Math.max(use.delay, ...Object.values(resolved.rule).map(warmupSteps)),
    })
    const starts: Readonly<Record<string, number | 'parameters' | undefined>> = use.definition.starts(
      use.rule as never,
    )
    const points = this.#x.map((column) => pick(column, runs))
    batch.fill({
      x: points,
      starts: kernel.state.map((name) => starts[name] ?? 0),
      box: boxOf(this.#box, runs),
    })
    if (maxIterations === 0) this.#leave(runs, points)
    const recorder = this.#recorder
    const every = recorder?.every ?? Infinity
    for (let done = 0, now = 0; done < maxIterations && batch.live > 0; done += now) {
      now = Math.min(updates, maxIterations - done, every - (done % every))
      rowsOfRule.write(batch.coefficients, now, batch.rowLength)
      batch.set('done', done)
      batch.set('updates', now)
      batch.set('flushes', use.flushes(this.#dtype) ? 1 : 0)
      yield batch
      recorder?.record(batch, runs, done + now)
    }
    if (maxIterations > 0) this.#take(runs, batch.results())
  }

  /** Takes over what runs have come to. */
  #take(runs: Uint32Array, found: Found): void {
    const to = this.#result
    for (const [p, column] of to.x.entries()) put(column, runs, found.x[p])
    put(to.value, runs, found.value)
    put(to.gradientNorm, runs, found.gradientNorm)
    put(to.change, runs, found.change)
    put(to.iterations, runs, found.iterations)
    put(to.reason, runs, found.reason)
  }

  /** Without an update they end where they start. */
  #leave(runs: Uint32Array, points: readonly FloatArray[]): void {
    const value = new Machine(this.#programs.value, this.#dtype)
    const nothing = new Float64Array(runs.length).fill(NaN)
    this.#take(runs, {
      x: points,
      value: Float64Array.from(runs, (run, k) => {
        const data = dataOf(this.#data, run)
        value.run(
          points.map((column) => column[k]),
          data,
          data[0]?.length ?? 0,
        )
        return value.slots[value.program.outputs[0]]
      }),
      gradientNorm: nothing,
      change: nothing,
      iterations: new Uint32Array(runs.length),
      reason: new Uint8Array(runs.length).fill(reasons.indexOf('max-iterations')),
    })
  }

  result(): ManyResult {
    const { x, reason, ...rest } = this.#result
    const { parameters } = this.#programs
    const named = Object.fromEntries(parameters.map((name, p) => [name, x[p]]))
    const paths = this.#recorder?.paths(parameters, this.#x, this.#result) ?? null
    return { x: named, ...rest, reason: reason as Uint8Array, paths, engine: this.engine.engine }
  }
}

const optionNames = [
  ...(['data', 'each', 'bounds', 'tolerance', 'maxIterations', 'path', 'dtype', 'clip'] as const),
  ...(['engine', 'instructionSet', 'threads', 'signal', 'onProgress'] as const),
] satisfies (keyof MinimizeManyOptions)[]

/** A copy, so that each is read once. */
function readOptions(given: MinimizeManyOptions): MinimizeManyOptions {
  if (typeof given !== 'object' || given === null) throw new OptionError('options', 'an object', given)
  const options: MinimizeManyOptions = { ...given }
  const stranger = Object.keys(options).find((name) => !(optionNames as readonly string[]).includes(name))
  if (stranger !== undefined) throw new OptionError('options', `one of ${optionNames.join(', ')}`, stranger)
  checkStopping(options)
  const { dtype, clip, engine, onProgress } = options
  if (dtype !== undefined && dtype !== 'float32' && dtype !== 'float64') {
    throw new OptionError('dtype', "'float32' or 'float64'", dtype)
  }
  const value = clip?.value
  if (value !== undefined && !(typeof value === 'number' && value > 0)) {
    throw new OptionError('clip: value', 'a number > 0', value)
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new OptionError('onProgress', 'a function', onProgress)
  }
  requestedEngine(engine)
  return options
}

/** The bounds of some runs, in their order. */
function boxOf(box: Box<number | FloatArray> | null, runs: Uint32Array): Box<number | FloatArray> | null {
  if (box === null) return null
  const limits = (of: ArrayLike<number | FloatArray>) =>
    Array.from(of, (limit) => (typeof limit === 'number' ? limit : pick(limit, runs)))
  return { min: limits(box.min), max: limits(box.max) }
}

function readStarts(starts: Starts, parameters: readonly string[]) {
  const isList = isFloatArray(starts) || Array.isArray(starts)
  if (isList) {
    const flat = starts as ArrayLike<number>
    const count = flat.length / parameters.length
    if (!Number.isInteger(count) || count === 0) {
      const expected = `${parameters.length} numbers a run: ${parameters.join(', ')}`
      throw new OptionError('starts', expected, `${flat.length} numbers`)
    }
    const columns = parameters.map((_, p) =>
      Float64Array.from({ length: count }, (_, run) => flat[run * parameters.length + p]),
    )
    return { columns, dtype: flat instanceof Float32Array ? ('float32' as const) : ('float64' as const) }
  }
  if (typeof starts !== 'object' || starts === null) {
    throw new OptionError('starts', `columns ${parameters.join(', ')}`, starts)
  }
  const given = starts as Readonly<Record<string, ArrayLike<number>>>
  const stranger = Object.keys(given).find((name) => !parameters.includes(name))
  if (stranger !== undefined) throw new OptionError('starts', `columns ${parameters.join(', ')}`, stranger)
  const columns = parameters.map((name) => {
    const column = given[name]
    if (!isFloatArray(column) && !Array.isArray(column)) {
      throw new OptionError(`starts: ${name}`, 'a list of numbers, a Float32Array or a Float64Array', column)
    }
    return column as ArrayLike<number>
  })
  const [first] = columns
  for (const [p, column] of columns.entries()) {
    if (column.length !== first.length || column.length === 0) {
      throw new OptionError(
        `starts: ${parameters[p]}`,
        `${Math.max(1, first.length)} numbers`,
        `${column.length}`,
      )
    }
  }
  const isFloat32 = columns.every((column) => column instanceof Float32Array)
  return { columns, dtype: isFloat32 ? ('float32' as const) : ('float64' as const) }
}
