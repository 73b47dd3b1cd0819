/** What rules with moments have in common: running products of β₁ and β₂, and the corrections that these make. */

import { AdamKernel, AmsGradKernel } from '../arena/manifest.js'
import type { CounterOf } from './define.js'

export interface Betas {
  readonly beta1: number
  readonly beta2: number
}

/** ∏β₁ and ∏β₂ so far. Running products stay right when a β is changed on the way. */
export const products = { product1: 1, product2: 1 }

/** Multiplies the next β₁ and β₂ into the clock's products. */
export function multiplyBetas(
  clock: CounterOf<typeof products>,
  { beta1, beta2 }: Betas,
  next: CounterOf<typeof products>,
): void {
  next.product1 = flushTrace(clock.product1 * beta1)
  next.product2 = flushTrace(clock.product2 * beta2)
}

/** 0 where no trace of it is left in 1 − x: subnormal numbers are slow, and stop shrinking. */
export const flushTrace = (product: number): number => (product < 1e-300 ? 0 : product)

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
  { product1, product2 }: CounterOf<typeof products>,
  row: Float64Array,
): void {
  row[AdamKernel.row.c1] = lr / (1 - product1)
  row[AdamKernel.row.c2] = 1 / Math.sqrt(1 - product2)
}

interface AmsgradOptions {
  readonly lr: number
  readonly amsgrad: boolean
  readonly amsgradMoment?: 'raw' | 'corrected'
}

/** The same, and h = 1; where the largest is of corrected v, h = 1/(1−∏β₂) and c₂ = 1. */
export function correctAmsgrad(
  rule: AmsgradOptions,
  clock: CounterOf<typeof products>,
  row: Float64Array,
): void {
  correctBias(rule, clock, row)
  if (!rule.amsgrad) return
  const isCorrected = rule.amsgradMoment === 'corrected'
  row[AmsGradKernel.row.h] = isCorrected ? 1 / (1 - clock.product2) : 1
  if (isCorrected) row[AmsGradKernel.row.c2] = 1
}
