/** The controls that choose the model and the columns. */

import { h, labeled, select, uniqueId } from '../dom.js'
import {
  amountInput,
  fill,
  type OnChange,
  optionsFrom,
  readAmount,
  type SelectOptions,
  setUnlessFocused,
} from './control-parts.js'
import { extraColumnsOf, type ModelOptionName, modelGroups, modelOptions, optionsOf } from './model-list.js'
import type { FitPageState } from './state.js'
import type { DataTable } from './table.js'
import type { ChosenColumns, FitTask } from './task.js'
import type { layouts } from './wide.js'

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

/** Systems of differential equations, which the user can edit as a custom model. */
const systemTitles = { absorption: 'absorption, one compartment', epidemic: 'epidemic (SIR)' } as const

export class Controls {
  /** The model and its equation. */
  readonly model: HTMLElement
  /** The columns of x, y and groups. */
  readonly columns: HTMLElement
  readonly #model = h('select')
  readonly #expression = h('input', { type: 'text', size: 34, spellcheck: false, autocomplete: 'off' })
  readonly #options = new Map<ModelOptionName, HTMLInputElement | HTMLSelectElement>()
  readonly #optionRow = h('div', { className: 'row choice' })
  readonly #columns = {
    x: select({}, ''),
    y: select({}, ''),
    extra: select({}, ''),
    group: select({}, ''),
  }
  readonly #extra = labeled('i', this.#columns.extra)
  readonly #layout = select(layoutTitles, 'auto')
  readonly #formula = h('p', { className: 'formula' })
  readonly #message = h('p', { className: 'error', id: uniqueId('message'), role: 'alert' })

  constructor(onChange: OnChange) {
    const { x, y, group } = this.#columns
    this.#model.append(
      ...Object.entries(modelGroups).map(([subject, models]) =>
        h('optgroup', { label: subject }, ...optionsFrom(Object.entries(models))),
      ),
      h('optgroup', { label: 'Differential equations' }, ...optionsFrom(Object.entries(systemTitles))),
      ...optionsFrom([['own', 'custom']]),
    )
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
    for (const name of Object.keys(modelOptions) as ModelOptionName[])
      this.#options.set(name, this.#optionControl(name, onChange))
    this.#listen(onChange)
  }

  #listen(onChange: OnChange): void {
    // Settings of parameters and derived quantities belong to the previous model, so a new model starts without them.
    this.#model.addEventListener('change', async () => {
      const { value } = this.#model
      const empty = { parameters: {}, derive: '' }
      if (!(value in systemTitles)) return onChange({ ...empty, model: value as FitPageState['model'] })
      const { systems } = await import('./odes.js')
      onChange({ ...empty, model: 'own', ...systems[value as keyof typeof systemTitles] })
    })
    this.#expression.addEventListener('input', () => onChange({ expression: this.#expression.value }))
    this.#layout.addEventListener('change', () =>
      onChange({ layout: this.#layout.value as FitPageState['layout'], x: '', y: '', group: '' }),
    )
    for (const [name, control] of Object.entries(this.#columns)) {
      control.addEventListener('change', () => onChange({ [name]: control.value }))
    }
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
    const group = missing.includes(state.group) ? '' : state.group
    fill(this.#columns.group, [['', 'none'], ...textsOf(all)], group)
    this.#layout.value = state.layout
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

/** Maximum number of parameters that the sentence lists. */
const MAX_LISTED = 8

/** The formula of a built-in model is in the field above the sentence. */
function describeTask({ text, names: { y }, columns, parameters, guessed, system }: FitTask): string {
  const list = (words: readonly string[], what: string) =>
    words.length === 0
      ? `no ${what}`
      : words.length > MAX_LISTED
        ? `${words.length} ${what}s`
        : `the ${what}${words.length === 1 ? '' : 's'} ${words.join(', ')}`
  const formula = guessed.length > 0 || system ? 'f' : text
  return `${y} = ${formula}, with ${list(columns, 'column')} and ${list(parameters, 'parameter')}`
}
