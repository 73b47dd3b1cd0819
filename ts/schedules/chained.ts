import { declare, number, schedule, schedules } from './kind.js'
import { compile, findConstantStart, type Scheduled, warmupSteps } from './schedule.js'

/** See {@link chained}. */
export interface Chained {
  readonly schedule: 'chained'
  readonly schedules: readonly Scheduled[]
}

declare module './schedule.js' {
  interface Schedules {
    readonly chained: Chained
  }
}

const kind = declare(
  'chained',
  { schedules: schedules(true) },
  {
    at({ schedules }) {
      const factors = schedules.map(compile)
      return (t) => {
        let product = number(factors[0](t))
        for (let k = 1; k < factors.length; k++) product *= number(factors[k](t))
        return product
      }
    },
    constantFrom: ({ schedules }) => Math.max(...schedules.map(findConstantStart)),
    warmupSteps: ({ schedules }) => Math.max(...schedules.map(warmupSteps)),
  },
)

/**
 * The product of several schedules at the same t, like PyTorch's `ChainedScheduler`. One schedule provides the values,
 * and all other schedules are factors. Only the product must be in the option's range.
 *
 * @param schedules 1 to 100 numbers, schedules or functions
 * @throws OptionError if an element is not a number, a schedule or a function
 */
export const chained: (schedules: readonly Scheduled[]) => Chained = schedule(kind)
