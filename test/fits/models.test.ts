/** The built-in models: their formulas, their guesses, and fits that start at the guesses. */

import { readFileSync } from 'node:fs'
import { expression, OptionError } from 'antigrad'
import { type FitModel, fitManySync, fit as fitOne, fitReasons, models } from 'antigrad/fit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { random } from '../helpers.js'

type Point = Readonly<Record<string, number>>

interface Case {
  readonly model: (x: string) => FitModel
  /** The formula, written independently with `Math`. */
  readonly formula: (x: number, p: Point) => number
  /** Realistic points and parameters. */
  readonly make: (draw: Draw) => { readonly x: number[]; readonly p: Point }
  /** The factors of the parameters if x and y are rescaled. */
  readonly units: (x: number, y: number, p: Point) => Point
  /** The maximum noise relative to the range of y; 0.05 by default. */
  readonly noise?: number
}

/** Random numbers. */
interface Draw {
  uniform(low: number, high: number): number
  /** A number of random magnitude in the range. */
  size(low: number, high: number): number
  sign(): number
  normal(): number
}

function drawing(seed: number): Draw {
  const next = random(seed)
  return {
    uniform: (low, high) => low + (high - low) * next(),
    size: (low, high) => low * (high / low) ** next(),
    sign: () => (next() < 0.5 ? -1 : 1),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  }
}

const evenly = (count: number, low: number, high: number) =>
  Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1))
/** Doses, including 0. */
const doses = (count: number, low: number, high: number) => [
  0,
  ...evenly(count, Math.log(low), Math.log(high)).map(Math.exp),
]

const parts = {
  gaussian: (u: number) => Math.exp(-(u ** 2) / 2),
  lorentzian: (u: number) => 1 / (1 + u ** 2),
  pseudoVoigt: (u: number, fraction: number) =>
    fraction / (1 + u ** 2) + (1 - fraction) * Math.exp(-Math.LN2 * u ** 2),
}
type PeakShape = keyof typeof parts

const special = (name: string) => {
  const f = expression(`${name}(x)`)
  return (x: number) => f.value([x])
}
const [erf, erfc] = ['erf', 'erfc'].map(special)

function peak(shape: PeakShape): Case {
  const fraction = shape === 'pseudoVoigt'
  return {
    model: (x) => models[shape]({ x }),
    formula: (x, p) => p.height * parts[shape]((x - p.center) / p.sigma, p.fraction),
    make: ({ uniform, size, sign }) => {
      const [range, scale] = [size(1e-3, 1e3), size(1e-3, 1e3)]
      const p = { height: sign() * scale, center: uniform(-0.6, 0.6) * range, sigma: size(0.08, 0.3) * range }
      return {
        x: evenly(fraction ? 80 : 50, -range, range),
        p: fraction ? { ...p, fraction: uniform(0.2, 0.8) } : p,
      }
    },
    units: (x, y) => ({ height: y, center: x, sigma: x }),
  }
}

const grounds = {
  none: [],
  constant: ['offset'],
  line: ['offset', 'slope'],
  quadratic: ['offset', 'slope', 'curvature'],
}
type Ground = keyof typeof grounds

/**
 * @param areAnywhere whether peaks are at least 1.5 times the sum of their sigmas apart, at any position; otherwise
 * each has its own interval
 */
