import { pow } from '../functions/pow.js'
import { flag, type GivenOf, integerAtLeast, nonNegative, nullable } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'

const kind = declare(
  'exponential',
  {
    value: level(),
    /** γ ≥ 0; Optax's `decay_rate` */
    gamma: nonNegative(),
    /** ≥ 1: the updates that one γ takes */
    steps: integerAtLeast(1, 1),
    /** ≥ 0: the update with which it begins to move */
    begin: integerAtLeast(0, 0),
    /** moves by whole factors only */
    staircase: flag(false),
    /** what it never passes: it is at least that where γ < 1, else at most; null is no limit */
    endValue: nullable(level()),
  },
  {
    at:
      ({ value, gamma, steps, begin, staircase, endValue }) =>
      (t) => {
        if (t <= begin) return value
        const n = (t - begin) / steps
        const x = value * pow(gamma, staircase ? Math.floor(n) : n)
        if (endValue === null) return x
        return gamma < 1 ? Math.max(x, endValue) : Math.min(x, endValue)
      },
    constantFrom: ({ gamma, endValue }) => (gamma === 1 && endValue === null ? 0 : Infinity),
  },
)

/** See {@link exponential}. */
export interface Exponential extends ScheduleOf<typeof kind> {}

declare module './schedule.js' {
  interface Schedules {
    readonly exponential: Exponential
  }
}

/**
 * value·γ^(t/steps), as Torch's `ExponentialLR` (of one `steps`) and Optax's `exponential_decay`. The value
 * with which it starts is not limited by `endValue`.
 *
 * @throws OptionError where an option is missing, unknown or out of its range
 */
export const exponential: (value: number, options: GivenOf<typeof kind.fields, 'value'>) => Exponential =
  schedule(kind)
