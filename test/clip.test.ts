/**
 * Clips per tensor, on every engine: by norm, by root mean square, and by the norm of the parameters (AGC; Brock et
 * al., 2021). test/golden.test.ts has Optax's trajectories, and test/same-bits.test.ts covers all rules.
 */

import {
  adam,
  adamw,
  type Clip,
  centralized,
  gradientDescent,
  lamb,
  Optimizer,
  OptionError,
  type SavedRun,
  sgd,
  type TensorClip,
  unitwise,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { type Dtype, dtypes, type FloatArray, inBits, noise, remembered, roundOf } from './helpers.js'
import { array, firstDifference, variants } from './support.js'

const threads = [1, 2, 3].map((threads) => ({
  name: `${threads} threads`,
  engine: 'native' as const,
  threads,
}))

/** Irregular lengths, one of which exceeds two block boundaries. */
const lengths = [0, 1, 3, 4, 15, 16, 17, 33, 255, 256, 257, 40_003]

/** Numbers whose squares have exact sums in any order. */
const exact = (seed: number, length: number, dtype: Dtype) =>
  noise(seed, length, dtype).map((x) => Math.round(x * 64) / 64)

const squares = (values: FloatArray) => {
  let sum = 0
  for (const x of values) sum += x * x
  return sum
}

/** The sum of squares of any numbers, in the order of docs/numerics.md. */
function striped(values: FloatArray): number {
  let total = 0
  for (let block = 0; block < values.length; block += 16_384) {
    let sums: number[] = Array(16).fill(0)
    values.subarray(block, block + 16_384).forEach((x, i) => {
      sums[i % 16] += x * x
    })
    while (sums.length > 1) {
      const half = sums.length / 2
      sums = sums.slice(0, half).map((x, i) => x + sums[half + i])
    }
    total += sums[0]
  }
  return total
}

/** The gradient factors by definition. */
function factorsOf(gradients: readonly FloatArray[], params: readonly FloatArray[], clip: Clip, share = 1) {
  const norms = gradients.map((g) => Math.sqrt(squares(g)) * share)
  const limits = gradients.map((g, i) => {
    const { tensorNorm = Infinity, rms = Infinity, adaptive } = clip
    const { factor, eps = 1e-3 } = typeof adaptive === 'object' ? adaptive : { factor: adaptive ?? Infinity }
    const mean = rms === Infinity ? Infinity : rms * Math.sqrt(g.length)
    return Math.min(tensorNorm, mean, factor * Math.max(Math.sqrt(squares(params[i])), eps))
  })
  const own = norms.map((norm, i) => (norm > limits[i] ? limits[i] / norm : 1))
  const left = norms.map((norm, i) => norm * own[i])
  const total = Math.sqrt(left.reduce((sum, x) => sum + x * x, 0))
  const { norm: most = Infinity } = clip
  const all = total > most ? share * (most / total) : share
  return own.map((factor) => all * factor)
}

const clips: Record<string, Clip> = {
  tensorNorm: { tensorNorm: 1.5 },
  rms: { rms: 0.5 },
  adaptive: { adaptive: 0.25 },
  'adaptive with an ε': { adaptive: { factor: 0.5, eps: 8 } },
  all: { tensorNorm: 30, rms: 0.5, adaptive: 0.9 },
  'within the norm by then': { tensorNorm: 1.5, norm: 50 },
  'before the norm and the value': { tensorNorm: 1.5, norm: 2, value: 0.25 },
}

const rule = adam({ lr: 0.1, weightDecay: 0.1 })
const startsOf = remembered((dtype: Dtype) => lengths.map((length, i) => exact(i, length, dtype)))

/** The gradients of a step, and the result of the step. */
const stepOf = remembered((name: string, dtype: Dtype, t: number) => {
  const f = roundOf[dtype]
  const [clip, start] = [clips[name], startsOf(dtype)]
  const value = clip.value === undefined ? {} : { clip: { value: clip.value } }
  const twin = new Optimizer(start, rule, { ...value, engine: 'typescript' })
  const gradients = lengths.map((length, i) => exact(50 + 100 * t + i, length, dtype))
  const factors = factorsOf(gradients, start, clip)
  twin.step(gradients.map((g, i) => g.map((x) => f(f(factors[i]) * x))))
  const norm = Math.sqrt(gradients.reduce((sum, g) => sum + squares(g), 0))
  return { gradients, params: twin.params, norm, clipped: factors.filter((factor) => factor !== 1).length }
})

describe.each([...variants, ...threads])('clipping per tensor on $name', ({ name: _, ...engine }) => {
  describe.each(Object.entries(clips))('with the clip %s', (name, clip) => {
    test.each(dtypes)('follows the documented formula, in %s', (dtype) => {
      let clipped = 0
      for (let t = 0; t < 4; t++) {
        const optimizer = new Optimizer(startsOf(dtype), rule, { clip, ...engine })
        const { gradients, norm, ...expected } = stepOf(name, dtype, t)
        clipped += expected.clipped
        if (t % 2 === 0) optimizer.step(gradients)
        else {
          optimizer.grads.forEach((grads, i) => {
            grads.set(gradients[i])
          })
          optimizer.step()
        }
        for (const [i, params] of optimizer.params.entries()) {
          expect(firstDifference(expected.params[i], params), `step ${t}, tensor ${i}`).toBe(-1)
        }
        expect(optimizer.lastStep.norm).toBeCloseTo(norm, 10)
      }
      expect(clipped).toBeGreaterThan(8)
    })
  })

  test.each(dtypes)('handles 0, NaN and infinity as documented, in %s', (dtype) => {
    const step = (clip: Clip, gradients: number[][], start = gradients.map((g) => g.map(() => 1))) => {
      const [params, given] = [start, gradients].map((all) => all.map((values) => array(dtype, values)))
      const optimizer = new Optimizer(params, gradientDescent({ lr: 1 }), { clip, ...engine })
      optimizer.step(given)
      return optimizer.params.map((values) => [...values])
    }
    const gradients = [
      [0, 0],
      [NaN, 1],
      [Infinity, 1],
      [3, 4],
    ]
    for (const clip of [{ tensorNorm: 2.5 }, { rms: 2.5 * Math.SQRT1_2 }]) {
      const [zero, nan, infinite, finite] = step(clip, gradients)
      expect([zero, nan, infinite]).toEqual([
        [1, 1],
        [NaN, NaN],
        [NaN, 1],
      ])
      expect(finite[0]).toBeCloseTo(-0.5, 6)
      expect(finite[1]).toBeCloseTo(-1, 6)
    }
    // Parameters of 0 count as ε. NaN parameters make the step NaN, and infinite ones disable the clip.
    const start = [
      [0, 0],
      [NaN, 1],
      [Infinity, 0],
    ]
    const moved = step(
      { adaptive: { factor: 0.5, eps: 5 } },
      [
        [3, 4],
        [3, 4],
        [3, 4],
      ],
      start,
    )
    expect(moved).toEqual([
      [-1.5, -2],
      [NaN, NaN],
      [Infinity, -4],
    ])
    // A NaN in one tensor affects others only through the global norm.
    expect(step({ tensorNorm: 1, norm: 1 }, [[NaN], [3]])).toEqual([[NaN], [NaN]])
  })

  test('computes a finite norm even if squared gradients overflow', () => {
    const start = [Float64Array.of(0, 0), Float64Array.of(0)]
    const optimizer = new Optimizer(start, gradientDescent({ lr: 1 }), { clip: { tensorNorm: 1 }, ...engine })
    optimizer.step([Float64Array.of(3e200, 4e200), Float64Array.of(0.5)])
    expect(optimizer.params[0][0]).toBeCloseTo(-0.6, 12)
    expect(optimizer.params[0][1]).toBeCloseTo(-0.8, 12)
    expect([...optimizer.params[1]]).toEqual([-0.5])
  })

  test.each(dtypes)(
    'computes the same bits in grouped, batched, asynchronous and loaded runs, in %s',
    async (dtype) => {
      const make = (forced: object) =>
        new Optimizer(
          lengths.map((length, i) => noise(i, length, dtype)),
          adamw({ lr: 0.01 }),
          {
            groups: [
              { match: ['2', '11'], clip: { rms: 0.25 } },
              { match: '10', rule: lamb({ lr: 0.01 }) },
              { match: '9', rule: sgd({ lr: 0.1, cautious: true }), clip: {} },
            ],
            clip: { adaptive: 0.01, norm: 3 },
            accumulate: 2,
            ...forced,
          },
        )
      const expected = make({ engine: 'typescript' })
      let actual = make(engine)
      for (let t = 0; t < 8; t++) {
        const gradients = lengths.map((n, i) =>
          t > 3 && i === 7 ? null : noise(100 * t + i, n, dtype),
        ) as never
        const isLast = expected.step(gradients)
        expect(await (t % 4 < 2 ? actual.step(gradients) : actual.stepAsync(gradients))).toBe(isLast)
        if (t === 4) actual = Optimizer.load(structuredClone(actual.save()), engine) as never
      }
      const tensors = [expected, actual].map((optimizer) => inBits(optimizer.save().tensors))
      expect(tensors[0] === tensors[1]).toBe(true)
    },
  )
})

/**
 * Matrices with several rows, one row, one column, three dimensions and no elements, a vector, and a tensor without a
 * shape.
 */
const shapes = [[7, 5], [1, 40_003], [300, 1], [3, 4, 6], [0, 5], [300, 70], [33], undefined]
const sizes = shapes.map((shape) => shape?.reduce((product, n) => product * n, 1) ?? 20)

describe.each([...variants, ...threads])('clipping per row on $name', ({ name: _, ...engine }) => {
  const make = (dtype: Dtype, clip: Clip, options: object = {}, forced: object = engine) => {
    const start = sizes.map((length, i) => exact(i, length, dtype))
    return new Optimizer(start, adam({ lr: 0.1, weightDecay: 0.1 }), { clip, shapes, ...forced, ...options })
  }

  test.each(dtypes)('limits each row of a matrix as documented, in %s', (dtype) => {
    const f = roundOf[dtype]
    for (const [factor, eps] of [
      [0.5, 1e-3],
      [0.25, 8],
    ]) {
      const [lent, own] = [0, 1].map(() => make(dtype, { adaptive: unitwise({ factor, eps }) }))
      const twin = make(dtype, {}, {}, { engine: 'typescript' })
      const gradients = sizes.map((length, i) => exact(50 + i, length, dtype))
      let clipped = 0
      const expected = gradients.map((g, i) => {
        const rows = shapes[i] === undefined || shapes[i].length < 2 ? 1 : shapes[i][0]
        const columns = g.length / rows
        const start = twin.params[i]
        const factors = Array.from({ length: rows }, (_, row) => {
          const [ofG, ofTheta] = [g, start].map((values) =>
            Math.sqrt(squares(values.subarray(row * columns, (row + 1) * columns))),
          )
          const limit = factor * Math.max(ofTheta, eps)
          if (ofG > limit) clipped++
          return ofG > limit ? f(limit / ofG) : 1
        })
        return g.map((x, k) => f(x * factors[Math.floor(k / columns)]))
      })
      const before = gradients.map((g) => g.slice())
      lent.step(gradients)
      expect(gradients.map((g, i) => firstDifference(g, before[i]))).toEqual(sizes.map(() => -1))
      own.grads.forEach((g, i) => {
        g.set(gradients[i])
      })
      own.step()
      twin.step(expected)
      expect(clipped).toBeGreaterThan(8)
      for (const [i, params] of twin.params.entries()) {
        for (const one of [lent, own]) expect(firstDifference(params, one.params[i]), `tensor ${i}`).toBe(-1)
      }
    }
  })

  test.each(dtypes)('can center each row of a matrix as documented, in %s', (dtype) => {
    const f = roundOf[dtype]
    const factor = 0.5
    for (const adaptive of [undefined, unitwise({ factor })]) {
      const optimizer = make(dtype, { centralized: centralized(), ...(adaptive && { adaptive }) })
      const twin = make(dtype, {}, {}, { engine: 'typescript' })
      const gradients = sizes.map((length, i) => exact(50 + i, length, dtype))
      const expected = gradients.map((g, i) => {
        const [rows, ...inner] = shapes[i] ?? []
        const isMatrix = inner.length > 0
        const columns = isMatrix ? g.length / rows : g.length
        const start = twin.params[i]
        for (let at = 0; at < g.length; at += columns) {
          const row = g.slice(at, at + columns)
          const mean = f(Array.from(row).reduce((total, x) => total + x, 0) / columns)
          const left = row.map((x) => (isMatrix ? f(x - mean) : x))
          const [ofG, ofTheta] = [left, start.subarray(at, at + columns)].map((x) => Math.sqrt(striped(x)))
          const limit = factor * Math.max(ofTheta, 1e-3)
          const rate = adaptive !== undefined && ofG > limit ? f(limit / ofG) : 1
          g.set(
            left.map((x) => f(x * rate)),
            at,
          )
        }
        return g
      })
      optimizer.step(sizes.map((length, i) => exact(50 + i, length, dtype)))
      twin.step(expected)
      for (const [i, params] of twin.params.entries()) {
        expect(firstDifference(params, optimizer.params[i]), `tensor ${i}`).toBe(-1)
      }
    }
  })

  test('precedes clipping by norm in batched, asynchronous and loaded runs', async () => {
    const groups = [
      { match: '5', clip: {} },
      { match: '2', clip: { centralized: centralized(), adaptive: 0.1 } },
    ]
    const options = { accumulate: 2, groups }
    const byRow = { adaptive: unitwise({ factor: 0.05 }), centralized: centralized() }
    const clip = { ...byRow, tensorNorm: 2, norm: 1, value: 0.01 }
    const expected = make('float32', clip, options, { engine: 'typescript' })
    let actual = make('float32', clip, options)
    for (let t = 0; t < 8; t++) {
      const gradients = sizes.map((n, i) =>
        t > 3 && i === 3 ? null : noise(100 * t + i, n, 'float32'),
      ) as never
      const isLast = expected.step(gradients)
      expect(await (t % 4 < 2 ? actual.step(gradients) : actual.stepAsync(gradients))).toBe(isLast)
      if (t === 4) actual = Optimizer.load(structuredClone(actual.save()), engine) as never
    }
    const tensors = [expected, actual].map((optimizer) => inBits(optimizer.save().tensors))
    expect(tensors[0] === tensors[1]).toBe(true)
  })

  test('does not affect the reported gradient norms', () => {
    const optimizer = make('float64', { adaptive: unitwise({ factor: 0.01 }), norm: 0.5, tensorNorm: 1 })
    const gradients = sizes.map((length, i) => exact(50 + i, length, 'float64'))
    optimizer.step(gradients)
    const norms = gradients.map((g) => Math.sqrt(squares(g)))
    expect(optimizer.lastStep.norm).toBeCloseTo(Math.hypot(...norms), 9)
    expect(Object.values(optimizer.lastStep.norms)).toEqual(norms)
  })

  test('computes a finite norm for gradients whose squares overflow, unless a gradient is infinite', () => {
    const start = Float64Array.of(0, 0, 0, 0, 0, 0)
    const clip = { adaptive: unitwise({ factor: 0.5, eps: 2 }) }
    const optimizer = new Optimizer(start, gradientDescent({ lr: 1 }), { clip, shapes: [3, 2], ...engine })
    optimizer.step(Float64Array.of(3e200, 4e200, 0.25, 0.5, Infinity, 1))
    expect(optimizer.params[0]).toBeCloseTo(-0.6, 12)
    expect(optimizer.params[1]).toBeCloseTo(-0.8, 12)
    expect([...optimizer.params.slice(2)]).toEqual([-0.25, -0.5, NaN, 0])
  })

  test.each(dtypes)('preserves gradients of −0 if no gradient noise is added, in %s', (dtype) => {
    const start = array(dtype, Array(16).fill(-0))
    const clip = { adaptive: unitwise({ factor: 0.5 }) }
    const optimizer = new Optimizer(start, gradientDescent({ lr: 1 }), { clip, shapes: [4, 4], ...engine })
    optimizer.step(array(dtype, Array(16).fill(-0)))
    // −0 − −0.
    expect([...optimizer.params]).toEqual(Array(16).fill(0))
  })
})

describe('clips of groups', () => {
  const ones = (length: number) => new Float64Array(length).fill(1)
  const start = { body: ones(4), head: ones(4), extra: ones(4) }
  const gradients = { body: ones(4), head: ones(4), extra: ones(4) }
  const rule = gradientDescent({ lr: 1 })
  const moved = (optimizer: { readonly params: object }) =>
    Object.fromEntries(Object.entries(optimizer.params).map(([name, values]) => [name, 1 - values[0]]))
  const make = (clip: Clip, head: TensorClip) =>
    new Optimizer(start, rule, { clip, groups: [{ match: 'head', clip: head }] })

  test("replace or disable the optimizer's clip", () => {
    const none = make({ tensorNorm: 1 }, {})
    none.step(gradients)
    expect(moved(none)).toEqual({ body: 0.5, head: 1, extra: 0.5 })
    const other = make({ tensorNorm: 1 }, { tensorNorm: 0.5 })
    other.step(gradients)
    expect(moved(other)).toEqual({ body: 0.5, head: 0.25, extra: 0.5 })
    const alone = make({}, { rms: 0.5 })
    alone.step(gradients)
    expect(moved(alone)).toEqual({ body: 1, head: 0.5, extra: 1 })
  })

  test('are saved, and apply in loaded and restored optimizers and to added tensors', () => {
    const optimizer = make({ tensorNorm: 1 }, {})
    const saved: SavedRun = structuredClone(optimizer.save())
    expect(saved.options).toMatchObject({ clip: { tensorNorm: 1 } })
    expect(saved.groups).toEqual([{ match: 'head', clip: {} }])
    expect(Object.values(saved.tensors).map(({ clip }) => clip)).toEqual([undefined, {}, undefined])
    const loaded = Optimizer.load<typeof start>(saved)
    loaded.step(gradients)
    expect(moved(loaded)).toEqual({ body: 0.5, head: 1, extra: 0.5 })
    // The optimizer's own clip stays unchanged.
    const restored = new Optimizer(start, rule, { clip: { tensorNorm: 0.5 } })
    restored.restore(saved)
    restored.step(gradients)
    expect(moved(restored)).toEqual({ body: 0.25, head: 1, extra: 0.25 })
    // Changed options do not remove the clip.
    loaded.set({ lr: 2 })
    loaded.set('head', { lr: 4 })
    for (const params of Object.values(loaded.params)) params.fill(1)
    loaded.step(gradients)
    expect(moved(loaded)).toEqual({ body: 1, head: 4, extra: 1 })
  })

  test('apply to tensors that are added later, and ignore frozen tensors', () => {
    const optimizer = new Optimizer({ body: ones(4) }, rule, {})
    const more = optimizer.add({ head: ones(4) }, { groups: [{ match: 'head', clip: { tensorNorm: 1 } }] })
    more.step({ body: ones(4), head: ones(4) })
    expect(moved(more)).toEqual({ body: 1, head: 0.5 })
    more.freeze('head')
    more.step({ body: ones(4) })
    expect(more.lastStep.norm).toBeNaN()
    more.unfreeze('head')
    more.step({ body: ones(4), head: ones(4) })
    expect(moved(more)).toEqual({ body: 3, head: 1 })
  })
})

describe('an invalid clip', () => {
  const limit = 'a finite number > 0'
  test.each([
    [
      'an unknown kind',
      { block: 1 },
      'clip: expected one of norm, value, tensorNorm, rms, adaptive, centralized, noise, got "block"',
    ],
    [
      'a number instead of an object',
      3,
      'clip: expected { norm, value, tensorNorm, rms, adaptive, centralized, noise }, got 3',
    ],
    ['a norm of 0', { tensorNorm: 0 }, `clip: tensorNorm: expected ${limit}, got 0`],
    ['NaN', { rms: NaN }, `clip: rms: expected ${limit}, got NaN`],
    ['infinity', { adaptive: Infinity }, `clip: adaptive: factor: expected ${limit}, got Infinity`],
    ['null', { adaptive: null }, `clip: adaptive: expected ${limit} or { factor, eps, unit }, got null`],
    [
      'a factor that is none',
      { adaptive: { factor: '1' } },
      `clip: adaptive: factor: expected ${limit}, got "1"`,
    ],
    ['an ε of 0', { adaptive: { factor: 1, eps: 0 } }, `clip: adaptive: eps: expected ${limit}, got 0`],
    [
      'more',
      { adaptive: { factor: 1, ratio: 1 } },
      'clip: adaptive: expected one of factor, eps, unit, got "ratio"',
    ],
    [
      'what is not centralized',
      { centralized: false },
      'clip: centralized: expected the result of centralized(), got false',
    ],
    [
      'another unit',
      { adaptive: { factor: 1, unit: 'column' } },
      'clip: adaptive: unit: expected \'row\', got "column"',
    ],
    [
      'a wrong factor of units',
      { adaptive: { ...unitwise({ factor: 1 }), factor: 0 } },
      'clip: adaptive: factor: expected a finite number > 0, got 0',
    ],
  ])('is refused: %s', (_, clip, message) => {
    expect(() => new Optimizer(new Float32Array(3), adam(), { clip: clip as never })).toThrow(OptionError)
    expect(() => new Optimizer(new Float32Array(3), adam(), { clip: clip as never })).toThrow(message)
  })

  test.each([undefined, null, 0.01, 'row', { factor: 0 }])(
    'is refused in the form unitwise(%j)',
    (options) => {
      expect(() => unitwise(options as never)).toThrow(OptionError)
    },
  )

  test.each([
    [
      'the global norm',
      { norm: 1 },
      'groups[0]: clip: expected one of tensorNorm, rms, adaptive, centralized, noise, got "norm"',
    ],
    ['null', null, 'groups[0]: clip: expected { tensorNorm, rms, adaptive, centralized, noise }, got null'],
  ])('is refused in a group of tensors: %s', (_, clip, message) => {
    const groups = [{ match: '**', clip: clip as never }]
    expect(() => new Optimizer(new Float32Array(3), adam(), { groups })).toThrow(message)
  })

  test('is refused in a saved run', () => {
    const saved = structuredClone(new Optimizer({ a: new Float32Array(3) }, adam()).save()) as never as {
      tensors: { a: object }
    }
    const broken = { ...saved, tensors: { a: { ...saved.tensors.a, clip: { rms: -1 } } } }
    expect(() => Optimizer.load(broken as never)).toThrow(`saved: a: clip: rms: expected ${limit}, got -1`)
  })
})

test('an optimizer calls each getter of a clip object once', () => {
  let reads = 0
  const clip = Object.defineProperty({}, 'rms', { enumerable: true, get: () => (reads++ === 0 ? 1 : NaN) })
  expect(new Optimizer(new Float32Array(3), adam(), { clip }).save().options).toMatchObject({
    clip: { rms: 1 },
  })
})
