import { AmsGradKernel } from '../arena/manifest.js'
import { OptionError } from '../core/errors.js'
import { choice } from '../options/kinds.js'
import { advance, check, kernels, stages } from './adam-loops.js'
import { defineDirection } from './cautious.js'
import { type CounterOf, maskedByEps } from './define.js'
import { type CorrectionPositions, correctAmsgrad, products, writeBetas } from './moments.js'
import { preset, type RuleOf, rule } from './rule.js'

/** Coefficients if ε is added to the uncorrected √v: c₁ = η·√(1−∏β₂)/(1−∏β₁) and c₂ = 1. */
function correctTogether(
  { product2 }: CounterOf<typeof products>,
  row: Float64Array,
  positions: CorrectionPositions,
): void {
  row[positions.c1] *= Math.sqrt(1 - product2)
  row[positions.c2] = 1
}

/** Coefficients if AMSGrad uses the maximum of the corrected v: h = 1/(1−∏β₂) and c₂ = 1. */
function correctLargest(
  { product2 }: CounterOf<typeof products>,
  row: Float64Array,
  positions: CorrectionPositions,
): void {
  row[AmsGradKernel.row.h] = 1 / (1 - product2)
  row[positions.c2] = 1
}

/**
 * c₁ = η/(1−∏β₁), c₂ = 1/√(1−∏β₂), h = 1. With `amsgradMoment: 'corrected'`, h = 1/(1−∏β₂) and c₂ = 1. With `epsMoment:
 * 'raw'`, c₁ = η·√(1−∏β₂)/(1−∏β₁) and c₂ = 1.
 */
export const definition = defineDirection('adam', {
  options: {
    lr: 1e-3,
    /** decay rate of the first moment m */
    beta1: 0.9,
    /** decay rate of the second moment v */
    beta2: 0.999,
    /** if the divisor is exactly 0, the parameter keeps its value; an ε of 0 is the essay's form */
    eps: 1e-8,
    /** λ·θ is added to the gradient (`adamw` decays the parameters instead) */
    weightDecay: 0,
    amsgrad: false,
    /**
     * the second moment whose maximum AMSGrad uses: `'raw'`, the default, is v, as in PyTorch; `'corrected'` is v̂, as
     * in Optax
     */
    amsgradMoment: choice('raw', 'corrected'),
    /** the root to which ε is added: `'corrected'`, the default, is √v̂; `'raw'` is √v, as in PyTorch's SparseAdam */
    epsMoment: choice('corrected', 'raw'),
    /**
     * corrects the bias of each row by the row's number of updates; only for gradients from `sparseRows`, which the
     * program must import
     */
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
        "'corrected' with perRow or amsgradMoment: 'corrected'",
        epsMoment,
      )
  },
  l2: ({ weightDecay }) => weightDecay,
  flushes: maskedByEps,
})

/** Adam's description; see {@link adam}. */
export interface Adam extends RuleOf<typeof definition> {}

/**
 * Adam (Kingma and Ba, 2015, algorithm 1): m ← β₁·m + (1−β₁)·g, v ← β₂·v + (1−β₂)·g², θ ← θ − η·m̂/(√v̂ + ε), with m̂ =
 * m/(1−β₁ᵗ) and v̂ = v/(1−β₂ᵗ). `adam.tfjs` uses the ε of TensorFlow.js, 1e-7. `adam.sparse` adds ε to √v, like
 * PyTorch's SparseAdam, for gradients from `sparseRows`.
 *
 * State: m, v, and `largest` with AMSGrad.
 * @throws OptionError if an option is unknown or out of its range
 */
export const adam = Object.assign(rule<Adam>(definition), {
  sparse: preset<Adam>(definition, { epsMoment: 'raw' }),
  tfjs: preset<Adam>(definition, { eps: 1e-7 }),
})
