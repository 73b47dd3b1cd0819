/** Places the labels of contours: on straight pieces, apart from each other and from obstacles. */

import type { Point } from 'antigrad'

/** A label: its middle in pixels, and the angle of the contour there, from −π/2 to π/2. */
export interface ContourLabel {
  readonly x: number
  readonly y: number
  readonly angle: number
}

/** Corners of a ring to both sides of a label, whose direction the label follows. */
const REACH = 5
/** Distances in pixels between labels, from obstacles, and from the edge of the map. */
const APART = 110
const CLEAR = 46
const EDGE = 34
/** Smallest length of a contour in pixels that gets a label. */
const SHORTEST = 120

type Ring = readonly Point[]

/**
 * Finds the best place of a label on the rings of a contour; null if there is no room.
 *
 * @param rings corners in pixels
 * @param taken middles of other labels
 */
export function placeContourLabel(
  rings: readonly Ring[],
  [width, height]: Point,
  taken: readonly Point[],
  obstacles: readonly Point[],
): ContourLabel | null {
  let best: ContourLabel | null = null
  let least = Infinity
  for (const ring of rings) {
    if (lengthOf(ring) < SHORTEST) continue
    const stride = Math.max(1, Math.floor(ring.length / 120))
    for (let i = 0; i < ring.length; i += stride) {
      const [x, y] = ring[i]
      if (x < EDGE || y < EDGE || x > width - EDGE || y > height - EDGE) continue
      const isFree =
        taken.every(([a, b]) => Math.hypot(a - x, b - y) > APART) &&
        obstacles.every(([a, b]) => Math.hypot(a - x, b - y) > CLEAR)
      if (!isFree) continue
      const before = ring[(i - REACH + ring.length) % ring.length]
      const after = ring[(i + REACH) % ring.length]
      const chord = Math.hypot(after[0] - before[0], after[1] - before[1])
      const bend = Math.hypot((before[0] + after[0]) / 2 - x, (before[1] + after[1]) / 2 - y)
      const turned = Math.atan2(after[1] - before[1], after[0] - before[0])
      const angle =
        turned > Math.PI / 2 ? turned - Math.PI : turned <= -Math.PI / 2 ? turned + Math.PI : turned
      // Level labels on straight pieces are the most readable.
      const cost = bend / Math.max(1, chord) + 0.08 * Math.abs(angle) + (chord < 12 ? 1 : 0)
      if (cost < least) {
        least = cost
        best = { x, y, angle }
      }
    }
  }
  return best
}

function lengthOf(ring: Ring): number {
  let length = 0
  for (let i = 1; i < ring.length; i++)
    length += Math.hypot(ring[i][0] - ring[i - 1][0], ring[i][1] - ring[i - 1][1])
  return length
}
