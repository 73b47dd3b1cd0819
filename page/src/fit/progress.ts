/** A progress bar with a button that stops the work. It appears if the work takes longer than 0.3 s. */

import { h } from '../dom.js'

/** Milliseconds after which the page shows that it is working. */
export const PATIENCE = 300

export class Progress {
  readonly element: HTMLElement
  readonly #label = h('span', { role: 'status' })
  readonly #bar = h('progress', { 'aria-label': 'Progress' })
  #wait: ReturnType<typeof setTimeout> | undefined

  constructor(onStop: () => void) {
    const stop = h('button', { type: 'button', textContent: 'Stop' })
    stop.addEventListener('click', onStop)
    this.element = h('div', { className: 'row working', hidden: true }, this.#label, this.#bar, stop)
  }

  /** Announces work. The bar has no length until {@link advance} is called. */
  begin(label: string): void {
    this.#label.textContent = label
    this.#bar.removeAttribute('value')
    if (this.#wait !== undefined || !this.element.hidden) return
    this.#wait = setTimeout(() => {
      this.element.hidden = false
    }, PATIENCE)
  }

  advance(done: number, total: number): void {
    this.#bar.max = Math.max(1, total)
    this.#bar.value = done
  }

  end(): void {
    clearTimeout(this.#wait)
    this.#wait = undefined
    this.element.hidden = true
  }
}
