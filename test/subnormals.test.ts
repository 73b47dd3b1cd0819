/**
 * Moments whose gradient stays 0 become 0 rather than subnormal, because many processors are slow with subnormal
 * numbers. At every 256th update of a tensor, subnormal numbers of its state become +0.
 */

import {
  adagrad,
  adam,
  delayedStart,
  momentum,
  nesterov,
  Optimizer,
  type Rule,
  radam,
  rmsprop,
  type SavedRun,
  sgd,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { definitions } from '../dist/rules/definitions.js'
import { resolve } from '../dist/rules/resolve.js'
import { type Dtype, dtypes, epsilonOf, type FloatArray, roundOf, rules } from './helpers.js'
import { array, firstDifference, reference, type Variant, variants } from './support.js'

const PERIOD = 256
const smallestNormal = { float32: 2 ** -126, float64: 2 ** -1022 }
const smallest = { float32: 2 ** -149, float64: 2 ** -1074 }

const isSubnormal = (x: number, dtype: Dtype) => x !== 0 && Math.abs(x) < smallestNormal[dtype]

/** Whether the rule's declaration allows subnormal numbers of its state to become 0. */
function settles(rule: Rule, dtype: Dtype): boolean {
  const { definition, rule: checked } = resolve(rule)
  return definition.flushes(checked as never, smallestNormal[dtype])
}

/**
 * Rules that count updates with zero gradients, and that need no shapes. Other tests cover rules for matrices and rules
 * that combine all tensors.
 */
const counting = rules.filter(([, { name }]) => {
  const { estimateShared, wantsShapes } = definitions[name]
  return estimateShared === undefined && !wantsShapes
})

type State = Readonly<Record<string, FloatArray>>

/** An optimizer with one tensor, and the state arrays of the optimizer. */
function begin({ name: _, ...engine }: Variant, rule: Rule, initial: FloatArray) {
  return withState(new Optimizer(initial, rule, engine))
}

function withState<Run extends { readonly state: object }>(optimizer: Run) {
  const arrays = Object.entries(optimizer.state).filter(([, value]) => ArrayBuffer.isView(value))
  return { optimizer, state: Object.fromEntries(arrays) as unknown as State }
}

/** Numbers around the subnormal limit, numbers around 0, ordinary numbers and non-finite numbers. */
function numbers(dtype: Dtype, length: number): FloatArray {
  const [normal, least] = [smallestNormal[dtype], smallest[dtype]]
  const border = [
    normal,
    normal - least,
    normal + least,
    normal / 2,
    1.1 * normal,
    30 * normal,
    1000 * normal,
  ]
  const list = [...border, least, 4 * least, 400 * least, 0, Infinity, 0.5, 1e-9]
  const both = [...list.flatMap((x) => [x, -x]), NaN]
  return array(dtype, length).map((_, i) => both[i % both.length])
}

/** The length exceeds a block of the Rust loops, and is not a multiple of a vector. */
const LENGTH = 1109

const runs = new Map<string, SavedRun>()

/** A saved run of the TypeScript engine after updates with gradients of 0. Every engine continues the same run. */
function savedAfter(updates: number, rule: Rule, dtype: Dtype): SavedRun {
  const key = JSON.stringify([updates, rule, dtype])
  const known = runs.get(key)
  if (known) return known
  const earlier = updates - 1
  const optimizer =
    earlier < PERIOD - 3
      ? new Optimizer(array(dtype, LENGTH), rule, { engine: 'typescript' })
      : Optimizer.load(savedAfter(earlier, rule, dtype), { engine: 'typescript' })
  for (let t = earlier < PERIOD - 3 ? 0 : earlier; t < updates; t++) {
    optimizer.gradientPoint()
    optimizer.step()
  }
  const saved = optimizer.save()
  runs.set(key, saved)
  return saved
}

/** An optimizer after an update with random parameters, state and gradients, many of which are 0 or small. */
function updated({ name: _, ...engine }: Variant, rule: Rule, dtype: Dtype, update: number) {
  const { optimizer, state } = withState(
    Optimizer.load(savedAfter(update - 1, rule, dtype), engine) as Optimizer<FloatArray>,
  )
  const filled = numbers(dtype, LENGTH)
  Object.values(state).forEach((own, k) => {
    own.set(filled.map((_, i) => filled[(i + 7 * k) % LENGTH]))
  })
  const [normal, least] = [smallestNormal[dtype], smallest[dtype]]
  const small = [0, 0, 5 * least, -20 * least, normal, 0.9 * Math.sqrt(normal), 1]
  optimizer.params.forEach((_, i) => {
    optimizer.params[i] = i % 2
    optimizer.grads[i] = small[i % small.length]
  })
  optimizer.gradientPoint()
  optimizer.step()
  return { optimizer, params: optimizer.params, state }
}

const known = new Map<string, ReturnType<typeof updated>>()

/** The result of the TypeScript engine. */
function expectedAfter(update: number, rule: Rule, dtype: Dtype) {
  const key = JSON.stringify([update, rule, dtype])
  const result = known.get(key) ?? updated(reference, rule, dtype, update)
  known.set(key, result)
  return result
}

/** The state arrays of an update that are independent of t and do not belong to gradientPoint. */
function timeless(rule: Rule, dtype: Dtype): string[] {
  const { definition, rule: checked } = resolve(rule)
  const written = new Set<string>(
    definition.stages(checked as never).flatMap(({ state, lines = [] }) => [...state, ...lines]),
  )
  const [{ state: earlier }, { state }] = [PERIOD - 2, PERIOD - 1].map((t) => expectedAfter(t, rule, dtype))
  return Object.keys(state).filter(
    (name) => written.has(name) && firstDifference(earlier[name], state[name]) === -1,
  )
}

describe.each(variants)('flushing of subnormal numbers on $name', (variant) => {
  describe.each(dtypes)('in %s', (dtype) => {
    const settling = counting.filter(([, rule]) => settles(rule, dtype))
    const keeping = counting.filter(([, rule]) => !settles(rule, dtype))

    test.each(settling)('replaces a subnormal moment with +0 at update 256: %s', (_, rule) => {
      const { state: before } = expectedAfter(PERIOD - 1, rule, dtype)
      const { state, params } = updated(variant, rule, dtype, PERIOD)
      for (const name of timeless(rule, dtype)) {
        const moments = before[name]
        const expected = moments.map((x) => (isSubnormal(x, dtype) ? 0 : x))
        expect(firstDifference(expected, state[name]), name).toBe(-1)
      }
      expect(firstDifference(expectedAfter(PERIOD, rule, dtype).params, params)).toBe(-1)
    })

    test.each(counting)('has no effect at update 255: %s', (_, rule) => {
      const { state: expected } = expectedAfter(PERIOD - 1, rule, dtype)
      const { state } = updated(variant, rule, dtype, PERIOD - 1)
      for (const name in expected) expect(firstDifference(expected[name], state[name]), name).toBe(-1)
    })

    test.each(keeping)('keeps subnormal numbers that affect the update if ε is 0: %s', (_, rule) => {
      const { state: before } = expectedAfter(PERIOD - 1, rule, dtype)
      const { state } = updated(variant, rule, dtype, PERIOD)
      for (const name of timeless(rule, dtype))
        expect(firstDifference(before[name], state[name]), name).toBe(-1)
    })

    test('replaces the largest subnormal number with 0, and keeps the smallest normal number', () => {
      const [normal, least] = [smallestNormal[dtype], smallest[dtype]]
      const becomes: [number, number][] = [
        ...[normal, -normal, normal + least, 0, -0, Infinity, -Infinity, NaN].map((x): [number, number] => [
          x,
          x,
        ]),
        ...[normal - least, least - normal, least, -least].map((x): [number, number] => [x, 0]),
      ]
      // v ← 0·v − 1·g. Zeros keep their sign if v is −0.
      const { optimizer, state } = begin(
        variant,
        momentum({ lr: 1, momentum: 0 }),
        array(dtype, becomes.length),
      )
      for (let t = 1; t < PERIOD; t++) optimizer.step()
      state.v.fill(-0)
      optimizer.step(
        array(
          dtype,
          becomes.map(([x]) => -x),
        ),
      )
      expect([...state.v]).toEqual(becomes.map(([, x]) => x))
    })

    const dying: [string, Rule][] = [
      ['momentum', momentum({ momentum: 0.8 })],
      ['nesterov', nesterov({ momentum: 0.8 })],
      ['nesterov shifted', nesterov({ momentum: 0.8, form: 'shifted' })],
      ['sgd', sgd({ momentum: 0.8 })],
      ['sgd nesterov', sgd({ momentum: 0.8, nesterov: true })],
      ['rmsprop', rmsprop({ alpha: 0.8, momentum: 0.8 })],
      ['adam', adam({ beta1: 0.8, beta2: 0.8 })],
      ['radam', radam({ beta1: 0.8, beta2: 0.8 })],
      ['delayed adam', delayedStart(1e6, adam({ beta1: 0.8, beta2: 0.8 }))],
    ]
    test.each(dying)('produces moments of 0 if the gradient stays 0: %s', (_, rule) => {
      const { optimizer, state } = begin(variant, rule, array(dtype, 5).fill(1))
      for (let t = 0; t < 10; t++) optimizer.step(array(dtype, [1, -2, 0.1, 3, 1e-5]))
      const zero = array(dtype, 5)
      // The power of 0.8 is below the smallest normal number.
      const updates = dtype === 'float32' ? 400 : 3300
      for (let t = 0; t < updates + PERIOD; t++) optimizer.step(zero)
      for (const moments of Object.values(state)) expect([...moments]).toEqual([0, 0, 0, 0, 0])
    })
  })

  test('takes place at the 256th update of each tensor', () => {
    const { name: _, ...engine } = variant
    const one = Float32Array.of(1)
    const optimizer = new Optimizer({ a: one, b: one.slice() }, momentum(), engine)
    const zero = Float32Array.of(0)
    const { a, b } = optimizer.state
    optimizer.step({ a: zero })
    for (let t = 2; t <= PERIOD + 1; t++) {
      a.v[0] = b.v[0] = 4e-45
      optimizer.step({ a: zero, b: zero })
      expect([t, a.v[0] === 0, b.v[0] === 0]).toEqual([t, t === PERIOD, t === PERIOD + 1])
    }
  })

  test('takes place in stepAsync and in the middle of large arrays', async () => {
    const length = 300_007
    const { optimizer, state } = begin(
      variant.engine === 'native' ? { ...variant, threads: 3 } : variant,
      sgd({ momentum: 0.9 }),
      new Float32Array(length),
    )
    for (let t = 1; t < PERIOD; t++) optimizer.step()
    state.b.fill(4e-45)
    await optimizer.stepAsync()
    expect(state.b.every((x) => x === 0)).toBe(true)
  })
})

test.each(dtypes)(
  'the flushed subnormal numbers have no effect on updates, because the default ε is much larger: %s',
  (dtype) => {
    const f = roundOf[dtype]
    for (const { name, eps, beta2 = 0 } of [
      { ...adagrad(), name: 'adagrad' },
      { ...rmsprop(), name: 'rmsprop' },
      adam(),
      radam({ form: 'optax' }),
    ] as { name: string; eps: number; beta2?: number }[]) {
      const largest = smallestNormal[dtype] - smallest[dtype]
      const c2 = f(1 / Math.sqrt(1 - beta2 ** PERIOD))
      expect(f(f(f(Math.sqrt(largest)) * c2) + f(eps)), name).toBe(f(eps))
    }
  },
)

test.each(dtypes)('a value of ε whose square is a normal number has an effect: %s', (dtype) => {
  const least = Math.sqrt(smallestNormal[dtype])
  for (const [eps, settled] of [
    [least, true],
    [least * (1 - epsilonOf[dtype]), false],
  ] as const) {
    const { optimizer, state } = begin(reference, adam({ eps }), array(dtype, 1))
    for (let t = 1; t < PERIOD; t++) optimizer.step()
    state.m[0] = 4 * smallest[dtype]
    optimizer.step()
    expect(state.m[0] === 0).toBe(settled)
  }
})

test.each(dtypes)(
  'almost all state arrays in the tests of flushing contain subnormal numbers: %s',
  (dtype) => {
    const moments = counting.flatMap(([, rule]) => {
      const { state } = expectedAfter(PERIOD - 1, rule, dtype)
      return timeless(rule, dtype).map((name) => state[name])
    })
    const subnormal = moments.filter((values) => values.some((x) => isSubnormal(x, dtype)))
    expect(subnormal.length).toBeGreaterThan(0.8 * moments.length)
  },
)

/**
 * Rules with a divisor that contains ε. Rules that use only a sign, such as cautious decay, distinguish 0 from small
 * numbers.
 */
const dividing = counting.filter(
  ([, rule]) => 'eps' in rule && !('cautiousWeightDecay' in rule && rule.cautiousWeightDecay),
)

describe.each(dtypes)('the flushing of subnormal numbers does not affect divisors: %s', (dtype) => {
  test.each(dividing.filter(([, rule]) => settles(rule, dtype)))('in the rule %s', (_, rule) => {
    const { state: kept } = expectedAfter(PERIOD - 1, rule, dtype)
    const names = timeless(rule, dtype)
    const [settled, other] = [0, 1].map(() => updated(reference, rule, dtype, PERIOD))
    for (const name of names) other.state[name].set(kept[name])
    const [params, expected] = [settled, other].map(({ optimizer }) => {
      optimizer.grads.fill(0)
      optimizer.gradientPoint()
      optimizer.step()
      return optimizer.params
    })
    // Non-finite differences result from non-finite state.
    const differences = params.map((x, i) => (Number.isFinite(expected[i]) ? Math.abs(x - expected[i]) : 0))
    expect(Math.max(...differences)).toBeLessThan(1e-6)
  })
})

test('the method gradientPoint flushes no subnormal numbers', () => {
  const { optimizer, state } = begin(reference, nesterov({ form: 'shifted' }), new Float32Array(3))
  for (let t = 1; t <= PERIOD; t++) optimizer.step()
  state.v.fill(4e-45)
  optimizer.gradientPoint()
  expect([...state.v]).toEqual([...new Float32Array(3).fill(4e-45)])
})
