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
  /** what it is now */
  value: level(),
  /** in [0, 1]: what a plateau multiplies it by */
  factor: unitInterval(0.1),
  /** ≥ 0: so many metrics in a row may be no better than the best */
  patience: integerAtLeast(0, 10),
  /** ≥ 0: by how much a better one has to be better */
  threshold: nonNegative(1e-4),
  /** whether that is a part of the best one, or a difference */
  thresholdMode: choice('rel', 'abs'),
  /** whether smaller metrics are better, or larger ones */
  mode: choice('min', 'max'),
  /** ≥ 0: for so many metrics after a reduction none counts as bad */
  cooldown: integerAtLeast(0, 0),
  /** where reductions end */
  minValue: level(0),
  /** the best metric so far; null before the first */
  best: nullable(finite()),
  /** how many in a row were no better */
  badCount: integerAtLeast(0, 0),
  /** how many are left of the cooldown */
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

/** What is not finite is never better. */
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
 * A value that {@link observe} multiplies by `factor` once more than `patience` metrics in a row were no better than
 * the best: Torch's `ReduceLROnPlateau`. What it has seen, `best`, `badCount` and `cooldownCounter`, are fields as the others: so
 * it is saved with a rule, and goes on where it was.
 *
 * @throws OptionError where an option is unknown or out of its range, or `minValue` above the value
 * @example
 * optimizer.set({ lr: observe(optimizer.rule.lr, loss) })
 */
export const reduceOnPlateau: (value: number, options?: GivenOf<typeof fields, 'value'>) => ReduceOnPlateau =
  schedule(kind)
