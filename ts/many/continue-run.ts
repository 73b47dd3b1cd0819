/**
 * Continues a run of `minimize` as a batch of one run, if the objective is an expression. An engine call then performs
 * up to 256 updates, with the same bits.
 */

import { wasmModule } from '#webassembly/many'
import { BATCH_SHORT, BLOCK_OF_RUNS } from '../arena/manifest.js'
import type { FloatArray } from '../core/numbers.js'
import { runToEnd } from '../core/slices.js'
import type { EngineChoice } from '../engines/select-engine.js'
import { BoundExpression, Expression } from '../expressions/expression.js'
import type { RunEnd, RunInProgress } from '../minimize/continuation.js'
import { type MinimizeReason, minimizeReasons } from '../minimize/reasons.js'
import { type ResolvedRule, resolve, selectForShape } from '../rules/resolve.js'
import { isPlain, warmupSteps } from '../schedules/schedule.js'
import { Batch, type BatchShape } from './batch/batch.js'
import { CoefficientRows } from './batch/coefficients.js'
import { scratchCount, updatesPerCall } from './batch/layout.js'
import { type BatchRunner, selectRunner } from './engines/engines.js'
import { updateInTypeScript } from './engines/typescript.js'
import { isElementwise } from './option-sets.js'

/** Maximum count of updates per engine call. */
const UPDATES_PER_CALL = 256
/** Size in bytes of the largest batch that is kept for the next run. */
const MAX_SPARE_BYTES = 1 << 22

/** The functions of expressions. A user may replace the functions, and then expects that the replacements are called. */
const originals = [Expression, BoundExpression].map(({ prototype }) => {
  const { value, gradient } = prototype
  return { prototype, value, gradient }
})

/** The batch of an earlier run, whose memory the next run uses. */
let spare: Batch | undefined

type ObjectivePrograms = Pick<BoundExpression, 'programs' | 'data'>

/** Performs the remaining updates of a run; undefined if a batch does not support the run. */
export function continueRun(run: RunInProgress): RunEnd | undefined {
  const source = programsOf(run.objective)
  const resolved = resolve(run.rule)
  if (source === undefined || run.engine === 'typescript' || !isSupported(resolved)) return
  const coefficients = new CoefficientRows(resolved, Infinity, dtypeOf(run.params))
  const { state } = coefficients.use.stages[0]
  if (state.some((name) => run.state[name]?.length !== run.params.length)) return
  let batch: Batch
  let choice: EngineChoice<BatchRunner>
  try {
    choice = selectRunner({ ...run.settings, engine: run.engine } as never, wasmModule)
    batch = makeBatch(run, source, coefficients, choice.runner.threads)
  } catch {
    // Without the engine or without memory, the run continues in TypeScript.
    return
  }
  fill(batch, run, source, coefficients)
  advance(batch, run, coefficients, choice.runner)
  if (batch.region.byteLength <= MAX_SPARE_BYTES) spare = batch
  return readEnd(batch, run, state.length)
}

declare module '../extensions.js' {
  interface Extensions {
    continueRun: typeof continueRun
  }
}

/** The programs of an expression whose functions have not been replaced. */
function programsOf(objective: unknown): ObjectivePrograms | undefined {
  const prototype = Object.getPrototypeOf(objective)
  const own = originals.find((one) => one.prototype === prototype)
  if (own === undefined || own.value !== prototype.value || own.gradient !== prototype.gradient) return
  if (Object.hasOwn(objective as object, 'value') || Object.hasOwn(objective as object, 'gradient')) return
  return objective instanceof Expression
    ? { programs: objective.programs([]), data: [] }
    : (objective as BoundExpression)
}

/** Functions of t are excluded, because rows of coefficients are computed before the updates. */
const isSupported = (resolved: ResolvedRule) =>
  isElementwise(resolved) && selectForShape(resolved, undefined) === resolved && isPlain(resolved.rule)

