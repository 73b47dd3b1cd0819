/** Fits on all engines, instruction sets and threads; asynchronous fits; memory. */

import { execFileSync } from 'node:child_process'
import { engines, expression, gradientDescent, type PerRunData } from 'antigrad'
import {
  type FitManyOptions,
  type FitManyResult,
  fitMany,
  fitManySync,
  fitReasons,
  ruleMethod,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { createFits } from '../../dist/fits/fit/fit-many.js'
import { inBits, random } from '../helpers.js'
import { waysToRun } from '../support.js'

const decay = expression('a*exp(-b*t) + c')
const start = { a: 1, b: 1, c: 0 }

/** Fits of different lengths, some of which are impossible. */
const lengths = [20, 2, 9, 40, 20, 20, 7, 3, 20, 40, 9, 20, 20, 20, 20, 20, 33, 20, 5, 20]
const next = random(1)
const t = lengths.map((rows) => Array.from({ length: rows }, () => 5 * next()))
const y = t.map((column, i) => {
  const [a, b, c] = [1 + 3 * next(), 0.3 + next(), next()]
  return column.map((at, k) =>
    i === 10 && k === 3 ? NaN : a * Math.exp(-b * at) + c + 0.05 * (next() - 0.5),
  )
})
t[12].fill(1)

/** Every engine in each of its modes. */
const ways: readonly FitManyOptions[] = waysToRun(1, 2, 3)

/** All results, to the bit. */
const all = (result: FitManyResult) => {
  const { values, errors, chiSquared, observations, evaluations, reason, rSquared, bic } = result
  const fits = Array.from(reason, (_, i) => result.at(i))
  const more = fits.map(({ covariance, minima }) => ({ covariance, minima }))
  return inBits({ values, errors, chiSquared, rows: observations, evaluations, reason, rSquared, bic, more })
}

const cases: readonly (readonly [string, FitManyOptions])[] = [
  ['plain', { start }],
  ['weighted', { start, weights: t.map((column) => column.map((_, k) => (k % 5 === 4 ? 0 : 1 + (k % 3)))) }],
  [
    'sigma that is known',
    { start, sigma: t.map((column) => column.map((at) => 0.1 + at / 50)), absoluteSigma: true },
  ],
  [
    'bounded',
    { start: { a: { start: 1, max: 2 }, b: { start: 1, min: 0.5, max: 1 }, c: { start: 0, min: 0.3 } } },
  ],
  [
    'fixed and following',
    { start: { a: 1, b: { expr: 'd^2' }, c: { start: y.map((_, i) => i / 20), fixed: true }, d: 1 } },
  ],
  ['positive', { start: { a: { start: 1, positive: true }, b: { start: 1, positive: true, max: 1 }, c: 0 } }],
  ['huber', { start, loss: 'huber', lossScale: 0.02 }],
  ['softL1', { start, loss: 'softL1', lossScale: 0.02 }],
  ['cauchy', { start, loss: 'cauchy', lossScale: 0.02 }],
  ['of few iterations', { start, maxIterations: 4 }],
  ['of all digits', { start, tolerance: 1e-14 }],
  ['of all digits, huber', { start, tolerance: 1e-14, loss: 'huber', lossScale: 0.02 }],
  ['far from where they start', { start: { a: 1e-200, b: 30, c: 0 } }],
  ['a first-order rule', { start, method: ruleMethod(gradientDescent({ lr: 0.01 })), maxIterations: 300 }],
  [
    'of several starts',
    {
      start: {
        a: { start: 1, min: 0, max: 9 },
        b: { start: 1, min: -1, max: 5 },
        c: { start: 0, min: -2, max: 2 },
      },
      multiStart: { count: 5, sample: 'sobol' },
    },
  ],
]

test('every engine is available for the comparison of fits between engines', () => {
  expect(engines()).toMatchObject({ wasm: { available: true }, native: { available: true } })
})

describe.each(cases)('the fit of %s', (name, options) => {
  test('is bit-identical on every engine, on every instruction set and for every number of threads', () => {
    const results = ways.map((way) => fitManySync(decay, { t, y }, { ...options, ...way }))
    const [first] = results
    const reasons = new Set(Array.from(first.reason, (reason) => fitReasons[reason]))
    expect(reasons).toContain('not-finite')
    expect(reasons.size).toBeGreaterThan(1)
    for (const [i, result] of results.entries()) {
      expect(result.engine).toBe(ways[i].engine)
      expect(all(result), `${name}: ${JSON.stringify(ways[i])}`).toBe(all(first))
    }
  })

  test('computes the same bits in an asynchronous call as in a synchronous call', async () => {
    const sync = fitManySync(decay, { t, y }, options)
    expect(all(await fitMany(decay, { t, y }, { ...options, threads: 2 }))).toBe(all(sync))
  })
})

test('fits of counts are bit-identical on all engines', () => {
  const counts = y.map((column) =>
    column.map((value) => (Number.isNaN(value) ? 3 : Math.max(0, Math.round(20 * value)))),
  )
  const options: FitManyOptions = { start: { a: 20, b: 1, c: 10 }, loss: 'poisson' }
  const results = ways.map((way) => all(fitManySync(decay, { t, y: counts }, { ...options, ...way })))
  expect(new Set(results).size).toBe(1)
})

// Enough fits to fill the longest vectors, four of which are computed together.
describe('a large batch of sinusoid fits', () => {
  const [manyT, manyY] = [t, y].map((columns) => [columns, columns, columns, columns].flat())

  test.each([
    ['a frequency far from any', { start: { a: 1, b: manyT.map((_, i) => 10 ** (i % 20)), c: 0 } }],
    [
      'a rate that diverges',
      { start: { a: 1, b: 1, c: 0 }, method: ruleMethod(gradientDescent({ lr: 2 })), maxIterations: 40 },
    ],
  ] satisfies [string, FitManyOptions][])(
    'has bit-identical results on all engines with %s',
    (_, options) => {
      for (const name of ['sin', 'cos', 'tan']) {
        const wave = expression(`a*${name}(b*t) + c`)
        const data = { t: manyT, y: manyY }
        const results = ways.map((way) => all(fitManySync(wave, data, { ...options, ...way })))
        expect(new Set(results).size, name).toBe(1)
      }
    },
  )
})

describe('an asynchronous call of fitMany', () => {
  // More than one batch: with shared data, a batch has 65,536 fits.
  const count = 150_000
  const few = { t: [0, 1, 2, 3, 4], y: [3, 2, 1.4, 1.2, 1.05] }
  const starts = () => ({ a: Float64Array.from({ length: count }, (_, i) => 1 + i / count), b: 1, c: 0 })

  test('reports its progress up to the total number of fits', async () => {
    const seen: number[][] = []
    await fitMany(decay, few, { start: starts(), onProgress: (...how) => seen.push(how) })
    expect(seen.length).toBeGreaterThanOrEqual(3)
    expect(seen.map(([, total]) => total)).toEqual(seen.map(() => count))
    expect(seen.every(([done], i) => i === 0 || done >= seen[i - 1][0])).toBe(true)
    expect(seen.at(-1)).toEqual([count, count])
  })

  test('counts impossible fits of different lengths in the reported progress', async () => {
    const seen: number[] = []
    await fitMany(decay, { t, y }, { start, onProgress: (done) => seen.push(done) })
    expect(seen[0]).toBeGreaterThan(1)
    expect(seen.at(-1)).toBe(lengths.length)
  })

  test.each(['native', 'wasm'] as const)('can be aborted halfway on the engine %s', async (engine) => {
    const reason = new Error('enough')
    const controller = new AbortController()
    const seen: number[] = []
    const onProgress = (done: number) => {
      seen.push(done)
      controller.abort(reason)
    }
    await expect(
      fitMany(decay, few, { start: starts(), engine, signal: controller.signal, onProgress }),
    ).rejects.toBe(reason)
    expect(seen).toHaveLength(1)
    expect(seen[0]).toBeLessThan(count)
  })

  test('does not start if the signal is already aborted', async () => {
    const seen: number[] = []
    const signal = AbortSignal.abort(new Error('never'))
    await expect(
      fitMany(decay, few, { start, signal, onProgress: (done) => seen.push(done) }),
    ).rejects.toThrow('never')
    expect(seen).toEqual([])
  })

  test('ends with an error that onProgress throws', async () => {
    const failing = () => {
      throw new RangeError('mine')
    }
    await expect(fitMany(decay, few, { start: starts(), onProgress: failing })).rejects.toThrow('mine')
  })

  test('releases its memory when the signal is aborted', async () => {
    const { Memory } = WebAssembly
    let made = 0
    WebAssembly.Memory = new Proxy(Memory, {
      construct(target, given) {
        made++
        return Reflect.construct(target, given)
      },
    })
    try {
      for (let i = 0; i < 100; i++) {
        const controller = new AbortController()
        const data = { t: [0, 1, 2, 3], y: [3, 2, 1.5, 1.2] }
        const call = fitMany(decay, data, { start, engine: 'wasm', signal: controller.signal })
        controller.abort(new Error('newer'))
        await expect(call).rejects.toThrow('newer')
        // Work in progress ends first.
        await new Promise((resolve) => setImmediate(resolve))
      }
    } finally {
      WebAssembly.Memory = Memory
    }
    expect(made).toBeLessThan(10)
  })

  test('does not block the event loop during the fits', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await fitMany(decay, few, { start: starts(), engine: 'native' })
    clearInterval(timer)
    expect(turns).toBeGreaterThan(0)
  })

  test("ignores later changes of the user's data and options", async () => {
    const make = () => ({
      data: {
        t: t.map((column) => Float64Array.from(column)),
        y: y.map((column) => Float64Array.from(column)),
      },
      options: {
        start: { a: Float64Array.from(t, (_, i) => 1 + i / 20), b: { start: 1, min: 0, max: 4 }, c: 0 },
        weights: t.map((column) => column.map((_, k) => 1 + (k % 3))),
        loss: 'huber' as const,
        lossScale: 0.1,
      },
    })
    const left = make()
    const wanted = all(fitManySync(decay, left.data, left.options))
    const { data, options } = make()
    const promise = fitMany(decay, data, options)
    for (const column of [...data.t, ...data.y, options.start.a, ...options.weights]) column.fill(7)
    data.t.length = 3
    Object.assign(options.start.b, { start: 3, min: 2 })
    Object.assign(options, { loss: 'cauchy', lossScale: 9, start: {} })
    expect(all(await promise)).toBe(wanted)
  })

  test('can run at the same time as another call', async () => {
    const one: PerRunData = { t, y }
    const other: PerRunData = { t, y: y.map((column) => column.map((value) => 2 * value)) }
    const both = await Promise.all([fitMany(decay, one, { start }), fitMany(decay, other, { start })])
    expect(both.map(all)).toEqual([one, other].map((data) => all(fitManySync(decay, data, { start }))))
  })
})

