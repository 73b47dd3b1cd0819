/**
 * Random rules on every engine, beside a reading of them that knows nothing of slots, fused operations, stages and
 * blocks: operation by operation, as docs/equations.md says it.
 */

import { equations, Optimizer } from 'antigrad'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Dtype, dtypes, type FloatArray, roundOf } from '../bits.js'
import { array, firstDifference, type Variant, variants } from '../support.js'

const RUNS = Number(process.env.ANTIGRAD_TEST_RUNS ?? 60)
const SEED = Number(process.env.ANTIGRAD_TEST_SEED ?? 33)

/** A text, and what it is: a number or a list of them, one for each element. */
type Value = number | readonly number[]
interface Part {
  readonly text: string
  readonly of: (names: Names) => Value
}
interface Names {
  readonly f: (x: number) => number
  readonly values: Readonly<Record<string, Value>>
  /** Those of all tensors, which `all.` wants. */
  readonly tensors: readonly Names[]
}

/** An operation by element where an operand is one, and else in float64. */
function apply(
  f: (x: number) => number,
  make: (...numbers: number[]) => number,
  ...operands: Value[]
): Value {
  const list = operands.find((operand) => typeof operand !== 'number') as readonly number[] | undefined
  if (list === undefined) return make(...(operands as number[]))
  return list.map((_, i) => f(make(...operands.map((x) => (typeof x === 'number' ? f(x) : x[i])))))
}

const operation = (text: string, make: (...numbers: number[]) => number, ...parts: Part[]): Part => ({
  text,
  of: (names) => apply(names.f, make, ...parts.map(({ of }) => of(names))),
})

const name = (text: string): Part => ({ text, of: ({ values }) => values[text] })
const number = (x: number): Part => ({ text: `${x}`, of: () => x })

/** Sixteen sums by the index modulo 16, added as a tree; tensors here are shorter than a block. */
function added(numbers: readonly number[]): number {
  const sums = new Array(16).fill(0)
  numbers.forEach((x, i) => {
    sums[i % 16] += x
  })
  for (let half = 8; half >= 1; half /= 2) for (let i = 0; i < half; i++) sums[i] += sums[i + half]
  return sums[0]
}

const larger = (a: number, b: number) => (b > a || Number.isNaN(b) ? b : a)

type Combine = (numbers: readonly number[]) => number
const squares: Combine = (numbers) => added(numbers.map((x) => x * x))
const largest: Combine = (numbers) => numbers.map(Math.abs).reduce(larger, 0)

/** A sum over this tensor, or of those of all. */
function sum(kind: string, isOfAll: boolean, part: Part): Part {
  const combine = kind === 'sum' ? added : kind === 'max' ? largest : squares
  const inside = kind === 'max' ? `abs(${part.text})` : part.text
  const finish = (x: number) => (kind === 'norm' ? Math.sqrt(x) : x)
  return {
    text: `${isOfAll ? 'all.' : ''}${kind}(${inside})`,
    of(names) {
      if (!isOfAll) return finish(combine(part.of(names) as readonly number[]))
      const each = names.tensors.map((tensor) => combine(part.of(tensor) as readonly number[]))
      return finish(each.reduce(kind === 'max' ? larger : (a, b) => a + b, 0))
    },
  }
}

const binary: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
}
const called: Readonly<Record<string, (...numbers: number[]) => number>> = {
  over: (a, b) => (b === 0 ? 0 : a / b),
  min: (a, b) => (a < b || Number.isNaN(a) ? a : b),
  max: (a, b) => (a > b || Number.isNaN(a) ? a : b),
  sqrt: Math.sqrt,
  abs: Math.abs,
  sign: (a) => (a > 0 ? 1 : a < 0 ? -1 : a),
}
const compared: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '==': (a, b) => a === b,
}

/** Expressions over these names. */
function parts(names: readonly string[], depth = 4): fc.Arbitrary<Part> {
  const leaf = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...names).map(name) },
    { weight: 1, arbitrary: fc.constantFrom(0, 1, 2, 0.1, 1e-3, 3e38, 1e-40).map(number) },
  )
  if (depth === 0) return leaf
  const inner = fc.oneof(leaf, parts(names, depth - 1))
  const pair = fc.tuple(inner, inner)
  return fc.oneof(
    { weight: 2, arbitrary: leaf },
    {
      weight: 6,
      arbitrary: fc
        .tuple(fc.constantFrom('+', '-', '*', '*', '/'), pair)
        .map(([sign, [a, b]]) => operation(`(${a.text} ${sign} ${b.text})`, binary[sign], a, b)),
    },
    // Shapes that engines fuse.
    {
      weight: 3,
      arbitrary: fc
        .tuple(fc.constantFrom('+', '-'), pair, pair, fc.boolean())
        .map(([sign, [a, b], [c, d], isSquare]) => {
          const first = operation(`${a.text}*${b.text}`, binary['*'], a, b)
          const square = isSquare ? operation(`(${d.text}*${d.text})`, binary['*'], d, d) : d
          const second = operation(`${c.text}*${square.text}`, binary['*'], c, square)
          return operation(`(${first.text} ${sign} ${second.text})`, binary[sign], first, second)
        }),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom('over', 'min', 'max'), pair)
        .map(([name, [a, b]]) => operation(`${name}(${a.text}, ${b.text})`, called[name], a, b)),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom('sqrt', 'abs', 'sign'), inner)
        .map(([name, a]) => operation(`${name}(${a.text})`, called[name], a)),
    },
    { weight: 1, arbitrary: inner.map((a) => operation(`(-${a.text})`, (x) => -x, a)) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom('<', '<=', '>', '=='), pair, pair)
        .map(([sign, [a, b], [yes, no]]) => {
          const text = `(${a.text} ${sign} ${b.text} ? ${yes.text} : ${no.text})`
          const condition = operation('', (x, y) => (compared[sign](x, y) ? 1 : 0), a, b)
          return operation(text, (c, x, y) => (c !== 0 ? x : y), condition, yes, no)
        }),
    },
  )
}

