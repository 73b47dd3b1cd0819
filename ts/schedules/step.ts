import { pow } from '../functions/pow.js'
import { type GivenOf, integerAtLeast, nonNegative } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'

const kind = declare(
  'step',
  {
    value: level(),
    /** ≥ 1: number of updates between multiplications by γ */
    stepSize: integerAtLeast(1),
    /** γ ≥ 0 */
    gamma: nonNegative(0.1),
  },
  {
    at:
      ({ value, stepSize, gamma }) =>
      (t) =>
        value * pow(gamma, Math.floor(t / stepSize)),
    constantFrom: ({ stepSize, gamma }) => (gamma === 1 ? 0 : gamma === 0 ? stepSize : Infinity),
  },
)

/** See {@link step}. */
export interface Step extends ScheduleOf<typeof kind> {}

declare module './schedule.js' {
  interface Schedules {
    readonly step: Step
  }
}

/**
 * value·γ^⌊t/stepSize⌋, like PyTorch's `StepLR`.
 *
 * @throws OptionError if an option is missing, unknown or out of its range
 */
export const step: (value: number, options: GivenOf<typeof kind.fields, 'value'>) => Step = schedule(kind)
