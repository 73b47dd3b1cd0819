/** The frame of a panel: axes, ticks and ranges. Plots of fits and plots of metrics use the same frame. */

import { ticks } from 'd3-array'
import { type AxisScale, makeScales } from '../../axes/scale.js'
import { AntigradError } from '../../core/errors.js'
import { label } from './panel.js'
import { px } from './polyline.js'
import { escapeXml } from './sweep.js'

export const WIDTH = 830
export const LEFT = 74
export const RIGHT = 800

/** Returns a linear or a logarithmic scale. */
export const getScale = makeScales(ticks)

/** Two positions on an axis. */
export type AxisRange = readonly [low: number, high: number]
/** Maps values to pixels. */
export type AxisPosition = (x: number) => number

/** The horizontal axis. */
export interface HorizontalAxis {
  readonly x: AxisRange
  readonly scaleX: AxisScale
  readonly atX: AxisPosition
}

/** @param name title above the panel */
export function frame(
  { x, atX, scaleX }: HorizontalAxis,
  [top, height]: readonly [number, number],
  name: string,
  yTicks: string,
): string {
  const bottom = top + height
  const marks = scaleX
    .ticks(x[0], x[1], 8)
    .map(
      (tick) =>
        `<path d="M${px(atX(tick))} ${bottom}v5"/><text x="${px(atX(tick))}" y="${bottom + 18}" text-anchor="middle">${label(tick)}</text>`,
    )
  return `<text x="${LEFT}" y="${top - 6}">${escapeXml(name)}</text>
<g stroke="#555" fill="none"><rect x="${LEFT}" y="${top}" width="${RIGHT - LEFT}" height="${height}"/></g>
<g class="axes" stroke="#555" fill="#222">${(marks.join('') + yTicks).replaceAll('<text', '<text stroke="none"')}</g>`
}

/** The ticks of the vertical axis. */
export function ticksOf(range: AxisRange, at: AxisPosition, count: number, scale: AxisScale): string {
  const marks = scale
    .ticks(range[0], range[1], count)
    .map(
      (tick) =>
        `<path d="M${LEFT} ${px(at(tick))}h-5"/><path stroke-opacity=".15" d="M${LEFT} ${px(at(tick))}H${RIGHT}"/><text x="${LEFT - 8}" y="${px(at(tick) + 4)}" text-anchor="end">${label(tick)}</text>`,
    )
  return marks.join('')
}

/** The smallest and the largest finite value. */
export function computeRange(numbers: Iterable<number>): AxisRange {
  let [low, high] = [Infinity, -Infinity]
  for (const x of numbers) if (Number.isFinite(x)) [low, high] = [Math.min(low, x), Math.max(high, x)]
  return [low, high]
}

/**
 * The range with a margin on both sides. A single value also gets margins.
 *
 * @throws AntigradError if the values are too far apart to draw
 */
export function widened([low, high]: AxisRange, share: number): AxisRange {
  const room = high > low ? share * (high - low) : Math.abs(low) / 10 || 1
  if (Number.isFinite(high - low + 2 * room)) return [low - room, high + room]
  throw new AntigradError(`the numbers from ${low} to ${high} are too far apart to draw`)
}

/** Maps values to pixels. */
export function axis([low, high]: AxisRange, from: number, to: number, scale: AxisScale): AxisPosition {
  return (x) => from + ((to - from) * (scale.position(x) - low)) / (high - low)
}
