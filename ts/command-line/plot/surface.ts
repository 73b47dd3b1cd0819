/** The objective as a surface in parallel projection. Nearer cells are drawn over farther cells. */

import { ticks } from 'd3-array'
import type { Point } from '../../objectives/index.js'
import { axisMarks } from '../../plots/view.js'
import type { Landscape } from './landscape.js'
import { heightColor, label, type Panel } from './panel.js'
import { type Polyline, px, simplify } from './polyline.js'
import { Projection, SIZE } from './projection.js'

const SHADES = 40

/** A polygon in the shortest SVG notation, with corners in tenths of a pixel. */
function outline(corners: readonly number[][]): string {
  const steps = corners.slice(1).flatMap(([x, y], i) => [x - corners[i][0], y - corners[i][1]])
  const text = steps.map((step) => `${step / 10}`.replace(/^(-?)0\./, '$1.')).join(' ')
  return `M${corners[0].map((x) => x / 10).join(' ')}l${text.replaceAll(' -', '-')}z`
}

/** Whether the upper side of a cell faces the viewer. */
const isFront = ([[ax, ay], [bx, by], [cx, cy], [dx, dy]]: readonly number[][]) =>
  (cx - ax) * (dy - by) < (cy - ay) * (dx - bx)

/**
 * Candidate marks on the axis of F, as distances from the base. If candidates overlap, the earlier candidate is drawn.
 */
const MARKS = [0, ...Array.from({ length: 24 }, (_, i) => [10 ** (12 - i), -(10 ** (12 - i))]).flat()]

/**
 * @param center position of the middle of the floor, in pixels
 * @param scale side length of the surface in pixels
 */
export function surface(landscape: Landscape, center: Point, scale: number): Panel {
  const projection = new Projection(landscape, center, scale)
  return {
    name: 'surface',
    scenery: `${drawAxes(landscape, projection)}\n${drawCells(landscape, projection)}`,
    place: ([u, v]) => projection.place(u, v),
    trace(parts) {
      const pieces = parts.flatMap((part) => drape(part, projection))
      const lines = (hidden: boolean) =>
        pieces.filter(({ isHidden }) => isHidden === hidden).map(({ line }) => simplify(line, 1))
      return { seen: lines(false), hidden: lines(true) }
    },
  }
}

/** Drapes a part of a path over the surface and splits it into pieces that are entirely visible or entirely hidden. */
function drape(part: Polyline, projection: Projection): { line: number[]; isHidden: boolean }[] {
  const pieces: { line: number[]; isHidden: boolean }[] = []
  const add = (u: number, v: number) => {
    const { x, y, isHidden } = projection.place(u, v)
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

/** The cells of the surface, farthest first. Consecutive cells of the same color form one path. */
function drawCells(landscape: Landscape, projection: Projection): string {
  const { grid } = projection
  const [low, high] = landscape.heights
  const at = (i: number, j: number) =>
    projection
      .project(i / (SIZE - 1), j / (SIZE - 1), projection.raise(grid[j * SIZE + i]))
      .map((x) => Math.round(10 * x))
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
      // Within one path, polygons of opposite orientation would cut holes into each other.
      found.push(outline(isFront(corners) ? corners : corners.reverse()))
    }
  }
  return `<g id="cells" stroke="#17456e" stroke-opacity=".3" stroke-width=".4" stroke-linejoin="round">
${found.join('')}"/>
</g>`
}

const text = ([x, y]: Point, what: string, more = '') =>
  `<text x="${px(x)}" y="${px(y + 4)}" text-anchor="middle"${more}>${what}</text>`
const line = (from: Point, to: Point) => `<path d="M${[...from, ...to].map(px).join(' ')}"/>`

/** Axes along the two near edges of the floor, and the vertical axis at the left. */
function drawAxes(landscape: Landscape, projection: Projection): string {
  const project = projection.project.bind(projection)
  const [xs, ys] = axisMarks(ticks, landscape.view)
  const marks = [
    ...xs.flatMap(({ value, at: u }) => [
      line(project(u, 0, 0), project(u, -0.02, 0)),
      text(project(u, -0.07, 0), label(value)),
    ]),
    ...ys.flatMap(({ value, at: v }) => [
      line(project(1, v, 0), project(1.02, v, 0)),
      text(project(1.07, v, 0), label(value)),
    ]),
    ...markHeights(landscape, projection),
  ]
  const top = projection.raise(landscape.heights[1])
  const corner = [project(0, 0, top), project(0, 0, 0), project(1, 0, 0), project(1, 1, 0)].flat()
  const italic = ' font-style="italic"'
  return `<g class="axes">
<path fill="none" d="M${corner.map(px).join(' ')}"/>
${marks.join('\n')}
${text(project(-0.06, 0, top + 0.06), landscape.base === 0 ? 'F' : 'F − min F', italic)}
${text(project(0.5, -0.18, 0), 'x', italic)}
${text(project(1.18, 0.5, 0), 'y', italic)}
</g>`
}

/** Marks on the axis of F. */
function markHeights(landscape: Landscape, projection: Projection): string[] {
  const [low, high] = landscape.heights
  const marks: string[] = []
  const taken: number[] = []
  for (const above of MARKS) {
    const height = landscape.height(landscape.base + above)
    const w = projection.raise(height)
    if (height < low || height > high || taken.some((other) => Math.abs(w - other) < 0.09)) continue
    taken.push(w)
    const [x, y] = projection.project(0, 0, w)
    marks.push(
      line([x, y], [x - 5, y]),
      `<text x="${px(x - 8)}" y="${px(y + 4)}" text-anchor="end">${label(above)}</text>`,
    )
  }
  return marks
}
