/**
 * Recurrences: values that are carried from row to row, in the texts of expressions.
 *
 * The row t is the present row, and the first row is row 1. The text `h[t-1]` reads the value of the line or column h at
 * the previous row. The line `h[0] = …` defines the value before the first row.
 */

import { OptionError } from '../core/errors.js'
import { extensions } from '../extensions.js'
import { Builder } from './differentiate.js'
import { type Expression, type ExpressionOptions, expression } from './expression.js'
import type { Graph, LinkedRows } from './graph.js'
import { type Callable, expressionLanguage, type RowReader, type RowValues, type Token } from './parse.js'
import { makeSections } from './program.js'
import { copyCarried, followCarried } from './tangents.js'

declare module '../extensions.js' {
  interface Extensions {
    readRows: (reader: RowReader) => RowValues
  }
}

/** Maximum count of rows from an earlier row to the present row. */
const MAX_LAG = 100
/** Maximum count of a text's nodes, so that malicious texts take little time. */
const MAX_NODES = 100_000

/** The values of other rows in one text. */
class Recurrences implements RowValues {
  readonly #reader: RowReader
  /** The carried values of each name: the values 1, 2, … rows before the present row. */
  readonly #lags = new Map<string, number[]>()
  /** The first use of another row, by name. */
  readonly #uses = new Map<string, Token>()
  /** Names of the lines with initial values that are used. */
  readonly #initials = new Set<string>()

  constructor(reader: RowReader) {
    this.#reader = reader
    linkRows(reader.graph)
  }

