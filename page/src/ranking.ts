/** The ranking table: when each racer arrived, and why it stopped. */

import { formatCount } from '../../dist/page.js'
import { formatNumber, h } from './dom.js'
import { describeReason } from './outcome-text.js'
import type { Race, Racer } from './race.js'
import { swatch } from './theme.js'

export class Ranking {
  readonly #body = h('tbody')
  readonly #reached = h('th', { scope: 'col' })
  readonly element: HTMLElement
  #last = ''

  constructor() {
    const heads = ['Optimizer', 'Updates', 'Distance', 'F', 'Status'].map((text) =>
      h('th', { scope: 'col' }, text),
    )
    heads.splice(1, 0, this.#reached)
    const caption = h('caption', {}, 'Ranking')
    const table = h(
      'table',
      {},
      caption,
      h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, '#'), ...heads)),
      this.#body,
    )
    this.element = h(
      'div',
      { className: 'ranking', tabIndex: 0, role: 'region', 'aria-label': 'Ranking' },
      table,
    )
  }

  update(race: Race, { isNew = false } = {}): void {
    this.#reached.textContent = `Updates to reach ${formatNumber(race.state.distance)}`
    const order = race.ranking()
    const key = order.map((racer) => race.racers.indexOf(racer)).join()
    if (isNew || key !== this.#last) {
      this.#last = key
      this.#body.replaceChildren(...order.map((racer) => row(racer, race.racers.indexOf(racer))))
    }
    order.forEach((racer, place) => {
      const cells = formatCells(racer, place, race)
      const { children } = this.#body.children[place]
      cells.forEach((text, i) => {
        if (text !== null && children[i].textContent !== text) children[i].textContent = text
      })
    })
  }
}

function row(racer: Racer, number: number): HTMLTableRowElement {
  const name = h('th', { scope: 'row' }, swatch(number), racer.name)
  return h('tr', {}, h('td'), name, h('td'), h('td'), h('td'), h('td'), h('td', { className: 'why' }))
}

/** The texts of a row's cells; null for the name, which does not change. */
function formatCells(racer: Racer, place: number, race: Race): (string | null)[] {
  const { arrivedAt, iterations } = racer
  const isKnown = race.landscape.minima.length > 0
  return [
    arrivedAt === null ? '–' : String(place + 1),
    null,
    isKnown ? (arrivedAt === null ? '–' : formatCount(arrivedAt)) : 'no minimum known',
    formatCount(iterations),
    isKnown ? formatNumber(racer.distanceAt(iterations), 3) : '–',
    formatNumber(racer.values[iterations], 3),
    describeReason(racer, race),
  ]
}
