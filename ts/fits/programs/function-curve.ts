/** Evaluates function models at the rows of a fit, and compiles the programs that evaluate expression models. */

import { OptionError } from '../../core/errors.js'
import { memoizeBy } from '../../core/memoization.js'
import type { Slices } from '../../core/slices.js'
import { createRecord } from '../../core/untrusted-input.js'
import { differentiate } from '../../expressions/differentiate.js'
import { compile } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import { firstWhere, zeros } from '../models/linear-least-squares.js'
import {
  type DifferencePoint,
  estimateDerivatives,
  type FiniteDifferenceValues,
  getRelativeError,
} from '../problem/finite-differences.js'
import {
  type BoundFunctionModel,
  copyColumns,
  type ModelFunction,
  type ModelLane,
  ROWS,
} from '../problem/function-model.js'
import type { Problem } from '../problem/problem.js'

/** Columns that the model reads, in the order in which programs take them. */
export function modelColumns({ columns, y, weight }: Problem): string[] {
  return columns.filter((name) => name !== y && name !== weight)
}

/**
 * Nodes of the derivatives of the model in a row, one per free parameter. For a function model, names in the graph
 * represent the derivatives.
 */
export function slopeNodes({ graph, model, free, evaluatedExpressions }: Problem): readonly number[] {
  if (evaluatedExpressions.length > 0) return evaluatedExpressions.slice(1).map((name) => graph.name(name))
  return differentiate(graph, model, free, () => false).gradient
}

const compileWith = (problem: Problem, inputs: readonly string[], columns: readonly string[]) => {
  const { graph, model, free, fixed } = problem
  return compile(graph, [model, ...slopeNodes(problem)], [...free, ...fixed, ...inputs], columns)
}

/**
 * Compiles the model and its derivatives. The inputs of the program are the parameters, followed by one row of the
 * columns.
 */
export const compileModel = memoizeBy((problem: Problem) => compileWith(problem, modelColumns(problem), []))

/** Compiles a model that reads other rows, and its derivatives. */
export const compileRecurrence = memoizeBy((problem: Problem) =>
  compileWith(problem, [], modelColumns(problem)),
)

/**
 * Compiles the chain rule: derivatives of each argument of a model function with respect to the free parameters in the
 * expression of that argument.
 */
const compileChainRule = memoizeBy(({ graph, free, fixed, values }: Problem) => {
  const links = [...values].flatMap(([name, node]) =>
    differentiate(graph, node, free, () => false).gradient.flatMap((slope, i) =>
      graph.constantAt(slope) === 0 ? [] : [{ name, i, slope }],
    ),
  )
  const program = compile(
    graph,
    links.map(({ slope }) => slope),
    [...free, ...fixed],
    [],
  )
  return { links, program, names: [...new Set(links.map(({ name }) => name))] }
})

const compilePoint = memoizeBy(({ graph, free, fixed, values }: Problem) =>
  compile(graph, [...values.values()], [...free, ...fixed], []),
)

/** Largest relative difference between correct derivatives and finite differences. */
const EQUALITY_TOLERANCE = 1e-3
/** Additional absolute difference that is allowed, as a fraction of |curve / parameter|. */
const ROUNDING = 1e-8
const CENTRAL_DIFFERENCES: FiniteDifferenceValues = { order: 2, step: undefined }

/** A model function at the rows of a fit, as a function of the free parameters. */
export class FunctionCurve {
  /** Count of evaluations at all rows. */
  evaluations = 0
  /** Relative rounding error of the derivatives. */
  declare readonly rounding: number
  readonly #problem: Problem
  readonly #functionModel: BoundFunctionModel
  readonly #fixed: readonly number[]
  readonly #names: readonly string[]
  readonly #machine: ProgramRunner
  /** Inputs of the program: the free parameters, followed by the fixed parameters. */
  readonly #input: Float64Array
  readonly #point: Readonly<Record<string, number>>
  readonly #rows: RowEvaluator

