import { kernel, twice } from '../arena/kernel.js'
import { ProdigyKernel, ProdigyMomentsKernel } from '../arena/manifest.js'
import { groupBy } from '../core/group-by.js'
import { atLeast, fraction, positive } from '../options/kinds.js'
import { type CounterOf, define, maskedByEps, type SharedMember } from './define.js'
import { multiplyBetas, products } from './moments.js'
import { preset, type RuleOf, rule } from './rule.js'

/** Σu and Σ|s| are of all tensors. */
const ProdigyMomentsLoop = twice<typeof ProdigyMomentsKernel>(
  (f) =>
    (theta, g, { s, m, v, start }, { beta1, taken1, beta2, taken2, beta3, pull }, from, to, _, direction) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(taken1 * g[i]))
        v[i] = f(f(beta2 * v[i]) + f(taken2 * f(g[i] * g[i])))
        s[i] = f(f(beta3 * s[i]) + f(pull * g[i]))
        direction[i] = f(g[i] * f(start[i] - theta[i]))
      }
    },
)

const ProdigyLoop = twice<typeof ProdigyKernel>(
  (f) =>
    (theta, _, { m, v }, { rate, eps, shrink }, from, to) => {
      for (let i = from; i < to; i++) {
        const divisor = f(f(Math.sqrt(v[i])) + eps)
        theta[i] = f(f(theta[i] + f(theta[i] * shrink)) - f(rate * (divisor === 0 ? 0 : f(m[i] / divisor))))
      }
    },
)

/** d, the largest estimate so far, and N; 0 before the first update. */
const shared = { d: 0, dMax: 0, numerator: 0 }
const clock = { ...products, ...shared }
type ProdigyCounter = CounterOf<typeof clock>

interface ProdigyOptions {
  readonly lr: number
  readonly beta1: number
  readonly beta3: number
  readonly eps: number
  readonly weightDecay: number
  readonly d0: number
  readonly dCoef: number
  readonly growthRate: number
  readonly useBiasCorrection: boolean
}

/** γ = d·η, with Adam's bias correction where it is wanted. */
function effectiveRate(
  { lr, useBiasCorrection }: ProdigyOptions,
  { d, product1, product2 }: ProdigyCounter,
): number {
  return d * lr * (useBiasCorrection ? Math.sqrt(1 - product2) / (1 - product1) : 1)
}

/** The next d of tensors that share one, from what was summed of them. */
function estimate(rule: ProdigyOptions, members: readonly SharedMember<typeof clock>[]): void {
  const { beta1, beta3, eps, weightDecay, d0, dCoef, growthRate } = rule
  const present = members.filter(({ row }) => row !== null)
  if (present.length === 0) return
  const path = present.reduce((sum, { sums }) => sum + sums.path, 0)
  if (path === 0) {
    for (const member of present) member.hold()
    return
  }
  const { d, dMax, numerator } = present[0].clock
  const rates = present.map(({ clock }) => effectiveRate(rule, clock))
  const progress = present.reduce((sum, { sums }, k) => sum + (d / d0) * rates[k] * sums.progress, 0)
  const nextNumerator = beta3 * numerator + progress
  const estimated = (dCoef * nextNumerator) / path
  const nextMax = Math.max(dMax, estimated)
  const next = Math.min(nextMax, (d === d0 ? Math.max(d, estimated) : d) * growthRate)
  present.forEach(({ row }, k) => {
    if (row === null) return
    // Without momentum m is d·g, and the d is the new one.
    row[ProdigyKernel.row.rate] = rates[k] * (beta1 === 0 ? next / d : 1)
    row[ProdigyKernel.row.eps] = next * eps
    // Not −0, which would make +0 of −0.
    row[ProdigyKernel.row.shrink] = 0 - weightDecay * rates[k]
  })
  for (const { clock } of members) Object.assign(clock, { d: next, dMax: nextMax, numerator: nextNumerator })
}

/**
 * taken₁ = (1−β₁)·d, taken₂ = (1−β₂)·d², pull = (d/d₀)·γ, or with `safeguardWarmup` (d/d₀)·d. rate = γ =
 * d·η, with `useBiasCorrection` times √(1−∏β₂)/(1−∏β₁), and where β₁ is 0 γ·(d'/d); shrink = 0 − λ·γ: 1 − λγ
 * would be 1 in float32 for a γ of 1e-6. ε here is d'·ε, of the next d.
 */
