/** Parses a call such as `defineRule('tiger', { options: { lr: 0.001 }, step: '…' })` without executing it. */

import { textPosition } from './text-position.js'

/** The parsed call, and the position at which the text of its step begins. */
export interface Literal {
  readonly name: string
  readonly given: Readonly<Record<string, unknown>>
  readonly stepAt: number
}

/** Maximum nesting depth of objects. */
const MAX_DEPTH = 8
const TOKEN =
  /\s*(?:(?:\/\/[^\n]*|\/\*[\s\S]*?\*\/)\s*)*(-?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[\p{L}_$][\p{L}\p{N}_$]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|[\s\S]|$)/uy
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t' }

/** @throws Error with the position of the syntax error and what was expected there */
export function readLiteral(text: string): Literal {
  return new LiteralReader(text).read()
}

const isText = (token: string) => /^['"`]./s.test(token)

class LiteralReader {
  readonly #text: string
  #at = 0
  #stepAt = 0

  constructor(text: string) {
    this.#text = text
  }

  read(): Literal {
    this.#skip('export')
    if (this.#skip('const')) {
      this.#name()
      this.#expect('=')
    }
    this.#expect('defineRule')
    this.#expect('(')
    const name = isText(this.#token)
      ? this.#string()
      : this.#fail('the name of the rule, such as defineRule(‘mine’, …)')
    this.#expect(',')
    const given = this.#object(0)
    this.#skip(',')
    this.#expect(')')
    this.#skip(';')
    if (this.#token !== '') this.#fail('the end')
    return { name, given, stepAt: this.#stepAt }
  }

  /** The next token, and its position. */
  #peek() {
    TOKEN.lastIndex = this.#at
    const [whole, token] = TOKEN.exec(this.#text) as RegExpExecArray
    return { token, from: this.#at + whole.length - token.length, to: this.#at + whole.length }
  }

  get #token(): string {
    return this.#peek().token
  }

  #take(): string {
    const { token, to } = this.#peek()
    this.#at = to
    return token
  }

  /** Consumes a token if it comes next. */
  #skip(token: string): boolean {
    const comes = this.#token === token
    if (comes) this.#take()
    return comes
  }

  #expect(token: string): void {
    if (!this.#skip(token)) this.#fail(`“${token}”`)
  }

  #fail(expected: string): never {
    const { token, from } = this.#peek()
    const received = token === '' ? 'the end' : `“${token.slice(0, 20)}”`
    throw new Error(`defineRule: ${textPosition(this.#text, from)}: expected ${expected}, got ${received}`)
  }

  #name(): string {
    return /^[\p{L}_$]/u.test(this.#token) ? this.#take() : this.#fail('a name')
  }

  #string(): string {
    const token = this.#take()
    // JavaScript would evaluate such a placeholder, so it is refused.
    if (token[0] === '`' && /(?<!\\)\$\{/.test(token)) {
      this.#at -= token.length
      this.#fail('a string without placeholders')
    }
    return token.slice(1, -1).replace(/\\([\s\S])/g, (_, letter: string) => escapes[letter] ?? letter)
  }

  #object(depth: number): Record<string, unknown> {
    if (depth > MAX_DEPTH) this.#fail(`no more than ${MAX_DEPTH} levels`)
    const found: Record<string, unknown> = Object.create(null)
    this.#expect('{')
    while (this.#token !== '}') {
      const key = isText(this.#token) ? this.#string() : this.#name()
      this.#expect(':')
      if (depth === 0 && key === 'step') this.#stepAt = this.#peek().from + 1
      found[key] = this.#value(depth)
      if (this.#token !== '}') this.#expect(',')
    }
    this.#take()
    return found
  }

  #value(depth: number): unknown {
    const token = this.#token
    if (token === '{') return this.#object(depth + 1)
    if (isText(token)) return this.#string()
    if (token === 'true' || token === 'false') return this.#take() === 'true'
    if (/^-?[.\d]/.test(token)) return Number(this.#take().replaceAll('_', ''))
    return this.#fail('a number, true or false, a string or {')
  }
}
