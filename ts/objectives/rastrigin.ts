import { cos, sin } from '../functions/index.js'
import type { TestObjective } from './objective.js'

/**
 * Rastrigin's function in n dimensions (Rastrigin, 1974; Mühlenbein, Schomisch and Born, 1991): F(x) = Σᵢ 10 + xᵢ² −
 * 10·cos(2π·xᵢ). Rastrigin's function has a local minimum near every point of integers. The global minimum is 0 at 0.
 */
export function rastrigin(): TestObjective {
  return {
    name: 'rastrigin',
    start: [-3.3, 2.4],
    view: [-5.12, 5.12, -5.12, 5.12],
    value(x) {
      let sum = 0
      for (let i = 0; i < x.length; i++) sum += 10 + x[i] * x[i] - 10 * cos(2 * Math.PI * x[i])
      return sum
    },
    gradient(x, out) {
      for (let i = 0; i < x.length; i++) out[i] = 2 * x[i] + 20 * Math.PI * sin(2 * Math.PI * x[i])
    },
    minima: (dimensions) => [new Float64Array(dimensions)],
  }
}
