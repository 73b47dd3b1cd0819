import { type GivenOf, integerAtLeast } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'

const kind = declare(
  'noam',
  {
    value: level(),
    /** width d ≥ 1 of the model */
    modelSize: integerAtLeast(1),
    /** w ≥ 1: number of updates during which the value rises */
    warmupSteps: integerAtLeast(1, 4000),
  },
  {
    at({ value, modelSize, warmupSteps }) {
      const factor = value / Math.sqrt(modelSize)
      const slope = 1 / (warmupSteps * Math.sqrt(warmupSteps))
      return (t) => factor * (t + 1 < warmupSteps ? (t + 1) * slope : 1 / Math.sqrt(t + 1))
    },
    constantFrom: () => Infinity,
    warmupSteps: ({ warmupSteps }) => warmupSteps,
  },
)

/** See {@link noam}. */
export interface Noam extends ScheduleOf<typeof kind> {}

declare module './schedule.js' {
  interface Schedules {
    readonly noam: Noam
  }
}

/**
 * value·d^−½·min(n^−½, n·w^−1½) with n = t + 1 (Vaswani et al., 2017, section 5.3, where `value` is 1). In the paper, n
 * is the number of the update. The maximum, value/√(d·w), occurs at n = w.
 *
 * @throws OptionError if an option is missing, unknown or out of its range
 */
export const noam: (value: number, options: GivenOf<typeof kind.fields, 'value'>) => Noam = schedule(kind)
