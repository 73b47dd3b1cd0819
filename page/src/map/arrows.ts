/** Arrows at the racers' points: the negative gradient, the velocity and the next step. */

import type { Point } from 'antigrad'
import type { Racer } from '../race.js'
import { theme } from '../theme.js'
import { within } from './plot.js'

/** Lengths in pixels of the arrows that show only a direction, and the minimum length of a step's arrow. */
const ARROW = { gradient: 46, velocity: 34, least: 12 }

/** The gradient at a point, and the velocity of the rule before the next step. */
export interface Pull {
  readonly gradient: Point
  readonly velocity: Point | null
}

/** The style of an arrow. */
interface ArrowStyle {
  readonly color: string
  readonly width: number
  readonly dash?: readonly number[]
}

/** An arrow: its offset in pixels, and its style. */
type Arrow = readonly [by: Point, style: ArrowStyle]

const direction = ([dx, dy]: Point) => {
  const size = Math.hypot(dx, dy)
  return size > 0 && size < Infinity ? ([dx / size, dy / size] as const) : null
}

/**
 * Draws the directions of the negative gradient and of the velocity, and the next step in its true length.
 *
 * @returns the ends of the arrows in pixels
 */
export function drawPull(
  context: CanvasRenderingContext2D,
  racer: Racer,
  pixel: (point: Point) => Point,
  { gradient, velocity }: Pull,
): Point[] {
  const { iterations } = racer
  const point = racer.pointAt(iterations)
  const at = pixel(point)
  const along = (way: Point | null, length: number): Point | null => {
    if (!way) return null
    const [x, y] = pixel([point[0] + way[0] * 1e-6, point[1] + way[1] * 1e-6])
    const far = direction([(x - at[0]) * 1e6, (y - at[1]) * 1e6])
    return far && [far[0] * length, far[1] * length]
  }
  const { text, muted } = theme()
  const slope = along(direction([-gradient[0], -gradient[1]]), ARROW.gradient)
  const drift = velocity && along(direction(velocity), ARROW.velocity)
  const step = iterations < racer.made ? nextStep(at, pixel(racer.pointAt(iterations + 1))) : null
  const arrows: (Arrow | null)[] = [
    slope && [slope, { color: muted, width: 1.5, dash: [3, 3] }],
    drift && [drift, { color: muted, width: 1.5 }],
    step && [step, { color: text, width: 2.5 }],
  ]
  return arrows.flatMap((arrow) => (arrow ? [drawArrow(context, at, ...arrow)] : []))
}

function nextStep(at: Point, next: Point): Point | null {
  const by: Point = [next[0] - at[0], next[1] - at[1]]
  const size = Math.hypot(...by)
  const scale = size < ARROW.least ? ARROW.least / size : 1
  return size > 0 ? [by[0] * scale, by[1] * scale] : null
}

function drawArrow(
  context: CanvasRenderingContext2D,
  [x, y]: Point,
  [dx, dy]: Point,
  { color, width, dash = [] }: ArrowStyle,
): Point {
  const size = Math.hypot(dx, dy)
  const [ux, uy] = [dx / size, dy / size]
  const to: Point = [within(x + dx, 1e4), within(y + dy, 1e4)]
  const head = 4 + width
  for (const [stroke, line] of [
    [theme().surface, width + 2.5],
    [color, width],
  ] as const) {
    context.strokeStyle = stroke
    context.lineWidth = line
    context.setLineDash(line === width ? dash : [])
    context.beginPath()
    context.moveTo(x, y)
    context.lineTo(...to)
    context.stroke()
    context.setLineDash([])
    context.beginPath()
    context.moveTo(to[0] - head * (ux - 0.6 * uy), to[1] - head * (uy + 0.6 * ux))
    context.lineTo(...to)
    context.lineTo(to[0] - head * (ux + 0.6 * uy), to[1] - head * (uy - 0.6 * ux))
    context.stroke()
  }
  return to
}
