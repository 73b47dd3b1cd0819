/** The objective as a surface seen from a side, from far away: nearer cells are drawn over farther ones. */

import { ticks } from 'd3-array'
import type { Point } from '../../objectives/index.js'
import type { Landscape } from './landscape.js'
import { heightColor, label, type Panel, type ScreenPoint } from './panel.js'
import { type Polyline, px, simplify } from './polyline.js'

/** Points of the grid along a side. */
const SIZE = 41
const SHADES = 40
/** Where the viewer is: turned from straight ahead, and above the horizon. */
const TURN = (26 * Math.PI) / 180
const ELEVATION = (57 * Math.PI) / 180
/** The height of the highest point, where a side is 1. */
const TALL = 0.45

/** A polygon as SVG writes it most briefly; corners are in tenths of a pixel. */
function outline(corners: readonly number[][]): string {
  const steps = corners.slice(1).flatMap(([x, y], i) => [x - corners[i][0], y - corners[i][1]])
  const text = steps.map((step) => `${step / 10}`.replace(/^(-?)0\./, '$1.')).join(' ')
  return `M${corners[0].map((x) => x / 10).join(' ')}l${text.replaceAll(' -', '-')}z`
}

/** Whether a cell shows its upper side. */
const isFront = ([[ax, ay], [bx, by], [cx, cy], [dx, dy]]: readonly number[][]) =>
  (cx - ax) * (dy - by) < (cy - ay) * (dx - bx)

/** What may be marked on the axis of F, as a distance from its base: the first where there is room. */
const MARKS = [0, ...Array.from({ length: 24 }, (_, i) => [10 ** (12 - i), -(10 ** (12 - i))]).flat()]

/**
 * @param center where the middle of the floor is drawn, in pixels
 * @param scale pixels to a side
 */
