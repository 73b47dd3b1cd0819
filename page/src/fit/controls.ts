/** The controls that choose the model, the columns and the errors of the fit. */

import { losses } from '../../../dist/page.js'
import { h, labeled, select, uniqueId } from '../dom.js'
import { extraColumnsOf, type ModelOptionName, modelGroups, modelOptions, optionsOf } from './model-list.js'
import { amountRule, type FitPageState, initial, type outlierChoices } from './state.js'
import type { DataTable } from './table.js'
import { type ChosenColumns, type FitTask, isRobust, modelWeights } from './task.js'
import type { layouts } from './wide.js'

type SelectOptions = readonly (readonly [value: string, text: string])[]
type OnChange = (changed: Partial<FitPageState>) => void

/** Labels of the models' options. */
const optionTitles: Readonly<Record<ModelOptionName, string>> = {
  count: 'peaks',
  shape: 'shape',
  baseline: 'baseline',
  degree: 'degree',
  kind: 'inhibition',
  logEC50: 'log EC50',
}

const layoutTitles = {
  auto: 'recognized',
  points: 'one row per point',
  columns: 'one column per curve',
  rows: 'one row per curve',
} as const satisfies Record<(typeof layouts)[number], string>

const outlierTitles = {
  keep: 'not tested',
  mark: 'marked',
  drop: 'left out',
} as const satisfies Record<(typeof outlierChoices)[number], string>

