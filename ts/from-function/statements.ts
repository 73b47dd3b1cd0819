/** Reads statements and calls of functions. */

import type { AnyNode, BlockStatement, Statement } from 'acorn'
import { makeList, valuesOf } from './arrays.js'
import type { Call, Completion, Context } from './context.js'
import { describe } from './context.js'
import { bind, declareBlock, declareParameters, declareVars } from './patterns.js'
import { type Closure, List, Scope, type Value, ValueCell } from './values.js'

const refused: Readonly<Record<string, readonly [construct: string, remedy: string]>> = {
  ThrowStatement: ['throw', 'return a number, such as NaN'],
  TryStatement: ['try', 'remove the exceptions'],
  WithStatement: ['with', 'use variables'],
  ForInStatement: ['for … in', 'use for … of over an array'],
  LabeledStatement: ['a label', 'use functions and return'],
  ClassDeclaration: ['a class', 'use functions and objects'],
  DebuggerStatement: ['debugger', 'remove the statement'],
}
const LOOP_REMEDY = 'use a for loop whose bounds are known when the function is read'

export function execute(context: Context, node: AnyNode, scope: Scope): Completion {
  context.enter(node)
  const completion = run(context, node as Statement, scope)
  context.leave()
  return completion
}

function run(context: Context, node: Statement, scope: Scope): Completion {
  const evaluate = (inner: AnyNode) => context.readers.evaluate(context, inner, scope)
  switch (node.type) {
    case 'ExpressionStatement':
      evaluate(node.expression)
      return undefined
    case 'VariableDeclaration':
      for (const { id, init } of node.declarations) {
        if (init || node.kind !== 'var')
          bind({ context, scope, isDeclaration: true }, id, init ? evaluate(init) : undefined)
      }
      return undefined
    case 'ReturnStatement': {
      const { argument } = node
      if (!context.frame.isMain) return context.return(argument ? evaluate(argument) : undefined, node)
      if (!argument) return context.fail(node, 'return without a value', 'return a number')
      return context.return(toResult(context, evaluate(argument), argument), node)
    }
    case 'IfStatement': {
      const condition = context.truth(evaluate(node.test), node.test)
      const one = (side: Statement | null | undefined) => () =>
        side ? execute(context, side, scope) : undefined
      const [yes, no] = context.branch<Completion>(condition, one(node.consequent), one(node.alternate))
      if (typeof condition === 'boolean') return condition ? yes : no
      return yes === 'return' && no === 'return' ? 'return' : undefined
    }
    case 'BlockStatement':
      return runBlock(context, node.body, new Scope(scope))
    case 'ForStatement':
    case 'WhileStatement':
    case 'DoWhileStatement':
      return runLoop(context, node, scope)
    case 'ForOfStatement':
      return runForOf(context, node, scope)
    case 'SwitchStatement':
      return runSwitch(context, node, scope)
    case 'BreakStatement':
    case 'ContinueStatement':
      return jump(context, node)
    case 'EmptyStatement':
    case 'FunctionDeclaration':
      return undefined
    default: {
      const [construct, remedy] = refused[node.type] ?? [node.type, 'use loops, conditions and assignments']
      return context.fail(node, construct, remedy)
    }
  }
}

/** The result of the function itself, which is a number. */
function toResult(context: Context, value: Value, at: AnyNode): Value {
  if (typeof value !== 'number' && !('condition' in Object(value)))
    context.fail(at, `${describe(value)}, a value that is no number`, 'return a number')
  return context.number(value, at)
}

function runBlock(context: Context, statements: readonly AnyNode[], scope: Scope): Completion {
  declareBlock(context, statements, scope)
  for (const statement of statements) {
    const completion = execute(context, statement, scope)
    if (completion !== undefined) return completion
  }
  return undefined
}

function jump(context: Context, node: Statement & { label?: AnyNode | null }): Completion {
  if (node.label) return context.fail(node, 'a label', 'use functions and return')
  const { levels, loops, switches } = context.frame
  const isBreak = node.type === 'BreakStatement'
  const outer = isBreak ? Math.max(loops.at(-1) ?? 0, switches.at(-1) ?? 0) : (loops.at(-1) ?? 0)
  const name = isBreak ? 'break' : 'continue'
  if (levels.length > outer)
    return context.fail(
      node,
      `${name} that depends on a parameter or a column`,
      'use a condition around the rest',
    )
  return name
}

type LoopNode = Statement & { type: 'ForStatement' | 'WhileStatement' | 'DoWhileStatement' }

