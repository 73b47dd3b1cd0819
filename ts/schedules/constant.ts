import { type GivenOf, integerAtLeast, nonNegative } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'

const kind = declare(
  'constant',
  {
    value: level(),
    /** ≥ 0: factor of the value during the first `steps` updates */
    factor: nonNegative(1 / 3),
    /** ≥ 0: number of updates during which the factor applies; PyTorch's default is 5 */
    steps: integerAtLeast(0, 0),
  },
  {
    at:
      ({ value, factor, steps }) =>
      (t) =>
        t < steps ? value * factor : value,
    constantFrom: ({ steps }) => steps,
    warmupSteps: ({ factor, steps }) => (factor < 1 ? steps : 0),
  },
)

/** See {@link constant}. */
export interface Constant extends ScheduleOf<typeof kind> {}

declare module './schedule.js' {
  interface Schedules {
    readonly constant: Constant
  }
}

/**
 * The constant `value`, as in Optax's `constant_schedule`. The first `steps` updates use factor·value, as in PyTorch's
 * `ConstantLR`.
 *
 * @throws OptionError if an option is unknown or out of its range
 */
export const constant: (value: number, options?: GivenOf<typeof kind.fields, 'value'>) => Constant =
  schedule(kind)
