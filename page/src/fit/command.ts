/** The fit of the page as a command line of `antigrad fit`. */

import { groupColumn, headingsOf, modelColumns, type SavedPoints } from './points-file.js'
import type { FitPageState } from './state.js'
import { type FitTask, isRobust, modelWeights, sharedParameters, testsOutliers } from './task.js'

const quote = (text: string) => (/^[\w./=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

/** Name of a loss on the command line, such as `soft-l1`. */
const dashed = (name: string) => name.replace(/(?<!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase()

/** The models whose options the command line cannot set are written as expressions. */
const plainModel = ({ model, logEC50 }: FitPageState) =>
  !['own', 'peaks', 'polynomial', 'inhibition'].includes(model) && logEC50 === 'no'

/** The note on the table of the command. */
const NOTE = '# fit.csv: the button “Save the points” writes it'

/** A command that repeats the fit for the points that the page saves. */
export function writeCommand(
  { chosen, task, table, outcome, at }: SavedPoints & { readonly task: FitTask },
  state: FitPageState,
): string {
  if (state.distribution !== '') return '# antigrad fit has no distributions: save a program instead'
  if (task.system) return '# antigrad fit has no differential equations: save a program instead'
  const parts = ['antigrad', 'fit', 'fit.csv']
  const add = (option: string, value?: string) =>
    parts.push(`--${option}`, ...(value === undefined ? [] : [quote(value)]))
  const heading = headingsOf(table)
  const isPlain = plainModel(state)
  add('model', isPlain ? state.model : task.text)
  const { y, sigma, weights } = chosen
  for (const { name, column } of modelColumns(table, chosen, task))
    add('x', name === heading(column) || isPlain ? heading(column) : `${name}=${heading(column)}`)
  add('y', heading(y))
  // The command line guesses starting values only for the models that it offers.
  const estimates = isPlain || state.model === 'own' ? {} : (outcome?.fits[at]?.values ?? {})
  addParameters(task, state, estimates, add)
  if (sigma) add('sigma', heading(sigma))
  if (sigma && state.absoluteSigma) add('absolute-sigma')
  if (weights) add('weights', heading(weights))
  else if (modelWeights.includes(state.weights)) add('weights', `=${state.weights}`)
  if (state.loss !== 'squared') add('loss', dashed(state.loss))
  if (isRobust(state.loss) && state.lossScale !== 1) add('loss-scale', `${state.lossScale}`)
  if (testsOutliers(state)) add('outliers', '0.01')
  if (testsOutliers(state) && state.outliers === 'drop') add('drop-outliers')
  if (state.profile) add('profile')
  for (const part of state.derive.split(';')) if (part.trim() !== '') add('derive', part.replaceAll(' ', ''))
  const group = groupColumn(table, state)
  if (group) add('group', heading(group))
  const shared = sharedParameters(task, { ...state, group: group?.name ?? '' })
  if (shared.length > 0) add('shared', shared.join())
  if (state.compare !== '') add('compare', state.compare)
  return `${NOTE}\n${parts.join(' ')}`
}

function addParameters(
  { parameters, guessed }: FitTask,
  { parameters: entries }: FitPageState,
  estimates: Readonly<Record<string, number>>,
  add: (option: string, value: string) => void,
): void {
  const list = (field: 'start' | 'min' | 'max') =>
    parameters.flatMap((name) => {
      const estimate = field === 'start' ? estimates[name] : undefined
      const value = entries[name]?.[field] ?? (estimate && Number(estimate.toPrecision(6)))
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
