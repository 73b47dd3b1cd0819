/** Evaluates a model, and its derivatives, at the estimates. */

import { OptionError } from '../../core/errors.js'
import { memoizeBy } from '../../core/memoization.js'
import { runToEnd } from '../../core/slices.js'
import { createRecord, isRecord } from '../../core/untrusted-input.js'
import { compile } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'
import { type DataColumn, numbersInRun, pickRuns, rowsInRun } from '../../many/batch/data.js'
import { readNumbers } from '../problem/columns.js'
import { readTable } from '../problem/data-table.js'
import { BoundFunctionModel, copyColumns, type ExactModel, ROWS } from '../problem/function-model.js'
import { lossTerms } from '../problem/loss.js'
import type { Problem } from '../problem/problem.js'
import {
  compileModel,
  compileRecurrence,
  FunctionCurve,
  modelColumns,
  slopeNodes,
} from '../programs/function-curve.js'
import type { FitContext, SolvedFits } from '../solve/fit-context.js'
import { type EstimateContext, parameterPoint } from './estimates.js'

/** Estimates of a fit, with the data of its model. */
interface EvaluationContext extends EstimateContext, Pick<FitContext, 'data'> {
  readonly solved: Pick<SolvedFits, 'free' | 'errors'>
}

/** Estimates of a fit, with the rows in use. */
type LinearizationContext = Omit<EvaluationContext, 'data'> & Pick<FitContext, 'columns' | 'observations'>

/** The linearized model, with one value per row in use. */
export interface Linearization {
  readonly curve: Float64Array
  /** Half the derivative of the row's cost with respect to the model value. */
  readonly slope: Float64Array
  /** Derivatives of the model with respect to each free parameter. */
  readonly gradient: readonly Float64Array[]
}

/** Cache for the last fit, which the bootstrap and its results share. */
const getCache = memoizeBy((_: LinearizationContext): { fit: number; linear?: Linearization } => ({
  fit: -1,
}))

/** @returns the cached linearization, which is read-only */
export function linearizeCached(context: LinearizationContext, fit: number): Linearization {
  const last = getCache(context)
  if (last.fit !== fit || last.linear === undefined) last.linear = linearize(context, fit)
  last.fit = fit
  return last.linear
}

function linearize(context: LinearizationContext, fit: number): Linearization {
  const { problem } = context
  const columns = problem.columns.map((name) => numbersInRun(context.columns.get(name) as DataColumn, fit))
  const machine = new ProgramRunner(compileRows(problem), 'float64')
  const point = parameterPoint(context, fit)
  const rows = context.observations[fit]
  const more =
    problem.functionModel === null
      ? []
      : evaluateFunction(context, fit, countedColumns(context, fit), point, rows)
  const [curve, slope, ...gradient] = machine.evaluateRows(point, [...columns, ...more], rows)
  return { curve, slope, gradient }
}

const countedColumns = ({ problem, columns }: LinearizationContext, fit: number) =>
  modelColumns(problem).map((name) => numbersInRun(columns.get(name) as DataColumn, fit))

/** Values and derivatives of a function model at a point. */
function evaluateFunction(
  { problem, solved }: Pick<EvaluationContext, 'problem' | 'solved'>,
  fit: number,
  columns: readonly Float64Array[],
  point: readonly number[],
  rows: number,
): Float64Array[] {
  const { free, min, max } = problem
  const called = problem.functionModel as BoundFunctionModel
  const curve = new FunctionCurve(problem, called, columns, point.slice(free.length), rows)
  const x = Float64Array.from(point.slice(0, free.length))
  const f = curve.value(x)
  const sizes = solved.errors.map((errors) => (errors[fit] < Infinity ? errors[fit] : 0))
  return [f, ...runToEnd(curve.slopes({ x, f, min, max, sizes }))]
}

const compileRows = memoizeBy((problem: Problem) => {
  const { graph, model, free, fixed, columns, evaluatedExpressions } = problem
  const outputs = [model, lossTerms(problem).slope, ...slopeNodes(problem)]
  return compile(graph, outputs, [...free, ...fixed], [...columns, ...evaluatedExpressions])
})

/** Columns, or an array of rows, at which the user requests predictions. */
export type RequestedColumns =
  | Readonly<Record<string, ArrayLike<number> | readonly unknown[]>>
  | readonly Readonly<Record<string, unknown>>[]
  | undefined

/** The model at requested rows. The model value is NaN for a row with a missing number. */
export interface ModelEvaluation {
  readonly rows: number
  readonly columns: (row: number) => readonly number[]
  /** `value` computes the model at a point, and `outputs` computes the model and its derivatives. */
  readonly value: (row: number, point: readonly number[]) => number
  readonly outputs: (row: number, point: readonly number[]) => readonly number[]
}

/**
 * Prepares the evaluation of the model of a fit.
 *
 * @param at columns of the model; default: the columns of the data, including dropped rows
 * @throws OptionError if `at` is not an object of columns, or if a column is missing or invalid
 */
