import type { TestObjective } from './objective.js'

/** Minimum of x⁴ − 16·x² + 5·x: the root of 4·x³ − 32·x + 5 = 0, rounded. */
const LOWEST = -2.903534027771177

/**
 * Styblinski and Tang's function in n dimensions (Styblinski and Tang, 1990): F(x) = ½·Σᵢ xᵢ⁴ − 16·xᵢ² + 5·xᵢ.
 * Styblinski and Tang's function has 2ⁿ minima. The global minimum is about −39.166·n, at the point at which all xᵢ are
 * −2.9035…
 */
export function styblinskiTang(): TestObjective {
  return {
    name: 'styblinskiTang',
    start: [0.5, 4.5],
    view: [-5, 5, -5, 5],
    value(x) {
      let sum = 0
      for (let i = 0; i < x.length; i++) {
        const square = x[i] * x[i]
        sum += square * square - 16 * square + 5 * x[i]
      }
      return sum / 2
    },
    gradient(x, out) {
      for (let i = 0; i < x.length; i++) out[i] = 2 * x[i] * x[i] * x[i] - 16 * x[i] + 2.5
    },
    minima: (dimensions) => [new Float64Array(dimensions).fill(LOWEST)],
  }
}
