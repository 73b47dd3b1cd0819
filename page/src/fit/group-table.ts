/** The table of the groups' fits, in which the user selects a group. */

import { formatCount } from '../../../dist/page.js'
import { formatNumber, h } from '../dom.js'
import { type ShownFit, wholeFit } from './displayed-fit.js'
import { describeEstimate } from './estimates.js'
import type { RowGroup } from './groups.js'
import type { TaskRows } from './task.js'

export class GroupTable {
  readonly element: HTMLElement
  readonly #table = h('table')
  readonly #onChoice: (name: string) => void

  constructor(onChoice: (name: string) => void) {
    this.#onChoice = onChoice
    this.element = h(
      'div',
      { className: 'found', tabIndex: 0, role: 'region', 'aria-label': 'Groups', hidden: true },
      this.#table,
    )
  }

  /** @param fits the fit of each group; empty if there is no fit */
  show(groups: readonly RowGroup[], fits: readonly ShownFit[], chosen: string): void {
    this.element.hidden = groups.length < 2 || fits.length === 0
    if (this.element.hidden) return
    const names = Object.keys(fits[0].values)
    const cost = 'minus2LogLikelihood' in wholeFit(fits[0]) ? '−2 log L' : 'χ²'
    const heads = ['Group', 'Rows', ...names, cost, 'Reason']
    this.#table.replaceChildren(
      h('caption', {}, 'Groups'),
      h('thead', {}, h('tr', {}, ...heads.map((text) => h('th', { scope: 'col' }, text)))),
      h(
        'tbody',
        {},
        ...groups.map(({ name, rows }, k) => this.#row(name, rows, fits[k], names, name === chosen)),
      ),
    )
  }

  #row(
    name: string,
    { x }: TaskRows,
    fit: ShownFit,
    names: readonly string[],
    isChosen: boolean,
  ): HTMLElement {
    const choice = h('input', { type: 'radio', name: 'group', checked: isChosen })
    choice.addEventListener('change', () => this.#onChoice(name))
    const texts = [
      formatCount(x.length),
      ...names.map((name) => describeEstimate(fit, name)),
      Number.isNaN(fit.chiSquared) ? '–' : formatNumber(fit.chiSquared, 6),
      fit.reason === 'converged' ? '' : fit.reason,
    ]
    const label = h('label', {}, choice, ` ${name === '' ? '(empty)' : name}`)
    return h('tr', {}, h('th', { scope: 'row' }, label), ...texts.map((text) => h('td', {}, text)))
  }
}
