/**
 * Random rules on every engine, compared with an interpreter that ignores slots, fused operations, stages and blocks.
 * The interpreter evaluates operation by operation, as docs/equations.md specifies.
 */

import { defineRule, Optimizer } from 'antigrad'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Dtype, dtypes, type FloatArray, roundOf } from '../bits.js'
import { array, firstDifference, type Variant, variants } from '../support.js'
import { declared, drawn, type Line, type Names, noRoom, type Value } from './random-rules.js'

const RUNS = Number(process.env.ANTIGRAD_TEST_RUNS ?? 60)
const SEED = Number(process.env.ANTIGRAD_TEST_SEED ?? 33)

const LENGTHS = { a: 19, b: 3, c: 1 }
const UPDATES = 3

/** Scalars below this magnitude count as 0. */
const shortened = (x: number) => (Math.abs(x) < 1e-300 ? 0 : x)

type Tensors = Record<string, FloatArray>

/** The updates that the interpreter computes, or undefined if a scalar is not finite. */
function said(
  program: readonly Line[],
  lr: number,
  dtype: Dtype,
  start: Tensors,
  gradients: readonly Tensors[],
) {
  const f = roundOf[dtype]
  const zeros = (name: string) => new Array(start[name].length).fill(0)
  let kept = Object.keys(start).map(
    (name): Record<string, Value> => ({
      theta: [...start[name]],
      m: zeros(name),
      v: zeros(name),
      p: 1,
      q: 1,
    }),
  )
  const results: (typeof kept)[] = []
  for (const [k, gradient] of gradients.entries()) {
    const tensors = kept.map((values, i) => ({
      f,
      values: { ...values, lr, t: k + 1, g: [...gradient[Object.keys(start)[i]]] } as Record<string, Value>,
      tensors: [] as Names[],
    }))
    for (const tensor of tensors) tensor.tensors.push(...tensors)
    for (const { target, part } of program) {
      const made = tensors.map((names) => part.of(names))
      made.forEach((value, i) => {
        tensors[i].values[target] = value
      })
    }
    kept = tensors.map(({ values: { theta, m, v, p, q } }) => {
      if (!Number.isFinite(p)) return { p: Number.NaN }
      return { theta, m, v, p: shortened(p as number), q: shortened(q as number) }
    })
    if (kept.some(({ theta }) => theta === undefined)) return results
    results.push(kept)
  }
  return results
}

const special = fc.constantFrom(0, -0, 1e-45, -3e-40, 1e-23, 1e30, Infinity, Number.NaN, 1, -0.5)
const element = fc.oneof(
  { weight: 3, arbitrary: fc.double({ min: -3, max: 3 }) },
  { weight: 1, arbitrary: special },
)
/** Includes numbers that float32 lacks or rounds, and the midpoint between the largest float32 number and infinity. */
const rate = fc.oneof(
  { weight: 2, arbitrary: fc.constant(0.1) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, -0, 1e-300, 5e-324, -1e-46, 1e-40, 3.4028235677973366e38, -1e39, 1.7e308),
  },
)
const tensors = (dtype: Dtype) =>
  fc.record(
    Object.fromEntries(
      Object.entries(LENGTHS).map(([name, length]) => [
        name,
        fc.array(element, { minLength: length, maxLength: length }).map((values) => array(dtype, values)),
      ]),
    ),
  ) as fc.Arbitrary<Tensors>

/** The rule, or undefined if the program exceeds a limit of rules. */
function made(program: readonly Line[]) {
  try {
    return defineRule('drawn', declared(program))
  } catch (error) {
    if (noRoom.test(`${error}`)) return undefined
    throw error
  }
}

function check(
  variant: Variant,
  dtype: Dtype,
  program: readonly Line[],
  lr: number,
  start: Tensors,
  all: readonly Tensors[],
) {
  const { step } = declared(program)
  const make = made(program)
  if (make === undefined) return
  const expected = said(program, lr, dtype, start, all)
  const { name: _, ...engine } = variant
  const optimizer = new Optimizer(start, make({ lr }), engine)
  expect(optimizer.engine).toBe(engine.engine)
  all.forEach((gradient, k) => {
    const now = expected[k]
    if (now === undefined) {
      expect(() => optimizer.step(gradient), step).toThrow('a finite number')
      return
    }
    optimizer.step(gradient)
    Object.keys(start).forEach((name, i) => {
      const state = optimizer.state[name] as unknown as { m: FloatArray; v: FloatArray }
      for (const [key, actual] of Object.entries({ theta: optimizer.params[name], m: state.m, v: state.v })) {
        const right = array(dtype, now[i][key] as number[])
        const at = firstDifference(right, actual)
        if (at < 0) continue
        throw new Error(
          `update ${k + 1}, ${name}.${key}[${at}]: ${actual[at]} instead of ${right[at]}\n${step}\n${Object.values(start)}; ${Object.values(gradient)}`,
        )
      }
    })
  })
}

describe.each(variants)('random rules on $name', (variant) => {
  test.each(dtypes)(
    'compute the same values as a direct evaluation of their equations: %s',
    (dtype) => {
      fc.assert(
        fc.property(
          drawn,
          rate,
          tensors(dtype),
          fc.array(tensors(dtype), { minLength: UPDATES, maxLength: UPDATES }),
          (...given) => check(variant, dtype, ...given),
        ),
        { seed: SEED, numRuns: RUNS },
      )
    },
    600_000,
  )
})

test('a custom rule with the maximum number of operations runs on every engine', () => {
  const long = (lines: number) => {
    const step = Array.from({ length: lines }, () => 'theta = sqrt(abs(theta)*lr + g) - g').join('\n')
    return defineRule('long', { options: { lr: 0.75 }, step })()
  }
  const ends = variants.map(({ name: _, ...options }) => {
    const optimizer = new Optimizer(Float64Array.of(1, 2, 3), long(64), options)
    optimizer.step(Float64Array.of(0.1, 0.2, 0.3))
    return [...optimizer.params]
  })
  expect(ends[0]).not.toEqual([1, 2, 3])
  for (const end of ends) expect(end).toEqual(ends[0])
  expect(() => new Optimizer(Float64Array.of(1), long(65))).toThrow('at most 256 operations in a stage')
})
