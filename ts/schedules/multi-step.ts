import { pow } from '../functions/pow.js'
import { type GivenOf, nonNegative } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule, updates } from './kind.js'
import { reached } from './shapes.js'

const kind = declare(
  'multiStep',
  {
    value: level(),
    /**
     * ascending integers ≥ 0: updates at which the value is multiplied by γ, once per occurrence of the milestone
     */
    milestones: updates(0, false),
    /** γ ≥ 0 */
    gamma: nonNegative(0.1),
  },
  {
    at:
      ({ value, milestones, gamma }) =>
      (t) =>
        value * pow(gamma, reached(milestones, t)),
    constantFrom: ({ milestones }) => milestones.at(-1) ?? 0,
  },
)

/** See {@link multiStep}. */
export interface MultiStep extends ScheduleOf<typeof kind> {}

declare module './schedule.js' {
  interface Schedules {
    readonly multiStep: MultiStep
  }
}

/**
 * value·γⁿ, where n is the number of `milestones` ≤ t, like PyTorch's `MultiStepLR`.
 *
 * @throws OptionError if an option is missing, unknown or out of its range
 */
export const multiStep: (value: number, options: GivenOf<typeof kind.fields, 'value'>) => MultiStep =
  schedule(kind)
