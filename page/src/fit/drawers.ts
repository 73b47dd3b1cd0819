/** A row of buttons, each of which opens and closes a part of the page. */

import { h, uniqueId } from '../dom.js'

export class Drawers {
  readonly element: HTMLElement
  readonly #bar = h('div', { className: 'drawer-bar' })
  readonly #buttons = new Map<string, HTMLButtonElement>()

  constructor(label: string) {
    this.#bar.setAttribute('role', 'group')
    this.#bar.setAttribute('aria-label', label)
    this.element = h('div', { className: 'drawers' }, this.#bar)
  }

  /** Adds a drawer. `onOpen` is called each time the drawer opens. */
  add(title: string, content: HTMLElement[], onOpen: () => void = () => {}): void {
    const panel = h('div', {
      className: 'panel',
      id: uniqueId('drawer'),
      hidden: true,
      role: 'group',
      'aria-label': title,
    })
    panel.append(...content)
    const button = h('button', { type: 'button', textContent: title, 'aria-expanded': 'false' })
    button.setAttribute('aria-controls', panel.id)
    button.addEventListener('click', () => {
      panel.hidden = !panel.hidden
      button.setAttribute('aria-expanded', String(!panel.hidden))
      if (!panel.hidden) onOpen()
    })
    this.#buttons.set(title, button)
    this.#bar.append(button)
    this.element.append(panel)
  }

  open(title: string): void {
    const button = this.#buttons.get(title)
    if (button?.getAttribute('aria-expanded') === 'false') button.click()
  }

  isOpen(title: string): boolean {
    return this.#buttons.get(title)?.getAttribute('aria-expanded') === 'true'
  }
}
