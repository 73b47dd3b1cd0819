import { type GivenOf, integerAtLeast } from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'
import { between, halfCosine } from './shapes.js'

const kind = declare(
  'cosineRestarts',
  {
    value: level(),
    /** ≥ 1: how many updates the first cosine takes; Torch's `T_0` */
    steps: integerAtLeast(1),
    /** ≥ 1: how many times as long as the one before it each one is; Torch's `T_mult` */
    factor: integerAtLeast(1, 1),
    /** where each would end */
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
 * Half cosines from `value` to `endValue`, one after the other (SGDR; Loshchilov and Hutter, 2017), as Torch's
 * `CosineAnnealingWarmRestarts`.
 *
 * @throws OptionError where an option is missing, unknown or out of its range
 */
export const cosineRestarts: (
  value: number,
  options: GivenOf<typeof kind.fields, 'value'>,
) => CosineRestarts = schedule(kind)
