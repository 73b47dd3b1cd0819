/** The model about where a fit has ended, row by row. */

import { differentiate } from '../expressions/differentiate.js'
import { compile } from '../expressions/program.js'
import { Machine } from '../expressions/run.js'
import { OptionError } from '../ground/errors.js'
import { isRecord, ownProperties } from '../ground/given.js'
import { atOnce } from '../ground/slices.js'
import { type Column, numbersOf, pick, rowsOf } from '../many/data.js'
import { type Bound, ROWS } from './called.js'
import { readNumbers } from './columns.js'
import { CalledCurve, columnsOfModel, keptBy, programOfModel, slopesOf } from './curve.js'
import type { Found, Ingredients } from './found.js'
import { inTriangle } from './linear.js'
import { termsOf } from './loss.js'
import type { Problem } from './problem.js'

/** Where a fit has ended, and what is known of it there. */
type Place = Pick<Ingredients, 'problem' | 'given' | 'starts'> & {
  readonly found: Pick<Found, 'free' | 'errors'>
}

/** The same, and the rows that count. */
type Linear = Omit<Place, 'given'> & Pick<Ingredients, 'columns' | 'rows'>

/** What programs of results take before columns: where a fit has ended, and what is fixed by fit. */
export function pointOf({ problem, found, starts }: Omit<Place, 'given'>, fit: number): number[] {
  return [...found.free.map((x) => x[fit]), ...problem.fixed.map((name) => starts.get(name)?.[fit] ?? NaN)]
}

export function covarianceOf(
  { found }: { readonly found: Pick<Found, 'covariance'> },
  fit: number,
  i: number,
  j: number,
): number {
  return found.covariance[inTriangle(i, j)][fit]
}

/** What a parameter is that varies or follows from others, by fit, and its derivatives by those that vary. */
export function followed(of: Omit<Place, 'given'>, name: string): (fit: number) => number[] {
  const at = followedAt(of.problem, name)
  return (fit) => at(pointOf(of, fit))
}

/** The same by a point, behind which is what is fixed by fit. */
export function followedAt(
  { graph, free, fixed, derived }: Problem,
  name: string,
): (point: readonly number[]) => number[] {
  const node = derived.get(name) ?? graph.name(name)
  const slopes = differentiate(graph, node, free, () => false).gradient
  const machine = new Machine(compile(graph, [node, ...slopes], [...free, ...fixed], []), 'float64')
  return (point) => {
    machine.run(point, [], 0)
    return machine.program.outputs.map((slot) => machine.slots[slot])
  }
}

/** Numbers by row of those that count. */
export interface Linearised {
  readonly curve: Float64Array
  /** Half the derivative of what a row costs by the model there. */
  readonly slope: Float64Array
  /** Derivatives of the model, by parameter that varies. */
  readonly gradient: readonly Float64Array[]
}

/** Of the fit that was asked for last: refits and what is said of them want the same. */
const lastOf = keptBy((_: Linear): { fit: number; linear?: Linearised } => ({ fit: -1 }))

/** @returns what is kept, and not to be written to */
export function linearise(of: Linear, fit: number): Linearised {
  const last = lastOf(of)
  if (last.fit !== fit || last.linear === undefined) last.linear = linearised(of, fit)
  last.fit = fit
  return last.linear
}

function linearised(of: Linear, fit: number): Linearised {
  const { problem } = of
  const columns = problem.columns.map((name) => numbersOf(of.columns.get(name) as Column, fit))
  const machine = new Machine(programOfRows(problem), 'float64')
  const point = pointOf(of, fit)
  const [curve, slope, ...gradient] = machine.program.outputs.map(() => new Float64Array(of.rows[fit]))
  const outputs = [curve, slope, ...gradient]
  const more =
    problem.called === null
      ? []
      : evaluated(of, problem.called, fit, columnsOfCounted(of, fit), point, curve.length)
  const own = [...columns, ...more]
  const slots = machine.program.outputs
  const input = new Float64Array(point.length + own.length)
  input.set(point)
  for (let row = 0; row < curve.length; row++) {
    for (let k = 0; k < own.length; k++) input[point.length + k] = own[k][row]
    machine.run(input, [], 0)
    for (let k = 0; k < slots.length; k++) outputs[k][row] = machine.slots[slots[k]]
  }
  return { curve, slope, gradient }
}

const columnsOfCounted = ({ problem, columns }: Linear, fit: number) =>
  columnsOfModel(problem).map((name) => numbersOf(columns.get(name) as Column, fit))

