import { kernel, twice } from '../arena/kernel.js'
import { MarsAdamWKernel, MarsKernel, MarsLionKernel } from '../arena/manifest.js'
import { signum } from '../core/numbers.js'
import { choice, nonNegative } from '../options/kinds.js'
import { scheduled } from '../schedules/option.js'
import { define, maskedByEps } from './define.js'
import { multiplyBetas, products } from './moments.js'
import { preset, type RuleOf, rule } from './rule.js'

const MarsLoop = twice<typeof MarsKernel>(
  (f) =>
    (_theta, g, { previous }, { ahead }, from, to, _, direction) => {
      for (let i = from; i < to; i++) {
        const c = f(g[i] + f(ahead * f(g[i] - previous[i])))
        previous[i] = g[i]
        direction[i] = c
      }
    },
)

/** The kernels of MARS with `form: 'adamw'`. */
const MarsAdamWLoop = twice<typeof MarsAdamWKernel>(
  (f) =>
    (
      theta,
      u,
      { m, v },
      { decay, c1, c2, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2 },
      from,
      to,
      { rate },
    ) => {
      for (let i = from; i < to; i++) {
        const c = f(rate * u[i])
        m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * c))
        v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(c * c)))
        const divisor = f(f(f(Math.sqrt(v[i])) * c2) + eps)
        theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(f(c1 * m[i]) / divisor)))
      }
    },
)

/** The kernels of MARS with `form: 'lion'`. */
const MarsLionLoop = twice<typeof MarsLionKernel>(
  (f) =>
    (theta, u, { m }, { decay, lr, beta1, oneMinusBeta1 }, from, to, { rate }) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * f(rate * u[i])))
        theta[i] = f(f(theta[i] * decay) - f(lr * signum(m[i])))
      }
    },
)

/**
 * ahead = (γ·β₁)/(1−β₁), and 0 at t = 1. rate = 1/√Σu² if that root is above 1, else 1. d = 1 − η·λ, c₁ = η/(1−∏β₁), c₂
 * = 1/√(1−∏β₂).
 */
export const definition = define('mars', {
  options: {
    /** rule that uses the corrected gradient c: `'adamw'`, the default, or `'lion'`, whose step is η·sign(m) */
    form: choice('adamw', 'lion'),
    lr: 3e-3,
    /** decay rate of the first moment m */
    beta1: 0.95,
    /** decay rate of the second moment v, only with `form: 'adamw'` */
    beta2: 0.99,
    /** factor γ ≥ 0 of the gradient's correction β₁/(1−β₁)·(g − gₜ₋₁); may be scheduled */
    gamma: scheduled(nonNegative, 0.025),
    /**
     * decay rate of the second moment v, only with `form: 'adamw'`; if the divisor is exactly 0, only weight decay
     * changes the parameter
     */
    eps: 1e-8,
    /** decoupled: η·λ·θ is subtracted from the parameters */
    weightDecay: 0,
    maximize: false,
  },
  kernels: [
    kernel(MarsKernel, MarsLoop),
    kernel(MarsAdamWKernel, MarsAdamWLoop),
    kernel(MarsLionKernel, MarsLionLoop),
  ],
  stages: ({ form }) => [MarsKernel, form === 'lion' ? MarsLionKernel : MarsAdamWKernel],
  clock: products,
  advance: multiplyBetas,
  coefficients({ form, lr, beta1, beta2, eps }, row) {
    const places = form === 'lion' ? MarsLionKernel.row : MarsAdamWKernel.row
    row[places.beta1] = beta1
    row[places.oneMinusBeta1] = 1 - beta1
    if (form === 'lion') {
      row[MarsLionKernel.row.lr] = lr
      return
    }
    row[MarsAdamWKernel.row.eps] = eps
    row[MarsAdamWKernel.row.beta2] = beta2
    row[MarsAdamWKernel.row.oneMinusBeta2] = 1 - beta2
  },
  corrections({ form, lr, beta1, gamma }, { t, product1, product2 }, row) {
    // The first gradient has no predecessor, so its change is 0.
    row[MarsKernel.row.ahead] = t === 1 ? 0 : (gamma * beta1) / (1 - beta1)
    if (form === 'lion') return
    row[MarsAdamWKernel.row.c1] = lr / (1 - product1)
    row[MarsAdamWKernel.row.c2] = 1 / Math.sqrt(1 - product2)
  },
  between(_rule, _clock, { gradients, rate }, i) {
    const norm = Math.sqrt(gradients[i])
    rate[i] = norm > 1 ? 1 / norm : 1
  },
  decay: ({ lr, weightDecay }) => 1 - lr * weightDecay,
  flushes: maskedByEps,
})

/** MARS's description; see {@link mars}. */
export interface Mars extends RuleOf<typeof definition> {}

/**
 * MARS (Yuan et al., 2024, algorithms 2 and 3) reduces the variance of the gradient by adding the change of the
 * gradient: c = g + γ·β₁/(1−β₁)·(g − gₜ₋₁), and c = g at the first update. Each tensor's c is divided by max(1, ‖c‖).
 * AdamW then uses c as the gradient. With `form: 'lion'`, the update is m ← β₁·m + (1−β₁)·c, θ ← (1 − η·λ)·θ −
 * η·sign(m).
 *
 * gₜ₋₁ is the gradient of the previous batch (MARS-approx). The authors apply MARS only to matrices, and AdamW to all
 * other tensors; `groups` can assign the two rules. The defaults are the authors' defaults. `mars.timm` uses timm's β₁
 * of 0.9.
 *
 * State: previous, m, and with `form: 'adamw'` v.
 * @throws OptionError if an option is unknown or out of its range
 */
export const mars = Object.assign(rule<Mars>(definition), {
  timm: preset<Mars>(definition, { beta1: 0.9 }),
})
