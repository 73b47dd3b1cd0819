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
 * `value`, multiplied by an element of `scales` at each of `boundaries`, like Optax's `piecewise_constant_schedule`.
 * Optax uses one dictionary instead of the two arrays.
 *
 * @throws OptionError if an option is missing, unknown or out of its range, or if the arrays differ in length
 */
export const piecewiseConstant: (
  value: number,
  options: GivenOf<typeof fields, 'value'>,
) => PiecewiseConstant = schedule(kind)
