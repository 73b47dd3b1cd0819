/** Values, errors and profile intervals, compared with lmfit, for single curves and for curves that share parameters. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expression } from 'antigrad'
import { fit as fitOne, fitSharedSync, profile, profileSync } from 'antigrad/fit'
import { expect, test } from 'vitest'
import { home } from '../children.js'

interface Reference {
  readonly x: number[]
  readonly y: number[]
  readonly sigma: number[]
  readonly group: number[]
  readonly start: Readonly<Record<string, number>>
  readonly chiSquared: number
  readonly values: Readonly<Record<string, number>>
  readonly errors: Readonly<Record<string, number>>
  readonly intervals: Readonly<Record<string, readonly [low: number, high: number]>>
}

const references = JSON.parse(readFileSync(join(home, 'test/data/lmfit_intervals.json'), 'utf8')) as Record<
  'logistic' | 'decay' | 'shared',
  Reference[]
>
const texts = { logistic: 'bottom + (top - bottom)/(1 + (x/ec50)^slope)', decay: 'a*exp(-b*x) + c' }

/** lmfit computes errors by finite differences, and finds endpoints to about 0.02% of the half-width. */
function compare(
  reference: Reference,
  name: string,
  [value, error, low, high]: readonly [number, number, number, number],
) {
  const [lower, upper] = reference.intervals[name]
  const halfWidth = (upper - lower) / 2
  expect(Math.abs(value - reference.values[name]), name).toBeLessThan(1e-4 * halfWidth)
  expect(Math.abs(error / reference.errors[name] - 1), name).toBeLessThan(1e-3)
  expect(Math.abs(low - lower), `${name}: low`).toBeLessThan(1e-3 * halfWidth)
  expect(Math.abs(high - upper), `${name}: high`).toBeLessThan(1e-3 * halfWidth)
}

const singles = (['logistic', 'decay'] as const).flatMap((model) =>
  references[model].map((reference, k) => ({ model, k, reference })),
)

test.each(singles)('a fit of the model $model agrees with lmfit: data set $k', ({ model, reference }) => {
  const { x, y, sigma, start } = reference
  const found = fitOne(expression(texts[model]), { x, y }, { sigma, start })
  expect(found.chiSquared).toBeCloseTo(reference.chiSquared, 8)
  const ends = profile(found)
  for (const name of Object.keys(start)) {
    const { low, high } = ends[name]
    compare(reference, name, [found.values[name], found.errors[name], low, high])
  }
})

test.each(references.shared.map((reference, k) => ({ k, reference })))(
  'a fit with shared plateaus agrees with lmfit: data set $k',
  ({ reference }) => {
    const { x, y, group, start } = reference
    const count = Math.max(...group) + 1
    const own = (name: string) => Array.from({ length: count }, (_, k) => start[`${name}${k}`])
    const found = fitSharedSync(
      expression(texts.logistic),
      { x, y, group },
      {
        group: 'group',
        shared: ['bottom', 'top'],
        start: { bottom: start.bottom, top: start.top, ec50: own('ec50'), slope: own('slope') },
      },
    )
    expect(found.chiSquared).toBeCloseTo(reference.chiSquared, 6)
    const { shared, local } = profileSync(found)
    for (const name of ['bottom', 'top']) {
      const { low, high } = shared[name]
      compare(reference, name, [found.values.shared[name], found.errors.shared[name], low, high])
    }
    for (const name of ['ec50', 'slope']) {
      for (let k = 0; k < count; k++) {
        const [value, error] = [found.values, found.errors].map(({ local }) => local[name][k])
        compare(reference, `${name}${k}`, [value, error, local[name].low[k], local[name].high[k]])
      }
    }
  },
)
