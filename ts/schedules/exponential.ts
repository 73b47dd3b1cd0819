import { pow } from '../functions/pow.js'
import { flag, type GivenOf, integerAtLeast, nonNegative, nullable } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'

const kind = declare(
  'exponential',
  {
    value: level(),
    /** factor γ ≥ 0 per `steps` updates; Optax's `decay_rate` */
    gamma: nonNegative(),
    /** ≥ 1: number of updates per factor γ */
    steps: integerAtLeast(1, 1),
    /** ≥ 0: the update at which the decay begins */
    begin: integerAtLeast(0, 0),
    /** rounds the exponent down to an integer */
    staircase: flag(false),
    /** lower bound of the value if γ < 1, otherwise upper bound of the value; null sets no bound */
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
 * value·γ^(t/steps), like Optax's `exponential_decay`. With `steps: 1`, the schedule equals PyTorch's `ExponentialLR`.
 * `endValue` does not limit the initial value.
 *
 * @throws OptionError if an option is missing, unknown or out of its range
 */
export const exponential: (value: number, options: GivenOf<typeof kind.fields, 'value'>) => Exponential =
  schedule(kind)
