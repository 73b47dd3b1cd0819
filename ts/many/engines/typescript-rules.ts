/** Advances a batch of a rule in TypeScript. Fits do not load this module. */

import { getLoop, type Kernel, Row } from '../../arena/kernel.js'
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
import { countOperations, Spending } from './typescript.js'

/** Performs the pending updates of a batch whose updates a rule computes. */
export function* advanceByRule(batch: Batch): Slices<void> {
  const { shape, done, updates, isByRows } = batch
  const kernel = shape.kernel as Kernel
  const { dtype, rows, tolerance, maxUpdates, exempt, delay } = shape
  const f = rounding[dtype]
  const gradient = new ProgramRunner(shape.gradient, dtype)
  const value = new ProgramRunner(shape.value, dtype)
  const loop = getLoop(kernel.number, dtype)
  const row = Row.create(kernel, dtype)
  const parameters = shape.value.parameters.length
  const make = () => (dtype === 'float32' ? new Float32Array(parameters) : new Float64Array(parameters))
  const [theta, before, g, prepared] = [make(), make(), make(), make()]
  const state = Object.fromEntries(kernel.state.map((name) => [name, make()]))
  const states = Object.values(state)
  let data: readonly FloatArray[] = []
  const operations = countOperations(shape.gradient, rows)
  const isLong = operations > OPERATIONS_OF_SLICE
  const spending = new Spending()
  function* runProgram(machine: ProgramRunner, x: FloatArray): Slices<void> {
    if (isLong) yield* machine.runInSlices(x, data, rows, isByRows)
    else machine.run(x, data, rows, isByRows)
  }
  function* valueAt(x: FloatArray): Slices<number> {
    yield* runProgram(value, x)
    return value.slots[value.program.outputs[0]]
  }
  const readGradient = (out: FloatArray) => {
    for (const [p, slot] of gradient.program.outputs.entries()) out[p] = gradient.slots[slot]
  }
  function* gradientAt(x: FloatArray, out: FloatArray): Slices<void> {
    yield* runProgram(gradient, x)
    readGradient(out)
  }

  /** Performs an update from the gradient g. */
  const step = (t: number, coefficients: Float64Array, box: BoundsBox | null) => {
    before.set(theta)
    row.coefficients = coefficients
    const [scale, limit, l2] = [PIPELINE_SCALE, PIPELINE_LIMIT, PIPELINE_L2].map((at) => f(coefficients[at]))
    const low = 0 - limit
    for (let p = 0; p < parameters; p++) {
      const scaled = f(scale * g[p])
      const clamped = scaled < low ? low : scaled > limit ? limit : scaled
      prepared[p] = l2 === 0 ? clamped : f(clamped + f(l2 * theta[p]))
    }
    loop(theta, prepared, state, row.byName, 0, parameters, {}, prepared)
    if (t <= delay) theta.set(before)
    if (batch.flushes && t % FLUSH_INTERVAL === 0)
      for (const array of Object.values(state)) flush(array, 0, parameters, smallestNormal[dtype])
    if (box !== null) project(theta, box)
  }

  function* isAllFinite(): Slices<boolean> {
    const numbers = [yield* valueAt(theta), largest(g), ...states.map(largest)]
    return numbers.every(Number.isFinite)
  }

  /**
   * Returns the reason why the run stops, or 0 if the run continues. The array `began` contains the update at which the
   * steps of the run became short.
   */
  function* judge(
    t: number,
    change: number,
    coefficients: Float64Array,
    began: Float64Array,
    box: BoundsBox | null,
  ): Slices<number> {
    if (!(change < Infinity)) return DIVERGED
    if (!isShort(t, change)) return (yield* isAllFinite()) ? MAX_ITERATIONS : DIVERGED
    if (!(yield* isAllFinite())) return DIVERGED
    const decay = {
      l2: coefficients[PIPELINE_L2],
      decoupled: 1 - coefficients[PIPELINE_DECAY],
      sign: coefficients[PIPELINE_SCALE] < 0 ? -1 : 1,
    }
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

  const isShort = (t: number, change: number) => change < tolerance && t > exempt

  const rowsOf = Array.from({ length: updates }, (_, k) =>
    batch.coefficients.subarray(k * batch.rowLength, (k + 1) * batch.rowLength),
  )
  const results = batch.results()
  for (const cohort of batch.cohorts()) {
    data = cohort.data(0)
    for (let lane = cohort.live - 1; lane >= 0; lane--) {
      const began = cohort.read(lane, theta, states)
      const box = cohort.box(lane)
      if (batch.isByRun) data = cohort.data(lane)
      let reason = 0
      let change = 0
      let t = done
      for (let k = 0; k < updates && reason === 0; k++) {
        t = done + k + 1
        if (isLong) yield* gradient.runInSlices(theta, data, rows, isByRows)
        else gradient.run(theta, data, rows, isByRows)
        readGradient(g)
        step(t, rowsOf[k], box)
        change = 0
        for (let p = 0; p < parameters; p++) change = Math.max(change, Math.abs(f(theta[p] - before[p])))
        // Most updates are not short and not the last update, and call no function that may pause.
        if (change < Infinity && !isShort(t, change) && t < maxUpdates) began[BATCH_SHORT.since] = 0
        else reason = yield* judge(t, change, rowsOf[k], began, box)
        if (spending.isDue(operations)) yield
      }
      if (reason === 0) {
        cohort.write(lane, theta, states, began)
        continue
      }
      const run = cohort.runs[lane]
      for (const [p, column] of results.x.entries()) column[run] = theta[p]
      results.value[run] = yield* valueAt(theta)
      results.gradientNorm[run] = largest(g)
      results.maxChange[run] = change
      results.iterations[run] = t
      results.reason[run] = reason
      cohort.remove(lane)
    }
  }
}
