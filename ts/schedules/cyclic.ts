import { pow } from '../functions/pow.js'
import { choice, type GivenOf, integerAtLeast, nonNegative, nullable } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'
import { between } from './shapes.js'

const kind = declare(
  'cyclic',
  {
    /** where each cycle starts and ends; Torch's `base_lr` */
    value: level(),
    /** where the first one turns; Torch's `max_lr` */
    maxValue: level(),
    /** ≥ 1: the updates from `value` to the turn */
    stepSizeUp: integerAtLeast(1, 2000),
    /** ≥ 1: those back; null is as many */
    stepSizeDown: nullable(integerAtLeast(1)),
    /** `'triangular'`; `'triangular2'`, each half as high as the one before; `'expRange'`, the height times γᵗ */
    mode: choice('triangular', 'triangular2', 'expRange'),
    /** γ ≥ 0 of `'expRange'` */
    gamma: nonNegative(1),
  },
  {
    at({ value, maxValue, stepSizeUp, stepSizeDown, mode, gamma }) {
      const down = stepSizeDown ?? stepSizeUp
      const length = stepSizeUp + down
      return (t) => {
        const rest = t % length
        const share = rest <= stepSizeUp ? rest / stepSizeUp : (length - rest) / down
        const height =
          mode === 'triangular2' ? pow(0.5, Math.floor(t / length)) : mode === 'expRange' ? pow(gamma, t) : 1
        // What grows without end is not to be multiplied by 0.
        if (share === 0) return value
        if (height > 1) return value + (maxValue - value) * share * height
        return between(value, maxValue, share * height)
      }
    },
    constantFrom: () => Infinity,
    warmupSteps: ({ value, maxValue, stepSizeUp }) => (maxValue > value ? stepSizeUp : 0),
  },
)

/** See {@link cyclic}. */
export interface Cyclic extends ScheduleOf<typeof kind> {}

declare module './schedule.js' {
  interface Schedules {
    readonly cyclic: Cyclic
  }
}

/**
 * Up and down between `value` and `maxValue` (Smith, 2017), as Torch's `CyclicLR`. Momentum is not cycled beside it,
 * as Torch does by default: schedule it as well.
 *
 * @throws OptionError where an option is missing, unknown or out of its range
 */
export const cyclic: (value: number, options: GivenOf<typeof kind.fields, 'value'>) => Cyclic = schedule(kind)