function severalPeaks(
  count: number,
  shape: PeakShape,
  baseline: Ground = 'constant',
  areAnywhere = false,
): Case {
  const numbers = Array.from({ length: count }, (_, k) => k + 1)
  const each = (of: (k: number) => Point): Point => Object.assign({}, ...numbers.map(of))
  const under = grounds[baseline]
  return {
    model: (x) => models.peaks({ x, count, shape, baseline }),
    formula: (x, p) =>
      numbers.reduce(
        (sum, k) =>
          sum + p[`height${k}`] * parts[shape]((x - p[`center${k}`]) / p[`sigma${k}`], p[`fraction${k}`]),
        under.reduce((sum, name, power) => sum + p[name] * x ** power, 0),
      ),
    make: ({ uniform, size, sign }) => {
      const [range, scale, way] = [size(1e-3, 1e3), size(1e-3, 1e3), sign()]
      const draw = () =>
        each((k) => ({
          [`height${k}`]: way * scale * uniform(0.4, 1),
          [`center${k}`]: areAnywhere
            ? range * uniform(-0.95, 0.95)
            : (range * (2 * k - 1 - count + uniform(-0.15, 0.15))) / count,
          [`sigma${k}`]: (range * uniform(0.12, 0.3)) / count,
          ...(shape === 'pseudoVoigt' ? { [`fraction${k}`]: uniform(0.3, 0.7) } : {}),
        }))
      const isWithRoom = (p: Point) =>
        numbers
          .slice(1)
          .every((k) => p[`center${k}`] - p[`center${k - 1}`] > 1.5 * (p[`sigma${k}`] + p[`sigma${k - 1}`]))
      let p = draw()
      while (areAnywhere && !isWithRoom(p)) p = draw()
      // The slope reaches up to twice the height of the highest peak per half range.
      const others = under.map((name, k) => [name, (scale * uniform(-1, 1) * (k > 0 ? 2 : 1)) / range ** k])
      return { x: evenly(50 * count + 10, -range, range), p: { ...p, ...Object.fromEntries(others) } }
    },
    // The baseline may enlarge the range to four times that of the peaks.
    ...(under.length > 1 && { noise: 0.02 }),
    units: (x, y) => ({
      ...each((k) => ({ [`height${k}`]: y, [`center${k}`]: x, [`sigma${k}`]: x })),
      ...Object.fromEntries(under.map((name, k) => [name, y / x ** k])),
    }),
  }
}

const polynomial = (degree: number): Case => {
  const powers = Array.from({ length: degree + 1 }, (_, k) => k)
  return {
    model: (x) => models.polynomial({ x, degree }),
    formula: (x, p) => powers.reduce((sum, k) => sum + p[`c${k}`] * x ** k, 0),
    make: ({ uniform }) => ({
      x: evenly(60, 0, 2),
      p: Object.fromEntries(powers.map((k) => [`c${k}`, uniform(-3, 3)])),
    }),
    units: (x, y) => Object.fromEntries(powers.map((k) => [`c${k}`, y / x ** k])),
  }
}

