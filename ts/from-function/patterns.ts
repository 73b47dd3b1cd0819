/** Declarations: variables of blocks and functions, destructuring, and assignments. */

import type { Function as AnyFunction, AnyNode, MemberExpression, Pattern } from 'acorn'
import { makeList, toKey, valuesOf } from './arrays.js'
import type { Context } from './context.js'
import { describe } from './context.js'
import { type Member, readProperty, writeProperty } from './members.js'
import { Closure, Fields, Inputs, type Scope, type Value, ValueCell } from './values.js'

/** Writes a value to a pattern: declares variables of the scope if `isDeclaration`, otherwise assigns. */
export interface Binding {
  readonly context: Context
  readonly scope: Scope
  readonly isDeclaration: boolean
}

export function bind(binding: Binding, pattern: Pattern, value: Value): void {
  const { context, scope } = binding
  switch (pattern.type) {
    case 'Identifier':
      writeVariable(binding, pattern.name, value, pattern)
      return
    case 'MemberExpression':
      writeProperty(context, readMember(context, pattern, scope), value)
      return
    case 'AssignmentPattern':
      bind(
        binding,
        pattern.left,
        value === undefined ? context.readers.evaluate(context, pattern.right, scope) : value,
      )
      return
    case 'ArrayPattern':
      bindElements(binding, pattern, value)
      return
    case 'ObjectPattern':
      bindProperties(binding, pattern, value)
      return
    default:
      context.fail(pattern, 'a rest element', 'name each value')
  }
}

function writeVariable({ context, scope, isDeclaration }: Binding, name: string, value: Value, at: Pattern) {
  const cell = scope.find(name)
  if (cell === undefined)
    return context.fail(at, `${name} is not declared in the function`, 'declare the variable with let')
  if (isDeclaration) cell.isReady = true
  else if (!cell.isReady)
    return context.fail(at, `${name} is used before its declaration`, 'move the declaration up')
  else if (cell.isConstant)
    return context.fail(at, `${name} is a constant that is assigned`, 'declare the variable with let')
  if (typeof value === 'number' && !context.hints.has(value)) context.hints.set(value, name)
  context.write(cell, value)
}

function elementsOf(context: Context, value: Value, at: Pattern): readonly Value[] {
  return valuesOf(context, value) ?? context.fail(at, `the elements of ${describe(value)}`, 'use an array')
}

function bindElements(binding: Binding, pattern: Pattern & { type: 'ArrayPattern' }, value: Value): void {
  const { context } = binding
  // The elements are read first, because assignments can change the array, as in a swap.
  const values = elementsOf(context, value, pattern)
  pattern.elements.forEach((element, i) => {
    if (element === null) return
    if (element.type === 'RestElement') bind(binding, element.argument, makeList(context, values.slice(i)))
    else bind(binding, element, values[i])
  })
}

function bindProperties(binding: Binding, pattern: Pattern & { type: 'ObjectPattern' }, value: Value): void {
  const { context, scope } = binding
  const rest = value instanceof Fields ? new Map(value.cells) : undefined
  for (const property of pattern.properties) {
    if (property.type === 'RestElement') {
      const others =
        rest ?? context.fail(property, 'the rest of the names (...)', 'name each parameter and column')
      const copies = [...others].map(
        ([name, cell]) => [name, new ValueCell(cell.value, context.frame)] as const,
      )
      bind(binding, property.argument, new Fields(new Map(copies)))
      return
    }
    const { computed, key, value: target } = property
    const isName = !computed && key.type === 'Identifier'
    if (!isName && key.type !== 'Literal' && (computed || value instanceof Inputs))
      context.fail(key, 'a computed key', 'write the name itself')
    const name = isName ? key.name : toKey(context, context.readers.evaluate(context, key, scope), key)
    if (value instanceof Inputs && target.type === 'AssignmentPattern')
      context.fail(
        target.right,
        'a default in the parameters',
        'give every parameter a start, and every column data',
      )
    rest?.delete(String(name))
    bind(binding, target, readProperty(context, { object: value, key: name, at: key, keyAt: key }))
  }
}

