import { planar, type TestObjective } from './objective.js'

/**
 * Himmelblau's function in two dimensions (Himmelblau, 1972): F(x, y) = (x² + y − 11)² + (x + y² − 7)². Himmelblau's
 * function is 0 at four points: (3, 2), and three further points, whose coordinates are rounded in this file.
 */
export function himmelblau(): TestObjective {
  return planar({
    name: 'himmelblau',
    value: (x, y) => {
      const r1 = x * x + y - 11
      const r2 = x + y * y - 7
      return r1 * r1 + r2 * r2
    },
    gradient: (x, y) => {
      const r1 = x * x + y - 11
      const r2 = x + y * y - 7
      return [4 * x * r1 + 2 * r2, 2 * r1 + 4 * y * r2]
    },
    minima: [
      [3, 2],
      [-2.805118086952745, 3.131312518250573],
      [-3.779310253377747, -3.2831859912861696],
      [3.5844283403304917, -1.8481265269644036],
    ],
    start: [-0.5, -1],
    view: [-6, 6, -6, 6],
  })
}