test('memory use grows with the number of fits only by the memory of inputs and results', () => {
  // The peak memory of a separate process. Both counts fill a batch.
  const program = (count: number) => `
    import { fitManySync } from ${JSON.stringify(new URL('../../dist/fits/index.js', import.meta.url))}
    import { expression } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url))}
    const t = [0, 1, 2, 3, 4], y = [3, 2, 1.4, 1.2, 1.05]
    const a = new Float64Array(${count}).fill(2)
    const found = fitManySync(expression('a*exp(-b*t) + c'), { t, y }, { start: { a, b: 1, c: 0 } })
    console.log(process.resourceUsage().maxRSS * 1024, found.length)`
  const peak = (count: number) => {
    const text = execFileSync(process.execPath, ['--input-type=module', '-e', program(count)], {
      encoding: 'utf8',
    })
    return Number(text.split(' ')[0])
  }
  const [few, many] = [100_000, 400_000]
  const bytes = (peak(many) - peak(few)) / (many - few)
  // Each fit has 88 bytes of results and 24 bytes of inputs, both with copies: 300 to 440 in total. With all fits in
  // one batch it would be 940.
  expect(bytes).toBeLessThan(650)
})

test.skipIf(!engines().native.available)(
  'a batch of fits leaves one thread to a second concurrent batch',
  () => {
    const t = [0, 1, 2, 3]
    const y = Array.from({ length: 5000 }, (_, fit) => t.map((at) => 2 * Math.exp(-at) + 1 + fit / 1e4))
    const fits = createFits(
      expression('a*exp(-b*t) + c') as never,
      { t, y },
      { start, engine: 'native', threads: 3 },
    )
    // After the pauses for row selection.
    let sideBySide: unknown
    for (sideBySide of fits.calls(true)) if (sideBySide !== undefined) break
    if (!Array.isArray(sideBySide)) throw new Error('there is one')
    const most = sideBySide.map((calls) => {
      // The threads of all its batches.
      let threads = 0
      for (const call of calls) {
        if (call === undefined) continue
        threads = Math.max(threads, call.shape.scratches)
        fits.choice.runner.advance(call)
      }
      return threads
    })
    // The first batch received all threads here.
    expect(most).toEqual([2, 0])
  },
)

test('the memory of finished batches is reused, even by two concurrent calls', async () => {
  const { Memory } = WebAssembly
  let made = 0
  WebAssembly.Memory = new Proxy(Memory, {
    construct(of, given) {
      made++
      return Reflect.construct(of, given)
    },
  })
  try {
    const x = Float64Array.from({ length: 20 }, (_, k) => k / 10)
    const ys = Array.from({ length: 9000 }, (_, fit) => x.map((at) => Math.exp(-at * (1 + (fit % 7) / 7))))
    const fitted = () => fitMany(decay, { t: x, y: ys }, { start, engine: 'native', threads: 2 })
    for (let k = 0; k < 10; k++) await fitted()
    const before = made
    expect(before).toBeGreaterThan(0)
    for (let k = 0; k < 5; k++) await fitted()
    // One of the two calls may need more than is left over.
    expect(made - before).toBeLessThan(5)
  } finally {
    WebAssembly.Memory = Memory
  }
})