  /**
   * @param columns the model's columns, at the rows of the fit
   * @param fixed values of the parameters that are fixed per fit
   * @param rows count of rows, which is needed because a model may have no columns
   * @param lane the lane in which the model may compute
   */
  constructor(
    problem: Problem,
    called: BoundFunctionModel,
    columns: readonly Float64Array[],
    fixed: readonly number[],
    rows: number,
    lane?: ModelLane,
  ) {
    this.#problem = problem
    this.#functionModel = called
    this.#fixed = fixed
    this.#input = Float64Array.from([...problem.free.map(() => 0), ...fixed])
    this.#names = [...problem.values.keys()]
    this.#point = createRecord(this.#names, () => 0)
    this.#machine = new ProgramRunner(compilePoint(problem), 'float64')
    this.rounding = called.jacobian === undefined ? getRelativeError(called.differences) : 0
    const names = modelColumns(problem)
    this.#rows =
      called.kind === 'row'
        ? evaluateRowByRow(called, names, columns, rows)
        : evaluateAllRows(called, columns[names.indexOf(ROWS)], lane)
  }

  value(x: ArrayLike<number>): Float64Array {
    this.evaluations++
    return this.#rows.curve(this.#pointAt(x))
  }

  *evaluate(x: ArrayLike<number>): Slices<Float64Array> {
    const { exact } = this.#functionModel
    // The derivatives at the point follow, and an exact model computes both together.
    yield* this.#rows.advance(this.#pointAt(x), exact && compileChainRule(this.#problem).names)
    return this.value(x)
  }