/** A function at a point, and its derivatives there. */
function evaluated(
  { problem, found }: Pick<Place, 'problem' | 'found'>,
  called: Bound,
  fit: number,
  columns: readonly Float64Array[],
  point: readonly number[],
  rows: number,
): Float64Array[] {
  const { free, min, max } = problem
  const curve = new CalledCurve(problem, called, columns, point.slice(free.length), rows)
  const x = Float64Array.from(point.slice(0, free.length))
  const f = curve.value(x)
  const sizes = found.errors.map((errors) => (errors[fit] < Infinity ? errors[fit] : 0))
  return [f, ...atOnce(curve.slopes({ x, f, min, max, sizes }))]
}

const programOfRows = keptBy((problem: Problem) => {
  const { graph, model, free, fixed, columns, evaluated } = problem
  const outputs = [model, termsOf(problem).slope, ...slopesOf(problem)]
  return compile(graph, outputs, [...free, ...fixed, ...columns, ...evaluated], [])
})

/** Columns of the model that somebody asks for. */
export type ColumnsAsked = Readonly<Record<string, ArrayLike<number>>> | undefined

/** The model at some rows, NaN where a number is missing. */
export interface ModelAt {
  readonly rows: number
  readonly columns: (row: number) => readonly number[]
  /** The model at a point, and with its derivatives. */
  readonly value: (row: number, point: readonly number[]) => number
  readonly outputs: (row: number, point: readonly number[]) => readonly number[]
}

/**
 * @param at columns; by default those that the fit was given, with rows that are left out
 * @throws OptionError where it is none, or one is missing or no numbers
 */
export function modelAt(of: Place, fit: number, at: ColumnsAsked): ModelAt {
  const { problem, given } = of
  const names = columnsOfModel(problem)
  if (at !== undefined && names.includes(ROWS)) {
    throw new OptionError('at', 'nothing, as the model gives the rows of its data alone', at)
  }
  if (at !== undefined && !isRecord(at)) throw new OptionError('at', `columns ${names.join(', ')}`, at)
  const asked = at && ownProperties(at)
  const data = names.map((name) => {
    if (asked === undefined) return numbersOf(given.get(name) as Column, fit)
    if (asked[name] === undefined) throw new OptionError('at', `a column ${name}`, undefined)
    return Float64Array.from(readNumbers(`at: ${name}`, asked[name]))
  })
  const rows = data[0]?.length ?? rowsOf(given.get(problem.y) as Column, fit)
  const other = data.findIndex(({ length }) => length !== rows)
  if (other >= 0)
    throw new OptionError(`at: ${names[other]}`, `${rows} rows, as before`, `${data[other].length} rows`)
  const columns = (row: number) => data.map((column) => column[row])
  // Conditions would take it for a number: of a dose that is missing nothing is known.
  const isMissing = (row: number) => data.some((column) => Number.isNaN(column[row]))
  if (problem.called !== null)
    return { rows, columns, ...calledAt(of, problem.called, fit, data, rows, isMissing) }
  const machine = new Machine(programOfModel(problem), 'float64')
  const outputs = (row: number, point: readonly number[]) => {
    if (isMissing(row)) return machine.program.outputs.map(() => NaN)
    machine.run([...point, ...columns(row)], [], 0)
    return machine.program.outputs.map((slot) => machine.slots[slot])
  }
  return { rows, columns, outputs, value: (row, point) => outputs(row, point)[0] }
}

/** A function is called for all rows at once, when somebody asks for the first one of a point. */
function calledAt(
  of: Place,
  called: Bound,
  fit: number,
  data: readonly Float64Array[],
  rows: number,
  isMissing: (row: number) => boolean,
): Pick<ModelAt, 'value' | 'outputs'> {
  const { problem } = of
  const known = Uint32Array.from({ length: rows }, (_, row) => row).filter((row) => !isMissing(row))
  const places = new Map(Array.from(known, (row, place) => [row, place]))
  const own = data.map((column) => pick(column, known))
  const number = (column: Float64Array, row: number) => column[places.get(row) ?? -1] ?? NaN
  const values = keptBy((point: readonly number[]) => {
    const count = problem.free.length
    return new CalledCurve(problem, called, own, point.slice(count), known.length).value(
      point.slice(0, count),
    )
  })
  const all = keptBy((point: readonly number[]) => evaluated(of, called, fit, own, point, known.length))
  return {
    value: (row, point) => number(values(point), row),
    outputs: (row, point) => all(point).map((column) => number(column, row)),
  }
}
