import { integerAtLeast, nullable } from '../options/kinds.js'
import { declare, inner, level, number, schedule } from './kind.js'
import { compile, findConstantStart, isSchedule, type Scheduled, warmupSteps } from './schedule.js'

interface WarmupOptions {
  /** ≥ 1: length of the warm-up in updates */
  readonly steps: number
  /**
   * a number is the initial value: from + (value − from)·t/steps, like Optax's `linear_schedule`; null uses
   * value·(t+1)/steps, where t counts from 0
   */
  readonly from: number | null
}

/** A linear warm-up; see {@link warmup}. */
export interface Warmup extends WarmupOptions {
  readonly schedule: 'warmup'
  /** value after the warm-up, a number or another schedule */
  readonly value: Scheduled
}

declare module './schedule.js' {
  interface Schedules {
    readonly warmup: Warmup
  }
}

const kind = declare(
  'warmup',
  { value: inner(), steps: integerAtLeast(1), from: nullable(level()) },
  {
    at({ value, steps, from }) {
      if (typeof value === 'number') return (t) => rising(value, steps, from, t)
      const at = compile(value)
      return (t) => rising(number(at(t)), steps, from, t)
    },
    constantFrom: ({ value, steps, from }) =>
      Math.max(from === null ? steps - 1 : steps, findConstantStart(value)),
    warmupSteps: ({ value, steps }) => Math.max(steps, warmupSteps(value)),
  },
)

function rising(reached: number, steps: number, from: number | null, t: number): number {
  if (from === null) return t + 1 < steps ? reached * ((t + 1) / steps) : reached
  return t < steps ? from + (reached - from) * (t / steps) : reached
}

/**
 * A learning rate (or weight decay, or momentum) that rises linearly to `value` within `steps` updates. By default, the
 * first update uses value/steps, and update number `steps` uses the full value. With `from: 0`, the first update of the
 * warm-up uses the value 0, as in Optax. (Goyal et al., 2017, section 2.2.)
 *
 * The argument `value` may be another schedule. The t of this schedule also advances during the warm-up.
 *
 * @throws OptionError if `steps` is not an integer ≥ 1, or if `from` is not a finite number
 */
export const warmup: (
  value: Scheduled,
  options: Pick<WarmupOptions, 'steps'> & Partial<WarmupOptions>,
) => Warmup = schedule(kind)

export function isWarmup(value: unknown): value is Warmup {
  return isSchedule(value) && value.schedule === 'warmup'
}
