/** Random rules as equations, and an interpreter that evaluates the equations operation by operation. */

import fc from 'fast-check'

/** The value of an expression: a number, or a list with one number per element. */
export type Value = number | readonly number[]
interface Part {
  readonly text: string
  readonly of: (names: Names) => Value
}
export interface Names {
  readonly f: (x: number) => number
  readonly values: Readonly<Record<string, Value>>
  /** The values of all tensors, for `all.`. */
  readonly tensors: readonly Names[]
}

/** Applies an operation per element if an operand has elements, and otherwise once in float64. */
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

/** Sixteen sums by the index modulo 16, added as a tree. The tensors in the tests are shorter than a block. */
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

/** A sum over one tensor, or over all tensors. */
function sum(kind: string, isOfAll: boolean, part: Part): Part {
  const combine = kind === 'max' ? largest : kind === 'norm' ? squares : added
  const inside = kind === 'max' ? `abs(${part.text})` : part.text
  const finish = (x: number, length: number) =>
    kind === 'norm' ? Math.sqrt(x) : kind === 'mean' ? x / length : x
  return {
    text: `${isOfAll ? 'all.' : ''}${kind}(${inside})`,
    of(names) {
      const all = (isOfAll ? names.tensors : [names]).map((one) => part.of(one) as readonly number[])
      return finish(all.map(combine).reduce(kind === 'max' ? larger : (a, b) => a + b, 0), all.flat().length)
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

/** Random expressions with the given names. */
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
    // Shapes of expressions that engines compile to fused operations.
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

/** The assignment `target = part`. */
export interface Line {
  readonly target: string
  readonly part: Part
}

const line = (target: string) => (part: Part) => ({ target, part })
const lines = (...targets: readonly (readonly [string, fc.Arbitrary<Part>])[]) =>
  fc.tuple(...targets.map(([target, part]) => part.map(line(target))))

/** A random value per element, or a value derived from sums. */
const elements = (
  names: readonly string[],
  depth?: number,
  own: readonly string[] = ['theta', 'g', ...STATES],
) =>
  fc
    .tuple(fc.constantFrom(...own), parts(names, depth))
    .map(([own, part]) => operation(`(${own} - ${part.text})`, binary['-'], name(own), part))

const sums = (isOfAll: fc.Arbitrary<boolean>, names = ELEMENTS) =>
  fc
    .tuple(fc.constantFrom('sum', 'mean', 'norm', 'max'), isOfAll, elements(names, 2))
    .map(([kind, all, part]) => {
      return sum(kind, all, part)
    })

/**
 * Copies of the previous values. Some of the last lines assign the copies to other names, so an early write must not
 * overwrite the values.
 */
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

/** The lines of a rule: without sums, with some sums, and with sums of other sums. */
export const drawn: fc.Arbitrary<readonly Line[]> = fc
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

/** The declaration of a random rule: the options, the state and the scalars that occur in the lines. */
export function declared(program: readonly Line[], flush = false) {
  const lines = program.map(({ target, part }) => `${target} = ${part.text}`).join('\n')
  const step = lines.includes('lr') ? lines : `${lines}\nrate = lr`
  return {
    options: { lr: { default: 0.1, scheduled: true } },
    state: { m: { start: 0, flush }, v: { start: 0, flush } },
    scalars: { p: 1, ...(step.includes('q =') && { q: 1 }) },
    step,
  }
}

/** The error of a program that exceeds a limit of rules. */
export const noRoom = /at most \d+ (sums|numbers|operations)/
