/** The loops that Adam and AdamW have in common; apart, so that whoever imports one of them gets no other rule. */

import { twice } from '../arena/kernel.js'
import type { AdamKernel, AmsGradKernel } from '../arena/manifest.js'

export const AdamLoop = twice<typeof AdamKernel>(
  (f) =>
    (theta, g, { m, v }, { decay, c1, c2, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2 }, from, to) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))
        v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(g[i] * g[i])))
        const divisor = f(f(f(Math.sqrt(v[i])) * c2) + eps)
        theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(f(c1 * m[i]) / divisor)))
      }
    },
)

/** With `amsgrad`. */
export const AmsGradLoop = twice<typeof AmsGradKernel>(
  (f) =>
    (
      theta,
      g,
      { m, v, largest },
      { decay, c1, c2, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2, h },
      from,
      to,
    ) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))
        v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(g[i] * g[i])))
        const size = f(h * v[i])
        // A NaN in v is taken over, one in the largest is left behind.
        largest[i] = largest[i] > size ? largest[i] : size
        const divisor = f(f(f(Math.sqrt(largest[i])) * c2) + eps)
        theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(f(c1 * m[i]) / divisor)))
      }
    },
)
