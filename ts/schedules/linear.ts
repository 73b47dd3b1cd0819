import { type GivenOf, integerAtLeast } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'
import { between, progress } from './shapes.js'

const kind = declare(
  'linear',
  {
    value: level(),
    /** final value */
    endValue: level(),
    /** ≥ 1: number of updates until the value is `endValue` */
    steps: integerAtLeast(1),
    /** ≥ 0: the update at which the change begins */
    begin: integerAtLeast(0, 0),
  },
  {
    at:
      ({ value, endValue, steps, begin }) =>
      (t) =>
        between(value, endValue, progress(t, begin, steps)),
    constantFrom: ({ steps, begin }) => begin + steps,
    warmupSteps: ({ value, endValue, steps, begin }) => (endValue > value ? begin + steps : 0),
  },
)

/** See {@link linear}. */
export interface Linear extends ScheduleOf<typeof kind> {}

declare module './schedule.js' {
  interface Schedules {
    readonly linear: Linear
  }
}

/**
 * A straight line from `value` to `endValue` within `steps` updates, like Optax's `linear_schedule`. PyTorch's
 * `LinearLR` writes the two values as value·start_factor and value·end_factor.
 *
 * @throws OptionError if an option is missing, unknown or out of its range
 */
export const linear: (value: number, options: GivenOf<typeof kind.fields, 'value'>) => Linear = schedule(kind)
