/**
 * Bit identity: on every engine and at every instruction set, every rule and option form computes the bits of the
 * TypeScript engine. Each kernel is tested with all lengths around a vector's width. Further options of the same
 * kernels change numbers rather than loops, and are tested with six lengths.
 */

import { adam, engines, gradientDescent, Optimizer } from 'antigrad'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { definitions } from '../dist/rules/definitions.js'
import { type Case, cases } from './cases.js'
import { isElementwise } from './elementwise.js'
import { type Dtype, dtypes, type FloatArray } from './helpers.js'
import {
  array,
  type Data,
  differenceAmong,
  firstDifference,
  makeData,
  reference,
  run,
  type Snapshot,
  variants,
} from './support.js'

const others = variants.filter((variant) => variant !== reference)

/**
 * Lengths up to four of the widest vectors plus one element, and lengths beyond two block boundaries of a norm, which
 * are multiples of 16384.
 */
const lengths: Record<Dtype, readonly number[]> = {
  float32: [...Array(66).keys(), 40_003],
  float64: [...Array(34).keys(), 40_003],
}

const few = [0, 1, 17, 31, 33, 40_003]

const dataOf = (lengths: Record<Dtype, readonly number[]>) =>
  Object.fromEntries(
    dtypes.map((dtype) => [dtype, lengths[dtype].map((length) => makeData(dtype, [length], length + 1))]),
  ) as Record<Dtype, Data[]>

const data = dataOf(lengths)
const fewData = dataOf({ float32: few, float64: few })

/**
 * Identifies the loops of a case: the kernels of the case, and the operations on gradients before and after the
 * kernels.
 */
function loopsOf({ rule, options: { clip = {}, zeroGrads } }: Case): string[] {
  const { name, ...values } = rule.name === 'delayedStart' ? rule.rule : rule
  const { stages, point, flags } = definitions[name]
  const kernels = [...stages(values as never), point(values as never)].map((kernel) => kernel?.name)
  const { weightDecay, maximize } = values as Record<string, unknown>
  const around = [
    ...Object.keys(clip),
    zeroGrads,
    Boolean(weightDecay),
    maximize,
    rule.name === 'delayedStart',
  ]
  return [`${kernels} ${flags(values as never)}`, String(around)]
}

/** The first case with each set of loops. */
const first = new Set(
  [0, 1].flatMap((k) => [
    ...new Map([...cases].reverse().map((each) => [loopsOf(each)[k], each] as const)).values(),
  ]),
)

const awkward = [1, 0, 15, 16, 17, 64, 3, 0, 33, 130]

test('WebAssembly and the addon are available for the comparison of bits', () => {
  expect(engines()).toMatchObject({ wasm: { available: true }, native: { available: true } })
  expect(engines().native.instructionSets).toContain('scalar')
})

test('the table of cases has every rule, and a non-default value for every option', () => {
  const simple = cases.map(({ rule }) => (rule.name === 'delayedStart' ? rule.rule : rule))
  const missing = Object.values(definitions).flatMap(({ name, options }) =>
    Object.entries(options)
      .filter(([option, { default: value }]) =>
        simple.every(
          (rule) => rule.name !== name || (rule as unknown as Record<string, unknown>)[option] === value,
        ),
      )
      .map(([option]) => `${name}: ${option}`),
  )
  expect(missing).toEqual([])
})

describe(`on ${others.map(({ name }) => name).join(', ')},`, () => {
  describe.each(cases)('$name', (testCase) => {
    test.each(dtypes)('computes the same bits as in TypeScript: %s', (dtype) => {
      for (const one of (first.has(testCase) ? data : fewData)[dtype])
        expect(differenceAmong(others, testCase, one)).toBeNull()
    })

    test.each(dtypes)(
      'computes the same bits as in TypeScript for several tensors, including tensors without a gradient: %s',
      (dtype) => {
        const several = makeData(dtype, awkward, 2, true)
        expect(differenceAmong(others, testCase, several)).toBeNull()
      },
    )
  })
})

