/** The fit of the page as a command line of `antigrad fit`. */

import { namesIn, noiseOptions } from './noise.js'
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

type AddOption = (option: string, value?: string) => void

/** Commands that repeat the fit for the points that the page saves. */
export function writeCommand(saved: SavedPoints & { readonly task: FitTask }, state: FitPageState): string {
  const { chosen, task, table, outcome, at } = saved
  const refused = whyNot(task, chosen, state)
  if (refused !== '') return `# antigrad fit has no ${refused}: save a program instead`
  const parts = ['antigrad', 'fit', 'fit.csv']
  const add: AddOption = (option, value) =>
    parts.push(`--${option}`, ...(value === undefined ? [] : [quote(value)]))
  const heading = headingsOf(table)
  const isPlain = plainModel(state)
  const { system } = task
  if (system) add('ode', 'fit.json')
  else add('model', isPlain ? state.model : task.text)
  const { y } = chosen
  const isLeastSquares = state.distribution === ''
  // A compared model of a fit by likelihood is a second model.
  if (!isLeastSquares && state.compare !== '') add('model', state.compare)
  for (const { name, column } of modelColumns(table, chosen, task))
    if (column.name !== trialsColumn(task, state))
      add('x', name === heading(column) || isPlain ? heading(column) : `${name}=${heading(column)}`)
  add('y', heading(y))
  // The command line guesses starting values only for the models that it offers, and fits by likelihood directly.
  const isGuessed = isLeastSquares && (isPlain || state.model === 'own')
  addParameters(task, state, isGuessed ? {} : (outcome?.fits[at]?.values ?? {}), add)
  if (isLeastSquares) addErrors(saved, state, add)
  else addDistribution(saved, state, add)
  if (state.profile) add('profile')
  for (const part of state.derive.split(';')) if (part.trim() !== '') add('derive', part.replaceAll(' ', ''))
  const group = groupColumn(table, state)
  if (group) add('group', heading(group))
  const shared = isLeastSquares ? sharedParameters(task, { ...state, group: group?.name ?? '' }) : []
  if (shared.length > 0) add('shared', shared.join())
  if (isLeastSquares && !system && state.compare !== '') add('compare', state.compare)
  const file = system ? [`echo ${quote(JSON.stringify(system))} > fit.json`] : []
  return [NOTE, ...file, parts.join(' ')].join('\n')
}

/** Name of the column of trials, which is no variable of the model. */
const trialsColumn = ({ hasNoiseColumns }: FitTask, state: FitPageState): string =>
  hasNoiseColumns && state.distribution === 'binomial' ? state.scale.trim() : ''

/** The part of the fit that the command line lacks, or ''. */
function whyNot(
  { hasNoiseColumns, system, text }: FitTask,
  { weights }: SavedPoints['chosen'],
  state: FitPageState,
): string {
  const { distribution } = state
  if (distribution === '') return ''
  if (system) return 'distributions of differential equations'
  if (weights) return 'weights of a distribution'
  if (distribution === 'binomial') {
    const trials = state.scale.trim()
    if (namesIn(text).includes(trials)) return 'models of the number of trials'
    return isNumber(trials) || namesIn(trials).join() === trials ? '' : 'formulas of trials'
  }
  if (hasNoiseColumns) return 'columns in the scale of a distribution'
  const { theta = 'theta', shape = 'shape', df = 'df' } = noiseOptions(state)
  const other = Object.entries({ theta, shape, df }).find(([name, text]) => text !== name && !isNumber(text))
  return other ? `formulas of ${other[0]}` : ''
}

const isNumber = (text: string) => Number.isFinite(Number(text))

function addErrors({ chosen, table }: SavedPoints, state: FitPageState, add: AddOption): void {
  const heading = headingsOf(table)
  const { sigma, weights } = chosen
  if (sigma) add('sigma', heading(sigma))
  if (sigma && state.absoluteSigma) add('absolute-sigma')
  if (weights) add('weights', heading(weights))
  else if (modelWeights.includes(state.weights)) add('weights', `=${state.weights}`)
  if (state.loss !== 'squared') add('loss', dashed(state.loss))
  if (isRobust(state.loss) && state.lossScale !== 1) add('loss-scale', `${state.lossScale}`)
  if (testsOutliers(state)) add('outliers', '0.01')
  if (testsOutliers(state) && state.outliers === 'drop') add('drop-outliers')
}

function addDistribution({ table }: SavedPoints, state: FitPageState, add: AddOption): void {
  add('distribution', dashed(state.distribution))
  const { sigma, trials } = noiseOptions(state)
  if (sigma !== undefined && sigma !== 'sigma') add('sigma', sigma)
  const column = table.columns.find(({ name }) => name === trials)
  if (trials !== undefined) add('trials', column ? headingsOf(table)(column) : trials)
}

/** Numbers of theta, the shape and df, which are fixed parameters of the command line. */
const fixedNoise = (state: FitPageState): string[] =>
  Object.entries(noiseOptions(state)).flatMap(([name, text]) =>
    ['theta', 'shape', 'df'].includes(name) && isNumber(text) ? [`${name}=${text}`] : [],
  )

function addParameters(
  { parameters, guessed }: FitTask,
  state: FitPageState,
  estimates: Readonly<Record<string, number>>,
  add: AddOption,
): void {
  const { parameters: entries } = state
  const list = (field: 'start' | 'min' | 'max') =>
    parameters.flatMap((name) => {
      const estimate = field === 'start' && !entries[name]?.fixed ? estimates[name] : undefined
      const value = entries[name]?.[field] ?? (estimate && Number(estimate.toPrecision(6)))
      return value === undefined || entries[name]?.expr ? [] : [`${name}=${value}`]
    })
  for (const field of ['start', 'min', 'max'] as const)
    if (list(field).length > 0) add(field, list(field).join())
  const free = (name: string) => entries[name]?.start !== undefined || guessed.includes(name)
  const fixed = [
    ...parameters.filter((name) => entries[name]?.fixed).map((name) => (free(name) ? name : `${name}=1`)),
    ...fixedNoise(state),
  ]
  if (fixed.length > 0) add('fixed', fixed.join())
  const positive = parameters.filter((name) => entries[name]?.positive)
  if (positive.length > 0) add('positive', positive.join())
  for (const name of parameters) {
    const { expr } = entries[name] ?? {}
    if (expr) add('expr', `${name}=${expr}`)
  }
}