  /** Derivatives of the model at all rows, one array per free parameter. */
  *slopes(around: DifferencePoint): Slices<Float64Array[]> {
    const at = (x: Float64Array) => this.value(x)
    const { jacobian, differences } = this.#functionModel
    if (jacobian === undefined) return yield* estimateDerivatives(at, around, differences)
    const { links, program, names: own } = compileChainRule(this.#problem)
    // The user's derivatives include fixed parameters. Exact models omit derivatives that have no use.
    const names = this.#functionModel.exact === undefined ? this.#names : own
    const point = this.#pointAt(around.x)
    yield* this.#rows.advance(point, names)
    const given = this.#rows.jacobian(jacobian, point, names)
    const machine = new ProgramRunner(program, 'float64')
    machine.run([...around.x, ...this.#fixed], [], 0)
    const slopes = Array.from(around.x, () => zeros(around.f.length))
    for (const [k, { name, i }] of links.entries()) {
      const factor = machine.slots[program.outputs[k]]
      for (let row = 0; row < around.f.length; row++) slopes[i][row] += factor * given[name][row]
    }
    if (!this.#functionModel.isChecked) {
      this.#functionModel.isChecked = true
      this.#check(around, slopes, yield* estimateDerivatives(at, around, CENTRAL_DIFFERENCES))
    }
    return slopes
  }

  /** @throws OptionError if the user's derivatives differ from finite differences */
  #check(
    { x, f, sizes }: DifferencePoint,
    slopes: readonly Float64Array[],
    found: readonly Float64Array[],
  ): void {
    const size = f.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    for (const [i, slope] of slopes.entries()) {
      const largest = slope.reduce((most, s, row) => Math.max(most, Math.abs(s), Math.abs(found[i][row])), 0)
      const rounding = (ROUNDING * size) / (Math.max(Math.abs(x[i]), sizes[i]) || 1)
      const row = slope.findIndex(
        (s, row) => Math.abs(s - found[i][row]) > EQUALITY_TOLERANCE * largest + rounding,
      )
      if (row < 0) continue
      const name = this.#problem.free[i]
      const expected = `${found[i][row]} by ${name} in row ${row} (finite differences)`
      throw new OptionError('model: jacobian', expected, slope[row])
    }
  }

  #pointAt(x: ArrayLike<number>): object {
    const { program, slots } = this.#machine
    const input = this.#input
    for (let i = 0; i < x.length; i++) input[i] = x[i]
    this.#machine.run(input, [], 0)
    // All points share one hidden class, so that the model function stays optimized. Each parameter is an own property,
    // so the lookup does not reach the prototype.
    const point = { ...this.#point }
    for (let k = 0; k < this.#names.length; k++) point[this.#names[k]] = slots[program.outputs[k]]
    return Object.freeze(point)
  }
}

/** Evaluates the model and its Jacobian at all rows. */
interface RowEvaluator {
  /** Computes the next result of `curve` or `jacobian` with pauses, if the model can. */
  advance(p: object, names?: readonly string[]): Slices<void>
  curve(p: object): Float64Array
  jacobian(
    jacobian: ModelFunction,
    p: object,
    names: readonly string[],
  ): Readonly<Record<string, Float64Array>>
}

function evaluateRowByRow(
  { call }: BoundFunctionModel,
  names: readonly string[],
  columns: readonly Float64Array[],
  count: number,
): RowEvaluator {
  const rowOf = (row: number) => Object.freeze(createRecord(names, (_, k) => columns[k][row]))
  const xs: ArrayLike<unknown> =
    columns.length > 1 ? Array.from({ length: count }, (_, row) => rowOf(row)) : (columns[0] ?? [])
  return {
    curve(p) {
      const out = zeros(count)
      for (let row = 0; row < count; row++) {
        const f = call(p, xs[row])
        if (typeof f !== 'number')
          throw describeRefusal('model', `a number from the function, in row ${row}`, f)
        out[row] = f
      }
      return out
    },
    *advance() {},
    jacobian: () => ({}),
  }
}

/** @param rows indices of the rows to return, all from one fit */
function evaluateAllRows(
  { call, kind, data, exact }: BoundFunctionModel,
  rows: Float64Array,
  lane: ModelLane | undefined,
): RowEvaluator {
  const numbers = data.get(ROWS) as DataColumn
  const { offsets } = numbers
  const fit = offsets === null ? 0 : firstWhere(offsets, (begin) => begin > rows[0]) - 1
  const [first, count] = [numbersInRun(numbers, fit)[0], numbersInRun(numbers, fit).length]
  const columns = copyColumns(data, fit)
  const wanted = (name: string, out: Float64Array) => {
    // The length is checked, because the function may have transferred the array's buffer to another thread.
    if (out.length === count) {
      const some = zeros(rows.length)
      for (let k = 0; k < rows.length; k++) some[k] = out[rows[k] - first]
      return some
    }
    throw new OptionError(`model: ${name}`, 'a function that keeps its array', 'a detached array')
  }
  // A user's function may keep or transfer its array, which therefore has its own buffer.
  const make = () => (exact ? zeros(count) : new Float64Array(count)).fill(NaN)
  const say = (name: string, said: unknown) => {
    if (said !== undefined)
      throw describeRefusal(`model: ${name}`, 'a function that fills out, and returns nothing', said)
  }
  return {
    *advance(p, names) {
      if (exact) yield* exact.advance(p as Readonly<Record<string, number>>, columns, names, lane)
    },
    curve(p) {
      const out = make()
      say(kind, call(p, out, columns))
      return wanted(kind, out)
    },
    jacobian(jacobian, p, names) {
      const out = Object.freeze(createRecord(names, make))
      say('jacobian', jacobian(p, out, columns))
      return createRecord(names, (name) => wanted('jacobian', out[name]))
    },
  }
}

/**
 * Describes an invalid return value. A rejection of a returned promise is ignored, because nothing awaits the promise.
 */
function describeRefusal(argument: string, expected: string, said: unknown): OptionError {
  if (!(said instanceof Promise)) return new OptionError(argument, expected, said)
  said.catch(() => {})
  return new OptionError(argument, `${expected}; it may not be async`, said)
}
