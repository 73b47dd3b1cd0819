/**
 * Schedules as plain objects. Each kind of schedule has a separate module in ts/schedules. A kind is known if its
 * function is imported.
 */

import { hintFor } from '#hints'
import { OptionError } from '../core/errors.js'
import { isCount } from '../core/numbers.js'
import { isObject, ownProperties } from '../core/untrusted-input.js'

/** Schedules by name. The module of each kind adds an entry, so this module does not depend on any kind. */
// biome-ignore lint/suspicious/noEmptyInterface: see above
export interface Schedules {}

/** A plain description of how a number changes with the update t = 0, 1, … */
export type Schedule = Schedules[keyof Schedules]

/** A number, a schedule, or a function of t. A rule with a function cannot be saved or sent to a worker. */
export type Scheduled = number | Schedule | ((t: number) => number)

/** A range of numbers: a description in words, and a test. */
export interface ScheduleRange {
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
}

/** Number of nested schedules that may still be read. The limit prevents stack overflows on deeply nested input. */
export interface ScheduleBudget {
  left: number
}

/** The functions of a kind of schedules, made by `schedules/kind.ts`. */
export interface ScheduleKind {
  /** Validates a copy without a prototype, and returns a frozen schedule. */
  read(
    given: Readonly<Record<string, unknown>>,
    what: string,
    range: ScheduleRange,
    budget: ScheduleBudget,
  ): Schedule
  at(schedule: never): (t: number) => number
  constantFrom(schedule: never): number
  warmupSteps(schedule: never): number
  scaled(schedule: never, factor: number): Schedule
  /**
   * Returns the schedule after the observation of a metric. Returns the same object if no schedule in the object
   * accepts metrics.
   */
  observed(schedule: never, metric: number): Schedule
}

/** Kinds of schedules whose functions are imported, by name. */
export const kinds = new Map<string, ScheduleKind>()

export const FINITE: ScheduleRange = { expected: 'a finite number', accepts: Number.isFinite }

/** Suffix of messages for options that accept schedules. The command line accepts only numbers for these options. */
export const SCHEDULES = ', a schedule or a function'

/** Maximum number of nested schedules within a schedule. */
const MAX_NESTED_SCHEDULES = 100

export const budget = (): ScheduleBudget => ({ left: MAX_NESTED_SCHEDULES })

/**
 * Reads a number, a schedule or a function. Each property is read once, and the result is a frozen copy.
 *
 * @throws OptionError if the value or a nested value is not a schedule, if a schedule's function is not imported, or if
 * a number is out of the range
 */
export function readSchedule(what: string, given: unknown, range: ScheduleRange, rest = budget()): Scheduled {
  if (typeof given === 'function') return given as (t: number) => number
  if (range.accepts(given)) return given as number
  if (!isSchedule(given)) throw new OptionError(what, range.expected + SCHEDULES, given)
  if (rest.left-- === 0)
    throw new OptionError(what, `at most ${MAX_NESTED_SCHEDULES} nested schedules`, given)
  const copy: Readonly<Record<string, unknown>> = ownProperties(given)
  const kind = kinds.get(copy.schedule as string)
  if (kind === undefined) {
    const names = [...kinds.keys()]
    const expected = `an imported schedule (so far: ${names.join(', ') || 'none'}; load takes { schedules })`
    throw new OptionError(
      what,
      expected,
      copy.schedule,
      hintFor(copy.schedule, () => names),
    )
  }
  return kind.read(copy, what, range, rest)
}

/**
 * The value of a schedule at update t. A number is a constant schedule. Use `evaluateSchedule` in loops that set an
 * option before each step. If the schedule were passed as a function, the rule could not be saved.
 *
 * @param t update, counted from 0: the value of `optimizer.updates` before the step
 * @throws OptionError if `schedule` is not a schedule, if t is not an integer ≥ 0, or if a function returns a value
 * that is not a finite number
 * @example
 * optimizer.set({ lr: evaluateSchedule(rate, optimizer.updates) })
 */
export function evaluateSchedule(schedule: Scheduled, t: number): number {
  const read = readSchedule('evaluateSchedule: schedule', schedule, FINITE)
  if (!isCount(t)) throw new OptionError('evaluateSchedule: t', 'an integer ≥ 0', t)
  const x = compile(read)(t)
  if (!Number.isFinite(x))
    throw new OptionError(`evaluateSchedule: schedule at t = ${t}`, 'a finite number', x)
  return x
}

/**
 * Returns a new schedule after the observation of one more metric. Every nested schedule that accepts metrics, such as
 * `reduceOnPlateau`, observes the metric.
 *
 * @param metric the quantity to monitor, such as the validation loss of an epoch. A metric that is not finite is never
 * an improvement.
 * @throws OptionError if no nested schedule accepts metrics, or if the metric is not a number
 * @example
 * optimizer.set({ lr: observeMetric(optimizer.rule.lr, loss) })
 */
export function observeMetric<S extends Scheduled>(schedule: S, metric: number): S {
  const read = readSchedule('observeMetric: schedule', schedule, FINITE)
  if (typeof metric !== 'number') throw new OptionError('observeMetric: metric', 'a number', metric)
  const after = afterMetric(read, metric)
  if (after === read)
    throw new OptionError('observeMetric: schedule', 'a schedule that contains reduceOnPlateau()', schedule)
  return after as S
}

/**
 * Returns the schedule after the observation of a metric, or the same object if the schedule does not accept metrics.
 */
export function afterMetric(scheduled: Scheduled, metric: number): Scheduled {
  return isSchedule(scheduled) ? getKind(scheduled).observed(scheduled as never, metric) : scheduled
}

/** Converts a schedule to a function of t, for the many updates of a run. */
export function compile(scheduled: Scheduled): (t: number) => number {
  if (typeof scheduled === 'number') return () => scheduled
  if (typeof scheduled === 'function') return scheduled
  return getKind(scheduled).at(scheduled as never)
}

/** Multiplies a schedule by a factor. */
export function scaled(scheduled: Scheduled, factor: number): Scheduled {
  if (typeof scheduled === 'number') return scheduled * factor
  if (typeof scheduled === 'function') {
    return (t) => {
      const x: unknown = scheduled(t)
      return typeof x === 'number' ? x * factor : NaN
    }
  }
  return getKind(scheduled).scaled(scheduled as never, factor)
}

/** The update after which the schedule is constant; Infinity if this update is unknown. */
export function findConstantStart(scheduled: Scheduled): number {
  if (typeof scheduled === 'number') return 0
  if (typeof scheduled === 'function') return Infinity
  return getKind(scheduled).constantFrom(scheduled as never)
}

/** Whether a validated value, such as a schedule or a match, contains no functions. */
export function isPlain(scheduled: unknown): boolean {
  return isObject(scheduled) ? Object.values(scheduled).every(isPlain) : typeof scheduled !== 'function'
}

/** Number of updates at the beginning during which the schedule rises; 0 if the schedule does not rise. */
export function warmupSteps(scheduled: unknown): number {
  return isSchedule(scheduled) ? getKind(scheduled).warmupSteps(scheduled as never) : 0
}

export function isSchedule(value: unknown): value is Schedule {
  return isObject(value) && Object.hasOwn(value, 'schedule')
}

/** The kind of a schedule that has been read. */
const getKind = ({ schedule }: Schedule): ScheduleKind => kinds.get(schedule) as ScheduleKind
