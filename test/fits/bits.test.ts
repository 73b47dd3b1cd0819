/**
 * The exact bits of fits and their numbers of evaluations. Changes of thresholds and orders that are below every
 * tolerance become visible here. ANTIGRAD_WRITE=1 rewrites test/data/fit-bits.json, and CHANGELOG.md should explain the
 * change.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import * as core from 'antigrad'
import * as fits from 'antigrad/fit'
import { expect, test } from 'vitest'
import { fitProblem, problemNames, readProblem } from '../../scripts/lib/nist.mjs'
import { digest, noise, withOneNaN } from '../bits.js'

const antigrad = { ...core, ...fits }

const { expression, fit: fitOne, fitManySync, fitSharedSync } = antigrad

interface Found {
  readonly values: object
  readonly errors: object
  readonly covariance?: unknown
  readonly chiSquared: unknown
  readonly evaluations: unknown
  readonly reason: unknown
}

/**
 * The reason, the number of evaluations, χ², and a hash of all numbers. For several fits, the numbers of evaluations
 * and χ² are summed.
 */
function told({ values, errors, covariance, chiSquared, evaluations, reason }: Found): string {
  const numbers = (x: unknown): number[] =>
    typeof x === 'number' ? [x] : typeof x === 'object' ? Object.values(x ?? {}).flatMap(numbers) : []
  const sum = (all: readonly number[]) => all.reduce((sum, x) => sum + x, 0)
  const all = [values, errors, covariance, chiSquared, evaluations, reason].flatMap(numbers)
  const words = [
    typeof reason === 'string' ? reason : 'many',
    `${sum(numbers(evaluations))} evaluations`,
    `chi-squared ${sum(numbers(chiSquared)).toPrecision(10)}`,
  ]
  return [...words, digest([withOneNaN(Float64Array.from(all))])].join(', ')
}

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../data/${name}.json`, import.meta.url), 'utf8'))

const cases: Record<string, () => Found> = {}
for (const name of problemNames) {
  for (const start of [0, 1]) {
    cases[`${name} ${start + 1}`] = () => fitProblem(antigrad, readProblem(name), start, {}).found
  }
}
for (const { name, model, x, y, sigma, start } of read('fits-hard').cases) {
  cases[name] = () => fitOne(expression(model), { x, y }, { y: 'y', start, ...(sigma && { sigma }) })
}

const decay = expression('a*exp(-b*t) + c')
const t = Float64Array.from({ length: 24 }, (_, k) => k / 6)
const ys = Array.from({ length: 40 }, (_, run) =>
  Array.from(
    noise(run + 1, t.length, 'float64', 0.1),
    (e, k) => e + 2 * Math.fround(1 / (1 + t[k] * (1 + run / 9))),
  ),
)
const start = { a: 1, b: 1, c: 0 }
const many = (options: object) => () => fitManySync(decay, { t, y: ys }, { start, ...options } as never)
Object.assign(cases, {
  'many, squares': many({}),
  'many, huber': many({ loss: 'huber', lossScale: 0.05 }),
  'many, cauchy': many({ loss: 'cauchy', lossScale: 0.05 }),
  'many, poisson': () =>
    fitManySync(
      expression('exp(a - b*t)'),
      { t, y: ys.map((y) => y.map((x) => Math.round(9 * Math.abs(x)))) },
      {
        ...{ start: { a: 1, b: 1 }, loss: 'poisson' },
      } as never,
    ),
  'many, bounds': many({
    start: { a: { start: 1, max: 1.9 }, b: { start: 1, min: 1.2, max: 1.6 }, c: { start: 0, min: -0.1 } },
  }),
  'many, positive': many({
    start: { a: { start: 1, positive: true }, b: { start: 3, positive: true }, c: 0 },
  }),
  'many, fixed': many({ start: { a: 1, b: 1, c: { start: 0.1, fixed: true } } }),
  'many, far starts': many({ start: { a: 1e4, b: -3, c: 1e3 } }),
  'many, starts that are none': many({ start: { a: 1, b: -1e3, c: 0 } }),
  'many, few evaluations': many({ maxIterations: 6 }),
  'many, loose': many({ tolerance: 1e-3 }),
  'many, tight': many({ tolerance: 1e-15 }),
  'many, a parameter that does nothing': () =>
    fitManySync(expression('a*exp(-b*t) + 0*c'), { t, y: ys }, { start } as never),
  'many, bounds from below': many({ start: { a: 1, b: { start: 3, min: 2.5 }, c: { start: 1, min: 0.3 } } }),
  // Cases in which thresholds decide. With other thresholds they end elsewhere, or need more evaluations.
  'alone at first': () =>
    fitOne(expression('a*t/(b + t)'), { t, y: ys[3] }, { y: 'y', start: { a: 1, b: 50 } }),
  'tired of what hardly differs': () =>
    fitOne(expression('(a + b)*t + c'), { t, y: ys[0] }, { y: 'y', start: { a: 1, b: 1, c: 0 } }),
  'two ways': () =>
    fitOne(
      expression('a*exp(-b*t) + c*exp(-d*t)'),
      { t, y: ys[0].map((y) => 1e160 * y) },
      { y: 'y', start: { a: 1, b: 50, c: 1, d: 0.1 }, maxIterations: 150 },
    ),
  ...Object.fromEntries(
    [-504, -505, -506].map((power) => [
      `squares of 2^${power}`,
      () => fitOne(expression('a*t'), { t: [2 ** power, 0], y: [1, 1] }, { y: 'y', start: { a: 1 } }),
    ]),
  ),
  ...Object.fromEntries(
    [0, 0.5].map((b) => [
      `poisson, from ${b}`,
      () =>
        fitOne(
          expression('sin(a*t + b)'),
          { t, y: Array.from(t, (t) => Math.round(9 * Math.exp(-t))) },
          { y: 'y', start: { a: 0.5, b }, loss: 'poisson' },
        ),
    ]),
  ),
  shared: () => fitSharedSync(decay, { t, y: ys } as never, { start, shared: ['b'] }) as never,
})

const file = new URL('../data/fit-bits.json', import.meta.url)
if (process.env.ANTIGRAD_WRITE) {
  const all = Object.entries(cases).map(([name, find]) => [name, told(find())])
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(all), null, 1)}\n`)
}
const expected: Record<string, string> = JSON.parse(readFileSync(file, 'utf8'))

test('the recorded bits of fits cover every case', () =>
  expect(Object.keys(cases)).toEqual(Object.keys(expected)))

test.each(Object.keys(cases))('the fit “%s” still computes the recorded bits', (name) =>
  expect(told(cases[name]())).toBe(expected[name]),
)
