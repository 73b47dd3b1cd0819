import { integerAtLeast } from '../options/kinds.js'
import { readOption } from '../options/read.js'
import type { BuiltInRule } from './definitions.js'
import type { EquationRule } from './equation-rule.js'
import { resolveInner } from './resolve.js'
import type { DelayedStart } from './rule.js'

/**
 * Any rule with a delayed start: for the first `updates` updates of a tensor the rule collects its
 * statistics (moments, sums, velocity), and the parameters stay. Schedules and bias corrections
 * count these updates. (A remedy for Adam's large first steps that Liu et al., 2020, section 3.1, try
 * with 2000 updates; there the first moment waits too.)
 *
 * @throws OptionError where `updates` is not an integer ≥ 0 or `rule` is not a rule or has an
 * option out of its range
 */
export function delayedStart<R extends BuiltInRule | EquationRule>(
  updates: number,
  rule: R,
): DelayedStart<R> {
  const checked = readOption('delayedStart: updates', integerAtLeast(0), updates)
  return Object.freeze({
    name: 'delayedStart',
    updates: checked,
    rule: resolveInner(rule).rule as unknown as R,
  })
}
