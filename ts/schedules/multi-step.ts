import { pow } from '../functions/pow.js'
import { type GivenOf, nonNegative } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule, updates } from './kind.js'
import { reached } from './shapes.js'

const kind = declare(
  'multiStep',
  {
    value: level(),
    /** integers ≥ 0 in ascending order: the updates from which on it is multiplied, twice where one is there twice */
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
 * value·γ^(how many `milestones` are ≤ t), as Torch's `MultiStepLR`.
 *
 * @throws OptionError where an option is missing, unknown or out of its range
 */
export const multiStep: (value: number, options: GivenOf<typeof kind.fields, 'value'>) => MultiStep =
  schedule(kind)
