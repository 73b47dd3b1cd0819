/** Values of expressions together with their exact derivatives, computed by one program. */

import { OptionError } from '../../core/errors.js'
import { differentiate } from '../../expressions/differentiate.js'
import { Graph } from '../../expressions/graph.js'
import { parse } from '../../expressions/parse.js'
import { compile } from '../../expressions/program.js'
import { FlatProgram } from './flat-program.js'

/** Expressions of named numbers, and their derivatives with respect to some of the names. */
export class Jet {
  /** Row (index of the expression) and column (index of the name) of each derivative that is not always 0. */
  readonly rows: Int32Array
  readonly columns: Int32Array
  /** Numbers of the last run, and the indices of the values and the derivatives among the numbers. */
  readonly numbers: Float64Array
  readonly valueAt: Int32Array
  readonly slopeAt: Int32Array
  /** The graph of the expressions and their derivatives, its nodes of both, and the names in the order of `inputs`. */
  readonly graph: Graph
  readonly roots: readonly number[]
  readonly slopes: readonly number[]
  readonly inputs: readonly string[]
  readonly #program: FlatProgram

  /**
   * @param inputs all names of the expressions, in the order of the numbers that `run` receives
   * @param by names of the derivatives
   */
  constructor(texts: readonly string[], inputs: readonly string[], by: readonly string[]) {
    const graph = new Graph()
    const roots = texts.map((text) => parse(text, graph).root)
    if (graph.linkedRows !== undefined)
      throw new OptionError('ode', 'expressions without scan', texts.join(', '))
    const [rows, columns]: [number[], number[]] = [[], []]
    const slopes: number[] = []
    for (const [row, root] of roots.entries()) {
      const { gradient } = differentiate(graph, root, by, () => false)
      for (const [column, slope] of gradient.entries()) {
        if (graph.constantAt(slope) === 0) continue
        rows.push(row)
        columns.push(column)
        slopes.push(slope)
      }
    }
    const program = compile(graph, [...roots, ...slopes], inputs, [])
    this.graph = graph
    this.roots = roots
    this.slopes = slopes
    this.inputs = inputs
    this.rows = Int32Array.from(rows)
    this.columns = Int32Array.from(columns)
    this.#program = new FlatProgram(program)
    this.numbers = this.#program.slots
    this.valueAt = Int32Array.from(program.outputs.slice(0, roots.length))
    this.slopeAt = Int32Array.from(program.outputs.slice(roots.length))
  }

  run(x: ArrayLike<number>): void {
    this.#program.run(x)
  }

  /** The value of an expression in the last run. */
  value(row: number): number {
    return this.numbers[this.valueAt[row]]
  }

  /** The derivative at an index of `rows` and `columns` in the last run. */
  slope(entry: number): number {
    return this.numbers[this.slopeAt[entry]]
  }
}
