/** Options that may be schedules. */

import type { NumberOption, Option } from '../options/kinds.js'
import { readSchedule, type Scheduled } from './schedule.js'

/** The values of options at one update, with numbers instead of schedules. */
export type NumbersOf<O> = {
  readonly [K in keyof O]: O[K] extends Option<infer T> ? (Scheduled extends T ? number : T) : never
}

/** An option that accepts a number, a schedule or a function of t. */
export function scheduled(kind: NumberOption, value: number): Option<Scheduled, number> {
  const range = kind(value)
  return {
    ...range,
    default: value,
    schedulable: true,
    read: (what, given) => readSchedule(what, given, range),
  }
}
