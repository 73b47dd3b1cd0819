import { kernel, twice } from '../arena/kernel.js'
import { GradientNormKernel, NovoGradKernel } from '../arena/manifest.js'
import { define } from './define.js'
import { GradientNorm } from './norms.js'
import { preset, type RuleOf, rule } from './rule.js'

const NovoGradLoop = twice<typeof NovoGradKernel>(
  (f) =>
    (theta, g, { m }, { lr, beta1, taken1, lambda }, from, to, { rate }) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(taken1 * f(f(rate * g[i]) + f(lambda * theta[i]))))
        theta[i] = f(theta[i] - f(lr * m[i]))
      }
    },
)

/**
 * rate = 1/(√v' + ε), where v' = β₂·v + (1−β₂)·Σg², or Σg² while v is 0. taken₁ = 1, or 1−β₁ with `gradAveraging`.
 */
export const definition = define('novograd', {
  options: {
    lr: 1e-3,
    /** decay rate of the first moment m */
    beta1: 0.9,
    /** decay rate of v, the average of the squared gradient norm */
    beta2: 0.25,
    /** ε, which is added to √v in the divisor */
    eps: 1e-6,
    /** λ·θ is added to the normalized gradient, before the momentum */
    weightDecay: 0,
    /** multiplies each normalized gradient g/(√v + ε) + λ·θ by 1−β₁ before adding it to m; false uses the factor 1 */
    gradAveraging: false,
    maximize: false,
  },
  kernels: [GradientNorm, kernel(NovoGradKernel, NovoGradLoop)],
  stages: () => [GradientNormKernel, NovoGradKernel],
  coefficients({ lr, beta1, weightDecay, gradAveraging }, row) {
    row[NovoGradKernel.row.lr] = lr
    row[NovoGradKernel.row.beta1] = beta1
    row[NovoGradKernel.row.taken1] = gradAveraging ? 1 - beta1 : 1
    row[NovoGradKernel.row.lambda] = weightDecay
  },
  between({ beta2, eps }, _, { gradients, rate, v }, i) {
    v[i] = v[i] === 0 ? gradients[i] : beta2 * v[i] + (1 - beta2) * gradients[i]
    const divisor = Math.sqrt(v[i]) + eps
    rate[i] = divisor === 0 ? 0 : 1 / divisor
  },
})

/** NovoGrad's description; see {@link novograd}. */
export interface NovoGrad extends RuleOf<typeof definition> {}

/**
 * NovoGrad (Ginsburg et al., 2019) stores one second moment per tensor, v ← β₂·v + (1−β₂)·‖g‖². The second moment
 * starts at the first ‖g‖² that is not 0. The update is m ← β₁·m + g/(√v + ε) + λ·θ, θ ← θ − η·m.
 *
 * The defaults are Optax's defaults. `novograd.timm` uses timm's defaults.
 *
 * State: m.
 * @throws OptionError if an option is unknown or out of its range
 */
export const novograd = Object.assign(rule<NovoGrad>(definition), {
  timm: preset<NovoGrad>(definition, { beta1: 0.95, beta2: 0.98, eps: 1e-8 }),
})
