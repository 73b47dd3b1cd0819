/** The model about where a fit has ended, row by row. */

import { differentiate } from '../expressions/differentiate.js'
import { compile, type Program } from '../expressions/program.js'
import { Machine } from '../expressions/run.js'
import { OptionError } from '../ground/errors.js'
import { isRecord, ownProperties } from '../ground/given.js'
import { type Column, numbersOf, rowsOf } from '../many/data.js'
import { readNumbers } from './columns.js'
import type { Ingredients } from './found.js'
import { inTriangle } from './linear.js'
import { termsOf } from './loss.js'
import type { Problem } from './problem.js'

/** What programs of results take before columns: where a fit has ended, and what is fixed by fit. */
export function pointOf({ problem, found, starts }: Ingredients, fit: number): number[] {
  return [...found.free.map((x) => x[fit]), ...problem.fixed.map((name) => starts.get(name)?.[fit] ?? NaN)]
}

export function covarianceOf({ found }: Ingredients, fit: number, i: number, j: number): number {
  return found.covariance[inTriangle(i, j)][fit]
}

/** What a parameter is that varies or follows from others, by fit, and its derivatives by those that vary. */
export function followed(of: Ingredients, name: string): (fit: number) => number[] {
  const { graph, free, fixed, derived } = of.problem
  const node = derived.get(name) ?? graph.name(name)
  const slopes = differentiate(graph, node, free, () => false).gradient
  const machine = new Machine(compile(graph, [node, ...slopes], [...free, ...fixed], []), 'float64')
  return (fit) => {
    machine.run(pointOf(of, fit), [], 0)
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

export function linearise(of: Ingredients, fit: number): Linearised {
  const columns = of.problem.columns.map((name) => numbersOf(of.columns.get(name) as Column, fit))
  const machine = new Machine(programOfRows(of.problem), 'float64')
  const point = pointOf(of, fit)
  const [curve, slope, ...gradient] = machine.program.outputs.map(() => new Float64Array(of.rows[fit]))
  const outputs = [curve, slope, ...gradient]
  for (let row = 0; row < curve.length; row++) {
    machine.run([...point, ...columns.map((column) => column[row])], [], 0)
    for (const [k, slot] of machine.program.outputs.entries()) outputs[k][row] = machine.slots[slot]
  }
  return { curve, slope, gradient }
}

type Made = (problem: Problem) => Program

/** The same program each time. */
function keptBy(make: Made): Made {
  const kept = new WeakMap<Problem, Program>()
  return (problem) => {
    const made = kept.get(problem) ?? make(problem)
    kept.set(problem, made)
    return made
  }
}

const slopesOf = ({ graph, model, free }: Problem) => differentiate(graph, model, free, () => false).gradient

const programOfRows = keptBy((problem) => {
  const { graph, model, free, fixed, columns } = problem
  const outputs = [model, termsOf(problem).slope, ...slopesOf(problem)]
  return compile(graph, outputs, [...free, ...fixed, ...columns], [])
})

/** The columns that the model has. */
export function columnsOfModel({ columns, y, weight }: Problem): string[] {
  return columns.filter((name) => name !== y && name !== weight)
}

/** The model and its derivatives, of a point and then a row of its columns. */
export const programOfModel = keptBy((problem) => {
  const { graph, model, free, fixed } = problem
  const names = [...free, ...fixed, ...columnsOfModel(problem)]
  return compile(graph, [model, ...slopesOf(problem)], names, [])
})

/** Columns of the model that somebody asks for. */
export type ColumnsAsked = Readonly<Record<string, ArrayLike<number>>> | undefined

/**
 * The model at some rows: outputs of its program at a point, NaN where a number is missing.
 *
 * @param at columns; by default those that the fit was given, with rows that are left out
 * @throws OptionError where it is none, or one is missing or no numbers
 */
export function modelAt({ problem, given }: Ingredients, fit: number, at: ColumnsAsked) {
  const names = columnsOfModel(problem)
  if (at !== undefined && !isRecord(at)) throw new OptionError('at', `columns ${names.join(', ')}`, at)
  const asked = at && ownProperties(at)
  const data = names.map((name) => {
    if (asked === undefined) return numbersOf(given.get(name) as Column, fit)
    if (asked[name] === undefined) throw new OptionError('at', `a column ${name}`, undefined)
    return readNumbers(`at: ${name}`, asked[name])
  })
  const rows = data[0]?.length ?? rowsOf(given.get(problem.y) as Column, fit)
  const other = data.findIndex(({ length }) => length !== rows)
  if (other >= 0)
    throw new OptionError(`at: ${names[other]}`, `${rows} rows, as before`, `${data[other].length} rows`)
  const machine = new Machine(programOfModel(problem), 'float64')
  const columns = (row: number) => data.map((column) => column[row])
  const outputs = (row: number, point: readonly number[]) => {
    // Conditions would take it for a number: of a dose that is missing nothing is known.
    const numbers = columns(row)
    if (numbers.some(Number.isNaN)) return machine.program.outputs.map(() => NaN)
    machine.run([...point, ...numbers], [], 0)
    return machine.program.outputs.map((slot) => machine.slots[slot])
  }
  return { rows, columns, outputs }
}
