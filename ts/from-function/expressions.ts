/** Reads expressions of a function. */

import type {
  AnyNode,
  AssignmentExpression,
  BinaryExpression,
  CallExpression,
  Expression,
  Pattern,
} from 'acorn'
import { isTruth, type Truth } from './algebra.js'
import { invoke, makeList, valuesOf } from './arrays.js'
import { type Context, describe } from './context.js'
import { readProperty, writeProperty } from './members.js'
import { bind, makeClosure, readMember } from './patterns.js'
import {
  ChoiceValue,
  Closure,
  Fields,
  LateNumber,
  List,
  Native,
  type Place,
  type Scope,
  type Value,
  ValueCell,
} from './values.js'

/** Remedies for expressions that are not read. Other expressions are reported by their type. */
const refused: Readonly<Record<string, readonly [construct: string, remedy: string]>> = {
  ThisExpression: ['this', 'pass the value as a parameter, a column or a constant'],
  TemplateLiteral: ['text', 'use numbers'],
  TaggedTemplateExpression: ['text', 'use numbers'],
  AwaitExpression: ['await', 'pass a function that returns a number'],
  YieldExpression: ['yield', 'pass a function that returns a number'],
  ClassExpression: ['a class', 'use functions and objects'],
  NewExpression: ['new', 'use numbers, arrays and objects'],
  ImportExpression: ['import', 'pass values in constants'],
  MetaProperty: ['a meta property', 'use values of the function'],
  ChainExpression: ['optional chaining, a nullish operator (?.)', 'use values that exist'],
}

/** Istanbul's counters, which belong to the measurement of coverage. */
const COUNTER = /^cov_\w+$/

/** Helpers of TypeScript, esbuild, Babel and SWC, whose code is outside of the function. */
const HELPER =
  /^__(?:read|rest|assign|values|spread|objRest)|^_(?:to_?cons|sliced_?to|object_?|create_?for|define_?prop)/i

export function evaluate(context: Context, node: AnyNode, scope: Scope): Value {
  context.enter(node)
  const value = read(context, node as Expression, scope)
  context.leave()
  return value instanceof LateNumber ? value.make() : value
}

function read(context: Context, node: Expression, scope: Scope): Value {
  switch (node.type) {
    case 'Literal':
      return readLiteral(context, node)
    case 'Identifier':
      return readVariable(context, node, scope)
    case 'BinaryExpression':
      return readBinary(context, node, scope)
    case 'CallExpression':
      return readCall(context, node, scope)
    case 'MemberExpression':
      return readProperty(context, readMember(context, node, scope))
    case 'AssignmentExpression':
      return assign(context, node, scope)
    case 'UnaryExpression':
      return readUnary(context, node, scope)
    case 'UpdateExpression':
      return update(context, node, scope)
    case 'ConditionalExpression': {
      const condition = context.truth(evaluate(context, node.test, scope), node.test)
      const sides = context.branch(
        condition,
        () => evaluate(context, node.consequent, scope),
        () => evaluate(context, node.alternate, scope),
      )
      return context.algebra.select(condition, ...sides)
    }
    case 'LogicalExpression':
      return readLogical(context, node, scope)
    case 'SequenceExpression':
      return node.expressions.reduce<Value>((_, one) => evaluate(context, one, scope), undefined)
    case 'ArrowFunctionExpression':
    case 'FunctionExpression':
      return makeClosure(context, node, scope)
    case 'ArrayExpression':
      return makeList(context, spread(context, node.elements, scope).values)
    case 'ObjectExpression':
      return readObject(context, node, scope)
    case 'NewExpression':
      if (node.callee.type === 'Identifier' && node.callee.name === 'Array')
        return readCall(context, node as never, scope)
      break
    case 'ParenthesizedExpression':
      return evaluate(context, node.expression, scope)
    default:
  }
  const [construct, remedy] = refused[node.type] ?? [node.type, 'use arithmetic, conditions and functions']
  return context.fail(node, construct, remedy)
}

