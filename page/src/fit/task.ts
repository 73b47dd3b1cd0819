/** Converts a table and the page's state to the arguments of the library's fits. */

import { type Expression, expression } from 'antigrad'
import type { FitColumn, FitModel, FitOptions, OdeOptions } from 'antigrad/fit'
import { extraColumnsOf } from './model-list.js'
import { addNoise, type TaskNoise } from './noise.js'
import type { FitPageState, ParameterEntry } from './state.js'
import type { DataTable, TableColumn } from './table.js'

/** Default starting value of the parameters of a custom model. */
export const START = 1

export interface ChosenColumns {
  readonly x: TableColumn
  readonly y: TableColumn
  readonly sigma: TableColumn | null
  /** Null if σ is chosen. */
  readonly weights: TableColumn | null
  /** The column that the model needs in addition to x, or null. */
  readonly extra: TableColumn | null
}

/** The model-based weights that the page offers. */
export const modelWeights = ['1/f', '1/f^2']

export interface FitTask extends ChosenColumns, TaskNoise {
  readonly model: Expression | FitModel
  /** The options of `ode`, for a model of differential equations. */
  readonly system?: OdeOptions
  readonly text: string
  readonly parameters: readonly string[]
  /** The parameters whose starting values are guessed if the user sets none. */
  readonly guessed: readonly string[]
  /** The model's default settings of its parameters. */
  readonly defaults: Readonly<Record<string, ParameterEntry>>
  /** Names of x and y in the model and its data. */
  readonly names: { readonly x: string; readonly y: string }
  /** The columns in the model. */
  readonly columns: readonly string[]
  /** Whether x is the only column in the model, so that a curve can be drawn. */
  readonly isCurve: boolean
}

/** A task without a distribution. */
export type PlainTask = Omit<FitTask, keyof TaskNoise>

/** The part of the page that is loaded for a built-in model. */
type ModelLibrary = Pick<typeof import('./library.js'), 'makeModel'>
/** The part of the page that is loaded for differential equations. */
interface SystemLibrary {
  readonly makeSystemTask: (table: DataTable, chosen: ChosenColumns, state: FitPageState) => PlainTask
}
export type Library = ModelLibrary | SystemLibrary

/** Names of the chosen columns that the table lacks. */
export function missing(
  { columns, all }: DataTable,
  { x, y, extra, sigma, weights, group }: FitPageState,
): string[] {
  const isNone = (values: readonly TableColumn[]) => (name: string) =>
    name !== '' && !values.some((column) => column.name === name)
  const numbers = [x, y, extra, sigma, modelWeights.includes(weights) ? '' : weights].filter(isNone(columns))
  return [...numbers, ...[group].filter(isNone(all))]
}

/** The chosen columns, or the first ones by default. The column of group labels is not used as x or y if avoidable. */
export function choose({ columns }: DataTable, state: FitPageState): ChosenColumns {
  const named = (name: string, values = columns) => values.find((column) => column.name === name)
  const others = columns.filter(({ name }) => name !== state.group)
  const some = others.length < 2 ? columns : others
  const [first, second] = some
  const x = named(state.x, some) ?? (first.name === state.y ? second : first)
  const needsExtra = state.model !== 'own' && extraColumnsOf[state.model] !== undefined
  const unused = some.filter((column) => column !== x && column.name !== state.y)
  const extra = needsExtra
    ? (named(state.extra) ?? (state.y === '' && unused.length > 1 ? unused[0] : unused.at(-1)))
    : undefined
  const isFree = (column: TableColumn) => column !== x && column !== extra
  const y = named(state.y, some) ?? (isFree(second) ? second : (some.find(isFree) ?? first))
  // A distribution has its own σ.
  const sigma = (state.distribution === '' ? named(state.sigma) : null) ?? null
  const weights = (sigma === null ? named(state.weights) : null) ?? null
  return { x, y, sigma, weights, extra: extra ?? null }
}

/**
 * @param library null if the model is a custom expression
 * @throws Error with a sentence if the model is invalid or contains y
 */
export function makeTask(
  table: DataTable,
  chosen: ChosenColumns,
  state: FitPageState,
  library: Library | null,
): FitTask {
  return addNoise(makePlainTask(table, chosen, state, library), table, state)
}