const cases: Readonly<Record<string, Case>> = {
  line: {
    model: (x) => models.line({ x }),
    formula: (x, p) => p.slope * x + p.intercept,
    make: ({ uniform }) => ({
      x: evenly(20, -3, 5),
      p: { slope: uniform(-3, 3), intercept: uniform(-3, 3) },
    }),
    units: (x, y) => ({ slope: y / x, intercept: y }),
  },
  'polynomial 0': polynomial(0),
  'polynomial 2': polynomial(2),
  'polynomial 6': polynomial(6),
  exponential: {
    model: (x) => models.exponential({ x }),
    formula: (x, p) => p.amplitude * Math.exp(-p.rate * x) + p.offset,
    make: ({ uniform, size, sign }) => {
      const [range, scale] = [size(1e-3, 1e3), size(1e-3, 1e3)]
      const p = {
        amplitude: sign() * scale,
        rate: (sign() * size(1, 10)) / range,
        offset: scale * uniform(-1, 1),
      }
      return { x: evenly(40, range * uniform(-0.5, 1), range * 2), p }
    },
    units: (x, y) => ({ amplitude: y, rate: 1 / x, offset: y }),
  },
  power: {
    model: (x) => models.power({ x }),
    formula: (x, p) => p.amplitude * x ** p.exponent,
    make: ({ uniform, size, sign }) => {
      const [range, exponent] = [size(1e-3, 1e3), sign() * uniform(0.3, 3)]
      const from = exponent < 0 ? range / 10 : 0
      return { x: evenly(30, from, range), p: { amplitude: sign() * size(1e-3, 1e3), exponent } }
    },
    units: (x, y, p) => ({ amplitude: y / x ** p.exponent, exponent: 1 }),
  },
  logistic: {
    model: (x) => models.logistic({ x }),
    formula: (x, p) => p.amplitude / (1 + Math.exp(-p.rate * (x - p.center))),
    make: ({ uniform, size, sign }) => {
      const range = size(1e-3, 1e3)
      const rate = (sign() * size(6, 60)) / range
      return {
        x: evenly(30, 0, range),
        p: { amplitude: sign() * size(1e-3, 1e3), rate, center: range * uniform(0.2, 0.8) },
      }
    },
    units: (x, y) => ({ amplitude: y, rate: 1 / x, center: x }),
  },
  hill: {
    model: (x) => models.hill({ x }),
    formula: (x, p) => p.vmax / (1 + (p.k / x) ** p.n),
    make: ({ size, sign }) => {
      const range = size(1e-3, 1e3)
      const p = { vmax: sign() * size(1e-3, 1e3), k: range * size(0.02, 0.4), n: sign() * size(0.8, 5) }
      return { x: doses(20, range / 100, range), p }
    },
    units: (x, y) => ({ vmax: y, k: x, n: 1 }),
  },
  fourPL: {
    model: (x) => models.fourPL({ x }),
    formula: (x, p) => p.bottom + (p.top - p.bottom) / (1 + (p.ec50 / x) ** p.slope),
    make: ({ uniform, size, sign }) => {
      const [range, scale] = [size(1e-3, 1e3), size(1e-3, 1e3)]
      const bottom = scale * uniform(-0.5, 0.5)
      const p = { bottom, top: bottom + scale, ec50: range * size(1e-3, 0.1), slope: sign() * size(0.6, 5) }
      return { x: doses(24, range / 1e4, range), p }
    },
    units: (x, y) => ({ bottom: y, top: y, ec50: x, slope: 1 }),
  },
  fivePL: {
    model: (x) => models.fivePL({ x }),
    formula: (x, p) => p.bottom + (p.top - p.bottom) / (1 + (p.ec50 / x) ** p.slope) ** p.asymmetry,
    make: ({ uniform, size, sign }) => {
      const [range, scale] = [size(1e-3, 1e3), size(1e-3, 1e3)]
      const bottom = scale * uniform(-0.5, 0.5)
      const p = { bottom, top: bottom + scale, ec50: range * size(3e-4, 0.03), slope: sign() * size(0.8, 4) }
      return { x: doses(48, range / 1e5, range), p: { ...p, asymmetry: size(0.5, 2) } }
    },
    units: (x, y) => ({ bottom: y, top: y, ec50: x, slope: 1, asymmetry: 1 }),
    // A smooth step with five parameters: with more noise the last one is unidentifiable.
    noise: 0.02,
  },
  michaelisMenten: {
    model: (x) => models.michaelisMenten({ x }),
    formula: (x, p) => (p.vmax * x) / (p.km + x),
    make: ({ size }) => {
      const range = size(1e-3, 1e3)
      return { x: evenly(15, 0, range), p: { vmax: size(1e-3, 1e3), km: range * size(0.05, 1) } }
    },
    units: (x, y) => ({ vmax: y, km: x }),
  },
  substrateInhibition: {
    model: (x) => models.substrateInhibition({ x }),
    formula: (x, p) => (p.vmax * x) / (p.km + x + x ** 2 / p.ki),
    make: ({ size }) => {
      const range = size(1e-3, 1e3)
      const p = { vmax: size(1e-3, 1e3), km: range * size(0.03, 0.2), ki: range * size(0.1, 1) }
      return { x: evenly(40, 0, range), p }
    },
    units: (x, y) => ({ vmax: y, km: x, ki: x }),
    noise: 0.02,
  },
  tightBinding: {
    model: (x) => models.tightBinding({ x }),
    // Morrison's formula.
    formula: (x, p) => {
      const sum = p.e + x + p.ki
      return p.v0 * (1 - (sum - Math.sqrt(sum ** 2 - 4 * p.e * x)) / (2 * p.e))
    },
    make: ({ size }) => {
      const range = size(1e-3, 1e3)
      const p = { v0: size(1e-3, 1e3), e: range * size(0.1, 0.5), ki: range * size(0.02, 0.1) }
      return { x: evenly(40, 0, range), p }
    },
    units: (x, y) => ({ v0: y, e: x, ki: x }),
    noise: 0.02,
  },
  gaussian: peak('gaussian'),
  lorentzian: peak('lorentzian'),
  pseudoVoigt: peak('pseudoVoigt'),
  'peaks: one': severalPeaks(1, 'gaussian'),
  'peaks: two': severalPeaks(2, 'gaussian'),
  'peaks: five': severalPeaks(5, 'gaussian'),
  'peaks: three Lorentzian': severalPeaks(3, 'lorentzian'),
  'peaks: five Lorentzian': severalPeaks(5, 'lorentzian'),
  'peaks: three pseudo-Voigt': severalPeaks(3, 'pseudoVoigt'),
  'peaks: two on nothing': severalPeaks(2, 'lorentzian', 'none'),
  'peaks: five on a slope': severalPeaks(5, 'gaussian', 'line'),
  'peaks: five anywhere on a slope': severalPeaks(5, 'gaussian', 'line', true),
  'peaks: three on a parabola': severalPeaks(3, 'gaussian', 'quadratic'),
  exponentialGaussian: {
    model: (x) => models.exponentialGaussian({ x }),
    // lmfit's formula, with gamma = 1/tau and overflow far away.
    formula: (x, p) => {
      const [gamma, z] = [1 / p.tau, (p.center - x) / p.sigma + p.sigma / p.tau]
      const exponent = gamma * (p.center - x + (gamma * p.sigma ** 2) / 2)
      return z > 30 ? 0 : ((p.area * gamma) / 2) * Math.exp(exponent) * erfc(z / Math.SQRT2)
    },
    make: ({ uniform, size, sign }) => {
      const [range, scale] = [size(1e-3, 1e3), size(1e-3, 1e3)]
      const sigma = range * size(0.05, 0.15)
      const p = { area: sign() * scale, center: range * uniform(-0.5, 0.2), sigma, tau: sigma * size(0.7, 3) }
      return { x: evenly(80, -range, 1.5 * range), p }
    },
    units: (x, y) => ({ area: x * y, center: x, sigma: x, tau: x }),
    noise: 0.02,
  },
  voigt: {
    model: (x) => models.voigt({ x }),
    // A convolution of a Gaussian with a Lorentzian, by the trapezoidal rule.
    formula: (x, p) => {
      let sum = 0
      for (let t = -8; t <= 8; t += 1 / 64) {
        sum += Math.exp(-(t ** 2) / 2) / (1 + ((x - p.center - t * p.sigma) / p.gamma) ** 2) / 64
      }
      return (p.area * sum) / (p.gamma * Math.PI * Math.sqrt(2 * Math.PI))
    },
    make: ({ uniform, size, sign }) => {
      const [range, scale] = [size(1e-3, 1e3), size(1e-3, 1e3)]
      const sigma = range * size(0.05, 0.1)
      const p = {
        area: sign() * scale,
        center: range * uniform(-0.4, 0.4),
        sigma,
        gamma: sigma * size(0.3, 3),
      }
      return { x: evenly(100, -range, range), p }
    },
    units: (x, y) => ({ area: x * y, center: x, sigma: x, gamma: x }),
    noise: 0.02,
  },
  skewedGaussian: {
    model: (x) => models.skewedGaussian({ x }),
    formula: (x, p) => {
      const u = (x - p.center) / p.sigma
      const tail = 1 + erf((p.gamma * u) / Math.SQRT2)
      return (p.area / (p.sigma * Math.sqrt(2 * Math.PI))) * Math.exp(-(u ** 2) / 2) * tail
    },
    make: ({ uniform, size, sign }) => {
      const [range, scale] = [size(1e-3, 1e3), size(1e-3, 1e3)]
      const p = { area: sign() * scale, center: range * uniform(-0.4, 0.4), sigma: range * size(0.15, 0.3) }
      return { x: evenly(80, -range, range), p: { ...p, gamma: sign() * size(1.5, 5) } }
    },
    units: (x, y) => ({ area: x * y, center: x, sigma: x, gamma: 1 }),
    noise: 0.02,
  },
  sinusoid: {
    model: (x) => models.sinusoid({ x }),
    formula: (x, p) => p.amplitude * Math.sin(2 * Math.PI * p.frequency * x + p.phase) + p.offset,
    make: ({ uniform, size }) => {
      const [range, scale, from] = [size(1e-3, 1e3), size(1e-3, 1e3), uniform(-2, 2)]
      const p = { amplitude: scale, frequency: uniform(1, 18) / range, phase: uniform(-3, 3) }
      return {
        x: Array.from({ length: 60 }, () => range * (from + uniform(0, 1))),
        p: { ...p, offset: scale * uniform(-3, 3) },
      }
    },
    units: (x, y) => ({ amplitude: y, frequency: 1 / x, phase: 1, offset: y }),
  },
}
const all = Object.entries(cases)

