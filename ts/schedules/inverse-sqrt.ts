import { type GivenOf, integerAtLeast, nullable } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'

const kind = declare(
  'inverseSqrt',
  {
    value: level(),
    /** ≥ 0: number of updates during which the value rises from 0 */
    warmupSteps: integerAtLeast(0, 0),
    /** ≥ 1: time scale of the decay in updates; null uses `warmupSteps`, or 10,000 without a warm-up */
    timescale: nullable(integerAtLeast(1)),
  },
  {
    at({ value, warmupSteps, timescale }) {
      const scale = timescale ?? (warmupSteps || 10_000)
      return (t) =>
        t < warmupSteps ? value * (t / warmupSteps) : value / Math.sqrt((t - warmupSteps + scale) / scale)
    },
    constantFrom: () => Infinity,
    warmupSteps: ({ warmupSteps }) => warmupSteps,
  },
)

/** See {@link inverseSqrt}. */
export interface InverseSqrt extends ScheduleOf<typeof kind> {}

declare module './schedule.js' {
  interface Schedules {
    readonly inverseSqrt: InverseSqrt
  }
}

/**
 * value·t/warmupSteps, then value / √((t − warmupSteps + timescale) / timescale), like Hugging Face's
 * `get_inverse_sqrt_schedule`. {@link noam} is the schedule of the Transformer paper.
 *
 * @throws OptionError if an option is unknown or out of its range
 */
export const inverseSqrt: (value: number, options?: GivenOf<typeof kind.fields, 'value'>) => InverseSqrt =
  schedule(kind)
