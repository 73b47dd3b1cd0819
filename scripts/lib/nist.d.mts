import type { Fit, FitOptions } from '../../dist/fits/index.js'

type Numbers = Readonly<Record<string, number>>

export interface CertifiedProblem {
  readonly name: string
  readonly model: string
  readonly data: Readonly<Record<string, readonly number[]>>
  readonly parameters: readonly string[]
  readonly starts: readonly Numbers[]
  readonly values: Numbers
  readonly errors: Numbers
  readonly chiSquared: number
}

export const problemNames: readonly string[]
export const tolerances: readonly (number | undefined)[]
export function readProblem(name: string): CertifiedProblem
export function fitProblem(
  antigrad: object,
  problem: CertifiedProblem,
  start: number,
  options: { readonly [option in keyof FitOptions]: FitOptions[option] | undefined },
): { readonly found: Fit; readonly values: number; readonly errors: number; readonly chiSquared: number }
export function tableOfProblems(antigrad: object): string
export const problemsHeading: string
