import { flag, type GivenOf, integerAtLeast, nonNegative } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'

const kind = declare(
  'inverseTime',
  {
    value: level(),
    /** ≥ 0 */
    decayRate: nonNegative(),
    /** ≥ 1: the updates that one `decayRate` takes */
    steps: integerAtLeast(1, 1),
    /** ≥ 0: the update with which it begins to move */
    begin: integerAtLeast(0, 0),
    /** moves after each `steps` updates only */
    staircase: flag(false),
  },
  {
    at:
      ({ value, decayRate, steps, begin, staircase }) =>
      (t) => {
        if (t <= begin) return value
        const n = (t - begin) / steps
        return value / (1 + decayRate * (staircase ? Math.floor(n) : n))
      },
    constantFrom: ({ decayRate }) => (decayRate === 0 ? 0 : Infinity),
  },
)

/** See {@link inverseTime}. */
export interface InverseTime extends ScheduleOf<typeof kind> {}

declare module './schedule.js' {
  interface Schedules {
    readonly inverseTime: InverseTime
  }
}

/**
 * value / (1 + decayRate·t/steps), as Keras' `InverseTimeDecay`.
 *
 * @throws OptionError where an option is missing, unknown or out of its range
 */
export const inverseTime: (value: number, options: GivenOf<typeof kind.fields, 'value'>) => InverseTime =
  schedule(kind)
