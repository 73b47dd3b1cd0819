/** Advances a batch of runs with a rule in TypeScript, run by run: a readable reference for crates/kernels/src/many. */

import { getLoop, type Kernel, type Loop, Row } from '../../arena/kernel.js'
import {
  BATCH_SHORT,
  CONVERGED,
  DIVERGED,
  MAX_ITERATIONS,
  PIPELINE_DECAY,
  PIPELINE_L2,
  PIPELINE_LIMIT,
  PIPELINE_SCALE,
  STALLED,
} from '../../arena/manifest.js'
import { type FloatArray, flush, largest, rounding, smallestNormal } from '../../core/numbers.js'
import type { Slices } from '../../core/slices.js'
import { OPERATIONS_OF_SLICE, ProgramRunner } from '../../expressions/run.js'
import { freeNorm, hasConverged, PATIENCE } from '../../minimize/convergence.js'
import { FLUSH_INTERVAL } from '../../model/cohorts.js'
import { type BoundsBox, project } from '../../objectives/bounds.js'
import type { Batch } from '../batch/batch.js'
import type { Cohort } from '../batch/cohort.js'
import { countOperations, Spending } from './iterate.js'

/** Advances the runs of a batch whose shape has the kernel of a rule. */
export function* updateInTypeScript(batch: Batch): Slices<void> {
  const updater = new RuleUpdater(batch)
  for (const cohort of batch.cohorts()) yield* updater.advance(cohort)
}

/** Performs the updates of one run after the other, with arrays that all runs of a batch share. */
class RuleUpdater {
  readonly #batch: Batch
  readonly #gradient: ProgramRunner
  readonly #value: ProgramRunner
  readonly #loop: Loop
  readonly #row: Row
  readonly #theta: FloatArray
  /** The parameters before the update. */
  readonly #before: FloatArray
  readonly #g: FloatArray
  /** The gradient with scale, limit and L2 penalty. */
  readonly #prepared: FloatArray
  readonly #state: Readonly<Record<string, FloatArray>>
  readonly #states: readonly FloatArray[]
  /** Number of operations of an update, and whether they take longer than a slice. */
  readonly #operations: number
  readonly #isLong: boolean
  readonly #spending = new Spending()
  /** The rows of coefficients of the updates. */
  readonly #rows: readonly Float64Array[]
  #data: readonly FloatArray[] = []
  #box: BoundsBox | null = null

