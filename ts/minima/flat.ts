/** Joins end points in a region where the function is flat. */

import { ROWS_PER_SLICE, type Slices } from '../core/slices.js'

/** A point whose least curvature is 0, up to rounding. */
export interface FlatPoint {
  readonly x: Float64Array
  readonly value: number
  /** Values that differ by at most this number count as equal. */
  readonly slack: number
}

/** Each point is compared with this many of its nearest earlier points. */
const NEIGHBORS = 4
/** Count of points between two points at which the function is evaluated. */
const STEPS = 7

/**
 * Groups flat points: the index of the first point of each point's group. Runs end at different points of a flat region,
 * which is one minimum. Two points belong together if no value on the straight line between them is above both of
 * theirs.
 *
 * @param points lowest value first
 * @param radius unit of length along each parameter
 */
export function* groupsOf(
  points: readonly FlatPoint[],
  radius: readonly number[],
  value: (x: Float64Array) => number,
): Slices<number[]> {
  const first = points.map((_, i) => i)
  const rootOf = (i: number): number => (first[i] === i ? i : rootOf(first[i]))
  let compared = 0
  for (const [i, point] of points.entries()) {
    const near = nearest(points, i, radius)
    compared += i
    for (const j of near) {
      const [a, b] = [rootOf(i), rootOf(j)]
      if (a !== b && isLevel(point, points[j], value)) first[Math.max(a, b)] = Math.min(a, b)
      yield
    }
    if (compared <= ROWS_PER_SLICE) continue
    compared = 0
    yield
  }
  return first.map((_, i) => rootOf(i))
}

/** Indices of the nearest points before point i. */
function nearest(points: readonly FlatPoint[], i: number, radius: readonly number[]): number[] {
  const { x } = points[i]
  const found: { readonly j: number; readonly distance: number }[] = []
  for (let j = 0; j < i; j++) {
    let distance = 0
    for (let p = 0; p < x.length; p++) {
      const apart = (points[j].x[p] - x[p]) / radius[p]
      distance += apart * apart
    }
    if (found.length === NEIGHBORS && !(distance < found[NEIGHBORS - 1].distance)) continue
    let k = found.length
    while (k > 0 && distance < found[k - 1].distance) k--
    found.splice(k, 0, { j, distance })
    found.length = Math.min(found.length, NEIGHBORS)
  }
  return found.map(({ j }) => j)
}

function isLevel(a: FlatPoint, b: FlatPoint, value: (x: Float64Array) => number): boolean {
  const limit = Math.max(a.value, b.value) + Math.max(a.slack, b.slack)
  for (let step = 1; step <= STEPS; step++) {
    const t = step / (STEPS + 1)
    if (!(value(a.x.map((xi, p) => xi + t * (b.x[p] - xi))) <= limit)) return false
  }
  return true
}
