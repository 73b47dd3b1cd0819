/** Custom functions and their derivatives. This module is loaded on demand. */

import { expression, type Objective } from 'antigrad'
import {
  absDependencies,
  acosDependencies,
  addDependencies,
  asinDependencies,
  atanDependencies,
  cosDependencies,
  coshDependencies,
  create,
  derivativeDependencies,
  divideDependencies,
  eDependencies,
  expDependencies,
  logDependencies,
  type MathNode,
  multiplyDependencies,
  parseDependencies,
  piDependencies,
  powDependencies,
  secDependencies,
  sechDependencies,
  sinDependencies,
  sinhDependencies,
  sqrtDependencies,
  subtractDependencies,
  tanDependencies,
  tanhDependencies,
  unaryMinusDependencies,
  unaryPlusDependencies,
} from 'mathjs/number'

const functions = {
  sqrtDependencies,
  expDependencies,
  logDependencies,
  absDependencies,
  sinDependencies,
  cosDependencies,
  tanDependencies,
  asinDependencies,
  acosDependencies,
  atanDependencies,
  sinhDependencies,
  coshDependencies,
  tanhDependencies,
}
const operators = {
  addDependencies,
  subtractDependencies,
  multiplyDependencies,
  divideDependencies,
  powDependencies,
  unaryMinusDependencies,
  unaryPlusDependencies,
}
const constants = { piDependencies, eDependencies }
/** Functions that occur in the derivatives of tan and tanh. */
const derived = { secDependencies, sechDependencies }
const math = create({
  parseDependencies,
  derivativeDependencies,
  ...functions,
  ...operators,
  ...constants,
  ...derived,
})

const names = (dependencies: object) =>
  Object.keys(dependencies).map((key) => key.replace('Dependencies', ''))
const functionNames = names(functions)
const operatorNames = names(operators)
const symbolNames = ['x', 'y', ...names(constants)]

type ExpressionNode = MathNode

/**
 * Converts an expression in x and y, such as `(1 - x)^2 + 100 (y - x^2)^2`, to an objective.
 *
 * @throws Error with a sentence if the expression is invalid
 */
export function parseObjective(text: string): Required<Objective> {
  const node = parseAndCheck(text)
  // Derivatives are not simplified, because simplification may divide the whole expression by x if it contains abs(x).
  const [dx, dy] = ['x', 'y'].map((name) => math.derivative(node, name, { simplify: false }).compile())
  const value = node.compile()
  const scope = new Map<string, number>()
  const at = (code: { evaluate(scope: unknown): unknown }, x: ArrayLike<number>) => {
    scope.set('x', x[0])
    scope.set('y', x[1])
    return code.evaluate(scope) as number
  }
  return {
    value: (x) => at(value, x),
    gradient: (x, out) => {
      out[0] = at(dx, x)
      out[1] = at(dy, x)
    },
  }
}

/**
 * Converts an expression to the library's notation. The result contains both x and y.
 *
 * @throws Error with a sentence if the expression is invalid
 */
export function textForLibrary(text: string): string {
  const written = rewrite(parseAndCheck(text))
  // A missing variable is added with factor 0, so that it remains a parameter, for example for weight decay.
  const missing = ['x', 'y'].filter((name) => !new RegExp(`\\b${name}\\b`).test(written))
  return [written, ...missing.map((name) => `0*${name}`)].join(' + ')
}

function rewrite(node: ExpressionNode): string {
  const { type, name, fn, value, content, args = [] } = node as ExpressionNode & Record<string, never>
  const parts = (args as ExpressionNode[]).map(rewrite)
  if (type === 'ParenthesisNode') return rewrite(content)
  if (type === 'ConstantNode') return Number.isFinite(value) ? String(value) : '(1/0)'
  if (type === 'SymbolNode') return name === 'e' ? String(Math.E) : name
  if (type === 'FunctionNode') {
    const called = (fn as { name: string }).name
    return `${called}(${parts[0]})`
  }
  return parts.length === 1 ? `(${signs[fn]}${parts[0]})` : `(${parts.join(` ${signs[fn]} `)})`
}

const signs: Readonly<Record<string, string>> = {
  add: '+',
  subtract: '-',
  multiply: '*',
  divide: '/',
  pow: '^',
  unaryMinus: '-',
  unaryPlus: '+',
}

/** Nesting depth of parentheses that the library's expressions do not allow. */
const MAX_DEPTH = 200

function parseAndCheck(text: string): ExpressionNode {
  if (text.trim() === '') throw new Error('Enter a function of x and y.')
  // The library's error contains the position and the limit.
  if (parenthesisDepth(text) >= MAX_DEPTH) expression(text)
  try {
    const node = parse(text)
    node.traverse(check)
    return node
  } catch (thrown) {
    if (thrown instanceof RangeError) expression(text)
    throw thrown
  }
}

function parenthesisDepth(text: string): number {
  let [depth, most] = [0, 0]
  for (const letter of text) {
    depth += Number(letter === '(') - Number(letter === ')')
    most = Math.max(most, depth)
  }
  return most
}

function parse(text: string): ExpressionNode {
  try {
    return math.parse(text) as ExpressionNode
  } catch (thrown) {
    if (thrown instanceof RangeError) throw thrown
    const { message } = thrown as Error
    throw new Error(`The expression is invalid: ${message.replace(/ \(char (\d+)\)/, ' at character $1')}.`)
  }
}

function check(node: ExpressionNode, _path: string, parent: ExpressionNode | null): void {
  const { type, name = '', fn, value, args } = node as ExpressionNode & Record<string, never>
  const { isParenthesisNode, isConstantNode } = node as unknown as Record<string, boolean>
  if (isParenthesisNode || (isConstantNode && typeof value === 'number')) return
  if (type === 'SymbolNode') {
    // mathjs represents the name of a called function as a symbol, too.
    if (parent?.type === 'FunctionNode' && (parent as ExpressionNode & { fn: ExpressionNode }).fn === node)
      return
    if (symbolNames.includes(name)) return
    const isFunction = functionNames.includes(name)
    throw new Error(
      isFunction
        ? `“${name}” needs an argument, such as ${name}(x).`
        : `Unknown name “${name}”: use ${symbolNames.join(', ')}, or functions such as exp(x).`,
    )
  }
  if (type === 'FunctionNode') {
    const called = String((fn as { name?: string }).name ?? fn)
    if (!functionNames.includes(called)) {
      throw new Error(`Unknown function “${called}”: use ${functionNames.join(', ')}.`)
    }
    const { length } = args as unknown[]
    if (length !== 1) throw new Error(`“${called}” takes one argument, got ${length}.`)
    return
  }
  if (type === 'OperatorNode' && operatorNames.includes(fn as string)) return
  const what =
    type === 'OperatorNode' ? `The operator “${(node as ExpressionNode & { op: string }).op}”` : kinds[type]
  throw new Error(
    `${what ?? 'Part of the expression'} is not supported: use + − * / ^, parentheses and functions.`,
  )
}

const kinds: Readonly<Record<string, string>> = {
  AssignmentNode: 'A “=”',
  FunctionAssignmentNode: 'A “=”',
  ArrayNode: 'A list',
  BlockNode: 'A “;”',
  ConditionalNode: 'A “?”',
  RelationalNode: 'A comparison',
  ConstantNode: 'A string, or a word such as true,',
}
