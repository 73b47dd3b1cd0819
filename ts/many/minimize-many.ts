import type { EngineName } from '../engines/engine.js'
import { requestedThreads } from '../engines/index.js'
import { OptionError } from '../errors.js'
import { type Data, Expression, type Programs, readData } from '../expressions/expression.js'
import { BLOCK_OF_RUNS } from '../manifest.js'
import type { MinimizeReason } from '../minimize.js'
import type { SimpleRule } from '../rules/definitions.js'
import type { FloatArray, Kernel } from '../rules/kernel.js'
import { type Resolved, resolve } from '../rules/resolve.js'
import { warmupSteps } from '../schedules.js'
import { isFloatArray } from '../typed-arrays.js'
import { Batch } from './batch.js'
import { advance, advanceAsync, type Chosen, choose } from './engines.js'
import { Rows } from './rows.js'

/** Where runs start: a column for each parameter, or all parameters of the first run, of the second, … */
export type Starts = Readonly<Record<string, ArrayLike<number>>> | FloatArray | readonly number[]

export interface MinimizeManyOptions {
  /** Columns of data, whose rows are summed; the expression's other names are parameters. */
  readonly data?: Data
  /** Options of the rule that differ by run: a number for each. */
  readonly each?: Readonly<Record<string, ArrayLike<number>>>
  /** As for `minimize`; 1e-9. */
  readonly tolerance?: number
  /** As for `minimize`; 10,000. */
  readonly maxIterations?: number
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

/** Why runs have stopped, by the numbers in `reason`. */
export const reasons = [
  'converged',
  'stalled',
  'max-iterations',
  'diverged',
] as const satisfies readonly MinimizeReason[]

/** Where runs ended, a column each, by run. */
export interface ManyResult {
  /** The last points, by parameter, in the dtype. */
  readonly x: Readonly<Record<string, FloatArray>>
  /** The objective there. */
  readonly value: Float64Array
  /** The largest |gᵢ| at the last update, before clipping and decay. */
  readonly gradientNorm: Float64Array
  /** The largest change of a parameter in the last update. */
  readonly change: Float64Array
  readonly iterations: Uint32Array
  /** Indices into `reasons`. */
  readonly reason: Uint8Array
  /** What ran. */
  readonly engine: EngineName
}

/** At most so many runs are in memory at once, beside starts and results. */
const RUNS = 1 << 16
const LANES = 4096
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
  rule: SimpleRule,
  options: MinimizeManyOptions = {},
): Promise<ManyResult> {
  const many = new Many(objective, starts, rule, options)
  const { signal } = options
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
  rule: SimpleRule,
  options: MinimizeManyOptions = {},
): ManyResult {
  const many = new Many(objective, starts, rule, options)
  for (const call of many.calls()) advance(call, many.engine)
  return many.result()
}

class Many {
  readonly engine: Chosen
  readonly #programs: Programs
  readonly #data: readonly Float64Array[]
  readonly #x: readonly FloatArray[]
  readonly #count: number
  /** Runs that have the same options: their numbers, in order. */
  readonly #sets: readonly { readonly resolved: Resolved; readonly runs: Uint32Array }[]
  readonly #options: MinimizeManyOptions
  readonly #dtype: 'float32' | 'float64'
  readonly #result: Omit<ManyResult, 'engine' | 'x'> & { readonly x: readonly FloatArray[] }

