import { cos, sin } from '../functions/index.js'
import { planar, type TestObjective } from './objective.js'

/**
 * McCormick's function in two dimensions (McCormick, 1976; Surjanovic and Bingham, 2013): F(x, y) = sin(x + y) + (x −
 * y)² − 1.5·x + 2.5·y + 1. Within the view, which is the usual search domain, the minimum is −√3/2 − π/3 at (½ − π/3,
 * −½ − π/3). Outside of the view, each further valley toward −∞ is lower by π.
 */
export function mccormick(): TestObjective {
  return planar({
    name: 'mccormick',
    value: (x, y) => sin(x + y) + (x - y) * (x - y) - 1.5 * x + 2.5 * y + 1,
    gradient: (x, y) => {
      const slope = cos(x + y)
      return [slope + 2 * (x - y) - 1.5, slope - 2 * (x - y) + 2.5]
    },
    minima: [[0.5 - Math.PI / 3, -0.5 - Math.PI / 3]],
    start: [3, 3.5],
    view: [-1.5, 4, -3, 4],
  })
}
