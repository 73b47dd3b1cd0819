import { AmsGradKernel } from '../arena/manifest.js'
import { OptionError } from '../core/errors.js'
import { choice } from '../options/kinds.js'
import { advance, check, kernels, stages } from './adam-loops.js'
import { defineDirection } from './cautious.js'
import { type CounterOf, maskedByEps } from './define.js'
import { type CorrectionPositions, correctAmsgrad, products, writeBetas } from './moments.js'
import { preset, type RuleOf, rule } from './rule.js'

/** Where ε is added to √v, before the correction: c₁ = η·√(1−∏β₂)/(1−∏β₁), c₂ = 1. */
function correctTogether(
  { product2 }: CounterOf<typeof products>,
  row: Float64Array,
  positions: CorrectionPositions,
): void {
  row[positions.c1] *= Math.sqrt(1 - product2)
  row[positions.c2] = 1
}

/** Where the largest is of corrected v: h = 1/(1−∏β₂), c₂ = 1. */
function correctLargest(
  { product2 }: CounterOf<typeof products>,
  row: Float64Array,
  positions: CorrectionPositions,
): void {
  row[AmsGradKernel.row.h] = 1 / (1 - product2)
  row[positions.c2] = 1
}

/**
 * c₁ = η/(1−∏β₁), c₂ = 1/√(1−∏β₂); h = 1, or with `amsgradMoment: 'corrected'` h = 1/(1−∏β₂) and c₂ = 1. With
 * `epsMoment: 'raw'` c₁ = η·√(1−∏β₂)/(1−∏β₁), c₂ = 1.
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
    amsgradMoment: choice('raw', 'corrected'),
    /** to which root it is added: `'corrected'`, the default: √v̂; `'raw'`: √v, as in Torch's SparseAdam */
    epsMoment: choice('corrected', 'raw'),
    /** corrections by the updates of each row, not of the tensor, with gradients by `sparseRows`, whose import it wants */
    perRow: false,
    maximize: false,
  },
  takesRows: true,
  kernels,
  stages,
  clock: products,
  advance,
  coefficients: writeBetas,
  corrections(rule, clock, row, positions) {
    correctAmsgrad(rule, clock, row, positions)
    if (rule.amsgrad && rule.amsgradMoment === 'corrected') correctLargest(clock, row, positions)
    if (rule.epsMoment === 'raw') correctTogether(clock, row, positions)
  },
  check(rule) {
    const { amsgrad, amsgradMoment, epsMoment, perRow } = rule
    check(rule)
    if (epsMoment === 'raw' && (perRow || (amsgrad && amsgradMoment === 'corrected')))
      throw new OptionError(
        'adam: epsMoment',
        "'corrected' with perRow, or where the largest is of corrected v",
        epsMoment,
      )
  },
  l2: ({ weightDecay }) => weightDecay,
  flushes: maskedByEps,
})

/** Adam's description; see {@link adam}. */
export interface Adam extends RuleOf<typeof definition> {}

/**
 * Adam (Kingma and Ba, 2015, algorithm 1): m ← β₁·m + (1−β₁)·g, v ← β₂·v + (1−β₂)·g²,
 * θ ← θ − η·m̂/(√v̂ + ε), with m̂ = m/(1−β₁ᵗ) and v̂ = v/(1−β₂ᵗ). `adam.tfjs` has TensorFlow.js's ε of 1e-7,
 * `adam.sparse` the place of ε in Torch's SparseAdam, for gradients by `sparseRows`.
 *
 * State: m, v, and `largest` with AMSGrad.
 * @throws OptionError where an option is unknown or out of its range
 */
export const adam = Object.assign(rule<Adam>(definition), {
  sparse: preset<Adam>(definition, { epsMoment: 'raw' }),
  tfjs: preset<Adam>(definition, { eps: 1e-7 }),
})
