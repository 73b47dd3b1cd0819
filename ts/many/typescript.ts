/** A batch in TypeScript, run by run: the readable twin of crates/kernels/src/many. */

import { type Kernel, loopOf, Row } from '../arena/kernel.js'
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
} from '../arena/manifest.js'
import { Machine } from '../expressions/run.js'
import { type FloatArray, flush, largest, rounding, smallestNormal } from '../ground/numbers.js'
import { freeNorm, isAtRest, PATIENCE } from '../minimize/at-rest.js'
import { FLUSHING } from '../model/cohorts.js'
import { type Box, project } from '../objectives/bounds.js'
import type { Batch } from './batch.js'

export function advanceInTypeScript(batch: Batch): void {
  const { kernel } = batch.shape
  if (kernel === null) iterate(batch)
  else update(batch, kernel)
}

/** The program's outputs become the parameters, and runs stop that it tells to. */
function iterate(batch: Batch): void {
  const { shape, done, updates, isByRun, isByRows } = batch
  const { gradient, dtype, rows, mostUpdates } = shape
  const machine = new Machine(gradient, dtype)
  const { outputs } = gradient
  const count = outputs.length - 1
  const theta = dtype === 'float32' ? new Float32Array(count) : new Float64Array(count)
  const results = batch.results()
  for (const cohort of batch.cohorts()) {
    let data = cohort.data(0)
    for (let lane = cohort.live - 1; lane >= 0; lane--) {
      const began = cohort.read(lane, theta, [])
      if (isByRun) data = cohort.data(lane)
      let reason = 0
      let t = done
      for (const last = done + updates; t < last && reason === 0; t++) {
        if (isByRows) machine.runInLanes(theta, data, rows)
        else machine.run(theta, data, rows)
        for (let p = 0; p < count; p++) theta[p] = machine.slots[outputs[p]]
        reason = machine.slots[outputs[count]]
      }
      if (reason === 0 && t >= mostUpdates) reason = MAX_ITERATIONS
      if (reason === 0) {
        cohort.write(lane, theta, [], began)
        continue
      }
      const run = cohort.runs[lane]
      for (const [p, column] of results.x.entries()) column[run] = theta[p]
      results.iterations[run] = t
      results.reason[run] = reason
      cohort.remove(lane)
    }
  }
}

function update(batch: Batch, kernel: Kernel): void {
  const { shape, done, updates } = batch
  const { dtype, rows, tolerance, mostUpdates, exempt, delay } = shape
  const f = rounding[dtype]
  const gradient = new Machine(shape.gradient, dtype)
  const value = new Machine(shape.value, dtype)
  const loop = loopOf(kernel.number, dtype)
  const row = Row.of(kernel, dtype)
  const parameters = shape.value.parameters.length
  const make = () => (dtype === 'float32' ? new Float32Array(parameters) : new Float64Array(parameters))
  const [theta, before, g, prepared] = [make(), make(), make(), make()]
  const state = Object.fromEntries(kernel.state.map((name) => [name, make()]))
  const states = Object.values(state)
  let data: readonly FloatArray[] = []
  const valueAt = (x: FloatArray) => {
    value.run(x, data, rows)
    return value.slots[value.program.outputs[0]]
  }
  const gradientAt = (x: FloatArray, out: FloatArray) => {
    gradient.run(x, data, rows)
    for (const [p, slot] of gradient.program.outputs.entries()) out[p] = gradient.slots[slot]
  }

  const step = (t: number, coefficients: Float64Array, box: Box | null) => {
    gradientAt(theta, g)
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
    if (batch.flushes && t % FLUSHING === 0)
      for (const array of Object.values(state)) flush(array, 0, parameters, smallestNormal[dtype])
    if (box !== null) project(theta, box)
  }

  /** Why a run has stopped, 0 while it has not; `began` is since when its steps are short. */
  const judge = (
    t: number,
    change: number,
    coefficients: Float64Array,
    began: Float64Array,
    box: Box | null,
  ): number => {
    const isAllFinite = () => [valueAt(theta), largest(g), ...states.map(largest)].every(Number.isFinite)
    if (!(change < Infinity)) return DIVERGED
    if (!(change < tolerance && t > exempt)) {
      if (t >= mostUpdates) return isAllFinite() ? MAX_ITERATIONS : DIVERGED
      began[BATCH_SHORT.since] = 0
      return 0
    }
    if (!isAllFinite()) return DIVERGED
    const decay = {
      l2: coefficients[PIPELINE_L2],
      decoupled: 1 - coefficients[PIPELINE_DECAY],
      sign: coefficients[PIPELINE_SCALE] < 0 ? -1 : 1,
    }
    if (isAtRest(gradientAt as never, theta, g, tolerance, decay, box)) return CONVERGED
    if (t >= mostUpdates) return MAX_ITERATIONS
    const norm = freeNorm(theta, g, decay, box)
    const { since, change: changeThen, gradientNorm: normThen } = BATCH_SHORT
    if (began[since] === 0 || norm < 0.99 * began[normThen] || change > 1.01 * began[changeThen]) {
      began[since] = t
      began[changeThen] = change
      began[normThen] = norm
    } else if (t - began[since] >= PATIENCE) return STALLED
    return 0
  }

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
        step(t, rowsOf[k], box)
        change = 0
        for (let p = 0; p < parameters; p++) change = Math.max(change, Math.abs(f(theta[p] - before[p])))
        reason = judge(t, change, rowsOf[k], began, box)
      }
      if (reason === 0) {
        cohort.write(lane, theta, states, began)
        continue
      }
      const run = cohort.runs[lane]
      for (const [p, column] of results.x.entries()) column[run] = theta[p]
      results.value[run] = valueAt(theta)
      results.gradientNorm[run] = largest(g)
      results.change[run] = change
      results.iterations[run] = t
      results.reason[run] = reason
      cohort.remove(lane)
    }
  }
}
