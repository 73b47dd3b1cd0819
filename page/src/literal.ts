/** Equations as a program has them, read without running it: `defineRule('tiger', { options: { lr: 0.001 }, step: '…' })`. */

import { textPosition } from './text-position.js'

/** What was read, and where the text of its step begins. */
export interface Literal {
  readonly name: string
  readonly given: Readonly<Record<string, unknown>>
  readonly stepAt: number
}

/** How deep objects may be in each other. */
const MAX_DEPTH = 8
const TOKEN =
  /\s*(?:(?:\/\/[^\n]*|\/\*[\s\S]*?\*\/)\s*)*(-?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[\p{L}_$][\p{L}\p{N}_$]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|[\s\S]|$)/uy
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t' }

/** @throws Error with a sentence that says where it cannot be read, and what was expected */
export function readLiteral(text: string): Literal {
  let at = 0
  let stepAt = 0
  /** The next piece, and where it begins and ends. */
  const peek = () => {
    TOKEN.lastIndex = at
    const [whole, token] = TOKEN.exec(text) as RegExpExecArray
    return { token, from: at + whole.length - token.length, to: at + whole.length }
  }
  const take = (): string => {
    const { token, to } = peek()
    at = to
    return token
  }
  function fail(expected: string): never {
    const { token, from } = peek()
    const received = token === '' ? 'the end' : `“${token.slice(0, 20)}”`
    throw new Error(`defineRule: ${textPosition(text, from)}: expected ${expected}, got ${received}`)
  }
  function expect(token: string): void {
    if (peek().token !== token) fail(`“${token}”`)
    take()
  }
  const isText = (token: string) => /^['"`]./s.test(token)

  function string(): string {
    const token = take()
    // A program would put something else into the place of this.
    if (token[0] === '`' && /(?<!\\)\$\{/.test(token)) {
      at -= token.length
      fail('a text without places to be filled in')
    }
    return token.slice(1, -1).replace(/\\([\s\S])/g, (_, letter: string) => escapes[letter] ?? letter)
  }

  function object(depth: number): Record<string, unknown> {
    if (depth > MAX_DEPTH) fail(`no more than ${MAX_DEPTH} levels`)
    const found: Record<string, unknown> = Object.create(null)
    expect('{')
    while (peek().token !== '}') {
      const key = isText(peek().token) ? string() : name()
      expect(':')
      if (depth === 0 && key === 'step') stepAt = peek().from + 1
      found[key] = value(depth)
      if (peek().token !== '}') expect(',')
    }
    take()
    return found
  }

  const name = () => (/^[\p{L}_$]/u.test(peek().token) ? take() : fail('a name'))

  function value(depth: number): unknown {
    const { token } = peek()
    if (token === '{') return object(depth + 1)
    if (isText(token)) return string()
    if (token === 'true' || token === 'false') return take() === 'true'
    if (/^-?[.\d]/.test(token)) return Number(take().replaceAll('_', ''))
    return fail('a number, true or false, a text or {')
  }

  if (peek().token === 'export') take()
  if (peek().token === 'const') {
    take()
    name()
    expect('=')
  }
  expect('defineRule')
  expect('(')
  const called = isText(peek().token) ? string() : fail('the name of the rule, as in defineRule(‘mine’, …)')
  expect(',')
  const given = object(0)
  if (peek().token === ',') take()
  expect(')')
  if (peek().token === ';') take()
  if (peek().token !== '') fail('the end')
  return { name: called, given, stepAt }
}
