import { cos, sin } from '../functions/index.js'
import type { TestObjective } from './objective.js'

/**
 * Griewank's function in n dimensions (Griewank, 1981; Surjanovic and Bingham, 2013): F(x) = 1 + Σᵢ xᵢ²/4000 − Πᵢ
 * cos(xᵢ/√i), where i counts from 1. Griewank's function is a wide bowl covered with small waves. From a distance, only
 * the bowl is visible. The global minimum is 0 at 0.
 */
export function griewank(): TestObjective {
  return {
    name: 'griewank',
    start: [-7.5, 6],
    view: [-10, 10, -10, 10],
    value(x) {
      let [sum, product] = [0, 1]
      for (let i = 0; i < x.length; i++) {
        sum += x[i] * x[i]
        product *= cos(x[i] / Math.sqrt(i + 1))
      }
      return sum / 4000 + (1 - product)
    },
    gradient(x, out) {
      // The product of all other cosines is the product before i times the product after i. A division would fail if a
      // cosine is 0.
      const before = new Float64Array(x.length)
      let product = 1
      for (let i = 0; i < x.length; i++) {
        before[i] = product
        product *= cos(x[i] / Math.sqrt(i + 1))
      }
      let behind = 1
      for (let i = x.length - 1; i >= 0; i--) {
        const root = Math.sqrt(i + 1)
        out[i] = x[i] / 2000 + (sin(x[i] / root) / root) * (before[i] * behind)
        behind *= cos(x[i] / root)
      }
    },
    minima: (dimensions) => [new Float64Array(dimensions)],
  }
}
