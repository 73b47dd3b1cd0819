/** Clipping, simplifying and writing of polylines, which are arrays of alternating x and y. */

import type { View } from '../../objectives/index.js'

/** Alternating x and y. */
export type Polyline = ArrayLike<number>

/**
 * Clips a path to a rectangle (Liang and Barsky, 1984) and returns its visible parts. A part of the path ends before a
 * point that is not finite or causes an overflow.
 */
export function clip(path: Polyline, [x0, x1, y0, y1]: View): number[][] {
  const parts: number[][] = []
  let part: number[] | null = null
  for (let i = 2; i < path.length; i += 2) {
    const [ax, ay, dx, dy] = [path[i - 2], path[i - 1], path[i] - path[i - 2], path[i + 1] - path[i - 1]]
    // The fractions at which the segment enters and leaves the rectangle.
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
    // Clamp the result: a segment's end may be 1e16 away, and rounding could place the point outside the rectangle.
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
 * Tolerances of `simplify`, in pixels. Including rounding, drawn lines deviate by less than a quarter of a pixel on the
 * contour. On the surface, lines are simplified twice, and deviate by less than half a pixel.
 */
const NEAR = 0.05
const FLAT = 0.12

/** Maximum number of points that one segment replaces. The maximum bounds the running time. */
const WINDOW = 500

/**
 * Simplifies a polyline: every removed point lies within `NEAR + FLAT` pixels (the sum of the two tolerances) of the
 * result.
 *
 * @param scale pixels per unit of the line
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

/** Removes points that are close to the previous remaining point; the last point stays. */
function withoutNeighbors(line: Polyline, near: number): number[] {
  const kept = [line[0], line[1]]
  for (let i = 2; i < line.length; i += 2) {
    const moved = Math.hypot(line[i] - kept[kept.length - 2], line[i + 1] - kept[kept.length - 1])
    if (moved > near || i === line.length - 2) kept.push(line[i], line[i + 1])
  }
  return kept
}

/** Whether all points between two given points are close to the segment that joins the given points. */
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
 * Removes repeated segments, in either direction, rounded to a tenth of a pixel. Few segments of an endlessly
 * oscillating path remain.
 *
 * @param scale pixels per unit of the lines
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

/** A pixel coordinate, rounded to a tenth. */
export const px = (x: number): string => `${Math.round(x * 10) / 10}`

/** Polylines as the `d` attribute of an SVG path. */
export function pathData(lines: readonly Polyline[]): string {
  const write = (line: Polyline) => `M${Array.from(line, px).join(' ')}`
  return lines.map(write).join('')
}
