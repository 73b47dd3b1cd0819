/** Options of models: an origin, a frequency range, log10 of a dose, an inhibitor. */

import { OptionError } from 'antigrad'
import { bootstrap, fitManySync, fit as fitOne, fitSharedSync, models, profile } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { random } from '../helpers.js'

const next = random(30)
const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
const evenly = (count: number, low: number, high: number) =>
  Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1))
const near = (value: number, wanted: number, error: number) =>
  expect(Math.abs(value - wanted), `${value}, not ${wanted}`).toBeLessThan(5 * error)

describe('the origin of a model', () => {
  const years = evenly(27, 2000, 2026)
  const decay = years.map((x) => 5 * Math.exp(-0.2 * (x - 2000)) + 1 + 0.02 * normal())
  const stamps = evenly(50, 1.7e12, 1.7e12 + 1e8)
  const parabola = stamps.map((_, i) => 3 + 0.04 * i + 0.0004 * i ** 2 + 0.01 * normal())

  test('can be the first year of a decay, and derived quantities can use the origin', () => {
    const found = fitOne(
      models.exponential({ origin: 'auto' }),
      { x: years, y: decay },
      { derive: { end: 'origin + 1/rate' } },
    )
    const { values, errors } = found
    expect([found.reason, values.origin, errors.origin]).toEqual(['converged', 2000, 0])
    expect(found.free).toEqual(['amplitude', 'rate', 'offset'])
    near(values.amplitude, 5, errors.amplitude)
    near(values.rate, 0.2, errors.rate)
    near(values.end, 2005, errors.end)
    const at = values.amplitude * Math.exp(-values.rate * 10) + values.offset
    expect(found.predict({ x: [2010] })[0]).toBeCloseTo(at, 12)
    expect(profile(found, 'rate').rate.lowReason).toBe('found')
    expect(Object.values(bootstrap(found, { count: 20 }).errors).every(Number.isFinite)).toBe(true)
    // Without an origin, the amplitude refers to the year 0.
    expect(fitOne(models.exponential(), { x: years, y: decay }).values.amplitude).toBeGreaterThan(1e170)
  })

  test('can lie in the middle of a parabola over milliseconds, which preserves all digits', () => {
    const far = fitOne(models.polynomial({ origin: 'auto' }), { x: stamps, y: parabola })
    const here = fitOne(models.polynomial(), { x: stamps.map((x) => x - far.values.origin), y: parabola })
    expect([far.reason, far.values.origin]).toEqual(['converged', 1.7e12 + 5e7])
    for (const name of ['c0', 'c1', 'c2'] as const) {
      expect(Math.abs(far.values[name] - here.values[name])).toBeLessThan(1e-9 * here.errors[name])
      expect(far.errors[name]).toBeCloseTo(here.errors[name], 10)
    }
  })

  test('can be one number per fit or a number that all fits share', () => {
    const data = { x: [years, years.map((x) => x + 1000)], y: [decay, decay] }
    const own = fitManySync(models.line({ origin: 'auto' }), data).values
    expect([...own.origin]).toEqual([2013, 3013])
    expect(own.slope[0]).toBe(own.slope[1])
    expect([...fitManySync(models.line({ origin: 1990 }), data).values.origin]).toEqual([1990, 1990])
  })

  test('must be a single number for groups with shared parameters', () => {
    const data = { x: years, y: decay, group: years.map((_, row) => row % 2) }
    const options = { group: 'group', shared: ['slope'] } as const
    expect(() => fitSharedSync(models.line({ origin: 'auto' }), data, options)).toThrow(OptionError)
    expect(fitSharedSync(models.line({ origin: 2000 }), data, options).reason).toBe('converged')
  })
})

describe('a frequency range of the sinusoid model', () => {
  const x = evenly(40, 0, 39)
  const wave = (frequency: number) =>
    x.map((at) => Math.sin(2 * Math.PI * frequency * at + 0.3) + 0.05 * normal())

  test('limits the search, and a message reports another equally good frequency', () => {
    const y = wave(0.8)
    const high = fitOne(models.sinusoid({ frequency: [0.6, 1] }), { x, y })
    near(high.values.frequency, 0.8, high.errors.frequency)
    expect(high.message).toBe('')
    const both = fitOne(models.sinusoid({ frequency: [0.1, 0.95] }), { x, y })
    expect(both.message).toMatch(/^the frequency (0\.8|0\.2)\d* fits as well or nearly so$/)
  })

  test('permits frequencies above half of the usual sampling rate for irregular samples', () => {
    const at = Array.from({ length: 60 }, () => 10 * next())
    const y = at.map((x) => Math.sin(2 * Math.PI * 7.3 * x) + 0.1 * normal())
    const found = fitOne(models.sinusoid({ frequency: [5, 10], origin: 'auto' }), { x: at, y })
    near(found.values.frequency, 7.3, found.errors.frequency)
    expect([found.reason, found.message]).toEqual(['converged', ''])
  })

  test('causes a message if another frequency in the range fits better', () => {
    const y = wave(0.13)
    const found = fitOne(models.sinusoid(), { x, y }, { start: { frequency: 0.3 } })
    expect(found.reason).toBe('converged')
    expect(found.message).toBe(
      'the frequency 0.1298 fits better'.replace('0.1298', `${/[\d.]+/.exec(found.message)}`),
    )
    near(Number(/[\d.]+/.exec(found.message)), 0.13, 0.001)
    expect(fitOne(models.sinusoid(), { x, y }).message).toBe('')
  })
})