  constructor(objective: Expression, starts: Starts, rule: SimpleRule, options: MinimizeManyOptions) {
    if (!(objective instanceof Expression)) throw new OptionError('objective', 'an expression', objective)
    const data = readData(objective, options.data ?? {})
    this.#programs = objective.programs([...data.keys()])
    this.#data = [...data.values()]
    this.#options = options
    const { columns, dtype } = readStarts(starts, this.#programs.parameters)
    this.#dtype = options.dtype ?? dtype
    this.#count = columns[0].length
    this.#x = columns.map((column) => this.#numbers(column))
    this.#sets = readSets(rule, options.each, this.#count)
    this.engine = choose(options.engine, options.instructionSet, requestedThreads(options.threads))
    const count = this.#count
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

  /** Batches that are to be advanced, one behind the other; what a call has ended is in the result then. */
  *calls(): Generator<Batch> {
    let done = 0
    for (const { resolved, runs } of this.#sets) {
      for (let from = 0; from < runs.length; from += RUNS) {
        const part = runs.subarray(from, from + RUNS)
        yield* this.#batch(resolved, part)
        done += part.length
        this.#options.onProgress?.(done, this.#count)
      }
    }
  }

  *#batch(resolved: Resolved, runs: Uint32Array): Generator<Batch> {
    const { tolerance = 1e-9, maxIterations = 10_000, clip } = this.#options
    const { value, gradient } = this.#programs
    const rows = this.#data[0]?.length ?? 0
    const rowsOfRule = new Rows(resolved, clip?.value ?? Number.POSITIVE_INFINITY)
    const { use } = rowsOfRule
    const [kernel] = use.stages as readonly [Kernel]
    const { threads } = this.engine
    const lanes = Math.min(LANES, Math.ceil(runs.length / threads / BLOCK_OF_RUNS) * BLOCK_OF_RUNS)
    const cohorts = Math.ceil(runs.length / lanes)
    const operations = gradient.head.length + gradient.tail.length + gradient.body.length * rows + 16
    const updates = Math.max(1, Math.min(UPDATES, Math.floor(WORK / (operations * runs.length))))
    const batch = new Batch({
      ...{ dtype: this.#dtype, value, gradient, kernel, data: this.#data, rows, cohorts, lanes, updates },
      ...{ mostUpdates: maxIterations, tolerance, delay: use.delay, scratches: Math.min(threads, cohorts) },
      exempt: Math.max(use.delay, ...Object.values(resolved.rule).map(warmupSteps)),
    })
    const starts: Readonly<Record<string, number | 'parameters' | undefined>> = use.definition.starts(
      use.rule as never,
    )
    const points = this.#x.map((column) => Float64Array.from(runs, (run) => column[run]))
    batch.fill(
      points,
      kernel.state.map((name) => starts[name] ?? 0),
    )
    for (let done = 0; done < maxIterations && batch.live > 0; done += updates) {
      const now = Math.min(updates, maxIterations - done)
      rowsOfRule.write(batch.coefficients, now, batch.rowLength)
      batch.set('done', done)
      batch.set('updates', now)
      batch.set('flushes', use.flushes(this.#dtype) ? 1 : 0)
      yield batch
    }
    const found = batch.results()
    const to = this.#result
    for (const [k, run] of runs.entries()) {
      for (const [p, column] of to.x.entries()) column[run] = found.x[p][k]
      to.value[run] = found.value[k]
      to.gradientNorm[run] = found.gradientNorm[k]
      to.change[run] = found.change[k]
      to.iterations[run] = found.iterations[k]
      to.reason[run] = found.reason[k] - 1
    }
  }

  result(): ManyResult {
    const { x, ...rest } = this.#result
    const named = Object.fromEntries(this.#programs.parameters.map((name, p) => [name, x[p]]))
    return { x: named, ...rest, engine: this.engine.engine }
  }
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

/** Runs by their options. */
function readSets(rule: SimpleRule, each: MinimizeManyOptions['each'], count: number) {
  const names = Object.keys(each ?? {})
  const sets = new Map<string, { resolved: Resolved; runs: number[] }>()
  for (const name of names) {
    const { length } = (each as Record<string, ArrayLike<number>>)[name]
    if (length !== count)
      throw new OptionError(`each: ${name}`, `${count} numbers, as there are runs`, `${length}`)
  }
  for (let run = 0; run < count; run++) {
    const own = names.map((name) => [name, (each as Record<string, ArrayLike<number>>)[name][run]] as const)
    const key = own.map(([, number]) => number).join(' ')
    let set = sets.get(key)
    if (set === undefined) {
      const resolved = resolve({ ...rule, ...Object.fromEntries(own) })
      checkElementwise(resolved)
      set = { resolved, runs: [] }
      sets.set(key, set)
    }
    set.runs.push(run)
  }
  return [...sets.values()].map(({ resolved, runs }) => ({ resolved, runs: Uint32Array.from(runs) }))
}

function checkElementwise({ rule, definition }: Resolved): void {
  const stages = definition.stages(rule as never)
  const point = definition.point(rule as never)
  if (stages.length !== 1 || stages[0].tensor.length > 0 || point !== undefined) {
    throw new OptionError('rule', 'an elementwise rule of one stage, such as adam()', definition.name)
  }
}
