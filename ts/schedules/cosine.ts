import { pow } from '../functions/pow.js'
import { flag, type GivenOf, integerAtLeast, nonNegative } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'
import { between, halfCosine } from './shapes.js'

const kind = declare(
  'cosine',
  {
    value: level(),
    /** ≥ 1: number of updates until the value is `endValue` */
    steps: integerAtLeast(1),
    /** final value, or the lower turning point if `periodic` is true; `eta_min` in PyTorch, value·alpha in Optax */
    endValue: level(0),
    /** ≥ 0: exponent of the half cosine */
    exponent: nonNegative(1),
    /** continues the cosine upward and downward, as in PyTorch; false keeps `endValue`, as in Optax */
    periodic: flag(false),
  },
  {
    at:
      ({ value, steps, endValue, exponent, periodic }) =>
      (t) => {
        if (t >= steps && !periodic) return endValue
        return between(endValue, value, pow(halfCosine((t % (2 * steps)) / steps), exponent))
      },
    constantFrom: ({ steps, periodic }) => (periodic ? Infinity : steps),
    warmupSteps: ({ value, steps, endValue }) => (endValue > value ? steps : 0),
  },
)

/** See {@link cosine}. */
export interface Cosine extends ScheduleOf<typeof kind> {}

declare module './schedule.js' {
  interface Schedules {
    readonly cosine: Cosine
  }
}

/**
 * endValue + (value − endValue)·(½·(1 + cos(π·t/steps)))^exponent (Loshchilov and Hutter, 2017): like Optax's
 * `cosine_decay_schedule`; if `periodic` is true, like PyTorch's `CosineAnnealingLR`.
 *
 * @throws OptionError if an option is missing, unknown or out of its range
 */
export const cosine: (value: number, options: GivenOf<typeof kind.fields, 'value'>) => Cosine = schedule(kind)
