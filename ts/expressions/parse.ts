/** Parses expressions to graphs. */

import { hintFor } from '#hints'
import { ExpressionError } from '../core/errors.js'
import { extensions } from '../extensions.js'
import { Graph } from './graph.js'
import { constants, foreign, functionNames, functions, NAME, suggestName } from './names.js'
import { type Operation, operations } from './operations.js'

/** Limits on the size of an expression, so that malicious input takes little time. */
const MAX_TEXT_LENGTH = 1_000_000
const MAX_OPERATIONS = 50_000
const MAX_NAMES = 1000
const MAX_NAME_LENGTH = 1000
const MAX_DEPTH = 200
/** Integer powers up to this exponent become products. */
const MAX_UNROLLED_POWER = 64

const NUMBER = String.raw`(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?`
const OPERATOR_PATTERN = String.raw`\*\*|[<>=!]=|&&|\|\||[-+*/^()<>!?:,;=]`
const TOKEN = new RegExp(
  `\\s*(?:(${NUMBER})|(${NAME}(?:\\[[^\\[\\]]{0,50}\\])?)|(${OPERATOR_PATTERN})|$)`,
  'uy',
)

/** Precedences of the binary operators. */
const precedences: Readonly<Record<string, number>> = {
  '||': 2,
  '&&': 3,
  '<': 4,
  '<=': 4,
  '>': 4,
  '>=': 4,
  '==': 4,
  '!=': 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
}
/** Operations of the binary operators. The operators > and >= exchange their operands. */
const infix: Readonly<Record<string, Operation>> = {
  '||': 'max',
  '&&': 'multiply',
  '<': 'less',
  '<=': 'lessOrEqual',
  '>': 'less',
  '>=': 'lessOrEqual',
  '==': 'equal',
  '!=': 'equal',
  '+': 'add',
  '-': 'subtract',
  '*': 'multiply',
  '/': 'divide',
}
const CONDITIONAL = 1
const COMPARISON = 4
/**
 * The precedence of a unary sign is between the precedences of a product and of a power, so −x² is −(x²).
 */
const UNARY_PRECEDENCE = 7

/** Functions that expressions can call, by name. */
export const callable: Calls = Object.fromEntries(
  [...functions, ...functionNames].map((name) => [name, single(name)]),
)

export type Calls = Readonly<Record<string, Callable>>

/** A function: its minimum and maximum operand counts, and a factory for its node. */
export interface Callable {
  readonly count: number
  readonly most?: number
  readonly make: (graph: Graph, operands: readonly number[], at: number) => number
}

export function single(name: Operation): Callable {
  return {
    count: operations[name][0],
    make: (graph, operands) =>
      name === 'pow' ? power(graph, operands[0], operands[1]) : graph.operation(name, ...operands),
  }
}

type OperatorKind = 'number' | 'condition'

/** A parsed node, and the position of its source text. */
export interface ParsedPart {
  readonly node: number
  readonly kind: OperatorKind
  readonly at: number
}

export interface Token {
  readonly type: 'number' | 'name' | 'sign' | 'end'
  readonly text: string
  readonly at: number
}

export interface ExpressionGraph {
  readonly graph: Graph
  readonly root: number
  /** Names in the order of their first appearance, without the names of lines. */
  readonly names: readonly string[]
}

export interface ParsedExpression extends ExpressionGraph {
  /** Names of the lines, in the order of the lines. */
  readonly lines: readonly string[]
  /** Position of the expression after the lines. */
  readonly at: number
}

/** Returns the node of a name at a position; undefined if the name stands for itself. */
export type Resolve = (name: string, at: number) => number | undefined

/** The functions of a language, and the error that the language throws for invalid text. */
export interface Language {
  readonly calls: Calls
  /** Whether a number can be used as a condition (0 is false) and a condition as a number. */
  readonly areNumbersConditions?: boolean
  readonly error: (text: string, at: number, expected: string, received: string) => Error
}

/** The language of expressions. Recurrences add the function `sum`. */
export const expressionLanguage: Language & { calls: Calls } = {
  calls: callable,
  error: (text, at, expected, received) => new ExpressionError(text, at, expected, received),
}

/**
 * Parses an expression after named lines such as `u = exp(-b*t)`, which end at `;` or at the end of the line. A list of
 * names such as `a, b, t` fixes the order of the names.
 *
 * @param graph graph to which the nodes are added
 * @throws ExpressionError if the text is not a valid expression or is too large
 */
