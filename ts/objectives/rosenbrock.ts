import { finite, type GivenOf } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import type { TestObjective } from './objective.js'

const table = {
  /** position of the minimum; default 1 */
  a: finite(1),
  /** steepness of the valley's walls; default 100. A minimum exists if b ≥ 0 */
  b: finite(100),
}

/** Options of {@link rosenbrock}. */
export interface RosenbrockOptions extends GivenOf<typeof table> {}

/**
 * Rosenbrock's function in n ≥ 2 dimensions (Rosenbrock, 1960), as a sum over neighbors: F(x) = Σᵢ (a − xᵢ)² + b·(xᵢ₊₁
 * − xᵢ²)². In two dimensions the only minimum of Rosenbrock's function is 0 at (a, a²). In more dimensions, with a = 1,
 * a minimum of Rosenbrock's function is 0 at (1, …, 1).
 *
 * @throws OptionError if an option is unknown or not a finite number
 */
export function rosenbrock(options: RosenbrockOptions = {}): TestObjective {
  const { a, b } = readOptions('rosenbrock: options', options, table)
  const size = Math.max(1, Math.abs(a))
  return {
    name: 'rosenbrock',
    start: [-1.5, 2],
    view: [-2 * size, 2 * size, -size * size, 3 * size * size],
    value(x) {
      let sum = 0
      for (let i = 0; i + 1 < x.length; i++) {
        const away = a - x[i]
        const off = x[i + 1] - x[i] * x[i]
        sum += away * away + b * (off * off)
      }
      return sum
    },
    gradient(x, out) {
      out[0] = 0
      for (let i = 0; i + 1 < x.length; i++) {
        const off = x[i + 1] - x[i] * x[i]
        out[i] += -2 * (a - x[i]) - 4 * b * x[i] * off
        out[i + 1] = 2 * b * off
      }
    },
    minima(dimensions) {
      if (b < 0) return []
      if (dimensions === 2) return [Float64Array.of(a, a * a)]
      // In more dimensions, the minimum is known only if a = a².
      return a === 1 || a === 0 ? [new Float64Array(dimensions).fill(a)] : []
    },
  }
}
