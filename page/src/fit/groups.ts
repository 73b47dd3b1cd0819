/** Groups of rows with the same label, and the table of their fits, in which the user selects one. */

import { formatCount } from '../../../dist/page.js'
import { formatNumber, h } from '../dom.js'
import type { ShownFit } from './displayed-fit.js'
import { formatEstimate } from './estimates.js'
import type { TaskRows } from './task.js'

export interface RowGroup {
  readonly name: string
  readonly rows: TaskRows
}

/** Groups rows by label, in order of first appearance. Without labels, all rows form one unnamed group. */
export function groupRows(rows: TaskRows, texts: readonly string[] | undefined): RowGroup[] {
  if (texts === undefined) return [{ name: '', rows }]
  const places = new Map<string, number[]>()
  for (const [i, row] of rows.kept.entries()) {
    const name = texts[row]
    const others = places.get(name)
    if (others === undefined) places.set(name, [i])
    else others.push(i)
  }
  const outOf = (name: string) => rows.excluded.filter((row) => texts[row] === name)
  return [...places].map(([name, own]) => {
    const compute = (numbers: Float64Array) => Float64Array.from(own, (i) => numbers[i])
    const orNot = (numbers: Float64Array | undefined) =>
      numbers === undefined ? undefined : compute(numbers)
    const { data, sigma, weights, x, y, kept } = rows
    return {
      name,
      rows: {
        data: Object.fromEntries(Object.entries(data).map(([key, numbers]) => [key, compute(numbers)])),
        sigma: orNot(sigma),
        weights: orNot(weights),
        x: compute(x),
        y: compute(y),
        kept: own.map((i) => kept[i]),
        excluded: outOf(name),
        leftOut: [],
      },
    }
  })
}

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
    const heads = ['Group', 'Rows', ...names, 'χ²', 'Reason']
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
      ...names.map((name) => formatEstimate(fit, name)),
      Number.isNaN(fit.chiSquared) ? '–' : formatNumber(fit.chiSquared, 6),
      fit.reason === 'converged' ? '' : fit.reason,
    ]
    const label = h('label', {}, choice, ` ${name === '' ? '(empty)' : name}`)
    return h('tr', {}, h('th', { scope: 'row' }, label), ...texts.map((text) => h('td', {}, text)))
  }
}
