import { type GivenOf, integerAtLeast } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'
import { between, halfCosine } from './shapes.js'

const kind = declare(
  'cosineRestarts',
  {
    value: level(),
    /** ≥ 1: length of the first cycle in updates; PyTorch's `T_0` */
    steps: integerAtLeast(1),
    /** ≥ 1: ratio of the lengths of consecutive cycles; PyTorch's `T_mult` */
    factor: integerAtLeast(1, 1),
    /** value at the end of each cycle */
    endValue: level(0),
  },
  {
    at:
      ({ value, steps, factor, endValue }) =>
      (t) => {
        let length = steps
        let rest = t
        if (factor === 1) rest %= steps
        else {
          while (rest >= length) {
            rest -= length
            length *= factor
          }
        }
        return between(endValue, value, halfCosine(rest / length))
      },
    constantFrom: () => Infinity,
    warmupSteps: ({ value, steps, endValue }) => (endValue > value ? steps : 0),
  },
)

/** See {@link cosineRestarts}. */
export interface CosineRestarts extends ScheduleOf<typeof kind> {}

declare module './schedule.js' {
  interface Schedules {
    readonly cosineRestarts: CosineRestarts
  }
}

/**
 * Half cosines from `value` to `endValue`, restarted at the end of each cycle (SGDR; Loshchilov and Hutter, 2017), like
 * PyTorch's `CosineAnnealingWarmRestarts`.
 *
 * @throws OptionError if an option is missing, unknown or out of its range
 */
export const cosineRestarts: (
  value: number,
  options: GivenOf<typeof kind.fields, 'value'>,
) => CosineRestarts = schedule(kind)
