/** Functions of the story that the library does not contain. */

import type { TestObjective } from 'antigrad'

type Quadratic = Pick<TestObjective, 'value' | 'gradient'>

/**
 * A ravine: a quadratic function with curvature 1 along its floor and curvature `condition` across, rotated by `degrees`
 * around its minimum.
 */
export function ravine(condition: number, degrees = 0, center: readonly number[] = [0, 0]): Quadratic {
  // At 0° and 90° the sine and cosine are exact.
  const angle = (degrees * Math.PI) / 180
  const [c, s] = degrees === 90 ? [0, 1] : [Math.cos(angle), Math.sin(angle)]
  const floorAndWall = (x: ArrayLike<number>) => {
    const [dx, dy] = [x[0] - center[0], x[1] - center[1]]
    return [c * dx + s * dy, c * dy - s * dx]
  }
  return {
    value(x) {
      const [along, across] = floorAndWall(x)
      return (along * along + condition * across * across) / 2
    },
    gradient(x, out) {
      const [along, across] = floorAndWall(x)
      out[0] = c * along - s * condition * across
      out[1] = s * along + c * condition * across
    },
  }
}
