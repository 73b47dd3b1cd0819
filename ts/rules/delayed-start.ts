import { integerAtLeast } from '../options/kinds.js'
import { readOption } from '../options/read.js'
import type { BuiltInRule } from './definitions.js'
import type { EquationRule } from './equation-rule.js'
import { resolveInner } from './resolve.js'
import type { DelayedStart } from './rule.js'

/**
 * A rule with a delayed start. During the first `updates` updates of a tensor, the rule updates moments, sums and
 * velocities, and the parameters keep their values. The delayed updates also count for schedules and bias corrections.
 * (Liu et al., 2020, section 3.1, try a delay of 2,000 updates as a remedy for Adam's large first steps. In their
 * version, Adam's first moment also remains 0 during the delay.)
 *
 * @throws OptionError if `updates` is not an integer ≥ 0, if `rule` is not a rule, or if an option of the rule is out
 * of range
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
