/** Explains one update: the equations of the rule, with the values of gradient, state and step. */

import { formatCount } from '../../dist/page.js'
import { formatNumber, h, labeled } from './dom.js'
import { explainCoefficients, explainLines } from './explain.js'
import type { Race, Racer } from './race.js'
import { Replay, type ReplayedUpdate } from './replay.js'
import { CUSTOM, getTitle, isMethod, type MethodName } from './rules.js'
import { swatch } from './theme.js'

export class Inspector {
  readonly #choice = h('select')
  readonly #patch = h('span')
  readonly #body = h('div', { className: 'update' })
  /** Link to the rule's page in the docs; hidden if the page is built without the docs. */
  readonly #more = h('a', { hidden: import.meta.env.VITE_DOCS === undefined })
  #race: Race | null = null
  #number = 0

  constructor(frame: HTMLElement) {
    this.#choice.addEventListener('change', () => {
      this.#number = this.#choice.selectedIndex
      if (this.#race) this.show(this.#race)
    })
    frame.replaceChildren(
      h('h2', {}, 'Explain this update'),
      h('div', { className: 'row' }, this.#patch, labeled('Update of', this.#choice), this.#more),
      this.#body,
    )
  }

  /** Explains the next update of the selected racer. */
  show(race: Race): void {
    this.#race = race
    const names = race.racers.map(({ name }) => name)
    if (names.join() !== Array.from(this.#choice.options, ({ text }) => text).join()) {
      this.#choice.replaceChildren(...names.map((text) => h('option', {}, text)))
    }
    this.#number = Math.min(this.#number, race.racers.length - 1)
    this.#choice.selectedIndex = this.#number
    this.#patch.replaceChildren(swatch(this.#number))
    const { entry } = race.racers[this.#number]
    const page = pages[entry.rule] ?? `rules/${entry.rule}`
    this.#more.textContent = `${entry.rule === CUSTOM ? 'equations' : getTitle(entry)} in the docs`
    this.#more.href = `${import.meta.env.VITE_DOCS}${page}.html`
    const racer = race.racers[this.#number]
    this.#body.replaceChildren(...explain(racer, new Replay(racer, race).update()))
  }
}

/** Pages of the docs for racers that are not rules of the library. */
const pages: Readonly<Record<string, string>> = {
  lbfgs: 'minimize',
  newton: 'minimize',
  [CUSTOM]: 'equations',
}

/** Why a method has no equation per parameter. */
const methods: Readonly<Record<MethodName, string>> = {
  lbfgs:
    'L-BFGS has no equation per parameter, because it computes one direction for all parameters and searches along that direction.',
  newton:
    'Newton’s method has no equation per parameter: it solves a system of equations with the matrix of second derivatives, and limits the length of the step.',
}

function explain({ entry, iterations, made, reason }: Racer, update: ReplayedUpdate | null): Node[] {
  if (isMethod(entry.rule)) {
    return [h('p', { className: 'hint' }, methods[entry.rule])]
  }
  if (!update) {
    const why =
      iterations >= made && reason !== null
        ? 'The optimizer has stopped, so there is no update to explain.'
        : 'This update is too late in the race to be explained.'
    return [h('p', { className: 'hint' }, why)]
  }
  const rows = explainLines(entry, update, iterations + 1).map(([part, ...numbers]) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, h('code', {}, part)),
      ...numbers.map((text) => h('td', {}, h('code', {}, text))),
    ),
  )
  const heads = ['Equation', 'x', 'y'].map((text) => h('th', { scope: 'col' }, text))
  const caption = h('caption', {}, `Update ${formatCount(iterations + 1)} with its values`)
  const move = [0, 1].map((i) => formatNumber(update.next[i] - update.theta[i], 3)).join(', ')
  return [
    h(
      'div',
      { className: 'equations', tabIndex: 0, role: 'region', 'aria-label': 'Equations' },
      h('table', {}, caption, h('thead', {}, h('tr', {}, ...heads)), h('tbody', {}, ...rows)),
    ),
    h('p', { className: 'hint' }, `The step is (${move}). ${explainCoefficients(entry)}`),
  ]
}
