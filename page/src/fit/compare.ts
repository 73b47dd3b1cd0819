/** Compares the model with a second one. This module is loaded on demand. */

import {
  compare,
  type Fit,
  type FitManyResult,
  fitMany,
  type LikelihoodFit,
  type LikelihoodResult,
} from 'antigrad/fit'
import { formatEstimate, getMessage } from '../../../dist/page.js'
import { formatNumber, h, labeled } from '../dom.js'
import { type ComparisonNumbers, describeComparison } from './comparison-text.js'
import { computeLine } from './curves.js'
import { sourceOf } from './displayed-fit.js'
import type { DisplayedState } from './displayed-state.js'
import { loadLibrary } from './load-library.js'
import { isModelName, modelGroups, modelTitles } from './model-list.js'
import type { FittedCurve } from './plot.js'
import type { FitPageState } from './state.js'
import { columnsByName, errorColumns, type FitTask, fitOptions, makeTask, sharedParameters } from './task.js'

/** Number of points of the second curve. */
const SAMPLES = 301

type OnChange = (changed: Partial<FitPageState>) => void

interface Elements {
  readonly model: HTMLSelectElement
  readonly expression: HTMLInputElement
  readonly answer: HTMLElement
  readonly table: HTMLElement
}

const built = new WeakMap<HTMLElement, Elements>()

/**
 * Shows the comparison of the displayed fit with the model of the setting `compare`.
 *
 * @returns the curve of the second model, or null
 */
export async function showCompare(
  place: HTMLElement,
  shown: DisplayedState | null,
  onChange: OnChange,
): Promise<Pick<FittedCurve, 'x' | 'y'> | null> {
  const elements = built.get(place) ?? build(place, onChange)
  const { answer, table } = elements
  const second = shown?.state.compare ?? ''
  showChoice(elements, second)
  table.replaceChildren()
  answer.textContent = ''
  const first = shown?.outcome?.fits[shown.at]
  if (second === '' || shown === null || first === undefined) return null
  if (sharedParameters(shown.task as FitTask, shown.state).length > 0 && shown.state.distribution === '') {
    answer.textContent = 'Models with shared parameters cannot be compared here.'
    return null
  }
  try {
    const task = await secondTask(shown, second)
    const other = await fitSecond(shown, task)
    const [a, b] = [sourceOf(first) as Fit | LikelihoodFit, other.at(shown.at)]
    answer.textContent = describeComparison(compareFits(a, b), [
      title(shown.state),
      title(secondState(shown, second)),
    ])
    table.replaceChildren(tableOf([a, b], ['Model', 'Second model']))
    return computeLine(task, shown.groups[shown.at].rows, b, shown.state, SAMPLES)
  } catch (thrown) {
    answer.textContent = getMessage(thrown)
    return null
  }
}

function build(place: HTMLElement, onChange: OnChange): Elements {
  const model = h(
    'select',
    {},
    h('option', { value: '', textContent: 'none' }),
    ...Object.entries(modelGroups).map(([subject, models]) =>
      h(
        'optgroup',
        { label: subject },
        ...Object.entries(models).map(([value, textContent]) => h('option', { value, textContent })),
      ),
    ),
    h('option', { value: 'own', textContent: 'custom' }),
  )
  const expression = h('input', { type: 'text', size: 34, spellcheck: false, autocomplete: 'off' })
  expression.placeholder = 'a*exp(-b*t)'
  const elements = {
    model,
    expression,
    answer: h('p', { className: 'answer', role: 'status' }),
    table: h('div'),
  }
  model.addEventListener('change', () => {
    if (model.value === 'own') {
      expression.disabled = false
      expression.focus()
    } else onChange({ compare: model.value })
  })
  expression.addEventListener('input', () => onChange({ compare: expression.value }))
  place.append(
    h('div', { className: 'row' }, labeled('second model', model), labeled('second f =', expression)),
    elements.answer,
    h('div', { className: 'found', tabIndex: 0, role: 'region', 'aria-label': 'Comparison' }, elements.table),
  )
  built.set(place, elements)
  return elements
}

function showChoice({ model, expression }: Elements, second: string): void {
  const isOwn = second !== '' && !isModelName(second)
  if (second !== '' || document.activeElement !== expression) {
    model.value = isOwn ? 'own' : second
    expression.disabled = !isOwn
  }
  if (document.activeElement !== expression) expression.value = isOwn ? second : ''
}

/** The settings of the second model, which starts without settings of parameters. */
const secondState = ({ state }: DisplayedState, second: string): FitPageState =>
  isModelName(second)
    ? { ...state, model: second, parameters: {} }
    : { ...state, model: 'own', expression: second, parameters: {} }

const title = (state: FitPageState) =>
  state.model === 'own' ? state.expression : `model “${modelTitles[state.model]}”`

async function secondTask(shown: DisplayedState, second: string): Promise<FitTask> {
  const state = secondState(shown, second)
  const library = await loadLibrary(state)
  return makeTask(shown.table, shown.chosen, state, library)
}

/** The comparison by likelihood has no p-value, because the models need not be nested. */
function compareFits(a: Fit | LikelihoodFit, b: Fit | LikelihoodFit): ComparisonNumbers {
  if (!('minus2LogLikelihood' in a) || !('minus2LogLikelihood' in b)) return compare(a as Fit, b as Fit)
  const ranked = compare([a, b])
  const aicc = [0, 1].map((index) => ranked.find((one) => one.index === index)?.aicc ?? NaN)
  return { pValue: NaN, aicc: [aicc[0], aicc[1]], fullModel: null }
}

async function fitSecond(
  { groups, task: first, state }: DisplayedState,
  task: FitTask,
): Promise<FitManyResult | LikelihoodResult> {
  const errors = errorColumns(groups)
  const columns = columnsByName(groups, ({ data, x, y }) => ({
    ...Object.fromEntries(
      Object.entries(data).filter(([name]) => name !== first?.names.x && name !== first?.names.y),
    ),
    ...(task.columns.includes(task.names.x) && { [task.names.x]: x }),
    [task.names.y]: y,
  }))
  const own = { ...state, parameters: {}, derive: '' }
  const options = fitOptions(task, own, errors)
  if (state.distribution === '') return fitMany(task.model, columns, options)
  const { fitLikelihoods } = await import('./distributions.js')
  return (await fitLikelihoods({ task, state: own, columns, options })).result
}

function tableOf(fits: readonly (Fit | LikelihoodFit)[], heads: readonly string[]): HTMLElement {
  const row = (name: string, texts: readonly string[]) =>
    h('tr', {}, h('th', { scope: 'row' }, name), ...texts.map((text) => h('td', {}, text)))
  const parameters = fits.map(({ values, errors }) =>
    Object.keys(values)
      .map((name) => `${name} = ${formatEstimate(values[name], errors[name])}`)
      .join(', '),
  )
  return h(
    'table',
    {},
    h('thead', {}, h('tr', {}, h('td'), ...heads.map((text) => h('th', { scope: 'col' }, text)))),
    h(
      'tbody',
      {},
      row('Parameters', parameters),
      row(
        'minus2LogLikelihood' in fits[0] ? '−2 log L' : 'χ² or sum of squares',
        fits.map(({ chiSquared }) => formatNumber(chiSquared, 5)),
      ),
      row(
        'AIC',
        fits.map(({ aic }) => formatNumber(aic, 5)),
      ),
      row(
        'BIC',
        fits.map(({ bic }) => formatNumber(bic, 5)),
      ),
      row(
        'Free parameters',
        fits.map(({ free }) => `${free.length}`),
      ),
    ),
  )
}
