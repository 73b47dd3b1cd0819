/** What a rule of equations does, as a text that is read again as the same equations. */

import { OPERATIONS } from '../arena/manifest.js'
import { ArgumentError } from '../ground/errors.js'
import { isObject } from '../ground/given.js'
import type { EquationRule } from '../rules/equation-rule.js'
import { readDeclaration } from './declaration.js'
import { madeOf } from './define.js'
import * as layout from './layout.js'
import type { Stage } from './program.js'

/**
 * The lines of a rule, and in comments what is made of them: its stages, the operations of each in their order, and the
 * bytes of state that a parameter has. `equations` reads the text as the same rule.
 *
 * @throws ArgumentError where it is no rule of {@link equations}
 */
export function describe(rule: EquationRule): string {
  if (!isObject(rule) || !Object.hasOwn(rule, 'equations'))
    throw new ArgumentError('describe: rule', 'a rule of equations', rule)
  const { name, equations } = rule
  const { step, programs, declared } = madeOf(name, readDeclaration(name, equations))
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
    // A scalar may be made of others that are made of others.
    if (depth > DEEPEST) return '…'
    if (found.kind === 'constant') return `${found.value}`
    if (found.kind !== 'operation') return 'name' in found ? found.name.trim() : ''
    const sign = SIGNS[found.operation]
    const operands = found.operands.map((operand) => textOf(operand, depth + 1))
    if (sign === undefined) return `${found.operation}(${operands.join(', ')})`
    const text = operands.join(sign)
    return depth > 0 ? `(${text})` : text
  }
  const stageText = ({ instructions, sums }: Stage, k: number): string[] => [
    `# stage ${k + 1} of ${programs.stages.length}:`,
    ...instructions.map(([operation, to, ...from]) => {
      const code = OPERATIONS[operation]
      const count = layout.operandsOf(code)
      return `#   ${slot(to)} ← ${code}(${from.slice(0, count).map(slot).join(', ')})`
    }),
    ...sums.map(
      ({ slot: number, sum }) =>
        `#   ${SUMS[sum.kind]} of ${slot(number)}${sum.isOfAll ? ', of all tensors' : ''}`,
    ),
  ]
  const elements = step.states.length
  const bytes = `${STATE} ${states.join(', ') || 'none'}; ${4 * elements} bytes a parameter in float32, ${8 * elements} in float64`

  const [lines] = declared.step.split(STATE)
  return [lines.trim(), '', bytes, ...programs.stages.flatMap(stageText)].join('\n')
}

/** What comes behind the lines begins so. */
const STATE = '# state:'
const DEEPEST = 5
const SIGNS: Readonly<Record<string, string>> = { add: ' + ', subtract: ' - ', multiply: '*', divide: '/' }
const SUMS = ['the sum', 'the sum of squares', 'the largest size']