function runLoop(context: Context, node: LoopNode, outside: Scope): Completion {
  let scope = new Scope(outside)
  if (node.type === 'ForStatement' && node.init) {
    if (node.init.type === 'VariableDeclaration') {
      declareBlock(context, [node.init], scope)
      execute(context, node.init, scope)
    } else context.readers.evaluate(context, node.init, scope)
  }
  const isTrue = (): boolean => {
    if (!node.test) return true
    const { test } = node
    const truth = context.truth(context.readers.evaluate(context, test, scope), test)
    if (typeof truth === 'boolean') return truth
    const name = node.type === 'ForStatement' ? 'a for loop' : 'while'
    return context.fail(node, `${name} whose end depends on a parameter or a column`, LOOP_REMEDY)
  }
  return loop(context, node, () => {
    if (node.type !== 'DoWhileStatement' && !isTrue()) return 'break'
    const completion = execute(context, node.body, scope)
    if (completion === 'return' || completion === 'break') return completion
    // Functions of a round keep the variables of the round.
    const next = new Scope(outside)
    for (const [name, { value, frame, isConstant }] of scope.cells)
      next.cells.set(name, new ValueCell(value, frame, isConstant))
    scope = next
    if (node.type === 'ForStatement' && node.update) context.readers.evaluate(context, node.update, scope)
    return node.type !== 'DoWhileStatement' || isTrue() ? undefined : 'break'
  })
}

/** Repeats rounds until a round breaks or returns. */
function loop(context: Context, node: Statement, round: () => Completion): Completion {
  const { loops, levels } = context.frame
  loops.push(levels.length)
  context.loops.push(node)
  let completion: Completion
  while (completion !== 'break' && completion !== 'return') completion = round()
  context.loops.pop()
  loops.pop()
  return completion === 'return' ? completion : undefined
}

function runForOf(
  context: Context,
  node: Statement & { type: 'ForOfStatement' },
  outside: Scope,
): Completion {
  const { left, right } = node
  const list = context.readers.evaluate(context, right, outside)
  if (node.await) return context.fail(node, 'for await', 'use for … of over an array')
  const choice = valuesOf(context, list)
  if (choice === undefined)
    return context.fail(right, `for … of over ${describe(list)}`, 'use an array of fixed length')
  let at = 0
  return loop(context, node, () => {
    if (at === choice.length) return 'break'
    context.enter(node)
    context.leave()
    // Statements of the loop can change later elements.
    const value = list instanceof List ? list.cells[at].value : choice[at]
    at++
    const scope = new Scope(outside)
    const isDeclaration = left.type === 'VariableDeclaration'
    if (isDeclaration) declareBlock(context, [left], scope)
    bind({ context, scope, isDeclaration }, isDeclaration ? left.declarations[0].id : left, value)
    return execute(context, node.body, scope)
  })
}

function runSwitch(
  context: Context,
  node: Statement & { type: 'SwitchStatement' },
  outside: Scope,
): Completion {
  const scope = new Scope(outside)
  const evaluate = (inner: AnyNode) => context.readers.evaluate(context, inner, scope)
  const value = evaluate(node.discriminant)
  const toKnown = (one: Value) => (typeof one === 'number' ? context.algebra.known(one) : one)
  const known = toKnown(value)
  const isKnown = typeof value !== 'number' || known !== undefined
  if (!isKnown || typeof known === 'object')
    return context.fail(node.discriminant, 'a switch on a parameter or a column', 'use if and else')
  declareBlock(
    context,
    node.cases.flatMap(({ consequent }) => consequent),
    scope,
  )
  const first = node.cases.findIndex(({ test }) => test && toKnown(evaluate(test)) === known)
  const begin = first < 0 ? node.cases.findIndex(({ test }) => !test) : first
  if (begin < 0) return undefined
  const { switches, levels } = context.frame
  switches.push(levels.length)
  let completion: Completion
  for (const { consequent } of node.cases.slice(begin)) {
    for (const statement of consequent) {
      completion ??= execute(context, statement, scope)
      if (completion !== undefined) break
    }
    if (completion !== undefined) break
  }
  switches.pop()
  return completion === 'break' ? undefined : completion
}

/** Calls an inner function. */
export function call(context: Context, closure: Closure, { values, at }: Call): Value {
  return context.call(at, false, () => {
    const { node } = closure
    const scope = new Scope(closure.scope)
    if (node.type === 'FunctionExpression' && node.id)
      scope.cells.set(node.id.name, new ValueCell(closure, context.frame))
    if (node.type !== 'ArrowFunctionExpression') {
      const given = values.map((value) => new ValueCell(value, undefined, true))
      scope.cells.set('arguments', new ValueCell(new List(given), undefined, true))
    }
    declareParameters(context, node, scope)
    const binding = { context, scope, isDeclaration: true }
    node.params.forEach((pattern, i) => {
      if (pattern.type === 'RestElement') bind(binding, pattern.argument, makeList(context, values.slice(i)))
      else bind(binding, pattern, values[i])
    })
    runBody(context, node.body, scope)
  })
}

/** Runs the body of a function in its frame. */
export function runBody(context: Context, body: AnyNode, scope: Scope): void {
  if (body.type === 'BlockStatement') {
    declareVars(context, body, scope)
    runBlock(context, (body as BlockStatement).body, scope)
    return
  }
  const value = context.readers.evaluate(context, body, scope)
  context.return(context.frame.isMain ? toResult(context, value, body) : value, body)
}
