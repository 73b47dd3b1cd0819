/**
 * Code that the rules Adam and AdamW share. This code is a separate module, so that a bundle with only Adam does not
 * include AdamW, and vice versa.
 */

import { kernel, twice } from '../arena/kernel.js'
import { AdamKernel, type AdamPerRowKernel, AmsGradKernel } from '../arena/manifest.js'
import { OptionError } from '../core/errors.js'
import { extensions } from '../extensions.js'
import type { CounterOf } from './define.js'
import { type Betas, flushTrace, type products } from './moments.js'

const AdamLoop = twice<typeof AdamKernel>(
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
const AmsGradLoop = twice<typeof AmsGradKernel>(
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
        // A NaN in v propagates; a NaN in `largest` is overwritten.
        largest[i] = largest[i] > size ? largest[i] : size
        const divisor = f(f(f(Math.sqrt(largest[i])) * c2) + eps)
        theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(f(c1 * m[i]) / divisor)))
      }
    },
)

interface AdamForms {
  readonly amsgrad: boolean
  readonly perRow: boolean
}

type AdamKernels = readonly [typeof AdamKernel, typeof AmsGradKernel, typeof AdamPerRowKernel]

/**
 * The kernels of Adam and AdamW. The type includes the kernel for `perRow`, because the types of the state need this
 * kernel. A program need not import the kernel.
 */
export const kernels = [
  kernel(AdamKernel, AdamLoop),
  kernel(AmsGradKernel, AmsGradLoop),
] as never as AdamKernels

export const stages = ({ amsgrad, perRow }: AdamForms): AdamKernels[number][] => [
  amsgrad ? AmsGradKernel : perRow ? (extensions.rows?.adamKernel as AdamKernels[2]) : AdamKernel,
]

/**
 * Like `multiplyBetas`, but with `perRow` the products are 0, because each row corrects its own bias. (A call of
 * `multiplyBetas` from this function would take 5 ns.)
 */
export function advance(
  clock: CounterOf<typeof products>,
  { beta1, beta2, perRow }: Betas & AdamForms,
  next: CounterOf<typeof products>,
): void {
  next.product1 = perRow ? 0 : flushTrace(clock.product1 * beta1)
  next.product2 = perRow ? 0 : flushTrace(clock.product2 * beta2)
}

/** @throws OptionError if no kernel implements the combination */
export function check({ amsgrad, perRow }: AdamForms): void {
  if (perRow && (amsgrad || extensions.rows === undefined))
    throw new OptionError('perRow', 'false with amsgrad or without sparseRows', perRow)
}