function readLiteral(context: Context, node: Expression & { type: 'Literal' }): Value {
  const { value } = node
  if (typeof value === 'number') return context.algebra.constant(value)
  if (typeof value === 'boolean' || typeof value === 'string') return value
  const construct = value === null ? 'null' : typeof value === 'bigint' ? 'a BigInt' : 'a regular expression'
  return context.fail(node, construct, 'use numbers')
}

function readVariable(context: Context, node: Expression & { type: 'Identifier' }, scope: Scope): Value {
  const { name } = node
  const cell = scope.find(name)
  if (cell?.isReady) return cell.value
  if (cell) return context.fail(node, `${name} is used before its declaration`, 'move the declaration up')
  if (HELPER.test(name))
    return context.fail(node, `${name} is a helper of a compiler`, 'compile for ES2018 or later')
  if (name in globalThis && !/^__/.test(name))
    return context.fail(node, `${name} is a global object that fromFunction does not read`, 'use Math')
  return context.fail(node, `${name} is not visible to fromFunction`, 'pass it in constants')
}

function readUnary(context: Context, node: Expression & { type: 'UnaryExpression' }, scope: Scope): Value {
  const { operator, argument } = node
  if (operator === 'typeof' || operator === 'delete')
    return context.fail(node, operator, 'use numbers, arrays and objects of fixed shape')
  const value = evaluate(context, argument, scope)
  const { algebra } = context
  if (operator === 'void') return undefined
  if (operator === '!') return algebra.not(context.truth(value, argument))
  const number = context.number(value, argument)
  if (operator === '+') return number
  if (operator === '-') return algebra.negate(number)
  const known = algebra.known(number)
  return known === undefined ? failOnBits(context, node, operator) : algebra.constant(~known)
}

function failOnBits(context: Context, node: Place, operator: string): never {
  return context.fail(node, `${operator}, an operator on bits`, 'use Math.floor or Math.trunc')
}

function readBinary(context: Context, node: BinaryExpression, scope: Scope): Value {
  // Sums of many terms are nested to the left. A loop needs less stack than recursion.
  const chain = [node]
  while (chain[0].left.type === 'BinaryExpression') chain.unshift(chain[0].left)
  const first = chain[0].left
  if (first.type === 'PrivateIdentifier') return context.fail(first, 'a private name', 'use numbers')
  let value = evaluate(context, first, scope)
  for (const at of chain) {
    const { operator, left, right } = at
    if (operator === 'in' || operator === 'instanceof')
      return context.fail(at, operator, 'use numbers, arrays and objects of fixed shape')
    value = combine(context, operator, [value, evaluate(context, right, scope)], [left, right, at])
  }
  return value
}

/** The result of a binary operator. The places belong to both operands and to the expression. */
function combine(
  context: Context,
  operator: string,
  [left, right]: readonly [Value, Value],
  [leftAt, rightAt, at]: readonly [Place, Place, Place],
): Value {
  const areNumbers = typeof left === 'number' && typeof right === 'number'
  if (!areNumbers && /^[=!]==?$/.test(operator))
    return equality(context, operator, [left, right], [leftAt, rightAt])
  const a = context.number(left, leftAt)
  const b = context.number(right, rightAt)
  const { algebra } = context
  switch (operator) {
    case '+':
      return algebra.add(a, b)
    case '-':
      return algebra.subtract(a, b)
    case '*':
      return algebra.multiply(a, b)
    case '/':
      return algebra.divide(a, b)
    case '**':
      return algebra.power(a, b)
    case '%':
      return remainder(context, [a, b], at)
    case '<':
      return algebra.compare('less', a, b)
    case '<=':
      return algebra.compare('lessOrEqual', a, b)
    case '>':
      return algebra.compare('less', b, a)
    case '>=':
      return algebra.compare('lessOrEqual', b, a)
    case '==':
    case '===':
      return algebra.compare('equal', a, b)
    case '!=':
    case '!==':
      return algebra.not(algebra.compare('equal', a, b))
    default:
      return bits(context, operator, [a, b], at)
  }
}

