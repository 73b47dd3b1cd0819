/**
 * The text of a graph: lines of named values, and an expression. Parsing the text gives the same operations in the same
 * order, and therefore the same bits of values and derivatives.
 */

import { type Graph, type Node, symmetric } from '../expressions/graph.js'
import { constants, functionNames, functions, NAME } from '../expressions/names.js'
import type { CarriedState } from './values.js'

/** Nesting of an expression at which a part becomes a line. */
const MAX_LINE_DEPTH = 40
/** Precedences of the parser. */
const [CHOICE, OR, AND, COMPARISON, SUM, PRODUCT, SIGN, ATOM] = [1, 2, 3, 4, 5, 6, 7, 8]

const operators: Readonly<Record<string, readonly [sign: string, precedence: number]>> = {
  add: [' + ', SUM],
  subtract: [' - ', SUM],
  multiply: ['*', PRODUCT],
  divide: ['/', PRODUCT],
  less: [' < ', COMPARISON],
  lessOrEqual: [' <= ', COMPARISON],
  equal: [' == ', COMPARISON],
}
const comparisons = ['less', 'lessOrEqual', 'equal']
/** Numbers, which may contain an e, and names, with the parenthesis of a call. */
const NAMES = new RegExp(`\\d[\\d.]*(?:e[+-]?\\d+)?|${NAME}\\(?`, 'gu')
const WORD = new RegExp(`^${NAME}$`, 'u')

/** Names in the text of a graph. */
interface PrintedNames {
  readonly names: readonly string[]
  readonly hints: ReadonlyMap<number, string>
  readonly states: readonly CarriedState[]
}

interface Text {
  readonly text: string
  readonly precedence: number
  readonly depth: number
}

type PrintedOperation = Node & { kind: 'operation' }

/**
 * @param names names of parameters and columns, in their order
 * @param hints names of variables by node
 */
export function print(
  graph: Graph,
  root: number,
  names: readonly string[],
  hints: ReadonlyMap<number, string>,
  states: readonly CarriedState[] = [],
): { readonly text: string; readonly names: readonly string[] } {
  const printer = new Printer(graph, root, { names, hints, states })
  const text = printer.print()
  const found = new Set<string>()
  for (const [name] of text.matchAll(NAMES)) {
    if (names.includes(name)) found.add(name)
    if (found.size === names.length) break
  }
  return { text, names: [...found] }
}

class Printer {
  readonly #graph: Graph
  readonly #root: number
  readonly #hints: ReadonlyMap<number, string>
  readonly #taken: Set<string>
  readonly #uses: Uint32Array
  readonly #isCondition: Uint8Array
  readonly #lines: string[] = []
  /** Texts of nodes, without operations that are already part of another text. */
  readonly #texts = new Map<number, Text>()
  /** Operations whose texts are not yet part of a line, in the order of the operations. */
  #open: number[] = []
  readonly #counts = new Map<string, number>()
  /** Names of lines that a node needs in addition to other uses. */
  readonly #required = new Map<number, string[]>()

