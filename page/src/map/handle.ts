/** The ring at the starting point, which pointers and arrow keys move. */

import type { Point } from 'antigrad'
import { formatNumber, h } from '../dom.js'
import type { LabelRect } from '../names.js'
import type { MapGeometry } from './geometry.js'

/** Size in pixels of the words next to the ring. */
const HINT = { width: 90, height: 24 }

export class Handle {
  readonly element = h('div', { className: 'handle', tabIndex: 0, role: 'slider' })
  readonly #hint = h('span', { className: 'drag-me', 'aria-hidden': 'true' }, 'drag me')
  readonly #geometry: MapGeometry

  constructor(geometry: MapGeometry) {
    this.#geometry = geometry
    this.element.setAttribute(
      'aria-label',
      'Starting point: the arrow keys move the starting point, in smaller steps if Shift is held',
    )
    this.element.append(this.#hint)
  }

  /** Removes the words next to the ring. */
  hideHint(): void {
    this.#hint.hidden = true
  }

  /** The region of the words next to the ring; null if they are hidden. */
  hintAt(start: Point): LabelRect | null {
    const [left, y] = this.#geometry.pixel(start)
    return this.#hint.hidden ? null : { left, top: y - HINT.height / 2, ...HINT }
  }

  /** Moves the ring to a starting point. */
  place(start: Point): void {
    const { view, box } = this.#geometry
    const [x, y] = this.#geometry.pixel(start)
    const { left, top, width, height } = box
    // The ring of a start outside the view is placed at the edge, where it can be dragged.
    const at = [Math.min(left + width, Math.max(left, x)), Math.min(top + height, Math.max(top, y))]
    this.element.style.transform = `translate(${at[0]}px, ${at[1]}px)`
    this.#hint.classList.toggle('left', at[0] > left + width - HINT.width)
    const values: Record<string, string> = {
      'aria-valuemin': String(view[0]),
      'aria-valuemax': String(view[1]),
      'aria-valuenow': String(start[0]),
      'aria-valuetext': `x ${formatNumber(start[0])}, y ${formatNumber(start[1])}`,
    }
    for (const [name, value] of Object.entries(values)) this.element.setAttribute(name, value)
  }
}