const STATES = ['m', 'v']
const COMMON = ['lr', 't', 'p']
const ELEMENTS = ['theta', 'g', ...STATES, ...COMMON]

interface Line {
  readonly target: string
  readonly part: Part
}

const line = (target: string) => (part: Part) => ({ target, part })
const lines = (...targets: readonly (readonly [string, fc.Arbitrary<Part>])[]) =>
  fc.tuple(...targets.map(([target, part]) => part.map(line(target))))

/** A number by element, whatever is drawn, or one that sums have made. */
const elements = (
  names: readonly string[],
  depth?: number,
  own: readonly string[] = ['theta', 'g', ...STATES],
) =>
  fc
    .tuple(fc.constantFrom(...own), parts(names, depth))
    .map(([own, part]) => operation(`(${own} - ${part.text})`, binary['-'], name(own), part))

const sums = (isOfAll: fc.Arbitrary<boolean>, names = ELEMENTS) =>
  fc.tuple(fc.constantFrom('sum', 'norm', 'max'), isOfAll, elements(names, 2)).map(([kind, all, part]) => {
    return sum(kind, all, part)
  })

/** What was there before, which some of a rule's last lines put in other places: who is first must not be lost. */
const before = [
  { target: 'm0', part: name('m') },
  { target: 'v0', part: name('v') },
  { target: 'x0', part: name('theta') },
]
const swap = (target: string) =>
  fc.constantFrom('m0', 'v0', 'x0', 'g', 'm', 'theta', 'old').map((from) => ({ target, part: name(from) }))
const swaps = fc.oneof(
  fc.constant([]),
  fc.tuple(swap('m'), swap('v')),
  fc.tuple(swap('theta'), swap('v'), swap('m')),
)

/** A rule's lines: without sums, with some, and with sums of these. */
const rule: fc.Arbitrary<readonly Line[]> = fc
  .constantFrom(0, 0, 1, 2)
  .chain((stages) => {
    const byTensor = stages === 0 ? [] : stages === 1 ? ['s1', 's2', 'q'] : ['s1', 's2', 's3', 'q']
    const own = [...ELEMENTS, ...byTensor]
    return lines(
      ['p', parts(COMMON, 2)],
      ...(stages > 0
        ? ([
            ['s1', sums(fc.boolean())],
            ['s2', sums(fc.boolean())],
            ['q', elements(['s1', 's2', 'q', ...COMMON], 2, ['s1', 's2'])],
          ] as const)
        : []),
      ...(stages > 1 ? ([['s3', sums(fc.constant(false), [...ELEMENTS, 's1', 's2'])]] as const) : []),
      ['old', elements(own, 2)],
      ['m', elements([...own, 'old'], 3)],
      ['theta', elements([...own, 'old'], 3)],
      ['v', elements([...own, 'old'], 3)],
    )
  })
  .chain((lines) => swaps.map((swapped) => [...before, ...lines, ...swapped]))
  .filter((lines) => lines.map(({ part }) => part.text).join('').length < 4000)

const LENGTHS = { a: 19, b: 3, c: 1 }
const UPDATES = 3

/** Below it a scalar counts as 0. */
const shortened = (x: number) => (Math.abs(x) < 1e-300 ? 0 : x)

type Tensors = Record<string, FloatArray>

/** Updates as they are said; undefined where a scalar is not finite. */
function said(program: readonly Line[], dtype: Dtype, start: Tensors, gradients: readonly Tensors[]) {
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
      values: { ...values, lr: 0.1, t: k + 1, g: [...gradient[Object.keys(start)[i]]] } as Record<
        string,
        Value
      >,
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
const tensors = (dtype: Dtype) =>
  fc.record(
    Object.fromEntries(
      Object.entries(LENGTHS).map(([name, length]) => [
        name,
        fc.array(element, { minLength: length, maxLength: length }).map((values) => array(dtype, values)),
      ]),
    ),
  ) as fc.Arbitrary<Tensors>

/** Undefined where there is more than rules have room for. */
function made(step: string) {
  const flush = false
  try {
    return equations('drawn', {
      options: { lr: 0.1 },
      state: { m: { start: 0, flush }, v: { start: 0, flush } },
      scalars: { p: 1, ...(step.includes('q =') && { q: 1 }) },
      step,
    })
  } catch (error) {
    if (/at most \d+ (sums|numbers|operations)/.test(`${error}`)) return undefined
    throw error
  }
}

function check(
  variant: Variant,
  dtype: Dtype,
  program: readonly Line[],
  start: Tensors,
  all: readonly Tensors[],
) {
  const step = program.map(({ target, part }) => `${target} = ${part.text}`).join('\n')
  const make = made(step)
  if (make === undefined) return
  const expected = said(program, dtype, start, all)
  const { name: _, ...engine } = variant
  const optimizer = new Optimizer(start, make(), engine)
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

describe.each(variants)('$name', (variant) => {
  test.each(dtypes)(
    '%s: random rules compute what they say',
    (dtype) => {
      fc.assert(
        fc.property(
          rule,
          tensors(dtype),
          fc.array(tensors(dtype), { minLength: UPDATES, maxLength: UPDATES }),
          (...drawn) => check(variant, dtype, ...drawn),
        ),
        { seed: SEED, numRuns: RUNS },
      )
    },
    600_000,
  )
})
