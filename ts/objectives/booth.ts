import { planar, type TestObjective } from './objective.js'

/**
 * Booth's function in two dimensions (Jamil and Yang, 2013, function 17): F(x, y) = (x + 2·y − 7)² + (2·x + y − 5)².
 * Booth's function is a bowl with condition number 9, rotated against the axes. The minimum is 0 at (1, 3).
 */
export function booth(): TestObjective {
  return planar({
    name: 'booth',
    value: (x, y) => {
      const r1 = x + 2 * y - 7
      const r2 = 2 * x + y - 5
      return r1 * r1 + r2 * r2
    },
    gradient: (x, y) => {
      const r1 = x + 2 * y - 7
      const r2 = 2 * x + y - 5
      return [2 * r1 + 4 * r2, 4 * r1 + 2 * r2]
    },
    minima: [[1, 3]],
    start: [-7, -4],
    view: [-10, 10, -10, 10],
  })
}
