/** Leaves points of the plot out, or takes them in again, by a click or by a dragged range of x. */

import type { FitPlot } from './plot.js'

export interface SelectablePoint {
  readonly x: number
  readonly y: number
  /** Identifies the row of the point. */
  readonly key: string
  readonly isOut: boolean
}

/** Distance in pixels within which a click selects a point. */
const REACH = 14
/** Distance in pixels from which a movement is a drag. */
const MIN_DRAG = 6

/**
 * @param points the points that can be selected now
 * @param onChange receives the keys of the selected points, and whether the points are to be left out
 */
export function selectInPlot(
  plot: FitPlot,
  points: () => readonly SelectablePoint[],
  onChange: (keys: readonly string[], isOut: boolean) => void,
): void {
  const { element } = plot
  const range = document.createElement('div')
  range.className = 'range'
  let begin: readonly [left: number, top: number] | null = null

  const placeOf = ({ clientX, clientY }: PointerEvent) => {
    const { left, top } = element.getBoundingClientRect()
    return [clientX - left, clientY - top] as const
  }
  const select = (chosen: readonly SelectablePoint[]) => {
    if (chosen.length === 0) return
    // If all selected points are left out already, they are taken in again.
    onChange(
      chosen.map(({ key }) => key),
      !chosen.every(({ isOut }) => isOut),
    )
  }
  element.addEventListener('pointerdown', (event) => {
    const place = placeOf(event)
    if (event.button !== 0 || place[1] > plot.bottom) return
    begin = place
    if (event.pointerType === 'mouse') event.preventDefault()
  })
  element.addEventListener('pointermove', (event) => {
    if (begin === null) return
    const [left] = placeOf(event)
    if (Math.abs(left - begin[0]) < MIN_DRAG) return range.remove()
    range.style.left = `${Math.min(left, begin[0])}px`
    range.style.width = `${Math.abs(left - begin[0])}px`
    range.style.height = `${plot.bottom}px`
    if (range.parentElement !== element) element.append(range)
  })
  const end = (event: PointerEvent) => {
    if (begin === null) return
    const [from, place] = [begin, placeOf(event)]
    begin = null
    range.remove()
    const placed = points().flatMap((point) => {
      const at = plot.locate(point.x, point.y)
      return at && Number.isFinite(at[0] + at[1]) ? [{ point, at }] : []
    })
    if (Math.abs(place[0] - from[0]) >= MIN_DRAG) {
      const [low, high] = [Math.min(from[0], place[0]), Math.max(from[0], place[0])]
      return select(placed.filter(({ at }) => at[0] >= low && at[0] <= high).map(({ point }) => point))
    }
    const distance = ({ at }: (typeof placed)[number]) => Math.hypot(at[0] - place[0], at[1] - place[1])
    const [nearest] = placed.sort((a, b) => distance(a) - distance(b))
    if (nearest && distance(nearest) <= REACH) select([nearest.point])
  }
  element.addEventListener('pointerup', end)
  element.addEventListener('pointerleave', () => {
    begin = null
    range.remove()
  })
}
