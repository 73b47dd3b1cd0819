/** The contours of the map: coarse ones for the first picture, fine ones afterward. */

import { contours } from 'd3-contour'
import { type ContourLevel, findContours } from '../../../dist/page.js'
import { GRID, type HeightField } from '../height-field.js'

/** Milliseconds after the first picture after which its contours are refined. */
const CALM = 1500

/** Heights without NaN, which d3-contour does not support. */
const plain = ({ heights }: HeightField) => heights.map((z) => (Number.isNaN(z) ? -1 : z))
const thresholds = ({ levels }: HeightField) => levels.map(({ height }) => height)

/** The contours of a height field. */
export const computeContours = (terrain: HeightField): ContourLevel[] =>
  findContours(contours, plain(terrain), GRID, thresholds(terrain))

/** The contours on every second point of the grid, in a quarter of the time. */
export function computeCoarse(terrain: HeightField): ContourLevel[] {
  const heights = plain(terrain)
  const side = (GRID + 1) / 2
  const kept = Float64Array.from(
    { length: side * side },
    (_, i) => heights[2 * (GRID * Math.floor(i / side) + (i % side))],
  )
  return findContours(contours, kept, side, thresholds(terrain))
}

/** Computes the contours one by one between frames, because all at once would delay a frame on slow processors. */
export function refine(terrain: HeightField, done: (contours: ContourLevel[]) => void): void {
  const heights = plain(terrain)
  const found: ContourLevel[] = []
  const next = () => {
    const { length } = found
    if (length === terrain.levels.length) return done(found)
    found.push(...findContours(contours, heights, GRID, [terrain.levels[length].height]))
    setTimeout(next)
  }
  setTimeout(next, CALM)
}