export function evaluateModel(
  context: EvaluationContext,
  fit: number,
  at: RequestedColumns,
): ModelEvaluation {
  const { problem, data: given } = context
  const names = modelColumns(problem)
  const exact = problem.functionModel?.exact
  if (at !== undefined && names.includes(ROWS) && exact === undefined) {
    throw new OptionError('at', 'nothing (the model only computes the rows of its data)', at)
  }
  if (at !== undefined && !isRecord(at) && !Array.isArray(at))
    throw new OptionError('at', `columns ${names.join(', ')}`, at)
  const asked = at && readTable('at', at)
  if (asked !== undefined && exact !== undefined)
    return predictExactly(
      context,
      fit,
      exact,
      createRecord([...asked.keys()], (name) => asked.get(name)),
    )
  const data = names.map((name) => {
    if (asked === undefined) return numbersInRun(given.get(name) as DataColumn, fit)
    const column = asked.get(name)
    if (column === undefined || !asked.has(name)) throw new OptionError('at', `a column ${name}`, undefined)
    return Float64Array.from(readNumbers(`at: ${name}`, column))
  })
  const rows = data[0]?.length ?? rowsInRun(given.get(problem.y) as DataColumn, fit)
  const other = data.findIndex(({ length }) => length !== rows)
  if (other >= 0)
    throw new OptionError(
      `at: ${names[other]}`,
      `${rows} rows, like the first column`,
      `${data[other].length} rows`,
    )
  const columns = (row: number) => data.map((column) => column[row])
  // Rows with a missing number are excluded, because a condition in the model would treat NaN as a number.
  const isMissing = (row: number) => data.some((column) => Number.isNaN(column[row]))
  if (problem.functionModel !== null)
    return { rows, columns, ...evaluateCalledModel(context, fit, data, rows, isMissing) }
  const isRecurrence = problem.graph.linkedRows !== undefined
  const machine = new ProgramRunner((isRecurrence ? compileRecurrence : compileModel)(problem), 'float64')
  const all = memoizeBy((point: readonly number[]) => machine.evaluateRows(point, data, rows))
  const outputs = (row: number, point: readonly number[]) => {
    if (isMissing(row)) return machine.program.outputs.map(() => NaN)
    if (isRecurrence) return all(point).map((column) => column[row])
    machine.run([...point, ...columns(row)], [], 0)
    return machine.program.outputs.map((slot) => machine.slots[slot])
  }
  return { rows, columns, outputs, value: (row, point) => outputs(row, point)[0] }
}

/** Evaluates an exact model at requested rows, which follow the rows of the fit. */
function predictExactly(
  context: EvaluationContext,
  fit: number,
  exact: ExactModel,
  asked: Readonly<Record<string, unknown>>,
): ModelEvaluation {
  const { problem, data: given } = context
  const called = problem.functionModel as BoundFunctionModel
  const { columns: all, rows } = exact.extend(copyColumns(called.data, fit), asked)
  const length = Object.values(all)[0].length
  const indices = Float64Array.from({ length }, (_, row) => row)
  const extended = new Map(Object.entries(all)).set(ROWS, indices)
  const bound = new BoundFunctionModel(
    called,
    new Map([...extended].map(([name, numbers]) => [name, { numbers, offsets: null }])),
  )
  const data = modelColumns(problem).map((name) => (extended.get(name) as Float64Array).slice(length - rows))
  const columns = (row: number) => data.map((column) => column[row])
  const isMissing = (row: number) => data.some((column) => Number.isNaN(column[row]))
  const moved = { ...context, data: given, problem: { ...problem, functionModel: bound } }
  return { rows, columns, ...evaluateCalledModel(moved, fit, data, rows, isMissing) }
}

/** Evaluates a function model. The first request for a row at a point computes all rows at the point. */
function evaluateCalledModel(
  context: EvaluationContext,
  fit: number,
  data: readonly Float64Array[],
  rows: number,
  isMissing: (row: number) => boolean,
): Pick<ModelEvaluation, 'value' | 'outputs'> {
  const { problem } = context
  const called = problem.functionModel as BoundFunctionModel
  const known = Uint32Array.from({ length: rows }, (_, row) => row).filter((row) => !isMissing(row))
  const places = new Map(Array.from(known, (row, place) => [row, place]))
  const own = data.map((column) => pickRuns(column, known))
  const number = (column: Float64Array, row: number) => column[places.get(row) ?? -1] ?? NaN
  const values = memoizeBy((point: readonly number[]) => {
    const count = problem.free.length
    return new FunctionCurve(problem, called, own, point.slice(count), known.length).value(
      point.slice(0, count),
    )
  })
  const all = memoizeBy((point: readonly number[]) =>
    evaluateFunction(context, fit, own, point, known.length),
  )
  return {
    value: (row, point) => number(values(point), row),
    outputs: (row, point) => all(point).map((column) => number(column, row)),
  }
}
