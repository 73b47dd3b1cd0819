import { type GivenOf, integerAtLeast, nonNegative } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'

const kind = declare(
  'constant',
  {
    value: level(),
    /** ≥ 0: what the first updates have is factor·value */
    factor: nonNegative(1 / 3),
    /** ≥ 0: how many these are; Torch has 5 */
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
 * `value` always, as Optax's `constant_schedule`; with `steps`, the updates before have factor·value, as Torch's
 * `ConstantLR`.
 *
 * @throws OptionError where an option is unknown or out of its range
 */
export const constant: (value: number, options?: GivenOf<typeof kind.fields, 'value'>) => Constant =
  schedule(kind)