test.each(dtypes)(
  "a step leaves a tensor without a gradient and the tensor's update count unchanged in %s",
  (dtype) => {
    const several = makeData(dtype, awkward, 2, true)
    for (const testCase of cases) {
      const updates = awkward.map(() => 0)
      let before: FloatArray[] = []
      let step = 0
      for (const snapshot of run(reference, testCase, several)) {
        const present = several.gradients[step].map(
          (gradient) => step % 3 === 2 || gradient instanceof Object,
        )
        present.forEach((is, i) => {
          updates[i] += Number(is)
        })
        expect(snapshot.updates, `${testCase.name}, step ${step}`).toEqual(updates)
        for (const [k, [name, array]] of snapshot.arrays.entries()) {
          const tensor = Number(/\d+/.exec(name))
          // The last gradient point of the shifted form includes all tensors.
          if (step === 0 || present[tensor] || name.endsWith('.point')) continue
          expect(firstDifference(before[k], array), `${testCase.name}, ${name}`).toBe(-1)
        }
        before = snapshot.arrays.map(([, array]) => array.slice())
        step++
      }
    }
  },
)

describe.each(variants)('NaN and −0 on $name', ({ name: _, ...engine }) => {
  test.each(dtypes)('are treated by AMSGrad as documented: %s', (dtype) => {
    const ones = array(dtype, 40).fill(1)
    const optimizer = new Optimizer(ones, adam({ amsgrad: true }), engine)
    const { v, largest } = optimizer.state
    largest?.fill(NaN)
    optimizer.step(ones)
    expect(largest).toEqual(v)
    expect(v.every((x) => x > 0)).toBe(true)
    optimizer.step(array(dtype, 40).fill(NaN))
    expect(largest?.every(Number.isNaN)).toBe(true)
  })

  test.each(dtypes)('stay unchanged if gradients are clipped by value: %s', (dtype) => {
    const params = array(dtype, 40).fill(-0)
    const optimizer = new Optimizer(params, gradientDescent({ lr: 1 }), { clip: { value: 0.5 }, ...engine })
    const gradient = [NaN, -0, 0, Infinity, -3, 0.5, -0.25, 4]
    const moved = [NaN, 0, -0, -0.5, 0.5, -0.5, 0.25, -0.5]
    optimizer.step(array(dtype, Array(5).fill(gradient).flat()))
    expect([...optimizer.params]).toEqual(Array(5).fill(moved).flat())
  })
})

test('the division of elements into tensors does not affect any bit of the result unless a norm is used', () => {
  const elementwise = cases.filter(
    ({ rule, options: { clip = {} } }) =>
      Object.keys(clip).every((name) => name === 'value') && isElementwise(rule),
  )
  const pieces = fc.array(fc.nat(40), { minLength: 1, maxLength: 6 })
  const property = fc.property(
    fc.constantFrom(...elementwise),
    fc.constantFrom(...dtypes),
    fc.constantFrom(...variants),
    pieces,
    fc.nat(1e6),
    (testCase, dtype, variant, lengths, seed) => {
      const parts = makeData(dtype, lengths, seed)
      const split = [...run(variant, testCase, parts)].at(-1) as Snapshot
      const whole = [...run(variant, testCase, joined(parts))].at(-1) as Snapshot
      for (const [name, expected] of whole.arrays) {
        const own = split.arrays.filter(([part]) => part.replace(/\d+/, '0') === name)
        const actual = concatenated(own.map(([, array]) => array))
        expect(firstDifference(expected, actual), name).toBe(-1)
      }
    },
  )
  fc.assert(property, { numRuns: 300, seed: 1 })
})

/** Joins the data in one tensor. */
function joined({ dtype, initial, wild, gradients }: Data): Data {
  let offset = 0
  const moved = wild.flatMap((elements, tensor) => {
    const from = offset
    offset += initial[tensor].length
    return [...elements].map(([i, value]) => [from + i, value] as const)
  })
  return {
    dtype,
    initial: [concatenated(initial)],
    wild: [new Map(moved)],
    gradients: gradients.map((tensors) => [concatenated(tensors as FloatArray[])]),
  }
}

function concatenated(parts: readonly FloatArray[]): FloatArray {
  return array(
    parts[0] instanceof Float32Array ? 'float32' : 'float64',
    parts.flatMap((part) => [...part]),
  )
}
