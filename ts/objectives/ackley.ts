import { cos, exp, sin } from '../functions/index.js'
import type { TestObjective } from './objective.js'

/**
 * Ackley's function in n dimensions (Ackley, 1987; Surjanovic and Bingham, 2013): F(x) = 20 + e − 20·exp(−0.2·√(Σᵢ
 * xᵢ²/n)) − exp(Σᵢ cos(2π·xᵢ)/n). Ackley's function is a funnel, almost flat far from the origin, with a local minimum
 * near every point of integers. The global minimum is 0 at 0, the tip of a cone. The gradient therefore does not vanish
 * on the way to the minimum. At 0, the gradient is defined as 0.
 */
export function ackley(): TestObjective {
  return {
    name: 'ackley',
    start: [-3.6, 2.3],
    view: [-5, 5, -5, 5],
    value(x) {
      const { radius, waves } = means(x)
      return 20 - 20 * exp(-0.2 * radius) + (exp(1) - exp(waves))
    },
    gradient(x, out) {
      const { radius, waves } = means(x)
      const [funnel, wave] = [4 * exp(-0.2 * radius), 2 * Math.PI * exp(waves)]
      for (let i = 0; i < x.length; i++) {
        const slope = radius === 0 ? 0 : (funnel * x[i]) / radius
        out[i] = (slope + wave * sin(2 * Math.PI * x[i])) / x.length
      }
    },
    minima: (dimensions) => [new Float64Array(dimensions)],
  }
}

/** The root mean square of xᵢ, and the mean of cos(2π·xᵢ). */
function means(x: ArrayLike<number>) {
  let [squares, cosines] = [0, 0]
  for (let i = 0; i < x.length; i++) {
    squares += x[i] * x[i]
    cosines += cos(2 * Math.PI * x[i])
  }
  return { radius: Math.sqrt(squares / x.length), waves: cosines / x.length }
}
