/** Schedules as SVG: their values as functions of the update. */

import { ticks } from 'd3-array'
import { OptionError } from '../../core/errors.js'
import { compile, type Scheduled } from '../../schedules/schedule.js'
import { getScale, LEFT, RIGHT, ticksOf, WIDTH } from './frame.js'
import { FONTS, lineStyle } from './picture.js'
import { pathData, px, simplify } from './polyline.js'
import { escapeXml } from './sweep.js'

const TOP = 24
const BOTTOM = 284
const LEGEND = 350
const ROW = 18

/** A schedule and its text in the legend. */
export interface NamedSchedule {
  readonly text: string
  readonly schedule: Scheduled
}

/**
 * @param updates number of updates: t goes from 0 to `updates − 1`
 * @throws OptionError if a value is not finite
 */
export function drawSchedules(all: readonly NamedSchedule[], updates: number): string {
  const values = all.map((named) => evaluateValues(named, updates))
  let [low, high] = [0, 0]
  for (const list of values) {
    for (const x of list) [low, high] = [Math.min(low, x), Math.max(high, x)]
  }
  const last = Math.max(1, updates - 1)
  const atX = (t: number) => LEFT + ((RIGHT - LEFT) * t) / last
  const atY = (x: number) => BOTTOM - ((BOTTOM - TOP) * (x - low)) / (high - low || 1)
  const xTicks = ticks(0, last, 8)
    .filter(Number.isInteger)
    .map(
      (t) =>
        `<path d="M${px(atX(t))} ${BOTTOM}v5"/><text x="${px(atX(t))}" y="${BOTTOM + 18}" text-anchor="middle">${t.toLocaleString('en')}</text>`,
    )
  const yTicks = ticksOf([low, high || 1], atY, 6, getScale(false))
  const lines = values.map((list, i) => {
    const line = Array.from({ length: 2 * updates }, (_, k) => (k % 2 === 0 ? atX(k / 2) : atY(list[k >> 1])))
    return `<path data-line="${i}" ${lineStyle(i)} d="${pathData([simplify(line, 1)])}"/>`
  })
  const legend = all.map(({ text }, i) => {
    const y = LEGEND + ROW * i
    return `<path ${lineStyle(i)} stroke-width="1.8" d="M${LEFT} ${y - 4.5}h30"/><text x="${LEFT + 40}" y="${y}">${escapeXml(shortened(text))}</text>`
  })
  const height = LEGEND + ROW * all.length
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="${FONTS}" font-size="12" fill="#222">
<title id="title">${escapeXml(all.map(({ text }) => text).join(', '))}: values over the updates</title>
<rect width="${WIDTH}" height="${height}" rx="6" fill="#fff"/>
<g class="axes" stroke="#555" fill="none"><rect x="${LEFT}" y="${TOP}" width="${RIGHT - LEFT}" height="${BOTTOM - TOP}"/>${(xTicks.join('') + yTicks).replaceAll('<text', '<text stroke="none" fill="#222"')}</g>
<text x="${(LEFT + RIGHT) / 2}" y="${BOTTOM + 38}" text-anchor="middle" font-style="italic">t</text>
<g fill="none" stroke-width="1.8" stroke-linejoin="round">
${lines.reverse().join('\n')}
</g>
<g id="legend">${legend.join('')}</g>
</svg>
`
}

/** @throws OptionError if a value is not finite */
function evaluateValues({ text, schedule }: NamedSchedule, updates: number): Float64Array {
  const at = compile(schedule)
  return Float64Array.from({ length: updates }, (_, t) => {
    const x = at(t)
    if (!Number.isFinite(x)) throw new OptionError(`${shortened(text)} at t = ${t}`, 'a finite number', x)
    return x
  })
}

/** Truncates text to the available width. */
const shortened = (text: string) => (text.length > 100 ? `${text.slice(0, 99)}…` : text)