  constructor(batch: Batch) {
    const { kernel, dtype, gradient, value, rows } = batch.shape
    this.#batch = batch
    this.#gradient = new ProgramRunner(gradient, dtype)
    this.#value = new ProgramRunner(value, dtype)
    this.#loop = getLoop((kernel as Kernel).number, dtype)
    this.#row = Row.create(kernel as Kernel, dtype)
    const size = value.parameters.length
    const make = () => (dtype === 'float32' ? new Float32Array(size) : new Float64Array(size))
    this.#theta = make()
    this.#before = make()
    this.#g = make()
    this.#prepared = make()
    this.#state = Object.fromEntries((kernel as Kernel).state.map((name) => [name, make()]))
    this.#states = Object.values(this.#state)
    this.#operations = countOperations(gradient, rows)
    this.#isLong = this.#operations > OPERATIONS_OF_SLICE
    this.#rows = Array.from({ length: batch.updates }, (_, k) =>
      batch.coefficients.subarray(k * batch.rowLength, (k + 1) * batch.rowLength),
    )
  }

  /** Performs the updates of the runs of a cohort. */
  *advance(cohort: Cohort): Slices<void> {
    this.#data = cohort.data(0)
    for (let lane = cohort.live - 1; lane >= 0; lane--) {
      if (this.#batch.isByRun) this.#data = cohort.data(lane)
      yield* this.#advanceLane(cohort, lane)
    }
  }

  *#advanceLane(cohort: Cohort, lane: number): Slices<void> {
    const { done, updates, shape } = this.#batch
    const [theta, states] = [this.#theta, this.#states]
    const began = cohort.read(lane, theta, states)
    this.#box = cohort.box(lane)
    let reason = 0
    let change = 0
    let t = done
    for (let k = 0; k < updates && reason === 0; k++) {
      t = done + k + 1
      const coefficients = this.#rows[k]
      if (this.#isLong) yield* this.#runProgram(this.#gradient, theta)
      else this.#run(this.#gradient, theta)
      this.#readGradient(this.#g)
      this.#step(t, coefficients)
      change = this.#largestChange()
      // Most updates are not short and not the last update, and call no function that may pause.
      if (change < Infinity && !this.#isShort(t, change) && t < shape.maxUpdates) began[BATCH_SHORT.since] = 0
      else reason = yield* this.#judge(t, change, coefficients, began)
      if (this.#spending.isDue(this.#operations)) yield
    }
    if (reason === 0) cohort.write(lane, theta, states, began)
    else yield* this.#finish(cohort, lane, { reason, change, t })
  }

  /** Writes the results of a run that stops, and removes the run. */
  *#finish(
    cohort: Cohort,
    lane: number,
    { reason, change, t }: { reason: number; change: number; t: number },
  ): Slices<void> {
    const run = cohort.runs[lane]
    const results = this.#batch.results()
    for (const [p, column] of results.x.entries()) column[run] = this.#theta[p]
    results.value[run] = yield* this.#valueAt(this.#theta)
    results.gradientNorm[run] = largest(this.#g)
    results.maxChange[run] = change
    results.iterations[run] = t
    results.reason[run] = reason
    cohort.remove(lane)
  }

  #run(machine: ProgramRunner, x: FloatArray): void {
    machine.run(x, this.#data, this.#batch.shape.rows, this.#batch.isByRows)
  }

  *#runProgram(machine: ProgramRunner, x: FloatArray): Slices<void> {
    if (this.#isLong) yield* machine.runInSlices(x, this.#data, this.#batch.shape.rows, this.#batch.isByRows)
    else this.#run(machine, x)
  }

  *#valueAt(x: FloatArray): Slices<number> {
    const value = this.#value
    yield* this.#runProgram(value, x)
    return value.slots[value.program.outputs[0]]
  }

  #readGradient(out: FloatArray): void {
    const { program, slots } = this.#gradient
    for (const [p, slot] of program.outputs.entries()) out[p] = slots[slot]
  }

  *#gradientAt(x: FloatArray, out: FloatArray): Slices<void> {
    yield* this.#runProgram(this.#gradient, x)
    this.#readGradient(out)
  }

  /** Performs an update from the gradient. */
  #step(t: number, coefficients: Float64Array): void {
    const { flushes, shape } = this.#batch
    const [theta, before, g, prepared, state] = [
      this.#theta,
      this.#before,
      this.#g,
      this.#prepared,
      this.#state,
    ]
    const size = theta.length
    const f = rounding[shape.dtype]
    before.set(theta)
    this.#row.coefficients = coefficients
    const [scale, limit, l2] = [PIPELINE_SCALE, PIPELINE_LIMIT, PIPELINE_L2].map((at) => f(coefficients[at]))
    const low = 0 - limit
    for (let p = 0; p < size; p++) {
      const scaled = f(scale * g[p])
      const clamped = scaled < low ? low : scaled > limit ? limit : scaled
      prepared[p] = l2 === 0 ? clamped : f(clamped + f(l2 * theta[p]))
    }
    this.#loop(theta, prepared, state, this.#row.byName, 0, size, {}, prepared)
    if (t <= shape.delay) theta.set(before)
    if (flushes && t % FLUSH_INTERVAL === 0)
      for (const array of this.#states) flush(array, 0, size, smallestNormal[shape.dtype])
    if (this.#box !== null) project(theta, this.#box)
  }

  *#isAllFinite(): Slices<boolean> {
    const numbers = [yield* this.#valueAt(this.#theta), largest(this.#g), ...this.#states.map(largest)]
    return numbers.every(Number.isFinite)
  }

  #isShort(t: number, change: number): boolean {
    return change < this.#batch.shape.tolerance && t > this.#batch.shape.exempt
  }

  #largestChange(): number {
    const f = rounding[this.#batch.shape.dtype]
    const [theta, before] = [this.#theta, this.#before]
    let change = 0
    for (let p = 0; p < theta.length; p++) change = Math.max(change, Math.abs(f(theta[p] - before[p])))
    return change
  }

  /**
   * Returns the reason why the run stops, or 0 if the run continues. The array `began` contains the update at which the
   * steps of the run became short.
   */
  *#judge(t: number, change: number, coefficients: Float64Array, began: Float64Array): Slices<number> {
    const { tolerance, maxUpdates } = this.#batch.shape
    const [theta, g, box] = [this.#theta, this.#g, this.#box]
    if (!(change < Infinity)) return DIVERGED
    if (!this.#isShort(t, change)) return (yield* this.#isAllFinite()) ? MAX_ITERATIONS : DIVERGED
    if (!(yield* this.#isAllFinite())) return DIVERGED
    const decay = {
      l2: coefficients[PIPELINE_L2],
      decoupled: 1 - coefficients[PIPELINE_DECAY],
      sign: coefficients[PIPELINE_SCALE] < 0 ? -1 : 1,
    }
    const gradientAt = (x: FloatArray, out: FloatArray) => this.#gradientAt(x, out)
    if (yield* hasConverged(gradientAt, theta, g, { tolerance, decay, box })) return CONVERGED
    if (t >= maxUpdates) return MAX_ITERATIONS
    const norm = freeNorm(theta, g, decay, box)
    const { since, change: changeThen, gradientNorm: normThen } = BATCH_SHORT
    if (began[since] === 0 || norm < 0.99 * began[normThen] || change > 1.01 * began[changeThen]) {
      began[since] = t
      began[changeThen] = change
      began[normThen] = norm
    } else if (t - began[since] >= PATIENCE) return STALLED
    return 0
  }
}
