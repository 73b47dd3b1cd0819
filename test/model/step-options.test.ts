/** Options of a step compared with short loops: accumulation, averages, lookahead, and the report of the last step. */

import { adam, ema, gradientDescent, Optimizer, type OptimizerOptions, sgd, swa, warmup } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { type Dtype, dtypes, type FloatArray, noise, roundOf } from '../helpers.js'
import { array, variants } from '../support.js'

const LENGTH = 21
const STEPS = 12

describe.each(variants)('an optimizer on $name', ({ name: _, ...engine }) => {
  /** Numbers with few digits, so that sums and means over powers of 2 are exact. */
  const short = (dtype: Dtype, seed: number) => noise(seed, LENGTH, dtype).map((x) => Math.round(x * 32) / 32)

  describe.each(dtypes)('during accumulation in %s', (dtype) => {
    const zero = array(dtype, LENGTH)
    const start = () => ({ a: short(dtype, 1), b: short(dtype, 2) })
    const gradientsOf = (t: number) => ({ a: short(dtype, 10 + t), b: short(dtype, 50 + t) })

    test.each(['mean', 'sum'] as const)(
      'computes the same update as a step with the %s of the gradients',
      (reduce) => {
        const batches = 4
        const one = new Optimizer(start(), adam({ lr: 0.1 }), engine)
        const many = new Optimizer(start(), adam({ lr: 0.1 }), { accumulate: { batches, reduce }, ...engine })
        for (let update = 0; update < 3; update++) {
          const sum = { a: zero.slice(), b: zero.slice() }
          for (let k = 0; k < batches; k++) {
            const { a, b } = gradientsOf(update * batches + k)
            // Tensor b has no gradient in some batches, which count as 0, and no gradient at all for update 1.
            const isMissing = update === 1 || k === 2
            expect(many.step({ a, b: isMissing ? null : b })).toBe(k === batches - 1)
            expect(many.lastStep.reason).toBe(k === batches - 1 ? null : 'accumulating')
            for (let i = 0; i < LENGTH; i++) {
              sum.a[i] += a[i]
              sum.b[i] += isMissing ? 0 : b[i]
            }
          }
          const divisor = reduce === 'mean' ? batches : 1
          const a = sum.a.map((x) => x / divisor)
          one.step({ a, b: update === 1 ? null : sum.b.map((x) => x / divisor) })
          expect(many.params).toEqual(one.params)
          expect(many.lastStep.skipped).toEqual(update === 1 ? ['b'] : [])
        }
        expect([many.updates, many.state.a.updates, many.state.b.updates]).toEqual([3, 3, 2])
        expect(many.state).toEqual(one.state)
      },
    )

    test('computes the mean and the norm of the mean if accumulate is a number', () => {
      const optimizer = new Optimizer(array(dtype, [1, 2]), gradientDescent({ lr: 0.5 }), {
        accumulate: 3,
        recordNorms: true,
        ...engine,
      })
      for (const g of [9, 0, -3]) optimizer.step(array(dtype, [g, 2 * g]))
      expect([...optimizer.params].map((x) => Math.fround(x))).toEqual([0, 0])
      expect(optimizer.lastStep.norm).toBeCloseTo(Math.hypot(2, 4), 6)
      expect(optimizer.lastStep.norms['']).toBeCloseTo(Math.hypot(2, 4), 6)
    })

    test('discards accumulated gradients when a tensor is frozen', () => {
      const options = { accumulate: { batches: 2, reduce: 'sum' }, ...engine } as const
      const optimizer = new Optimizer({ a: zero, b: zero.slice() }, gradientDescent({ lr: 1 }), options)
      const of = (g: number) => ({ a: zero.slice().fill(g), b: zero.slice().fill(g) })
      optimizer.step(of(1))
      optimizer.freeze('a')
      optimizer.step(of(2))
      optimizer.unfreeze('a')
      for (const g of [16, 32]) optimizer.step(of(g))
      expect([...optimizer.params.a]).toEqual(Array(LENGTH).fill(-48))
      expect([...optimizer.params.b]).toEqual(Array(LENGTH).fill(-51))
    })

    test('has no accumulated batches after restore', () => {
      const make = (key: string) =>
        new Optimizer({ a: zero.slice(), [key]: zero.slice() }, gradientDescent({ lr: 1 }), {
          accumulate: { batches: 2, reduce: 'sum' },
          ...engine,
        })
      const optimizer = make('b')
      const of = (g: number) => ({ a: zero.slice().fill(g), b: zero.slice().fill(g) })
      optimizer.step(of(1))
      expect(optimizer.restore(make('c').save(), { partial: true })).toHaveLength(2)
      for (const g of [16, 32]) optimizer.step(of(g))
      for (const params of Object.values(optimizer.params)) {
        expect([...params]).toEqual(Array(LENGTH).fill(-48))
      }
    })
  })

  /** Runs a rule with known updates next to a loop in the test. */
  function beside(
    dtype: Dtype,
    options: OptimizerOptions,
    follow: (theta: FloatArray, updates: number) => FloatArray,
  ): void {
    const f = roundOf[dtype]
    const theta = noise(1, LENGTH, dtype)
    const optimizer = new Optimizer(theta, gradientDescent({ lr: 0.125 }), { ...options, ...engine })
    for (let t = 1; t <= STEPS; t++) {
      const g = noise(100 + t, LENGTH, dtype)
      optimizer.step(g)
      for (let i = 0; i < LENGTH; i++) theta[i] = f(theta[i] - f(f(0.125) * g[i]))
      const expected = follow(theta, t)
      expect([...optimizer.params], `parameters after update ${t}`).toEqual([...theta])
      if (options.average) expect([...optimizer.average], `average after ${t}`).toEqual([...expected])
    }
  }

  describe.each(dtypes)('with averages in %s', (dtype) => {
    const f = roundOf[dtype]
    /** e + w·(θ − e), rounded to the dtype. */
    const toward = (e: FloatArray, theta: FloatArray, weight: number) => {
      for (let i = 0; i < LENGTH; i++) e[i] = f(e[i] + f(f(weight) * f(theta[i] - e[i])))
      return e
    }

    test('computes the average ema as e ← e + (1 − β)(θ − e)', () => {
      const e = noise(1, LENGTH, dtype)
      beside(dtype, { average: ema(0.9) }, (theta) => toward(e, theta, 1 - 0.9))
    })

    test('computes the bias-corrected ema as the weighted mean of the visited points', () => {
      const visited: FloatArray[] = []
      const theta = noise(1, LENGTH, dtype)
      const optimizer = new Optimizer(theta, gradientDescent({ lr: 0.125 }), {
        average: ema(0.75, { corrected: true }),
        ...engine,
      })
      for (let t = 1; t <= STEPS; t++) {
        optimizer.step(noise(100 + t, LENGTH, dtype))
        visited.push(optimizer.params.slice())
        const weights = visited.map((_, k) => 0.75 ** (visited.length - 1 - k))
        const total = weights.reduce((sum, w) => sum + w)
        for (let i = 0; i < LENGTH; i++) {
          const mean = visited.reduce((sum, point, k) => sum + weights[k] * point[i], 0) / total
          expect(Math.abs(optimizer.average[i] - mean)).toBeLessThan(dtype === 'float32' ? 1e-6 : 1e-14)
        }
        if (t === 1) expect(optimizer.average).toEqual(optimizer.params)
      }
    })

    test('computes swa as the mean of the points after updates 5, 7, …', () => {
      const points: FloatArray[] = []
      const first = noise(1, LENGTH, dtype)
      const optimizer = new Optimizer(first, gradientDescent({ lr: 0.125 }), {
        average: swa({ start: 3, every: 2 }),
        ...engine,
      })
      for (let t = 1; t <= STEPS; t++) {
        optimizer.step(noise(100 + t, LENGTH, dtype))
        if ([5, 7, 9, 11].includes(t)) points.push(optimizer.params.slice())
        for (let i = 0; i < LENGTH; i++) {
          const mean =
            points.length === 0 ? first[i] : points.reduce((sum, p) => sum + p[i], 0) / points.length
          expect(Math.abs(optimizer.average[i] - mean)).toBeLessThan(dtype === 'float32' ? 1e-6 : 1e-14)
        }
      }
      expect(points).toHaveLength(4)
    })

    test('computes lookahead as φ ← φ + α(θ − φ), θ ← φ after every three updates', () => {
      const slow = noise(1, LENGTH, dtype)
      beside(dtype, { lookahead: { steps: 3, alpha: 0.25 } }, (theta, t) => {
        if (t % 3 === 0) theta.set(toward(slow, theta, 0.25))
        return theta
      })
    })

    test('applies lookahead before averaging', () => {
      const slow = noise(1, LENGTH, dtype)
      const e = noise(1, LENGTH, dtype)
      beside(dtype, { lookahead: { steps: 2 }, average: ema(0.5) }, (theta, t) => {
        if (t % 2 === 0) theta.set(toward(slow, theta, 0.5))
        return toward(e, theta, 0.5)
      })
    })

    test('counts updates rather than calls, and skips frozen tensors', () => {
      const params = { a: noise(1, 5, dtype), b: noise(2, 5, dtype) }
      const optimizer = new Optimizer(params, gradientDescent({ lr: 0.5 }), {
        average: ema(0),
        lookahead: { steps: 2, alpha: 1 },
        accumulate: 2,
        groups: [{ match: 'b', frozen: true }],
        ...engine,
      })
      const g = { a: noise(3, 5, dtype), b: noise(4, 5, dtype) }
      optimizer.step(g)
      expect(optimizer.average.a).toEqual(params.a)
      optimizer.step(g)
      expect(optimizer.average.a).toEqual(optimizer.params.a)
      expect(optimizer.params.a).not.toEqual(params.a)
      optimizer.params.b.fill(7)
      optimizer.step(g)
      optimizer.step(g)
      expect(optimizer.average.b).toEqual(params.b)
      expect([...optimizer.params.b]).toEqual([7, 7, 7, 7, 7])
    })
  })

  test('reports gradient norms before clipping, and the current learning rate', () => {
    const optimizer = new Optimizer(
      { a: Float64Array.of(0, 0), b: Float64Array.of(0), c: Float64Array.of(0) },
      sgd({ lr: warmup(0.8, { steps: 4 }) }),
      { clip: { norm: 1 }, groups: [{ match: 'c', frozen: true }], ...engine },
    )
    const g = { a: Float64Array.of(3, 4), b: Float64Array.of(12), c: Float64Array.of(5) }
    expect(optimizer.lastStep.reason).toBeNull()
    expect(optimizer.step(g)).toBe(true)
    expect({ ...optimizer.lastStep.norms, norm: optimizer.lastStep.norm }).toEqual({ a: 5, b: 12, norm: 13 })
    expect([optimizer.lastStep.lr, optimizer.lastStep.skipped]).toEqual([0.2, []])
    expect(optimizer.params.b[0]).toBeCloseTo((-0.2 * 12) / 13, 15)
    expect(optimizer.params.c[0]).toBe(0)

    optimizer.step({ a: g.a })
    const { norm, norms, skipped, lr } = optimizer.lastStep
    expect({ norm, norms, skipped, lr }).toEqual({ norm: 5, norms: { a: 5 }, skipped: ['b'], lr: 0.4 })
    expect(optimizer.step({})).toBe(false)
    expect([optimizer.lastStep.reason, optimizer.lastStep.skipped]).toEqual(['no gradient', ['a', 'b']])
    expect([optimizer.lastStep.norm, optimizer.lastStep.norms]).toEqual([NaN, {}])
    expect(optimizer.updates).toBe(2)
  })

  test('keeps the report of the last step after later changes of the model', () => {
    const params = { a: Float64Array.of(0, 0), c: Float64Array.of(0) }
    const optimizer = new Optimizer({ b: Float64Array.of(0) }, gradientDescent(), {
      ...{ shapes: { b: [1] }, recordNorms: true, ...engine },
    }).add(params, { shapes: { a: [2] } })
    expect(optimizer.lastStep.skipped).toEqual([])
    optimizer.step({ a: Float64Array.of(3, 4), c: Float64Array.of(12) })
    const said = () => ({
      norm: optimizer.lastStep.norm,
      norms: optimizer.lastStep.norms,
      skipped: optimizer.lastStep.skipped,
    })
    const expected = { norm: 13, norms: { a: 5, c: 12 }, skipped: ['b'] }
    expect(said()).toEqual(expected)
    // Tensor b was the only tensor of its partition, so the other tensors move.
    optimizer.appendRows('b', Float64Array.of(1))
    expect(said()).toEqual(expected)
    optimizer.freeze(['a', 'b'])
    optimizer.appendRows('a', Float64Array.of(1))
    expect(said()).toEqual(expected)
    optimizer.step({ c: Float64Array.of(1) })
    expect(said()).toEqual({ norm: 1, norms: { c: 1 }, skipped: [] })
  })

  test('computes no gradient norms without the options clip, recordNorms and onNonFinite', () => {
    const optimizer = new Optimizer(Float64Array.of(0), gradientDescent(), engine)
    optimizer.step(Float64Array.of(2))
    expect([optimizer.lastStep.norm, optimizer.lastStep.norms]).toEqual([NaN, {}])
  })
})