  define(name: Token): void {
    const [, stem, row] = /^([^[]+)\[(0|-[1-9]\d*)]$/.exec(name.text) ?? []
    if (row === undefined) throw this.#reader.fail('a line h[t] = …, or h[0] = … for an initial value', name)
    if (this.#lags.has(stem)) throw this.#reader.fail(`a line above all uses of ${stem}[t-1]`, name)
  }

  read(value: Token): number {
    const [, name, index] = /^([^[]+)\[(.*)]$/.exec(value.text.replaceAll(/\s/g, '')) as unknown as string[]
    const { graph } = this.#reader
    const isEnd = index === 'end'
    const lag = isEnd ? 1 : Number(/^t-([1-9]\d*)$/.exec(index)?.[1])
    const lags = this.#lags.get(name) ?? []
    if (!(lag <= MAX_LAG)) {
      const expected = `${name}[t], ${name}[t-1] to ${name}[t-${MAX_LAG}], or ${name}[end]`
      throw this.#reader.fail(expected, value)
    }
    if (graph.nodes.length > MAX_NODES) throw this.#reader.fail(`at most ${MAX_NODES} values`, value)
    while (lags.length < lag) lags.push(graph.carried(this.#initial(name, -lags.length, value)))
    this.#lags.set(name, lags)
    if (!this.#uses.has(name)) this.#uses.set(name, value)
    return isEnd ? this.#end(name) : lags[lag - 1]
  }

  /** The value of a name at a row before the first row. Without a line, the row has the value of the next row. */
  #initial(name: string, before: number, at: Token): number {
    const { lines } = this.#reader
    for (let row = before; row <= 0; row++) {
      const text = `${name}[${row}]`
      const line = lines.get(text)
      if (line === undefined) continue
      this.#initials.add(text)
      return line.node
    }
    throw this.#reader.fail(`a line ${name}[0] = … above, with the value before the first row`, at)
  }

  /** Defines how a row updates the values of a name. Returns the value at the last row. */
  #end(name: string): number {
    const { graph } = this.#reader
    const lags = this.#lags.get(name) as number[]
    for (let k = 1; k < lags.length; k++) graph.end(lags[k], lags[k - 1])
    return graph.end(lags[0], this.#reader.present(name, this.#uses.get(name) as Token))
  }

  finish(): void {
    const { lines } = this.#reader
    for (const name of this.#lags.keys()) this.#end(name)
    for (const [text, { at }] of lines) {
      if (!text.includes('[') || this.#initials.has(text)) continue
      const expected = `a use of this initial value, such as ${text.replace(/\[.*/, '[t-1]')}`
      throw this.#reader.fail(expected, { type: 'name', text, at })
    }
  }
}

/** Adds the derivatives of carried values to a graph, and the checks of its rows. */
function linkRows(graph: Graph): void {
  graph.followCarried = followCarried
  graph.linkedRows ??= new TextRows(graph)
}

class TextRows implements LinkedRows {
  readonly #graph: Graph

  constructor(graph: Graph) {
    this.#graph = graph
  }

  sections(columns: readonly string[]): Uint8Array {
    const graph = this.#graph
    const given = columns.join(', ') || 'no columns'
    if (columns.length === 0)
      throw new OptionError('data', 'columns, because the expression reads other rows', given)
    const sections = makeSections(graph, columns, refuse)
    for (const [number, node] of graph.nodes.entries()) {
      const next = node.kind === 'end' ? graph.nodes[node.next] : node
      if (node.kind === 'end' && next.kind === 'name' && !columns.includes(next.name)) {
        const expected = `a column ${next.name}, because the expression reads its earlier rows`
        throw new OptionError('data', expected, given)
      }
      const isMixed =
        sections[number] === 2 && graph.operandsOf(number).some((operand) => sections[operand] === 1)
      if (node.kind === 'operation' && isMixed) throw refuse('')
    }
    return sections
  }

  valueOf(model: number, columns: readonly string[], parameters: readonly number[]): number {
    const graph = this.#graph
    const sections = this.sections(columns)
    if (sections[model] > 1 || parameters.some((node) => sections[node] > 0))
      throw new OptionError('model', 'a value at each row', 'a value of all rows')
    return copyCarried(graph, model)
  }

  refuse(argument: string): never {
    throw new OptionError(argument, 'none for a model that reads other rows', 'one')
  }
}

function refuse(kind: string): OptionError {
  const isInitial = kind === 'carried'
  return new OptionError(
    'expression',
    isInitial
      ? 'initial values of parameters and constants'
      : 'sum(…) and [end] only in the last line, with all values of rows in sum(…)',
    isInitial ? 'a value of a row' : 'both in one value',
  )
}

/** The sum of a value over the rows of the data. */
const sum: Callable = {
  count: 1,
  make(graph, [value]) {
    linkRows(graph)
    return new Builder(graph).sum(value)
  },
}

extensions.readRows = (reader) => new Recurrences(reader)
expressionLanguage.calls = { ...expressionLanguage.calls, sum }

/**
 * Creates an expression whose lines read values of other rows of the data: GARCH, ARMA and state-space models,
 * exponential smoothing, hidden Markov chains, populations. The result works like the result of `expression`.
 *
 * Row t is the present row, and the first row is row 1. The text `h[t-1]` is the value of the line or column `h` at the
 * previous row, `h[t-2]` is the value before that, up to `h[t-100]`. Both `h` and `h[t]` are the value at the present
 * row. The line `h[0] = …` defines the value before the first row from parameters and constants. A line `h[-1] = …`
 * defines the value at the row before; without the line, the value is that of `h[0]`.
 *
 * The objective is the sum of the last line over the rows. If the last line contains `sum(…)` or `h[end]`, the value at
 * the last row, the objective is the value of the last line.
 *
 * The gradient is exact and uses forward mode, for at most 64 parameters. There are no second derivatives with respect
 * to carried values: `standardErrors` takes differences of the gradient.
 *
 * @param options `constants` contains numbers by name, as in `expression`
 * @throws ExpressionError if the text is invalid; OptionError if a constant is not a finite number or does not occur in
 * the text
 * @example
 * const garch = recurrence(
 *   `q[0] = v0; h[0] = v0
 *    q = r^2
 *    h = w + a*q[t-1] + b*h[t-1]
 *    0.5*(log(2*pi*h) + q/h)`,
 *   { constants: { v0: 1.2 } },
 * )
 * minimize(garch.with({ r }), { w: 0.1, a: 0.1, b: 0.8 }, lbfgs())
 */
export function recurrence(text: string, options?: ExpressionOptions): Expression {
  return expression(text, options)
}
