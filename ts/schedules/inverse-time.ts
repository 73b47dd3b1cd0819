import { flag, type GivenOf, integerAtLeast, nonNegative } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'

const kind = declare(
  'inverseTime',
  {
    value: level(),
    /** ≥ 0: growth of the divisor per `steps` updates */
    decayRate: nonNegative(),
    /** ≥ 1: number of updates per `decayRate` */
    steps: integerAtLeast(1, 1),
    /** ≥ 0: the update at which the decay begins */
    begin: integerAtLeast(0, 0),
    /** changes the value only after every `steps` updates */
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
 * value / (1 + decayRate·t/steps), like Keras's `InverseTimeDecay`.
 *
 * @throws OptionError if an option is missing, unknown or out of its range
 */
export const inverseTime: (value: number, options: GivenOf<typeof kind.fields, 'value'>) => InverseTime =
  schedule(kind)
