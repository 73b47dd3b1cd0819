/** Muon on matrices of all kinds has the same bits on every engine, instruction set and number of threads. */

import { adamw, engines, lamb, muon, Optimizer, type Rule } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { arrayOf, type Dtype, dtypes, type FloatArray, random } from './helpers.js'
import { firstDifference, reference, type Variant, variants } from './support.js'

const threaded: readonly Variant[] = [2, 3].map((threads) => ({
  ...{ name: `native, ${threads} threads`, engine: 'native', threads },
}))

/**
 * Sizes one below, equal to and one above each block, panel and vector, sizes deeper than a panel, empty matrices, and
 * tensors that are not matrices.
 */
const small: Readonly<Record<string, readonly number[]>> = {
  ...{ one: [1, 1], row: [1, 37], column: [37, 1], little: [3, 5], odd: [17, 33], block: [64, 64] },
  ...{
    tall: [65, 40],
    convolution: [8, 3, 3, 3],
    wide: [4, 600],
    high: [600, 4],
    empty: [0, 5],
    none: [5, 0],
  },
  ...{ bias: [20], scalar: [], edge: [68, 132] },
}
/** Matrices that are large enough for threads. */
const large: Readonly<Record<string, readonly number[]>> = { w: [200, 150], v: [150, 270], b: [70] }

const size = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1)

function values(shapes: Readonly<Record<string, readonly number[]>>, dtype: Dtype, seed: number) {
  const next = random(seed)
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const array = new arrayOf[dtype](size(shape))
    for (let i = 0; i < array.length; i++) array[i] = next() - 0.5
    return [name, array] as const
  })
  return Object.fromEntries(entries)
}

interface Setting {
  readonly shapes: Readonly<Record<string, readonly number[]>>
  readonly dtype: Dtype
  readonly precision: 'parameters' | 'bfloat16'
}

const rules = ({ precision }: Setting) => ({
  rule: muon({ lr: 0.05, precision, coefficients: 'polarExpress' }),
  // Other rules with one or several stages, and a second Muon rule.
  groups: [
    { match: ['odd', 'empty'], rule: lamb({ lr: 0.1 }) },
    { match: 'little', rule: adamw() },
    { match: ['tall', 'v'], nsSteps: 4 },
  ],
})

function begin(
  setting: Setting,
  { name: _, ...engine }: Variant,
  start = values(setting.shapes, setting.dtype, 1),
) {
  const { rule, groups } = rules(setting)
  const known = groups.map(({ match, ...group }) => ({
    ...{ ...group, match: [match].flat().filter((name) => name in setting.shapes) },
  }))
  const used = known.filter(({ match }) => match.length > 0)
  return new Optimizer(start, rule, {
    shapes: setting.shapes,
    groups: used as never,
    ...engine,
  })
}

type AnyOptimizer = ReturnType<typeof begin>

/** The gradients of a step. Some gradients are missing, and late gradients are not finite. */
function gradients({ shapes, dtype }: Setting, t: number) {
  const all: Record<string, FloatArray | undefined> = values(shapes, dtype, t + 7)
  if (t === 1) for (const name of ['odd', 'wide', 'w']) delete all[name]
  if (t === 3) for (const name of ['block', 'v']) if (all[name]) all[name][3] = Infinity
  return all as never
}

const STEPS = 4

/** All contents of an optimizer. */
function contents(optimizer: AnyOptimizer): [string, FloatArray][] {
  const params = Object.entries(optimizer.params)
  const state = Object.entries(optimizer.state).flatMap(([name, tensor]) =>
    Object.entries(tensor).flatMap(([key, array]) =>
      ArrayBuffer.isView(array) ? [[`${name}.${key}`, array as FloatArray] as [string, FloatArray]] : [],
    ),
  )
  return [...params, ...state]
}

function difference(a: AnyOptimizer, b: AnyOptimizer): string | null {
  const others = contents(b)
  for (const [k, [name, array]] of contents(a).entries()) {
    const i = firstDifference(array, others[k][1])
    if (i >= 0) return `${name}, index ${i}: ${others[k][1][i]} instead of ${array[i]}`
  }
  return null
}

const settings: readonly Setting[] = [small, large].flatMap((shapes) =>
  dtypes.flatMap((dtype) =>
    (['parameters', 'bfloat16'] as const).map((precision) => ({ shapes, dtype, precision })),
  ),
)
const named = settings.map((setting) => {
  const { shapes, dtype, precision } = setting
  return [`${shapes === small ? 'small' : 'large'}, ${dtype}, in ${precision}`, setting] as const
})

test('the rule Muon updates large matrices on all threads', () => {
  const threads = (n: number, rule: Rule) => {
    const shapes = { w: [n, n] }
    return new Optimizer({ w: new Float32Array(n * n) }, rule, { shapes, engine: 'native' }).threads
  }
  expect(threads(200, muon())).toBe(engines().native.threads)
  for (const one of [threads(60, muon()), threads(200, adamw())]) expect(one).toBe(1)
})

describe.each(named)('the rule Muon in %s', (_, setting) => {
  const expected: AnyOptimizer = begin(setting, reference)
  for (let t = 0; t < STEPS; t++) expected.step(gradients(setting, t))

  test('changes all matrices, and keeps every matrix with a finite gradient finite', () => {
    const start: Record<string, FloatArray> = values(setting.shapes, setting.dtype, 1)
    for (const [name, array] of Object.entries(expected.params)) {
      if (array.length > 0) expect(array, name).not.toEqual(start[name])
      expect(array.every(Number.isFinite), name).toBe(!['block', 'v'].includes(name))
    }
  })

  test.each([...variants, ...threaded])('computes the same bits on every engine: $name', (variant) => {
    const optimizer = begin(setting, variant)
    for (let t = 0; t < STEPS; t++) optimizer.step(gradients(setting, t))
    expect(difference(expected, optimizer)).toBeNull()
  })

  test.each([...variants, ...threaded])('computes the same bits with stepAsync: $name', async (variant) => {
    const optimizer = begin(setting, variant)
    for (let t = 0; t < STEPS; t++) await optimizer.stepAsync(gradients(setting, t))
    expect(difference(expected, optimizer)).toBeNull()
  })

  test.each([...variants, ...threaded])('computes the same bits after save and restore: $name', (variant) => {
    const { name: _, ...engine } = variant
    const first = begin(setting, variant)
    for (let t = 0; t < 2; t++) first.step(gradients(setting, t))
    const optimizer = Optimizer.load(structuredClone(first.save()), engine) as unknown as AnyOptimizer
    for (let t = 2; t < STEPS; t++) optimizer.step(gradients(setting, t))
    expect(difference(expected, optimizer)).toBeNull()
  })
})