export function parse(
  text: string,
  graph = new Graph(),
  resolve: Resolve = () => undefined,
  language: Language = expressionLanguage,
): ParsedExpression {
  if (text.length > MAX_TEXT_LENGTH) {
    throw language.error(text, MAX_TEXT_LENGTH, `at most ${MAX_TEXT_LENGTH} characters`, `${text.length}`)
  }
  const parser = new Parser(text, graph, resolve, language)
  const { node, at } = parser.whole()
  return { graph, root: node, names: [...parser.names], lines: [...parser.lines.keys()], at }
}

/** Names in texts that are valid expressions, oldest first. */
const namesByText = new Map<string, readonly string[]>()
const MAX_TEXTS = 64

/** The names in an expression. Fits in a loop use the same few texts, so that the last few texts are cached. */
export function namesIn(text: string): readonly string[] {
  const known = namesByText.get(text)
  if (known !== undefined) return known
  const { names } = parse(text)
  namesByText.set(text, names)
  const [oldest] = namesByText.keys()
  if (namesByText.size > MAX_TEXTS) namesByText.delete(oldest)
  return names
}

/** The part of a parser that recurrences use. */
export interface RowReader {
  readonly graph: Graph
  /** Values of the lines by name. */
  readonly lines: ReadonlyMap<string, ParsedPart>
  /** The node of a name's value at the present row. */
  present(name: string, at: Token): number
  fail(expected: string, at: Token): Error
}

/** The values of other rows in a text, such as `h[t-1]`. */
export interface RowValues {
  /** Checks the name of a line, such as `h[0]`. */
  define(name: Token): void
  read(value: Token): number
  /** Completes the values of other rows at the end of the text. */
  finish(): void
}

/** Removes spaces from a name with an index, and the index of the present row: `h[t - 1]` → `h[t-1]`, `h[t]` → `h`. */
const compactName = (text: string) => text.replaceAll(/\s|\[\s*t\s*\]/g, '')

/** An operator-precedence parser by recursive descent (Pratt, 1973). */
class Parser {
  readonly graph: Graph
  readonly names = new Set<string>()
  /** Values of the lines by name. */
  readonly lines = new Map<string, ParsedPart>()
  readonly #text: string
  readonly #resolve: Resolve
  readonly #language: Language
  #token: Token
  /** End of the token before. */
  #end = 0
  #depth = 0
  #rows: RowValues | undefined

  constructor(text: string, graph: Graph, resolve: Resolve, language: Language) {
    this.#text = text
    this.graph = graph
    this.#resolve = resolve
    this.#language = language
    this.#token = this.#read(0)
  }

