/** Gradient noise (Neelakantan et al., 2015) on every engine, compared with the formula in integers. */

import { execFileSync } from 'node:child_process'
import {
  adam,
  type Clip,
  centralized,
  gradientDescent,
  noise,
  Optimizer,
  OptionError,
  unitwise,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { cos, log, sin } from '../dist/functions/index.js'
import { home } from './children.js'
import { dtypes, type FloatArray, inBits, remembered, roundOf } from './helpers.js'
import { array, firstDifference, variants } from './support.js'

const engines = [
  ...variants,
  ...[1, 2, 3].map((threads) => ({ name: `${threads} threads`, engine: 'native' as const, threads })),
]

type Words = readonly [bigint, bigint, bigint, bigint]

/** Philox 4×32-10 (Salmon et al., 2011). */
function philox([a, b, c, d]: Words, [k, l]: readonly [bigint, bigint]): Words {
  for (let round = 0; round < 10; round++) {
    const [x, y] = [a * 0xd2511f53n, c * 0xcd9e8d57n]
    ;[a, b, c, d] = [(y >> 32n) ^ b ^ k, y & 0xffffffffn, (x >> 32n) ^ d ^ l, x & 0xffffffffn]
    ;[k, l] = [(k + 0x9e3779b9n) & 0xffffffffn, (l + 0xbb67ae85n) & 0xffffffffn]
  }
  return [a, b, c, d]
}

/** FNV-1a. */
const keyOf = (name: string) =>
  [...name].reduce((h, unit) => ((h ^ BigInt(unit.charCodeAt(0))) * 16777619n) & 0xffffffffn, 0x811c9dc5n)

const halves = (x: number) => [BigInt(x) & 0xffffffffn, BigInt(x) >> 32n] as const

interface Functions {
  readonly log: (x: number) => number
  readonly cos: (x: number) => number
  readonly sin: (x: number) => number
}

/** The normal variates of a tensor. */
function normals(name: string, length: number, t: number, seed: number, f: Functions = { log, cos, sin }) {
  return Float64Array.from({ length }, (_, i) => {
    const words = philox([BigInt(i >> 2), keyOf(name), ...halves(t)], halves(seed)).map(Number)
    const [u, v] = [words[i & 2], words[(i & 2) + 1]]
    const radius = Math.sqrt(-2 * f.log((u + 0.5) / 2 ** 32))
    return radius * (i % 2 === 0 ? f.cos : f.sin)(v * ((2 * Math.PI) / 2 ** 32))
  })
}

/** The normal variates by the library's functions. */
const normalsOf = remembered((name: string, length: number, t: number, seed: number) =>
  normals(name, length, t, seed),
)

const lengths = [0, 1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 257, 16_383, 16_389, 40_003]
const names = lengths.map((length) => `a.${length}`)
const named = (make: (length: number, i: number) => FloatArray) =>
  Object.fromEntries(lengths.map((length, i) => [names[i], make(length, i)]))

test('gradient noise uses the published generator Philox, with normal numbers accurate to 1e-14', () => {
  // The results that Philox's authors published.
  expect(philox([0n, 0n, 0n, 0n], [0n, 0n])).toEqual([0x6627e8d5n, 0xe169c58dn, 0xbc57ac4cn, 0x9b00dbd8n])
  const ones = 0xffffffffn
  expect(philox([ones, ones, ones, ones], [ones, ones])).toEqual([
    0x408f276dn,
    0x41c83b0en,
    0xa20bc7c6n,
    0x6d5451fdn,
  ])
  const pi = [0x243f6a88n, 0x85a308d3n, 0x13198a2en, 0x03707344n] as const
  const words = [0xd16cfe09n, 0x94fdccebn, 0x5001e420n, 0x24126ea1n]
  expect(philox(pi, [0xa4093822n, 0x299f31d0n])).toEqual(words)
  const [own, exact] = [{ log, cos, sin }, Math].map((functions) => normals('a', 1000, 3, 7, functions))
  own.forEach((n, i) => {
    expect(Math.abs(n - exact[i])).toBeLessThan(1e-14)
  })
})

describe.each(engines)('gradient noise on $name', ({ name: _, ...engine }) => {
  const descend = <P extends object>(params: P, clip: Clip, options: object = {}) =>
    new Optimizer(params as Record<string, FloatArray>, gradientDescent({ lr: 1 }), {
      clip,
      ...engine,
      ...options,
    })

  test.each(dtypes)('differs for each element, in %s', (dtype) => {
    const f = roundOf[dtype]
    for (const seed of [0, 2 ** 53 - 1]) {
      let optimizer = descend(
        named((length) => array(dtype, Array(length).fill(0))),
        { noise: noise({ eta: 0.25, gamma: 1, seed }) },
      )
      for (let k = 0; k < 4; k++) {
        // Counts may exceed 32 bits.
        const t = k < 3 ? k : 2 ** 34 + 3
        if (k === 3) {
          const saved = structuredClone(optimizer.save())
          for (const { clock } of Object.values(saved.tensors)) Object.assign(clock as object, { t })
          optimizer = Optimizer.load(saved, engine) as never
        }
        for (const params of Object.values(optimizer.params)) params.fill(0)
        optimizer.step(named((length, i) => array(dtype, Array(length).fill(i / 8))))
        const sigma = Math.sqrt(0.25 / (1 + t))
        for (const [i, name] of names.entries()) {
          const drawn = normalsOf(name, lengths[i], t, seed)
          const expected = array(dtype, drawn.length).map((_, j) => 0 - f(i / 8 + sigma * drawn[j]))
          expect(firstDifference(expected, optimizer.params[name]), `${name} at ${t}`).toBe(-1)
        }
      }
    }
  })

  test('does not depend on the order, shapes or later addition of tensors', () => {
    const clip = { noise: noise({ gamma: 0, seed: 5 }) }
    const zeros = named((length) => new Float32Array(length))
    const straight = descend(zeros, clip)
    const shapes = { 'a.40003': [40_003, 1], 'a.16': [4, 4], 'a.64': [2, 8, 4] }
    const reversed = descend(Object.fromEntries(Object.entries(zeros).reverse()), clip, { shapes })
    const [first, ...others] = Object.entries(zeros)
    const grown = descend(Object.fromEntries([first]), clip).add(Object.fromEntries(others))
    for (const optimizer of [straight, reversed, grown]) (optimizer as typeof straight).step(zeros)
    for (const name of names) {
      for (const optimizer of [reversed, grown as never as typeof reversed]) {
        expect(firstDifference(straight.params[name], optimizer.params[name]), name).toBe(-1)
      }
    }
  })

  test('is added after clipping per row and before clipping by norm', async () => {
    const make = (forced: object) =>
      new Optimizer(
        named((length, i) => new Float32Array(length).fill(i)),
        adam({ lr: 0.1 }),
        {
          clip: {
            adaptive: unitwise({ factor: 0.5 }),
            centralized: centralized(),
            noise: noise({ seed: 3 }),
            ...{ tensorNorm: 2, norm: 3, value: 0.25 },
          },
          groups: [
            { match: 'a.3', clip: {} },
            { match: 'a.17', clip: { noise: noise({ eta: 1 }) } },
          ],
          shapes: { 'a.16': [4, 4], 'a.40003': [1, 40_003] },
          accumulate: 2,
          onNonFinite: 'skip',
          ...forced,
        } as object,
      )
    const expected = make({ engine: 'typescript' })
    let actual = make(engine)
    for (let t = 0; t < 8; t++) {
      const g = named((length, i) => new Float32Array(length).fill((i - t) / 4))
      if (t > 3) delete g['a.65']
      if (t === 5) g['a.1'].fill(NaN)
      const moved = expected.step(g as never)
      expect(await (t % 4 < 2 ? actual.step(g as never) : actual.stepAsync(g as never))).toBe(moved)
      if (t === 4) actual = Optimizer.load(structuredClone(actual.save()), engine) as never
    }
    const tensors = [expected, actual].map((optimizer) => inBits(optimizer.save().tensors))
    expect(tensors[0] === tensors[1]).toBe(true)
    expect(expected.save().options).toMatchObject({ clip: { noise: { eta: 0.01, gamma: 0.55, seed: 3 } } })
  })

  test('is added only to updated tensors, once for all batches of an update', () => {
    const zeros = () => ({ a: new Float64Array(8), b: new Float64Array(8), c: new Float64Array(8) })
    const groups = [
      { match: 'b', frozen: true },
      { match: 'c', clip: {} },
    ]
    const options = { groups, accumulate: 2, onNonFinite: 'skip', zeroGrads: true }
    const optimizer = descend(zeros(), { noise: noise({ eta: 4, gamma: 0 }) }, options)
    const { a, c } = zeros()
    expect(optimizer.step({ a, c })).toBe(false)
    expect(optimizer.step({ a: a.map(() => NaN), c })).toBe(false)
    expect(optimizer.params).toEqual(zeros())
    expect(optimizer.step({ a, c })).toBe(true)
    expect([...optimizer.params.a]).toEqual([...normals('a', 8, 0, 0)].map((n) => -2 * n))
    expect([a, optimizer.params.b, optimizer.params.c]).toEqual([zeros().a, zeros().b, zeros().c])
  })
})

describe('the random numbers of gradient noise', () => {
  const length = 200_000
  const draw = (name: string, seed: number, steps = 1) => {
    const clip = { noise: noise({ eta: 1, gamma: 0, seed }) }
    const optimizer = new Optimizer({ [name]: new Float64Array(length) }, gradientDescent({ lr: 1 }), {
      clip,
    })
    for (let t = 0; t < steps; t++) {
      optimizer.params[name].fill(0)
      optimizer.step({ [name]: new Float64Array(length) })
    }
    return Float64Array.from(optimizer.params[name], (x) => -x)
  }
  const mean = (values: Float64Array, of: (x: number, i: number) => number) =>
    values.reduce((sum, x, i) => sum + of(x, i), 0) / values.length

  test.each([0, 1, 12_345, 2 ** 40])('are normally distributed with the seed %d', (seed) => {
    const values = draw('weight', seed)
    // Five standard deviations of the measured values.
    const within = 5 / Math.sqrt(length)
    expect(Math.abs(mean(values, (x) => x))).toBeLessThan(within)
    expect(Math.abs(mean(values, (x) => x ** 2) - 1)).toBeLessThan(within * Math.SQRT2)
    expect(Math.abs(mean(values, (x) => x ** 3))).toBeLessThan(within * Math.sqrt(15))
    expect(Math.abs(mean(values, (x) => x ** 4) - 3)).toBeLessThan(within * Math.sqrt(96))
    for (const [z, below] of [
      [-2, 0.0227501],
      [-1, 0.1586553],
      [0, 0.5],
      [0.5, 0.6914625],
      [3, 0.9986501],
    ]) {
      expect(Math.abs(mean(values, (x) => Number(x < z)) - below)).toBeLessThan(within / 2)
    }
  })

  test('are independent between elements, steps, tensors and seeds', () => {
    const values = draw('weight', 1)
    const within = 5 / Math.sqrt(length)
    for (const lag of [1, 2, 3, 4, 5, 8, 64, 16_384]) {
      const shifted = (x: number, i: number) => x * values[(i + lag) % length]
      expect(Math.abs(mean(values, shifted)), `${lag} apart`).toBeLessThan(within)
      expect(
        Math.abs(mean(values, (x, i) => (x ** 2 - 1) * (values[(i + lag) % length] ** 2 - 1))),
      ).toBeLessThan(2 * within)
    }
    for (const others of [draw('weight', 1, 2), draw('weight', 1, 3), draw('weighu', 1), draw('weight', 2)]) {
      expect(Math.abs(mean(values, (x, i) => x * others[i]))).toBeLessThan(within)
    }
  })
})

test.each([
  [null, 'noise: expected { eta, gamma, seed }, got null'],
  [{ eta: -1 }, 'noise: eta: expected a finite number ≥ 0, got -1'],
  [{ eta: '1' }, 'noise: eta: expected a finite number ≥ 0, got "1"'],
  [{ gamma: Infinity }, 'noise: gamma: expected a finite number ≥ 0, got Infinity'],
  [{ seed: 0.5 }, 'noise: seed: expected an integer from 0 to 2⁵³ − 1, got 0.5'],
  [{ seed: -1 }, 'noise: seed: expected an integer from 0 to 2⁵³ − 1, got -1'],
  [{ sigma: 1 }, 'noise: expected one of eta, gamma, seed, got "sigma"'],
])('invalid gradient noise is refused: %j', (options, message) => {
  expect(() => noise(options as never)).toThrow(OptionError)
  expect(() => noise(options as never)).toThrow(message)
  const make = () => new Optimizer(new Float32Array(3), adam(), { clip: { noise: options as never } })
  expect(make).toThrow(`clip: ${message}`)
})

test('the options of gradient noise are a frozen plain object, and eta = 0 adds no noise', () => {
  const given = noise({ eta: 0, seed: -0 })
  expect(given).toEqual({ eta: 0, gamma: 0.55, seed: 0 })
  expect(Object.isFrozen(given)).toBe(true)
  expect(JSON.parse(JSON.stringify(given))).toEqual(given)
  const optimizer = new Optimizer(Float64Array.of(1), gradientDescent({ lr: 1 }), { clip: { noise: given } })
  optimizer.step(Float64Array.of(0.5))
  expect([...optimizer.params]).toEqual([0.5])
})

test('gradient noise is refused until the program imports the module for gradient noise', () => {
  const script = `
    import { Optimizer } from './dist/optimizer.js'
    import { gradientDescent } from './dist/rules/gradient-descent.js'
    const clip = { noise: { eta: 1, gamma: 0, seed: 3 } }
    const make = (engine) => {
      const optimizer = new Optimizer({ a: new Float64Array(3) }, gradientDescent({ lr: 1 }), { clip, engine })
      optimizer.step({ a: new Float64Array(3) })
      return [...optimizer.params.a]
    }
    let message
    try {
      make('wasm')
    } catch (error) {
      message = error.message
    }
    await import('./dist/gradients/noise.js')
    console.log(JSON.stringify([message, make('wasm'), make('typescript')]))`
  const flags = ['--input-type=module', '-e', script]
  const made = JSON.parse(execFileSync(process.execPath, flags, { cwd: home, encoding: 'utf8' }))
  const expected = 'unitwise(), centralized() or noise(), got'
  const values = [...normals('a', 3, 0, 3)].map((n) => -n)
  expect(made).toEqual([expect.stringContaining(`clip: noise: expected ${expected}`), values, values])
})