const SETS = process.env.ANTIGRAD_TEST_LARGE ? 1000 : 200

/** Data of a case with noise of 1% to 5% of their range. */
function measured({ make, formula, noise = 0.05 }: Case, draw: Draw) {
  const { x, p } = make(draw)
  const exact = x.map((at) => formula(at, p))
  const deviation = (Math.max(...exact) - Math.min(...exact) || 1) * draw.uniform(0.01, noise)
  return { x, p, y: exact.map((at) => at + deviation * draw.normal()) }
}

test('each built-in model has a test case', () => {
  const used = all.map(([name]) => name.split(/[ :]/)[0])
  // Inhibition has two columns; model-options.test.ts tests it.
  expect([...new Set([...used, 'inhibition'])].sort()).toEqual(Object.keys(models).sort())
})

describe.each(all)('the model %s', (_, own) => {
  const model = own.model('x')
  const f = expression(model.text)
  const value = (x: number, p: Point) => f.value(f.names.map((name) => (name === 'x' ? x : p[name])))

  test('computes the documented formula', () => {
    const draw = drawing(1)
    for (let k = 0; k < 50; k++) {
      const { x, p } = own.make(draw)
      const exact = x.map((at) => own.formula(at, p))
      const size = Math.max(...exact.map(Math.abs))
      for (const [row, at] of x.entries())
        expect(Math.abs(value(at, p) - exact[row])).toBeLessThan(1e-12 * size)
    }
  })

  test('has finite derivatives at 0 and at large values of x', () => {
    const draw = drawing(2)
    for (let k = 0; k < 50; k++) {
      const { x, p } = own.make(draw)
      for (const at of [x[0], 0, 1e6 * x[x.length - 1]]) {
        // A negative power is undefined at 0.
        if (at === 0 && p.exponent < 0) continue
        // Unlimited growth overflows.
        if (at > 1e6 && p.rate < 0) continue
        const bound = f.with({ x: [at] })
        const out = new Float64Array(bound.parameters.length)
        const point = bound.parameters.map((name) => p[name])
        if (!Number.isFinite(own.formula(at, p))) continue
        bound.gradient(point, out)
        expect(out.every(Number.isFinite), `${JSON.stringify(p)} at ${at}: ${out}`).toBe(true)
      }
    }
  })

  test(`finds the same fit from the guess as from the truth in at least 99% of ${SETS} data sets`, () => {
    const draw = drawing(3)
    const sets = Array.from({ length: SETS }, () => measured(own, draw))
    const data = { x: sets.map(({ x }) => x), y: sets.map(({ y }) => y) }
    const names = Object.keys(sets[0].p)
    const truth = Object.fromEntries(names.map((name) => [name, sets.map(({ p }) => p[name])]))
    const found = fitManySync(model, data)
    const wanted = fitManySync(model, data, { start: truth })
    const isFound = (fit: number) =>
      fitReasons[found.reason[fit]] === 'converged' &&
      found.chiSquared[fit] <= wanted.chiSquared[fit] * (1 + 1e-6) &&
      names.every((name) => {
        const off = found.values[name][fit] - truth[name][fit]
        const turns = name === 'phase' ? Math.round(off / (2 * Math.PI)) : 0
        // The error is unknown at a bound.
        const error = found.errors[name][fit]
        return Number.isNaN(error) || Math.abs(off - 2 * Math.PI * turns) < 6 * error
      }) &&
      names.every((name) => !name.startsWith('sigma') || found.values[name][fit] > 0)
    const missed = sets.flatMap(({ p }, fit) => (isFound(fit) ? [] : [p]))
    expect(missed.length, JSON.stringify(missed.slice(0, 3))).toBeLessThanOrEqual(SETS / 100)
  })

  test('has guesses that scale with the units of the data', () => {
    const draw = drawing(4)
    for (let k = 0; k < 20; k++) {
      const { x, y } = measured(own, draw)
      const before = guessOf(model, x, y)
      for (const [sx, sy] of [
        [1 / 128, 32],
        [1000, 1e-6],
        [1, -1],
      ]) {
        const after = guessOf(
          model,
          x.map((at) => at * sx),
          y.map((at) => at * sy),
        )
        // Inverted curves are not the same curves with other factors.
        if (sy < 0 && ('bottom' in before || 'phase' in before)) continue
        const units = own.units(sx, sy, before)
        for (const name of Object.keys(before)) {
          const wanted = before[name] * (units[name] ?? 1)
          expect(Math.abs(after[name] - wanted), name).toBeLessThanOrEqual(1e-9 * Math.abs(wanted))
        }
      }
    }
  })

  test('has guesses that do not depend on previous calls or on later changes of arrays', () => {
    const draw = drawing(5)
    const x = Float64Array.from(measured(own, draw).x)
    const y = Float64Array.from(measured(own, draw).y)
    const others = measured(own, draw)
    for (let k = 0; k < 10; k++) {
      const wanted = guessOf(model, Array.from(x), Array.from(y))
      expect(guessOf(model, x, y)).toEqual(wanted)
      expect(guessOf(model, others.x, others.y)).not.toEqual(wanted)
      expect(guessOf(model, x, y)).toEqual(wanted)
      for (let row = 0; row < x.length; row++) x[row] *= 1 + 0.1 * row
      for (let row = 0; row < y.length; row++) y[row] += 0.01 * draw.normal()
    }
  })

  test('has guesses that do not depend on the order of rows or on invalid rows', () => {
    fc.assert(
      fc.property(rows, fc.infiniteStream(fc.nat()), (given, keys) => {
        const wanted = guessOf(
          model,
          given.map(([x]) => x),
          given.map(([, y]) => y),
        )
        const holes = [...given, [NaN, 1], [1, NaN], [Infinity, 1], [1, -Infinity]]
        const mixed = holes
          .map((row) => ({ row, key: keys.next().value as number }))
          .sort((a, b) => a.key - b.key)
        expect(
          guessOf(
            model,
            mixed.map(({ row }) => row[0]),
            mixed.map(({ row }) => row[1]),
          ),
        ).toEqual(wanted)
      }),
    )
  })

  test('has finite guesses for any data, even for a single data row', () => {
    const areFinite = (x: number[], y: number[]) => {
      const guess = guessOf(model, x, y)
      expect(Object.keys(guess).sort()).toEqual(f.names.filter((name) => name !== 'x').sort())
      expect(Object.values(guess).every(Number.isFinite), `${JSON.stringify({ x, y, guess })}`).toBe(true)
    }
    fc.assert(
      fc.property(rows, (given) =>
        areFinite(
          given.map(([x]) => x),
          given.map(([, y]) => y),
        ),
      ),
    )
    for (const level of [0, 1, -3e5, 1e-30]) {
      for (const count of [1, 2, f.names.length - 1, 50])
        areFinite(
          evenly(count, 0, 5).map((x) => x || 0),
          Array(count).fill(level),
        )
    }
    for (const x of [0, 2, -1e4, 1e-30]) areFinite(Array(7).fill(x), [1, 5, 2, 4, 3, 0, -1])
    areFinite(evenly(40, 1.7e12, 1.7e12 + 1e5), evenly(40, 2, 5))
    areFinite([], [])
    areFinite([NaN], [3])
  })

  test('has guesses even if there are only as many rows as parameters', () => {
    const draw = drawing(5)
    const sets = Array.from({ length: 20 }, () => {
      const { x, p } = own.make(draw)
      const count = Object.keys(p).length
      const some = Array.from({ length: count }, (_, i) => x[Math.floor(((i + 0.5) * x.length) / count)])
      return { x: some, y: some.map((at) => own.formula(at, p)) }
    })
    const data = { x: sets.map(({ x }) => x), y: sets.map(({ y }) => y) }
    const { values, chiSquared } = fitManySync(model, data, { maxIterations: 20 })
    for (const [fit, { y }] of sets.entries()) {
      expect(chiSquared[fit]).toBeLessThanOrEqual(y.reduce((sum, at) => sum + at * at, 0))
      for (const column of Object.values(values)) expect(column[fit]).toBeGreaterThan(-Infinity)
    }
  })

  test("accepts any column name except the names of the model's parameters", () => {
    expect(own.model('zeit_1').text).toBe(model.text.replace(/\bx\b/g, 'zeit_1'))
    expect(own.model('zeit_1').x).toBe('zeit_1')
    for (const x of [
      Object.keys(own.make(drawing(1)).p)[0],
      'exp',
      'pi',
      'a b',
      '',
      '1',
      'a+a',
      3 as unknown as string,
    ]) {
      expect(() => own.model(x), x).toThrow(OptionError)
    }
  })
})

