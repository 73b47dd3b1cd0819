/** The fit of the page as a command line of `antigrad fit`. */

import type { DisplayedState } from './displayed-state.js'
import type { FitPageState } from './state.js'
import { type FitTask, isRobust, modelWeights, sharedParameters } from './task.js'

const quote = (text: string) => (/^[\w./=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

/** Name of a model or loss on the command line, such as `four-p-l`. */
const dashed = (name: string) => name.replace(/(?<!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase()

/** The models whose options the command line cannot set are written as expressions. */
const plainModel = ({ model, logEC50 }: FitPageState) =>
  !['own', 'peaks', 'polynomial', 'inhibition'].includes(model) && logEC50 === 'no'

/** A command for the table of the page, saved as `data.csv`. */
export function writeCommand(
  { chosen, task, table }: Pick<DisplayedState, 'chosen' | 'table'> & { readonly task: FitTask },
  state: FitPageState,
): string {
  const parts = ['antigrad', 'fit', table.shape === 'points' ? 'data.csv' : 'points.csv']
  const add = (option: string, value?: string) =>
    parts.push(`--${option}`, ...(value === undefined ? [] : [quote(value)]))
  const isPlain = plainModel(state)
  add('model', isPlain ? dashed(state.model) : task.text)
  const { x, y, sigma, weights, extra } = chosen
  add('x', task.names.x === x.title || isPlain ? x.title : `${task.names.x}=${x.title}`)
  if (extra) add('x', `${task.columns[1]}=${extra.title}`)
  add('y', y.title)
  addParameters(task, state, add)
  if (sigma) add('sigma', sigma.title)
  if (sigma && state.absoluteSigma) add('absolute-sigma')
  if (weights) add('weights', weights.title)
  else if (modelWeights.includes(state.weights)) add('weights', `=${state.weights}`)
  if (state.loss !== 'squared') add('loss', dashed(state.loss))
  if (isRobust(state.loss) && state.lossScale !== 1) add('loss-scale', `${state.lossScale}`)
  if (state.outliers !== 'keep') add('outliers', '0.01')
  if (state.outliers === 'drop') add('drop-outliers')
  if (state.profile) add('profile')
  for (const part of state.derive.split(';')) if (part.trim() !== '') add('derive', part.replaceAll(' ', ''))
  const group = state.group || table.curves
  if (group !== '') add('group', table.all.find(({ name }) => name === group)?.title ?? group)
  const shared = sharedParameters(task, { ...state, group })
  if (shared.length > 0) add('shared', shared.join())
  if (state.compare !== '') add('compare', state.compare)
  const note = table.shape === 'points' ? '' : '# points.csv: “Save the points” writes it\n'
  return `${note}${parts.join(' ')}`
}

function addParameters(
  { parameters, guessed }: FitTask,
  { parameters: entries }: FitPageState,
  add: (option: string, value: string) => void,
): void {
  const list = (field: 'start' | 'min' | 'max') =>
    parameters.flatMap((name) => {
      const value = entries[name]?.[field]
      return value === undefined || entries[name]?.expr ? [] : [`${name}=${value}`]
    })
  for (const field of ['start', 'min', 'max'] as const)
    if (list(field).length > 0) add(field, list(field).join())
  const free = (name: string) => entries[name]?.start !== undefined || guessed.includes(name)
  const fixed = parameters.filter((name) => entries[name]?.fixed)
  if (fixed.length > 0) add('fixed', fixed.map((name) => (free(name) ? name : `${name}=1`)).join())
  const positive = parameters.filter((name) => entries[name]?.positive)
  if (positive.length > 0) add('positive', positive.join())
  for (const name of parameters) {
    const { expr } = entries[name] ?? {}
    if (expr) add('expr', `${name}=${expr}`)
  }
}
