/** Moves the starting point by pointer and by keyboard. */

import type { Point, View } from 'antigrad'
import { roundForRange } from '../dom.js'
import { computePlotBox, computePoint } from './plot.js'

/** Number of pixels that a pressed pointer must move before a drag begins. */
const STILL = 4

/** How the start was moved: by a drag in progress, a finished drag, a key, or a click (which also plays the race). */
export type StartMove = 'held' | 'done' | 'key' | 'click'

/** The properties of the map that a drag needs. */
export interface Draggable {
  readonly element: HTMLElement
  readonly handle: HTMLElement
  view(): View
  start(): Point
  onMove(start: Point, how: StartMove): void
}

const arrowKeys: Readonly<Record<string, Point>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
}

export function listenToDrags({ element, handle, view, start, onMove }: Draggable): void {
  const pointed = ({ clientX, clientY }: MouseEvent): Point => {
    const { left, top, width, height } = computePlotBox(element.clientWidth, element.clientHeight)
    const bounds = element.getBoundingClientRect()
    return computePoint(view(), (clientX - bounds.left - left) / width, (clientY - bounds.top - top) / height)
  }
  let from: readonly [number, number] | null = null
  let isDragged = false
  element.addEventListener('pointerdown', (event) => {
    isDragged = false
    const isHandle = event.target === handle
    // A touch outside the ring scrolls the page.
    if (event.pointerType === 'touch' && !isHandle) return
    from = [event.clientX, event.clientY]
    element.setPointerCapture(event.pointerId)
    if (isHandle) handle.focus()
    event.preventDefault()
  })
  element.addEventListener('pointermove', (event) => {
    if (!from) return
    isDragged ||= Math.hypot(event.clientX - from[0], event.clientY - from[1]) > STILL
    if (isDragged) onMove(pointed(event), 'held')
  })
  element.addEventListener('pointerup', (event) => {
    if (from && isDragged) onMove(pointed(event), 'done')
    from = null
  })
  element.addEventListener('pointercancel', () => {
    from = null
  })
  // A click without a drag moves the start and plays the race.
  element.addEventListener('click', (event) => {
    if (!isDragged) onMove(event.target === handle ? start() : pointed(event), 'click')
  })
  handle.addEventListener('keydown', (event) => {
    const by = arrowKeys[event.key]
    if (!by) return
    event.preventDefault()
    const [x0, x1, y0, y1] = view()
    const part = event.shiftKey ? 0.0025 : 0.025
    const [x, y] = start()
    onMove(
      [
        Math.min(x1, Math.max(x0, roundForRange(x + by[0] * part * (x1 - x0), x1 - x0))),
        Math.min(y1, Math.max(y0, roundForRange(y + by[1] * part * (y1 - y0), y1 - y0))),
      ],
      'key',
    )
  })
}