/** The task without a distribution. */
function makePlainTask(
  table: DataTable,
  chosen: ChosenColumns,
  state: FitPageState,
  library: Library | null,
): PlainTask {
  if (library !== null)
    return 'makeModel' in library
      ? makeLibraryTask(chosen, state, library)
      : library.makeSystemTask(table, chosen, state)
  const { x, y } = chosen
  if (state.expression.trim() === '') throw new Error('Enter a function of the columns.')
  const model = expression(state.expression)
  const isColumn = (name: string) => table.columns.some((column) => column.name === name)
  const columns = model.names.filter(isColumn)
  if (columns.includes(y.name)) throw new Error(`The model contains “${y.name}”, the dependent variable.`)
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

function makeLibraryTask(chosen: ChosenColumns, state: FitPageState, library: ModelLibrary): PlainTask {
  const { x, y, extra } = chosen
  if (extra === null && state.model !== 'own' && extraColumnsOf[state.model] !== undefined)
    throw new Error('This model needs a third numeric column: the concentrations of the inhibitor.')
  const plain = library.makeModel(state, {})
  const parameters = expression(plain.text).names.filter(
    (name) => name !== 'x' && !plain.extraColumns?.includes(name),
  )
  // A column may have the same name as a parameter of the model.
  const free = (name: string, other: string) => (parameters.includes(name) ? other : name)
  const names = { x: free(x.name, 'x'), y: free(y.name, 'y') }
  const extraName = extra && free(extra.name, 'i')
  const model = library.makeModel(state, { x: names.x, ...(extraName !== null && { extra: extraName }) })
  return {
    ...chosen,
    model,
    text: model.text,
    parameters: addDependents(parameters, state),
    guessed: parameters,
    defaults: model.parameters as FitTask['defaults'],
    names,
    columns: [names.x, ...(extraName === null ? [] : [extraName])],
    isCurve: extra === null,
  }
}

/** Adds the parameters that occur only in the expressions of other parameters. */
function addDependents(parameters: readonly string[], state: FitPageState): string[] {
  const all = new Set(parameters)
  // The iteration includes names that are added during the loop.
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
  /** Indices of the used rows in the table. */
  readonly kept: readonly number[]
  /** Indices of the rows that the user left out. */
  readonly excluded: readonly number[]
  /** Sentences that explain why lines were dropped. */
  readonly leftOut: readonly string[]
}

/** Selects the rows with numbers in all used columns, except the rows that the user left out. */
export function selectRows(
  { columns, lines, keys, isTooLong }: DataTable,
  chosen: ChosenColumns,
  task: FitTask | null,
  out: readonly string[] = [],
): TaskRows {
  const { x, y, sigma, weights, extra } = chosen
  const inModel = columns.filter(
    (column) => column.name !== x.name && column !== extra && task?.columns.includes(column.name),
  )
  const further = [sigma, weights, extra].filter((column) => column !== null)
  const used = [x, y, ...further, ...inModel]
  const isOut = new Set(out)
  const leftOut: string[] = []
  const kept: number[] = []
  const excluded: number[] = []
  for (const [row, line] of lines.entries()) {
    const missing = used.find(({ numbers }) => !Number.isFinite(numbers[row]))
    if (isTooLong[row]) leftOut.push(`Line ${line} has more cells than the first row.`)
    else if (missing)
      leftOut.push(`Line ${line}: ${said(missing.texts[row])} in ${missing.title} is not a number.`)
    else if (sigma && !(sigma.numbers[row] > 0)) leftOut.push(`Line ${line}: ${sigma.title} is not positive.`)
    else if (weights && !(weights.numbers[row] >= 0))
      leftOut.push(`Line ${line}: ${weights.title} is negative.`)
    else if (isOut.size > 0 && isOut.has(keys[row])) excluded.push(row)
    else kept.push(row)
  }
  const compute = ({ numbers }: TableColumn) => Float64Array.from(kept, (row) => numbers[row])
  const names = task?.names ?? { x: x.name, y: y.name }
  const [ofX, ofExtra] = task?.columns ?? []
  return {
    data: Object.fromEntries([
      ...(task?.columns.includes(names.x) ? [[names.x, compute(x)] as const] : []),
      ...(extra && ofX !== undefined && ofExtra !== undefined ? [[ofExtra, compute(extra)] as const] : []),
      ...inModel.map((column) => [column.name, compute(column)] as const),
      [names.y, compute(y)],
    ]),
    sigma: sigma ? compute(sigma) : undefined,
    weights: weights ? compute(weights) : undefined,
    x: compute(x),
    y: compute(task?.shownY ?? y),
    kept,
    excluded,
    leftOut,
  }
}

const said = (text: string) =>
  text === '' ? 'an empty cell' : `“${text.length > 40 ? `${text.slice(0, 40)}…` : text}”`

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

/** The options of the library's fit functions for a state. */
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
  const isLeastSquares = state.distribution === ''
  const byModel = isLeastSquares && modelWeights.includes(state.weights) ? state.weights : undefined
  const weights = numbers ?? byModel
  const errors = sigma ? { sigma, absoluteSigma: state.absoluteSigma } : weights && { weights }
  return {
    start: Object.fromEntries(entries),
    y: task.names.y,
    ...errors,
    ...(isLeastSquares && state.loss !== 'squared' && { loss: state.loss }),
    ...(isLeastSquares && isRobust(state.loss) && state.lossScale !== 1 && { lossScale: state.lossScale }),
    ...(state.derive.trim() !== '' && { derive: parseDerived(state.derive) }),
  }
}

/** Whether a loss has a scale. */
export const isRobust = (loss: FitPageState['loss']): boolean => loss !== 'squared' && loss !== 'poisson'

/** Whether the fit tests for outliers, which needs a sum of squares. */
export const testsOutliers = ({ outliers, loss, weights, distribution }: FitPageState): boolean =>
  outliers !== 'keep' && distribution === '' && loss === 'squared' && !modelWeights.includes(weights)

/** @throws Error with a sentence if a part is not of the form `half = log(2)/b` */
function parseDerived(text: string): Record<string, string> {
  const parts = text.split(';').filter((part) => part.trim() !== '')
  return Object.fromEntries(
    parts.map((part) => {
      const [, name, value] = /^\s*([^=\s]+)\s*=(.+)$/s.exec(part) ?? []
      if (name === undefined)
        throw new Error(
          `Derived quantities: expected a definition such as half = log(2)/b, got “${part.trim()}”.`,
        )
      return [name, value.trim()]
    }),
  )
}

/** Columns by name: an array of values for one group, an array of arrays for several groups. */
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

/** The columns of σ and weights in the options of the library's fits. */
export const errorColumns = (all: readonly { readonly rows: TaskRows }[]) =>
  columnsByName(all, ({ sigma, weights }) => ({ ...(sigma && { sigma }), ...(weights && { weights }) }))
