/** The source of a function, and its syntax tree. */

import type { ArrowFunctionExpression, FunctionExpression, Options } from 'acorn'
import { OptionError } from '../core/errors.js'
import { FunctionError } from './errors.js'
import { findDeepNesting } from './nesting.js'
import { parseExpressionAt } from './parser.js'

export type FunctionNode = ArrowFunctionExpression | FunctionExpression

export interface FunctionSource {
  readonly text: string
  readonly node: FunctionNode
  /** Difference of a position in the syntax tree and the position in the text. */
  readonly shift: number
}

const MAX_SOURCE_LENGTH = 1_000_000

// Functions may have a property `toString` of their own, which could return another text.
const functionToString = Function.prototype.toString
const WITHOUT_SOURCE = /\{\s*(\[(?:native code|bytecode)\])\s*\}\s*$/

/**
 * Reads the source of a function without calling the function.
 *
 * @throws OptionError if the value is not a function; FunctionError if its source is unavailable, invalid or too large
 */
export function readSource(fn: unknown): FunctionSource {
  if (typeof fn !== 'function') throw new OptionError('fromFunction', 'a function', fn)
  return readText(functionToString.call(fn))
}

/** Reads the text of a function. */
export function readText(text: string): FunctionSource {
  const fail = (position: number, construct: string, remedy: string): never => {
    throw new FunctionError(text, position, construct, remedy)
  }
  if (text.length > MAX_SOURCE_LENGTH)
    fail(
      MAX_SOURCE_LENGTH,
      `a source of ${text.length} characters`,
      `fromFunction reads at most ${MAX_SOURCE_LENGTH}`,
    )
  const hidden = WITHOUT_SOURCE.exec(text)
  if (hidden !== null)
    fail(
      text.lastIndexOf(hidden[1]),
      'the function has no source',
      'native and bound functions, proxies, and functions compiled by Hermes (React Native) keep none; write the model as expression(text)',
    )
  return parseSource(text, fail)
}

type Fail = (position: number, construct: string, remedy: string) => never

function parseSource(text: string, fail: Fail): FunctionSource {
  let comment: number | undefined
  const options: Options = {
    ecmaVersion: 'latest',
    sourceType: 'script',
    onComment: (isBlock, _, start) => {
      const isHtml = !isBlock && !whole.startsWith('//', start) && !whole.startsWith('#!', start)
      if (isHtml) comment ??= start
    },
  }
  const isMethod = !/^(?:async\b\s*)?(?:function\b|class\b|\(|[\w$\\\u0080-\uffff]+\s*=>)/u.test(text)
  const shift = isMethod ? 2 : 0
  const whole = isMethod ? `({${text}})` : text
  try {
    const deep = findDeepNesting(whole, options)
    if (deep !== undefined) throw new RangeError(`${deep}`)
    const node = parseExpressionAt(whole, 0, options)
    if (comment !== undefined)
      fail(comment - shift, 'an HTML comment', 'write // for a comment, or spaces between < and !')
    return { text, node: toFunction(node, isMethod, text, fail), shift }
  } catch (error) {
    if (error instanceof FunctionError) throw error
    if (error instanceof RangeError)
      return fail(Number(error.message) || 0, 'nesting too deep', 'use names for parts of the function')
    const { pos, message } = error as { pos?: number; message: string }
    const position = Math.max(0, Math.min((pos ?? 0) - shift, text.length))
    return fail(position, 'unreadable JavaScript', message.replace(/ \(\d+:\d+\)$/, ''))
  }
}

/** The syntax tree of the function itself. */
function toFunction(node: unknown, isMethod: boolean, text: string, fail: Fail): FunctionNode {
  const { type, ...rest } = node as { type: string } & Record<string, unknown>
  if (isMethod && type === 'ObjectExpression') {
    const [{ kind, computed, value }] = rest.properties as (Record<string, unknown> & { value: unknown })[]
    if (kind !== 'init') fail(0, `a ${kind}ter`, 'pass a function')
    if (computed === true) fail(0, 'a method with a computed name', 'pass a function')
    return toFunction(value, false, text, fail)
  }
  const isFunction = type === 'ArrowFunctionExpression' || type === 'FunctionExpression'
  if (!isFunction) fail(0, type === 'ClassExpression' ? 'a class' : 'no function', 'pass a function')
  if (rest.async === true) fail(0, 'an async function', 'pass a function that returns a number')
  if (rest.generator === true) fail(text.indexOf('*'), 'a generator', 'pass a function that returns a number')
  return node as FunctionNode
}