/** Arrays of a few to several numbers of any kind, without subnormal ones. */
const number = fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((x) => (Math.abs(x) < 1e-6 ? 0 : x))
const rows = fc.array(fc.tuple(fc.oneof(number, fc.integer({ min: -3, max: 9 })), number), {
  minLength: 1,
  maxLength: 12,
})

function guessOf({ guess }: FitModel, x: ArrayLike<number>, y: ArrayLike<number>): Point {
  return guess?.(x, y) ?? {}
}

test.each([1.5, -1.5])(
  'the guess of logEC50 is the logarithm of the dose at half height, with slope %d',
  (steep) => {
    const x = evenly(25, -2, 2).map((log) => 10 ** log)
    const y = x.map((dose) => 1 + 4 * (1 + (0.7 / dose) ** steep) ** -0.5)
    const { asymmetry, ec50, slope } = guessOf(models.fivePL(), x, y)
    const { logEC50 } = guessOf(models.fivePL({ logEC50: true }), x, y)
    expect(asymmetry).not.toBe(1)
    expect((1 + (ec50 / 10 ** logEC50) ** slope) ** -asymmetry).toBeCloseTo(0.5, 10)
  },
)

describe('an invalid option of a built-in model', () => {
  const build = models as unknown as Record<string, (options?: unknown) => FitModel>
  test.each([
    ['polynomial', { degree: -1 }, 'degree: expected an integer from 0 to 15, got -1'],
    ['polynomial', { degree: 16 }, 'degree: expected an integer from 0 to 15, got 16'],
    ['polynomial', { degree: 1.5 }, 'degree: expected an integer from 0 to 15, got 1.5'],
    ['polynomial', { degree: '2' }, 'degree: expected an integer from 0 to 15, got "2"'],
    ['polynomial', { count: 2 }, 'options: expected one of x, origin, degree, got "count"'],
    ['peaks', { count: 0 }, 'count: expected an integer from 1 to 85, got 0'],
    ['peaks', { count: 86 }, 'count: expected an integer from 1 to 85, got 86'],
    ['peaks', { baseline: 'hill' }, 'baseline: expected one of none, constant, line, quadratic, got "hill"'],
    [
      'peaks',
      { count: 64, shape: 'pseudoVoigt', baseline: 'line' },
      'count: expected an integer from 1 to 63, got 64',
    ],
    [
      'peaks',
      { shape: 'toString' },
      'shape: expected one of gaussian, lorentzian, pseudoVoigt, voigt, exponentialGaussian, skewedGaussian, got "toString"',
    ],
    ['peaks', { x: 'center2' }, 'x: expected a name other than height1'],
    ['line', { degree: 1 }, 'options: expected one of x, origin, got "degree"'],
    ['line', null, 'options: expected { x, origin }, got null'],
    ['line', { origin: Infinity }, "origin: expected a finite number, or 'auto', got Infinity"],
    ['exponential', { origin: 'first' }, 'origin: expected a finite number, or \'auto\', got "first"'],
    [
      'line',
      { x: 'origin', origin: 3 },
      'x: expected a name other than slope, origin, intercept, got "origin"',
    ],
    ['sinusoid', { frequency: [2, 1] }, 'frequency: expected [min, max] with 0 ≤ min < max'],
    ['sinusoid', { frequency: [0, Infinity] }, 'frequency: expected [min, max] with 0 ≤ min < max'],
    ['fourPL', { logEC50: 1 }, 'logEC50: expected true or false, got 1'],
    [
      'inhibition',
      { kind: 'none' },
      'kind: expected one of competitive, uncompetitive, noncompetitive, mixed',
    ],
    [
      'inhibition',
      { inhibitor: 'km' },
      'inhibitor: expected a name other than vmax, km, ki, alpha, got "km"',
    ],
    ['inhibition', { x: 'i' }, 'x: expected a name other than vmax, km, i, ki, alpha, got "i"'],
    ['line', { x: 'slope' }, 'x: expected a name other than slope, intercept, got "slope"'],
    ['line', { x: 'sin' }, 'x: expected a name, got "sin"'],
  ])('is refused: %s(%o)', (name, options, message) => {
    expect(() => build[name](options)).toThrow(OptionError)
    expect(() => build[name](options)).toThrow(message)
  })
})

