/** Tolerances, counts of steps and the reasons why an integration ends early. */

import { pauseAfterNumbers } from '../../core/slices.js'
import { pow } from '../../functions/index.js'
import type { Flow } from './flow.js'

/** Methods of integration: see the option `method` of `ode`. */
export type OdeMethod = 'auto' | 'explicit' | 'stiff'

export interface Tolerances {
  readonly rtol: number
  /** Absolute tolerance of each state. */
  readonly atol: ArrayLike<number>
  readonly maxSteps: number
  /** Whether the error of the sensitivities also limits the steps of the explicit method. */
  readonly controlsSensitivities: boolean
}

/** The end of an integration before its last time. */
export class IntegrationStop {
  readonly time: number
  readonly why: string

  constructor(time: number, why: string) {
    this.time = time
    this.why = why
  }
}

/** Safety factor and limits of the change of the step size, as in SciPy. */
export const SAFETY = 0.9
export const MIN_FACTOR = 0.2
export const MAX_FACTOR = 10
/** Smallest step, as a multiple of the distance of neighboring numbers at the time. */
export const MIN_SPACINGS = 10
export const EPSILON = Number.EPSILON

/** Counts of steps, and limits. */
export class StepControl {
  accepted = 0
  rejected = 0
  readonly tolerances: Tolerances
  /** Whether the integration should pause, so that it can be aborted. The argument counts the numbers of a step. */
  readonly isPauseDue = pauseAfterNumbers()

  constructor(tolerances: Tolerances) {
    this.tolerances = tolerances
  }

  /** Counts a step. @throws IntegrationStop if the integration cannot continue */
  count(isAccepted: boolean, t: number, h: number): void {
    if (isAccepted) this.accepted++
    else this.rejected++
    const { maxSteps } = this.tolerances
    if (this.accepted + this.rejected >= maxSteps)
      throw new IntegrationStop(t, `the integration needs more than ${maxSteps} steps (maxSteps)`)
    if (!isAccepted && !(h > minStep(t)))
      throw new IntegrationStop(
        t,
        'the step size becomes 0: the solution grows without bound, or is discontinuous',
      )
  }

  /** Root mean square of errors, relative to the tolerances at the larger of two vectors. */
  norm(error: Float64Array, y: Float64Array, other: Float64Array, n: number): number {
    const { rtol, atol, controlsSensitivities } = this.tolerances
    let sum = 0
    for (let i = 0; i < n; i++) {
      const part = error[i] / (atol[i] + rtol * Math.max(Math.abs(y[i]), Math.abs(other[i])))
      sum += part * part
    }
    const states = Math.sqrt(sum / n)
    if (!controlsSensitivities) return states
    let most = states
    for (let at = n; at + n <= error.length; at += n) {
      // The sensitivities of a direction have one scale.
      let size = 0
      for (let i = at; i < at + n; i++) size = Math.max(size, Math.abs(y[i]), Math.abs(other[i]))
      most = Math.max(
        most,
        rms(
          error,
          at,
          at + n,
          (i) => rtol * Math.max(Math.abs(y[i]), Math.abs(other[i]), 1e-3 * size) || 1e-300,
        ),
      )
    }
    return most
  }
}

function rms(error: Float64Array, from: number, to: number, scale: (i: number) => number): number {
  let sum = 0
  for (let i = from; i < to; i++) {
    const part = error[i] / scale(i)
    sum += part * part
  }
  return Math.sqrt(sum / (to - from))
}

export const minStep = (t: number) => MIN_SPACINGS * EPSILON * Math.max(Math.abs(t), 1e-300)

/** Whether two times are so close that no step lies between the times. */
export const isReached = (t: number, end: number) => end - t <= minStep(Math.max(Math.abs(t), Math.abs(end)))

export function areFinite(z: Float64Array): boolean {
  let zero = 0
  for (let i = 0; i < z.length; i++) zero += z[i] * 0
  return zero === 0
}

/** First step size (Hairer, Nørsett and Wanner, section II.4). */
export function firstStep(
  flow: Flow,
  [t, end]: readonly [number, number],
  y: Float64Array,
  rates: Float64Array,
  { rtol, atol }: Tolerances,
  order: number,
): number {
  const { n } = flow
  const scale = (i: number) => atol[i] + rtol * Math.abs(y[i])
  const d0 = rms(y, 0, n, scale)
  const d1 = rms(rates, 0, n, scale)
  const h0 = Math.min(d0 < 1e-5 || d1 < 1e-5 ? 1e-6 : (0.01 * d0) / d1, end - t)
  const moved = new Float64Array(n)
  for (let i = 0; i < n; i++) moved[i] = y[i] + h0 * rates[i]
  const there = new Float64Array(n)
  flow.rates(t + h0, moved, there)
  for (let i = 0; i < n; i++) there[i] -= rates[i]
  const d2 = rms(there, 0, n, scale) / h0
  const most = Math.max(d1, d2)
  const h1 = most <= 1e-15 ? Math.max(1e-6, h0 * 1e-3) : pow(0.01 / most, 1 / (order + 1))
  const h = Math.min(100 * h0, h1, end - t)
  return h > 0 ? h : minStep(t)
}
