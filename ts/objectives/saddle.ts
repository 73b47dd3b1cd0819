import { planar, type TestObjective } from './objective.js'

/**
 * The saddle F(x, y) = x² − y² in two dimensions. Its gradient is 0 at the origin, but it has no minimum. A start close
 * to y = 0 stays near the origin for a while; a start on y = 0 stays there for good.
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
