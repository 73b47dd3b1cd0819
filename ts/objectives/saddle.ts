import { planar, type TestObjective } from './objective.js'

/**
 * The saddle F(x, y) = x² − y² in two dimensions. The saddle's gradient is 0 at the origin, but the function has no
 * minimum. From a start close to y = 0, paths stay near the origin for a while. From a start with y = 0, paths never
 * leave it.
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
