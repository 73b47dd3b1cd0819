/** Fits that built-in models repeat from further starting points, and fits without rows. */

import { readFileSync } from 'node:fs'
import { expression } from 'antigrad'
import {
  type FitModel,
  fitMany,
  fitManySync,
  fit as fitOne,
  fitReasons,
  type Loss,
  models,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { inBits } from '../helpers.js'
import { waysToRun } from '../support.js'

interface Well {
  readonly kind: string
  readonly loss: Loss
  readonly lossScale: number
  readonly x: readonly number[]
  readonly y: readonly number[]
  /** Least cost of SciPy's fits from the true values and from 20 random starts, or antigrad's own if it is lower. */
  readonly chiSquared: number
}

/** Wells of simulated plates: mostly wells that a single start misses. `npm run bench:plates` wrote the file. */
const { wells }: { readonly wells: readonly Well[] } = JSON.parse(
  readFileSync(new URL('../data/plates.json', import.meta.url), 'utf8'),
)
const nameOf = ({ loss, lossScale }: Well) => `${loss}, scale ${lossScale}`
const byLoss = new Map(
  wells.map((well) => [nameOf(well), wells.filter((other) => nameOf(other) === nameOf(well))]),
)

/** Doses in geometric sequence, and a four-parameter logistic curve with a small wave instead of noise. */
const doses = Array.from({ length: 10 }, (_, k) => 0.02 * 3 ** k)
const curve = (ec50: number, slope: number) =>
  doses.map((x, k) => 1 + 9 / (1 + (ec50 / x) ** slope) + 0.1 * Math.sin(5 * k))
const withOutlier = (y: readonly number[], row: number, by: number) =>
  y.map((value, k) => (k === row ? value + by : value))

describe('a fit of a built-in model', () => {
  test.each([...byLoss.keys()])('reaches the least cost that SciPy finds: %s', (name) => {
    const some = byLoss.get(name) as readonly Well[]
    const data = { x: some.map(({ x }) => x), y: some.map(({ y }) => y) }
    const [{ loss, lossScale }] = some
    const run = (way: object) => fitManySync(models.fourPL(), data, { loss, lossScale, ...way })
    const found = run({})
    const above = some.filter(({ chiSquared }, k) => !(found.chiSquared[k] <= chiSquared * (1 + 1e-6)))
    expect(above).toEqual([])
    const bits = (all: typeof found) =>
      inBits([...Object.values(all.values), all.chiSquared].flatMap((x) => [...x]))
    for (const way of waysToRun()) {
      const other = run(way)
      expect(bits(other)).toEqual(bits(found))
      expect(other.starts).toEqual(found.starts)
      expect(other.at(0).message).toBe(found.at(0).message)
    }
  })

  test('starts once if the loss is squared and the fit is plausible', () => {
    const found = fitManySync(models.fourPL(), { x: doses, y: [curve(1, 1), curve(10, -2), curve(3, 0.7)] })
    expect([...found.starts]).toEqual([1, 1, 1])
    expect(found.at(0).message).toBe('')
    expect(found.at(0).starts).toBe(1)
  })

  test('starts several times if the loss is robust, and reports an improvement only', () => {
    const clean = fitOne(models.fourPL(), { x: doses, y: curve(1, 1) }, { loss: 'softL1' })
    expect(clean.starts).toBeGreaterThan(10)
    expect(clean.message).toBe('')
    const improved = wells
      .filter(({ loss }) => loss === 'huber')
      .map(({ x, y, lossScale }) => fitOne(models.fourPL(), { x, y }, { loss: 'huber', lossScale }))
      .filter(({ reason, message }) => reason === 'converged' && message !== '')
    expect(improved.length).toBeGreaterThan(3)
    for (const { message, starts } of improved) expect(message).toBe(`best of ${starts} starts`)
  })

  test('starts once if the user chooses all starting values, a method or multiStart', () => {
    const data = { x: doses, y: withOutlier(curve(1, 1), 7, -8) }
    const start = { bottom: 1, top: 10, ec50: 1, slope: 1 }
    expect(fitOne(models.fourPL(), data, { loss: 'huber', start }).starts).toBe(1)
    expect(fitOne(models.fourPL(), data, { loss: 'huber', start: { ec50: 1 } }).starts).toBeGreaterThan(10)
    const sampled = fitOne(models.fourPL(), data, { loss: 'huber', multiStart: 7 })
    expect(sampled.starts).toBe(7)
    expect(sampled.message).toBe('')
    const own: FitModel = { text: 'a*x + b', x: 'x', parameters: {}, guess: () => ({ a: 1, b: 0 }) }
    expect(fitOne(own, data, { loss: 'huber' }).starts).toBe(1)
  })

  test('has the same bits alone and among many fits', () => {
    const y = Array.from({ length: 120 }, (_, k) =>
      withOutlier(curve(0.1 * 1.05 ** k, 1 + k / 100), k % 10, 3 + (k % 7)),
    )
    const found = fitManySync(models.fourPL(), { x: doses, y }, { loss: 'cauchy', lossScale: 0.1 })
    for (const k of [0, 60, 97, 98, 119]) {
      const alone = fitOne(models.fourPL(), { x: doses, y: y[k] }, { loss: 'cauchy', lossScale: 0.1 })
      expect(inBits(Object.values(found.at(k).values))).toEqual(inBits(Object.values(alone.values)))
      expect(found.evaluations[k]).toBe(alone.evaluations)
    }
  })

  test('keeps bounds, fixed parameters and positive parameters', () => {
    const data = { x: doses, y: withOutlier(curve(1, 1), 3, 9) }
    const start = {
      bottom: { min: 0, max: 0.5 },
      slope: { start: 2, fixed: true },
      ec50: { positive: true, max: 20 },
    }
    const { values, starts } = fitOne(models.fourPL(), data, { loss: 'huber', start })
    expect(starts).toBeGreaterThan(10)
    expect(values.slope).toBe(2)
    expect(values.bottom >= 0 && values.bottom <= 0.5 && values.ec50 > 0 && values.ec50 <= 20).toBe(true)
  })
})

/** Costs of fits from a grid of starting points. */
function gridOfStarts(model: FitModel, y: readonly number[], names: readonly [string, string], rest: object) {
  const costs = doses.flatMap((center) =>
    [1, 4, -1, -4].map((slope) => {
      const start = { ...rest, [names[0]]: center, [names[1]]: slope }
      return fitOne(model, { x: doses, y }, { start, loss: 'huber', lossScale: 0.1 }).chiSquared
    }),
  )
  return Math.min(...costs.filter((cost) => !Number.isNaN(cost)))
}

test.each([
  ['hill', models.hill(), ['k', 'n'], { vmax: 9 }],
  ['fivePL', models.fivePL(), ['ec50', 'slope'], { bottom: 1, top: 10, asymmetry: 1 }],
  ['fourPL with logEC50', models.fourPL({ logEC50: true }), ['logEC50', 'slope'], { bottom: 1, top: 10 }],
] as const)('a fit of the model %s reaches the least cost of 40 starts', (_, model, names, rest) => {
  for (const [row, by] of [
    [0, 9],
    [8, -9],
  ]) {
    const y = withOutlier(curve(0.8, 1.4), row, by).map((value) => value - 1)
    const found = fitOne(model as FitModel, { x: doses, y }, { loss: 'huber', lossScale: 0.1 })
    expect(found.chiSquared).toBeLessThanOrEqual(gridOfStarts(model as FitModel, y, names, rest) * (1 + 1e-6))
  }
})

describe('the message of a fit without a proper minimum', () => {
  const unique = [...new Map(wells.map((well) => [`${well.y}`, well])).values()]
  const messages = unique.map(({ x, y }) => {
    const found = fitOne(models.fourPL(), { x, y })
    const [, limit, from, to] =
      / approaches (a step between (\S+) and ([^;]+)|a step at [^;]+|a power law);/.exec(found.message) ?? [
        null,
        '',
      ]
    return { x, found, limit, from: Number(from), to: Number(to) }
  })
  const ofKind = (kind: string) => messages.filter(({ limit }) => limit.startsWith(kind))

  test('names a step between two doses, before and after which the curve is constant', () => {
    const steps = ofKind('a step between')
    expect(steps.length).toBeGreaterThan(0)
    for (const { x, found, from, to } of steps) {
      expect(x.indexOf(to)).toBe(x.indexOf(from) + 1)
      const curve = found.predict({ x })
      const height = Math.abs(curve[x.indexOf(to)] - curve[x.indexOf(from)])
      for (const [k, at] of x.entries()) {
        const plateau = curve[x.indexOf(at <= from ? from : to)]
        expect(Math.abs(curve[k] - plateau)).toBeLessThan(0.02 * height)
      }
    }
  })

  test('names a step at a dose, and a power law', () => {
    for (const { x, limit } of ofKind('a step at')) expect(x.map((at) => `a step at ${at}`)).toContain(limit)
    expect(ofKind('a step at').length).toBeGreaterThan(0)
    expect(ofKind('a power law').length).toBeGreaterThan(0)
  })

  test('counts the starts, and is the same with the logarithm of ec50', () => {
    for (const { found, limit } of messages) {
      if (limit === '') continue
      expect(found.reason).not.toBe('converged')
      expect(found.message).toMatch(new RegExp(`; best of ${found.starts} starts$`))
    }
    const [{ x, limit }] = ofKind('a step between')
    const y = unique.find((well, k) => well.x === x && messages[k].limit === limit)?.y as readonly number[]
    expect(fitOne(models.fourPL({ logEC50: true }), { x, y }).message).toContain(limit)
  })
})

describe('the option multiStart without bounds', () => {
  const x = Array.from({ length: 41 }, (_, k) => k / 4 - 5)
  const peak = (center: number, height: number) =>
    x.map((at) => height * Math.exp(-((at - center) ** 2) / 0.5))
  const [high, low] = [peak(-3, 5), peak(3, 4.5)]
  const y = high.map((value, k) => value + low[k])

  test('samples around the guess of a model, positions over the range of x', () => {
    const found = fitOne(models.gaussian(), { x, y }, { multiStart: 30 })
    expect(found.starts).toBe(30)
    const centers = found.minima.map(({ values }) => values.center)
    expect(centers.some((center) => Math.abs(center - 3) < 0.1)).toBe(true)
    expect(centers.some((center) => Math.abs(center + 3) < 0.1)).toBe(true)
    for (const way of waysToRun()) {
      const other = fitOne(models.gaussian(), { x, y }, { multiStart: 30, ...way })
      expect(inBits(Object.values(other.values))).toEqual(inBits(Object.values(found.values)))
      expect(other.minima).toEqual(found.minima)
    }
    expect(
      fitOne(models.gaussian(), { x, y }, { multiStart: { count: 30, sample: 'sobol' } }).minima.length,
    ).toBeGreaterThan(1)
  })

  test('samples around the guess of a custom model, and around given starts', () => {
    const model: FitModel = {
      text: 'a*exp(-k*x) + c',
      x: 'x',
      parameters: { k: { min: 0 } },
      guess: () => ({ a: 1, k: 30, c: 0 }),
    }
    const decay = doses.map((at) => 2 * Math.exp(-0.4 * at) + 1)
    const found = fitOne(model, { x: doses, y: decay }, { multiStart: 40, start: { a: 2 } })
    expect(found.values.k).toBeCloseTo(0.4, 6)
  })

  test('needs bounds if the model has no guess', () => {
    const start = { a: 1, b: 1 }
    expect(() => fitOne(expression('a*exp(-b*x)'), { x, y }, { start, multiStart: 3 })).toThrow(
      'start: a: expected finite min and max, for multiStart',
    )
  })
})

describe('a fit without rows', () => {
  const rows = [curve(1, 1), curve(3, 2)]
  const reasonsOf = ({ reason }: { readonly reason: Uint8Array }) => [...reason].map((k) => fitReasons[k])

  test('has the reason too-few-points, and leaves the other fits unchanged', async () => {
    const y = [rows[0], [], rows[1], [1, 2, 3]]
    const x = y.map((list) => doses.slice(0, list.length))
    for (const way of waysToRun()) {
      const found = fitManySync(models.fourPL(), { x, y }, way)
      expect(reasonsOf(found)).toEqual(['converged', 'too-few-points', 'converged', 'too-few-points'])
      const alone = fitManySync(models.fourPL(), { x: doses, y: rows }, way)
      for (const [k, own] of [0, 2].entries()) {
        expect(inBits(Object.values(found.at(own).values))).toEqual(inBits(Object.values(alone.at(k).values)))
      }
      expect([...found.starts]).toEqual([1, 0, 1, 0])
      expect(found.at(1).message).toBe('0 rows for 4 free parameters')
      expect(found.at(1).residuals).toHaveLength(0)
    }
    expect(reasonsOf(await fitMany(models.fourPL(), { x, y }))).toContain('too-few-points')
  })

  test('may have no own rows next to a shared column', () => {
    const found = fitManySync(models.fourPL(), { x: doses, y: [rows[0], [], rows[1]] })
    expect(reasonsOf(found)).toEqual(['converged', 'too-few-points', 'converged'])
    expect(found.at(2).values).toEqual(fitOne(models.fourPL(), { x: doses, y: rows[1] }).values)
  })

  test('may be every fit, with every loss, weight and model', () => {
    for (const model of [models.fourPL(), models.line(), models.sinusoid(), models.peaks({ count: 2 })]) {
      const found = fitManySync(model as FitModel, { x: [[], []], y: [[], []] }, { loss: 'huber' })
      expect(reasonsOf(found)).toEqual(['too-few-points', 'too-few-points'])
    }
    const weighted = fitManySync(
      models.line(),
      { x: [[], [1, 2, 3]], y: [[], [1, 2, 4]] },
      { weights: '1/f^2' },
    )
    expect(reasonsOf(weighted)).toEqual(['too-few-points', 'converged'])
  })

  test('is still an error if a single fit has no rows, or if lengths differ otherwise', () => {
    expect(() => fitOne(models.line(), { x: [], y: [] })).toThrow('expected at least one row')
    expect(() => fitManySync(models.line(), { x: doses, y: [rows[0], [1, 2]] })).toThrow('expected 10 rows')
  })
})
