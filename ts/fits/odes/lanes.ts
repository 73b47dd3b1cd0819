/**
 * Integrates the segments of many fits side by side. Each lane of a batch belongs to one fit, and has its own time, step
 * size and outputs. The engine attempts one step in all lanes; the decisions of `integrateExplicit` follow here, lane
 * by lane.
 */

import { runToEnd, type Slices } from '../../core/slices.js'
import type { Batch } from '../../many/batch/batch.js'
import type { Cohort } from '../../many/batch/cohort.js'
import type { BatchRunner } from '../../many/engines/engines.js'
import { prepareBatch } from '../../many/engines/program-batch.js'
import { zeros } from '../models/linear-least-squares.js'
import { IntegrationStop, isReached, type StepControl } from './control.js'
import {
  continueExplicit,
  integrateExplicit,
  MAX_CALM_STEPS,
  MAX_STIFF_STEPS,
  type SegmentOutputs,
  type SegmentState,
  startSegment,
} from './explicit.js'
import type { Flow } from './flow.js'
import type { StepProgram } from './step-program.js'

/** A segment that a lane integrates, and the result. */
interface Segment {
  readonly z: Float64Array
  readonly end: number
  readonly outputs: SegmentOutputs
  readonly control: StepControl
  readonly mayStop: boolean
  /** Solution between two steps. */
  readonly at: Float64Array
  t: number
  output: number
  stiff: number
  calm: number
  isDone: boolean
  stop: IntegrationStop | undefined
}

/**
 * Count of fits below which each fit continues alone. A step of the batch takes the same time for few lanes as for many,
 * and the last fits often need many steps.
 */
const MIN_LIVE = 32

/** A batch of integrations of one system, one lane per fit. */
export class IntegrationLanes {
  readonly step: StepProgram
  readonly #batch: Batch
  readonly #runner: BatchRunner
  readonly #segments: (Segment | undefined)[]
  /** Cohort and lane of each fit. */
  readonly #cohortOf: Cohort[] = []
  readonly #laneOf: number[] = []
  readonly #minLive: number
  #isAlone = false

