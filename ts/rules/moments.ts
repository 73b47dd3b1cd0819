/** What rules with moments have in common: running products of β₁ and β₂, and the corrections that these make. */

import { AmsGradKernel } from '../arena/manifest.js'
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

/** Where coefficients of these names stand in a row, as each kernel has them. */
export type PositionsOf<N extends string> = { readonly [K in N]: number }

/** Writes ε, β₁ and β₂, and 1 − β of both. */
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

/** Where bias corrections stand. */
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

/** The same, and h = 1. */
export function correctAmsgrad(
  rule: { readonly lr: number; readonly amsgrad: boolean },
  clock: CounterOf<typeof products>,
  row: Float64Array,
  positions: CorrectionPositions,
): void {
  correctBias(rule, clock, row, positions)
  if (rule.amsgrad) row[AmsGradKernel.row.h] = 1
}
