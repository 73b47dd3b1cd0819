/** Code that rules with moments share: running products of β₁ and β₂, and bias corrections. */

import { AmsGradKernel } from '../arena/manifest.js'
import type { CounterOf } from './define.js'

export interface Betas {
  readonly beta1: number
  readonly beta2: number
}

/** The products ∏β₁ and ∏β₂ so far. The products stay correct if β₁ or β₂ changes during the run. */
export const products = { product1: 1, product2: 1 }

/** Multiplies the products in the counter by β₁ and β₂ of the next update. */
export function multiplyBetas(
  clock: CounterOf<typeof products>,
  { beta1, beta2 }: Betas,
  next: CounterOf<typeof products>,
): void {
  next.product1 = flushTrace(clock.product1 * beta1)
  next.product2 = flushTrace(clock.product2 * beta2)
}

/** Returns 0 if x is so small that 1 − x rounds to 1, because subnormal numbers are slow and stop shrinking. */
export const flushTrace = (product: number): number => (product < 1e-300 ? 0 : product)

/** Positions of the coefficients with the given names in a row. */
export type PositionsOf<N extends string> = { readonly [K in N]: number }

/** Writes the coefficients ε, β₁, β₂, 1 − β₁ and 1 − β₂. */
export function writeBetas(
  { eps, beta1, beta2 }: Betas & { readonly eps: number },
  row: Float64Array,
  positions: PositionsOf<'eps' | 'beta1' | 'oneMinusBeta1' | 'beta2' | 'oneMinusBeta2'>,
): void {
  row[positions.eps] = eps
  row[positions.beta1] = beta1
  row[positions.oneMinusBeta1] = 1 - beta1
  row[positions.beta2] = beta2
  row[positions.oneMinusBeta2] = 1 - beta2
}

/** Positions of the bias corrections in a row of coefficients. */
export type CorrectionPositions = PositionsOf<'c1' | 'c2'>

/** c₁ = η/(1−∏β₁), c₂ = 1/√(1−∏β₂). */
export function correctBias(
  { lr }: { readonly lr: number },
  { product1, product2 }: CounterOf<typeof products>,
  row: Float64Array,
  positions: CorrectionPositions,
): void {
  row[positions.c1] = lr / (1 - product1)
  row[positions.c2] = 1 / Math.sqrt(1 - product2)
}

/** Writes c₁ and c₂ like `correctBias`; with AMSGrad also h = 1. */
export function correctAmsgrad(
  rule: { readonly lr: number; readonly amsgrad: boolean },
  clock: CounterOf<typeof products>,
  row: Float64Array,
  positions: CorrectionPositions,
): void {
  correctBias(rule, clock, row, positions)
  if (rule.amsgrad) row[AmsGradKernel.row.h] = 1
}
