/** Models of differential equations, which are typed as one line. This module is loaded on demand. */

import { type OdeOptions, ode } from 'antigrad/fit'
import type { FitPageState } from './state.js'
import type { DataTable } from './table.js'
import type { ChosenColumns, FitTask, PlainTask } from './task.js'

/** Systems that the list of models offers, with starting values. */
export const systems = {
  absorption: {
    expression: "gut' = -ka*gut; gut(0) = c0; central' = ka*gut - ke*central; f = central",
    parameters: { ka: { start: 1 }, c0: { start: 1 }, ke: { start: 0.1 } },
  },
  epidemic: {
    expression: "S' = -beta*S*I/n; S(0) = n - first; I' = beta*S*I/n - gamma*I; I(0) = first; f = I",
    parameters: {
      beta: { start: 2 },
      n: { start: 763, fixed: true },
      first: { start: 1 },
      gamma: { start: 0.5 },
    },
  },
} as const satisfies Readonly<Record<string, Pick<FitPageState, 'expression' | 'parameters'>>>

/**
 * Reads a system such as `A' = -k*A; A(0) = dose; f = A/v`. Initial values are 0 by default. The observed quantity f
 * may be omitted if there is one state.
 *
 * @throws Error with a sentence that names the part and what was expected
 */
export function readSystem(text: string): Pick<OdeOptions, 'states' | 'rates' | 'observe'> {
  const rates: Record<string, string> = {}
  const initial: Record<string, string> = {}
  let observe = ''
  const parts = text.split(/[;\n]/).map((part) => part.trim())
  for (const [i, part] of parts.entries()) {
    if (part === '') continue
    const [, name, mark, value] = /^([\p{L}_][\p{L}\p{N}_]*)\s*('|\(\s*0\s*\))?\s*=(.+)$/su.exec(part) ?? []
    const isObserved = name === 'f' && mark === undefined
    if (name === undefined || (mark === undefined && !isObserved))
      throw new Error(`Equation ${i + 1}: expected A' = …, A(0) = … or f = …, got “${part}”.`)
    if (isObserved) observe = value.trim()
    else (mark === "'" ? rates : initial)[name] = value.trim()
  }
  const names = Object.keys(rates)
  const lost = Object.keys(initial).find((name) => !names.includes(name))
  if (lost)
    throw new Error(`Equations: expected a rate ${lost}' = … for the initial value ${lost}(0), got none.`)
  if (observe === '' && names.length > 1)
    throw new Error(`Equations: expected the observed quantity, such as f = ${names[0]}, got none.`)
  const states = Object.fromEntries(names.map((name) => [name, initial[name] ?? 0]))
  return { states, rates, observe: observe || names[0] }
}

/** @throws Error with a sentence; the errors of `ode` */
export function makeSystemTask(
  { columns }: DataTable,
  { x, y, ...others }: ChosenColumns,
  { expression }: FitPageState,
): PlainTask {
  const system = { ...readSystem(expression), time: x.name }
  const model = ode(system)
  const isColumn = (name: string) => columns.some((column) => column.name === name)
  const further = model.parameters.filter(isColumn)
  return {
    ...{ ...others, x, y, system },
    // The library's functions accept a model of differential equations in place of a model.
    model: model as unknown as FitTask['model'],
    text: expression,
    columns: [x.name, ...further],
    defaults: {},
    guessed: [],
    names: { x: x.name, y: y.name },
    parameters: model.parameters.filter((name) => !isColumn(name)),
    isCurve: further.length === 0,
  }
}
