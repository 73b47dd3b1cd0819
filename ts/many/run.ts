/** Reads the arguments of `minimizeMany`, forms batches, and collects the results. */

import type { Kernel } from '../arena/kernel.js'
import { withMemoryError } from '../core/copy.js'
import { OptionError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { ROWS_PER_SLICE, type Slices } from '../core/slices.js'
import { ownProperties } from '../core/untrusted-input.js'
import type { EngineChoice } from '../engines/select-engine.js'
import { Expression, type ExpressionPrograms } from '../expressions/expression.js'
import { isRowParallel, ProgramRunner } from '../expressions/run.js'
import type { RunsInTurn } from '../methods/in-turn.js'
import { findMethod, isMethod, type Method, unsupported } from '../minimize/method.js'
import { minimizeReasons } from '../minimize/reasons.js'
import { type BoundsBox, clamp, readBounds, selectLimit } from '../objectives/bounds.js'
import { readOptions } from '../options/read.js'
import type { CustomRule, Rule } from '../rules/definitions.js'
import type { ResolvedRule } from '../rules/resolve.js'
import { warmupSteps } from '../schedules/schedule.js'
import type { WasmModule } from '../webassembly/module.js'
import { Batch, type BatchShape } from './batch/batch.js'
import { CoefficientRows } from './batch/coefficients.js'
import type { Starts } from './batch/data.js'
import {
  areContiguous,
  checkRows,
  type DataColumn,
  groupByRows,
  type NumberArray,
  numbersInRun,
  pickRuns,
  putRuns,
  readPerRunData,
  rowsInRun,
  sharedColumns,
  sharedFirst,
} from './batch/data.js'
import { cohortCount, runsPerBatch, scratchCount, updatesPerCall } from './batch/layout.js'
import { type BatchRunner, selectRunner } from './engines/engines.js'
import type { EngineCall } from './engines/execute.js'
import { iterateBatch, prepareBatch } from './engines/program-batch.js'
import { updateInTypeScript } from './engines/typescript.js'
import { readInTurn } from './in-turn.js'
import { checkMethodOptions, MethodRuns } from './method-runs.js'
import { type OptionSet, readOptionSets, readSets } from './option-sets.js'
import { type ManyValues, optionTable } from './options.js'
import { Recorder } from './paths.js'
import type { MinimizeManyResult, Paths } from './result.js'
import { readStarts, type StartValues } from './starts.js'

/** Results of the runs, one column per quantity. */
interface FoundRuns extends Omit<MinimizeManyResult, 'engine' | 'engineReasons' | 'paths' | 'x' | 'reason'> {
  readonly x: readonly FloatArray[]
  readonly reason: NumberArray
}

const NO_VALUES = new Float64Array()
const NO_RESULTS: FoundRuns = {
  x: [],
  value: NO_VALUES,
  gradientNorm: NO_VALUES,
  maxChange: NO_VALUES,
  iterations: NO_VALUES,
  reason: NO_VALUES,
}

/** Maximum number of updates per engine call. */
const UPDATES_PER_CALL = 256
/** Number of values of the objective that are computed between two pauses. */
const VALUES_PER_SLICE = 1024

export class ManyRuns {
  readonly choice: EngineChoice<BatchRunner>
  readonly #objective: Expression
  readonly #programs: ExpressionPrograms
  readonly #data: readonly DataColumn[]
  /** Starting points, moved into the bounds. */
  readonly #x: readonly FloatArray[]
  readonly #given: StartValues
  #placed = 0
  readonly #box: BoundsBox<number | FloatArray> | null
  readonly #count: number
  /** Groups of runs with the same options. Each group lists the indices of its runs in order. */
  readonly #sets: Slices<OptionSet<ResolvedRule | Method>[]>
  /** The runs of a method without lanes; null for other methods and for rules. */
  readonly #inTurn: RunsInTurn | null
  readonly #parameters: readonly string[]
  readonly options: ManyValues
  readonly #dtype: 'float32' | 'float64'
  readonly #recorder: Recorder | null
  #result: FoundRuns = NO_RESULTS
  #paths: Paths | null = null
  /** The previous batch, whose memory is used again. */
  #last: Batch | undefined
  /** Count of runs in finished batches, and the current batch. */
  #done = 0
  #batch: Batch | undefined
  /** Count of runs of the current part that have ended, for a method without lanes. */
  #endedInTurn = 0

  /** @param module the WebAssembly module of many runs */
  constructor(
    objective: Expression,
    starts: Starts,
    rule: Rule | CustomRule | Method,
    given: object,
    module: WasmModule,
  ) {
    if (!(objective instanceof Expression)) {
      const expected =
        'an expression, made by expression(…); functions and { value, gradient } are for minimize'
      throw new OptionError('objective', expected, objective)
    }
    const options = readOptions('options', given, optionTable)
    const data = sharedFirst(readPerRunData(objective, options.data ?? {}))
    this.#programs = objective.programs([...data.keys()])
    this.#data = [...data.values()]
    this.options = options
    if (this.#programs.parameters.length === 0) {
      throw new OptionError('objective', 'an expression with parameters', objective.text)
    }
    this.#inTurn = readInTurn(rule, objective, { options, data, starts })
    const parameters = this.#inTurn?.parameters ?? this.#programs.parameters
    this.#parameters = parameters
    this.#given = readStarts(starts, parameters)
    const { count } = this.#given
    this.#dtype = options.dtype ?? this.#given.dtype
    this.#count = count
    checkRows(data, count)
    const { length } = parameters
    this.#box = readBounds(options.bounds, { names: parameters, length, dtype: this.#dtype, runs: count })
    const { columns } = this.#given
    const isPlaced =
      this.#box === null &&
      columns.every(({ list, stride }) => stride === 1 && list.BYTES_PER_ELEMENT === this.#size)
    this.#placed = isPlaced ? count : 0
    this.#x = isPlaced
      ? columns.map(({ list }) => list)
      : withMemoryError(count * length * this.#size, () => parameters.map(() => this.#numbers(count)))
    this.#objective = objective
    this.#sets = this.#readSets(rule)
    this.choice =
      this.#inTurn === null
        ? selectRunner(options, module)
        : selectRunner(ownProperties({ engine: 'typescript' }), module)
    const { recordEvery, maxIterations } = options
    this.#recorder =
      recordEvery === undefined ? null : new Recorder(recordEvery, count, length, maxIterations)
  }

  /** Groups the runs by their options. */
  #readSets(rule: Rule | CustomRule | Method): Slices<OptionSet<ResolvedRule | Method>[]> {
    const { perRun, constraints } = this.options
    if (isMethod(rule)) {
      checkMethodOptions(this.options, this.#dtype, this.#inTurn !== null)
      const resolve = (given: Method) => findMethod(given).values as unknown as Method
      const { first, sets } = readSets(rule, perRun, this.#count, resolve)
      // Errors of the program are thrown before the first run.
      if (this.#inTurn === null) this.#methodRuns(first)
      return sets
    }
    const sets = readOptionSets(rule, perRun, this.#count)
    if (constraints !== undefined) throw unsupported((rule as Rule).name)
    return sets
  }

  /** The runs of a method in lanes, with the method's options. */
  #methodRuns(method: Method): MethodRuns {
    const { tolerance, maxIterations } = this.options
    const settings = { tolerance, maxIterations, isBounded: this.#box !== null }
    return new MethodRuns(this.#objective, method, this.#programs.value.columns, settings)
  }

  #numbers(length: number): FloatArray {
    return this.#dtype === 'float32' ? new Float32Array(length) : new Float64Array(length)
  }

  /** Rounds the starts of the next runs to the dtype, and moves them into the bounds. */
  #place(runs: number): void {
    const box = this.#box
    const end = Math.min(this.#given.count, this.#placed + runs)
    for (const [p, column] of this.#x.entries()) {
      const { list, first, stride } = this.#given.columns[p]
      const [min, max] = box === null ? [-Infinity, Infinity] : [box.min[p], box.max[p]]
      for (let run = this.#placed; run < end; run++) {
        column[run] = clamp(list[first + run * stride], selectLimit(min, run), selectLimit(max, run))
      }
    }
    this.#placed = end
  }

  /**
   * Yields batches one after the other, so that the caller advances each batch. After each engine call, the results of
   * finished runs are stored.
   */
  *calls(): Generator<EngineCall> {
    yield* this.#begin()
    for (const { resolved, runs: all } of yield* this.#sets) {
      const method = isMethod(resolved) && this.#inTurn === null ? this.#methodRuns(resolved) : null
      for (const runs of groupByRows(this.#data, all)) {
        const most =
          method?.runsPerBatch(this.#data, runs[0], this.choice.runner.threads) ??
          runsPerBatch(this.#data, runs[0], this.#size)
        for (let from = 0; from < runs.length; from += most) {
          const part = runs.subarray(from, from + most)
          if (method !== null) yield* this.#advanceMethod(method, part)
          else if (!isMethod(resolved)) yield* this.#advance(resolved, part)
          else
            yield* (this.#inTurn as RunsInTurn).advance(part, {
              starts: this.#x,
              box: this.#box,
              to: this.#result,
              tell: () => this.#endedInTurn++,
            })
          this.#batch = undefined
          this.#endedInTurn = 0
          this.#done += part.length
          this.tell()
          yield
        }
      }
    }
    const starts = this.#x
    if (this.#recorder)
      this.#paths = yield* this.#recorder.paths(this.#programs.parameters, starts, this.#result)
  }

  /** Reports the count of runs that have ended. */
  tell(): void {
    const batch = this.#batch
    const ended = batch === undefined ? this.#endedInTurn : batch.shape.runs - batch.live
    this.options.onProgress?.(this.#done + ended, this.#count)
  }

  /** Moves the starting points into the bounds, and allocates the results. */
  *#begin(): Slices<void> {
    const parameters = this.#parameters
    const count = this.#count
    while (this.#placed < count) {
      this.#place(Math.ceil(ROWS_PER_SLICE / parameters.length))
      yield
    }
    const bytes = count * (8 * (parameters.length + 4) + 1)
    const x: FloatArray[] = []
    for (const _ of parameters) {
      x.push(withMemoryError(bytes, () => this.#numbers(count)))
      yield
    }
    const numbers: Float64Array[] = []
    for (let k = 0; k < 4; k++) {
      numbers.push(withMemoryError(bytes, () => new Float64Array(count)))
      yield
    }
    const [value, gradientNorm, change, iterations] = numbers
    const reason = withMemoryError(bytes, () => new Uint8Array(count))
    this.#inTurn?.allocate(count)
    this.#result = { x, value, gradientNorm, maxChange: change, iterations, reason }
  }

  get #size(): number {
    return this.#dtype === 'float32' ? 4 : 8
  }

  *#advance(resolved: ResolvedRule, runs: Uint32Array): Generator<EngineCall> {
    const { tolerance, maxIterations, clip } = this.options
    const { value, gradient } = this.#programs
    const [column] = this.#data
    const rows = column === undefined ? 0 : rowsInRun(column, runs[0])
    const rowsOfRule = new CoefficientRows(resolved, clip.value, this.#dtype)
    const { use } = rowsOfRule
    const [kernel] = use.stages as readonly [Kernel]
    const { threads } = this.choice.runner
    const { cohorts, lanes } = cohortCount(runs, this.#data, this.#size, threads)
    const updates = updatesPerCall(gradient, rows, runs.length, UPDATES_PER_CALL)
    const shape: BatchShape = {
      dtype: this.#dtype,
      value,
      gradient,
      kernel,
      loop: updateInTypeScript,
      runs: runs.length,
      rows,
      cohorts,
      lanes,
      updates,
      columns: this.#data.length,
      shared: sharedColumns(this.#data),
      maxUpdates: maxIterations,
      tolerance,
      delay: use.delay,
      scratches: scratchCount(gradient, { rows, runs: runs.length, cohorts }, threads),
      isBounded: this.#box !== null,
      isRecorded: this.#recorder !== null,
      exempt: Math.max(use.delay, ...Object.values(resolved.rule).map(warmupSteps)),
    }
    const batch = new Batch(shape, this.#last?.region)
    this.#last = batch
    this.#batch = batch
    const together = areContiguous(runs)
    const points = this.#x.map((column) => pickRuns(column, runs, together))
    yield* batch.fill({
      runs,
      data: this.#data,
      x: points,
      starts: stateStarts(use, kernel),
      box: boundsColumns(this.#box, runs),
    })
    if (maxIterations === 0) yield* this.#storePoints(runs, points)
    const recorder = this.#recorder
    const every = recorder?.every ?? Infinity
    for (let done = 0, now = 0; done < maxIterations && batch.live > 0; done += now) {
      now = Math.min(updates, maxIterations - done, every - (done % every))
      rowsOfRule.write(batch.coefficients, now, batch.rowLength)
      batch.done = done
      batch.set('updates', now)
      batch.set('flushes', use.flushes(this.#dtype) ? 1 : 0)
      yield batch
      if (recorder) yield* recorder.record(batch, runs, done + now)
    }
    if (maxIterations > 0) this.#takeResults(runs, batch.results())
  }

  *#advanceMethod(method: MethodRuns, runs: Uint32Array): Generator<EngineCall> {
    const points = this.#x.map((column) => pickRuns(column, runs, areContiguous(runs)))
    if (this.options.maxIterations === 0) return yield* this.#storePoints(runs, points)
    const recorder = this.#recorder
    const { recorded } = method
    const all = {
      runs,
      data: this.#data,
      x: method.begin(points, boundsColumns(this.#box, runs)),
      // A run ends by the criteria in its program, which counts updates. The batch counts passes.
      maxUpdates: Number.MAX_SAFE_INTEGER,
      updatesPerCall: recorder === null ? UPDATES_PER_CALL : 1,
      threads: this.choice.runner.threads,
      isRecorded: recorder !== null,
    }
    const batch = prepareBatch(method.program, all, this.#last)
    this.#last = batch
    this.#batch = batch
    for (const call of iterateBatch(batch, all)) {
      yield call
      if (recorder !== null && call !== undefined) yield* recorder.recordPass(batch, runs, recorded)
    }
    this.#takeResults(runs, method.end(batch))
  }

  /** Copies the results of finished runs. */
  #takeResults(runs: Uint32Array, found: FoundRuns): void {
    const to = this.#result
    const together = areContiguous(runs)
    for (const [p, column] of to.x.entries()) putRuns(column, runs, found.x[p], together)
    for (const name of ['value', 'gradientNorm', 'maxChange', 'iterations', 'reason'] as const)
      putRuns(to[name], runs, found[name], together)
  }

  /** Stores the starting points as results if no update is allowed. */
  *#storePoints(runs: Uint32Array, points: readonly FloatArray[]): Slices<void> {
    const machine = new ProgramRunner(this.#programs.value, this.#dtype)
    const value = new Float64Array(runs.length)
    for (const [k, run] of runs.entries()) {
      const data = this.#data.map((column) => numbersInRun(column, run))
      const point = points.map((column) => column[k])
      const rows = data[0]?.length ?? 0
      yield* machine.runInSlices(point, data, rows, isRowParallel(machine.program, rows))
      value[k] = machine.slots[machine.program.outputs[0]]
      if (k % VALUES_PER_SLICE === 0) yield
    }
    const nothing = new Float64Array(runs.length).fill(NaN)
    this.#takeResults(runs, {
      x: points,
      value,
      gradientNorm: nothing,
      maxChange: nothing,
      iterations: new Float64Array(runs.length),
      reason: new Uint8Array(runs.length).fill(minimizeReasons.indexOf('max-iterations')),
    })
  }

  result(): MinimizeManyResult {
    const { x, reason, ...rest } = this.#result
    const parameters = this.#parameters
    const named = Object.fromEntries(parameters.map((name, p) => [name, x[p]]))
    const paths = this.#paths
    const { engine, reasons: engineReasons } = this.choice
    const report = this.#inTurn?.report()
    return { x: named, ...rest, reason: reason as Uint8Array, paths, engine, engineReasons, ...report }
  }
}

/** Bounds of the listed runs, in the order of the list. */
function boundsColumns(
  box: BoundsBox<number | FloatArray> | null,
  runs: Uint32Array,
): BoundsBox<number | FloatArray> | null {
  if (box === null) return null
  const limits = (values: ArrayLike<number | FloatArray>) =>
    Array.from(values, (limit) => (typeof limit === 'number' ? limit : pickRuns(limit, runs)))
  return { min: limits(box.min), max: limits(box.max) }
}

/** Initial value of each state array of the rule. */
function stateStarts(
  { definition, rule }: CoefficientRows['use'],
  { state }: Kernel,
): (number | 'parameters')[] {
  const starts = ownProperties(definition.starts(rule as never)) as Record<string, number | 'parameters'>
  return state.map((name) => starts[name] ?? 0)
}
