/** From a table and what is to be fitted to what the library takes. */

import { type Expression, expression } from 'antigrad'
import {
  type FitColumn,
  type FitModel,
  type FitOptions,
  type ModelOptions,
  models,
  profileIntervals,
} from 'antigrad/fit'
import type { FitPageState, ParameterEntry } from './state.js'
import type { DataTable, TableColumn } from './table.js'

/** Where a parameter of a visitor's own model starts if nothing is said. */
export const START = 1

export interface ChosenColumns {
  readonly x: TableColumn
  readonly y: TableColumn
  readonly sigma: TableColumn | null
  /** None beside σ. */
  readonly weights: TableColumn | null
}

/** Weights by the model that may be chosen. */
export const modelWeights = ['1/f', '1/f^2']

export interface FitTask extends ChosenColumns {
  readonly model: Expression | FitModel
  readonly text: string
  readonly parameters: readonly string[]
  /** Those of them whose starts are guessed, unless they are said. */
  readonly guessed: readonly string[]
  /** What the model says of its parameters. */
  readonly defaults: Readonly<Record<string, ParameterEntry>>
  /** What stands for x, and for y. */
  readonly names: { readonly x: string; readonly y: string }
  /** Columns in the model; whether x is the only one, so that there is a curve. */
  readonly columns: readonly string[]
  readonly isCurve: boolean
}

/** Columns that a state names, and a table does not have. */
export function missing(
  { columns, all }: DataTable,
  { x, y, sigma, weights, group }: FitPageState,
): string[] {
  const isNone = (values: readonly TableColumn[]) => (name: string) =>
    name !== '' && !values.some((column) => column.name === name)
  const numbers = [x, y, sigma, modelWeights.includes(weights) ? '' : weights].filter(isNone(columns))
  return [...numbers, ...[group].filter(isNone(all))]
}

/** Those that a state names, or else the first ones; what tells groups apart is neither x nor y, if there are others. */
export function choose({ columns }: DataTable, state: FitPageState): ChosenColumns {
  const named = (name: string, values = columns) => values.find((column) => column.name === name)
  const others = columns.filter(({ name }) => name !== state.group)
  const some = others.length < 2 ? columns : others
  const [first, second] = some
  const x = named(state.x, some) ?? (first.name === state.y ? second : first)
  const y = named(state.y, some) ?? (second === x ? first : second)
  const sigma = named(state.sigma) ?? null
  return { x, y, sigma, weights: (sigma === null ? named(state.weights) : null) ?? null }
}

/** @throws Error with a sentence where the model cannot be read, or is about y itself */
export function makeTask(table: DataTable, chosen: ChosenColumns, state: FitPageState): FitTask {
  const { x, y } = chosen
  if (state.model !== 'own') {
    const make = (options: ModelOptions) => models[state.model as keyof typeof models](options)
    // A column may have a parameter's name.
    const parameters = expression(make({}).text).names.filter((name) => name !== 'x')
    const free = (name: string, other: string) => (parameters.includes(name) ? other : name)
    const names = { x: free(x.name, 'x'), y: free(y.name, 'y') }
    const model = make({ x: names.x })
    const { text, parameters: defaults } = model
    return {
      ...chosen,
      model,
      text,
      parameters: addDependents(parameters, state),
      guessed: parameters,
      defaults: defaults as FitTask['defaults'],
      names,
      columns: [names.x],
      isCurve: true,
    }
  }
  if (state.expression.trim() === '') throw new Error('Enter a function of the columns.')
  const model = expression(state.expression)
  const isColumn = (name: string) => table.columns.some((column) => column.name === name)
  const columns = model.names.filter(isColumn)
  if (columns.includes(y.name)) throw new Error(`The model has “${y.name}” in it, which it is to meet.`)
  return {
    ...chosen,
    model,
    text: model.text,
    columns,
    defaults: {},
    guessed: [],
    names: { x: x.name, y: y.name },
    parameters: addDependents(
      model.names.filter((name) => !isColumn(name)),
      state,
    ),
    isCurve: columns.length === 1 && columns[0] === x.name,
  }
}

/** With those that only others follow from. */
function addDependents(parameters: readonly string[], state: FitPageState): string[] {
  const all = new Set(parameters)
  // A set goes on to what is added meanwhile.
  for (const name of all) {
    const { expr } = state.parameters[name] ?? {}
    if (expr) for (const other of expression(expr).names) all.add(other)
  }
  return [...all]
}

export interface TaskRows {
  readonly data: Readonly<Record<string, Float64Array>>
  readonly sigma: Float64Array | undefined
  readonly weights: Float64Array | undefined
  readonly x: Float64Array
  readonly y: Float64Array
  /** Which rows of the table these are. */
  readonly kept: readonly number[]
  /** Why a row is left out, by line. */
  readonly leftOut: readonly string[]
}

