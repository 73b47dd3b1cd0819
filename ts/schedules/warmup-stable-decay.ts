import { choice, type GivenOf, integerAtLeast } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'
import { between, halfCosine, progress } from './shapes.js'

const kind = declare(
  'warmupStableDecay',
  {
    value: level(),
    /** ≥ 0: number of updates during which the value rises from 0 */
    warmupSteps: integerAtLeast(0),
    /** ≥ 0: number of updates with a constant value */
    stableSteps: integerAtLeast(0),
    /** ≥ 1: number of updates during which the value falls */
    decaySteps: integerAtLeast(1),
    /**
     * shape of the decay: `'cosine'`, `'linear'`, or `'1-sqrt'`, which is 1 − √p after the fraction p of `decaySteps`
     * (Hägele et al., 2024)
     */
    decayType: choice('cosine', 'linear', '1-sqrt'),
    /** final value */
    endValue: level(0),
  },
  {
    at:
      ({ value, warmupSteps, stableSteps, decaySteps, decayType, endValue }) =>
      (t) => {
        if (t < warmupSteps) return value * (t / warmupSteps)
        const p = progress(t, warmupSteps + stableSteps, decaySteps)
        const fallen = decayType === 'cosine' ? 1 - halfCosine(p) : decayType === 'linear' ? p : Math.sqrt(p)
        return between(value, endValue, fallen)
      },
    constantFrom: ({ warmupSteps, stableSteps, decaySteps }) => warmupSteps + stableSteps + decaySteps,
    warmupSteps: ({ value, warmupSteps, stableSteps, decaySteps, endValue }) =>
      endValue > value ? warmupSteps + stableSteps + decaySteps : warmupSteps,
  },
)

/** See {@link warmupStableDecay}. */
export interface WarmupStableDecay extends ScheduleOf<typeof kind> {}

declare module './schedule.js' {
  interface Schedules {
    readonly warmupStableDecay: WarmupStableDecay
  }
}

/**
 * value·t/warmupSteps, then `value`, then a decay to `endValue` (WSD; Hu et al., 2024), like Hugging Face's
 * `get_wsd_schedule`. (Hugging Face's warm-up begins at the minimum.) For a warm-up that does not begin at 0, wrap the
 * schedule in `warmup`.
 *
 * @throws OptionError if an option is missing, unknown or out of its range
 */
export const warmupStableDecay: (
  value: number,
  options: GivenOf<typeof kind.fields, 'value'>,
) => WarmupStableDecay = schedule(kind)
