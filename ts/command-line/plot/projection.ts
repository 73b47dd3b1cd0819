/**
 * Parallel projection of the surface: the positions of the surface's points in the plot, and whether the surface hides
 * these points.
 */

import type { Point } from '../../objectives/index.js'
import type { Landscape } from './landscape.js'
import type { ScreenPoint } from './panel.js'

/** Grid points per side of the surface. */
export const SIZE = 41
/** Direction of the viewer: rotation about the vertical axis, and elevation above the horizon. */
const TURN = (26 * Math.PI) / 180
const ELEVATION = (57 * Math.PI) / 180
const [SIN, COS] = [Math.sin(TURN), Math.cos(TURN)]
/** Height of the highest point, in units of the surface's side length. */
const TALL = 0.45

/** Projects points (u, v), given as fractions of the view. */
export class Projection {
  /** Heights in row-major order. */
  readonly grid: Float64Array
  readonly #low: number
  readonly #high: number
  readonly #center: Point
  readonly #scale: number

  /**
   * @param center position of the middle of the floor, in pixels
   * @param scale side length in pixels
   */
  constructor(landscape: Landscape, center: Point, scale: number) {
    this.grid = landscape.grid(SIZE)
    ;[this.#low, this.#high] = landscape.heights
    this.#center = center
    this.#scale = scale
  }

  /** Converts a height of the landscape to a height above the floor, in units of the side length. */
  raise(height: number): number {
    return (TALL * (height - this.#low)) / (this.#high - this.#low)
  }

  /** Projects the point (u, v) at height w above the floor to pixels. */
  project(u: number, v: number, w: number): Point {
    const [right, away] = [(u - 0.5) * COS + (v - 0.5) * SIN, (v - 0.5) * COS - (u - 0.5) * SIN]
    return [
      this.#center[0] + this.#scale * right,
      this.#center[1] - this.#scale * (away * Math.sin(ELEVATION) + w * Math.cos(ELEVATION)),
    ]
  }

  /** Projects a point of the surface to pixels. */
  place(u: number, v: number): ScreenPoint {
    const w = this.#heightAt(u, v)
    const [x, y] = this.project(u, v, w)
    return { x, y, isHidden: this.#isHidden(u, v, w) }
  }

  /** Height of the drawn surface, by bilinear interpolation between grid points. */
  #heightAt(u: number, v: number): number {
    const { grid } = this
    const [x, y] = [u * (SIZE - 1), v * (SIZE - 1)]
    // A point on the edge, or slightly beyond the edge by rounding, belongs to the last cell.
    const [i, j] = [x, y].map((at) => Math.max(0, Math.min(SIZE - 2, Math.floor(at))))
    const row = (j: number) => grid[j * SIZE + i] * (1 - (x - i)) + grid[j * SIZE + i + 1] * (x - i)
    return this.raise(row(j) * (1 - (y - j)) + row(j + 1) * (y - j))
  }

  /** Whether the surface hides one of its points: the surface rises above the line from this point to the viewer. */
  #isHidden(u: number, v: number, w: number): boolean {
    const [du, dv] = [SIN, -COS]
    for (let t = 0.5 / SIZE; ; t += 0.5 / SIZE) {
      const [x, y, line] = [u + t * du, v + t * dv, w + t * Math.tan(ELEVATION)]
      if (line > TALL || x < 0 || x > 1 || y < 0 || y > 1) return false
      if (this.#heightAt(x, y) > line + 0.004) return true
    }
  }
}