const dtypeOf = (x: FloatArray) => (x instanceof Float32Array ? 'float32' : 'float64')

/** @throws MemoryError if no memory is available */
function makeBatch(
  { params, maxIterations, tolerance, box }: RunInProgress,
  { programs: { value, gradient }, data }: ObjectivePrograms,
  { use }: CoefficientRows,
  threads: number,
): Batch {
  const rows = data[0]?.length ?? 0
  const shape: BatchShape = {
    dtype: dtypeOf(params),
    value,
    gradient,
    kernel: use.stages[0],
    loop: updateInTypeScript,
    runs: 1,
    rows,
    cohorts: 1,
    lanes: BLOCK_OF_RUNS,
    updates: updatesPerCall(gradient, rows, 1, UPDATES_PER_CALL),
    columns: data.length,
    shared: data.length,
    maxUpdates: maxIterations,
    tolerance,
    delay: use.delay,
    scratches: scratchCount(gradient, { rows, runs: 1, cohorts: 1 }, threads),
    isBounded: box !== null,
    exempt: Math.max(use.delay, ...Object.values(use.rule).map(warmupSteps)),
  }
  const left = spare
  // If the engine fails, the batch is not used again.
  spare = undefined
  return left?.isLike(shape) ? left : new Batch(shape, left?.region)
}

/** Copies the data and the position of the run. */
function fill(batch: Batch, run: RunInProgress, { data }: ObjectivePrograms, rows: CoefficientRows): void {
  const { params, box, iterations, shortSince } = run
  const { state } = rows.use.stages[0]
  runToEnd(
    batch.fill({
      runs: Uint32Array.of(0),
      data: data.map((numbers) => ({ numbers, offsets: null })),
      x: Array.from(params),
      starts: state.map(() => 0),
      box: box as never,
    }),
  )
  const short = new Float64Array(Object.keys(BATCH_SHORT).length)
  short[BATCH_SHORT.since] = shortSince?.iterations ?? 0
  short[BATCH_SHORT.change] = shortSince?.change ?? 0
  short[BATCH_SHORT.gradientNorm] = shortSince?.gradientNorm ?? 0
  const states = state.map((name) => run.state[name])
  batch.cohorts()[0].write(0, params, states, short)
  // The counters of the rule continue after the completed updates.
  for (let k = 0; k < iterations; k++) rows.write(batch.coefficients, 1, batch.rowLength)
}

function advance(
  batch: Batch,
  { params, iterations, maxIterations }: RunInProgress,
  rows: CoefficientRows,
  runner: BatchRunner,
): void {
  const { updates: most } = batch.shape
  batch.set('flushes', rows.use.flushes(dtypeOf(params)) ? 1 : 0)
  for (let done = iterations, now = 0; batch.live > 0; done += now) {
    now = Math.min(most, maxIterations - done)
    rows.write(batch.coefficients, now, batch.rowLength)
    batch.done = done
    batch.set('updates', now)
    runner.advance(batch)
  }
}

function readEnd(batch: Batch, run: RunInProgress, states: number): RunEnd {
  const { x, value, gradientNorm, maxChange, iterations, reason } = batch.results()
  const params = run.params.map((_, p) => x[p][0])
  const short = batch.cohorts()[0].read(
    0,
    run.params.slice(),
    Array.from({ length: states }, () => run.params.slice()),
  )
  const { exempt, tolerance } = batch.shape
  // A short step evaluates the value to decide whether the run is finite. All other last steps evaluate the value once.
  const isShort = maxChange[0] < tolerance && iterations[0] > exempt
  return {
    x: params,
    value: value[0],
    gradientNorm: gradientNorm[0],
    maxChange: maxChange[0],
    iterations: iterations[0],
    reason: minimizeReasons[reason[0]] as MinimizeReason,
    values: short[BATCH_SHORT.steps] + (isShort ? 0 : 1),
    gradients: iterations[0] - run.iterations + short[BATCH_SHORT.probes],
  }
}
