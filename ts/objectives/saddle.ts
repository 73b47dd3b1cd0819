import { planar, type TestObjective } from './objective.js'

/**
 * The saddle F(x, y) = x² − y² in two dimensions. The saddle's gradient is 0 at the origin, but the function has no
 * minimum. Paths that start close to y = 0 stay near the origin for a while. Paths that start at y = 0 never leave the
 * origin.
 */
export function saddle(): TestObjective {
  return planar({
    name: 'saddle',
    value: (x, y) => x * x - y * y,
    gradient: (x, y) => [2 * x, -2 * y],
    minima: [],
    start: [-1.5, 0.01],
    view: [-2, 2, -2, 2],
  })
}
