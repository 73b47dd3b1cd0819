/** Random fits compared with SciPy: values, covariance and χ² of 200 problems of nine kinds. */

import { readFileSync } from 'node:fs'
import { expression } from 'antigrad'
import { type FitOptions, type FitParameters, fit as fitOne } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'

interface Golden {
  readonly kind: string
  readonly model: string
  readonly data: Readonly<Record<string, readonly number[]>>
  readonly start: FitParameters
  readonly options: FitOptions
  /** The order of `values` and of `covariance`. */
  readonly free: readonly string[]
  readonly values: readonly number[]
  readonly covariance: readonly (readonly number[])[]
  readonly chiSquared: number
}

/** Written by scripts/golden-fits.py. */
const { problems } = JSON.parse(readFileSync(new URL('../data/fits.json', import.meta.url), 'utf8')) as {
  readonly problems: readonly Golden[]
}
const kinds = [...new Set(problems.map(({ kind }) => kind))]

/**
 * Allowed distances from SciPy: values in standard errors, covariances relative to both errors, and relative χ². At the
 * default tolerance the largest distances are about 1e-5, 5e-5 and 3e-11. At 1e-14 they are 1e-7, 4e-7 and 1e-14, about
 * the accuracy of SciPy itself.
 */
const distances = [
  [1e-10, { values: 5e-5, covariance: 2e-4, chiSquared: 1e-10 }],
  [1e-14, { values: 1e-6, covariance: 1e-6, chiSquared: 1e-13 }],
] as const

test('the SciPy reference data contain 200 problems of nine kinds, and at least ten problems of each kind', () => {
  expect(problems).toHaveLength(200)
  expect(kinds).toHaveLength(9)
  for (const kind of kinds)
    expect(problems.filter((one) => one.kind === kind).length).toBeGreaterThanOrEqual(10)
})

describe.each(distances)('a fit with the tolerance %d', (tolerance, most) => {
  test.each(kinds)('agrees with the result of SciPy: %s', (kind) => {
    for (const golden of problems.filter((one) => one.kind === kind)) {
      const { model, data, start, options, free, values, covariance, chiSquared } = golden
      const found = fitOne(expression(model), data, { y: 'y', start, tolerance, ...options })
      const own = free.map((name) => found.free.indexOf(name))
      const errors = values.map((_, i) => Math.sqrt(covariance[i][i]))
      const offs = {
        values: free.map((name, i) => (found.values[name] - values[i]) / errors[i]),
        covariance: own.flatMap((at, i) =>
          own.map((and, j) => (found.covariance[at][and] - covariance[i][j]) / (errors[i] * errors[j])),
        ),
        chiSquared: [found.chiSquared / chiSquared - 1],
      }
      const title = `${model}, ${JSON.stringify(options).slice(0, 60)}`
      expect(found.reason, title).toBe('converged')
      for (const of of ['values', 'covariance', 'chiSquared'] as const) {
        expect(Math.max(...offs[of].map(Math.abs)), `${of} of ${title}`).toBeLessThanOrEqual(most[of])
      }
    }
  })
})
