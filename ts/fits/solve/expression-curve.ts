/** A model that is an expression at the rows of a fit: a program whose runs are the rows. */

import { BLOCK_OF_RUNS } from '../../arena/manifest.js'
import { compile, type Program } from '../../expressions/program.js'
import type { EngineCall } from '../../many/engines/execute.js'
import type { DifferencePoint } from '../problem/finite-differences.js'
import type { Problem } from '../problem/problem.js'
import { memoizeBy, modelColumns, slopeNodes } from '../programs/function-curve.js'
import type { Iterations } from './iterations.js'

/** Numbers that the program's parameters have at a time. */
const MAX_NUMBERS = 1 << 20

/** Of a row's columns and a point: the model, and derivatives. */
function compileRows(problem: Problem, slopes: readonly number[]): Program {
  const { graph, model, free, fixed } = problem
  const names = [...modelColumns(problem), ...free, ...fixed, '@unused']
  const wanted = [model, ...slopes]
  // As many as there are names, and that it is over.
  const unused = names.slice(wanted.length).map(() => graph.constant(0))
  return compile(graph, [...wanted, ...unused, graph.constant(1)], names, [])
}

const compileValue = memoizeBy((problem: Problem) => compileRows(problem, []))
const compileDerivatives = memoizeBy((problem: Problem) => compileRows(problem, slopeNodes(problem)))

export class ExpressionCurve {
  /** How often it has been evaluated at all rows. */
  evaluations = 0
  /** The part of derivatives that is rounding. */
  readonly rounding = 0
  readonly #problem: Problem
  readonly #iterations: Iterations
  readonly #columns: readonly Float64Array[]
  readonly #fixed: readonly number[]
  readonly #rows: number

  /**
   * @param columns rows of those that the model has
   * @param fixed what parameters are that have a number for each fit
   * @param rows how many there are, also of a model without columns
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

  /** Its derivatives by each parameter. */
  *slopes({ x }: Pick<DifferencePoint, 'x'>): Generator<EngineCall, Float64Array[]> {
    return (yield* this.#run(compileDerivatives(this.#problem), x, 1 + x.length)).slice(1)
  }

  *#run(program: Program, x: Float64Array, count: number): Generator<EngineCall, Float64Array[]> {
    const rows = this.#rows
    const outputs = Array.from({ length: count }, () => new Float64Array(rows))
    const most =
      Math.max(1, Math.floor(MAX_NUMBERS / program.parameters.length / BLOCK_OF_RUNS)) * BLOCK_OF_RUNS
    const size = Math.ceil(rows / Math.ceil(rows / most))
    const runs = Uint32Array.from({ length: size }, (_, row) => row)
    for (let from = 0; from < rows; from += size) {
      // The last ones may overlap with those before: they have the same numbers then.
      const first = Math.min(from, rows - size)
      const own = this.#columns.map((column) => column.subarray(first, first + size))
      const ended = yield* this.#iterations.run(program, runs, [], [...own, ...x, ...this.#fixed, 0], 1)
      for (let k = 0; k < count; k++) outputs[k].set(ended.x[k], first)
    }
    return outputs
  }
}
