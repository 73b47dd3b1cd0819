/**
 * Sparse gradients. data/rows.json contains PyTorch's trajectories, with a note on how the trajectories were computed.
 */

import { readFileSync } from 'node:fs'
import {
  type AntigradError,
  adagrad,
  adam,
  adamw,
  centralized,
  ema,
  engines,
  exponential,
  gradientDescent,
  lion,
  NonFiniteError,
  noise,
  Optimizer,
  type OptimizerOptions,
  OptionError,
  rmsprop,
  sgd,
  sparseRows,
  TensorError,
} from 'antigrad'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Anything } from './adversarial/subject.js'
import { engineNames, inBits } from './helpers.js'

const ROWS = 20
const lazy = {
  gradientDescent: gradientDescent({ lr: 0.1 }),
  sgd: sgd({ lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
  adagrad: adagrad({ lr: 0.1 }),
  adam: adam({ lr: 0.1, amsgrad: true }),
  adamw: adamw({ lr: 0.1 }),
  'adam by row': adam({ lr: 0.1, perRow: true, weightDecay: 0.1 }),
  'adamw by row': adamw({ lr: 0.1, perRow: true, maximize: true }),
  rmsprop: rmsprop({ lr: 0.1, centered: true, momentum: 0.5 }),
}
const arrays = { float32: Float32Array, float64: Float64Array }
type Dtype = keyof typeof arrays
const wave = (dtype: Dtype, n: number, seed: number) => {
  const numbers = new arrays[dtype](n)
  for (let i = 0; i < n; i++) numbers[i] = Math.sin(i * 1.7 + seed) + 0.01
  return numbers
}

function make(rule: Anything, dtype: Dtype, columns: number, options: OptimizerOptions<Anything> = {}) {
  const params = {
    before: wave(dtype, 5, 1),
    embed: wave(dtype, ROWS * columns, 2),
    after: wave(dtype, 3, 3),
  }
  const shapes = { embed: [ROWS, columns] }
  return new Optimizer(params, rule, { shapes, ...options } as Anything) as Anything
}

/** A value in which all NaNs have the same bits, so that NaNs are equal. */
function withOneNaN<T>(value: T): T {
  if (ArrayBuffer.isView(value)) {
    const numbers = value as unknown as Float64Array
    for (let i = 0; i < numbers.length; i++) if (Number.isNaN(numbers[i])) numbers[i] = NaN
  } else if (typeof value === 'object' && value !== null) Object.values(value).forEach(withOneNaN)
  return value
}

/** Converts a sparse gradient to a dense array. */
function dense(dtype: Dtype, columns: number, indices: readonly number[], values: ArrayLike<number>) {
  const whole = new arrays[dtype](ROWS * columns)
  indices.forEach((index, k) => {
    for (let j = 0; j < columns; j++) whole[index * columns + j] = values[k * columns + j]
  })
  return whole
}

describe('the sparse gradients of PyTorch', () => {
  const { cases } = JSON.parse(readFileSync(new URL('./data/rows.json', import.meta.url), 'utf8'))
  const ruleOf = ({ optimizer, options }: Anything) => {
    const { betas: [beta1, beta2] = [], lr_decay, initial_accumulator_value, ...same } = options
    if (optimizer === 'SparseAdam') return adam.sparse({ ...same, beta1, beta2 })
    if (optimizer === 'SGD') return sgd(same)
    return adagrad({ ...same, lrDecay: lr_decay, initialAccumulator: initial_accumulator_value })
  }

  const named: [string, Anything][] = cases.map((given: Anything) => [
    `${given.name} ${JSON.stringify(given.options)}`,
    given,
  ])
  test.each(named)('give the same trajectory in antigrad as in PyTorch: %s', (_, given) => {
    const { dtype, shape, initial, updates, parameters, state, options, optimizer: name } = given
    const columns = shape[1]
    const tolerance = dtype === 'float64' ? 5e-13 : name === 'SGD' ? 1e-4 : 1e-5
    const close = (now: ArrayLike<number>, wanted: number[]) =>
      wanted.forEach((x, i) => {
        expect(Math.abs(now[i] - x)).toBeLessThanOrEqual(tolerance * (1e-3 + Math.abs(x)))
      })
    // With momentum, PyTorch's buffer moves all rows.
    const isDense = name === 'SGD' && options.momentum > 0
    const Typed = arrays[dtype as Dtype]
    const all = engineNames.map((engine) => {
      const params = { embed: Typed.from(initial) as Float32Array }
      const optimizer = new Optimizer(params, ruleOf(given), { engine, shapes: { embed: shape } })
      updates.forEach(({ rows: indices, gradient }: Anything, t: number) => {
        const sums = new Typed(initial.length)
        indices.forEach((row: number, k: number) => {
          for (let j = 0; j < columns; j++) sums[row * columns + j] += gradient[k * columns + j]
        })
        const values = Typed.from(gradient as number[])
        optimizer.step({
          embed: isDense ? (sums as Float32Array) : sparseRows(indices, values as Float32Array),
        })
        close(optimizer.params.embed, parameters[t])
      })
      const { m, v, sum } = (optimizer.state as Anything).embed
      for (const [mine, theirs] of [
        [m, state.exp_avg],
        [v, state.exp_avg_sq],
        [sum, state.sum],
      ]) {
        if (theirs !== undefined && mine !== undefined) close(mine, theirs)
      }
      return inBits([optimizer.params, optimizer.state])
    })
    expect(new Set(all).size).toBe(1)
  })
})

describe.each(Object.keys(arrays) as Dtype[])('sparse gradients on the engine %s', (dtype) => {
  describe.each(Object.entries(lazy))('with the rule %s', (name, rule) => {
    test.each([1, 3, 16, 17, 40])(
      'change only the listed rows of %i columns, like dense gradients',
      (columns) => {
        const indices = [7, 0, 19, 8]
        const values = wave(dtype, indices.length * columns, 9)
        const body = { before: wave(dtype, 5, 4), after: wave(dtype, 3, 5) }
        const sets = engines().native.instructionSets
        const ways = [
          ...engineNames.map((engine) => ({ engine })),
          ...sets.map((instructionSet) => ({ engine: 'native' as const, instructionSet })),
          { engine: 'native' as const, threads: 2 },
        ]
        const found = ways.map((way) => {
          const [some, all] = [make(rule, dtype, columns, way), make(rule, dtype, columns, way)]
          const start = make(rule, dtype, columns, way)
          for (let t = 0; t < 3; t++) {
            some.step({ ...body, embed: sparseRows(indices, values) })
            all.step({ ...body, embed: dense(dtype, columns, indices, values) })
          }
          const of = ({ params, state: { embed } }: Anything): [string, ArrayLike<number>][] => {
            const { updates: _, ...arrays } = embed
            return Object.entries({ params: params.embed, ...arrays })
          }
          const [mine, moved, before] = [some, all, start].map(of)
          mine.forEach(([array, numbers], k) => {
            for (let i = 0; i < ROWS * columns; i++) {
              const wanted = (indices.includes(Math.floor(i / columns)) ? moved : before)[k][1][i]
              if (!Object.is(numbers[i], wanted)) expect.fail(`${array} ${i}: ${numbers[i]}, not ${wanted}`)
            }
          })
          expect(inBits([some.params.before, some.params.after])).toBe(
            inBits([all.params.before, all.params.after]),
          )
          if (name === 'gradientDescent') expect(inBits(some.params)).toBe(inBits(all.params))
          return inBits([some.params, some.state, some.updates])
        })
        expect(new Set(found).size).toBe(1)
      },
    )
  })

  test('do not depend on the order of rows, with or without norms', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(ROWS - 1), { minLength: 1 }),
        fc.integer({ min: 1, max: 33 }),
        fc.constantFrom(...engineNames),
        fc.constantFrom<OptimizerOptions>(
          {},
          { recordNorms: true },
          { clip: { norm: 1 } },
          { clip: { tensorNorm: 0.5 } },
        ),
        (indices, columns, engine, options) => {
          const values = wave(dtype, indices.length * columns, 9)
          const sorted = indices.map((row, k) => [row, k]).sort(([a], [b]) => a - b)
          const inOrder = new arrays[dtype](values.length)
          sorted.forEach(([, from], k) => {
            inOrder.set(values.subarray(from * columns, (from + 1) * columns), k * columns)
          })
          const run = (...gradients: Anything[]) => {
            const optimizer = make(lazy.adam, dtype, columns, { ...options, engine } as Anything)
            for (const embed of gradients) optimizer.step({ before: wave(dtype, 5, 4), embed })
            return inBits([optimizer.save(), optimizer.lastStep.norm, optimizer.lastStep.norms])
          }
          const [a, b] = [
            sparseRows(indices, values),
            sparseRows(Uint16Array.from(sorted.map(([row]) => row)), inOrder),
          ] as const
          const given = run(a, a)
          for (const others of [
            [b, b],
            [a, b],
            [b, a],
          ])
            expect(run(...others)).toBe(given)
          // Computes norms as if all rows outside of the list were 0.
          const isExact = { ...options, engine }
          const [some, all] = [0, 1].map(() =>
            make(gradientDescent({ lr: 0.1 }), dtype, columns, isExact as Anything),
          )
          some.step({ embed: sparseRows(indices, values) })
          all.step({ embed: dense(dtype, columns, indices, values) })
          expect(inBits([some.params, some.lastStep.norm, some.lastStep.norms])).toBe(
            inBits([all.params, all.lastStep.norm, all.lastStep.norms]),
          )
        },
      ),
      { numRuns: 60 },
    )
  })

  test.each(engineNames)('are summed in list order if rows are repeated: %s', (engine) => {
    const columns = 3
    const values = wave(dtype, 5 * columns, 9)
    const f = dtype === 'float32' ? Math.fround : (x: number) => x
    const sums = new arrays[dtype](2 * columns)
    for (let j = 0; j < columns; j++) {
      const [a, b, c, d, e] = [0, 1, 2, 3, 4].map((k) => values[k * columns + j])
      sums[j] = f(f(a + c) + d)
      sums[columns + j] = f(b + e)
    }
    const [many, once] = [0, 1].map(() => make(lazy.adam, dtype, columns, { engine }))
    many.step({ embed: sparseRows([4, 2, 4, 4, 2], values) })
    once.step({ embed: sparseRows([4, 2], sums) })
    expect(inBits(many.save())).toBe(inBits(once.save()))
  })

  test('give the same bits with repeated rows as with summed rows', () => {
    const [large, huge] = dtype === 'float32' ? [1e30, 3e38] : [1e200, 1e308]
    const ways = [
      ...engineNames.map((engine) => ({ engine })),
      ...engines().native.instructionSets.map((instructionSet) => ({
        engine: 'native' as const,
        instructionSet,
      })),
      { engine: 'native' as const, threads: 2 },
    ]
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 64, 100, 513, 1030),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.array(fc.nat(), { maxLength: 120 }),
        fc.constantFrom<OptimizerOptions>(
          {},
          { recordNorms: true },
          { clip: { norm: 1 } },
          { clip: { value: 0.3 } },
          { clip: { tensorNorm: 0.5 }, recordNorms: true },
          { clip: { norm: 1 }, zeroGrads: true },
          { zeroGrads: true },
          { accumulate: 2, recordNorms: true },
          { onNonFinite: 'skip', recordNorms: true },
        ),
        fc.constantFrom(0.5, -0, NaN, Infinity, large, huge),
        (columns, share, given, options, special) => {
          const table = Math.ceil(1 + Math.min(300, 6000 / columns) * share)
          const indices = given.map((number) => number % table)
          const values = wave(dtype, indices.length * columns, 9)
          for (let k = 0; k < indices.length; k += 5) values[k * columns + (k % columns)] = special
          const distinct = [...new Set(indices)].sort((a, b) => a - b)
          const sums = new arrays[dtype](distinct.length * columns)
          distinct.forEach((row, to) => {
            const entries = indices.flatMap((index, k) => (index === row ? [k] : []))
            entries.forEach((from, nth) => {
              for (let j = 0; j < columns; j++) {
                const [at, x] = [to * columns + j, values[from * columns + j]]
                sums[at] = nth === 0 ? x : sums[at] + x
              }
            })
          })
          const run = (embed: Anything, way: object) => {
            const params = { embed: wave(dtype, table * columns, 2), after: wave(dtype, 3, 3) }
            const shapes = { embed: [table, columns] }
            const optimizer = new Optimizer(params, lazy.adamw, { shapes, ...options, ...way } as Anything)
            const gradients = { embed, after: wave(dtype, 3, 4) } as Anything
            const ends = [1, 2].map(() => optimizer.step(gradients))
            if (options.zeroGrads)
              expect(inBits(optimizer.grads)).toBe(inBits(new Optimizer(params, adam()).grads))
            const saved = withOneNaN(structuredClone(optimizer.save()))
            return inBits([ends.map(Number), saved, optimizer.lastStep.norm, optimizer.lastStep.norms])
          }
          const expected = run(sparseRows(distinct, sums), { engine: 'typescript' })
          for (const way of ways) {
            if (run(sparseRows(indices, values), way) !== expected) throw new Error(JSON.stringify(way))
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  test.each(engineNames)(
    'have exactly the same norm as dense gradients, even if squares overflow: %s',
    (engine) => {
      const columns = 30
      const indices = [17, 2, 17, 9, 0, 5, 17, 1]
      const norms = (embed: Anything) => {
        const optimizer = make(lazy.gradientDescent, dtype, columns, {
          engine,
          clip: { norm: 1 },
        } as Anything)
        optimizer.step({ embed })
        return inBits([optimizer.lastStep.norm, optimizer.params])
      }
      for (let seed = 0; seed < 20; seed++) {
        const scale = dtype === 'float32' ? 1e30 : 1e200
        const values = wave(dtype, indices.length * columns, seed).map((x) => x * scale)
        const whole = new arrays[dtype](ROWS * columns)
        indices.forEach((row, k) => {
          for (let j = 0; j < columns; j++) whole[row * columns + j] += values[k * columns + j]
        })
        expect(norms(sparseRows(indices, values))).toBe(norms(whole))
      }
    },
  )

  test('are sorted by row even if row indices exceed 16 bits', () => {
    const rows = 200_000
    const indices = [65_536, 3, 131_072, 65_539, 256, 199_999, 3, 0, 65_536, 255, 131_073, 65_536]
    const values = wave(dtype, indices.length, 9)
    const whole = new arrays[dtype](rows)
    indices.forEach((row, k) => {
      whole[row] += values[k]
    })
    const found = engineNames.flatMap((engine) =>
      [{}, { clip: { norm: 1 } }].map((options) => {
        const [some, all] = [sparseRows(indices, values), whole].map((embed) => {
          const shapes = { embed: [rows, 1] }
          const params = { embed: wave(dtype, rows, 2) }
          const optimizer = new Optimizer(params, lazy.gradientDescent, {
            shapes,
            engine,
            ...options,
          } as Anything) as Anything
          optimizer.step({ embed })
          return inBits([optimizer.params, optimizer.lastStep.norm])
        })
        return some === all
      }),
    )
    expect(found).toEqual(found.map(() => true))
  })

  test('are supported if the second of two tensors is divided between threads', () => {
    const [length, first] = [300_000, wave(dtype, 1, 1)]
    const found = [{ engine: 'typescript' }, { engine: 'native', threads: 2 }].map((way) => {
      const start = { first, large: wave(dtype, length, 2) }
      const optimizer = new Optimizer(start, lazy.gradientDescent, {
        shapes: { first: [1, 1] },
        ...way,
      } as Anything) as Anything
      optimizer.step({ first: sparseRows([0], wave(dtype, 1, 3)), large: wave(dtype, length, 4) })
      return inBits(optimizer.params)
    })
    expect(found[1] === found[0]).toBe(true)
  })
})

describe('the option perRow', () => {
  const columns = 3
  const start = Float64Array.from({ length: 5 * columns }, (_, i) => Math.cos(i))
  const split = (whole: ArrayLike<number>) =>
    Array.from({ length: 5 }, (_, row) =>
      Float64Array.from({ length: columns }, (_, j) => whole[row * columns + j]),
    )
  const make = (rule: Anything) => new Optimizer({ embed: start }, rule, { shapes: { embed: [5, columns] } })

  test.each<[string, (options: object) => Anything]>([
    ['adam', (options) => adam({ lr: 0.1, weightDecay: 0.1, ...options })],
    ['adamw, with a schedule', (options) => adamw({ lr: exponential(0.1, { gamma: 0.99 }), ...options })],
  ])('updates each row like a separate tensor, except for rounding: %s', (_, rule) => {
    const byRow = make(rule({ perRow: true }))
    const tensors = new Optimizer(split(start), rule({}))
    for (let t = 0; t < 60; t++) {
      // Row 4 first occurs after many updates of the other rows.
      const indices = t < 40 ? [t % 4, (t * 7 + 1) % 4 === t % 4 ? 3 - (t % 4) : (t * 7 + 1) % 4] : [4, t % 3]
      const values = Float64Array.from({ length: 2 * columns }, (_, i) => Math.sin(t + i))
      byRow.step({ embed: sparseRows(indices, values) })
      tensors.step(
        split(start).map((_, row) => {
          const place = indices.indexOf(row)
          return place < 0 ? null : values.slice(place * columns, (place + 1) * columns)
        }) as never,
      )
    }
    const expected = (tensors.params as Float64Array[]).flatMap((row) => [...row])
    byRow.params.embed.forEach((theta: number, i: number) => {
      expect(Math.abs(theta - expected[i])).toBeLessThan(1e-12)
    })
  })

  test('gives a first update of size η, not 3.16 η, for a row that first occurs late', () => {
    const first = (perRow: boolean) => {
      const optimizer = make(adam({ lr: 1e-3, perRow }))
      for (let t = 0; t < 10_000; t++) optimizer.step({ embed: sparseRows([0], Float64Array.of(1, 1, 1)) })
      optimizer.step({ embed: sparseRows([3], Float64Array.of(2, 2, 2)) })
      return start[3 * columns] - optimizer.params.embed[3 * columns]
    }
    expect(first(true)).toBeCloseTo(1e-3, 9)
    expect(first(false)).toBeCloseTo(1e-3 * (0.1 / Math.sqrt(0.001)), 6)
  })

  test('changes the result only by rounding errors if every gradient contains all rows', () => {
    const [byRow, plain] = [make(adam({ lr: 0.1, perRow: true })), make(adam({ lr: 0.1 }))]
    for (let t = 0; t < 500; t++) {
      const gradient = start.map((_, i) => Math.sin(t + i))
      for (const optimizer of [byRow, plain]) optimizer.step({ embed: gradient })
    }
    byRow.params.embed.forEach((theta: number, i: number) => {
      expect(Math.abs(theta - plain.params.embed[i])).toBeLessThan(1e-12)
    })
  })

  test('adds a typed state array that is saved, loaded and extended', () => {
    const optimizer = new Optimizer({ embed: start }, adamw({ perRow: true }), {
      shapes: { embed: [5, columns] },
    })
    const values = Float64Array.of(1, 2, 3)
    optimizer.step({ embed: sparseRows([2], values) })
    const w2: Float64Array | undefined = optimizer.state.embed.w2
    expect(w2?.[2 * columns]).toBeCloseTo(1e-3, 12)
    expect(w2?.[0]).toBe(0)
    const loaded = Optimizer.load(structuredClone(optimizer.save()), { engine: 'typescript' }) as Anything
    for (const each of [optimizer as Anything, loaded]) {
      each.appendRows('embed', Float64Array.of(7, 8, 9))
      each.step({ embed: sparseRows([5, 2], Float64Array.of(1, 2, 3, 4, 5, 6)) })
    }
    expect(inBits([loaded.params, loaded.state])).toBe(inBits([optimizer.params, optimizer.state]))
    expect(() => optimizer.set({ perRow: false })).toThrow(OptionError)
    expect(() => adam({ perRow: true, amsgrad: true })).toThrow(/perRow/)
    expect(() => adam.sparse({ perRow: true })).toThrow(/epsMoment/)
    expect(() => adamw({ perRow: 1 as never })).toThrow(OptionError)
  })
})

describe('sparse gradients', () => {
  const indices = [3, 11]
  const values = () => wave('float32', 2 * 4, 9)
  const gradient = () => ({ before: wave('float32', 5, 4), embed: sparseRows(indices, values()) })

  test.each(engineNames)('may be overwritten as soon as stepAsync returns: %s', async (engine) => {
    const [at, later] = [0, 1].map(() => make(lazy.adam, 'float32', 4, { engine, clip: { norm: 0.5 } }))
    for (let t = 0; t < 3; t++) {
      at.step(gradient())
      const given = values()
      const which = Uint8Array.from(indices)
      const step = later.stepAsync({ before: wave('float32', 5, 4), embed: sparseRows(which, given) })
      given.fill(NaN)
      which.fill(255)
      await step
    }
    expect(inBits(later.save())).toBe(inBits(at.save()))
  })

  test.each(engineNames)(
    "cause no invalid memory access if a step's list of rows is overwritten: %s",
    async (engine) => {
      const optimizer = make(lazy.adam, 'float32', 4, { engine, clip: { norm: 0.5 } })
      const step = optimizer.stepAsync({ embed: sparseRows([13, 11], values()) })
      const words = new Uint32Array(optimizer.params.embed.buffer)
      const at = words.findIndex((_, i) => [2, 11, 13].every((word, k) => words[i + k] === word))
      expect(at).toBeGreaterThan(0)
      words[at + 1] = 0xffff_ffff
      await expect(step).rejects.toThrow(/overwritten/)
    },
  )

  describe.each(engineNames)('in batches on the engine %s', (engine) => {
    const [a, b, c] = [0, 1, 2].map((seed) => wave('float32', 8, seed))
    const accumulating = (options: OptimizerOptions = {}) =>
      make(lazy.adam, 'float32', 4, { engine, accumulate: 3, ...options } as Anything)

    test.each<[string, OptimizerOptions]>([
      ['plain', {}],
      ['clipped', { clip: { norm: 0.5 }, recordNorms: true }],
      ['zeroed', { zeroGrads: true, onNonFinite: 'skip' }],
    ])('are merged over all batches, %s', (_, options) => {
      const [many, once] = [
        accumulating(options),
        make(lazy.adam, 'float32', 4, { engine, ...options } as Anything),
      ]
      for (let round = 0; round < 2; round++) {
        expect(many.step({ embed: sparseRows([3, 11], a) })).toBe(false)
        expect(many.step({ embed: sparseRows([11, 0], b) })).toBe(false)
        expect(many.step({ embed: sparseRows([19, 3], c) })).toBe(true)
        const sum = new Float32Array(16)
        const f = Math.fround
        for (let j = 0; j < 4; j++) {
          sum[j] = b[4 + j]
          sum[4 + j] = f(a[j] + c[4 + j])
          sum[8 + j] = f(a[4 + j] + b[j])
          sum[12 + j] = c[j]
        }
        once.step({
          embed: sparseRows(
            [0, 3, 11, 19],
            sum.map((x) => f(x * f(1 / 3))),
          ),
        })
      }
      expect(many.updates).toBe(once.updates)
      for (let i = 0; i < ROWS * 4; i++) expect(many.params.embed[i]).toBeCloseTo(once.params.embed[i], 6)
      const untouched = [...Array(ROWS).keys()].filter((row) => ![0, 3, 11, 19].includes(row))
      for (const row of untouched) expect(many.state.embed.m[row * 4]).toBe(0)
    })

    test('can be saved between batches and continued with the same bits', () => {
      const whole = { embed: wave('float32', ROWS * 4, 6) }
      for (const batches of [
        [
          { embed: sparseRows([3, 11], a) },
          { embed: sparseRows([11, 0], b) },
          { before: wave('float32', 5, 4) },
        ],
        [{ embed: sparseRows([3, 11], a) }, whole, { embed: sparseRows([11, 0], b) }],
        [whole, { embed: sparseRows([3, 11], a) }, { embed: sparseRows([11, 0], b) }],
      ]) {
        for (const cut of [1, 2]) {
          const straight = accumulating({ average: ema(0.5) })
          for (let round = 0; round < 2; round++) for (const batch of batches) straight.step(batch)
          let hopping: Anything = accumulating({ average: ema(0.5) })
          for (let round = 0; round < 2; round++) {
            for (const [k, batch] of batches.entries()) {
              if (k === cut)
                hopping = Optimizer.load(structuredClone(hopping.save()), { engine: 'typescript' })
              hopping.step(batch)
            }
          }
          expect(inBits(hopping.save())).toBe(inBits(straight.save()))
        }
      }
    })

    test('cause an error on load if a saved run has invalid row lists', () => {
      const optimizer = accumulating()
      optimizer.step({ embed: sparseRows([3, 11], a) })
      for (const present of [[11, 3], [3, 3], [20], [-1], [0.5], ['3'], 3, null]) {
        const saved: Anything = structuredClone(optimizer.save())
        expect(saved.tensors.embed.accumulated.present).toEqual([3, 11])
        saved.tensors.embed.accumulated.present = present
        expect(() => Optimizer.load(saved)).toThrow(/accumulated: present/)
      }
      const others = [{ rule: lion() }, { options: { clip: { centralized: centralized() } } }] as const
      for (const { rule = adam(), options = {} } of others as readonly Anything[]) {
        const other = make(rule, 'float32', 4, { engine, accumulate: 2, ...options })
        other.step({ embed: wave('float32', ROWS * 4, 1) })
        const saved: Anything = structuredClone(other.save())
        saved.tensors.embed.accumulated.present = [3, 11]
        expect(() => Optimizer.load(saved)).toThrow(/accumulated: present/)
      }
    })
  })

  test('give correct results if sparse and dense steps alternate', () => {
    const whole = () => ({ ...gradient(), embed: wave('float32', ROWS * 4, 6) })
    const run = (engine: (typeof engineNames)[number], looks: boolean) => {
      const optimizer = make(lazy.adamw, 'float32', 4, { engine })
      for (const kind of ['all', 'rows', 'rows', 'place', 'all', 'all', 'none', 'rows', 'place', 'place']) {
        if (looks) optimizer.state
        if (kind === 'rows') optimizer.step(gradient())
        if (kind === 'all') optimizer.step(whole())
        if (kind === 'none') optimizer.step({ embed: sparseRows([], new Float32Array(0)) })
        if (kind !== 'place') continue
        optimizer.grads.embed.set(wave('float32', ROWS * 4, 7))
        optimizer.grads.before.fill(0.5)
        optimizer.grads.after.fill(0.25)
        optimizer.step()
      }
      return inBits(optimizer.save())
    }
    expect(new Set(engineNames.flatMap((engine) => [run(engine, true), run(engine, false)])).size).toBe(1)
  })

  test('are supported after save, load, freeze, unfreeze and appended rows', () => {
    const optimizer = make(lazy.adam, 'float32', 4)
    optimizer.step(gradient())
    const loaded = Optimizer.load(structuredClone(optimizer.save())) as Anything
    for (const one of [optimizer, loaded]) one.step(gradient())
    expect(inBits(loaded.save())).toBe(inBits(optimizer.save()))
    optimizer.freeze('embed')
    const before = inBits(optimizer.params.embed)
    optimizer.step(gradient())
    expect(inBits(optimizer.params.embed)).toBe(before)
    optimizer.unfreeze('embed')
    optimizer.appendRows('embed', new Float32Array(8))
    optimizer.step({ embed: sparseRows([21], Float32Array.of(1, 1, 1, 1)) })
    expect(optimizer.params.embed[84]).toBeCloseTo(-0.1)
  })

  test('can be combined with non-finite gradients, averages and delayed starts', () => {
    const bad = sparseRows([5], Float32Array.of(1, NaN, 1, 1))
    const thrower = make(lazy.adam, 'float32', 4, { onNonFinite: 'throw' })
    expect(() => thrower.step({ embed: bad })).toThrow(NonFiniteError)
    const skipper = make(lazy.adam, 'float32', 4, { onNonFinite: 'skip', average: ema(0.5) })
    expect(skipper.step({ embed: bad })).toBe(false)
    expect(skipper.lastStep.nonFinite).toEqual(['embed'])
    // The square of the value overflows.
    expect(skipper.step({ embed: sparseRows([5], Float32Array.of(1e30, 1, 1, 1)) })).toBe(true)
    const found = engineNames.map((engine) => {
      const optimizer = make(lazy.adam, 'float32', 4, { engine, average: ema(0.5), zeroGrads: true })
      for (let t = 0; t < 300; t++) optimizer.step(gradient())
      expect(inBits(optimizer.grads.embed)).toBe(inBits(new Float32Array(ROWS * 4)))
      return inBits([optimizer.save(), optimizer.average])
    })
    expect(new Set(found).size).toBe(1)
  })

  const others: [string, Anything, OptimizerOptions][] = [
    ['lion', lion(), {}],
    ['centralized', lazy.adam, { clip: { centralized: centralized() } }],
    ['noise', lazy.adam, { clip: { noise: noise() } }],
    ['adaptive', lazy.adam, { clip: { adaptive: 0.1 } }],
    ['cautious', adamw({ cautious: true }), {}],
  ]
  test.each(others)('are refused without any change: %s', (_, rule, options) => {
    const optimizer = make(rule, 'float32', 4, options)
    const before = inBits([optimizer.save(), optimizer.grads])
    expect(() => optimizer.step(gradient())).toThrow(OptionError)
    expect(() => optimizer.step(gradient())).toThrow(
      /^gradients.embed: expected a complete gradient \(rows are not supported/,
    )
    expect(inBits([optimizer.save(), optimizer.grads])).toBe(before)
  })

  test('are refused without any change if a row index is invalid', async () => {
    const optimizer = make(lazy.adam, 'float32', 4)
    optimizer.step(gradient())
    const before = inBits([optimizer.save(), optimizer.grads])
    const four = () => new Float32Array(4)
    const detached = four()
    structuredClone(null, { transfer: [detached.buffer] })
    const bad: [() => Anything, RegExp][] = [
      [() => sparseRows([20], four()), /^gradients.embed: expected indices from 0 to 19, got 20/],
      [
        () => sparseRows(Int32Array.of(-1), four()),
        /^gradients.embed: expected indices from 0 to 19, got -1/,
      ],
      [
        () => sparseRows([2 ** 32], four()),
        /^gradients.embed: expected indices from 0 to 19, got 4294967296/,
      ],
      [
        () => sparseRows(BigInt64Array.of(-(2n ** 32n)), four()),
        /expected indices from 0 to 19, got -4294967296/,
      ],
      [() => sparseRows(BigUint64Array.of(2n ** 64n - 1n), four()), /from 0 to 19, got a long bigint/],
      [
        () => sparseRows(BigInt64Array.of(2n ** 60n), four()),
        /expected indices from 0 to 19, got 1152921504606846976/,
      ],
      [
        () => sparseRows([1, 2], four()),
        /^gradients.embed: expected values of 2 rows of 4: a Float32Array of length 8/,
      ],
      [
        () => sparseRows([1], new Float64Array(4) as Anything),
        /a Float32Array of length 4, got a Float64Array/,
      ],
      [() => sparseRows([1], detached), /a Float32Array of length 4/],
      [
        () => sparseRows([1.5], four()),
        /^sparseRows: indices: expected an array or typed array of integers ≥ 0, got 1.5/,
      ],
      [() => sparseRows([-0.5], four()), /^sparseRows: indices/],
      [() => sparseRows(['1'] as Anything, four()), /^sparseRows: indices/],
      [() => sparseRows(Float32Array.of(1) as Anything, four()), /^sparseRows: indices/],
      [() => sparseRows(new DataView(new ArrayBuffer(8)) as Anything, four()), /^sparseRows: indices/],
      [() => sparseRows(null as Anything, four()), /^sparseRows: indices/],
      [() => sparseRows(7 as Anything, four()), /^sparseRows: indices/],
      [
        () => sparseRows([1], [1, 2, 3, 4] as Anything),
        /^sparseRows: values: expected a Float32Array or Float64Array/,
      ],
      [() => sparseRows([1], null as Anything), /^sparseRows: values/],
      [() => Object.create(sparseRows([1], four())), /^gradients.embed: expected a Float32Array/],
      [() => new Proxy(sparseRows([1], four()), {}), /^gradients.embed: expected a Float32Array/],
      [() => ({ indices: [1], values: four() }), /^gradients.embed: expected a Float32Array/],
    ]
    for (const [given, message] of bad) {
      for (const step of ['step', 'stepAsync'] as const) {
        const call = async () => optimizer[step]({ embed: given() })
        const error = await call().then(
          () => expect.fail(`${message}`),
          (thrown: AntigradError) => thrown,
        )
        expect(error).toBeInstanceOf(TensorError)
        expect(error.message).toMatch(message)
        expect(inBits([optimizer.save(), optimizer.grads])).toBe(before)
      }
    }
    expect(() => optimizer.step({ before: sparseRows([1], Float32Array.of(1)) })).toThrow(
      /^gradients.before: expected sparse rows of a tensor with at least two dimensions/,
    )
    expect(() => optimizer.step(sparseRows([1], four()) as Anything)).toThrow(TensorError)
  })

  test('are unaffected or refused if user code runs before the update', () => {
    const which = Uint8Array.of(3, 11)
    const given = values()
    let strike = () => {}
    const lr = () => {
      strike()
      return 0.1
    }
    const optimizer = make(adam({ lr: lr as Anything }), 'float32', 4)
    const embed = sparseRows(which, given)
    optimizer.step({ embed })
    const before = inBits([optimizer.save === undefined, optimizer.params, optimizer.state])
    strike = () => which.fill(200)
    expect(() => optimizer.step({ embed })).toThrow(/indices from 0 to 19, got 200/)
    expect(inBits([optimizer.save === undefined, optimizer.params, optimizer.state])).toBe(before)
    which.set([3, 11])
    strike = () => structuredClone(null, { transfer: [given.buffer] })
    expect(() => optimizer.step({ embed })).toThrow(/a Float32Array of length 8/)
    expect(inBits([optimizer.save === undefined, optimizer.params, optimizer.state])).toBe(before)
  })

  test("are read before the update if the values are stored in the optimizer's views", () => {
    const [own, apart] = [0, 1].map(() => make(lazy.adam, 'float32', 4))
    for (const one of [own, apart]) one.grads.embed.set(wave('float32', ROWS * 4, 8))
    const part = own.grads.embed.subarray(4, 12)
    const copy = part.slice()
    own.step({ embed: sparseRows([9, 2], part) })
    apart.step({ embed: sparseRows([9, 2], copy) })
    expect(inBits(own.save())).toBe(inBits(apart.save()))
  })

  describe.each<[string, OptimizerOptions]>([
    ['plain', {}],
    ['clipped by norm', { clip: { norm: 0.1 } }],
    ['clipped by tensor, one of two batches each', { clip: { tensorNorm: 0.1 }, accumulate: 2 }],
  ])('with many values and “%s”', (_, options) => {
    // The rows do not fill complete cache lines, and are long enough for borrowing.
    const columns = 257
    const indices = [17, 3, 8, 19, 0, 5, 12, 1, 11, 4, 14, 2, 9, 7, 16, 13, 10, 6]
    const step = (engine: Anything, isInPlace: boolean) => {
      const optimizer = make(adamw({ lr: 0.1 }), 'float32', columns, { engine, ...options })
      for (let t = 0; t < 4; t++) {
        const values = wave('float32', indices.length * columns, t)
        optimizer.grads.embed.fill(9)
        const own = optimizer.grads.embed.subarray(0, values.length)
        if (isInPlace) own.set(values)
        const gradients = {
          embed: sparseRows(indices, isInPlace ? own : values),
          after: wave('float32', 3, t),
        }
        optimizer.step(gradients)
        if (!isInPlace) expect(inBits(values)).toEqual(inBits(wave('float32', values.length, t)))
        const isLent = engine === 'native' && !isInPlace && options.accumulate === undefined
        if (isLent) expect(own.every((g: number) => g === 9)).toBe(true)
      }
      return [optimizer.params, optimizer.state.embed.m, optimizer.lastStep.norm].map(inBits)
    }
    const expected = step('typescript', false)

    test.each(engineNames)('give the same bits in user memory as in optimizer memory: %s', (engine) => {
      expect(step(engine, false)).toEqual(expected)
      expect(step(engine, true)).toEqual(expected)
    })
  })

  test.each(engineNames)('may contain many values in the first sparse tensor: %s', (engine) => {
    const embed = wave('float32', 20_000 * 2, 3)
    const indices = Array.from({ length: 3000 }, (_, k) => 3 * k)
    const values = wave('float32', indices.length * 2, 5)
    const [behind, alone] = [{ none: new Float32Array(0), embed }, { embed }].map((params) => {
      const optimizer = new Optimizer(params, adam(), { engine, shapes: { embed: [20_000, 2] } } as Anything)
      optimizer.step({ ...params, embed: sparseRows(indices, values) } as Anything)
      return inBits(optimizer.params.embed)
    })
    expect(behind).toBe(alone)
    expect(alone).not.toBe(inBits(embed))
  })

  test('are accepted by the TypeScript types of the rules that support sparse gradients', () => {
    const params = { embed: new Float32Array(8) }
    const shapes = { embed: [4, 2] }
    const one = sparseRows([1], new Float32Array(2))
    new Optimizer(params, adam(), { shapes }).step({ embed: one })
    // @ts-expect-error: Lion moves by signs of all
    expect(() => new Optimizer(params, lion(), { shapes }).step({ embed: one })).toThrow(OptionError)
    // @ts-expect-error: there is no such gradient
    expect(() => new Optimizer(params, adam(), { shapes }).step({ embed: [1] })).toThrow(TensorError)
  })
})
