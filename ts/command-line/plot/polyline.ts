/** Polylines for pictures: lists of x and y in turn, clipped, thinned and written. */

import type { View } from '../../objectives/index.js'

/** x and y in turn. */
export type Polyline = ArrayLike<number>

/**
 * The parts of a path that lie in a rectangle (Liang and Barsky, 1984). A point that is not finite,
 * or too far for arithmetic, ends a part.
 */
export function clip(path: Polyline, [x0, x1, y0, y1]: View): number[][] {
  const parts: number[][] = []
  let part: number[] | null = null
  for (let i = 2; i < path.length; i += 2) {
    const [ax, ay, dx, dy] = [path[i - 2], path[i - 1], path[i] - path[i - 2], path[i + 1] - path[i - 1]]
    // From which share of this segment on, and up to which, it is inside.
    let [enters, leaves] = [0, 1]
    for (const [distance, speed] of [
      [ax - x0, dx],
      [x1 - ax, -dx],
      [ay - y0, dy],
      [y1 - ay, -dy],
    ]) {
      const crosses = -distance / speed
      if (speed > 0) enters = Math.max(enters, crosses)
      else if (speed < 0) leaves = Math.min(leaves, crosses)
      else if (!(distance >= 0)) leaves = -1
    }
    if (!(enters <= leaves && Number.isFinite(dx) && Number.isFinite(dy))) {
      part = null
      continue
    }
    // Rounding must not leave the rectangle again: an end may be 1e16 away.
    const at = (share: number) => [
      Math.min(x1, Math.max(x0, ax * (1 - share) + path[i] * share)),
      Math.min(y1, Math.max(y0, ay * (1 - share) + path[i + 1] * share)),
    ]
    if (part === null || enters > 0) {
      part = at(enters)
      parts.push(part)
    }
    part.push(...at(leaves))
    if (leaves < 1) part = null
  }
  return parts
}

/**
 * How far, in pixels, what is drawn may be from what is meant: with rounding below a quarter of one on
 * the contour, and on the surface, where lines are thinned once more, below a half.
 */
const NEAR = 0.05
const FLAT = 0.12

/** How many points one segment may stand for, which bounds the time. */
const WINDOW = 500

/**
 * Fewer points for the same line: none that was there is farther from it than `NEAR + FLAT` pixels.
 *
 * @param scale pixels to a unit of the line
 */
export function simplify(line: Polyline, scale: number): number[] {
  const points = withoutNeighbors(line, NEAR / scale)
  const kept = points.slice(0, 2)
  let anchor = 0
  for (let next = 2; next < points.length; next += 2) {
    if ((next - anchor) / 2 <= WINDOW && isFlat(points, anchor, next, FLAT / scale)) continue
    anchor = next - 2
    kept.push(points[anchor], points[anchor + 1])
  }
  kept.push(...points.slice(-2))
  return kept
}

/** Without the points that are close to the last one kept; the very last one stays. */
function withoutNeighbors(line: Polyline, near: number): number[] {
  const kept = [line[0], line[1]]
  for (let i = 2; i < line.length; i += 2) {
    const moved = Math.hypot(line[i] - kept[kept.length - 2], line[i + 1] - kept[kept.length - 1])
    if (moved > near || i === line.length - 2) kept.push(line[i], line[i + 1])
  }
  return kept
}

/** Whether all points between two are close to the segment that joins these. */
function isFlat(points: readonly number[], from: number, to: number, flat: number): boolean {
  const [ax, ay, dx, dy] = [
    points[from],
    points[from + 1],
    points[to] - points[from],
    points[to + 1] - points[from + 1],
  ]
  const square = dx * dx + dy * dy
  for (let i = from + 2; i < to; i += 2) {
    const [px, py] = [points[i] - ax, points[i + 1] - ay]
    const along = square === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / square))
    if (Math.hypot(px - along * dx, py - along * dy) > flat) return false
  }
  return true
}

/**
 * Lines without the segments that were there before, in either direction and to a tenth of a pixel:
 * a path that goes to and fro for ever has few.
 *
 * @param scale pixels to a unit of the lines
 */
export function withoutRepeats(lines: readonly Polyline[], scale: number): number[][] {
  const seen = new Set<string>()
  const nameOf = (x: number, y: number) => `${Math.round(10 * scale * x)} ${Math.round(10 * scale * y)}`
  return lines.flatMap((line) => {
    const rest: number[][] = []
    let isOpen = false
    for (let i = 2; i < line.length; i += 2) {
      const [ax, ay, bx, by] = [line[i - 2], line[i - 1], line[i], line[i + 1]]
      const ends = [nameOf(ax, ay), nameOf(bx, by)]
      const segment = ends.sort().join()
      const isNew = !seen.has(segment)
      if (isNew) {
        if (!isOpen) rest.push([ax, ay])
        rest[rest.length - 1].push(bx, by)
      }
      seen.add(segment)
      isOpen = isNew
    }
    return rest
  })
}

/** A number of pixels, to a tenth. */
export const px = (x: number): string => `${Math.round(x * 10) / 10}`

/** Polylines as an SVG path's `d`. */
export function pathData(lines: readonly Polyline[]): string {
  const write = (line: Polyline) => `M${Array.from(line, px).join(' ')}`
  return lines.map(write).join('')
}
