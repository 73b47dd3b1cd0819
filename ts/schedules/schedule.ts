/** Schedules as values. Each kind has a module in ts/schedules, and is known when its function is imported. */

import { hintFor } from '#hints'
import { OptionError } from '../core/errors.js'
import { isCount } from '../core/numbers.js'
import { isObject, ownProperties } from '../core/untrusted-input.js'

/** Descriptions by name. Each kind's module adds its own, so that this one knows none. */
// biome-ignore lint/suspicious/noEmptyInterface: see above
export interface Schedules {}

/** A plain description of how a number changes with the update t = 0, 1, … */
export type Schedule = Schedules[keyof Schedules]

/** A number, a schedule, or a function of t. A function cannot be saved or sent to a worker. */
export type Scheduled = number | Schedule | ((t: number) => number)

/** What numbers may be, in words and as a test. */
export interface ScheduleRange {
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
}

/** How many schedules there are left to be read: what is deeper would not fit on a stack some day. */
export interface ScheduleBudget {
  left: number
}

/** What is known of a kind of schedules; `schedules/kind.ts` makes it. */
export interface ScheduleKind {
  /** A checked, frozen copy of what has been copied once already, without a prototype. */
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
  /** The same schedule where nothing in it takes metrics. */
  observed(schedule: never, metric: number): Schedule
}

/** By name: those whose functions are imported. */
export const kinds = new Map<string, ScheduleKind>()

export const FINITE: ScheduleRange = { expected: 'a finite number', accepts: Number.isFinite }

/** What messages add for an option that is schedulable; the command line takes numbers alone. */
export const SCHEDULES = ', a schedule or a function'

/** How many others may be in a schedule. */
const MAX_NESTED_SCHEDULES = 100

export const budget = (): ScheduleBudget => ({ left: MAX_NESTED_SCHEDULES })

/**
 * What was given as a number or a schedule, each property read once: a frozen copy.
 *
 * @throws OptionError where it is not a schedule all through, as one that comes from JSON may be, where its
 * function is not imported, and where a number in it is out of the range
 */
export function readSchedule(what: string, given: unknown, range: ScheduleRange, rest = budget()): Scheduled {
  if (typeof given === 'function') return given as (t: number) => number
  if (range.accepts(given)) return given as number
  if (!isSchedule(given)) throw new OptionError(what, range.expected + SCHEDULES, given)
  if (rest.left-- === 0)
    throw new OptionError(what, `at most ${MAX_NESTED_SCHEDULES} schedules in one`, given)
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
 * The number that a schedule has at update t; a number is itself at each t. For loops that set an option
 * before each step, as a rule that has a function for a schedule cannot be saved.
 *
 * @param t the update, from 0: `optimizer.updates` before its step
 * @throws OptionError where `schedule` is none, t is not an integer ≥ 0, or what a function returned makes
 * no finite number
 * @example
 * optimizer.set({ lr: evaluate(rate, optimizer.updates) })
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
 * A schedule that takes metrics, as `reduceOnPlateau`, after one: a new value, to be set. All such schedules that are
 * in it take it.
 *
 * @param metric what is to be small, or large: the loss on data that is held back, once an epoch. One that is not
 * finite is no better than any.
 * @throws OptionError where there is no such schedule in it, or the metric is no number
 * @example
 * optimizer.set({ lr: observe(optimizer.rule.lr, loss) })
 */
export function observeMetric<S extends Scheduled>(schedule: S, metric: number): S {
  const read = readSchedule('observeMetric: schedule', schedule, FINITE)
  if (typeof metric !== 'number') throw new OptionError('observeMetric: metric', 'a number', metric)
  const after = afterMetric(read, metric)
  if (after === read)
    throw new OptionError('observeMetric: schedule', 'one with reduceOnPlateau() in it', schedule)
  return after as S
}

/** The same where it does not take metrics. */
export function afterMetric(scheduled: Scheduled, metric: number): Scheduled {
  return isSchedule(scheduled) ? getKind(scheduled).observed(scheduled as never, metric) : scheduled
}

/** A schedule as a function of t, for the many updates of a run. */
export function compile(scheduled: Scheduled): (t: number) => number {
  if (typeof scheduled === 'number') return () => scheduled
  if (typeof scheduled === 'function') return scheduled
  return getKind(scheduled).at(scheduled as never)
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
  return getKind(scheduled).scaled(scheduled as never, factor)
}

/** The update from which on the value stays; Infinity where nobody knows. */
export function findConstantStart(scheduled: Scheduled): number {
  if (typeof scheduled === 'number') return 0
  if (typeof scheduled === 'function') return Infinity
  return getKind(scheduled).constantFrom(scheduled as never)
}

/** Whether no function of the user's is in what has been read: a schedule, a match, or anything else. */
export function isPlain(scheduled: unknown): boolean {
  return isObject(scheduled) ? Object.values(scheduled).every(isPlain) : typeof scheduled !== 'function'
}

/** How many updates the schedule rises at first, which is its warm-up; 0 where it does not. */
export function warmupSteps(scheduled: unknown): number {
  return isSchedule(scheduled) ? getKind(scheduled).warmupSteps(scheduled as never) : 0
}

export function isSchedule(value: unknown): value is Schedule {
  return isObject(value) && Object.hasOwn(value, 'schedule')
}

/** That of a schedule that has been read. */
const getKind = ({ schedule }: Schedule): ScheduleKind => kinds.get(schedule) as ScheduleKind
