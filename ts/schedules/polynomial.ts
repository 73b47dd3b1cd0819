import { pow } from '../functions/pow.js'
import {
  count,
  declare,
  type Given,
  level,
  levelOr,
  nonNegativeOr,
  type ScheduleOf,
  schedule,
  wholeOr,
} from './kind.js'
import { between, progress } from './shapes.js'

const kind = declare(
  'polynomial',
  {
    value: level,
    /** where it ends, and stays */
    endValue: levelOr(0),
    /** ≥ 0: 1 is a straight line */
    power: nonNegativeOr(1),
    /** ≥ 1: how many updates it takes */
    steps: count(),
    /** ≥ 0: the update with which it begins to move */
    begin: wholeOr(0),
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
export const polynomial: (value: number, options: Given<typeof kind.fields, 'value'>) => Polynomial =
  schedule(kind)
