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

/** How deep schedules may be nested: what is deeper would not fit on a stack some day. */
const DEEPEST = 100

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
  // A copy, as in resolve.ts.
  const { steps, from = null, ...unknown } = { ...options }
  const [stranger] = Object.keys(unknown)
  if (stranger !== undefined) throw new OptionError('warmup: options', 'one of steps, from', stranger)
  if (!isCount(steps)) throw new OptionError('warmup: steps', 'a whole number ≥ 1', steps)
  if (from !== null && !Number.isFinite(from)) {
    throw new OptionError('warmup: from', 'a finite number', from)
  }
  const reached = readSchedule(value, Number.isFinite, DEEPEST - 1)
  if (reached === null)
    throw new OptionError('warmup: value', `a number or a schedule, nested up to ${DEEPEST} deep`, value)
  return Object.freeze({ schedule: 'warmup', value: reached, steps, from })
}

/**
 * What was given as a schedule, each property read once: a frozen copy. Null for what is not a schedule
 * all through, as one that comes from JSON may be, and where a number in it is not accepted.
 */
export function readSchedule(
  given: unknown,
  accepts: (x: number) => boolean,
  depth = DEEPEST,
): Scheduled | null {
  if (typeof given === 'function') return given as (t: number) => number
  if (typeof given === 'number') return Number.isFinite(given) && accepts(given) ? given : null
  if (!isSchedule(given) || depth === 0) return null
  const { value, steps, from } = given
  if (!isCount(steps) || !(from === null || (Number.isFinite(from) && accepts(from)))) return null
  const reached = readSchedule(value, accepts, depth - 1)
  return reached === null ? null : Object.freeze({ schedule: 'warmup', value: reached, steps, from })
}

/**
 * The number that a schedule has at update t; a number is itself at each t. For loops that set an option
 * before each step, as a rule that has a function for a schedule cannot be saved.
 *
 * @param t the update, from 0: `optimizer.updates` before its step
 * @throws OptionError where `schedule` is none, t is not a whole number ≥ 0, or what a function returned makes
 * no finite number
 * @example
 * optimizer.set({ lr: evaluate(rate, optimizer.updates) })
 */
export function evaluate(schedule: Scheduled, t: number): number {
  const read = readSchedule(schedule, Number.isFinite)
  if (read === null) {
    const expected = `a finite number, a schedule, nested up to ${DEEPEST} deep, or a function`
    throw new OptionError('evaluate: schedule', expected, schedule)
  }
  if (!(Number.isInteger(t) && t >= 0)) throw new OptionError('evaluate: t', 'a whole number ≥ 0', t)
  const x = compile(read)(t)
  if (!Number.isFinite(x)) throw new OptionError(`evaluate: schedule at t = ${t}`, 'a finite number', x)
  return x
}

/** A schedule as a function of t, for the many updates of a run. */
export function compile(scheduled: Scheduled): (t: number) => number {
  if (typeof scheduled === 'number') return () => scheduled
  if (typeof scheduled === 'function') return scheduled
  const { value, steps, from } = scheduled
  if (typeof value !== 'number') {
    const inner = compile(value)
    // What is no number must not become one in the product.
    const reached = (t: number): number => {
      const x = inner(t)
      return typeof x === 'number' ? x : NaN
    }
    return (t) => rising(reached(t), steps, from, t)
  }
  return (t) => rising(value, steps, from, t)
}

/** What a schedule gives, times a factor. */
export function scaled(scheduled: Scheduled, factor: number): Scheduled {
  if (typeof scheduled === 'number') return scheduled * factor
  if (typeof scheduled === 'function') {
    return (t) => {
      const x: unknown = scheduled(t)
      return typeof x === 'number' ? x * factor : NaN
    }
  }
  const { value, from } = scheduled
  return Object.freeze({
    ...scheduled,
    value: scaled(value, factor),
    from: from === null ? null : from * factor,
  })
}

function rising(reached: number, steps: number, from: number | null, t: number): number {
  if (from === null) return t + 1 < steps ? reached * ((t + 1) / steps) : reached
  return t < steps ? from + (reached - from) * (t / steps) : reached
}

/** The update from which on the value stays; Infinity where nobody knows. */
export function constantFrom(scheduled: Scheduled): number {
  if (typeof scheduled === 'number') return 0
  if (typeof scheduled === 'function') return Infinity
  const { value, steps, from } = scheduled
  return Math.max(from === null ? steps - 1 : steps, constantFrom(value))
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