  /** Parses lists of names, lines, and the expression after the lines. */
  whole(): ParsedPart {
    for (;;) {
      if (this.#isBefore('=')) this.#line()
      else if (this.#isBefore(',')) this.#listNames()
      else break
    }
    const { at, type } = this.#token
    if (type === 'end' && this.lines.size > 0) throw this.#error('an expression after the lines')
    const part = this.#part(0)
    this.#endLine()
    if (this.#token.type !== 'end') throw this.#error('an operator or the end')
    this.#rows?.finish()
    return { ...part, node: this.#as('number', part), at }
  }

  /** The values of other rows, if an import has loaded them. */
  #otherRows(name: Token): RowValues {
    if (this.#language === expressionLanguage) this.#rows ??= extensions.readRows?.(this)
    if (this.#rows === undefined) throw this.fail('no index, which only recurrence(…) reads', name)
    return this.#rows
  }

  fail(expected: string, token: Token): Error {
    return this.#error(expected, token)
  }

  present(name: string, { type, at }: Token): number {
    const line = this.lines.get(name)
    if (line !== undefined) return this.#as('number', line)
    this.#use({ type, text: name, at })
    return this.#resolve(name, at) ?? this.graph.name(name)
  }

  /** Whether the token is a name before a sign. */
  #isBefore(sign: string): boolean {
    const { type, text, at } = this.#token
    return type === 'name' && this.#read(at + text.length).text === sign
  }

  #listNames(): void {
    do this.#use(this.#newName())
    while (this.#token.text === ',' && this.#next() && this.#token.type === 'name')
    this.#endLine()
  }

  #newName(): Token {
    const { type, text: source, at } = this.#next()
    const name = { type, text: compactName(source), at }
    const [text] = name.text.split('[')
    const isReserved = (functions as readonly string[]).includes(text) || Object.hasOwn(constants, text)
    if (isReserved) throw this.#error('a name that is not reserved', name)
    return name
  }

  #use(name: Token): void {
    if (name.text.includes('[')) throw this.#error('a name without an index', name)
    this.names.add(name.text)
    if (this.names.size > MAX_NAMES) throw this.#error(`at most ${MAX_NAMES} names`, name)
    const { length } = name.text
    if (length > MAX_NAME_LENGTH)
      throw this.#error(`a name of at most ${MAX_NAME_LENGTH} characters`, { ...name, text: `${length}` })
  }

  #line(): void {
    const name = this.#newName()
    this.#next()
    const part = this.#part(0)
    if (name.text.includes('[')) {
      this.#otherRows(name).define(name)
      this.#as('number', part)
    }
    // Without this check, a name would have one meaning before its line, and another meaning after its line.
    if (this.names.has(name.text) || this.lines.has(name.text))
      throw this.#error('a name that nothing before the line uses', name)
    this.lines.set(name.text, part)
    this.#endLine()
  }

  /** Whether the token is on a later line than the token before. */
  get #isOnNextLine(): boolean {
    return /[\n\r]/.test(this.#text.slice(this.#end, this.#token.at))
  }

  /** Ends a line at `;`, or before a token on another line that cannot continue the line. */
  #endLine(): void {
    const { text } = this.#token
    if (this.graph.nodes.length > MAX_OPERATIONS) throw this.#error(`at most ${MAX_OPERATIONS} operations`)
    if (text === ';') this.#next()
    else if (text !== '' && !this.#isOnNextLine) throw this.#error('an operator or the end')
  }

  /** Parses an operand and all operators with a higher precedence than `binding`. */
  #part(binding: number): ParsedPart {
    if (++this.#depth > MAX_DEPTH) throw this.#error(`at most ${MAX_DEPTH} nested levels`)
    let left = this.#operand()
    for (;;) {
      const { text } = this.#token
      if (text === '?' && binding < CONDITIONAL) {
        left = this.#conditional(left)
      } else if (precedences[text] > binding) {
        left = this.#infix(left)
      } else {
        this.#depth--
        return left
      }
    }
  }

  #infix(left: ParsedPart): ParsedPart {
    const { text } = this.#next()
    const binding = precedences[text]
    const takes = binding < COMPARISON ? 'condition' : 'number'
    const a = this.#as(takes, left)
    const b = this.#as(takes, this.#part(binding))
    if (binding === COMPARISON && precedences[this.#token.text] === COMPARISON) {
      throw this.#error('&& or || between comparisons')
    }
    const operands = text.startsWith('>') ? [b, a] : [a, b]
    const node = this.graph.operation(infix[text], ...operands)
    const kind = binding > COMPARISON ? 'number' : 'condition'
    return { node: text === '!=' ? this.#not(node) : node, kind, at: left.at }
  }

  #not(condition: number): number {
    return this.graph.operation('subtract', this.graph.constant(1), condition)
  }

  #conditional(left: ParsedPart): ParsedPart {
    this.#next()
    const condition = this.#as('condition', left)
    const yes = this.#as('number', this.#part(0))
    this.#expect(':')
    const no = this.#as('number', this.#part(CONDITIONAL - 1))
    return { node: this.graph.operation('select', condition, yes, no), kind: 'number', at: left.at }
  }