  constructor(graph: Graph, root: number, { names, hints, states }: PrintedNames) {
    this.#graph = graph
    this.#root = root
    this.#hints = hints
    this.#taken = new Set([
      ...states.map(({ name }) => name),
      ...names,
      ...functions,
      ...functionNames,
      ...Object.keys(constants),
    ])
    const last = states.reduce((most, { next }) => Math.max(most, next), root)
    this.#uses = new Uint32Array(last + 1)
    this.#isCondition = new Uint8Array(last + 1)
    this.#uses[root] = 1
    for (const { name, initial, next } of states) {
      if (initial !== undefined) this.#require(initial, `${name}[0]`)
      this.#require(next, name)
    }
    for (let number = last; number >= 0; number--) if (this.#uses[number] > 0) this.#visit(number)
  }

  #require(number: number, name: string): void {
    this.#uses[number]++
    this.#required.set(number, [...(this.#required.get(number) ?? []), name])
  }

  /** Counts the uses of the operands, and finds conditions among them. */
  #visit(number: number): void {
    const node = this.#graph.nodes[number]
    if (node.kind !== 'operation') return
    const { operation, operands } = node
    for (const operand of operands) this.#uses[operand]++
    if (operation === 'select') this.#isCondition[operands[0]] = 1
    if (this.#isCondition[number] === 0 || comparisons.includes(operation)) return
    for (const operand of operands) this.#isCondition[operand] = 1
  }

  print(): string {
    const { nodes } = this.#graph
    for (let number = 0; number < this.#uses.length; number++) {
      const node = nodes[number]
      if (this.#uses[number] === 0) continue
      if (node.kind === 'operation') this.#add(number, node)
      if (this.#required.has(number)) this.#writeRequired(number)
    }
    const { text } = this.#textOf(this.#root)
    // A sign or a parenthesis would continue the line before.
    const end = /^[-(]/.test(text) ? ';\n' : '\n'
    return this.#lines.length === 0 ? text : this.#lines.join('\n') + end + text
  }

  /** Adds an operation to the open texts, or writes its line. */
  #add(number: number, node: PrintedOperation): void {
    const operands = this.#order(node)
    const parts = operands.filter((operand) => this.#open.includes(operand))
    const from = this.#open.length - parts.length
    // The parser computes the operands immediately before the operation, in the order of the text.
    if (parts.every((part, k) => this.#open[from + k] === part)) this.#open.length = from
    else this.#writeOpen()
    const text = this.#format(node, operands, this.#isCondition[number] === 1)
    for (const part of parts) if (this.#texts.get(part)?.depth !== 0) this.#texts.delete(part)
    this.#texts.set(number, text)
    this.#open.push(number)
    if (number !== this.#root && (this.#uses[number] > 1 || text.depth > MAX_LINE_DEPTH)) this.#writeOpen()
  }

  /** Writes the lines of a node that states need. */
  #writeRequired(number: number): void {
    const names = this.#required.get(number) as string[]
    this.#required.delete(number)
    if (this.#open.includes(number)) this.#writeOpen()
    for (const name of names) this.#lines.push(`${name} = ${this.#textOf(number).text}`)
  }

  #writeOpen(): void {
    for (const number of this.#open) {
      const name = this.#nameOf(number)
      this.#lines.push(`${name} = ${(this.#texts.get(number) as Text).text}`)
      this.#texts.set(number, { text: name, precedence: ATOM, depth: 0 })
    }
    this.#open = []
  }

  /** A new name for the line of a node: the name of the variable in the function, if possible. */
  #nameOf(number: number): string {
    const hint = this.#hints.get(number) ?? ''
    const base = WORD.test(hint) ? hint : 'v'
    let name = base
    let count = this.#counts.get(base) ?? (base === hint ? 1 : 0)
    if (base !== hint || count > 1 || this.#taken.has(name)) {
      do name = `${base}${/\d$/.test(base) ? '_' : ''}${++count}`
      while (this.#taken.has(name))
    }
    this.#counts.set(base, Math.max(count, 1))
    this.#taken.add(name)
    return name
  }

  /** The operands in the order of the text. Symmetric operations show constants last in sums, and first in products. */
  #order({ operation, operands }: PrintedOperation): readonly number[] {
    const [a, b] = operands
    const isConstant = (number: number) => this.#graph.constantAt(number) !== undefined
    const isReversed =
      operation === 'multiply' ? isConstant(b) : symmetric.has(operation) && isConstant(a) && !isConstant(b)
    const isOpen = (number: number) => this.#open.includes(number)
    const isLater = (operation === 'less' || operation === 'lessOrEqual') && isOpen(a) && isOpen(b) && a > b
    return isReversed || isLater ? [b, a] : operands
  }

  #textOf(number: number): Text {
    const known = this.#texts.get(number)
    if (known !== undefined) return known
    const node = this.#graph.nodes[number]
    if (node.kind === 'name') return { text: node.name, precedence: ATOM, depth: 0 }
    return formatConstant(this.#graph.constantAt(number) as number)
  }

  #format(
    { operation, operands: given }: PrintedOperation,
    operands: readonly number[],
    isCondition: boolean,
  ): Text {
    const parts = operands.map((operand) => this.#textOf(operand))
    const depth = 1 + Math.max(...parts.map((part) => part.depth))
    const within = (k: number, precedence: number) =>
      parts[k].precedence < precedence ? `(${parts[k].text})` : parts[k].text
    const binary = (sign: string, precedence: number): Text => ({
      text: `${within(0, precedence)}${sign}${within(1, precedence + 1)}`,
      precedence,
      depth,
    })
    if (operation === 'select')
      return { text: `${within(0, OR)} ? ${within(1, OR)} : ${within(2, CHOICE)}`, precedence: CHOICE, depth }
    if (isCondition && operation === 'multiply') return binary(' && ', AND)
    if (isCondition && operation === 'max') return binary(' || ', OR)
    if (isCondition && operation === 'subtract')
      return { text: `!${within(1, SIGN)}`, precedence: SIGN, depth }
    if (operation === 'negate') {
      const inner = parts[0].precedence <= SIGN ? `(${parts[0].text})` : parts[0].text
      return { text: `-${inner}`, precedence: SIGN, depth }
    }
    if (operation in operators) {
      const [sign, precedence] = operators[operation]
      const isReversed = precedence === COMPARISON && operation !== 'equal' && operands !== given
      return binary(isReversed ? sign.replace('<', '>') : sign, precedence)
    }
    return { text: `${operation}(${parts.map((part) => part.text).join(', ')})`, precedence: ATOM, depth }
  }
}

/** A constant, with all of its bits. Infinity and NaN are quotients. */
function formatConstant(value: number): Text {
  if (value === Math.PI) return { text: 'pi', precedence: ATOM, depth: 0 }
  if (Number.isNaN(value)) return { text: '0/0', precedence: PRODUCT, depth: 0 }
  if (Math.abs(value) === Infinity) return { text: `${Math.sign(value)}/0`, precedence: PRODUCT, depth: 0 }
  const isNegative = value < 0 || Object.is(value, -0)
  return {
    text: Object.is(value, -0) ? '-0' : String(value),
    precedence: isNegative ? SIGN : ATOM,
    depth: 0,
  }
}
