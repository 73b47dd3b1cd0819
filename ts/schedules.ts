import { OptionError } from './errors.js'

/**
 * A linear warm-up.
 *
 * - `value`: what is reached, a number or another schedule
 * - `steps`: how many updates it takes
 * - `from`: null, then update t (from 0) has value·(t+1)/steps; or the value at t = 0, then
 *   from + (value − from)·t/steps, as Optax's `linear_schedule`
 */
export interface Warmup {
  readonly schedule: 'warmup'
  readonly value: Scheduled
  readonly steps: number
  readonly from: number | null
}

/** A plain description of how a number changes with the update t = 0, 1, … */
export type Schedule = Warmup

/** A number, a schedule, or a function of t. A function cannot be saved or sent to a worker. */
export type Scheduled = number | Schedule | ((t: number) => number)

/**
 * A learning rate (or weight decay, or momentum) that rises linearly to `value` within `steps`
 * updates. By default the first update has value/steps and update `steps` has all of it; with
 * `from: 0` the first update has 0, as in Optax. (Goyal et al., 2017, section 2.2.)
 *
 * @throws OptionError where `steps` is not a whole number ≥ 1 or `from` is not a finite number
 */
export function warmup(value: Scheduled, options: { steps: number; from?: number }): Warmup {
  if (typeof options !== 'object' || options === null) {
    throw new OptionError('warmup: options', '{ steps, from }', options)
  }
  const { steps, from = null, ...unknown } = options
  if (!isScheduled(value)) throw new OptionError('warmup: value', 'a number or a schedule', value)
  if (!isCount(steps)) {
    throw new OptionError('warmup: steps', 'a whole number ≥ 1', steps)
  }
  if (from !== null && !Number.isFinite(from)) {
    throw new OptionError('warmup: from', 'a finite number', from)
  }
  const [stranger] = Object.keys(unknown)
  if (stranger !== undefined) throw new OptionError('warmup: options', 'one of steps, from', stranger)
  return Object.freeze({ schedule: 'warmup', value, steps, from })
}

/** The value at update t, counted from 0. */
export function evaluate(scheduled: Scheduled, t: number): number {
  if (typeof scheduled === 'number') return scheduled
  if (typeof scheduled === 'function') return scheduled(t)
  const { value, steps, from } = scheduled
  const reached = evaluate(value, t)
  if (from === null) return t + 1 < steps ? reached * ((t + 1) / steps) : reached
  return t < steps ? from + (reached - from) * (t / steps) : reached
}

/**
 * The numbers between which a schedule moves, a function's aside; null for what is not a schedule all
 * through, as one that comes from JSON may be.
 */
export function bounds(schedule: unknown): readonly number[] | null {
  const found: number[] = []
  const seen = new Set<unknown>()
  let value = schedule
  while (isSchedule(value)) {
    const { steps, from } = value
    if (seen.has(value) || !isCount(steps) || !(from === null || Number.isFinite(from))) return null
    if (from !== null) found.push(from)
    seen.add(value)
    value = value.value
  }
  if (typeof value === 'function') return found
  return typeof value === 'number' && Number.isFinite(value) ? [...found, value] : null
}

/** How many updates a warm-up within the schedule takes; 0 without one. */
export function warmupSteps(scheduled: unknown): number {
  if (!isSchedule(scheduled)) return 0
  return Math.max(scheduled.steps, warmupSteps(scheduled.value))
}

export function isSchedule(value: unknown): value is Schedule {
  return typeof value === 'object' && value !== null && 'schedule' in value && value.schedule === 'warmup'
}

export function isScheduled(value: unknown): value is Scheduled {
  return bounds(value) !== null
}

const isCount = (steps: number): boolean => Number.isInteger(steps) && steps >= 1
