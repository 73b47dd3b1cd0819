/** Fits by likelihood against references with 34 digits (test/data/likelihoods.py), and the coverage of profiles. */

import { readFileSync } from 'node:fs'
import { expression } from 'antigrad'
import * as fits from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { random } from '../../ts/random/random.js'
import { poisson as poissonVariate } from '../../ts/random/variates.js'

interface Reference {
  readonly family: fits.DistributionName
  readonly model: string
  readonly options: Readonly<Record<string, string>>
  readonly names: readonly string[]
  readonly data: Readonly<Record<string, number[]>>
  readonly start: readonly number[]
  readonly values: readonly number[]
  readonly errors: readonly number[]
  readonly minus2LogLikelihood: number
  readonly profile: readonly [low: number | null, high: number | null]
}

const references: Reference[] = JSON.parse(
  readFileSync(new URL('../data/likelihoods.json', import.meta.url), 'utf8'),
)

function distributionOf({ family, options, data }: Reference): fits.Distribution {
  const marks = Object.fromEntries(
    ['below', 'above'].filter((name) => name in data).map((name) => [name, name]),
  )
  switch (family) {
    case 'normal':
      return fits.normal({ ...options, ...marks })
    case 'lognormal':
      return fits.lognormal({ ...options, ...marks })
    case 'student':
      return fits.student({ sigma: options.sigma, df: 4, ...marks })
    case 'poisson':
      return fits.poisson(marks)
    case 'negative-binomial':
      return fits.negativeBinomial({ ...options, ...marks })
    case 'binomial':
      return fits.binomial({ trials: options.trials, ...marks })
    case 'gamma':
      return fits.gamma({ ...options, ...marks })
  }
}

describe('estimates equal their references', () => {
  test.each(references.map((reference, k) => [`${k}: ${reference.family}`, reference] as const))(
    '%s',
    (_, reference) => {
      const { names, values, errors, model, data, start } = reference
      const found = fits.fit(expression(model as string), data as fits.FitData, {
        y: 'y',
        start: Object.fromEntries(
          names.map((name, i) => [name, name === 'power' ? { start: start[i], min: -Infinity } : start[i]]),
        ),
        distribution: distributionOf(reference),
      }) as unknown as fits.LikelihoodFit
      expect(found.reason).toBe('converged')
      expect(Math.abs(found.minus2LogLikelihood / reference.minus2LogLikelihood - 1)).toBeLessThan(1e-9)
      for (const [i, name] of names.entries()) {
        // The sign of a parameter that enters as its square is arbitrary, and a bound keeps it at 0 or above.
        const value = name === 'add' && model.startsWith('a*exp') ? Math.abs(values[i]) : values[i]
        expect(Math.abs(found.values[name] - value), name).toBeLessThan(
          1e-6 * Math.max(Math.abs(value), errors[i]),
        )
        expect(Math.abs(found.errors[name] / errors[i] - 1), `error of ${name}`).toBeLessThan(1e-6)
      }
      const { low, high } = fits.profile(found, [names[0]])[names[0]]
      for (const [end, expected] of [
        [low, reference.profile[0]],
        [high, reference.profile[1]],
      ] as const) {
        if (expected === null) continue
        const half = Math.abs(expected - values[0])
        expect(Math.abs(end - expected)).toBeLessThan(1e-4 * half)
      }
    },
  )
})

test('nominal 95% profile intervals of Poisson data contain the truth in about 95% of data sets', () => {
  const x = Array.from({ length: 12 }, (_, i) => i / 4)
  const next = random(7)
  const counts = Array.from({ length: 200 }, () =>
    x.map((value) => poissonVariate(Math.exp(1 + 0.5 * value), next)),
  )
  const found = fits.fitManySync(
    expression('exp(a + b*x)'),
    { x, y: counts },
    {
      start: { a: 0.5, b: 0.3 },
      distribution: fits.poisson(),
    },
  )
  const { low, high } = fits.profile(found, ['b']).b
  const covered = low.filter((value, fit) => value <= 0.5 && high[fit] >= 0.5).length / counts.length
  expect(covered).toBeGreaterThan(0.9)
  expect(covered).toBeLessThan(0.99)
})
