/** checkGradient() compares a gradient with central differences. */

import {
  adam,
  checkGradient,
  type GradientCheck,
  minimize,
  type Objective,
  OptionError,
  objectives,
  rosenbrock,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { bits, noise } from './helpers.js'

type Whole = Required<Objective>

/** Σ wᵢ·sin(xᵢ), rounded to float32 throughout if x is float32. */
const waves: Whole = {
  value: (x) => {
    const f = x instanceof Float32Array ? Math.fround : (x: number) => x
    return Array.from(x).reduce((sum, xi, i) => f(sum + f((i + 1) * f(Math.sin(xi)))), 0)
  },
  gradient: (x, out) => {
    for (let i = 0; i < x.length; i++) out[i] = (i + 1) * Math.cos(x[i])
  },
}

/** An objective with one variable. */
const single = (value: (x: number) => number, slope: (x: number) => number): Whole => ({
  value: (x) => value(x[0]),
  gradient(x, out) {
    out[0] = slope(x[0])
  },
})

/** Replaces the gradient of an objective. */
const changed = (objective: Whole, change: (out: { [i: number]: number }) => void): Whole => ({
  ...objective,
  gradient(x, out) {
    objective.gradient(x, out)
    change(out)
  },
})

const negated = (i: number) =>
  changed(waves, (out) => {
    out[i] = -out[i]
  })

describe('checkGradient with a correct gradient', () => {
  test.each(Object.entries(objectives))('accepts the objective %s', (_, make) => {
    const objective = make()
    const check = checkGradient(objective, objective.start)
    expect(check).toMatchObject({ ok: true, failures: 0, value: objective.value(objective.start) })
    expect(check.relativeError).toBeLessThan(1e-8)
  })

  test('reports no errors for many elements in both dtypes, at large and small values', () => {
    for (const dtype of ['float32', 'float64'] as const) {
      for (const scale of [1e-3, 1, 30]) {
        expect(checkGradient(waves, noise(1, 60, dtype, scale)), `${dtype} ${scale}`).toMatchObject({
          ok: true,
        })
      }
    }
  })

  test('reports no errors for a large objective value, or for a value of 0 with gradient 0', () => {
    const large = single(
      (x) => 1e9 + x * x,
      (x) => 2 * x,
    )
    expect(checkGradient(large, [1e-3]).ok).toBe(true)
    expect(checkGradient(large, [1e-3], { atol: 1e-8 }).ok).toBe(false)
    const flat = single(
      () => 3,
      () => 0,
    )
    const nowhere = { value: 3, index: 0, analytic: 0, numeric: 0, absoluteError: 0, relativeError: 0 }
    expect(checkGradient(flat, [1], { rtol: 0, atol: 0 })).toEqual({ ok: true, failures: 0, ...nowhere })
  })
})

describe('checkGradient with a wrong gradient', () => {
  test.each(['float32', 'float64'] as const)('detects a flipped sign in %s', (dtype) => {
    const x = noise(2, 40, dtype, 0.5)
    for (const i of [0, 17, 39]) {
      const { absoluteError, relativeError, numeric, ...check } = checkGradient(negated(i), x)
      const slope = (i + 1) * Math.cos(x[i])
      const analytic = dtype === 'float32' ? Math.fround(-slope) : -slope
      expect(check).toEqual({ ok: false, failures: 1, value: waves.value(x), index: i, analytic })
      expect(Math.abs(numeric / slope - 1)).toBeLessThan(dtype === 'float32' ? 1e-2 : 1e-8)
      expect(absoluteError).toBe(Math.abs(analytic - numeric))
      expect(relativeError).toBe(absoluteError / Math.max(Math.abs(analytic), Math.abs(numeric)))
    }
  })

  test('detects a small error that exceeds the tolerance', () => {
    const off = changed(waves, (out) => {
      out[1] *= 1.0001
    })
    expect(checkGradient(off, [0.3, 0.3])).toMatchObject({ ok: false, index: 1, failures: 1 })
    expect(checkGradient(off, [0.3, 0.3], { rtol: 1e-3 }).ok).toBe(true)
    expect(checkGradient(off, [0.3, 0.3], { atol: 1 }).ok).toBe(true)
    expect(checkGradient(off, Float32Array.of(0.3, 0.3)).ok).toBe(true)
  })

  test('compares each error with the limit atol + rtol·max(|analytic|, |numeric|)', () => {
    // Finite differences of this value are exact.
    const sloping = single(
      (x) => x,
      () => 1.5,
    )
    for (const [rtol, atol] of [
      [0, 0.5],
      [1 / 3, 0],
      [0.1, 0.35],
    ]) {
      const at = (factor: number) =>
        checkGradient(sloping, [0], { rtol: factor * rtol, atol: factor * atol, step: 1 }).ok
      expect([at(1.01), at(0.99)]).toEqual([true, false])
    }
  })

  test('reports the element with the largest error, or the first of several such elements', () => {
    const linear = (...slopes: number[]): Whole => ({
      value: (x) => Array.from(x).reduce((sum, xi) => sum + xi, 0),
      gradient: (_, out) => slopes.forEach((slope, i) => void Object.assign(out, { [i]: slope })),
    })
    expect(checkGradient(linear(1, 1.1, 1.3, 1.2), [0, 0, 0, 0])).toMatchObject({ index: 2, failures: 3 })
    expect(checkGradient(linear(1, 3, 3), [0, 0, 0], { step: 1 })).toMatchObject({ index: 1, failures: 2 })
    expect(checkGradient(linear(1, NaN, Infinity), [0, 0, 0])).toMatchObject({ index: 1, failures: 2 })
  })

  test('reports how many elements of the gradient are wrong', () => {
    const forgotten = changed(waves, (out) => {
      out[1] = 0
      out[3] = 0
    })
    expect(checkGradient(forgotten, [0.1, 0.2, 0.3, 0.4, 0.5])).toMatchObject({ failures: 2 })
  })

  test('reports non-finite gradients and values as errors', () => {
    const never = { absoluteError: Infinity, relativeError: Infinity }
    for (const bad of [NaN, Infinity, -Infinity]) {
      const infinite = changed(waves, (out) => {
        out[2] = bad
      })
      const check = checkGradient(infinite, [1, 2, 3], { atol: 1e300, rtol: 1e6 })
      expect(check).toMatchObject({ ok: false, failures: 1, index: 2, analytic: bad, ...never })
      const pole = single(
        (x) => (x === 1 ? bad : x),
        () => 1,
      )
      expect(checkGradient(pole, [1])).toMatchObject({ ok: false, value: bad, failures: 0 })
    }
    const half = single(Math.sqrt, () => 0)
    expect(checkGradient(half, [0])).toMatchObject({ ok: false, failures: 1, numeric: NaN, ...never })
  })
})

describe('checkGradient during finite differences', () => {
  /** The points at which the objective was evaluated. */
  const points = (x: ArrayLike<number>, options = {}) => {
    const seen: ArrayLike<number>[] = []
    const value = (x: ArrayLike<number>) => {
      seen.push(Array.from(x))
      if (seen.length === 1) seen.push(x)
      return 0
    }
    checkGradient({ value, gradient: (x, out) => void Array.from(x, (_, i) => (out[i] = 0)) }, x, options)
    const [first, live, ...others] = seen
    return { first, type: live.constructor.name, others }
  }

  test('evaluates the objective at x and at both neighbors of x along each axis', () => {
    const exact = points([1, -8], { step: 2 ** -10 })
    const others = [
      ...[1 + 2 ** -10, 1 - 2 ** -10].map((x) => [x, -8]),
      ...[-8 + 2 ** -7, -8 - 2 ** -7].map((x) => [1, x]),
    ]
    expect(exact).toEqual({ first: [1, -8], type: 'Float64Array', others })
    const { type, others: near } = points(Float32Array.of(0, 100))
    expect(type).toBe('Float32Array')
    const step = Math.cbrt(2 ** -23)
    expect(near[0][0] / step).toBeCloseTo(1, 6)
    expect((near[2][1] - 100) / (100 * step)).toBeCloseTo(1, 4)
    expect(points(Float64Array.of(0)).others[0][0] / Math.cbrt(2 ** -52)).toBeCloseTo(1, 12)
  })

  test('divides by the distance between the rounded points', () => {
    const straight = single(
      (x) => x,
      () => 1,
    )
    expect(checkGradient(straight, Float32Array.of(0.7))).toMatchObject({ numeric: 1, absoluteError: 0 })
  })

  test('passes a gradient array of the dtype of x to the objective', () => {
    for (const x of [Float32Array.of(1, 2), Float64Array.of(1, 2)]) {
      const types: unknown[] = []
      const gradient: Whole['gradient'] = (x, out) => {
        types.push(x.constructor, out.constructor)
        waves.gradient(x, out)
      }
      checkGradient({ ...waves, gradient }, x)
      expect(types).toEqual([x.constructor, x.constructor])
    }
  })
})

describe('checkGradient with user objects', () => {
  test("neither changes the user's array x nor exposes x to the objective", () => {
    const x = noise(3, 8, 'float32')
    const before = bits(x)
    const seen: unknown[] = []
    const value = (x: ArrayLike<number>) => seen.push(x)
    checkGradient({ value, gradient: waves.gradient }, x)
    expect(bits(x)).toBe(before)
    expect(seen.includes(x)).toBe(false)
  })

  test('returns a frozen plain object as its report', () => {
    const check: GradientCheck = checkGradient(waves, [1])
    expect(Object.isFrozen(check)).toBe(true)
    expect(JSON.parse(JSON.stringify(check))).toEqual(check)
  })

  test("calls methods with the user's object as `this`, and reads each method once", () => {
    let reads = 0
    class Scaled {
      scale = 3
      get value() {
        reads++
        return (x: ArrayLike<number>) => 3 * x[0] * x[0]
      }
      gradient(x: ArrayLike<number>, out: { [i: number]: number }): void | undefined {
        out[0] = 2 * this.scale * x[0]
      }
    }
    expect(checkGradient(new Scaled(), [2]).ok).toBe(true)
    expect(reads).toBe(1)
  })

  test('propagates exceptions from user functions', () => {
    const error = new Error('mine')
    const thrower = () => {
      throw error
    }
    expect(() => checkGradient({ ...waves, value: thrower }, [1])).toThrow(error)
    expect(() => checkGradient({ ...waves, gradient: thrower }, [1])).toThrow(error)
  })
})

describe('checkGradient refuses', () => {
  // biome-ignore lint/suspicious/noExplicitAny: what TypeScript would not let through
  type Anything = any
  let calls = 0
  const counted = single(
    () => ++calls,
    () => ++calls,
  )
  const refused = (...args: Anything[]) => {
    calls = 0
    try {
      checkGradient(...(args as Parameters<typeof checkGradient>))
    } catch (error) {
      expect(error).toBeInstanceOf(OptionError)
      return [(error as OptionError).argument, (error as Error).message]
    }
    return []
  }

  test.each([
    ...[undefined, null, 1, {}, { value: 1 }, { gradient: () => {} }].map((o) => ['objective', o, [1]]),
    ...[waves.value, { value: waves.value }, { value: waves.value, gradient: 1 }].map((o) => [
      ...['objective: gradient', o],
      [1],
    ]),
    ...[undefined, null, 1, [], ['1'], {}, new Int32Array(1), new Float64Array(0)].map((x) => [
      'x',
      counted,
      x,
    ]),
    ...[null, 1, { tolerance: 1 }].map((options) => ['options', counted, [1], options]),
    ...['rtol', 'atol'].flatMap((name) =>
      [-1, NaN, Infinity, '1', null].map((bad) => [name, counted, [1], { [name]: bad }]),
    ),
    ...[0, -1, NaN, Infinity, '1', null].map((step) => ['step', counted, [1], { step }]),
  ])('an invalid %s: %s, %j, %j', (argument, ...args) => {
    expect(refused(...args)[0]).toBe(argument)
    expect(calls).toBe(0)
  })

  test('a gradient function that fills only a part of the array `out`, or that returns an array', () => {
    const returning = { value: waves.value, gradient: () => [1, 2] }
    expect(refused(returning, [1, 2])).toEqual([
      'objective: gradient',
      expect.stringContaining('got a call that did not set out[0] but returned an object'),
    ])
    const short = single(Math.sin, Math.cos)
    expect(refused(short, Float32Array.of(1, 2))[1]).toContain('did not set out[1]')
  })

  test('an objective value that is not a number', () => {
    for (const bad of [undefined, '1', 1n, [1]]) {
      expect(refused({ ...waves, value: () => bad }, [1])[0]).toBe('objective: value')
    }
  })

  test('functions that change x', () => {
    const change = (x: ArrayLike<number>) => {
      ;(x as number[])[1] = 5
      return 0
    }
    const message = (name: string) => [
      `objective: ${name}`,
      `objective: ${name}: expected x to stay unchanged, got a call that set x[1]`,
    ]
    expect(refused({ ...waves, value: change }, [1, 2])).toEqual(message('value'))
    const gradient: Whole['gradient'] = (x, out) => {
      waves.gradient(x, out)
      change(x)
    }
    expect(refused({ ...waves, gradient }, [1, 2])).toEqual(message('gradient'))
  })
})

test('minimize uses the finite differences of checkGradient if the objective has no gradient', () => {
  const { value, gradient } = rosenbrock()
  const options = { maxIterations: 1 }
  const { gradientNorm } = minimize({ value }, [-1.5, 2], adam(), options)
  const { numeric } = checkGradient({ value, gradient }, [-1.5, 2], { rtol: 0, atol: 1e-300 })
  expect(Math.abs(numeric)).toBe(gradientNorm)
})
