/** Adam and AdamW with the option `perRow`. The Rust counterpart is crates/kernels/src/rules/adam_per_row.rs. */

import { kernel, twice } from '../arena/kernel.js'
import { AdamPerRowKernel } from '../arena/manifest.js'

const AdamPerRowLoop = twice<typeof AdamPerRowKernel>(
  (f) =>
    (
      theta,
      g,
      { m, v, w1, w2 },
      { decay, c1, c2, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2 },
      from,
      to,
    ) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))
        v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(g[i] * g[i])))
        w1[i] = f(f(beta1 * w1[i]) + oneMinusBeta1)
        w2[i] = f(f(beta2 * w2[i]) + oneMinusBeta2)
        const mean = w1[i] === 0 ? 0 : f(m[i] / w1[i])
        const root = f(Math.sqrt(w2[i] === 0 ? 0 : f(v[i] / w2[i])))
        const divisor = f(f(root * c2) + eps)
        theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(f(c1 * mean) / divisor)))
      }
    },
)

/**
 * In addition to the moments m and v, Adam with `perRow` stores w1 and w2, which are the moments of a constant gradient
 * of 1.
 */
export const AdamPerRow = kernel(AdamPerRowKernel, AdamPerRowLoop)
