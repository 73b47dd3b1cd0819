// Derives the equations of a kernel from its loop in TypeScript: each operation, in execution order.

const SYMBOLS = {
  ...{
    theta: 'θ',
    decay: 'd',
    lr: 'η',
    eps: 'ε',
    alpha: 'α',
    beta: 'β',
    gamma: 'γ',
    kappa: 'κ',
    lambda: 'λ',
  },
  ...{ mu: 'μ', nu: 'ν', rho: 'ρ', sigma: 'σ', delta: 'δ' },
  direction: 'u',
}

/** The symbol of a name in equations: `beta1` is β₁, and `oneMinusBeta1` is (1−β₁). */
function symbol(name) {
  const complement = /^oneMinus(.)(.*)$/.exec(name)
  if (complement !== null) return `(1−${symbol(complement[1].toLowerCase() + complement[2])})`
  const [, word, digits] = /^(.*?)(\d*)$/.exec(name)
  return (SYMBOLS[word] ?? word) + digits.replaceAll(/\d/g, (digit) => '₀₁₂₃₄₅₆₇₈₉'[digit])
}

/** Operator precedence levels. */
const [CONDITION, COMPARISON, SUM, PRODUCT, FACTOR] = [0, 1, 2, 3, 4]
const OPERATORS = {
  '+': [' + ', SUM],
  '-': [' − ', SUM],
  '*': ['·', PRODUCT],
  '/': ['/', PRODUCT],
  '<': [' < ', COMPARISON],
  '>': [' > ', COMPARISON],
  '===': [' = ', COMPARISON],
}

/** Prints the statements of a loop in order. */
class Printer {
  /** Names of parameters and state, whose values persist between updates. */
  #kept
  /** Arrays that have been written. From then on, their elements are the new values. */
  #written = new Set()
  /** Expressions of constants that are used only once. */
  #inlined = new Map()

  constructor(kept) {
    this.#kept = kept
  }

  statement({ type, kind, declarations, expression }, usesOf) {
    if (type === 'VariableDeclaration' && kind === 'const' && declarations.length === 1) {
      const [{ id, init }] = declarations
      const value = this.#print(init)
      if (usesOf(id.name) !== 1) return `${symbol(id.name)} = ${value.text}`
      this.#inlined.set(id.name, value)
      return null
    }
    if (expression?.type !== 'AssignmentExpression' || expression.operator !== '=') throw new Irregular()
    const { text } = this.#print(expression.right)
    const array = elementOf(expression.left)
    if (this.#kept.includes(array)) this.#written.add(array)
    return `${this.#element(array)} = ${text}`
  }

  #element(array) {
    return symbol(array) + (this.#written.has(array) ? "'" : '')
  }

  #print(node) {
    switch (node.type) {
      case 'Literal':
        return { text: `${node.value}`, tightness: FACTOR }
      case 'Identifier':
        return this.#inlined.get(node.name) ?? { text: symbol(node.name), tightness: FACTOR }
      case 'MemberExpression':
        return { text: this.#element(elementOf(node)), tightness: FACTOR }
      case 'ParenthesizedExpression':
        return this.#print(node.expression)
      case 'CallExpression':
        return this.#call(node)
      case 'BinaryExpression': {
        const [sign, tightness] = OPERATORS[node.operator] ?? irregular()
        const [left, right] = [this.#print(node.left), this.#print(node.right)]
        // The left operand needs no parentheses, except that quotients are set apart.
        const isClear = node.operator !== '/' && left.operator !== '/'
        const text = within(left, tightness + (isClear ? 0 : 1)) + sign + within(right, tightness + 1)
        return { text, tightness, operator: node.operator }
      }
      case 'ConditionalExpression': {
        // Quotients with a divisor of 0 are 0, which the docs state once for all rules.
        if (isZeroTest(node)) return this.#print(node.alternate)
        const [test, yes, no] = [node.test, node.consequent, node.alternate].map((part) => this.#print(part))
        const text = `${within(test, COMPARISON)} ? ${within(yes, COMPARISON)} : ${within(no, CONDITION)}`
        return { text, tightness: CONDITION }
      }
      default:
        return irregular()
    }
  }

  #call({ callee, arguments: [argument] }) {
    const value = this.#print(argument)
    const name = callee.name ?? callee.property.name
    if (name === 'f') return value
    if (name === 'sqrt') return { text: `√${within(value, FACTOR)}`, tightness: FACTOR }
    if (name === 'abs') return { text: `|${value.text}|`, tightness: FACTOR }
    if (name === 'signum') return { text: `sign(${value.text})`, tightness: FACTOR }
    return irregular()
  }
}

const within = ({ text, tightness }, least) => (tightness < least ? `(${text})` : text)

/** Thrown if a loop is not a sequence of elementwise equations. */
class Irregular extends Error {}
function irregular() {
  throw new Irregular()
}

function elementOf({ type, object, property }) {
  return type === 'MemberExpression' && property.name === 'i' ? object.name : irregular()
}

const isZeroTest = ({ type, test, consequent }) =>
  type === 'ConditionalExpression' &&
  test.operator === '===' &&
  test.right.value === 0 &&
  consequent.value === 0

/** Number of uses of a constant in statements, except comparisons with 0. */
function usesIn(node, name) {
  if (node === null || typeof node !== 'object') return 0
  if (node.type === 'Identifier') return Number(node.name === name)
  const parts = isZeroTest(node) && node.test.left.name === name ? [node.alternate] : Object.values(node)
  return parts.reduce((sum, part) => sum + usesIn(part, name), 0)
}

/**
 * @param loop syntax tree of the function that makes a kernel's loop for a dtype
 * @returns its equations, in which x' is the new value of x; null if the loop is not a sequence of equations
 */
export function equationsOf(loop) {
  const statements = loop?.body?.body?.body
  if (statements?.length !== 1 || statements[0].type !== 'ForStatement') return null
  const { body } = statements[0]
  const lines = body.type === 'BlockStatement' ? body.body : [body]
  const [theta, , state] = loop.body.params
  // Kernels of matrices take all their arguments by name. Their comments state what they compute.
  if (state === undefined) return null
  const printer = new Printer([theta.name, ...(state.properties ?? []).map(({ key }) => key.name)])
  try {
    const usesOf = (name) => usesIn(lines, name) - 1
    return lines
      .map((line) => printer.statement(line, usesOf))
      .filter((text) => text !== null)
      .join('; ')
  } catch (thrown) {
    if (thrown instanceof Irregular) return null
    throw thrown
  }
}
