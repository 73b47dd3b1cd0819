import { kernel, twice } from '../arena/kernel.js'
import { ProdigyKernel, ProdigyMomentsKernel } from '../arena/manifest.js'
import { groupBy } from '../core/group-by.js'
import { atLeast, fraction, positive } from '../options/kinds.js'
import { type CounterOf, define, maskedByEps, type SharedMember } from './define.js'
import { multiplyBetas, products } from './moments.js'
import { preset, type RuleOf, rule } from './rule.js'

/** The sums Σu and Σ|s| in the equations include all tensors. */
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

/** The estimate d, the largest estimate so far, and N; all three are 0 before the first update. */
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

/** γ = d·η. With `useBiasCorrection`, γ is multiplied by Adam's bias correction. */
function effectiveRate(
  { lr, useBiasCorrection }: ProdigyOptions,
  { d, product1, product2 }: ProdigyCounter,
): number {
  return d * lr * (useBiasCorrection ? Math.sqrt(1 - product2) / (1 - product1) : 1)
}

/** Computes the next d of all tensors that share one d, from the sums of these tensors. */
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
    // Without momentum, m is d·g with the new d.
    row[ProdigyKernel.row.rate] = rates[k] * (beta1 === 0 ? next / d : 1)
    row[ProdigyKernel.row.eps] = next * eps
    // The value is +0 instead of −0, because adding −0·θ would change a θ of −0 to +0.
    row[ProdigyKernel.row.shrink] = 0 - weightDecay * rates[k]
  })
  for (const { clock } of members) Object.assign(clock, { d: next, dMax: nextMax, numerator: nextNumerator })
}

/**
 * taken₁ = (1−β₁)·d, taken₂ = (1−β₂)·d². pull = (d/d₀)·γ, or (d/d₀)·d with `safeguardWarmup`. The rate is γ = d·η,
 * multiplied by √(1−∏β₂)/(1−∏β₁) with `useBiasCorrection`; if β₁ is 0, rate = γ·(d'/d). shrink = 0 − λ·γ, because 1 −
 * λγ would be 1 in float32 for a γ of 1e-6. The coefficient for ε is d'·ε, where d' is the next d.
 */
export const definition = define('prodigy', {
  options: {
    /** factor of the estimated step size d; keep 1 or pass a schedule */
    lr: 1,
    /** decay rate of the first moment m */
    beta1: 0.9,
    /** decay rate of the second moment v */
    beta2: 0.999,
    /** decay rate β₃ in [0, 1) of the estimate of d; √β₂ by default */
    beta3: fraction(0.999499874937461),
    /** ε, which is multiplied by d; if the divisor is exactly 0, only weight decay changes the parameter */
    eps: 1e-8,
    /** decoupled: γ·λ·θ is subtracted from the parameters */
    weightDecay: 0,
    /** initial value d₀ > 0 of d, which must be less than the distance to the solution */
    d0: positive(1e-6),
    /** factor > 0 of the estimate of d; try 0.5 or 2 before you tune any other option */
    dCoef: positive(1),
    /** largest factor ≥ 1 by which d grows per update; unlimited by default */
    growthRate: atLeast(1, Number.MAX_VALUE),
    /** multiplies the steps by √(1−β₂ᵗ)/(1−β₁ᵗ), as in Adam */
    useBiasCorrection: false,
    /** omits η from the denominator of the estimate, for schedules with a warm-up */
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
    // After `set` or `load`, tensors of one rule may have different values of d. Tensors with equal values share one
    // estimate.
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
 * Prodigy (Mishchenko and Defazio, 2023, algorithm 4) is Adam with an estimated learning rate γ = d·η. The factor d is
 * the largest estimate N/D so far of the distance to the solution. N ← β₃·N + (d/d₀)·γ·⟨g, θ₀−θ⟩ and s ← β₃·s +
 * (d/d₀)·γ·g, D = Σ|s|, summed over **all tensors that use this rule with the same options**. The moments m and v are
 * Adam's moments of d·g, and θ ← θ + θ·(−λγ) − γ·m/(√v + d·ε).
 *
 * If all gradients have been 0, D is 0, and an update changes nothing, not even the number of updates. A tensor without
 * a gradient does not contribute to an update's sums. A tensor that is added later starts with the current d. A NaN or
 * infinity in one gradient affects d, and therefore all tensors. The defaults are the authors' defaults.
 * `prodigy.optax` uses Optax's defaults, including the bias correction.
 *
 * State: m, v, s, and `start`, the initial parameters θ₀. @throws OptionError if an option is unknown or out of its
 * range
 */
export const prodigy = Object.assign(rule<Prodigy>(definition), {
  optax: preset<Prodigy>(definition, { useBiasCorrection: true }),
})
