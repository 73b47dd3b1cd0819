/**
 * Moments whose gradient stays 0 end at 0 and not at a subnormal number, with which many processors
 * compute slowly: at every 256th update of a tensor, subnormal numbers of its state become +0.
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
  sgd,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { definitions } from '../dist/rules/definitions.js'
import { type Dtype, dtypes, epsilonOf, type FloatArray, roundOf, rules } from './helpers.js'
import { array, firstDifference, reference, type Variant, variants } from './support.js'

const PERIOD = 256
const smallestNormal = { float32: 2 ** -126, float64: 2 ** -1022 }
const smallest = { float32: 2 ** -149, float64: 2 ** -1074 }

const isSubnormal = (x: number, dtype: Dtype) => x !== 0 && Math.abs(x) < smallestNormal[dtype]

/** Rules whose ε does not keep their state from being settled, or that have none. */
const settles = (rule: Rule) => rule.name === 'lars' || !('eps' in rule) || rule.eps > 0
/**
 * LAMB divides by the norm of what its moments give, however small they are. Prodigy counts no updates as long as
 * gradients are 0; test/prodigy.test.ts has its own.
 */
const measures = (rule: Rule): boolean =>
  rule.name === 'delayedStart' ? measures(rule.rule) : rule.name === 'lamb' || rule.name === 'prodigy'
/** Those that are for matrices alone have their own tests. */
const ofAnyShape = rules.filter(([, { name }]) => !definitions[name as keyof typeof definitions]?.wantsShapes)
const settling = ofAnyShape.filter(([, rule]) => settles(rule) && !measures(rule))
const keeping = ofAnyShape.filter(([, rule]) => !settles(rule) || measures(rule))
/** StableAdamW's moments do depend on t, and so does the largest corrected v. */
const alike = settling.filter(
  ([, rule]) =>
    rule.name !== 'stableAdamW' && !('amsgradMoment' in rule && rule.amsgradMoment === 'corrected'),
)

type State = Readonly<Record<string, FloatArray>>

/** An optimizer of one tensor, and the arrays of its state. */
function begin({ name: _, ...engine }: Variant, rule: Rule, initial: FloatArray) {
  const optimizer = new Optimizer(initial, rule, engine)
  const arrays = Object.entries(optimizer.state).filter(([, value]) => ArrayBuffer.isView(value))
  return { optimizer, state: Object.fromEntries(arrays) as unknown as State }
}

/** Some of everything: about the border of the subnormal numbers, about 0, ordinary, not finite. */
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

/** Past a block of the loops in Rust, and not a whole vector. */
const LENGTH = 1109

/** Any parameters and state before an update, and its gradients: many are 0 or small. */
function updated(variant: Variant, rule: Rule, dtype: Dtype, update: number) {
  const { optimizer, state } = begin(variant, rule, array(dtype, LENGTH))
  for (let t = 1; t < update; t++) {
    optimizer.gradientPoint()
    optimizer.step()
  }
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
  return { params: optimizer.params, state }
}

/** What depends on t as θ does: Schedule-Free's step and LaProp's quotient correct a bias, ADOPT's limit grows. */
const isTimed = (name: string, rule: Rule) =>
  (name === 'z' && 'eps' in rule) || (name === 'm' && ['laprop', 'adopt'].includes(rule.name))

/**
 * Where an ε is added to g² or v, v moves toward that, and what is divided by √v with it; or to |g|, of Adamax's n.
 * Rprop's h has a least size, and moments of ones move toward 1.
 */
const isLifted = (name: string, rule: Rule) =>
  ('epsPlacement' in rule &&
    (rule.epsPlacement === 'square' || (rule.epsPlacement === 'gradient' && name === 'n'))) ||
  ('epsRoot' in rule && rule.epsRoot > 0) ||
  (rule.name === 'rprop' && name === 'h') ||
  ['w1', 'w2'].includes(name)

const known = new Map<string, ReturnType<typeof updated>>()