/** Equality of values of which at least one is not a number. */
function equality(
  context: Context,
  operator: string,
  [left, right]: readonly [Value, Value],
  [leftAt, rightAt]: readonly [Place, Place],
): Value {
  const { algebra } = context
  const isMissing = (value: Value): Truth =>
    value instanceof ChoiceValue
      ? (algebra.select(value.condition, isMissing(value.yes), isMissing(value.no)) as Truth)
      : value === undefined
  const isEqual = (): Truth => {
    if (left === undefined || right === undefined) return isMissing(left === undefined ? right : left)
    const isPlain = (value: Value) => typeof value === 'string' || value instanceof List
    if (isPlain(left) || isPlain(right)) {
      const other = [left, right].find((value) => !isPlain(value))
      if (other !== undefined && typeof other !== 'number' && !isTruth(other))
        return context.fail(
          leftAt,
          `a comparison of ${describe(left)} and ${describe(right)}`,
          'compare numbers',
        )
      return left === right
    }
    if (isTruth(left) && isTruth(right)) {
      const same = algebra.and(left, right)
      return algebra.or(same, algebra.and(algebra.not(left), algebra.not(right)))
    }
    return algebra.compare('equal', context.number(left, leftAt), context.number(right, rightAt))
  }
  return operator.startsWith('!') ? algebra.not(isEqual()) : isEqual()
}

function remainder(context: Context, [a, b]: readonly [number, number], at: Place): Value {
  const { algebra } = context
  const [dividend, divisor] = [algebra.known(a), algebra.known(b)]
  if (dividend !== undefined && divisor !== undefined) return algebra.constant(dividend % divisor)
  if (divisor !== undefined && divisor > 0 && divisor < Infinity) return algebra.remainder(a, divisor)
  return context.fail(at, '%, an operator without a derivative', 'divide by a positive constant')
}

const bitOperators: Readonly<Record<string, (a: number, b: number) => number>> = {
  '|': (a, b) => a | b,
  '&': (a, b) => a & b,
  '^': (a, b) => a ^ b,
  '<<': (a, b) => a << b,
  '>>': (a, b) => a >> b,
  '>>>': (a, b) => a >>> b,
}

function bits(context: Context, operator: string, operands: readonly number[], at: Place): Value {
  const [a, b] = operands.map((operand) => context.algebra.known(operand))
  if (a === undefined || b === undefined) return failOnBits(context, at, operator)
  return context.algebra.constant(bitOperators[operator](a, b))
}

function readLogical(
  context: Context,
  { operator, left, right, start }: Expression & { type: 'LogicalExpression' },
  scope: Scope,
): Value {
  if (operator === '??') return context.fail({ start }, 'a nullish operator (??)', 'use values that exist')
  const { algebra } = context
  const value = evaluate(context, left, scope)
  const condition = context.truth(value, left)
  const isAnd = operator === '&&'
  if (typeof condition === 'boolean') return condition === isAnd ? evaluate(context, right, scope) : value
  const other = () => evaluate(context, right, scope)
  const sides = isAnd
    ? context.branch<Value>(condition, other, () => false)
    : context.branch<Value>(condition, () => true, other)
  const result = sides[isAnd ? 0 : 1]
  if (!isTruth(result)) return algebra.select(condition, ...sides)
  return isAnd ? algebra.and(condition, result) : algebra.or(condition, result)
}

function assign(context: Context, node: AssignmentExpression, scope: Scope): Value {
  const { operator, left, right } = node
  const binding = { context, scope, isDeclaration: false }
  if (operator === '=') {
    const value = evaluate(context, right, scope)
    bind(binding, left as Pattern, value)
    return value
  }
  const target = readTarget(context, left as Expression, scope)
  if (operator === '&&=' || operator === '||=') {
    const condition = context.truth(target.value, left)
    const isAnd = operator === '&&='
    const write = () => target.write(evaluate(context, right, scope))
    context.branch(condition, isAnd ? write : () => undefined, isAnd ? () => undefined : write)
    return readTarget(context, left as Expression, scope).value
  }
  if (operator === '??=') return context.fail(node, 'a nullish operator (??=)', 'use values that exist')
  const operands = [target.value, evaluate(context, right, scope)] as const
  const value = combine(context, operator.slice(0, -1), operands, [left, right, node])
  target.write(value)
  return value
}

