/** Fits of NIST's certified problems, by the digits that they reach; and their table, which must be true. */

import { readFileSync } from 'node:fs'
import * as core from 'antigrad'
import * as fits from 'antigrad/fit'
import { expect, test } from 'vitest'
import {
  fitProblem,
  problemNames,
  problemsHeading,
  readProblem,
  tableOfProblems,
} from '../../scripts/lib/nist.mjs'
import { inBits } from '../helpers.js'
import { variants } from '../support.js'

const antigrad = { ...core, ...fits }

interface Least {
  readonly values: number
  readonly errors: number
  readonly chiSquared: number
}

/** Digits that every problem reaches, at the default tolerance and at 1e-14. */
const least: readonly [number | undefined, Least][] = [
  [undefined, { values: 6, errors: 5.5, chiSquared: 10 }],
  [1e-14, { values: 7.3, errors: 7, chiSquared: 10 }],
]

/** Minimum digits of the problems that reach fewer digits; docs/fits-method.md explains why. */
const exceptions: Readonly<Record<string, readonly Partial<Least>[]>> = {
  ENSO: [{}, { values: 6.8 }],
  Lanczos1: [
    { errors: 3, chiSquared: 2.7 },
    { errors: 3, chiSquared: 2.7 },
  ],
}

const starts = problemNames.flatMap((name) => [0, 1].map((start) => [name, start + 1] as const))

test('the NIST data contain 27 problems with the stated numbers of rows', () => {
  expect(problemNames).toHaveLength(27)
  for (const name of problemNames) {
    const text = readFileSync(new URL(`../data/nist/${name}.dat`, import.meta.url), 'utf8')
    const { data, parameters } = readProblem(name)
    const rows = Number(/(\d+) Observations/.exec(text)?.[1])
    expect(
      Object.values(data).map((column) => column.length),
      name,
    ).toEqual(Object.keys(data).map(() => rows))
    expect(parameters.length, name).toBe(Number(/(\d+) Parameters/.exec(text)?.[1]))
  }
})

test.each(starts)(
  'the fit of the NIST problem %s converges from start %d to the certified digits',
  (name, start) => {
    for (const [at, [tolerance, all]] of least.entries()) {
      const { found, ...digits } = fitProblem(antigrad, readProblem(name), start - 1, { tolerance })
      expect(found.reason).toBe('converged')
      const wanted = { ...all, ...exceptions[name]?.[at] }
      for (const of of ['values', 'errors', 'chiSquared'] as const) {
        expect(digits[of], `${of} at ${tolerance ?? 'the default'}`).toBeGreaterThanOrEqual(wanted[of])
      }
    }
  },
)

test.each(['Misra1a', 'Gauss1', 'MGH09', 'MGH10', 'MGH17', 'ENSO', 'Hahn1', 'Nelson'])(
  'the fit of the NIST problem %s is bit-identical on every engine and instruction set',
  (name) => {
    const problem = readProblem(name)
    const all = variants.map(({ name: _, ...options }) => {
      const { values, errors, covariance, chiSquared, evaluations, reason } = fitProblem(
        antigrad,
        problem,
        0,
        options,
      ).found
      return inBits({ values, errors, covariance, chiSquared, evaluations, reason })
    })
    expect(new Set(all).size).toBe(1)
  },
)

test('the table in docs/fits-method.md equals the output of npm run table:nist', () => {
  const page = readFileSync(new URL('../../docs/fits-method.md', import.meta.url), 'utf8')
  const section = page.slice(page.indexOf(problemsHeading))
  expect(
    section
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .slice(0, 2 + starts.length)
      .join('\n'),
  ).toBe(tableOfProblems(antigrad))
})
