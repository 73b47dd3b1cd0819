/**
 * Built-in rules and the equivalent equations have the same bits on every engine, in parameters and in state, for all
 * gradients.
 */

import {
  type adam,
  delayedStart,
  describeRule,
  ema,
  expression,
  minimizeManySync,
  noise,
  Optimizer,
  sparseRows,
  warmup,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { type Dtype, dtypes, type FloatArray, random } from '../bits.js'
import { array, firstDifference, type Variant, variants } from '../support.js'
import { type Twin, twins } from './rules.js'

const UPDATES = 300
/** Lengths near the block lengths of programs, and lengths shorter and longer than vectors. */
const LENGTHS = { long: 261, longer: 790, odd: 17, short: 3, one: 1, none: 0 }

const tame: Record<Dtype, readonly number[]> = {
  float32: [0, -0, 1e-45, -3e-40, 1e-23, -4e-23, 2e-38, -1e6],
  float64: [0, -0, 5e-324, -3e-310, 1e-170, -4e-170, 3e-308, -1e6],
}
const wild: Record<Dtype, readonly number[]> = {
  float32: [1e25, -3.4028234663852886e38, Infinity, -Infinity, NaN],
  float64: [1e200, -1.7976931348623157e308, Infinity, -Infinity, NaN],
}

type Tensors = Record<string, FloatArray>

/**
 * Elements whose gradients are always special, elements whose gradients are special at times, and elements whose
 * gradients may be non-finite. The last kind occurs only in the last updates of `longer` and `odd`, so sums are finite
 * for most of the run.
 */
function* gradients(dtype: Dtype): Generator<Tensors> {
  const next = random(5)
  const pick = (list: readonly number[]) => list[Math.floor(next() * list.length)]
  for (let t = 0; t < UPDATES; t++) {
    const elementOf = (name: string, i: number) => {
      if (t > UPDATES - 20 && i % 7 === 3 && (name === 'longer' || name === 'odd') && next() < 0.1)
        return pick(wild[dtype])
      if (i % 5 === 1) return tame[dtype][(i - (i % 5)) % 8]
      return next() < 0.1 ? pick(tame[dtype]) : (2 * next() - 1) * pick([1e-3, 1, 1, 30])
    }
    const all = Object.entries(LENGTHS).map(([name, length]) => [
      name,
      array(
        dtype,
        Array.from({ length }, (_, i) => elementOf(name, i)),
      ),
    ])
    // One tensor is skipped, and has a separate clock from then on.
    yield Object.fromEntries(t % 50 === 7 ? all.slice(1) : all)
  }
}

const made = Object.fromEntries(dtypes.map((dtype) => [dtype, [...gradients(dtype)]]))

function start(dtype: Dtype): Tensors {
  const next = random(9)
  return Object.fromEntries(
    Object.entries(LENGTHS).map(([name, length]) => [
      name,
      array(
        dtype,
        Array.from({ length }, (_, i) => (i % 11 === 5 ? tame[dtype][i % 8] : 4 * next() - 2)),
      ),
    ]),
  )
}

type Snapshot = readonly (readonly [name: string, array: FloatArray])[]

/** Live views of parameters and state. */
function arraysOf(optimizer: Optimizer<Tensors>): Snapshot {
  const state = optimizer.state as Record<string, Record<string, unknown>>
  return Object.entries(optimizer.params).flatMap(([tensor, params]) => [
    [`${tensor}`, params] as const,
    ...Object.entries(state[tensor])
      .filter(([, value]) => ArrayBuffer.isView(value))
      .map(([name, value]) => [`${tensor}.${name}`, value as FloatArray] as const),
  ])
}

function difference(expected: Snapshot, actual: Snapshot): string | null {
  for (const [name, array] of expected) {
    const other = actual.find(([own]) => own === name)?.[1]
    if (other === undefined) return `${name} is missing`
    const i = firstDifference(array, other)
    if (i >= 0) return `${name}[${i}]: ${other[i]} instead of ${array[i]}`
  }
  return actual.length === expected.length ? null : `${actual.length} arrays`
}

type Given = ConstructorParameters<typeof Optimizer>[2]

function begin({ name: _, ...engine }: Variant, rule: ReturnType<Twin['own']>, dtype: Dtype, given?: Given) {
  const optimizer = new Optimizer<Tensors>(start(dtype), rule, { ...engine, ...given } as never)
  expect(optimizer.engine).toBe(engine.engine)
  return optimizer
}

/** The first difference in 300 updates. */
function compare({ own, built, options }: Twin, variant: Variant, dtype: Dtype, more = {}, given?: Given) {
  const [a, b] = [own, built].map((make) => begin(variant, make({ ...options, ...more }), dtype, given))
  for (const [t, gradient] of made[dtype].entries()) {
    a.step(gradient)
    b.step(gradient)
    // Compares all numbers in all arrays, even at the updates that flush subnormal numbers.
    const found = t % 16 < 2 || t > UPDATES - 20 ? difference(arraysOf(b), arraysOf(a)) : null
    if (found !== null) return `update ${t + 1}: ${found}`
  }
  return null
}

const valley = expression('(1 - x)^2 + 100*(y - x^2)^2')

const adamOf = (name: string) => twins.find((twin) => twin.name === name) as Twin

/** Options of the optimizer in addition to the rule. */
const settings: readonly (readonly [name: string, twin: string, more: object, given: Given])[] = [
  [
    'schedules',
    'own-adam',
    { lr: warmup(0.05, { steps: 20 }), weightDecay: (t: number) => 0.1 / (1 + t) },
    {},
  ],
  ['maximize', 'own-adam', { maximize: true }, {}],
  ['clipping', 'own-adam', {}, { clip: { norm: 20, value: 1, tensorNorm: 15 } }],
  ['noise', 'own-lamb', {}, { clip: { noise: noise({ seed: 3 }) } }],
  [
    'several batches, averages and lookahead',
    'own-adamw',
    {},
    { accumulate: 2, average: ema(), lookahead: { steps: 5 } },
  ],
  [
    'groups',
    'own-adam',
    {},
    {
      groups: [
        { match: 'odd', lr: 0.2, weightDecay: 0 },
        { match: 'long', lrScale: 0.5 },
      ],
    },
  ],
]

test('Adam as a custom rule compiles to four operations, and the kernels load shared values only once', () => {
  const { own } = twins.find(({ name }) => name === 'own-adam-unprotected') as Twin
  const operations = Array.from(
    describeRule(own() as never).matchAll(/\w+ ← \w+\(.*\)/g),
    ([operation]) => operation,
  )
  expect(operations).toEqual([
    'v ← blendSquare(beta2, v, 1 - beta2, g)',
    'x1 ← sqrtMultiplyAdd(v, 1/sqrt((1 - (beta2*p2))), eps)',
    'm ← blend(beta1, m, 1 - beta1, g)',
    'theta ← multiplyOverFrom(lr/(1 - (beta1*p1)), m, x1, theta)',
  ])
})

describe.each(variants)('custom rules on $name', (variant) => {
  describe.each(dtypes)('in %s', (dtype) => {
    test.each(twins)('compute the same bits as the built-in rule $name', (twin) => {
      expect(compare(twin, variant, dtype)).toBeNull()
    })

    test.each(settings)(
      'compute the same bits as the built-in rules with “%s”: %s',
      (_, name, more, given) => {
        expect(compare(adamOf(name), variant, dtype, more, given)).toBeNull()
      },
    )

    test('compute the same bits as the built-in rules with delayed starts and sparse gradients', () => {
      const { own, built, options } = adamOf('own-adam')
      const { name: _, ...engine } = variant
      const values = (...numbers: number[]) => array(dtype, numbers)
      const given = { ...engine, shapes: { x: [3, 2] } } as const
      const [a, b] = [own, built].map((make) => {
        const rule = delayedStart(3, make(options) as ReturnType<typeof adam>)
        return new Optimizer({ x: values(1, 2, 3, 4, 5, 6) }, rule, given)
      })
      for (let t = 0; t < 12; t++) {
        const gradient = sparseRows([t % 3], values(1, t) as Float64Array)
        for (const one of [a, b]) one.step({ x: gradient } as never)
      }
      expect(firstDifference(b.params.x, a.params.x)).toBe(-1)
      expect(a.params.x[0]).not.toBe(1)
    })

    test.each(twins.filter(({ sums }) => !sums))(
      'compute the same bits as the built-in rules with accumulated batches: $name',
      ({ own, built, options }) => {
        const { name: _, ...engine } = variant
        const starts = {
          x: array(dtype, [-1.5, 2, 0, 1e-30, Number.NaN, 7, -0, 3]),
          y: array(dtype, [2, -1, 0, 1, 1, -1e20, 5, 3]),
        }
        const [a, b] = [own, built].map((make) =>
          minimizeManySync(valley, starts as never, make(options) as never, {
            ...{ ...engine, maxIterations: UPDATES },
          }),
        )
        expect(a.engine).toBe(engine.engine)
        for (const name of ['x', 'y'] as const) expect(firstDifference(b.x[name], a.x[name])).toBe(-1)
        expect(a.reason).toEqual(b.reason)
      },
    )

    test('compute the same bits as the built-in rules after save, load and `set`', () => {
      const { own, built, options } = adamOf('own-adam')
      const { name: _, ...engine } = variant
      const again = (one: Optimizer<Tensors>) => Optimizer.load<Tensors>(structuredClone(one.save()), engine)
      let [a, b] = [own, built].map((make) => begin(variant, make(options), dtype))
      for (const [t, gradient] of made[dtype].slice(0, 40).entries()) {
        if (t === 15) [a, b] = [a, b].map(again)
        if (t === 25) for (const one of [a, b]) one.set({ lr: 0.5, beta1: 0.5 } as never)
        a.step(gradient)
        b.step(gradient)
        expect(difference(arraysOf(b), arraysOf(a))).toBeNull()
      }
    })

    test.each(twins.filter(({ sums }) => sums))(
      'compute the same bits as the built-in rules on 40,000 elements: $name',
      ({ own, built, options }) => {
        const length = 40_000
        const values = (seed: number) => {
          const next = random(seed)
          return {
            large: array(
              dtype,
              Array.from({ length }, () => 2 * next() - 1),
            ),
            small: array(dtype, [1, -2]),
          }
        }
        const { name: _, ...engine } = variant
        const [a, b] = [own, built].map((make) => new Optimizer<Tensors>(values(1), make(options), engine))
        for (let t = 0; t < 3; t++) {
          a.step(values(t + 2))
          b.step(values(t + 2))
        }
        expect(difference(arraysOf(b), arraysOf(a))).toBeNull()
      },
    )
  })
})
