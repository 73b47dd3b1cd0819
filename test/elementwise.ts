/** The rules that update each element independently, and compute no sums over tensors. */

import type { Rule } from 'antigrad'
import { definitions } from '../dist/rules/definitions.js'
import { rules } from './helpers.js'

export function isElementwise(rule: Rule): boolean {
  if (rule.name === 'delayedStart') return isElementwise(rule.rule)
  const isCautious = 'cautious' in rule && rule.cautious
  const { wantsShapes, kernels } = definitions[rule.name]
  return !isCautious && !wantsShapes && kernels.every(({ sums }) => sums.length === 0)
}

/** Rules that treat each tensor like the only tensor of an optimizer. */
export const separateRules = rules.filter(([, rule]) => definitions[rule.name].estimateShared === undefined)

export const elementwiseRules = rules.filter(([, rule]) => isElementwise(rule))
