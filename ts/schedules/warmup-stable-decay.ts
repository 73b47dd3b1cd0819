import { choice, type GivenOf, integerAtLeast } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'
import { between, halfCosine, progress } from './shapes.js'

const kind = declare(
  'warmupStableDecay',
  {
    value: level(),
    /** ≥ 0: how many updates it rises, from 0 */
    warmupSteps: integerAtLeast(0),
    /** ≥ 0: how many it stays */
    stableSteps: integerAtLeast(0),
    /** ≥ 1: how many it falls */
    decaySteps: integerAtLeast(1),
    /** `'cosine'`, `'linear'`, or `'1-sqrt'`, 1 − √ of the share of `decaySteps` (Hägele et al., 2024) */
    decayType: choice('cosine', 'linear', '1-sqrt'),
    /** where it ends, and stays */
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
 * value·t/warmupSteps, then `value`, then down to `endValue` (WSD; Hu et al., 2024), as Hugging Face's
 * `get_wsd_schedule`, which, though, begins its warm-up with the minimum. `warmup` around another does not begin
 * with 0.
 *
 * @throws OptionError where an option is missing, unknown or out of its range
 */
export const warmupStableDecay: (
  value: number,
  options: GivenOf<typeof kind.fields, 'value'>,
) => WarmupStableDecay = schedule(kind)