/** The same in TypeScript. */
function expectedAfter(update: number, rule: Rule, dtype: Dtype) {
  const key = JSON.stringify([update, rule, dtype])
  const result = known.get(key) ?? updated(reference, rule, dtype, update)
  known.set(key, result)
  return result
}

describe.each(variants)('on $name', (variant) => {
  describe.each(dtypes)('%s', (dtype) => {
    test.each(alike)('a subnormal moment counts as +0 after update 256: %s', (_, rule) => {
      // What the equations give: at t > 1 they do not depend on t, but for the step of θ.
      const { state: before } = expectedAfter(PERIOD - 1, rule, dtype)
      const { state, params } = updated(variant, rule, dtype, PERIOD)
      for (const [name, moments] of Object.entries(before)) {
        // It is no moment, and is written anew at each call.
        if (name === 'point' || isTimed(name, rule) || isLifted(name, rule)) continue
        expect(moments.some((x) => isSubnormal(x, dtype))).toBe(true)
        const expected = moments.map((x) => (isSubnormal(x, dtype) ? 0 : x))
        expect(firstDifference(expected, state[name]), name).toBe(-1)
      }
      expect(firstDifference(expectedAfter(PERIOD, rule, dtype).params, params)).toBe(-1)
    })

    test.each([...settling, ...keeping])('but not one update earlier: %s', (_, rule) => {
      const { state: expected } = expectedAfter(PERIOD - 1, rule, dtype)
      const { state } = updated(variant, rule, dtype, PERIOD - 1)
      for (const name in expected) expect(firstDifference(expected[name], state[name]), name).toBe(-1)
    })

    test.each(keeping.filter(([, rule]) => rule.name !== 'stableAdamW'))(
      'without ε it still counts: %s',
      (_, rule) => {
        const { state: before } = expectedAfter(PERIOD - 1, rule, dtype)
        const { state } = updated(variant, rule, dtype, PERIOD)
        for (const name in before) {
          if (isTimed(name, rule)) continue
          expect(firstDifference(before[name], state[name]), name).toBe(-1)
        }
      },
    )

    test('the border: the largest subnormal number goes, the smallest normal one stays', () => {
      const [normal, least] = [smallestNormal[dtype], smallest[dtype]]
      const becomes: [number, number][] = [
        ...[normal, -normal, normal + least, 0, -0, Infinity, -Infinity, NaN].map((x): [number, number] => [
          x,
          x,
        ]),
        ...[normal - least, least - normal, least, -least].map((x): [number, number] => [x, 0]),
      ]
      // v ← 0·v − 1·g; with a v of −0, zeros keep their sign.
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
    test.each(dying)('moments whose gradient stays 0 end at 0: %s', (_, rule) => {
      const { optimizer, state } = begin(variant, rule, array(dtype, 5).fill(1))
      for (let t = 0; t < 10; t++) optimizer.step(array(dtype, [1, -2, 0.1, 3, 1e-5]))
      const zero = array(dtype, 5)
      // 0.8 to this power is below the smallest normal number.
      const updates = dtype === 'float32' ? 400 : 3300
      for (let t = 0; t < updates + PERIOD; t++) optimizer.step(zero)
      for (const moments of Object.values(state)) expect([...moments]).toEqual([0, 0, 0, 0, 0])
    })
  })

  test('each tensor at its own 256th update', () => {
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

  test('in stepAsync, and in the midst of large arrays', async () => {
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

test.each(dtypes)('what becomes 0 does not show beside the ε of a rule by default: %s', (dtype) => {
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
})

test.each(dtypes)('an ε counts whose square is a normal number: %s', (dtype) => {
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

test('a look at the point flushes nothing', () => {
  const { optimizer, state } = begin(reference, nesterov({ form: 'shifted' }), new Float32Array(3))
  for (let t = 1; t <= PERIOD; t++) optimizer.step()
  state.v.fill(4e-45)
  optimizer.gradientPoint()
  expect([...state.v]).toEqual([...new Float32Array(3).fill(4e-45)])
})
