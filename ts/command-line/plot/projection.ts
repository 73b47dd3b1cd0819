/** A surface seen from a side, from far away: where its points are in the picture, and which it hides itself. */

import type { Point } from '../../objectives/index.js'
import type { Landscape } from './landscape.js'
import type { ScreenPoint } from './panel.js'

/** Points of the grid along a side. */
export const SIZE = 41
/** Where the viewer is: turned from straight ahead, and above the horizon. */
const TURN = (26 * Math.PI) / 180
const ELEVATION = (57 * Math.PI) / 180
const [SIN, COS] = [Math.sin(TURN), Math.cos(TURN)]
/** The height of the highest point, where a side is 1. */
const TALL = 0.45

/** Points of the floor come as fractions u and v of the view. */
export class Projection {
  /** Heights row by row. */
  readonly grid: Float64Array
  readonly #low: number
  readonly #high: number
  readonly #center: Point
  readonly #scale: number

  /**
   * @param center where the middle of the floor is drawn, in pixels
   * @param scale pixels to a side
   */
  constructor(landscape: Landscape, center: Point, scale: number) {
    this.grid = landscape.grid(SIZE)
    ;[this.#low, this.#high] = landscape.heights
    this.#center = center
    this.#scale = scale
  }

  /** How far a height of the landscape is above the floor, where a side is 1. */
  raise(height: number): number {
    return (TALL * (height - this.#low)) / (this.#high - this.#low)
  }

  /** Where a point is drawn that is so far above the floor. */
  project(u: number, v: number, w: number): Point {
    const [right, away] = [(u - 0.5) * COS + (v - 0.5) * SIN, (v - 0.5) * COS - (u - 0.5) * SIN]
    return [
      this.#center[0] + this.#scale * right,
      this.#center[1] - this.#scale * (away * Math.sin(ELEVATION) + w * Math.cos(ELEVATION)),
    ]
  }

  /** Where a point of the surface is drawn. */
  place(u: number, v: number): ScreenPoint {
    const w = this.#heightAt(u, v)
    const [x, y] = this.project(u, v, w)
    return { x, y, isHidden: this.#isHidden(u, v, w) }
  }

  /** The surface as it is drawn: straight between the grid's points. */
  #heightAt(u: number, v: number): number {
    const { grid } = this
    const [x, y] = [u * (SIZE - 1), v * (SIZE - 1)]
    // On the edge, or past it by rounding, the cell is the last one.
    const [i, j] = [x, y].map((at) => Math.max(0, Math.min(SIZE - 2, Math.floor(at))))
    const row = (j: number) => grid[j * SIZE + i] * (1 - (x - i)) + grid[j * SIZE + i + 1] * (x - i)
    return this.raise(row(j) * (1 - (y - j)) + row(j + 1) * (y - j))
  }

  /** Whether the surface rises above the line from a point on it to the viewer. */
  #isHidden(u: number, v: number, w: number): boolean {
    const [du, dv] = [SIN, -COS]
    for (let t = 0.5 / SIZE; ; t += 0.5 / SIZE) {
      const [x, y, line] = [u + t * du, v + t * dv, w + t * Math.tan(ELEVATION)]
      if (line > TALL || x < 0 || x > 1 || y < 0 || y > 1) return false
      if (this.#heightAt(x, y) > line + 0.004) return true
    }
  }
}
