import { kernel } from '../arena/kernel.js'
import { GradientDescentKernel } from '../arena/manifest.js'
import { pow } from '../functions/pow.js'
import { nonNegative } from '../options/kinds.js'
import { defineDirection } from './cautious.js'
import { GradientDescentLoop } from './gradient-descent.js'
import { type RuleOf, rule } from './rule.js'

/**
 * η is `lr` at t = 1, then η/(1 + λ′·η·t)^α with the η and the t of the update before; λ + λ′ is what g has
 * of θ.
 */
export const definition = defineDirection('asgd', {
  options: {
    /** acts from the update after its own on */
    lr: 1e-2,
    /** λ′ ≥ 0: how soon the rate falls, and a decay that is added to the gradient */
    lambda: nonNegative(1e-4),
    /** α ≥ 0: how fast it falls then */
    alpha: nonNegative(0.75),
    /** added to the gradient */
    weightDecay: 0,
    maximize: false,
  },
  kernels: [kernel(GradientDescentKernel, GradientDescentLoop)],
  stages: () => [GradientDescentKernel],
  /** The rate of the update under way, and that of the next one, which is fixed already. */
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
 * Averaged SGD (Polyak and Juditsky, 1992), as in `torch.optim.ASGD`: gradient descent θ ← θ − ηₜ·(g + λ′·θ) whose
 * rate falls, ηₜ = η/(1 + λ′·η·(t−1))^α with the η of the update before.
 *
 * The average is the optimizer's: with `average: swa({ start: t0 + 1 })` it is Torch's `ax` with `t0`, from update
 * t0 + 2 on. (Before, Torch's is the parameters themselves; its t0 of a million is, for most runs, no average.)
 *
 * No state. @throws OptionError where an option is unknown or out of its range
 */
export const asgd = rule<Asgd>(definition)
