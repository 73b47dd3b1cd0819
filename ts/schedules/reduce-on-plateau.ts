import { OptionError } from '../core/errors.js'
import {
  choice,
  finite,
  type GivenOf,
  integerAtLeast,
  nonNegative,
  nullable,
  unitInterval,
  type ValuesOf,
} from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'

const fields = {
  /** current value */
  value: level(),
  /** in [0, 1]: factor by which a reduction multiplies the value */
  factor: unitInterval(0.1),
  /** ≥ 0: maximum number of consecutive metrics without improvement that do not cause a reduction */
  patience: integerAtLeast(0, 10),
  /** ≥ 0: minimum difference from the best metric that counts as an improvement */
  threshold: nonNegative(1e-4),
  /** whether `threshold` is relative to the best metric or absolute */
  thresholdMode: choice('rel', 'abs'),
  /** whether smaller or larger metrics are better */
  mode: choice('min', 'max'),
  /** ≥ 0: number of metrics after a reduction that cannot cause another reduction */
  cooldown: integerAtLeast(0, 0),
  /** lower bound of the value */
  minValue: level(0),
  /** best metric so far; null before the first metric */
  best: nullable(finite()),
  /** number of consecutive metrics without improvement */
  badCount: integerAtLeast(0, 0),
  /** number of metrics until the cooldown ends */
  cooldownCounter: integerAtLeast(0, 0),
}

const kind = declare('reduceOnPlateau', fields, {
  at:
    ({ value }) =>
    () =>
      value,
  constantFrom: () => 0,
  check({ value, minValue }, what) {
    if (!(minValue <= value))
      throw new OptionError(`${what}: minValue`, `at most the value, ${value}`, minValue)
  },
  observed(now, metric) {
    const isBetter = isBetterThanBest(now, metric)
    const isCooling = now.cooldownCounter > 0
    const badCount = isBetter || isCooling ? 0 : now.badCount + 1
    const best = isBetter ? metric : now.best
    if (badCount <= now.patience)
      return { ...now, best, badCount, cooldownCounter: isCooling ? now.cooldownCounter - 1 : 0 }
    const value = Math.max(now.value * now.factor, now.minValue)
    return { ...now, value, best, badCount: 0, cooldownCounter: now.cooldown }
  },
})

/** A metric that is not finite is never an improvement. */
function isBetterThanBest({ best, ...options }: ValuesOf<typeof fields>, metric: number): boolean {
  if (!Number.isFinite(metric)) return false
  if (best === null) return true
  const { threshold, thresholdMode, mode } = options
  const margin = thresholdMode === 'rel' ? threshold * Math.abs(best) : threshold
  return mode === 'min' ? metric < best - margin : metric > best + margin
}

/** See {@link reduceOnPlateau}. */
export interface ReduceOnPlateau extends ScheduleOf<typeof kind> {}

declare module './schedule.js' {
  interface Schedules {
    readonly reduceOnPlateau: ReduceOnPlateau
  }
}

/**
 * A value that {@link observeMetric} multiplies by `factor` after more than `patience` consecutive metrics without
 * improvement, like PyTorch's `ReduceLROnPlateau`. The fields `best`, `badCount` and `cooldownCounter` are the state of
 * this schedule. A saved rule contains the state of the schedule, and a loaded run continues with this state.
 *
 * @throws OptionError if an option is unknown or out of its range, or if `minValue` is above the value
 * @example
 * optimizer.set({ lr: observeMetric(optimizer.rule.lr, loss) })
 */
export const reduceOnPlateau: (value: number, options?: GivenOf<typeof fields, 'value'>) => ReduceOnPlateau =
  schedule(kind)
