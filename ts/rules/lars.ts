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
 * undampened is 1 − dampening, at t = 1 instead 1. g has λ·θ in it, and λ here is 0, but with `denominator:
 * 'sum'`. ratio = (τ·√Σθ²)/(√Σg² + ε), there (τ·√Σθ²)/((√Σg² + λ·√Σθ²) + ε); rate = η·ratio and η here is 1,
 * or with `lrPlacement: 'outside'` rate = ratio.
 */
export const definition = define('lars', {
  options: {
    lr: 1e-3,
    /** μ ≥ 0; may be scheduled */
    momentum: scheduled(nonNegative, 0.9),
    /** τ ≥ 0 of the momentum */
    dampening: nonNegative(0),
    /** θ ← θ − η·(u + μ·b) */
    nesterov: false,
    /** added to the gradient */
    weightDecay: 0,
    /** the factor of the ratio of norms, ≥ 0 */
    trustCoefficient: nonNegative(1e-3),
    /** added to the norm below */
    eps: 0,
    /** what the norm of θ is divided by: 'update' has ‖g + λ·θ‖, 'sum' has ‖g‖ + λ·‖θ‖, as the paper */
    denominator: choice('update', 'sum'),
    /** whether η is in what the momentum remembers: it is 'inside' with Optax, as in the paper, or 'outside' */
    lrPlacement: choice('inside', 'outside'),
    /** the ratio of norms also where there is no decay; else it is 1 there */
    alwaysAdapt: true,
    /** no rate above η (LARC) */
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
 * LARS (You, Gitman and Ginsburg, 2017): momentum, in which each tensor's gradient u = g + λ·θ is scaled by
 * r = τ·‖θ‖/‖u‖, or by 1 where one of the norms is 0: b ← μ·b + η·r·u, θ ← θ − b. Biases and norms' scales are
 * customarily left out of decay and ratio: `groups: [{ ...noDecay(), rule: sgd(…) }]`.
 *
 * Defaults are Optax's. `lars.timm` has timm's: the paper's sum of norms below, η outside of the momentum,
 * which is 0, and no ratio where λ is 0.
 *
 * State: b.
 * @throws OptionError where an option is unknown or out of its range
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
