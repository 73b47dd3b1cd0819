import { pow } from '../functions/pow.js'
import { type GivenOf, integerAtLeast, nonNegative } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'
import { between, progress } from './shapes.js'

const kind = declare(
  'polynomial',
  {
    value: level(),
    /** where it ends, and stays */
    endValue: level(0),
    /** ≥ 0: 1 is a straight line */
    power: nonNegative(1),
    /** ≥ 1: how many updates it takes */
    steps: integerAtLeast(1),
    /** ≥ 0: the update with which it begins to move */
    begin: integerAtLeast(0, 0),
  },
  {
    at:
      ({ value, endValue, power, steps, begin }) =>
      (t) =>
        t >= begin + steps ? endValue : between(endValue, value, pow(1 - progress(t, begin, steps), power)),
    constantFrom: ({ steps, begin }) => begin + steps,
    warmupSteps: ({ value, endValue, steps, begin }) => (endValue > value ? begin + steps : 0),
  },
)

/** See {@link polynomial}. */
export interface Polynomial extends ScheduleOf<typeof kind> {}

declare module './schedule.js' {
  interface Schedules {
    readonly polynomial: Polynomial
  }
}

/**
 * endValue + (value − endValue)·(1 − t/steps)^power, as Optax's `polynomial_schedule`; Torch's `PolynomialLR` is the
 * one to 0, and has 5 `steps` unless told.
 *
 * @throws OptionError where an option is missing, unknown or out of its range
 */
export const polynomial: (value: number, options: GivenOf<typeof kind.fields, 'value'>) => Polynomial =
  schedule(kind)
