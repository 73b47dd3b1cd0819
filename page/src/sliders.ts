/** Two sliders for all optimizers: a factor of the learning rates, and the momentum of the optimizers with momentum. */

import { formatNumber, h } from './dom.js'
import { getOption, type RuleEntry } from './rules.js'
import { carries, factors, type SliderScale } from './scale.js'
import type { Session } from './session.js'
import type { RaceState } from './state.js'
import type { RaceView } from './view.js'

/** Whether an optimizer has momentum, in the rules that call it so. */
const hasMomentum = (entry: RuleEntry) => Number(getOption(entry, 'momentum')) > 0

const withOption = (entry: RuleEntry, name: string, value: number): RuleEntry => ({
  ...entry,
  options: { ...entry.options, [name]: value },
})

export class Sliders implements RaceView {
  readonly #session: Session
  readonly #factor = makeSlider('Learning rates', factors)
  readonly #momentum = makeSlider('Momentum', carries)
  readonly element = h('div', { className: 'sliders-of-all' }, this.#factor.element, this.#momentum.element)
  /** The optimizers before the sliders moved, and the optimizers that the sliders have made. */
  #base: readonly RuleEntry[] = []
  #own: readonly RuleEntry[] = []
  /** Position of the slider of momentum before it moved. */
  #place = ''

  constructor(session: Session) {
    this.#session = session
    for (const { input } of [this.#factor, this.#momentum])
      input.addEventListener('input', () => this.#slide())
  }

  show({ entries }: RaceState): void {
    if (entries === this.#own) return
    this.#base = this.#own = entries
    this.#factor.input.value = '0'
    const first = entries.find(hasMomentum)
    this.#momentum.input.disabled = first === undefined
    const momentum = first ? Number(getOption(first, 'momentum')) : 0
    this.#momentum.input.value = String(carries.place(momentum))
    this.#place = this.#momentum.input.value
    this.#describe(momentum)
  }

  #slide(): void {
    const factor = factors.value(Number(this.#factor.input.value))
    const place = this.#momentum.input.value
    const momentum = carries.value(Number(place))
    // Optimizers keep their own momenta until the slider moves.
    const isMoved = place !== this.#place
    this.#own = this.#base.map((entry) => {
      const lr = getOption(entry, 'lr')
      const scaled =
        typeof lr === 'number' && lr > 0 && factor !== 1
          ? withOption(entry, 'lr', Number((lr * factor).toPrecision(3)))
          : entry
      return hasMomentum(entry) && isMoved ? withOption(scaled, 'momentum', momentum) : scaled
    })
    this.#describe(momentum)
    this.#session.enter(this.#own, true)
  }

  #describe(momentum: number): void {
    const { input, output } = this.#factor
    const factor = factors.value(Number(input.value))
    output.textContent = `× ${formatNumber(factor, 3)}`
    input.setAttribute('aria-valuetext', `${formatNumber(factor, 3)} times`)
    const text = this.#momentum.input.disabled ? 'none' : formatNumber(momentum, 3)
    this.#momentum.output.textContent = text
    this.#momentum.input.setAttribute('aria-valuetext', text)
  }
}

function makeSlider(label: string, { from, to }: SliderScale) {
  const input = h('input', { type: 'range', min: String(from), max: String(to), step: '0.01' })
  const output = h('output', { className: 'count' })
  const element = h('label', { className: 'slider' }, h('span', {}, label), input, output)
  input.setAttribute('aria-label', `${label} of all optimizers`)
  return { input, output, element }
}
