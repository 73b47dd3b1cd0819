import { pow } from '../functions/pow.js'
import { type GivenOf, integerAtLeast, nonNegative } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'
import { between, progress } from './shapes.js'

const kind = declare(
  'polynomial',
  {
    value: level(),
    /** final value */
    endValue: level(0),
    /** ≥ 0: exponent of the polynomial; 1 yields a straight line */
    power: nonNegative(1),
    /** ≥ 1: number of updates until the value is `endValue` */
    steps: integerAtLeast(1),
    /** ≥ 0: the update at which the change begins */
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
 * endValue + (value − endValue)·(1 − t/steps)^power, like Optax's `polynomial_schedule`. PyTorch's `PolynomialLR` is
 * the same schedule with an `endValue` of 0 and a default of 5 for `steps`.
 *
 * @throws OptionError if an option is missing, unknown or out of its range
 */
export const polynomial: (value: number, options: GivenOf<typeof kind.fields, 'value'>) => Polynomial =
  schedule(kind)