export function readMember(context: Context, node: MemberExpression, scope: Scope): Member {
  const { object, property, computed, optional } = node
  if (optional) context.fail(property, 'optional chaining (?.)', 'use values that exist')
  if (object.type === 'Super') return context.fail(object, 'super', 'use values of the function')
  if (property.type === 'PrivateIdentifier')
    return context.fail(property, 'a private name', 'use values of the function')
  const value = context.readers.evaluate(context, object, scope)
  if (!computed && property.type === 'Identifier')
    return { object: value, key: property.name, at: node, keyAt: property }
  if (value instanceof Inputs && property.type !== 'Literal')
    context.fail(property, 'a computed key', 'write the name itself')
  const key = toKey(context, context.readers.evaluate(context, property, scope), property)
  return { object: value, key, at: node, keyAt: property }
}

/** Names that a pattern declares. */
function namesOf(pattern: Pattern | null, add: (name: string) => void): void {
  if (pattern === null) return
  if (pattern.type === 'Identifier') add(pattern.name)
  if (pattern.type === 'AssignmentPattern') namesOf(pattern.left, add)
  if (pattern.type === 'RestElement') namesOf(pattern.argument, add)
  if (pattern.type === 'ArrayPattern') for (const element of pattern.elements) namesOf(element, add)
  if (pattern.type !== 'ObjectPattern') return
  for (const property of pattern.properties)
    namesOf(property.type === 'RestElement' ? property : property.value, add)
}

/** Declares the parameters of a function. */
export function declareParameters(context: Context, { params }: AnyFunction, scope: Scope): void {
  for (const parameter of params)
    namesOf(parameter, (name) => scope.cells.set(name, new ValueCell(undefined, context.frame)))
}

/** An inner function, which is neither async nor a generator. */
export function makeClosure(context: Context, node: AnyFunction, scope: Scope): Closure {
  if (node.async) context.fail(node, 'an async function', 'use a plain function')
  if (node.generator) {
    const { text, shift } = context.source
    const star = text.startsWith('function', node.start - shift)
      ? text.indexOf('*', node.start - shift) + shift
      : node.start
    context.fail({ start: star }, 'a generator', 'use a plain function')
  }
  return new Closure(node as never, scope, context.frame)
}

/** Declares the functions and the variables `let` and `const` of a list of statements. */
export function declareBlock(context: Context, statements: readonly AnyNode[], scope: Scope): void {
  for (const statement of statements) {
    if (statement.type === 'FunctionDeclaration' && statement.id !== null) {
      const closure = makeClosure(context, statement as AnyFunction, scope)
      scope.cells.set(statement.id.name, new ValueCell(closure, context.frame))
    }
    if (statement.type === 'VariableDeclaration' && statement.kind !== 'var') {
      for (const { id } of statement.declarations)
        namesOf(id, (name) => {
          const cell = new ValueCell(undefined, context.frame, statement.kind === 'const')
          cell.isReady = false
          scope.cells.set(name, cell)
        })
    }
  }
}

/** Declares the variables `var` of a function and of its inner blocks. */
export function declareVars(context: Context, node: AnyNode, scope: Scope): void {
  const add = (name: string) => {
    if (!scope.cells.has(name)) scope.cells.set(name, new ValueCell(undefined, context.frame))
  }
  const visit = (inner: AnyNode | null | undefined) => {
    if (inner) declareVars(context, inner, scope)
  }
  switch (node.type) {
    case 'VariableDeclaration':
      if (node.kind === 'var') for (const { id } of node.declarations) namesOf(id, add)
      break
    case 'BlockStatement':
      for (const statement of node.body) visit(statement)
      break
    case 'IfStatement':
      visit(node.consequent)
      visit(node.alternate)
      break
    case 'ForStatement':
      visit(node.init)
      visit(node.body)
      break
    case 'ForOfStatement':
      visit(node.left)
      visit(node.body)
      break
    case 'WhileStatement':
    case 'DoWhileStatement':
      visit(node.body)
      break
    case 'SwitchStatement':
      for (const { consequent } of node.cases) for (const statement of consequent) visit(statement)
      break
    default:
  }
}
