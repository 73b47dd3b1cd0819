import { kernel, twice } from '../arena/kernel.js'
import { RpropKernel } from '../arena/manifest.js'
import { OptionError } from '../core/errors.js'
import { signum } from '../core/numbers.js'
import { atLeast, fraction, nonNegative, positive } from '../options/kinds.js'
import { defineDirection } from './cautious.js'
import { type RuleOf, rule } from './rule.js'

export const RpropLoop = twice<typeof RpropKernel>(
  (f) =>
    (theta, g, { before, h }, { decay, first, plus, minus, least, most }, from, to) => {
      for (let i = from; i < to; i++) {
        const p = f(g[i] * before[i])
        const size = f(f(h[i] + first) * (p > 0 ? plus : p < 0 ? minus : 1))
        // A NaN propagates.
        const enough = least > size ? least : size
        h[i] = enough > most ? most : enough
        const used = p < 0 ? 0 : g[i]
        before[i] = used
        theta[i] = f(f(theta[i] * decay) - f(h[i] * signum(used)))
      }
    },
)

/**
 * The coefficients `plus` and `minus` are η⁺ and η⁻. The coefficients `least` and `most` are the limits of h. The
 * coefficient `first` is η at t = 1, and 0 afterwards.
 */
export const definition = defineDirection('rprop', {
  options: {
    /** η ≥ 0, the size of a tensor's first step; later steps do not use η */
    lr: nonNegative(1e-2),
    /** factor η⁻ in [0, 1) of the step size h if the gradient has changed its sign */
    etaMinus: fraction(0.5),
    /** factor η⁺ ≥ 1 of the step size h if the gradient has kept its sign */
    etaPlus: atLeast(1, 1.2),
    /** lower limit > 0 of the step size h */
    minStep: positive(1e-6),
    /** upper limit > 0 of the step size h */
    maxStep: positive(50),
    maximize: false,
  },
  check({ minStep, maxStep }) {
    if (minStep > maxStep) throw new OptionError('rprop: maxStep', `at least minStep, ${minStep}`, maxStep)
  },
  kernels: [kernel(RpropKernel, RpropLoop)],
  stages: () => [RpropKernel],
  coefficients({ etaMinus, etaPlus, minStep, maxStep }, row) {
    row[RpropKernel.row.minus] = etaMinus
    row[RpropKernel.row.plus] = etaPlus
    row[RpropKernel.row.least] = minStep
    row[RpropKernel.row.most] = maxStep
  },
  corrections({ lr }, { t }, row) {
    row[RpropKernel.row.first] = t === 1 ? lr : 0
  },
})

/** Rprop's description; see {@link rprop}. */
export interface Rprop extends RuleOf<typeof definition> {}

/**
 * Rprop (Riedmiller and Braun, 1993) without weight-backtracking, as in `torch.optim.Rprop` and Optax, for gradients of
 * the full data set. Each element has a separate step size h: θ ← θ − h·sign(g). If the gradient has kept its sign, h
 * is multiplied by η⁺. If the sign has changed, h is multiplied by η⁻ and the gradient counts as 0. The step size
 * always stays between `minStep` and `maxStep`.
 *
 * State: `before`, the last gradient, and h. @throws OptionError if an option is unknown or out of its range
 */
export const rprop = rule<Rprop>(definition)