  constructor(step: StepProgram, count: number, runner: BatchRunner) {
    this.step = step
    this.#runner = runner
    this.#segments = new Array(count).fill(undefined)
    this.#minLive = Math.min(MIN_LIVE, count / 2)
    const runs = Uint32Array.from({ length: count }, (_, run) => run)
    const x = step.program.parameters.map(() => 0)
    const { threads } = runner
    const limits = { maxUpdates: Number.MAX_SAFE_INTEGER, updatesPerCall: 1, threads }
    this.#batch = prepareBatch(step.program, { runs, data: [], x, ...limits }, undefined)
    runToEnd(this.#batch.fill({ runs, data: [], x, starts: [], box: null }))
    for (const cohort of this.#batch.cohorts())
      for (let lane = 0; lane < cohort.live; lane++) this.#place(cohort, lane)
  }

  #place(cohort: Cohort, lane: number): void {
    const run = cohort.runs[lane]
    this.#cohortOf[run] = cohort
    this.#laneOf[run] = lane
  }

  /** Integrates a segment in the lane of a fit, as `integrateExplicit` does. Each pause waits for a step of the batch. */
  *integrate(
    run: number,
    flow: Flow,
    z: Float64Array,
    [begin, end]: readonly [number, number],
    outputs: SegmentOutputs,
    control: StepControl,
    mayStop: boolean,
  ): Slices<number> {
    if (this.#isAlone) return yield* integrateExplicit(flow, z, [begin, end], outputs, control, mayStop)
    const rates = zeros(z.length)
    const h = startSegment(flow, [begin, end], z, rates, control)
    const counts = { t: begin, output: outputs.first, stiff: 0, calm: 0, isDone: false, stop: undefined }
    const segment: Segment = { z, end, outputs, control, mayStop, at: zeros(z.length), ...counts }
    this.#fill(run, flow, segment, rates, h)
    this.#segments[run] = segment
    while (!segment.isDone && !this.#isAlone) yield
    if (!segment.isDone) {
      segment.isDone = true
      const from = this.#leave(run, segment)
      return yield* continueExplicit(flow, z, end, outputs, control, from, mayStop)
    }
    if (segment.stop !== undefined) throw segment.stop
    return segment.t
  }

  /** Reads the state of a fit that leaves its lane. */
  #leave(run: number, { z, t, output, stiff, calm }: Segment): SegmentState {
    const { scalars, vectors } = this.step
    const [cohort, lane] = [this.#cohortOf[run], this.#laneOf[run]]
    const read = (field: number) => cohort.theta(field)[lane]
    this.#read(cohort, lane, z, undefined)
    const rates = z.map((_, i) => read(vectors.rates + i))
    const isRetry = read(scalars.isRetry) !== 0
    return { rates, t, h: read(scalars.h), output, stiff, calm, before: read(scalars.before), isRetry }
  }

  #fill(run: number, flow: Flow, { z, t, end }: Segment, rates: Float64Array, h: number): void {
    const { scalars, vectors, parameters } = this.step
    const cohort = this.#cohortOf[run]
    const lane = this.#laneOf[run]
    const set = (field: number, value: number) => {
      cohort.theta(field)[lane] = value
    }
    set(scalars.t, t)
    set(scalars.h, h)
    set(scalars.end, end)
    set(scalars.before, 1e-4)
    set(scalars.isRetry, 0)
    set(scalars.isActive, 1)
    for (let i = 0; i < z.length; i++) {
      set(vectors.z + i, z[i])
      set(vectors.rates + i, rates[i])
      if (vectors.force >= 0) set(vectors.force + i, flow.force[i])
    }
    const { numbers } = flow
    for (let k = 0; k < numbers.length; k++) set(parameters + k, numbers[k])
  }

  /** Whether a fit waits for the batch. */
  isWaiting(run: number): boolean {
    const segment = this.#segments[run]
    return segment !== undefined && !segment.isDone
  }

  /** Removes the lane of a fit that integrates no more. */
  remove(run: number): void {
    const [cohort, lane] = [this.#cohortOf[run], this.#laneOf[run]]
    cohort.remove(lane)
    if (lane < cohort.live) this.#place(cohort, lane)
  }

  /**
   * Attempts one step in all lanes. Returns the fits that no longer wait: their segments have ended, or all fits continue
   * alone.
   */
  advance(): number[] {
    const batch = this.#batch
    if (batch.live < this.#minLive) {
      this.#isAlone = true
      return [...this.#segments.keys()].filter((run) => this.isWaiting(run))
    }
    batch.done = 0
    batch.set('updates', 1)
    this.#runner.advance(batch)
    const ended: number[] = []
    for (const cohort of batch.cohorts()) this.#follow(cohort, ended)
    return ended
  }

  #follow(cohort: Cohort, ended: number[]): void {
    const { scalars } = this.step
    const [t, h, isAccepted, isStiff, active] = (
      ['t', 'h', 'isAccepted', 'isStiff', 'isActive'] as const
    ).map((name) => cohort.theta(scalars[name]))
    const { runs, live } = cohort
    for (let lane = 0; lane < live; lane++) {
      if (active[lane] === 0) continue
      const segment = this.#segments[runs[lane]] as Segment
      try {
        if (isAccepted[lane] === 0) segment.control.count(false, t[lane], h[lane])
        else this.#accept(cohort, lane, segment, t[lane], h[lane], isStiff[lane] !== 0)
      } catch (stop) {
        if (!(stop instanceof IntegrationStop)) throw stop
        segment.stop = stop
        segment.isDone = true
      }
      if (!segment.isDone) continue
      active[lane] = 0
      ended.push(runs[lane])
    }
  }

  /** Follows an accepted step as `takeSteps` does. */
  #accept(cohort: Cohort, lane: number, segment: Segment, to: number, h: number, isStiff: boolean): void {
    const { outputs, control, end } = segment
    const { times, limit, emit } = outputs
    const { scalars } = this.step
    for (; segment.output < limit && times[segment.output] <= to; segment.output++) {
      const time = times[segment.output]
      const step = cohort.theta(scalars.step)[lane]
      this.#read(cohort, lane, segment.at, time === to ? undefined : [(time - segment.t) / step, step])
      emit(segment.output, segment.at)
    }
    segment.t = to
    const isOver = isReached(to, end)
    if (segment.mayStop && isStiff) {
      segment.calm = 0
      if (++segment.stiff >= MAX_STIFF_STEPS) {
        this.#read(cohort, lane, segment.z, undefined)
        control.count(true, to, cohort.theta(scalars.step)[lane])
        segment.isDone = true
        return
      }
    } else if (++segment.calm >= MAX_CALM_STEPS) segment.stiff = 0
    control.count(true, to, h)
    if (!isOver) return
    this.#read(cohort, lane, segment.z, undefined)
    segment.t = end
    for (; segment.output < limit; segment.output++) emit(segment.output, segment.z)
    segment.isDone = true
  }

  /** Reads the solution after a step, or the dense output at a fraction x of a step of size h. */
  #read(
    cohort: Cohort,
    lane: number,
    out: Float64Array,
    within: readonly [x: number, h: number] | undefined,
  ): void {
    const { z, rates, lastZ, lastRates, dense } = this.step.vectors
    for (let i = 0; i < out.length; i++) {
      const next = cohort.theta(z + i)[lane]
      if (within === undefined) {
        out[i] = next
        continue
      }
      const [x, h] = within
      const before = cohort.theta(lastZ + i)[lane]
      const change = next - before
      const first = h * cohort.theta(lastRates + i)[lane] - change
      const second = change - h * cohort.theta(rates + i)[lane] - first
      const rest = 1 - x
      out[i] = before + x * (change + rest * (first + x * (second + rest * cohort.theta(dense + i)[lane])))
    }
  }
}