/** Rows that have a number in every column that is used. */
export function selectRows(
  { columns, lines, isTooLong }: DataTable,
  chosen: ChosenColumns,
  task: FitTask | null,
): TaskRows {
  const { x, y, sigma, weights } = chosen
  const inModel = columns.filter(({ name }) => name !== x.name && task?.columns.includes(name))
  const used = [x, y, ...(sigma ? [sigma] : []), ...(weights ? [weights] : []), ...inModel]
  const leftOut: string[] = []
  const kept: number[] = []
  for (const [row, line] of lines.entries()) {
    const missing = used.find(({ numbers }) => !Number.isFinite(numbers[row]))
    if (isTooLong[row]) leftOut.push(`Line ${line} has more cells than the first row.`)
    else if (missing)
      leftOut.push(`Line ${line}: ${said(missing.texts[row])} in ${missing.title} is no number.`)
    else if (sigma && !(sigma.numbers[row] > 0)) leftOut.push(`Line ${line}: ${sigma.title} is not above 0.`)
    else if (weights && !(weights.numbers[row] >= 0))
      leftOut.push(`Line ${line}: ${weights.title} is below 0.`)
    else kept.push(row)
  }
  const compute = ({ numbers }: TableColumn) => Float64Array.from(kept, (row) => numbers[row])
  const named = inModel.map((column) => [column.name, compute(column)] as const)
  const names = task?.names ?? { x: x.name, y: y.name }
  const isInModel = task?.columns.includes(names.x)
  return {
    data: Object.fromEntries([
      ...(isInModel ? [[names.x, compute(x)] as const] : []),
      ...named,
      [names.y, compute(y)],
    ]),
    sigma: sigma ? compute(sigma) : undefined,
    weights: weights ? compute(weights) : undefined,
    x: compute(x),
    y: compute(y),
    kept,
    leftOut,
  }
}

const said = (text: string) =>
  text === '' ? 'what is missing' : `“${text.length > 40 ? `${text.slice(0, 40)}…` : text}”`

/** Parameters that all groups share. */
export function sharedParameters(
  { parameters }: FitTask,
  { group, parameters: entries }: FitPageState,
): string[] {
  if (group === '') return []
  return parameters.filter((name) => {
    const { shared, fixed, expr } = entries[name] ?? {}
    return shared && !fixed && !expr
  })
}

/** Options of the library for a state. */
export function fitOptions(
  task: FitTask,
  state: FitPageState,
  {
    sigma,
    weights: numbers,
  }: { readonly sigma?: FitColumn | undefined; readonly weights?: FitColumn | undefined },
): FitOptions {
  const entries = task.parameters.map((name) => {
    const { expr, shared, ...entry } = state.parameters[name] ?? {}
    if (expr) return [name, { expr }] as const
    return [name, task.guessed.includes(name) ? entry : { ...entry, start: entry.start ?? START }] as const
  })
  const weights = numbers ?? (modelWeights.includes(state.weights) ? state.weights : undefined)
  const errors = sigma ? { sigma, absoluteSigma: state.absoluteSigma } : weights && { weights }
  return {
    start: Object.fromEntries(entries),
    y: task.names.y,
    ...errors,
    ...(state.loss !== 'squared' && { loss: state.loss }),
    ...(state.profile && { intervals: profileIntervals() }),
    ...(state.derive.trim() !== '' && { derive: parseDerived(state.derive) }),
  }
}

/** @throws Error with a sentence where a part is not as in half = log(2)/b */
function parseDerived(text: string): Record<string, string> {
  const parts = text.split(';').filter((part) => part.trim() !== '')
  return Object.fromEntries(
    parts.map((part) => {
      const [, name, value] = /^\s*([^=\s]+)\s*=(.+)$/s.exec(part) ?? []
      if (name === undefined)
        throw new Error(`Derived: expected as in half = log(2)/b, got “${part.trim()}”.`)
      return [name, value.trim()]
    }),
  )
}

/** Columns by name: of one group its numbers, of many a list of them. */
export function columnsByName(
  all: readonly { readonly rows: TaskRows }[],
  columnsOf: (rows: TaskRows) => Readonly<Record<string, Float64Array>>,
): Readonly<Record<string, Float64Array | Float64Array[]>> {
  const each = all.map(({ rows }) => columnsOf(rows))
  return Object.fromEntries(
    Object.keys(each[0] ?? {}).map((name) => {
      const lists = each.map((columns) => columns[name])
      return [name, lists.length === 1 ? lists[0] : lists]
    }),
  )
}
