/** The lines that the user left out, as text. This module is loaded on demand. */

import { h, labeled } from '../dom.js'
import { setUnlessFocused } from './control-parts.js'
import type { PageActions } from './page-view.js'
import { readRanges, writeRanges } from './ranges.js'

export class PointsLeftOut {
  readonly elements: HTMLElement[]
  readonly #lines = h('input', { type: 'text', size: 34, autocomplete: 'off', spellcheck: false })

  constructor({ change }: Pick<PageActions, 'change'>) {
    const useAll = h('button', { type: 'button', textContent: 'Use all points' })
    this.#lines.placeholder = '3, 5-9'
    this.#lines.addEventListener('input', () => change({ leftOut: readRanges(this.#lines.value) }))
    useAll.addEventListener('click', () => change({ leftOut: [] }))
    const hint = 'Click a point, or drag over a range of the plot. Left-out points are open circles.'
    this.elements = [
      h('p', { className: 'hint' }, hint),
      h('div', { className: 'row' }, labeled('lines left out', this.#lines), useAll),
    ]
  }

  show(keys: readonly string[]): void {
    setUnlessFocused(this.#lines, writeRanges(keys))
  }
}