const exact: readonly { model: keyof typeof models; p: Point; x: number[]; y: number[] }[] = JSON.parse(
  readFileSync(new URL('../data/models.json', import.meta.url), 'utf8'),
)
test.each(exact)(
  "the model $model is accurate near the peak's center and far from the center: $p",
  ({ model, p, x, y }) => {
    const f = expression(models[model]().text)
    for (const [row, at] of x.entries()) {
      const value = f.value(f.names.map((name) => (name === 'x' ? at : p[name])))
      // Powers of e have the error of their exponents, which grows as the power decreases.
      const digits = 1e-15 * (4 - Math.log(Math.max(Math.abs(y[row]), 1e-308)))
      expect(Math.abs(value - y[row]), `${at}: ${value}, not ${y[row]}`).toBeLessThanOrEqual(
        digits * Math.abs(y[row]) + 1e-307,
      )
    }
  },
)

test("starting values from the user replace a model's guesses", () => {
  const x = evenly(60, -3, 3)
  const y = x.map((at, row) => 2 * parts.gaussian(at / 0.7) + (row % 2) * 1e-3)
  const found = fitOne(models.pseudoVoigt(), { x, y }, { start: { center: { start: 0.1, fixed: true } } })
  expect(found.values.center).toBe(0.1)
})

