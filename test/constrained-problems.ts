import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Constraint, expression, minimize, sqp } from 'antigrad'

/** A problem of test/data/constrained.json. */
export interface ConstrainedProblem {
  readonly name: string
  readonly expression: string
  readonly parameters: readonly string[]
  readonly data: Readonly<Record<string, readonly number[]>> | null
  readonly equal: readonly string[]
  readonly atLeastZero: readonly string[]
  readonly start: readonly number[]
  readonly lower: readonly (number | null)[]
  readonly upper: readonly (number | null)[]
  readonly f: number
  readonly otherMinima: readonly { readonly f: number }[]
  readonly evaluations: number
  readonly tight: number
  readonly solved: boolean
}

export const constrainedProblems: readonly ConstrainedProblem[] = JSON.parse(
  readFileSync(join(import.meta.dirname, 'data/constrained.json'), 'utf8'),
).cases

/** Solves a problem by `sqp()`, with the problem's functions as texts. */
export function solveConstrained(problem: ConstrainedProblem) {
  const { parameters, data, equal, atLeastZero, start, lower, upper } = problem
  const text = expression(problem.expression)
  const objective = data === null ? text : text.with(data as never)
  const constraints: Constraint[] = [
    ...equal.map((expr) => ({ expr, equal: 0 })),
    ...atLeastZero.map((expr) => ({ expr, min: 0 })),
  ]
  const byName = <T>(value: (i: number) => T) =>
    Object.fromEntries(parameters.map((name, i) => [name, value(i)]))
  return minimize(
    objective as ReturnType<typeof expression>,
    byName((i) => start[i]),
    sqp(),
    {
      bounds: byName((i) => ({ min: lower[i] ?? -Infinity, max: upper[i] ?? Infinity })),
      constraints,
      maxIterations: 1000,
    },
  )
}