test.each([
  ['fourPL', models.fourPL()],
  ['fivePL', models.fivePL({ logEC50: true })],
  ['hill', models.hill()],
] as const)('doses below 0 are treated as 0, and %s reports that the doses may be logarithms', (_, model) => {
  const x = [-1, -0.5, 0, 0.1, 0.5, 1, 3, 10, 30]
  const y = x.map((dose, k) => 90 / (1 + (1 / Math.max(dose, 1e-9)) ** 1.2) + 3 * Math.sin(9 * k))
  const words = '2 rows have doses below 0, treated as 0: are they logarithms?'
  expect(fitOne(model, { x, y }).message).toContain(words)
  expect(fitManySync(model, { x, y: [y, y] }).at(1).message).toContain(words)
  expect(fitOne(model, { x: x.slice(1), y: y.slice(1) }).message).toContain('1 row has a dose below 0')
  expect(fitOne(model, { x: x.map(Math.abs), y }).message).not.toContain('below 0')
  const shared = [fitOne(model, { x, y }).free[0]]
  const together = (...of: number[][]) =>
    fitSharedSync(model, { x: of, y: of.map(() => y) }, { shared }).message
  expect(together(x.map(Math.abs), x)).toContain(`group 1: ${words}`)
  expect(together(x.map(Math.abs), x.map(Math.abs))).not.toContain('below 0')
})

test('the parameter logEC50 is the base-10 logarithm of the dose at half height, for any asymmetry', () => {
  const x = [0, ...evenly(16, -3, 2).map((at) => 10 ** at)]
  const y = x.map(
    (dose) => 1 + 4 / (1 + (2 ** (1 / 0.6) - 1) * (0.2 / dose) ** 1.3) ** 0.6 + 0.005 * normal(),
  )
  const found = fitOne(models.fivePL({ logEC50: true }), { x, y })
  near(found.values.logEC50, Math.log10(0.2), found.errors.logEC50)
  const plain = fitOne(models.fivePL(), { x, y })
  expect(found.chiSquared).toBeCloseTo(plain.chiSquared, 12)
  const { ec50, slope, asymmetry } = plain.values
  const halfWay = ec50 / (2 ** (1 / asymmetry) - 1) ** (1 / slope)
  expect(found.values.logEC50).toBeCloseTo(Math.log10(halfWay), 6)
  const [four, same] = [fitOne(models.fourPL({ logEC50: true }), { x, y }), fitOne(models.fourPL(), { x, y })]
  expect(four.values.logEC50).toBeCloseTo(Math.log10(same.values.ec50), 6)
  const falling = fitOne(models.fivePL({ logEC50: true }), { x, y: y.map((value) => -value) })
  near(falling.values.logEC50, Math.log10(0.2), falling.errors.logEC50)
})

test.each([
  ['competitive', 1, 0],
  ['uncompetitive', 0, 1],
  ['noncompetitive', 1, 1],
  ['mixed', 1, 1 / 3],
] as const)('the model of %s inhibition has two columns', (kind, onKm, onX) => {
  const rows = [1, 2, 5, 10, 20, 50].flatMap((s) => [0, 1, 3, 10].map((i) => ({ s, i })))
  const rate = (s: number, i: number) => (10 * s) / (6 * (1 + (onKm * i) / 2) + s * (1 + (onX * i) / 2))
  const data = {
    s: rows.map(({ s }) => s),
    i: rows.map(({ i }) => i),
    v: rows.map(({ s, i }) => rate(s, i) + 0.02 * normal()),
  }
  const model = models.inhibition({ kind, x: 's' })
  const { values, errors, reason } = fitOne(model, data, { y: 'v' })
  expect(reason).toBe('converged')
  near(values.vmax, 10, errors.vmax)
  near(values.km, 6, errors.km)
  near(values.ki, 2, errors.ki)
  if (kind === 'mixed') near(values.alpha, 3, errors.alpha)
  expect(Object.keys(values)).not.toContain('i')
  // The guess has the same bits in any order of rows.
  const backwards = [data.s, data.v, data.i].map((column) => column.slice().reverse())
  expect(model.guess?.(backwards[0], backwards[1], backwards[2])).toEqual(
    model.guess?.(data.s, data.v, data.i),
  )
  expect(() => fitOne(model, { s: data.s, v: data.v }, { y: 'v' })).toThrow(OptionError)
})

test('a fit refuses a model with an unknown column name, and the error names the missing column', () => {
  const t = [0, 1, 2, 3]
  const y = [4, 2.6, 1.8, 1.2]
  const missing = /^data: expected (?:x|i), a column of the model \(its options can rename it\), got "t"$/
  const inhibition = models.inhibition({ kind: 'mixed' })
  expect(() => fitOne(models.exponential(), { t, y })).toThrow(missing)
  expect(() => fitOne(models.line(), { t, y })).toThrow(missing)
  expect(() => fitOne(inhibition, { x: t, t, y })).toThrow(missing)
  expect(fitOne(models.exponential({ x: 't' }), { t, y }).reason).toBe('converged')
  // Other columns are ignored.
  expect(fitOne(models.line(), { x: t, y, q: y }).reason).toBe('converged')
})

test('the option sigma accepts a string with one constant for all rows', () => {
  const data = { x: [0, 1, 2, 3], y: [1, 3.1, 4.8, 7.2] }
  const one = fitOne(models.line(), data, { sigma: '0.1', absoluteSigma: true })
  const all = fitOne(models.line(), data, { sigma: [0.1, 0.1, 0.1, 0.1], absoluteSigma: true })
  expect(one.values.slope).toBeCloseTo(all.values.slope, 12)
  expect(one.errors.slope).toBeCloseTo(all.errors.slope, 12)
})
