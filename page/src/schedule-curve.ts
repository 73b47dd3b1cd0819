/** A schedule's values as a polyline of any size. */

import { compile, countUpdates, type Scheduled } from '../../dist/page.js'

/**
 * Points of an SVG polyline over the updates until the schedule is constant, with its extreme values and last update.
 */
export function computeScheduleCurve(schedule: Scheduled, [width, height, edge]: readonly number[]) {
  const last = countUpdates([schedule]) - 1
  const at = compile(schedule)
  const samples = Math.min(width, last)
  const values = Array.from({ length: samples + 1 }, (_, i) => at(Math.round((i * last) / samples)))
  const finite = values.filter(Number.isFinite)
  const [low, high] = [Math.min(...finite), Math.max(...finite)]
  const place = (x: number, i: number) => {
    const y = edge + (height - 2 * edge) * (high > low ? (high - x) / (high - low) : 0.5)
    return `${(i * width) / samples},${y}`
  }
  const points = values.map((x, i) => (Number.isFinite(x) ? place(x, i) : '')).join(' ')
  return { points, low, high, last }
}
