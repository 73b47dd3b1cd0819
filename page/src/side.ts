/** The column next to the map: what is happening, the three lines, the equation and the code. */

import { h } from './dom.js'
import { describeProgress, headline } from './headline.js'
import { readableNames } from './names.js'
import type { Race } from './race.js'
import { type RaceState, toHash } from './state.js'
import { swatch } from './theme.js'
import type { RaceView } from './view.js'

export class Side implements RaceView {
  readonly #headline = h('h1', { className: 'headline' })
  /** The description of the displayed scene. */
  readonly #says = h('p', { className: 'hint', hidden: true })
  readonly #lines = h('ol', { className: 'lines' })
  readonly #code = h('code')
  readonly #copy = h('button', { type: 'button', className: 'copy', textContent: 'Copy' })
  /** The frame of the selected racer's equation. */
  readonly equation = h('section', { className: 'equation', 'aria-label': 'Equation of the selected path' })
  readonly elements: readonly HTMLElement[]
  readonly #onSelect: (number: number) => void
  #state: RaceState | null = null
  #selected = 0

  /**
   * @param onSelect called with the index of the racer that the user has selected
   * @param announce shows a sentence on the page
   */
  constructor(onSelect: (number: number) => void, announce: (text: string) => void) {
    this.#onSelect = onSelect
    const frame = h('pre', { tabIndex: 0, role: 'region', 'aria-label': 'Program' }, this.#code)
    const code = h('div', { className: 'code' }, this.#copy, frame)
    this.elements = [this.#headline, this.#says, this.#lines, this.equation, code]
    this.#copy.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(this.#code.textContent ?? '')
        announce('The program has been copied.')
      } catch {
        announce('The browser does not allow copying: select the program and copy it.')
      }
    })
  }

  /** Marks the line of the selected racer. */
  select(number: number): void {
    this.#selected = number
    for (const [i, { firstElementChild }] of [...this.#lines.children].entries())
      firstElementChild?.setAttribute('aria-pressed', String(i === number))
  }

  show(state: RaceState): void {
    this.#headline.textContent = headline(state)
    this.#state = state
    void this.#describe(state)
    void this.#write(state)
  }

  /** Shows what to observe in a scene. Only links to a race can be scenes. */
  async #describe(state: RaceState): Promise<void> {
    this.#says.hidden = true
    if (location.hash === '') return
    const { findScene } = await import('./gallery.js')
    const scene = findScene(toHash(state))
    if (state !== this.#state || scene === undefined) return
    this.#says.textContent = scene.says.join(' ')
    this.#says.hidden = false
  }

  async #write(state: RaceState): Promise<void> {
    try {
      const { writeShortProgram } = await import('./program.js')
      const text = await writeShortProgram(state)
      if (state === this.#state) this.#code.textContent = text
    } catch {
      this.#code.textContent = '// This part of the page could not be loaded.'
    }
  }

  begin({ racers }: Race, isNew: boolean): void {
    if (!isNew && racers.length === this.#lines.childElementCount) return
    const names = readableNames(racers.map(({ name }) => name))
    this.#lines.replaceChildren(
      ...names.map((name, number) => {
        const button = h(
          'button',
          { type: 'button' },
          swatch(number),
          h('strong', {}, name),
          h('span', { className: 'outcome' }),
        )
        button.addEventListener('click', () => this.#onSelect(number))
        return h('li', {}, button)
      }),
    )
    this.select(Math.min(this.#selected, racers.length - 1))
  }

  numbers({ racers, landscape }: Race): void {
    for (const [number, racer] of racers.entries()) {
      const [, , outcome] = this.#lines.children[number].firstElementChild?.children ?? []
      const text = describeProgress(racer, landscape.minima.length > 0)
      if (outcome.textContent !== text) outcome.textContent = text
    }
  }
}