  /** Parses a number, a name, a call, a parenthesized expression or a unary operator, and its exponent. */
  #operand(): ParsedPart {
    const token = this.#next()
    const { at, text } = token
    if (text === '-' || text === '+' || text === '!') {
      const kind = text === '!' ? 'condition' : 'number'
      const operand = this.#as(kind, this.#part(UNARY_PRECEDENCE - 1))
      const node =
        text === '-' ? this.graph.operation('negate', operand) : text === '!' ? this.#not(operand) : operand
      return { node, kind, at }
    }
    const base = this.#atom(token)
    if (this.#token.text !== '^' && this.#token.text !== '**') return base
    // Without this check, `e` would be a parameter, although nearly all users mean Euler's number. A line may be e.
    if (text === 'e' && !this.lines.has(text)) {
      const wanted = 'exp(…) for a power of the number e, or pow(e, …) if e is a parameter'
      throw this.#error(wanted, { ...token, text: `e${this.#token.text}` })
    }
    this.#next()
    // Powers are right-associative: 2^3^2 is 2^9.
    const exponent = this.#as('number', this.#part(UNARY_PRECEDENCE - 1))
    return { node: power(this.graph, this.#as('number', base), exponent), kind: 'number', at }
  }

  #atom(token: Token): ParsedPart {
    const { type, at } = token
    const text = compactName(token.text)
    if (type === 'number') return { node: this.graph.constant(Number(text)), kind: 'number', at }
    if (text === '(') {
      const inside = this.#part(0)
      this.#expect(')')
      return inside
    }
    if (type !== 'name') throw this.#error('a number, a name or (', { type, text, at })
    // A parenthesis on the next line begins another line, unless the name is a function.
    const isFunction = Object.hasOwn(this.#language.calls, text)
    if (this.#token.text === '(' && (isFunction || !this.#isOnNextLine)) return this.#call(text, at)
    if ((functions as readonly string[]).includes(text))
      throw this.#error(`( after ${text}, which is a function`)
    const line = this.lines.get(text)
    if (line !== undefined) return { ...line, at }
    if (Object.hasOwn(constants, text)) {
      return { node: this.graph.constant(constants[text as keyof typeof constants]), kind: 'number', at }
    }
    const node = text.includes('[') ? this.#otherRows(token).read(token) : this.present(text, token)
    return { node, kind: 'number', at }
  }

  #call(name: string, at: number): ParsedPart {
    const { calls } = this.#language
    if (!Object.hasOwn(calls, name)) {
      const names = Object.keys(calls)
      const expected = Object.hasOwn(foreign, name) ? foreign[name] : `a function: ${names.join(', ')}`
      throw this.#error(expected, { type: 'name', text: name + (hintFor(name, () => names) ?? ''), at })
    }
    const { count, most = count, make } = calls[name]
    this.#expect('(')
    const operands = [this.#as('number', this.#part(0))]
    while (operands.length < count || (operands.length < most && this.#token.text === ',')) {
      this.#expect(',')
      operands.push(this.#as('number', this.#part(0)))
    }
    this.#expect(')')
    return { node: make(this.graph, operands, at), kind: 'number', at }
  }

  #as(kind: OperatorKind, part: ParsedPart): number {
    if (part.kind === kind || this.#language.areNumbersConditions) return part.node
    const expected = kind === 'number' ? 'a number' : 'a condition such as x < 0'
    const received = part.kind === 'number' ? 'a number' : 'a condition'
    throw this.#language.error(this.#text, part.at, expected, received)
  }

  #expect(text: string): void {
    if (this.#token.text !== text) throw this.#error(text)
    this.#next()
  }

  #next(): Token {
    const token = this.#token
    this.#end = token.at + token.text.length
    this.#token = this.#read(this.#end)
    return token
  }

  #read(from: number): Token {
    TOKEN.lastIndex = from
    const found = TOKEN.exec(this.#text)
    if (found === null) {
      const at = from + (/^\s*/.exec(this.#text.slice(from))?.[0].length ?? 0)
      const { sign, spelling = 'a number, a name or an operator' } = suggestName(this.#text, at)
      throw this.#language.error(this.#text, at, spelling, sign)
    }
    const [, number, name, sign] = found
    const text = number ?? name ?? sign ?? ''
    const type = number !== undefined ? 'number' : name !== undefined ? 'name' : text === '' ? 'end' : 'sign'
    return { type, text, at: TOKEN.lastIndex - text.length }
  }

  #error(expected: string, { text, at }: Token = this.#token): Error {
    return this.#language.error(this.#text, at, expected, text === '' ? 'the end' : text)
  }
}

/**
 * Creates the node of a power. Integer powers become products by repeated squaring, from the lowest binary digit of the
 * exponent on.
 */
export function power(graph: Graph, base: number, exponent: number): number {
  const n = graph.constantAt(exponent)
  if (n === undefined || !Number.isInteger(n) || n === 0 || Math.abs(n) > MAX_UNROLLED_POWER) {
    return graph.operation('pow', base, exponent)
  }
  let product: number | undefined
  let square = base
  for (let rest = Math.abs(n); rest > 0; rest >>= 1) {
    if (rest & 1) product = product === undefined ? square : graph.operation('multiply', product, square)
    if (rest > 1) square = graph.operation('multiply', square, square)
  }
  return n > 0 ? (product as number) : graph.operation('divide', graph.constant(1), product as number)
}
