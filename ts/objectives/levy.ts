import { cos, sin } from '../functions/index.js'
import type { TestObjective } from './objective.js'

/**
 * Levy's function in n dimensions (Levy and Montalvo, 1985; in two dimensions number 13 of Surjanovic and Bingham,
 * 2013). With wᵢ = 1 + (xᵢ − 1)/4, the function is F(x) = sin²(π·w₁) + Σᵢ (wᵢ − 1)²·(1 + 10·sin²(π·wᵢ + 1)) + (wₙ −
 * 1)²·(1 + sin²(2π·wₙ)), with the sum over i < n. Levy's function has parallel valleys. The global minimum is 0 at (1,
 * …, 1).
 */
export function levy(): TestObjective {
  return {
    name: 'levy',
    start: [-7, 6],
    view: [-10, 10, -10, 10],
    value(x) {
      const last = x.length - 1
      const first = sin(Math.PI * (1 + (x[0] - 1) / 4))
      let sum = first * first
      for (let i = 0; i < last; i++) {
        const away = (x[i] - 1) / 4
        const wave = sin(Math.PI * (1 + away) + 1)
        sum += away * away * (1 + 10 * (wave * wave))
      }
      const away = (x[last] - 1) / 4
      const wave = sin(2 * Math.PI * (1 + away))
      return sum + away * away * (1 + wave * wave)
    },
    gradient(x, out) {
      const last = x.length - 1
      // The derivative with respect to wᵢ is divided by 4, because xᵢ changes four times as much as wᵢ.
      for (let i = 0; i <= last; i++) {
        const away = (x[i] - 1) / 4
        const [depth, rate, phase] = i < last ? [10, Math.PI, 1] : [1, 2 * Math.PI, 0]
        const angle = rate * (1 + away) + phase
        const [wave, slope] = [sin(angle), rate * cos(angle)]
        const byW = 2 * away * (1 + depth * (wave * wave)) + away * away * (2 * depth * wave * slope)
        out[i] = byW / 4
      }
      const angle = Math.PI * (1 + (x[0] - 1) / 4)
      out[0] += (2 * Math.PI * (sin(angle) * cos(angle))) / 4
    },
    minima: (dimensions) => [new Float64Array(dimensions).fill(1)],
  }
}
