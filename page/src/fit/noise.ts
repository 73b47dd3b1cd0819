/** The distribution of the response: its options in the page's state, and their names in the fit. */

import { expression } from 'antigrad'
import type { FitPageState } from './state.js'
import type { DataTable, TableColumn } from './table.js'

/** The columns and parameters of a model. */
interface PlainTask {
  readonly columns: readonly string[]
  readonly parameters: readonly string[]
  readonly y: TableColumn
}

/** The part of a task that the distribution determines. */
export interface TaskNoise {
  /** The parameters that only the distribution has. */
  readonly noise: readonly string[]
  /** Whether the distribution needs columns, so that the noise of a new observation is unknown. */
  readonly hasNoiseColumns: boolean
  /** The response as the model predicts it: y, or proportions of successes. */
  readonly shownY: TableColumn
}

/** The option of each distribution that the page calls its scale, with the default expression; '' for none. */
const scales: Readonly<
  Record<Exclude<FitPageState['distribution'], ''>, readonly [option: string, text: string]>
> = {
  normal: ['sigma', 'sigma'],
  lognormal: ['sigma', 'sigma'],
  student: ['sigma', 'sigma'],
  poisson: ['', ''],
  negativeBinomial: ['theta', 'theta'],
  binomial: ['trials', ''],
  gamma: ['shape', 'shape'],
}

/** Degrees of freedom of Student's t distribution, unless the user sets them. */
const DEFAULT_DF = '4'

/** Name of the option that the scale sets, or '' for none. */
export const scaleOption = ({ distribution }: FitPageState): string =>
  distribution === '' ? '' : scales[distribution][0]

/**
 * The options of the distribution as expressions.
 *
 * @throws Error with a sentence if the number of trials is missing
 */
export function noiseOptions(state: FitPageState): Readonly<Record<string, string>> {
  if (state.distribution === '') return {}
  const [option, usual] = scales[state.distribution]
  if (option === '') return {}
  const text = state.scale.trim() || usual
  if (text === '')
    throw new Error('Trials: expected a number, or the name of a column of trials, got nothing.')
  return { [option]: text, ...(state.distribution === 'student' && { df: state.df.trim() || DEFAULT_DF }) }
}

/** A number has no names. */
export function namesIn(text: string): readonly string[] {
  try {
    return expression(text).names
  } catch (thrown) {
    if (Number.isFinite(Number(text))) return []
    throw thrown
  }
}

/**
 * Adds the columns and parameters of the distribution to a task.
 *
 * @throws Error with a sentence if an option is not an expression
 */
export function addNoise<Task extends PlainTask>(
  task: Task,
  { columns }: DataTable,
  state: FitPageState,
): Task & TaskNoise {
  const options = noiseOptions(state)
  const known = [...task.columns, ...task.parameters, 'f']
  const names = [...new Set(Object.values(options).flatMap(namesIn))].filter((name) => !known.includes(name))
  const isColumn = (name: string) => columns.some((column) => column.name === name)
  const noise = names.filter((name) => !isColumn(name))
  return {
    ...task,
    columns: [...task.columns, ...names.filter(isColumn)],
    parameters: [...task.parameters, ...noise],
    noise,
    hasNoiseColumns: names.some(isColumn),
    shownY: state.distribution === 'binomial' ? proportions(task.y, options.trials, columns) : task.y,
  }
}

/** The proportions of successes, which the model predicts. */
function proportions(y: TableColumn, trials: string, columns: readonly TableColumn[]): TableColumn {
  const total = columns.find(({ name }) => name === trials)
  const numbers = y.numbers.map((count, row) => count / (total ? total.numbers[row] : Number(trials)))
  return { ...y, title: `${y.title} / ${total?.title ?? trials}`, numbers }
}