export const definition = define('prodigy', {
  options: {
    /** a factor of d: leave it at 1, or put a schedule here */
    lr: 1,
    beta1: 0.9,
    beta2: 0.999,
    /** β₃ in [0, 1), of the estimate of d; √β₂ by default */
    beta3: fraction(0.999499874937461),
    /** times d; where the divisor is exactly 0 the parameter only decays */
    eps: 1e-8,
    /** taken from the parameters as γ·λ·θ */
    weightDecay: 0,
    /** d₀ > 0, what d begins with: less than the distance to the solution */
    d0: positive(1e-6),
    /** > 0, a factor of the estimate of d: try half or twice before anything else */
    dCoef: positive(1),
    /** ≥ 1: d grows by no more than this factor at an update; by default without a limit */
    growthRate: atLeast(1, Number.MAX_VALUE),
    /** √(1−β₂ᵗ)/(1−β₁ᵗ) as a factor of the steps, as in Adam */
    useBiasCorrection: false,
    /** leaves η out of the denominator of the estimate, for a schedule that warms up */
    safeguardWarmup: false,
    maximize: false,
  },
  kernels: [kernel(ProdigyMomentsKernel, ProdigyMomentsLoop), kernel(ProdigyKernel, ProdigyLoop)],
  stages: () => [ProdigyMomentsKernel, ProdigyKernel],
  clock,
  shared,
  advance(clock, rule, next) {
    multiplyBetas(clock, rule, next)
    next.d = clock.d || rule.d0
    next.dMax = clock.dMax || rule.d0
    next.numerator = clock.numerator
  },
  coefficients({ beta1, beta2, beta3 }, row) {
    row[ProdigyKernel.row.beta1] = beta1
    row[ProdigyKernel.row.beta2] = beta2
    row[ProdigyKernel.row.beta3] = beta3
  },
  corrections(rule, clock, row) {
    const { beta1, beta2, d0, safeguardWarmup } = rule
    const { d } = clock
    row[ProdigyKernel.row.taken1] = (1 - beta1) * d
    row[ProdigyKernel.row.taken2] = (1 - beta2) * d * d
    row[ProdigyKernel.row.pull] = (d / d0) * (safeguardWarmup ? d : effectiveRate(rule, clock))
  },
  estimateShared(rule, members) {
    // After another set of options, or a saved run, tensors of one rule may have come by different ways.
    const groups = groupBy(members, ({ clock: { d, dMax, numerator } }) =>
      [d || rule.d0, dMax || rule.d0, numerator].join(' '),
    )
    for (const group of groups.values()) estimate(rule, group)
  },
  starts: () => ({ start: 'parameters' }),
  flushes: ({ eps, d0 }, smallestNormal) => maskedByEps({ eps: d0 * eps }, smallestNormal),
  implied: ({ beta2 }) => ({ beta3: Math.sqrt(beta2) }),
})

/** Prodigy's description; see {@link prodigy}. */
export interface Prodigy extends RuleOf<typeof definition> {}

/**
 * Prodigy (Mishchenko and Defazio, 2023, algorithm 4): Adam without a learning rate to be found. Its rate γ = d·η has
 * the largest d̂ so far of N/D, by which the distance to the solution is estimated: N ← β₃·N +
 * (d/d₀)·γ·⟨g, θ₀−θ⟩ and s ← β₃·s + (d/d₀)·γ·g, D = Σ|s|, over **all tensors that have this rule with the
 * same options**. m and v are Adam's of d·g, and θ ← θ + θ·(−λγ) − γ·m/(√v + d·ε).
 *
 * Where D is 0, as long as all gradients are, nothing changes: the count of updates neither. A tensor without a
 * gradient has no part in an update's sums. A new tensor begins with the d that there is. What is not finite in one
 * gradient is in d, and so in all tensors. Defaults are the authors'; `prodigy.optax` has Optax's, which corrects the
 * bias.
 *
 * State: m, v, s, and `start`, the first parameters θ₀. @throws OptionError where an option is unknown or out of its
 * range
 */
export const prodigy = Object.assign(rule<Prodigy>(definition), {
  optax: preset<Prodigy>(definition, { useBiasCorrection: true }),
})
