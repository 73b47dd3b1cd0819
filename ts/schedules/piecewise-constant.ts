import type { GivenOf } from '../options/kinds.js'
import { declare, type ScheduleOf, schedule } from './kind.js'
import { check, computeValues, fields } from './piecewise.js'
import { firstRise, reached } from './shapes.js'

const kind = declare('piecewiseConstant', fields, {
  at(schedule) {
    const values = computeValues(schedule)
    return (t) => values[reached(schedule.boundaries, t)]
  },
  constantFrom: ({ boundaries }) => boundaries.at(-1) ?? 0,
  warmupSteps: (schedule) => firstRise([0, ...schedule.boundaries], computeValues(schedule)),
  check,
})

/** See {@link piecewiseConstant}. */
export interface PiecewiseConstant extends ScheduleOf<typeof kind> {}

declare module './schedule.js' {
  interface Schedules {
    readonly piecewiseConstant: PiecewiseConstant
  }
}

/**
 * `value`, multiplied from each of `boundaries` on by one of `scales`: Optax's `piecewise_constant_schedule`, with
 * two lists for its record.
 *
 * @throws OptionError where an option is missing, unknown or out of its range, or the lists differ in length
 */
export const piecewiseConstant: (
  value: number,
  options: GivenOf<typeof fields, 'value'>,
) => PiecewiseConstant = schedule(kind)
