import { kernel } from '../arena/kernel.js'
import { GradientDescentKernel } from '../arena/manifest.js'
import { pow } from '../functions/pow.js'
import { nonNegative } from '../options/kinds.js'
import { defineDirection } from './cautious.js'
import { GradientDescentLoop } from './gradient-descent.js'
import { type RuleOf, rule } from './rule.js'

/**
 * The rate η is `lr` at t = 1. At later updates, the rate is η/(1 + λ′·η·t)^α with the values of η and t at the
 * previous update. The term (λ + λ′)·θ is added to the gradient g.
 */
export const definition = defineDirection('asgd', {
  options: {
    /** a changed learning rate takes effect one update later */
    lr: 1e-2,
    /** λ′ ≥ 0: speed at which the learning rate decreases, and coefficient of θ in the gradient */
    lambda: nonNegative(1e-4),
    /** exponent α ≥ 0 of the decrease of the learning rate */
    alpha: nonNegative(0.75),
    /** λ·θ is added to the gradient */
    weightDecay: 0,
    maximize: false,
  },
  kernels: [kernel(GradientDescentKernel, GradientDescentLoop)],
  stages: () => [GradientDescentKernel],
  /** The learning rate of the current update, and the known learning rate of the next update. */
  clock: { rate: 0, nextRate: 0 },
  advance(clock, { lr, lambda, alpha }, next) {
    next.rate = clock.t === 0 ? lr : clock.nextRate
    next.nextRate = lr / pow(1 + lambda * lr * next.t, alpha)
  },
  coefficients() {},
  corrections(_, { rate }, row) {
    row[GradientDescentKernel.row.lr] = rate
  },
  l2: ({ weightDecay, lambda }) => weightDecay + lambda,
})

/** The description of averaged SGD; see {@link asgd}. */
export interface Asgd extends RuleOf<typeof definition> {}

/**
 * Averaged SGD (Polyak and Juditsky, 1992), as in `torch.optim.ASGD`: gradient descent θ ← θ − ηₜ·(g + λ′·θ) with a
 * decreasing rate ηₜ = η/(1 + λ′·η·(t−1))^α, where η is the value at the previous update.
 *
 * The optimizer computes the average. With `average: swa({ start: t0 + 1 })`, the average equals PyTorch's `ax` from
 * update t0 + 2 on. (Before update t0 + 2, PyTorch's `ax` equals the parameters. In most runs, PyTorch's default `t0`
 * of 1 million disables the average.)
 *
 * No state. @throws OptionError if an option is unknown or out of its range
 */
export const asgd = rule<Asgd>(definition)