/** The value of a variable or a property, and a function that replaces the value. */
function readTarget(context: Context, target: Expression, scope: Scope) {
  if (target.type === 'MemberExpression') {
    const member = readMember(context, target, scope)
    const write = (value: Value) => writeProperty(context, member, value)
    return { value: readProperty(context, member), write }
  }
  if (target.type !== 'Identifier') return context.fail(target, target.type, 'assign to a variable')
  const binding = { context, scope, isDeclaration: false }
  return {
    value: evaluate(context, target, scope),
    write: (value: Value) => bind(binding, target, value),
  }
}

function update(context: Context, node: Expression & { type: 'UpdateExpression' }, scope: Scope): Value {
  if (isCounter(node.argument, scope)) return undefined
  const { value, write } = readTarget(context, node.argument, scope)
  const { algebra } = context
  const before = context.number(value, node.argument)
  const one = algebra.constant(1)
  const after = node.operator === '++' ? algebra.add(before, one) : algebra.subtract(before, one)
  write(after)
  return node.prefix ? after : before
}

/** Whether an expression is a counter of Istanbul, such as `cov_1a2b().s[0]`. */
function isCounter(node: Expression, scope: Scope): boolean {
  let inner: AnyNode = node
  while (inner.type === 'MemberExpression') inner = inner.object
  if (inner.type === 'CallExpression') inner = inner.callee
  return inner.type === 'Identifier' && COUNTER.test(inner.name) && scope.find(inner.name) === undefined
}

/** Values of elements or arguments, with arrays after `...` taken apart. */
function spread(context: Context, nodes: readonly (AnyNode | null)[], scope: Scope) {
  const values: Value[] = []
  const places: Place[] = []
  for (const node of nodes) {
    if (node?.type === 'SpreadElement') {
      const list = evaluate(context, node.argument, scope)
      const elements = valuesOf(context, list)
      if (elements === undefined)
        return context.fail(node, `... of ${describe(list)}`, 'use an array of fixed length')
      for (const value of elements) {
        values.push(value)
        places.push(node)
      }
    } else {
      values.push(node === null ? undefined : evaluate(context, node, scope))
      places.push(node ?? { start: 0 })
    }
  }
  return { values, places }
}

function readObject(context: Context, node: Expression & { type: 'ObjectExpression' }, scope: Scope): Value {
  const cells = new Map<string, ValueCell>()
  for (const property of node.properties) {
    if (property.type === 'SpreadElement') {
      const value = evaluate(context, property.argument, scope)
      if (!(value instanceof Fields))
        return context.fail(property, `... of ${describe(value)}`, 'use an object of fixed shape')
      for (const [name, cell] of value.cells) cells.set(name, new ValueCell(cell.value, context.frame))
      continue
    }
    const { computed, key, kind, value } = property
    if (kind !== 'init') return context.fail(property, `a ${kind}ter`, 'use a plain property')
    const known =
      !computed && key.type === 'Identifier' ? key.name : evaluate(context, key as Expression, scope)
    const name = typeof known === 'string' ? known : String(context.algebra.known(known) ?? '__proto__')
    if (name === '__proto__') return context.fail(key, 'this name of a property', 'use another name')
    cells.set(name, new ValueCell(evaluate(context, value, scope), context.frame))
  }
  return new Fields(cells)
}

function readCall(context: Context, node: CallExpression, scope: Scope): Value {
  const { callee, arguments: given, optional } = node
  if (optional) return context.fail(callee, 'optional chaining (?.)', 'use values that exist')
  if (isCounter(callee as Expression, scope)) return undefined
  const target = evaluate(context, callee, scope)
  // Other values are refused before the arguments are read.
  if (!(target instanceof Closure || target instanceof Native || target instanceof ChoiceValue))
    return invoke(context, target, [], [], callee)
  const { values, places } = spread(context, given, scope)
  return invoke(context, target, values, places, callee)
}
