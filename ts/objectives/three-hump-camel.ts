import { planar, type TestObjective } from './objective.js'

/**
 * The three-hump camel function in two dimensions (Jamil and Yang, 2013, function 29; Surjanovic and Bingham, 2013):
 * F(x, y) = 2·x² − 1.05·x⁴ + x⁶/6 + x·y + y². The global minimum is 0 at 0, between two local minima at about ±(1.75,
 * −0.87).
 */
export function threeHumpCamel(): TestObjective {
  return planar({
    name: 'threeHumpCamel',
    value: (x, y) => {
      const square = x * x
      return 2 * square - 1.05 * (square * square) + (square * square * square) / 6 + x * y + y * y
    },
    gradient: (x, y) => {
      const square = x * x
      return [x * (4 - 4.2 * square + square * square) + y, x + 2 * y]
    },
    minima: [[0, 0]],
    start: [-2.2, 2],
    view: [-2.5, 2.5, -2.5, 2.5],
  })
}
