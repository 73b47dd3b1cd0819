import { type GivenOf, integerAtLeast } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'

const kind = declare(
  'noam',
  {
    value: level(),
    /** d ≥ 1: the model's width */
    modelSize: integerAtLeast(1),
    /** w ≥ 1: how many updates it rises */
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
 * value·d^−½·min(n^−½, n·w^−1½) with n = t + 1 (Vaswani et al., 2017, section 5.3, where `value` is 1). The first
 * update is the paper's number 1, and the highest rate, value/√(d·w), is that of number w.
 *
 * @throws OptionError where an option is missing, unknown or out of its range
 */
export const noam: (value: number, options: GivenOf<typeof kind.fields, 'value'>) => Noam = schedule(kind)