export class Controls {
  /** The model and its equation. */
  readonly model: HTMLElement
  /** The columns of x, y and groups. */
  readonly columns: HTMLElement
  /** σ, weights, loss and outliers. */
  readonly errors: HTMLElement
  readonly derived: HTMLElement
  readonly #model = h('select')
  readonly #expression = h('input', { type: 'text', size: 34, spellcheck: false, autocomplete: 'off' })
  readonly #options = new Map<ModelOptionName, HTMLInputElement | HTMLSelectElement>()
  readonly #optionRow = h('div', { className: 'row choice' })
  readonly #columns = {
    x: select({}, ''),
    y: select({}, ''),
    extra: select({}, ''),
    sigma: select({}, ''),
    weights: select({}, ''),
    group: select({}, ''),
  }
  readonly #extra = labeled('i', this.#columns.extra)
  readonly #layout = select(layoutTitles, 'auto')
  readonly #loss = select(Object.fromEntries(Object.keys(losses).map((name) => [name, name])), 'squared')
  readonly #lossScale = amountInput()
  readonly #outliers = select(outlierTitles, 'keep')
  readonly #derive = h('input', { type: 'text', size: 34, spellcheck: false, autocomplete: 'off' })
  readonly #absolute = h('input', { type: 'checkbox' })
  readonly #formula = h('p', { className: 'formula' })
  readonly #message = h('p', { className: 'error', id: uniqueId('message'), role: 'alert' })

  constructor(onChange: OnChange) {
    const { x, y, sigma, weights, group } = this.#columns
    this.#model.append(
      ...Object.entries(modelGroups).map(([subject, models]) =>
        h('optgroup', { label: subject }, ...optionsFrom(Object.entries(models))),
      ),
      ...optionsFrom([['own', 'custom']]),
    )
    this.#derive.placeholder = 'half = log(2)/b'
    this.#expression.setAttribute('aria-describedby', this.#message.id)
    this.model = h(
      'section',
      { className: 'settings model', 'aria-label': 'Model' },
      h('div', { className: 'row' }, labeled('model', this.#model), labeled('f =', this.#expression)),
      this.#optionRow,
      this.#formula,
      this.#message,
    )
    this.columns = h(
      'div',
      { className: 'row choice columns-of-data' },
      ...[labeled('x', x), labeled('y', y), this.#extra, labeled('group', group)],
      labeled('layout', this.#layout),
    )
    this.errors = h(
      'div',
      { className: 'row' },
      ...[labeled('σ', sigma), labeled('σ is known', this.#absolute), labeled('weights', weights)],
      ...[labeled('loss', this.#loss), labeled('loss scale', this.#lossScale)],
      labeled('outliers', this.#outliers),
    )
    this.derived = h('div', { className: 'row' }, labeled('derived quantities', this.#derive))
    for (const name of Object.keys(modelOptions) as ModelOptionName[])
      this.#options.set(name, this.#optionControl(name, onChange))
    this.#listen(onChange)
  }

  #listen(onChange: OnChange): void {
    // The settings of parameters belong to the previous model, so a new model starts without them.
    this.#model.addEventListener('change', () =>
      onChange({ model: this.#model.value as FitPageState['model'], parameters: {} }),
    )
    this.#expression.addEventListener('input', () => onChange({ expression: this.#expression.value }))
    this.#derive.addEventListener('input', () => onChange({ derive: this.#derive.value }))
    this.#loss.addEventListener('change', () => onChange({ loss: this.#loss.value as FitPageState['loss'] }))
    this.#lossScale.addEventListener('input', () => readAmount(this.#lossScale, 'lossScale', onChange))
    this.#layout.addEventListener('change', () =>
      onChange({ layout: this.#layout.value as FitPageState['layout'], x: '', y: '', group: '' }),
    )
    this.#outliers.addEventListener('change', () =>
      onChange({ outliers: this.#outliers.value as FitPageState['outliers'] }),
    )
    for (const [name, control] of Object.entries(this.#columns)) {
      control.addEventListener('change', () => onChange({ [name]: control.value }))
    }
    this.#absolute.addEventListener('change', () => onChange({ absoluteSigma: this.#absolute.checked }))
  }

  #optionControl(name: ModelOptionName, onChange: OnChange): HTMLInputElement | HTMLSelectElement {
    if (name === 'count' || name === 'degree') {
      const input = amountInput()
      if (name === 'count') input.placeholder = 'by BIC'
      input.addEventListener('input', () => readAmount(input, name, onChange))
      return input
    }
    const control = select(Object.fromEntries(modelOptions[name].map((value) => [value, value])), '')
    control.addEventListener('change', () => onChange({ [name]: control.value }))
    return control
  }

  /** @param missing names of columns that the table lacks; their controls show no choice */
  show(
    { columns, all }: Pick<DataTable, 'columns' | 'all'>,
    chosen: ChosenColumns,
    state: FitPageState,
    missing: readonly string[] = [],
  ): void {
    const textsOf = (values: DataTable['columns']): SelectOptions =>
      values.map(({ name, title }) => [name, name === title ? name : `${title} (${name})`])
    const texts = textsOf(columns)
    fill(this.#columns.x, texts, missing.includes(state.x) ? '' : chosen.x.name)
    fill(this.#columns.y, texts, missing.includes(state.y) ? '' : chosen.y.name)
    fill(this.#columns.extra, texts, chosen.extra?.name ?? '')
    this.#extra.hidden = state.model === 'own' || extraColumnsOf[state.model] === undefined
    fill(this.#columns.sigma, [['', 'none'], ...texts], chosen.sigma?.name ?? '')
    const weights = [['', 'none'], ...modelWeights.map((text) => [text, text] as const), ...texts] as const
    fill(this.#columns.weights, weights, chosen.sigma ? '' : state.weights)
    this.#columns.weights.disabled = chosen.sigma !== null
    const group = missing.includes(state.group) ? '' : state.group
    fill(this.#columns.group, [['', 'none'], ...textsOf(all)], group)
    this.#layout.value = state.layout
    this.#loss.value = state.loss
    this.#lossScale.disabled = !isRobust(state.loss)
    setUnlessFocused(this.#lossScale, `${state.lossScale}`)
    this.#outliers.value = state.outliers
    this.#outliers.disabled = state.loss !== 'squared' || modelWeights.includes(state.weights)
    setUnlessFocused(this.#derive, state.derive)
    this.#absolute.disabled = chosen.sigma === null
    this.#absolute.checked = chosen.sigma !== null && state.absoluteSigma
    this.#showModel(state)
  }

  #showModel(state: FitPageState): void {
    this.#model.value = state.model
    this.#expression.disabled = state.model !== 'own'
    if (state.model === 'own') setUnlessFocused(this.#expression, state.expression)
    const names = (state.model === 'own' ? undefined : optionsOf[state.model]) ?? []
    const key = names.join()
    if (this.#optionRow.dataset.names !== key) {
      this.#optionRow.dataset.names = key
      this.#optionRow.replaceChildren(
        ...names.map((name) => labeled(optionTitles[name], this.#options.get(name) as HTMLInputElement)),
      )
    }
    for (const name of names) {
      const text = name === 'count' && state.count === 0 ? '' : `${state[name]}`
      setUnlessFocused(this.#options.get(name) as HTMLInputElement, text)
    }
  }

  /** Describes the fit in a sentence; null clears the sentence if the model is invalid. */
  describe(task: FitTask | null): void {
    this.#formula.textContent = task === null ? '' : describeTask(task)
    if (task !== null && this.#expression.disabled) this.#expression.value = task.text
  }

  /** Shows why there is no fit; '' if there is a fit. */
  fail(sentence: string): void {
    this.#message.textContent = sentence
    if (sentence !== '' && !this.#expression.disabled) this.#expression.setAttribute('aria-invalid', 'true')
    else this.#expression.removeAttribute('aria-invalid')
  }
}

const amountInput = () => h('input', { type: 'text', inputMode: 'decimal', size: 5, autocomplete: 'off' })

/** Reads a number; an empty field means the default. */
function readAmount(
  input: HTMLInputElement,
  name: 'count' | 'degree' | 'lossScale',
  onChange: OnChange,
): void {
  const [isValid, expected] = amountRule(name)
  const number = input.value.trim() === '' ? initial[name] : Number(input.value)
  if (!isValid(number)) {
    input.setAttribute('aria-invalid', 'true')
    input.setCustomValidity(`expected ${expected}`)
    input.reportValidity()
    return
  }
  input.removeAttribute('aria-invalid')
  input.setCustomValidity('')
  onChange({ [name]: number })
}

function setUnlessFocused(control: HTMLInputElement | HTMLSelectElement, value: string): void {
  if (control !== document.activeElement) control.value = value
}

const optionsFrom = (options: SelectOptions) =>
  options.map(([value, textContent]) => h('option', { value, textContent }))

/** Replaces the options only if they have changed, because the user may have the list open. */
function fill(control: HTMLSelectElement, options: SelectOptions, value: string): void {
  const key = JSON.stringify(options)
  if (control.dataset.options !== key) {
    control.replaceChildren(...optionsFrom(options))
    control.dataset.options = key
  }
  control.value = value
}

/** Maximum number of parameters that the sentence lists. */
const MAX_LISTED = 8

/** The formula of a built-in model is in the field above the sentence. */
function describeTask({ text, names: { y }, columns, parameters, guessed }: FitTask): string {
  const list = (words: readonly string[], what: string) =>
    words.length === 0
      ? `no ${what}`
      : words.length > MAX_LISTED
        ? `${words.length} ${what}s`
        : `the ${what}${words.length === 1 ? '' : 's'} ${words.join(', ')}`
  const formula = guessed.length > 0 ? 'f' : text
  return `${y} = ${formula}, with ${list(columns, 'column')} and ${list(parameters, 'parameter')}`
}
