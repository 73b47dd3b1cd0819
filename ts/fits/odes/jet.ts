/** Values of expressions together with their exact derivatives, computed by one program. */

import { OptionError } from '../../core/errors.js'
import { differentiate } from '../../expressions/differentiate.js'
import { Graph } from '../../expressions/graph.js'
import { parse } from '../../expressions/parse.js'
import { compile } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'

/** Expressions of named numbers, and their derivatives with respect to some of the names. */
export class Jet {
  /** Row (index of the expression) and column (index of the name) of each derivative that is not always 0. */
  readonly rows: readonly number[]
  readonly columns: readonly number[]
  readonly #runner: ProgramRunner
  readonly #outputs: readonly number[]
  readonly #count: number

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
    this.rows = rows
    this.columns = columns
    this.#count = roots.length
    this.#runner = new ProgramRunner(program, 'float64')
    this.#outputs = program.outputs
  }

  run(x: ArrayLike<number>): void {
    this.#runner.run(x, [], 0)
  }

  /** The value of an expression in the last run. */
  value(row: number): number {
    return this.#runner.slots[this.#outputs[row]]
  }

  /** The derivative at an index of `rows` and `columns` in the last run. */
  slope(entry: number): number {
    return this.#runner.slots[this.#outputs[this.#count + entry]]
  }
}
