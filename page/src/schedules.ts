/** Schedules as they are typed, and small pictures of them; loaded where there are some. */

import { compile, type Scheduled } from '../../dist/schedules/schedule.js'
import { parseSchedule, updatesOf } from '../../dist/schedules/text.js'
import { h, shown } from './dom.js'
import { readBy } from './rules.js'

/** From now on texts of schedules are known. */
export const readSchedules = () => readBy(parseSchedule)

const [WIDTH, HEIGHT, EDGE] = [240, 48, 2]
const SVG = 'http://www.w3.org/2000/svg'

/** An option's values over the updates until they stay. */
export function pictureOf(option: string, schedule: Scheduled): HTMLElement {
  const last = updatesOf([schedule]) - 1
  const at = compile(schedule)
  const samples = Math.min(WIDTH, last)
  const values = Array.from({ length: samples + 1 }, (_, i) => at(Math.round((i * last) / samples)))
  const finite = values.filter(Number.isFinite)
  const [low, high] = [Math.min(...finite), Math.max(...finite)]
  const place = (x: number, i: number) => {
    const y = EDGE + (HEIGHT - 2 * EDGE) * (high > low ? (high - x) / (high - low) : 0.5)
    return `${(i * WIDTH) / samples},${y}`
  }
  const line = document.createElementNS(SVG, 'polyline')
  line.setAttribute('points', values.map((x, i) => (Number.isFinite(x) ? place(x, i) : '')).join(' '))
  const picture = document.createElementNS(SVG, 'svg')
  picture.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`)
  picture.setAttribute('preserveAspectRatio', 'none')
  picture.setAttribute('aria-hidden', 'true')
  picture.append(line)
  const words = `${option} from ${shown(low)} to ${shown(high)}, updates 0 to ${last.toLocaleString('en')}`
  return h('figure', { className: 'schedule' }, h('figcaption', {}, words), picture)
}
