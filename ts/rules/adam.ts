import type { Scheduled } from '../schedules.js'
import {
  type Clock,
  type Definition,
  describe,
  flag,
  fraction,
  type Kernel,
  nonNegative,
  type Options,
  scheduled,
} from './rule.js'

/** Adam's description; see {@link adam}. */
export interface Adam {
  readonly name: 'adam'
  readonly lr: Scheduled
  readonly beta1: number
  readonly beta2: number
  readonly eps: number
  readonly weightDecay: Scheduled
  readonly amsgrad: boolean
  readonly maximize: boolean
}

/** m ← β₁·m + (1−β₁)·g, v ← β₂·v + (1−β₂)·(g·g), θ ← d·θ − (c₁·m) / (√v·c₂ + ε). */
export const Adam: Kernel =
  (f) =>
  (theta, g, [m, v], [decay, c1, c2, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2], from, to) => {
    for (let i = from; i < to; i++) {
      m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))
      v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(g[i] * g[i])))
      const divisor = f(f(f(Math.sqrt(v[i])) * c2) + eps)
      theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(f(c1 * m[i]) / divisor)))
    }
  }

/** The same with the largest v so far under the root. */
export const AmsGrad: Kernel =
  (f) =>
  (theta, g, [m, v, largest], [decay, c1, c2, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2], from, to) => {
    for (let i = from; i < to; i++) {
      m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))
      v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(g[i] * g[i])))
      // A NaN in v is taken over, one in the largest is left behind.
      largest[i] = largest[i] > v[i] ? largest[i] : v[i]
      const divisor = f(f(f(Math.sqrt(largest[i])) * c2) + eps)
      theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(f(c1 * m[i]) / divisor)))
    }
  }

/** Writes those coefficients of Adam's kernels that stay, of which RAdam's has some too. */
export function writeAdam(
  row: Float64Array,
  { beta1, beta2, eps }: { readonly beta1: number; readonly beta2: number; readonly eps: number },
  decay: number,
): void {
  row[0] = decay
  row[3] = eps
  row[4] = beta1
  row[5] = 1 - beta1
  row[6] = beta2
  row[7] = 1 - beta2
}

/** Multiplies the next β₁ and β₂ into the clock's products. */
export function countBetas(clock: Clock, beta1: number, beta2: number): void {
  clock.product1 = positive(clock.product1 * beta1)
  clock.product2 = positive(clock.product2 * beta2)
}

/** 0 where no trace of it is left in 1 − x: subnormal numbers are slow, and stop shrinking. */
const positive = (product: number): number => (product < 1e-300 ? 0 : product)

/** Adam's c₁ = η/(1−∏β₁) and c₂ = 1/√(1−∏β₂). */
export function biasCorrections(
  { lr, beta1, beta2 }: { readonly lr: number; readonly beta1: number; readonly beta2: number },
  clock: Clock,
  row: Float64Array,
): void {
  countBetas(clock, beta1, beta2)
  row[1] = lr / (1 - clock.product1)
  row[2] = 1 / Math.sqrt(1 - clock.product2)
}

export const adamOptions = {
  lr: scheduled(nonNegative),
  beta1: fraction,
  beta2: fraction,
  eps: nonNegative,
  weightDecay: scheduled(nonNegative),
  amsgrad: flag,
  maximize: flag,
} as const

export const adamDefinition: Definition<Adam> = {
  name: 'adam',
  options: adamOptions,
  defaults: {
    lr: 1e-3,
    beta1: 0.9,
    beta2: 0.999,
    eps: 1e-8,
    weightDecay: 0,
    amsgrad: false,
    maximize: false,
  },
  kernel: ({ amsgrad }) => (amsgrad ? 'AmsGrad' : 'Adam'),
  state: ({ amsgrad }) => (amsgrad ? ['m', 'v', 'largest'] : ['m', 'v']),
  coefficients: (rule, row) => writeAdam(row, rule, 1),
  corrections: biasCorrections,
  l2: ({ weightDecay }) => weightDecay,
}

/**
 * Adam (Kingma and Ba, 2015, algorithm 1): m ← β₁·m + (1−β₁)·g, v ← β₂·v + (1−β₂)·g²,
 * θ ← θ − η·m̂/(√v̂ + ε), with m̂ = m/(1−β₁ᵗ) and v̂ = v/(1−β₂ᵗ). `eps: 0` is the essay's form.
 *
 * - `lr` η ≥ 0, 1e-3; may be scheduled
 * - `beta1`, `beta2` in [0, 1), 0.9 and 0.999
 * - `eps` ε ≥ 0, 1e-8; where the divisor is exactly 0 the parameter stays
 * - `weightDecay` λ ≥ 0, 0, added to the gradient (see {@link adamw}); may be scheduled
 * - `amsgrad` (Reddi, Kale and Kumar, 2018): the largest v so far under the root
 * - `maximize`: climbs instead
 *
 * State: m, v, and `largest` with AMSGrad.
 * @throws OptionError where an option is unknown or out of its range
 */
export function adam(options: Options<Adam> = {}): Adam {
  return describe(adamDefinition, options)
}
