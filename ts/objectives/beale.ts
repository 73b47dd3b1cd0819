import { planar, type TestObjective } from './objective.js'

/**
 * Beale's function in two dimensions (Beale, 1958; problem 5 of Moré, Garbow and Hillstrom, 1981): F(x, y) = (1.5 − x +
 * x·y)² + (2.25 − x + x·y²)² + (2.625 − x + x·y³)². Beale's function has steep walls around a flat valley. The minimum
 * is 0 at (3, 0.5).
 */
export function beale(): TestObjective {
  return planar({
    name: 'beale',
    value: (x, y) => {
      const r1 = 1.5 - x + x * y
      const r2 = 2.25 - x + x * y * y
      const r3 = 2.625 - x + x * y * y * y
      return r1 * r1 + r2 * r2 + r3 * r3
    },
    gradient: (x, y) => {
      const r1 = 1.5 - x + x * y
      const r2 = 2.25 - x + x * y * y
      const r3 = 2.625 - x + x * y * y * y
      return [
        2 * (r1 * (y - 1) + r2 * (y * y - 1) + r3 * (y * y * y - 1)),
        2 * x * (r1 + 2 * r2 * y + 3 * r3 * y * y),
      ]
    },
    minima: [[3, 0.5]],
    start: [1, 1.5],
    view: [-4.5, 4.5, -4.5, 4.5],
  })
}
