/** Integrates a system from event to event, and stops exactly at each event. */

import type { Slices } from '../../core/slices.js'
import { IntegrationStop, isReached, type OdeMethod, type StepControl, type Tolerances } from './control.js'
import type { integrateExplicit } from './explicit.js'
import type { Flow } from './flow.js'
import { integrateStiff } from './radau.js'

/** A sudden change at a time. All derivatives have one number per direction. */
export interface OdeEvent {
  readonly time: number
  /** Order of events and outputs at the same time. */
  readonly rank: number
  /** The state whose amount (bolus) or rate (infusion) changes, or −1 for a piece of an input. */
  readonly state: number
  readonly isRate: boolean
  readonly change: number
  readonly changeSlopes: ArrayLike<number>
  readonly timeSlopes: ArrayLike<number>
}

/** Times at which the solution is required, in ascending order. Times of equal size are in the order of the ranks. */
export interface SortedOutputs {
  readonly times: Float64Array
  readonly ranks: Float64Array
}

export interface Integration {
  readonly flow: Flow
  /** Solution at the initial time, which the integration changes in place. */
  readonly z: Float64Array
  readonly begin: number
  /** Events in the order of time and rank. */
  readonly events: readonly OdeEvent[]
  readonly outputs: SortedOutputs
  readonly method: OdeMethod
  readonly control: StepControl
  readonly emit: (output: number, z: Float64Array) => void
  /** The explicit method, alone or in a lane. */
  readonly explicit: typeof integrateExplicit
}

export type { Tolerances }

/** Runs an integration. The result is null, or the reason why the integration ended before the last output. */
export function* integrate(integration: Integration): Slices<IntegrationStop | null> {
  try {
    yield* run(integration)
    return null
  } catch (stop) {
    if (stop instanceof IntegrationStop) return stop
    throw stop
  }
}

function* run({
  flow,
  z,
  begin,
  events,
  outputs: { times, ranks },
  method,
  control,
  emit,
  explicit,
}: Integration): Slices<void> {
  let [t, output, isStiff] = [begin, 0, method === 'stiff']
  function* advance(end: number, limit: number): Slices<void> {
    for (; output < limit && isReached(t, times[output]); output++) emit(output, z)
    if (!isStiff && !isReached(t, end)) {
      const segment = { times, first: output, limit, emit }
      t = yield* explicit(flow, z, [t, end], segment, control, method === 'auto')
      isStiff = !isReached(t, end)
      while (output < limit && times[output] <= t) output++
    }
    if (!isReached(t, end))
      yield* integrateStiff(flow, z, [t, end], { times, first: output, limit, emit }, control)
    output = limit
    t = end
  }
  flow.select(t)
  for (const event of events) {
    // No integration follows the last output.
    if (output >= times.length) return
    let limit = output
    while (limit < times.length && isBefore(times[limit], ranks[limit], event)) limit++
    if (!(event.time < Infinity))
      throw new IntegrationStop(t, 'a dose has an invalid time, amount or duration')
    if (event.time < t) throw new IntegrationStop(event.time, `a dose lies before the initial time ${begin}`)
    yield* advance(event.time, limit)
    apply(flow, z, event)
    flow.select(t)
  }
  if (output < times.length) yield* advance(times[times.length - 1], times.length)
}

const isBefore = (time: number, rank: number, event: OdeEvent) =>
  time < event.time || (time === event.time && rank < event.rank)

/** Changes the solution at an event. The sensitivities jump if the time of the event depends on a parameter. */
function apply(flow: Flow, z: Float64Array, event: OdeEvent): void {
  const { state, isRate, change, changeSlopes, timeSlopes, time } = event
  const { n, m, force } = flow
  if (state < 0) return
  let moves = false
  for (let d = 0; d < m; d++) moves ||= timeSlopes[d] !== 0
  const [before, after] = [new Float64Array(n), new Float64Array(n)]
  if (moves) flow.rates(time, z, before)
  const to = isRate ? force : z
  to[state] += change
  for (let d = 0; d < m; d++) to[n * (1 + d) + state] += changeSlopes[d]
  if (!moves) return
  flow.rates(time, z, after)
  for (let d = 0; d < m; d++) {
    if (timeSlopes[d] === 0) continue
    for (let i = 0; i < n; i++) z[n * (1 + d) + i] += (before[i] - after[i]) * timeSlopes[d]
  }
}
