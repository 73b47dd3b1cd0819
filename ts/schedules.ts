import { OptionError } from './errors.js'

/** How many schedules may lie in one another: no more than any stack holds. */
const DEEPEST = 100

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
 * @param value what is reached: a number, a function of t or another schedule, up to 100 in one another
 * @throws OptionError where `value` is none of these, `steps` is not a whole number ≥ 1 or `from` is not a finite number
 */
export function warmup(value: Scheduled, options: { steps: number; from?: number }): Warmup {
  if (typeof options !== 'object' || options === null) {
    throw new OptionError('warmup: options', '{ steps, from }', options)
  }
  const { steps, from = null, ...unknown } = options
  const reached = copied(value, 1)
  if (reached === undefined) throw new OptionError('warmup: value', 'a number or a schedule', value)
  if (!isCount(steps)) {
    throw new OptionError('warmup: steps', 'a whole number ≥ 1', steps)
  }
  if (from !== null && !Number.isFinite(from)) {
    throw new OptionError('warmup: from', 'a finite number', from)
  }
  const [stranger] = Object.keys(unknown)
  if (stranger !== undefined) throw new OptionError('warmup: options', 'one of steps, from', stranger)
  return Object.freeze({ schedule: 'warmup', value: reached, steps, from })
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
 * A frozen copy of a schedule, for which each property is read once; numbers and functions as they are.
 * Undefined for what is not a schedule all through, as one that comes from JSON may be.
 */
export function copied(given: unknown, depth = 0): Scheduled | undefined {
  if (typeof given === 'function') return given as (t: number) => number
  if (typeof given === 'number') return Number.isFinite(given) ? given : undefined
  if (typeof given !== 'object' || given === null || depth === DEEPEST) return undefined
  const { schedule, value, steps, from } = given as Warmup
  if (schedule !== 'warmup' || !isCount(steps) || !(from === null || Number.isFinite(from))) return undefined
  const reached = copied(value, depth + 1)
  return reached === undefined ? undefined : Object.freeze({ schedule, value: reached, steps, from })
}

/** The numbers between which a schedule moves, a function's aside. */
export function bounds(scheduled: Scheduled): readonly number[] {
  if (typeof scheduled === 'function') return []
  if (typeof scheduled === 'number') return [scheduled]
  const { value, from } = scheduled
  return from === null ? bounds(value) : [from, ...bounds(value)]
}

/** How many updates a warm-up within the schedule takes; 0 without one. */
export function warmupSteps(scheduled: unknown): number {
  if (!isSchedule(scheduled)) return 0
  return Math.max(scheduled.steps, warmupSteps(scheduled.value))
}

export function isSchedule(value: unknown): value is Schedule {
  return typeof value === 'object' && value !== null && 'schedule' in value && value.schedule === 'warmup'
}

const isCount = (steps: number): boolean => Number.isInteger(steps) && steps >= 1
