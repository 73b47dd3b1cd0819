/** The parser of typed schedules, and small plots of them. This module is loaded on demand. */

import { formatCount, parseSchedule, type Scheduled } from '../../dist/page.js'
import { formatNumber, h } from './dom.js'
import { setScheduleParser } from './rules.js'
import { computeScheduleCurve } from './schedule-curve.js'

/** Enables schedules on the page. */
export const readSchedules = () => setScheduleParser(parseSchedule)

/** Width, height and vertical margin. */
const SIZE = [240, 48, 2] as const
const SVG = 'http://www.w3.org/2000/svg'

/** A plot of an option's values over the updates until they are constant. */
export function makeCurvePicture(option: string, schedule: Scheduled): HTMLElement {
  const { points, low, high, last } = computeScheduleCurve(schedule, SIZE)
  const line = document.createElementNS(SVG, 'polyline')
  line.setAttribute('points', points)
  const picture = document.createElementNS(SVG, 'svg')
  picture.setAttribute('viewBox', `0 0 ${SIZE[0]} ${SIZE[1]}`)
  picture.setAttribute('preserveAspectRatio', 'none')
  picture.setAttribute('aria-hidden', 'true')
  picture.append(line)
  const words = `${option} from ${formatNumber(low)} to ${formatNumber(high)}, updates 0 to ${formatCount(last)}`
  return h('figure', { className: 'schedule' }, h('figcaption', {}, words), picture)
}
