/** Draws what does not move on the map: heights, contours with labels, bounds and axes. */

import type { Point } from 'antigrad'
import type { ContourLevel } from '../../../dist/page.js'
import { formatNumber } from '../dom.js'
import type { ObjectiveView } from '../functions.js'
import type { HeightField } from '../height-field.js'
import { theme } from '../theme.js'
import { heightColors } from './heights.js'
import { placeContourLabel } from './labels.js'
import { computeRectangle, drawAxes, generateCorners, type PlotBox } from './plot.js'
import { colorOf } from './ramp.js'

const FONT = '600 11px system-ui, sans-serif'

/** @param obstacles points in pixels that labels avoid, such as the starting point */
export function drawGround(
  context: CanvasRenderingContext2D,
  box: PlotBox,
  terrain: HeightField,
  contours: readonly ContourLevel[],
  obstacles: readonly Point[],
): void {
  const { left, top, width, height } = box
  const colors = theme()
  context.save()
  context.beginPath()
  context.rect(left, top, width, height)
  context.clip()
  context.fillStyle = colorOf(heightColors(colors), 0)
  context.fillRect(left, top, width, height)
  context.strokeStyle = colors.contour
  for (const [i, { rings }] of contours.entries()) {
    const { isLabeled } = terrain.levels[i]
    trace(context, box, rings)
    context.fillStyle = colorOf(heightColors(colors), (i + 1) / contours.length)
    context.fill('evenodd')
    context.globalAlpha = isLabeled ? 0.9 : 0.35
    context.lineWidth = isLabeled ? 1.1 : 0.6
    context.stroke()
    context.globalAlpha = 1
  }
  drawBounds(context, box, terrain.landscape)
  drawLabels(context, box, terrain, contours, obstacles)
  context.restore()
  drawAxes(context, box, terrain.landscape.view)
}

/** Draws the bounds as a rectangle, and veils what is outside. */
function drawBounds(context: CanvasRenderingContext2D, box: PlotBox, { bounds, view }: ObjectiveView): void {
  if (!bounds) return
  const { left, top, width, height } = computeRectangle(box, bounds, view)
  const { surface, text } = theme()
  context.beginPath()
  context.rect(box.left, box.top, box.width, box.height)
  context.rect(left, top, width, height)
  context.globalAlpha = 0.55
  context.fillStyle = surface
  context.fill('evenodd')
  context.globalAlpha = 1
  context.strokeStyle = text
  context.lineWidth = 2
  context.strokeRect(left, top, width, height)
}

function trace(context: CanvasRenderingContext2D, box: PlotBox, rings: ContourLevel['rings']): void {
  context.beginPath()
  for (const [x, y, isFirst] of generateCorners(box, rings)) {
    if (isFirst) context.moveTo(x, y)
    else context.lineTo(x, y)
  }
}

function drawLabels(
  context: CanvasRenderingContext2D,
  box: PlotBox,
  { levels }: HeightField,
  contours: readonly ContourLevel[],
  obstacles: readonly Point[],
): void {
  const { text } = theme()
  const heights = heightColors(theme())
  const shift = ([x, y]: Point): Point => [x - box.left, y - box.top]
  const taken: Point[] = []
  context.font = FONT
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.lineJoin = 'round'
  for (const [i, { value, isLabeled }] of levels.entries()) {
    if (!isLabeled || !contours[i]) continue
    const rings = contours[i].rings.map((ring) =>
      ring.map(([u, v]): Point => [box.width * u, box.height * (1 - v)]),
    )
    const found = placeContourLabel(rings, [box.width, box.height], taken, obstacles.map(shift))
    if (!found) continue
    taken.push([found.x, found.y])
    context.save()
    context.translate(box.left + found.x, box.top + found.y)
    context.rotate(found.angle)
    // The label interrupts its contour.
    context.strokeStyle = colorOf(heights, (i + 0.5) / contours.length)
    context.lineWidth = 5
    context.strokeText(formatNumber(value, 3), 0, 0)
    context.fillStyle = text
    context.fillText(formatNumber(value, 3), 0, 0)
    context.restore()
  }
}
