/** Profiles against ends in 40 digits; what ends there are not, and why; the same bits everywhere. */

import { readFileSync } from 'node:fs'
import { engines, expression, type Fit, type FitOptions, type FitParameters, fit as fitOne } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { inBits } from '../helpers.js'

interface Golden {
  readonly name: string
  readonly model: string
  readonly x: readonly number[]
  readonly y: readonly number[]
  readonly sigma: number | readonly number[]
  readonly start: Readonly<Record<string, number>>
  readonly bounds?: Readonly<Record<string, readonly [number | null, number | null]>>
  readonly values: Readonly<Record<string, number>>
  /** By parameter, whether σ is known, and level: the ends; null where there is none. */
  readonly ends: Readonly<Record<string, Record<Kind, readonly (readonly [number | null, number | null])[]>>>
  /** Why there is none, by `parameter.kind.level.side`. */
  readonly marks?: Readonly<Record<string, 'none' | 'bound'>>
  /** Ends of a valley beside a lower one: not to be tested. */
  readonly ambiguous?: readonly string[]
}

const kinds = ['unknown', 'known'] as const
type Kind = (typeof kinds)[number]

/** SciPy's least squares and brentq, polished in 40 digits; lmfit and MINOS agree. */
const { levels, cases } = JSON.parse(
  readFileSync(new URL('../data/profiles.json', import.meta.url), 'utf8'),
) as { readonly levels: readonly number[]; readonly cases: readonly Golden[] }

/** What these have is so uncertain in its own derivatives that ten digits are not to be had. */
const loose = ['NIST Thurber', 'NIST Kirby2']

function fitted(golden: Golden, kind: Kind, options: FitOptions = {}): Fit {
  const { model, x, y, sigma, start, bounds = {} } = golden
  const limited = Object.entries(start).map(([name, start]): [string, FitParameters[string]] => {
    const [min, max] = bounds[name] ?? [null, null]
    return [name, { start, min: min ?? -Infinity, max: max ?? Infinity }]
  })
  return fitOne(
    expression(model),
    { x, y },
    {
      sigma: typeof sigma === 'number' ? x.map(() => sigma) : sigma,
      start: Object.fromEntries(limited),
      absoluteSigma: kind === 'known',
      ...options,
    },
  )
}

/** Each end of a case: its key, what it should be, and what a profile says. */
function* endsOf(golden: Golden, options: FitOptions = {}) {
  for (const kind of kinds) {
    const found = fitted(golden, kind, options)
    for (const [l, level] of levels.entries()) {
      const profiles = found.profile(undefined, { level })
      for (const name of Object.keys(golden.values)) {
        for (const [s, side] of (['low', 'high'] as const).entries()) {
          const key = `${name}.${kind}.${l}.${s}`
          if (golden.ambiguous?.includes(key)) continue
          const { [side]: end, [`${side}Reason` as const]: reason } = profiles[name]
          const half = (golden.ends[name][kind][l][s] as number) - golden.values[name]
          yield { key, end, reason, half, expected: golden.ends[name][kind][l][s], mark: golden.marks?.[key] }
        }
      }
    }
  }
}

const reasonOf = { none: 'endless', bound: 'bound' } as const

describe('ends are those of 40 digits', () => {
  test('of 34 cases, 856 ends and 24 that are bounds or nowhere', () => {
    const ends = cases.flatMap((golden) => [...endsOf(golden)])
    expect(cases).toHaveLength(34)
    expect(ends.filter(({ mark }) => mark === undefined).length).toBeGreaterThan(830)
  })

  test.each(cases)('$name', (golden) => {
    const most = loose.includes(golden.name) ? 1e-5 : 1e-6
    for (const { key, end, reason, half, expected, mark } of endsOf(golden)) {
      expect(reason, key).toBe(mark === undefined ? 'found' : reasonOf[mark])
      if (mark === undefined) expect(Math.abs((end - (expected as number)) / half), key).toBeLessThan(most)
      if (mark === 'bound') expect(end, key).toBe(expected)
      if (mark === 'none') expect(end, key).toBe(key.endsWith('.1') ? Infinity : -Infinity)
    }
  })
})

const ways: readonly FitOptions[] = [
  ...engines().native.instructionSets.map((instructionSet) => ({
    engine: 'native' as const,
    instructionSet,
  })),
  { engine: 'wasm' },
  { engine: 'typescript' },
]

test('profiles have the same bits on every engine and instruction set', () => {
  for (const golden of cases) {
    const [first, ...others] = ways.map((options) =>
      inBits(kinds.map((kind) => fitted(golden, kind, options).profile())),
    )
    for (const other of others) expect(other, golden.name).toEqual(first)
  }
})

const x = [0, 1, 2, 3, 4, 5, 6, 7]

describe('what ends there are not', () => {
  test('flat: others make up for what a parameter does', () => {
    const found = fitOne(
      expression('a*b*x + c'),
      { x, y: [1, 3.1, 4.9, 7.2, 8.8, 11.1, 13, 15.1] },
      { start: { a: 1, b: 1, c: 0 } },
    )
    expect(found.reason).toBe('singular')
    const { a, c } = found.profile()
    expect([a.low, a.high, a.lowReason, a.highReason]).toEqual([-Infinity, Infinity, 'flat', 'flat'])
    expect(a.message).toBe('the data do not determine a: others make up for it')
    expect([c.lowReason, c.highReason]).toEqual(['found', 'found'])
  })
})

test('names and levels that make no sense', () => {
  const found = fitted(cases[0], 'known')
  expect(Object.keys(found.profile('k'))).toEqual(['k'])
  expect(Object.keys(found.profile(['c', 'a']))).toEqual(['c', 'a'])
  expect(found.profile([])).toEqual({})
  expect(() => found.profile('z')).toThrow(/names.*names of parameters that vary: a, k, c/)
  expect(() => found.profile(['a', 3 as never])).toThrow(/names of parameters that vary: a, k, c/)
  expect(() => found.profile(undefined, { level: 1 })).toThrow(/level.*between 0 and 1/)
  expect(() => found.profile(undefined, { levle: 0.9 } as never)).toThrow(/levle/)
})