export function surface(landscape: Landscape, center: Point, scale: number): Panel {
  const { view, heights } = landscape
  const [x0, x1, y0, y1] = view
  const [low, high] = heights
  const grid = landscape.grid(SIZE)
  const raise = (height: number) => (TALL * (height - low)) / (high - low)
  const [sin, cos] = [Math.sin(TURN), Math.cos(TURN)]

  /** u and v are shares of the view, w is the height. */
  function project(u: number, v: number, w: number): Point {
    const [right, away] = [(u - 0.5) * cos + (v - 0.5) * sin, (v - 0.5) * cos - (u - 0.5) * sin]
    return [
      center[0] + scale * right,
      center[1] - scale * (away * Math.sin(ELEVATION) + w * Math.cos(ELEVATION)),
    ]
  }

  /** The surface as it is drawn: straight between the grid's points. */
  function heightAt(u: number, v: number): number {
    const [x, y] = [u * (SIZE - 1), v * (SIZE - 1)]
    // On the edge, or past it by rounding, the cell is the last one.
    const [i, j] = [x, y].map((at) => Math.max(0, Math.min(SIZE - 2, Math.floor(at))))
    const row = (j: number) => grid[j * SIZE + i] * (1 - (x - i)) + grid[j * SIZE + i + 1] * (x - i)
    return raise(row(j) * (1 - (y - j)) + row(j + 1) * (y - j))
  }

  /** Whether the surface rises above the line from a point on it to the viewer. */
  function isHidden(u: number, v: number, w: number): boolean {
    const [du, dv] = [sin, -cos]
    for (let t = 0.5 / SIZE; ; t += 0.5 / SIZE) {
      const [x, y, line] = [u + t * du, v + t * dv, w + t * Math.tan(ELEVATION)]
      if (line > TALL || x < 0 || x > 1 || y < 0 || y > 1) return false
      if (heightAt(x, y) > line + 0.004) return true
    }
  }

  function place([u, v]: Point): ScreenPoint {
    const w = heightAt(u, v)
    const [x, y] = project(u, v, w)
    return { x, y, isHidden: isHidden(u, v, w) }
  }

  /** A path's part laid on the surface, in pieces that are seen or hidden as a whole. */
  function drape(part: Polyline): { line: number[]; isHidden: boolean }[] {
    const pieces: { line: number[]; isHidden: boolean }[] = []
    const add = (u: number, v: number) => {
      const { x, y, isHidden } = place([u, v])
      const last = pieces.at(-1)
      last?.line.push(x, y)
      if (last?.isHidden !== isHidden) pieces.push({ line: [x, y], isHidden })
    }
    add(part[0], part[1])
    for (let i = 2; i < part.length; i += 2) {
      const [u, v, du, dv] = [part[i - 2], part[i - 1], part[i] - part[i - 2], part[i + 1] - part[i - 1]]
      const steps = Math.ceil(Math.hypot(du, dv) * 2 * SIZE)
      for (let step = 1; step <= steps; step++) add(u + (du * step) / steps, v + (dv * step) / steps)
    }
    return pieces
  }

  function trace(parts: readonly Polyline[]): { seen: Polyline[]; hidden: Polyline[] } {
    const pieces = parts.flatMap(drape)
    const lines = (hidden: boolean) =>
      pieces.filter(({ isHidden }) => isHidden === hidden).map(({ line }) => simplify(line, 1))
    return { seen: lines(false), hidden: lines(true) }
  }

  return { name: 'surface', scenery: `${axes()}\n${cells()}`, place, trace }

  /** The surface's cells, far ones first; neighbors of one color are one path. */
  function cells(): string {
    const at = (i: number, j: number) =>
      project(i / (SIZE - 1), j / (SIZE - 1), raise(grid[j * SIZE + i])).map((x) => Math.round(10 * x))
    const found: string[] = []
    let color = ''
    for (let j = SIZE - 2; j >= 0; j--) {
      for (let i = 0; i < SIZE - 1; i++) {
        const first = j * SIZE + i
        const mean = (grid[first] + grid[first + 1] + grid[first + SIZE] + grid[first + SIZE + 1]) / 4
        const step = (high - low) / SHADES
        const itsColor = heightColor(low + step * (Math.floor((mean - low) / step) + 0.5), landscape)
        if (itsColor !== color) found.push(`${color && '"/>\n'}<path fill="${itsColor}" d="`)
        color = itsColor
        const corners = [at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)]
        // In one path, polygons of both directions would cut holes into each other.
        found.push(outline(isFront(corners) ? corners : corners.reverse()))
      }
    }
    return `<g id="cells" stroke="#17456e" stroke-opacity=".3" stroke-width=".4" stroke-linejoin="round">
${found.join('')}"/>
</g>`
  }

  /** Along the two near edges of the floor, and up at the left. */
  function axes(): string {
    const text = ([x, y]: Point, what: string, more = '') =>
      `<text x="${px(x)}" y="${px(y)}" text-anchor="middle"${more}>${what}</text>`
    const line = (from: Point, to: Point) => `<path d="M${[...from, ...to].map(px).join(' ')}"/>`
    const marks: string[] = []
    for (const x of ticks(x0, x1, 5)) {
      const u = (x - x0) / (x1 - x0)
      marks.push(line(project(u, 0, 0), project(u, -0.02, 0)), text(below(project(u, -0.07, 0)), label(x)))
    }
    for (const y of ticks(y0, y1, 5)) {
      const v = (y - y0) / (y1 - y0)
      marks.push(line(project(1, v, 0), project(1.02, v, 0)), text(below(project(1.07, v, 0)), label(y)))
    }
    const taken: number[] = []
    for (const above of MARKS) {
      const height = landscape.height(landscape.base + above)
      const w = raise(height)
      if (height < low || height > high || taken.some((other) => Math.abs(w - other) < 0.09)) continue
      taken.push(w)
      const [x, y] = project(0, 0, w)
      marks.push(
        line([x, y], [x - 5, y]),
        `<text x="${px(x - 8)}" y="${px(y + 4)}" text-anchor="end">${label(above)}</text>`,
      )
    }
    const top = raise(high)
    const corner = [project(0, 0, top), project(0, 0, 0), project(1, 0, 0), project(1, 1, 0)].flat()
    return `<g class="axes">
<path fill="none" d="M${corner.map(px).join(' ')}"/>
${marks.join('\n')}
${text(below(project(-0.06, 0, top + 0.06)), landscape.base === 0 ? 'F' : 'F − min F', ' font-style="italic"')}
${text(below(project(0.5, -0.18, 0)), 'x', ' font-style="italic"')}
${text(below(project(1.18, 0.5, 0)), 'y', ' font-style="italic"')}
</g>`
  }

  function below([x, y]: Point): Point {
    return [x, y + 4]
  }
}
