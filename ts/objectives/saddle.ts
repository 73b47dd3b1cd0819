import { planar, type TestObjective } from './objective.js'

/**
 * The saddle F(x, y) = x² − y² in two dimensions: flat at 0, and without a minimum. Whoever starts
 * close to y = 0 comes to rest there for a while, or for good on it.
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
