import { pow } from '../functions/pow.js'
import { choice, type GivenOf, integerAtLeast, nonNegative, nullable } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'
import { between } from './shapes.js'

const kind = declare(
  'cyclic',
  {
    /** value at the start and at the end of each cycle; PyTorch's `base_lr` */
    value: level(),
    /** maximum value in the first cycle; PyTorch's `max_lr` */
    maxValue: level(),
    /** ≥ 1: number of updates from `value` to the maximum */
    stepSizeUp: integerAtLeast(1, 2000),
    /** ≥ 1: number of updates back to `value`; null uses `stepSizeUp` */
    stepSizeDown: nullable(integerAtLeast(1)),
    /**
     * height of the cycles: constant with `'triangular'`, halved after each cycle with `'triangular2'`, and multiplied
     * by γᵗ with `'expRange'`
     */
    mode: choice('triangular', 'triangular2', 'expRange'),
    /** factor γ ≥ 0, used only with `'expRange'` */
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
        // The product of an infinite height and 0 would be NaN.
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
 * Linear cycles between `value` and `maxValue` (Smith, 2017), like PyTorch's `CyclicLR`. Unlike PyTorch's default, the
 * schedule does not cycle the momentum. Pass a separate schedule for the momentum.
 *
 * @throws OptionError if an option is missing, unknown or out of its range
 */
export const cyclic: (value: number, options: GivenOf<typeof kind.fields, 'value'>) => Cyclic = schedule(kind)