test.each([-0.3, 1.3])(
  'the fraction of a pseudo-Voigt peak stays in [0, 1] even if %d would fit better',
  (better) => {
    const x = evenly(60, -3, 3)
    const y = x.map((at) => parts.pseudoVoigt(at / 0.7, better))
    expect(fitOne(models.pseudoVoigt(), { x, y }).values.fraction).toBe(better < 0 ? 0 : 1)
  },
)

describe('the derived quantities of a fitted peak', () => {
  const x = Array.from({ length: 401 }, (_, row) => (row - 200) / 20)
  const p = { height: 3, area: 5, center: 0.3, sigma: 0.8, fraction: 0.4, gamma: 0.6, tau: 0.9 }

  test.each([
    'gaussian',
    'lorentzian',
    'pseudoVoigt',
    'voigt',
    'exponentialGaussian',
    'skewedGaussian',
  ] as const)('include the width, height and area of the curve, with standard errors: %s', (shape) => {
    const model = models[shape]()
    const f = expression(model.text)
    const names = f.names.filter((name) => name !== 'x') as (keyof typeof p)[]
    const at = (x: number) => f.value(f.names.map((name) => (name === 'x' ? x : p[name as keyof typeof p])))
    const start = Object.fromEntries(names.map((name) => [name, p[name]]))
    const y = x.map((x, row) => at(x) + 1e-9 * Math.sin(37 * row))
    const { derived = {} } = model
    const { values, errors } = fitOne(model, { x, y }, { start, derive: derived })
    const all: Record<string, number> = { ...values }
    // A Lorentzian tail contains another thousandth.
    const to = 'mean' in derived ? 40 : 'area' in derived ? 800 : 0
    let [area, moment] = [0, 0]
    for (let t = -to; t <= to; t += 0.05) {
      area += at(t) * 0.05
      moment += t * at(t) * 0.05
    }
    if ('area' in derived) expect(Math.abs(all.area / area - 1)).toBeLessThan(2e-3)
    if ('height' in derived) expect(all.height).toBeCloseTo(at(p.center), 6)
    if ('fwhm' in derived) {
      expect(at(p.center + all.fwhm / 2) / at(p.center)).toBeCloseTo(0.5, 3)
      expect(at(p.center - all.fwhm / 2) / at(p.center)).toBeCloseTo(0.5, 3)
    }
    if ('mean' in derived) expect(all.mean).toBeCloseTo(moment / area, 5)
    expect(Object.keys(derived).length).toBeGreaterThan(0)
    for (const name of Object.keys(derived))
      expect((errors as Record<string, number>)[name]).toBeGreaterThan(0)
  })

  test('have numbered names if the model has several peaks', () => {
    const { derived } = models.peaks({ count: 3, shape: 'voigt', baseline: 'line' })
    expect(Object.keys(derived)).toEqual(['fwhm1', 'height1', 'fwhm2', 'height2', 'fwhm3', 'height3'])
    expect(derived.height2).toBe('area2*voigt(0, sigma2, gamma2)')
    expect('derived' in models.line()).toBe(false)
  })
})
