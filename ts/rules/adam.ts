import { kernel, twice } from '../arena/kernel.js'
import { AdamKernel, AmsGradKernel } from '../arena/manifest.js'
import { OptionError } from '../ground/errors.js'
import { oneOf } from '../options/kinds.js'
import { defineDirection } from './cautious.js'
import { besideEps, type ClockOf } from './define.js'
import { preset, type RuleOf, rule } from './rule.js'

export const AdamLoop = twice<typeof AdamKernel>(
  (f) =>
    (theta, g, { m, v }, { decay, c1, c2, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2 }, from, to) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))
        v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(g[i] * g[i])))
        const divisor = f(f(f(Math.sqrt(v[i])) * c2) + eps)
        theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(f(c1 * m[i]) / divisor)))
      }
    },
)

/** With `amsgrad`. */
export const AmsGradLoop = twice<typeof AmsGradKernel>(
  (f) =>
    (
      theta,
      g,
      { m, v, largest },
      { decay, c1, c2, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2, h },
      from,
      to,
    ) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))
        v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(g[i] * g[i])))
        const size = f(h * v[i])
        // A NaN in v is taken over, one in the largest is left behind.
        largest[i] = largest[i] > size ? largest[i] : size
        const divisor = f(f(f(Math.sqrt(largest[i])) * c2) + eps)
        theta[i] = f(f(theta[i] * decay) - (divisor === 0 ? 0 : f(f(c1 * m[i]) / divisor)))
      }
    },
)

interface Betas {
  readonly beta1: number
  readonly beta2: number
}

/** ∏β₁ and ∏β₂ so far. Running products stay right when a β is changed on the way. */
export const products = { product1: 1, product2: 1 }

/** Multiplies the next β₁ and β₂ into the clock's products. */
export function multiplyBetas(
  clock: ClockOf<typeof products>,
  { beta1, beta2 }: Betas,
  next: ClockOf<typeof products>,
): void {
  next.product1 = traced(clock.product1 * beta1)
  next.product2 = traced(clock.product2 * beta2)
}

/** 0 where no trace of it is left in 1 − x: subnormal numbers are slow, and stop shrinking. */
export const traced = (product: number): number => (product < 1e-300 ? 0 : product)

/** Writes those coefficients of Adam's kernels that stay. */
export function writeBetas({ eps, beta1, beta2 }: Betas & { readonly eps: number }, row: Float64Array): void {
  row[AdamKernel.row.eps] = eps
  row[AdamKernel.row.beta1] = beta1
  row[AdamKernel.row.oneMinusBeta1] = 1 - beta1
  row[AdamKernel.row.beta2] = beta2
  row[AdamKernel.row.oneMinusBeta2] = 1 - beta2
}

/** c₁ = η/(1−∏β₁), c₂ = 1/√(1−∏β₂). */
export function correctBias(
  { lr }: { readonly lr: number },
  { product1, product2 }: ClockOf<typeof products>,
  row: Float64Array,
): void {
  row[AdamKernel.row.c1] = lr / (1 - product1)
  row[AdamKernel.row.c2] = 1 / Math.sqrt(1 - product2)
}

/** Where ε is added to √v, before the correction: c₁ = η·√(1−∏β₂)/(1−∏β₁), c₂ = 1. */
function correctTogether({ product2 }: ClockOf<typeof products>, row: Float64Array): void {
  row[AdamKernel.row.c1] *= Math.sqrt(1 - product2)
  row[AdamKernel.row.c2] = 1
}

interface Largest {
  readonly lr: number
  readonly amsgrad: boolean
  readonly amsgradOf?: 'raw' | 'corrected'
}

/** The same, and h = 1; where the largest is of corrected v, h = 1/(1−∏β₂) and c₂ = 1. */
export function correctLargest(rule: Largest, clock: ClockOf<typeof products>, row: Float64Array): void {
  correctBias(rule, clock, row)
  if (!rule.amsgrad) return
  const isCorrected = rule.amsgradOf === 'corrected'
  row[AmsGradKernel.row.h] = isCorrected ? 1 / (1 - clock.product2) : 1
  if (isCorrected) row[AmsGradKernel.row.c2] = 1
}

/**
 * c₁ = η/(1−∏β₁), c₂ = 1/√(1−∏β₂); h = 1, or with `amsgradOf: 'corrected'` h = 1/(1−∏β₂) and c₂ = 1. With
 * `epsOf: 'raw'` c₁ = η·√(1−∏β₂)/(1−∏β₁), c₂ = 1.
 */
export const definition = defineDirection('adam', {
  options: {
    lr: 1e-3,
    beta1: 0.9,
    beta2: 0.999,
    /** where the divisor is exactly 0 the parameter stays; 0 is the essay's form */
    eps: 1e-8,
    /** added to the gradient (as `adamw` does not) */
    weightDecay: 0,
    amsgrad: false,
    /** of which v that is the largest: `'raw'`, the default, as in Torch; `'corrected'`: of v̂, as in Optax */
    amsgradOf: oneOf('raw', 'corrected'),
    /** to which root it is added: `'corrected'`, the default: √v̂; `'raw'`: √v, as in Torch's SparseAdam */
    epsOf: oneOf('corrected', 'raw'),
    maximize: false,
  },
  takesRows: true,
  kernels: [kernel(AdamKernel, AdamLoop), kernel(AmsGradKernel, AmsGradLoop)],
  stages: ({ amsgrad }) => [amsgrad ? AmsGradKernel : AdamKernel],
  clock: products,
  advance: multiplyBetas,
  coefficients: writeBetas,
  corrections(rule, clock, row) {
    correctLargest(rule, clock, row)
    if (rule.epsOf === 'raw') correctTogether(clock, row)
  },
  check({ amsgrad, amsgradOf, epsOf }) {
    if (epsOf !== 'raw' || !amsgrad || amsgradOf !== 'corrected') return
    throw new OptionError('adam: epsOf', "'corrected' where the largest is of corrected v", epsOf)
  },
  l2: ({ weightDecay }) => weightDecay,
  flushes: besideEps,
})

/** Adam's description; see {@link adam}. */
export interface Adam extends RuleOf<typeof definition> {}

/**
 * Adam (Kingma and Ba, 2015, algorithm 1): m ← β₁·m + (1−β₁)·g, v ← β₂·v + (1−β₂)·g²,
 * θ ← θ − η·m̂/(√v̂ + ε), with m̂ = m/(1−β₁ᵗ) and v̂ = v/(1−β₂ᵗ). `adam.tfjs` has TensorFlow.js's ε of 1e-7,
 * `adam.sparse` the place of ε in Torch's SparseAdam, for gradients by `rows`.
 *
 * State: m, v, and `largest` with AMSGrad.
 * @throws OptionError where an option is unknown or out of its range
 */
export const adam = Object.assign(rule<Adam>(definition), {
  sparse: preset<Adam>(definition, { epsOf: 'raw' }),
  tfjs: preset<Adam>(definition, { eps: 1e-7 }),
})
