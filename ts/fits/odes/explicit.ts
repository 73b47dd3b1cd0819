/**
 * The explicit Runge-Kutta pair of orders 5 and 4 (Dormand and Prince, 1980) with dense output and the detection of
 * stiffness (Hairer, Nørsett and Wanner, Solving Ordinary Differential Equations I and II).
 */

import type { Slices } from '../../core/slices.js'
import { pow } from '../../functions/index.js'
import { zeros } from '../models/linear-least-squares.js'
import {
  areFinite,
  firstStep,
  IntegrationStop,
  isReached,
  MAX_FACTOR,
  MIN_FACTOR,
  SAFETY,
  type StepControl,
} from './control.js'
import type { Flow } from './flow.js'

export const NODES = [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1]
/** Coefficients of the stages, padded to seven numbers. The last row is also the solution of order 5. */
export const STAGES = [
  [],
  [1 / 5],
  [3 / 40, 9 / 40],
  [44 / 45, -56 / 15, 32 / 9],
  [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
  [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
  [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
].map((row) => [...row, ...NODES.slice(row.length).map(() => 0)])
/** The difference of the solutions of orders 5 and 4. */
export const ERRORS = [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40]
/** Coefficients of the last term of the dense output. */
export const DENSE = [
  -12715105075 / 11282082432,
  0,
  87487479700 / 32700410799,
  -10690763975 / 1880347072,
  701980252875 / 199316789632,
  -1453857185 / 822651844,
  69997945 / 29380423,
]
/**
 * Steps count as stiff above this value of |h·λ|. The stability region ends near 3.3, where tight tolerances already
 * shorten the steps. Steps that the accuracy limits rarely exceed 1.
 */
export const STIFFNESS_LIMIT = 2.5
export const MAX_STIFF_STEPS = 15
export const MAX_CALM_STEPS = 6

/** Times at which a segment must return the solution, in ascending order. */
export interface SegmentOutputs {
  readonly times: ArrayLike<number>
  /** The segment returns the solution at the times from index `first` to the last index before `limit`. */
  readonly first: number
  readonly limit: number
  /** Receives the index of a time and the solution at the time. */
  readonly emit: (k: number, z: Float64Array) => void
}

/** Numbers of an integration between two steps. */
export interface SegmentState {
  /** Rates at the time t. */
  readonly rates: Float64Array
  t: number
  h: number
  /** Index of the next output. */
  output: number
  /** Counts of consecutive steps at the limit of stability, and of other steps. */
  stiff: number
  calm: number
  /** Error norm of the last accepted step. */
  before: number
  isRetry: boolean
}

interface ExplicitState extends SegmentState {
  readonly k: Float64Array[]
  readonly next: Float64Array
  readonly error: Float64Array
  readonly at: Float64Array
}

/**
 * Integrates z from t to `end`, and changes z in place. The result is `end`, or the time at which the system turned out
 * to be stiff.
 *
 * @param mayStop whether the integration ends if the system is stiff
 */
export function* integrateExplicit(
  flow: Flow,
  z: Float64Array,
  [begin, end]: readonly [number, number],
  outputs: SegmentOutputs,
  control: StepControl,
  mayStop: boolean,
): Slices<number> {
  const rates = zeros(z.length)
  const h = startSegment(flow, [begin, end], z, rates, control)
  const counts = { output: outputs.first, stiff: 0, calm: 0, before: 1e-4, isRetry: false }
  return yield* continueExplicit(flow, z, end, outputs, control, { rates, t: begin, h, ...counts }, mayStop)
}

/** Continues an integration from the state between two steps, as `integrateExplicit` does. */
export function* continueExplicit(
  flow: Flow,
  z: Float64Array,
  end: number,
  outputs: SegmentOutputs,
  control: StepControl,
  from: SegmentState,
  mayStop: boolean,
): Slices<number> {
  const k = NODES.map((_, stage) => (stage === 0 ? from.rates : zeros(z.length)))
  const error = zeros(control.tolerances.controlsSensitivities ? z.length : flow.n)
  const state: ExplicitState = { ...from, k, next: zeros(z.length), error, at: zeros(z.length) }
  // Loops of generators are slower than loops of functions.
  while (!takeSteps(flow, z, end, outputs, control, state, mayStop)) yield
  for (; state.output < outputs.limit && state.t === end; state.output++) outputs.emit(state.output, z)
  return state.t
}

/**
 * Writes the rates at the start of a segment, and returns the first step size.
 *
 * @throws IntegrationStop if a rate is not finite
 */
export function startSegment(
  flow: Flow,
  [begin, end]: readonly [number, number],
  z: Float64Array,
  rates: Float64Array,
  { tolerances }: StepControl,
): number {
  flow.all(begin, z, rates)
  if (!areFinite(rates)) throw new IntegrationStop(begin, 'a rate or its derivative is not a finite number')
  return firstStep(flow, [begin, end], z, rates, tolerances, 4)
}

/** Takes steps until a pause is due. The result is whether the integration has ended. */
function takeSteps(
  flow: Flow,
  z: Float64Array,
  end: number,
  { times, limit, emit }: SegmentOutputs,
  control: StepControl,
  state: ExplicitState,
  mayStop: boolean,
): boolean {
  const { k, next, error, at } = state
  const { n } = flow
  while (!isReached(state.t, end)) {
    if (control.isPauseDue(z.length)) return false
    const { t, h } = state
    const isLast = t + h >= end || isReached(t + h, end)
    const step = isLast ? end - t : h
    evaluateStages(flow, t, step, z, k, at, next)
    combine(error, ERRORS, 7, k, step, z)
    const norm = control.norm(error, z, next, n)
    if (!(norm <= 1) || !areFinite(next)) {
      state.isRetry = true
      state.h = step * (norm < Infinity ? Math.max(MIN_FACTOR, SAFETY * pow(norm, -0.2)) : MIN_FACTOR)
      control.count(false, t, state.h)
      continue
    }
    const to = isLast ? end : t + step
    for (; state.output < limit && times[state.output] <= to; state.output++) {
      const time = times[state.output]
      if (time !== to) interpolate((time - t) / step, step, z, next, k, at)
      emit(state.output, time === to ? next : at)
    }
    state.t = to
    if (mayStop && isStiffStep(flow, step, k, z, next)) {
      state.calm = 0
      if (++state.stiff >= MAX_STIFF_STEPS) {
        z.set(next)
        control.count(true, to, step)
        return true
      }
    } else if (++state.calm >= MAX_CALM_STEPS) state.stiff = 0
    // Proportional-integral control with the exponents 0.7/5 and 0.4/5 of Hairer's DOPRI5.
    const factor = norm === 0 ? MAX_FACTOR : SAFETY * pow(norm, -0.17) * pow(state.before, 0.04)
    state.h = step * Math.min(state.isRetry ? 1 : MAX_FACTOR, Math.max(MIN_FACTOR, factor))
    state.before = Math.max(norm, 1e-4)
    state.isRetry = false
    z.set(next)
    const last = k[6]
    k[6] = k[0]
    k[0] = last
    control.count(true, to, state.h)
  }
  state.t = end
  return true
}

/** Writes the stages to k, and the solution of order 5 to `next`. */
function evaluateStages(
  flow: Flow,
  t: number,
  h: number,
  z: Float64Array,
  k: readonly Float64Array[],
  at: Float64Array,
  next: Float64Array,
): void {
  for (let stage = 1; stage < NODES.length; stage++) {
    const to = stage === 6 ? next : at
    combine(to, STAGES[stage], stage, k, h, z)
    flow.all(t + NODES[stage] * h, to, k[stage])
  }
}

/**
 * Writes h·Σ factor·k over the first `count` stages to `out`, plus z for sums over fewer than seven stages. Other stages
 * may contain NaN. Sums over more than five stages do not use the second stage.
 */
function combine(
  out: Float64Array,
  factors: readonly number[],
  count: number,
  k: readonly Float64Array[],
  h: number,
  z: Float64Array,
): void {
  // Elements are read by index, because destructuring an array takes longer than a short loop.
  const a = factors[0] * h
  const b = factors[1] * h
  const c = factors[2] * h
  const d = factors[3] * h
  const e = factors[4] * h
  const f = factors[5] * h
  const g = factors[6] * h
  const k0 = k[0]
  const k1 = k[1]
  const k2 = k[2]
  const k3 = k[3]
  const k4 = k[4]
  const k5 = k[5]
  const k6 = k[6]
  const { length } = out
  switch (count) {
    case 1:
      for (let i = 0; i < length; i++) out[i] = a * k0[i] + z[i]
      break
    case 2:
      for (let i = 0; i < length; i++) out[i] = a * k0[i] + b * k1[i] + z[i]
      break
    case 3:
      for (let i = 0; i < length; i++) out[i] = a * k0[i] + b * k1[i] + c * k2[i] + z[i]
      break
    case 4:
      for (let i = 0; i < length; i++) out[i] = a * k0[i] + b * k1[i] + c * k2[i] + d * k3[i] + z[i]
      break
    case 5:
      for (let i = 0; i < length; i++)
        out[i] = a * k0[i] + b * k1[i] + c * k2[i] + d * k3[i] + e * k4[i] + z[i]
      break
    case 6:
      for (let i = 0; i < length; i++)
        out[i] = a * k0[i] + c * k2[i] + d * k3[i] + e * k4[i] + f * k5[i] + z[i]
      break
    default:
      for (let i = 0; i < length; i++)
        out[i] = a * k0[i] + c * k2[i] + d * k3[i] + e * k4[i] + f * k5[i] + g * k6[i]
  }
}

/** Writes the dense output of order 4 at the fraction x of a step to `out`. */
function interpolate(
  x: number,
  h: number,
  z: Float64Array,
  next: Float64Array,
  k: readonly Float64Array[],
  out: Float64Array,
): void {
  combine(out, DENSE, 7, k, h, z)
  const rest = 1 - x
  for (let i = 0; i < out.length; i++) {
    const change = next[i] - z[i]
    const first = h * k[0][i] - change
    const second = change - h * k[6][i] - first
    out[i] = z[i] + x * (change + rest * (first + x * (second + rest * out[i])))
  }
}

/** Whether |h·λ| of the dominant eigenvalue λ, estimated from the last two stages, exceeds the stability limit. */
function isStiffStep(
  { n }: Flow,
  h: number,
  k: readonly Float64Array[],
  z: Float64Array,
  next: Float64Array,
): boolean {
  let [above, below] = [0, 0]
  for (let i = 0; i < n; i++) {
    let stage = z[i]
    for (let j = 0; j < 5; j++) stage += h * STAGES[5][j] * k[j][i]
    const [rise, run] = [k[6][i] - k[5][i], next[i] - stage]
    above += rise * rise
    below += run * run
  }
  return below > 0 && h * Math.sqrt(above / below) > STIFFNESS_LIMIT
}
