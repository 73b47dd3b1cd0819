/** The controls of errors, weights, losses, outliers and derived quantities. This module is loaded on demand. */

import { losses } from '../../../dist/page.js'
import { h, labeled, select } from '../dom.js'
import {
  amountInput,
  fill,
  type OnChange,
  readAmount,
  type SelectOptions,
  setUnlessFocused,
} from './control-parts.js'
import { scaleOption } from './noise.js'
import type { distributionChoices, FitPageState, outlierChoices } from './state.js'
import type { DataTable } from './table.js'
import { type ChosenColumns, isRobust, modelWeights } from './task.js'

const outlierTitles = {
  keep: 'not tested',
  mark: 'marked',
  drop: 'left out',
} as const satisfies Record<(typeof outlierChoices)[number], string>

const distributionTitles = {
  '': 'least squares',
  normal: 'normal',
  lognormal: 'lognormal',
  student: 'Student’s t',
  poisson: 'Poisson',
  negativeBinomial: 'negative binomial',
  binomial: 'binomial',
  gamma: 'gamma',
} as const satisfies Record<(typeof distributionChoices)[number], string>

const scaleTitles: Readonly<Record<string, string>> = {
  sigma: 'σ =',
  theta: 'theta =',
  trials: 'trials =',
  shape: 'shape =',
}
const scaleHints: Readonly<Record<string, string>> = {
  sigma: 'sqrt(add^2 + (prop*f)^2)',
  theta: 'theta',
  trials: '10, or a column',
  shape: 'shape',
}

/** The table, the chosen columns and the settings that the controls show. */
export interface ControlContext {
  readonly table: Pick<DataTable, 'columns'>
  readonly chosen: ChosenColumns
  readonly state: FitPageState
}

export class DetailControls {
  /** σ, weights, loss and outliers, or a distribution. */
  readonly errors: HTMLElement
  readonly derived: HTMLElement
  readonly #sigma = select({}, '')
  readonly #weights = select({}, '')
  readonly #absolute = h('input', { type: 'checkbox' })
  readonly #loss = select(Object.fromEntries(Object.keys(losses).map((name) => [name, name])), 'squared')
  readonly #lossScale = amountInput()
  readonly #outliers = select(outlierTitles, 'keep')
  readonly #distribution = select(distributionTitles, '')
  readonly #scale = h('input', { type: 'text', size: 24, spellcheck: false, autocomplete: 'off' })
  readonly #df = h('input', {
    type: 'text',
    size: 5,
    spellcheck: false,
    autocomplete: 'off',
    placeholder: '4',
  })
  readonly #scaleField = labeled('σ =', this.#scale)
  readonly #dfField = labeled('df =', this.#df)
  readonly #derive = h('input', { type: 'text', size: 34, spellcheck: false, autocomplete: 'off' })

  constructor(onChange: OnChange) {
    this.#derive.placeholder = 'half = log(2)/b'
    this.errors = h(
      'div',
      { className: 'row' },
      labeled('distribution', this.#distribution),
      this.#scaleField,
      this.#dfField,
      labeled('σ', this.#sigma),
      labeled('σ is known', this.#absolute),
      labeled('weights', this.#weights),
      labeled('loss', this.#loss),
      labeled('loss scale', this.#lossScale),
      labeled('outliers', this.#outliers),
    )
    this.derived = h('div', { className: 'row' }, labeled('derived quantities', this.#derive))
    this.#listen(onChange)
  }

  #listen(onChange: OnChange): void {
    const choose = (name: 'sigma' | 'weights' | 'loss' | 'outliers', control: HTMLSelectElement) =>
      control.addEventListener('change', () => onChange({ [name]: control.value }))
    choose('sigma', this.#sigma)
    choose('weights', this.#weights)
    choose('loss', this.#loss)
    choose('outliers', this.#outliers)
    // The scale of another distribution is another quantity.
    this.#distribution.addEventListener('change', () =>
      onChange({ distribution: this.#distribution.value as FitPageState['distribution'], scale: '', df: '' }),
    )
    this.#scale.addEventListener('input', () => onChange({ scale: this.#scale.value }))
    this.#df.addEventListener('input', () => onChange({ df: this.#df.value }))
    this.#absolute.addEventListener('change', () => onChange({ absoluteSigma: this.#absolute.checked }))
    this.#lossScale.addEventListener('input', () => readAmount(this.#lossScale, 'lossScale', onChange))
    this.#derive.addEventListener('input', () => onChange({ derive: this.#derive.value }))
  }

  show({ table: { columns }, chosen, state }: ControlContext): void {
    const texts: SelectOptions = columns.map(({ name, title }) => [
      name,
      name === title ? name : `${title} (${name})`,
    ])
    fill(this.#sigma, [['', 'none'], ...texts], chosen.sigma?.name ?? '')
    const weights = [['', 'none'], ...modelWeights.map((text) => [text, text] as const), ...texts] as const
    fill(this.#weights, weights, chosen.sigma ? '' : state.weights)
    this.#weights.disabled = chosen.sigma !== null
    this.#showDistribution(state)
    const isLikelihood = state.distribution !== ''
    this.#absolute.disabled = chosen.sigma === null
    this.#absolute.checked = chosen.sigma !== null && state.absoluteSigma
    this.#loss.value = state.loss
    this.#sigma.disabled = isLikelihood
    this.#loss.disabled = isLikelihood
    this.#lossScale.disabled = isLikelihood || !isRobust(state.loss)
    setUnlessFocused(this.#lossScale, `${state.lossScale}`)
    this.#outliers.value = state.outliers
    this.#outliers.disabled = isLikelihood || state.loss !== 'squared' || modelWeights.includes(state.weights)
    setUnlessFocused(this.#derive, state.derive)
  }

  #showDistribution(state: FitPageState): void {
    const option = scaleOption(state)
    this.#distribution.value = state.distribution
    this.#scaleField.hidden = option === ''
    this.#dfField.hidden = state.distribution !== 'student'
    const [label] = this.#scaleField.children
    label.textContent = scaleTitles[option] ?? ''
    this.#scale.placeholder = scaleHints[option] ?? ''
    setUnlessFocused(this.#scale, state.scale)
    setUnlessFocused(this.#df, state.df)
  }
}
