import { planar, type TestObjective } from './objective.js'

/**
 * Goldstein and Price's function in two dimensions (Goldstein and Price, 1971; Surjanovic and Bingham, 2013). With u =
 * x + y and v = 2·x − 3·y, the function is a product of two quartics: F = (1 + (u + 1)²·(19 − 14·u + 3·u²))·(30 +
 * v²·(18 − 16·v + 3·v²)). Goldstein and Price's function is computed in this form. Within the view, values range from 3
 * at the global minimum (0, −1) to 1 million. The function has three further local minima.
 */
export function goldsteinPrice(): TestObjective {
  const left = (u: number) => 1 + (u + 1) * (u + 1) * (19 - 14 * u + 3 * u * u)
  const right = (v: number) => 30 + v * v * (18 - 16 * v + 3 * v * v)
  return planar({
    name: 'goldsteinPrice',
    value: (x, y) => left(x + y) * right(2 * x - 3 * y),
    gradient: (x, y) => {
      const u = x + y
      const v = 2 * x - 3 * y
      // The derivatives of the quartics have integer roots.
      const byU = 12 * (u + 1) * (u - 1) * (u - 2) * right(v)
      const byV = left(u) * (12 * v * (v - 1) * (v - 3))
      return [byU + 2 * byV, byU - 3 * byV]
    },
    minima: [[0, -1]],
    start: [-1.5, 1],
    view: [-2, 2, -2, 2],
  })
}
