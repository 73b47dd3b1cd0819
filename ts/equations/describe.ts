/** Formats a custom rule as a string. `defineRule` can read the string. */

import { OPERATIONS } from '../arena/manifest.js'
import { ArgumentError } from '../core/errors.js'
import { isObject } from '../core/untrusted-input.js'
import type { EquationRule } from '../rules/equation-rule.js'
import { readDeclaration } from './declaration.js'
import { compileRule } from './define.js'
import * as layout from './layout.js'
import type { EquationStage } from './program.js'

/**
 * The lines of a rule, followed by comments about the compiled program: its stages, the operations of each stage in
 * order, and the bytes of state per parameter. `defineRule` makes an equal rule from the string.
 *
 * @throws ArgumentError if the rule was not made with {@link defineRule}
 */
export function describeRule(rule: EquationRule): string {
  if (!isObject(rule) || !Object.hasOwn(rule, 'equations'))
    throw new ArgumentError('describeRule: rule', 'a rule made with defineRule', rule)
  const { name, equations } = rule
  const { step, programs, declared } = compileRule(name, readDeclaration(name, equations))
  const states = Object.keys(declared.state)
  const slot = (number: number): string => {
    if (number === layout.THETA) return 'theta'
    if (number === layout.GRADIENT) return 'g'
    if (number < layout.FIRST_VALUE) return states[number - layout.FIRST_STATE]
    if (number < layout.FIRST_CONSTANT) return `own${number - layout.FIRST_VALUE + 1}`
    const constant = number - layout.FIRST_CONSTANT
    if (constant < programs.constants.length) return textOf(programs.constants[constant])
    return `x${constant - programs.constants.length + 1}`
  }
  const textOf = (node: number, depth = 0): string => {
    const found = step.graph.nodes[node]
    // Scalars may consist of other scalars, recursively.
    if (depth > MAX_DEPTH) return '…'
    if (found.kind === 'constant') return `${found.value}`
    if (found.kind !== 'operation') return 'name' in found ? found.name.trim() : ''
    const sign = OPERATORS[found.operation]
    const operands = found.operands.map((operand) => textOf(operand, depth + 1))
    if (sign === undefined) return `${found.operation}(${operands.join(', ')})`
    const text = operands.join(sign)
    return depth > 0 ? `(${text})` : text
  }
  const stageText = ({ instructions, sums }: EquationStage, k: number): string[] => [
    `# stage ${k + 1} of ${programs.stages.length}:`,
    ...instructions.map(([operation, to, ...from]) => {
      const code = OPERATIONS[operation]
      const count = layout.operandCount(code)
      return `#   ${slot(to)} ← ${code}(${from.slice(0, count).map(slot).join(', ')})`
    }),
    ...sums.map(
      ({ slot: number, sum }) =>
        `#   ${SUM_DESCRIPTIONS[sum.kind]} of ${slot(number)}${sum.isOfAll ? ' over all tensors' : ''}`,
    ),
  ]
  const elements = step.states.length
  const bytes = `${STATE_HEADING} ${states.join(', ') || 'none'}; ${4 * elements} bytes per parameter in float32, ${8 * elements} in float64`

  const [lines] = declared.step.split(STATE_HEADING)
  return [lines.trim(), '', bytes, ...programs.stages.flatMap(stageText)].join('\n')
}

/** The first comment after the lines starts with this heading. */
const STATE_HEADING = '# state:'
const MAX_DEPTH = 5
const OPERATORS: Readonly<Record<string, string>> = {
  add: ' + ',
  subtract: ' - ',
  multiply: '*',
  divide: '/',
}
const SUM_DESCRIPTIONS = ['the sum', 'the sum of squares', 'the largest absolute value']
