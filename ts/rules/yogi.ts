import { kernel, twice } from '../arena/kernel.js'
import { YogiKernel } from '../arena/manifest.js'
import { signum } from '../core/numbers.js'
import { nonNegative } from '../options/kinds.js'
import { decayOptions, decoupledDecay, defineDirection } from './cautious.js'
import { maskedByEps } from './define.js'
import { correctBias, multiplyBetas, products, writeBetas } from './moments.js'
import { type RuleOf, rule } from './rule.js'

export const YogiLoop = twice<typeof YogiKernel>(
  (f) =>
    (theta, g, { m, v }, { decay, c1, c2, eps, beta1, oneMinusBeta1, oneMinusBeta2 }, from, to) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))
        const square = f(g[i] * g[i])
        v[i] = f(v[i] - f(oneMinusBeta2 * f(signum(f(v[i] - square)) * square)))
        const divisor = f(f(f(Math.sqrt(v[i])) * c2) + eps)
        theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(f(c1 * m[i]) / divisor)))
      }
    },
)

/** d = 1 − η·λ, c₁ = η/(1−∏β₁), c₂ = 1/√(1−∏β₂). */
export const definition = defineDirection('yogi', {
  options: {
    lr: 1e-2,
    /** decay rate of the first moment m */
    beta1: 0.9,
    /** decay rate of the second moment v */
    beta2: 0.999,
    /** if the divisor is exactly 0, only weight decay changes the parameter */
    eps: 1e-3,
    /** ≥ 0: initial value of both m and v */
    initialAccumulator: nonNegative(1e-6),
    /** decoupled: η·λ·θ is subtracted from the parameters */
    weightDecay: 0,
    ...decayOptions,
    maximize: false,
  },
  kernels: [kernel(YogiKernel, YogiLoop)],
  stages: () => [YogiKernel],
  clock: products,
  advance: multiplyBetas,
  coefficients: writeBetas,
  corrections: correctBias,
  decay: decoupledDecay,
  starts: ({ initialAccumulator }) => ({ m: initialAccumulator, v: initialAccumulator }),
  flushes: maskedByEps,
})

/** Yogi's description; see {@link yogi}. */
export interface Yogi extends RuleOf<typeof definition> {}

/**
 * Yogi (Zaheer et al., 2018, algorithm 2) is AdamW with a second moment that changes by at most (1−β₂)·g² per update: v
 * ← v − (1−β₂)·sign(v − g²)·g². As in Optax, m and v start at 1e-6, with the same bias correction as in Adam.
 *
 * State: m, v. @throws OptionError if an option is unknown or out of its range
 */
export const yogi = rule<Yogi>(definition)
