import { choice, type GivenOf } from '../options/kinds.js'
import { declare, type ScheduleOf, schedule } from './kind.js'
import { check, fields as common, computeValues } from './piecewise.js'
import { firstRise, pieces } from './shapes.js'

const own = {
  /** shape between the boundaries: straight lines or half cosines */
  interpolation: choice('linear', 'cosine'),
}

const kind = declare(
  'piecewiseInterpolate',
  { ...common, ...own },
  {
    at: (schedule) =>
      pieces([0, ...schedule.boundaries], computeValues(schedule), schedule.interpolation === 'cosine'),
    constantFrom: ({ boundaries }) => boundaries.at(-1) ?? 0,
    warmupSteps: (schedule) => firstRise([0, ...schedule.boundaries], computeValues(schedule)),
    check,
  },
)

/** See {@link piecewiseInterpolate}. */
export interface PiecewiseInterpolate extends ScheduleOf<typeof kind> {}

declare module './schedule.js' {
  interface Schedules {
    readonly piecewiseInterpolate: PiecewiseInterpolate
  }
}

/**
 * Interpolates from `value` to scales[0]·value at boundaries[0], then to scales[1]·scales[0]·value at boundaries[1],
 * and so on, like Optax's `piecewise_interpolate_schedule`.
 *
 * @throws OptionError if an option is missing, unknown or out of its range, or if the arrays differ in length
 */
export const piecewiseInterpolate: (
  value: number,
  options: GivenOf<typeof common, 'value'> & GivenOf<typeof own>,
) => PiecewiseInterpolate = schedule(kind)
