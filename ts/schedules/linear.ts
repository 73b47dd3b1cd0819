import { type GivenOf, integerAtLeast } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'
import { between, progress } from './shapes.js'

const kind = declare(
  'linear',
  {
    value: level(),
    /** where it ends, and stays */
    endValue: level(),
    /** ≥ 1: how many updates that takes */
    steps: integerAtLeast(1),
    /** ≥ 0: the update with which it begins to move */
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
 * A straight line from `value` to `endValue` within `steps` updates, as Optax's `linear_schedule`. Torch's
 * `LinearLR` has value·start_factor and value·end_factor for these.
 *
 * @throws OptionError where an option is missing, unknown or out of its range
 */
export const linear: (value: number, options: GivenOf<typeof kind.fields, 'value'>) => Linear = schedule(kind)
