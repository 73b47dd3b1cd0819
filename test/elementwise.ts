/** Which rules update each element by itself, and measure no tensor. */

import type { Rule } from 'antigrad'
import { definitions } from '../dist/rules/definitions.js'
import { rules } from './helpers.js'

export function isElementwise(rule: Rule): boolean {
  if (rule.name === 'delayedStart') return isElementwise(rule.rule)
  return definitions[rule.name].kernels.every(({ sums }) => sums.length === 0)
}

export const elementwiseRules = rules.filter(([, rule]) => isElementwise(rule))
