import { kernel, twice } from '../arena/kernel.js'
import { MomentumKernel, NesterovKernel, PointKernel } from '../arena/manifest.js'
import { choice, fraction } from '../options/kinds.js'
import { scheduled } from '../schedules/option.js'
import { define } from './define.js'
import { MomentumLoop } from './momentum.js'
import { type RuleOf, rule } from './rule.js'

export const NesterovLoop = twice<typeof NesterovKernel>(
  (f) =>
    (theta, g, { v }, { lr, alpha, ahead }, from, to) => {
      for (let i = from; i < to; i++) {
        const coasted = f(alpha * v[i])
        v[i] = f(coasted - f(lr * g[i]))
        theta[i] = f(f(theta[i] - coasted) + f(ahead * v[i]))
      }
    },
)

/** Computes only the point at which the shifted form needs the gradient, without an update. */
export const PointLoop = twice<typeof PointKernel>((f) => (theta, _, { v, point }, { alpha }, from, to) => {
  for (let i = from; i < to; i++) {
    point[i] = f(theta[i] + f(alpha * v[i]))
  }
})

/**
 * The coefficient `ahead` is 1 + α. The first equations define the reparametrized form, and the second equations define
 * the shifted form.
 */
export const definition = define('nesterov', {
  options: {
    lr: 1e-3,
    /** factor α in [0, 1) of the velocity; may be scheduled */
    momentum: scheduled(fraction, 0.9),
    /**
     * `'reparametrized'`, the default, evaluates the gradient at the parameters u: v' = α·v − η·∇F(u), u ← u − α·v +
     * (1+α)·v'. `'shifted'` evaluates the gradient at `optimizer.gradientPoint()`: v ← α·v − η·∇F(θ + α·v), θ ← θ + v.
     * Both forms visit the same points, with u = θ + α·v
     */
    form: choice('reparametrized', 'shifted'),
    maximize: false,
  },
  kernels: [
    kernel(NesterovKernel, NesterovLoop),
    kernel(MomentumKernel, MomentumLoop),
    kernel(PointKernel, PointLoop),
  ],
  stages: ({ form }) => [form === 'shifted' ? MomentumKernel : NesterovKernel],
  point: ({ form }) => (form === 'shifted' ? PointKernel : undefined),
  coefficients({ lr, momentum }, row) {
    row[NesterovKernel.row.lr] = lr
    row[NesterovKernel.row.alpha] = momentum
    row[NesterovKernel.row.ahead] = 1 + momentum
  },
})

/** Nesterov's momentum's description; see {@link nesterov}. */
export interface Nesterov extends RuleOf<typeof definition> {}

/**
 * Nesterov's momentum (Nesterov, 1983) in the form of Sutskever et al. (2013, equations 3 and 4), in terms of u = θ +
 * α·v: v' = α·v − η·∇F(u), u ← u − α·v + (1+α)·v'. With `form: 'shifted'`: v ← α·v − η·∇F(θ + α·v), θ ← θ + v.
 *
 * State: v; in the shifted form also the last `point`.
 * @throws OptionError if an option is unknown or out of its range
 */
export const nesterov = rule<Nesterov>(definition)
