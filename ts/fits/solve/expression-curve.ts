/** Evaluates an expression model at the rows of a fit, with a program that treats each row as a separate run. */

import { BLOCK_OF_RUNS } from '../../arena/manifest.js'
import { memoizeBy } from '../../core/memoization.js'
import { compile, type Program } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'
import type { EngineCall } from '../../many/engines/execute.js'
import type { DifferencePoint } from '../problem/finite-differences.js'
import type { Problem } from '../problem/problem.js'
import { compileRecurrence, modelColumns, slopeNodes } from '../programs/function-curve.js'
import type { Iterations } from './iterations.js'

/** Maximum count of numbers in the parameters of the program per engine call. */
const MAX_NUMBERS = 1 << 20

/** Compiles the model and its derivatives, as functions of the columns of a row and the parameters. */
function compileRows(problem: Problem, slopes: readonly number[]): Program {
  const { graph, model, free, fixed } = problem
  const names = [...modelColumns(problem), ...free, ...fixed, '@unused']
  const wanted = [model, ...slopes]
  // The outputs are padded to one output per name, and a 1 to end the program.
  const unused = names.slice(wanted.length).map(() => graph.constant(0))
  return compile(graph, [...wanted, ...unused, graph.constant(1)], names, [])
}

const compileValue = memoizeBy((problem: Problem) => compileRows(problem, []))
const compileDerivatives = memoizeBy((problem: Problem) => compileRows(problem, slopeNodes(problem)))

export class ExpressionCurve {
  /** Count of evaluations at all rows. */
  evaluations = 0
  /** Relative rounding error of the derivatives. */
  readonly rounding = 0
  readonly #problem: Problem
  readonly #iterations: Iterations
  readonly #columns: readonly Float64Array[]
  readonly #fixed: readonly number[]
  readonly #rows: number

  /**
   * @param columns the model's columns, at the rows of the fit
   * @param fixed values of the parameters that are fixed per fit
   * @param rows count of rows, which is needed because a model may have no columns
   */
  constructor(
    problem: Problem,
    iterations: Iterations,
    columns: readonly Float64Array[],
    fixed: readonly number[],
    rows: number,
  ) {
    this.#problem = problem
    this.#iterations = iterations
    this.#columns = columns
    this.#fixed = fixed
    this.#rows = rows
  }

  *evaluate(x: Float64Array): Generator<EngineCall, Float64Array> {
    this.evaluations++
    return (yield* this.#run(compileValue(this.#problem), x, 1))[0]
  }

  /** Derivatives of the model at all rows, one array per free parameter. */
  *slopes({ x }: Pick<DifferencePoint, 'x'>): Generator<EngineCall, Float64Array[]> {
    return (yield* this.#run(compileDerivatives(this.#problem), x, 1 + x.length)).slice(1)
  }

  *#run(program: Program, x: Float64Array, count: number): Generator<EngineCall, Float64Array[]> {
    const rows = this.#rows
    if (this.#problem.graph.linkedRows !== undefined) {
      const machine = new ProgramRunner(compileRecurrence(this.#problem), 'float64')
      return machine.evaluateRows([...x, ...this.#fixed], this.#columns, rows)
    }
    const outputs = Array.from({ length: count }, () => new Float64Array(rows))
    const most =
      Math.max(1, Math.floor(MAX_NUMBERS / program.parameters.length / BLOCK_OF_RUNS)) * BLOCK_OF_RUNS
    const size = Math.ceil(rows / Math.ceil(rows / most))
    const runs = Uint32Array.from({ length: size }, (_, row) => row)
    for (let from = 0; from < rows; from += size) {
      // The last block of rows may overlap with the previous block. Both blocks compute the same values in the overlap.
      const first = Math.min(from, rows - size)
      const own = this.#columns.map((column) => column.subarray(first, first + size))
      const ended = yield* this.#iterations.run(program, runs, [], [...own, ...x, ...this.#fixed, 0], 1)
      for (let k = 0; k < count; k++) outputs[k].set(ended.x[k], first)
    }
    return outputs
  }
}
