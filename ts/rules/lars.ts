import { kernel, twice } from '../arena/kernel.js'
import { BothNormsKernel, LarsKernel, LarsNesterovKernel } from '../arena/manifest.js'
import { choice, nonNegative } from '../options/kinds.js'
import { scheduled } from '../schedules/option.js'
import { define } from './define.js'
import { BothNorms } from './norms.js'
import { preset, type RuleOf, rule } from './rule.js'

const LarsLoop = twice<typeof LarsKernel>(
  (f) =>
    (theta, g, { b }, { lr, mu, undampened, lambda }, from, to, { rate }) => {
      for (let i = from; i < to; i++) {
        const u = f(rate * f(g[i] + f(lambda * theta[i])))
        b[i] = f(f(mu * b[i]) + f(undampened * u))
        theta[i] = f(theta[i] - f(lr * b[i]))
      }
    },
)

/** With `nesterov`. */
const LarsNesterovLoop = twice<typeof LarsNesterovKernel>(
  (f) =>
    (theta, g, { b }, { lr, mu, undampened, lambda }, from, to, { rate }) => {
      for (let i = from; i < to; i++) {
        const u = f(rate * f(g[i] + f(lambda * theta[i])))
        b[i] = f(f(mu * b[i]) + f(undampened * u))
        theta[i] = f(theta[i] - f(lr * f(u + f(mu * b[i]))))
      }
    },
)

/**
 * undampened is 1 − dampening, and 1 at t = 1. g includes λ·θ, and the coefficient for λ is 0. With `denominator:
 * 'sum'`, g does not include λ·θ. ratio = (τ·√Σθ²)/(√Σg² + ε); with `'sum'`, ratio = (τ·√Σθ²)/((√Σg² + λ·√Σθ²) + ε).
 * rate = η·ratio and the coefficient for η is 1; with `lrPlacement: 'outside'`, rate = ratio.
 */
export const definition = define('lars', {
  options: {
    lr: 1e-3,
    /** factor μ ≥ 0 of the momentum; may be scheduled */
    momentum: scheduled(nonNegative, 0.9),
    /** ≥ 0: each new step is multiplied by 1 − dampening before it enters the momentum */
    dampening: nonNegative(0),
    /** Nesterov's momentum, θ ← θ − η·(u + μ·b) */
    nesterov: false,
    /** λ·θ is added to the gradient */
    weightDecay: 0,
    /** factor τ ≥ 0 of the ratio of norms */
    trustCoefficient: nonNegative(1e-3),
    /** ε, which is added to the norm in the denominator of the ratio */
    eps: 0,
    /**
     * denominator of the ratio of norms: `'update'`, the default, is ‖g + λ·θ‖; `'sum'` is ‖g‖ + λ·‖θ‖, as in the paper
     */
    denominator: choice('update', 'sum'),
    /**
     * position of η:  `'inside'`, the default, multiplies the gradients that the momentum sums, as in the paper and
     * Optax; `'outside'` multiplies the momentum
     */
    lrPlacement: choice('inside', 'outside'),
    /** scales the step by the ratio of norms even if λ is 0; false uses a ratio of 1 if λ is 0 */
    alwaysAdapt: true,
    /** limits the rate to at most η (LARC) */
    trustClip: false,
    maximize: false,
  },
  kernels: [BothNorms, kernel(LarsKernel, LarsLoop), kernel(LarsNesterovKernel, LarsNesterovLoop)],
  stages: ({ nesterov }) => [BothNormsKernel, nesterov ? LarsNesterovKernel : LarsKernel],
  coefficients({ lr, momentum, weightDecay, denominator, lrPlacement }, row) {
    row[LarsKernel.row.lr] = lrPlacement === 'inside' ? 1 : lr
    row[LarsKernel.row.mu] = momentum
    row[LarsKernel.row.lambda] = denominator === 'update' ? 0 : weightDecay
  },
  corrections({ dampening }, { t }, row) {
    row[LarsKernel.row.undampened] = t === 1 ? 1 : 1 - dampening
  },
  between(
    { lr, weightDecay, trustCoefficient, eps, denominator, lrPlacement, alwaysAdapt, trustClip },
    _,
    { parameters, direction, rate },
    i,
  ) {
    const [norm, gradient] = [Math.sqrt(parameters[i]), Math.sqrt(direction[i])]
    const below = denominator === 'update' ? gradient : gradient + weightDecay * norm
    const adapts = (alwaysAdapt || weightDecay !== 0) && norm > 0 && gradient > 0
    let ratio = adapts ? (trustCoefficient * norm) / (below + eps) : 1
    if (trustClip && adapts) ratio = ratio < lr ? ratio / lr : 1
    rate[i] = lrPlacement === 'inside' ? lr * ratio : ratio
  },
  l2: ({ weightDecay, denominator }) => (denominator === 'update' ? weightDecay : 0),
})

/** LARS' description; see {@link lars}. */
export interface Lars extends RuleOf<typeof definition> {}

/**
 * LARS (You, Gitman and Ginsburg, 2017) is momentum with a rate per tensor: the gradient u = g + λ·θ of each tensor is
 * scaled by r = τ·‖θ‖/‖u‖, b ← μ·b + η·r·u, θ ← θ − b. The ratio r is 1 if one of the norms is 0. Biases and the scales
 * of normalization layers are usually excluded from weight decay and from the ratio: `groups: [{ ...noDecay(), rule:
 * sgd(…) }]`.
 *
 * The defaults are Optax's defaults. `lars.timm` uses timm's defaults: the denominator is the paper's sum of norms, η
 * multiplies the momentum, μ is 0, and the ratio is 1 if λ is 0.
 *
 * State: b.
 * @throws OptionError if an option is unknown or out of its range
 */
export const lars = Object.assign(rule<Lars>(definition), {
  timm: preset<Lars>(definition, {
    momentum: 0,
    eps: 1e-8,
    denominator: 'sum',
    lrPlacement: 'outside',
    alwaysAdapt: false,
  }),
})
