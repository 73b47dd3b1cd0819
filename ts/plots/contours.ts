/**
 * Contour lines of heights on a grid, and star-shaped markers for minima. This module computes the corners of the
 * shapes, for any renderer.
 */

/** The type of the methods of d3-contour's generator that this module uses. */
interface ContourGenerator {
  size(size: [number, number]): this
  thresholds(levels: number[]): (heights: number[]) => { value: number; coordinates: number[][][][] }[]
}

type Corner = readonly [u: number, v: number]

/** The region in which heights exceed a level, as closed rings of points. Inner rings are holes in the region. */
export interface ContourLevel {
  readonly value: number
  /**
   * Coordinates of the corners, as fractions of the grid's width and height, measured from the first point of the
   * grid.
   */
  readonly rings: readonly (readonly Corner[])[]
}

/**
 * @param contours generator of d3-contour (the library does not include d3-contour)
 * @param heights heights at `size` × `size` points, row by row
 */
export function findContours(
  contours: () => ContourGenerator,
  heights: ArrayLike<number>,
  size: number,
  levels: number[],
): ContourLevel[] {
  // d3-contour places each grid point in the middle of a cell, and the first cell begins at 0.
  const fraction = (cells: number) => (cells - 0.5) / (size - 1)
  const found = contours().size([size, size]).thresholds(levels)(Array.from(heights))
  return found.map(({ value, coordinates }) => ({
    value,
    rings: coordinates.flat().map((ring) => ring.map(([x, y]): Corner => [fraction(x), fraction(y)])),
  }))
}

/** The ten corners of a five-pointed star. */
export const starCorners = (x: number, y: number, outer: number, inner: number): [number, number][] =>
  Array.from({ length: 10 }, (_, i) => {
    const radius = i % 2 === 0 ? outer : inner
    const angle = (Math.PI * i) / 5
    return [x + radius * Math.sin(angle), y - radius * Math.cos(angle)]
  })
