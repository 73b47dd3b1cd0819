/** The size of the map in pixels, and the positions of points on it. */

import type { Point, View } from 'antigrad'
import { toFractions } from '../../../dist/page.js'
import { computePlotBox, type PlotBox, within } from './plot.js'

/** Largest distance in pixels that a canvas can draw. Positions of diverged paths are limited to it. */
const FARTHEST = 1e5

export class MapGeometry {
  width = 0
  height = 0
  /** Pixels of the canvas per pixel of the page. */
  ratio = 1
  view: View = [0, 1, 0, 1]

  /** The plot without its axes. */
  get box(): PlotBox {
    return computePlotBox(this.width, this.height)
  }

  /** Position of a point in pixels. */
  pixel(point: Point): Point {
    const { left, top, width, height } = this.box
    const [u, v] = toFractions(point, this.view)
    return [within(left + width * u, FARTHEST), within(top + height * (1 - v), FARTHEST)]
  }

  /** Limits drawing to the plot. */
  clip(context: CanvasRenderingContext2D): void {
    const { left, top, width, height } = this.box
    context.beginPath()
    context.rect(left, top, width, height)
    context.clip()
  }
}
