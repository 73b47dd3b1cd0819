/** Functions that are read from their source: reference data, refused functions, malicious functions, and results. */

import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { adam, type Expression, expression, lbfgs, minimize, minimizeManySync, OptionError } from 'antigrad'
import { fitManySync, fit as fitOne, fitSharedSync } from 'antigrad/fit'
import { FunctionError, fromFunction } from 'antigrad/from-function'
import { describe, expect, test, vi } from 'vitest'
import { differentiate } from '../dist/expressions/differentiate.js'
import { parse } from '../dist/expressions/parse.js'
import { countAtMost, findUsed } from '../dist/from-function/limits.js'
import { readText } from '../dist/from-function/source.js'
import { waysToRun } from './support.js'

interface Point {
  readonly parameters: Readonly<Record<string, number>>
  readonly columns: Readonly<Record<string, number>>
  readonly value: number
  readonly gradient: Readonly<Record<string, number>>
}

interface Case {
  readonly name: string
  readonly source: string
  readonly parameters: readonly string[]
  readonly constants: Readonly<Record<string, number>>
  readonly tolerance: number
  readonly points: readonly Point[]
  readonly variants: Readonly<Record<string, Variant>>
}

interface Variant {
  readonly source: string
  readonly free?: readonly string[]
  readonly reads?: 'helper' | 'refuse'
}

interface Refused {
  readonly name: string
  readonly source: string
  readonly position: number
  readonly end: number
  readonly choice?: string
}

const { cases, refused }: { cases: readonly Case[]; refused: readonly Refused[] } = JSON.parse(
  gunzipSync(readFileSync('test/data/js-functions.json.gz')).toString(),
)

/** A function with this source; undefined if the source is no function. */
function functionOf(source: string): ((...inputs: unknown[]) => unknown) | undefined {
  const compile = (text: string) => new Function(`return ${text}`)()
  try {
    return compile(`(${source})`)
  } catch {
    try {
      const object = compile(`({${source}})`)
      const [key] = Reflect.ownKeys(object)
      const { value, get } = Object.getOwnPropertyDescriptor(object, key) as PropertyDescriptor
      return value ?? get
    } catch {
      return undefined
    }
  }
}

const read = (source: string, constants: object = {}) =>
  fromFunction(functionOf(source) as () => number, { constants })

/** The error of a function; undefined if the function is read. */
function errorOf(source: string, constants: object = {}): FunctionError | undefined {
  try {
    const fn = functionOf(source)
    if (fn === undefined) readText(source)
    else fromFunction(fn as () => number, { constants })
    return undefined
  } catch (error) {
    // The module in dist has a class of its own.
    expect(error).toHaveProperty('name', 'FunctionError')
    return error as FunctionError
  }
}

/**
 * At a fixed point of the Ricker model, the rounding error of n/K alone is more than the tolerance allows: the
 * derivative is 8e-9 next to a derivative of 1.
 */
const illConditioned: Readonly<Record<string, number>> = { 'ricker stock over ten years': 1e-14 }

function expectValues(f: Expression, { name, points, parameters, tolerance }: Case): void {
  for (const { parameters: values, columns, value, gradient } of points) {
    const all = { ...values, ...columns }
    const x = f.names.map((one) => all[one])
    const slopes = Float64Array.from(x)
    f.gradient(x, slopes)
    expect(Math.abs(f.value(x) - value)).toBeLessThanOrEqual(tolerance * Math.abs(value))
    const largest = Math.max(...Object.values(gradient).map(Math.abs))
    for (const one of parameters) {
      const wanted = gradient[one]
      const limit = tolerance * Math.abs(wanted) + (illConditioned[name] ?? 1e-15) * largest
      expect(Math.abs(slopes[f.names.indexOf(one)] - wanted), one).toBeLessThanOrEqual(limit)
    }
  }
}

describe('a function of the reference data', () => {
  test.each(cases)('has the values and gradients of 60-digit arithmetic: $name', (one) => {
    const f = read(one.source, one.constants)
    const found = f.names.filter((name) => one.parameters.includes(name))
    // Without destructuring, the order is the order of the first uses.
    expect(one.source.startsWith('(p, d)') ? found.sort() : found).toEqual(one.parameters)
    expectValues(f, one)
    // The text is the same function, with the same bits.
    const again = expression(f.text)
    expect(again.names).toEqual(f.names)
    for (const { parameters, columns } of one.points) {
      const x = f.names.map((name) => ({ ...parameters, ...columns })[name])
      const [slopes, others] = [Float64Array.from(x), Float64Array.from(x)]
      f.gradient(x, slopes)
      again.gradient(x, others)
      expect([again.value(x), ...others]).toEqual([f.value(x), ...slopes])
    }
  })

  test.each(cases)('has the same values after each build tool: $name', (one) => {
    for (const [tool, { source, free = [], reads }] of Object.entries(one.variants)) {
      if (reads !== 'refuse') expectValues(read(source, one.constants), one)
      else {
        const error = errorOf(source, one.constants)
        expect(error, tool).toBeInstanceOf(FunctionError)
        const at = source.slice(error?.position)
        expect(
          free.some((name) => at.startsWith(name)) || /^(try|typeof|\.)/.test(at),
          `${tool}: ${at}`,
        ).toBe(true)
      }
    }
  })
})

describe('a function that cannot be read', () => {
  test.each(refused)(
    'is refused at the position of the construct: $name',
    ({ source, position, end, choice }) => {
      const error = errorOf(source)
      if (error === undefined) expect(choice).toBeTypeOf('string')
      else {
        expect(error.position).toBeGreaterThanOrEqual(position)
        expect(error.position).toBeLessThanOrEqual(end)
      }
    },
  )

  test('is refused with the construct, the remedy, and a caret in the source', () => {
    const error = errorOf('({ a }, { t }) => {\n  return a * SCALE * t\n}') as FunctionError
    expect(error.message).toBe(
      'SCALE is not visible to fromFunction: pass it in constants\n' +
        '    return a * SCALE * t\n' +
        '               ^ (line 2)',
    )
    expect(error).toMatchObject({ name: 'FunctionError', position: 33 })
  })
})

describe('reading a function', () => {
  const fail = vi.fn((): never => {
    throw new Error('this code was run')
  })

  test('runs no part of the function, and no method of the function', () => {
    const lying = Object.assign(
      ({ a }: { a: number }, { t }: { t: number }) => a * t + parseFloat(`${fail()}`),
      {
        toString: fail,
        [Symbol.toPrimitive]: fail,
        apply: fail,
      },
    )
    expect(() => fromFunction(lying)).toThrow(/is not visible|global object/)
    expect(fail).not.toHaveBeenCalled()
  })

  test.each([
    ['a proxy', () => new Proxy(() => 1, { get: fail, apply: fail, getPrototypeOf: fail })],
    ['a bound function', () => function (this: unknown) {}.bind(null)],
    ['a native function', () => Math.max],
  ])('refuses %s, which has no source', (_, make) => {
    expect(() => fromFunction(make() as never)).toThrow(
      'the function has no source: native and bound functions',
    )
    expect(fail).not.toHaveBeenCalled()
  })

  test('refuses a function whose source Hermes has dropped', () => {
    expect(() => readText('function decay(a0, a1) { [bytecode] }')).toThrow('Hermes (React Native) keep none')
  })

  test.each([[undefined], [null], ['a*t'], [{ toString: () => '({ a }) => a' }], [3]])(
    'refuses %j, which is not a function',
    (given) => {
      expect(() => fromFunction(given as never)).toThrow(OptionError)
    },
  )

  test.each([
    ['brackets', `({ a }) => ${'('.repeat(100_000)}a${')'.repeat(100_000)}`],
    ['arrays', `({ a }) => ${'['.repeat(100_000)}a${']'.repeat(100_000)}`],
    ['blocks', `({ a }) => ${'{'.repeat(100_000)}return a${'}'.repeat(100_000)}`],
    ['signs', `({ a }) => ${'- '.repeat(100_000)}a`],
    ['conditions', `({ a }) => ${'a > 1 ? 2 : '.repeat(50_000)}a`],
    ['arrows', `({ a }) => ${'b => '.repeat(50_000)}a`],
    ['powers', `({ a }) => ${'a ** '.repeat(50_000)}a`],
    ['sums', `({ a }) => ${'a + '.repeat(100_000)}a`],
    ['branches', `({ a }) => { ${'if (a > 1) return 2; else '.repeat(20_000)} return a }`],
    ['members', `(a) => a${'.a'.repeat(100_000)}`],
    ['calls', `({ a }) => a${'()'.repeat(100_000)}`],
    ['assignments', `({ a }) => { let b; ${'b = '.repeat(50_000)} a; return b }`],
  ])('refuses deeply nested %s without a stack overflow', (_, source) => {
    expect(errorOf(source)?.message).toMatch(/^nesting too deep: /)
  })

  test('refuses 10 MB of source, and names the limit', () => {
    expect(() => readText(`({ a }) => a /* ${' '.repeat(10_000_000)} */`)).toThrow(
      'fromFunction reads at most 1000000',
    )
  })

  test.each([
    ['({ a }) => { let s = 0; for (let i = 0; i < 1e9; i++) s += a; return s }', 'too many operations'],
    ['({ a }) => { let s = 0; for (let i = 0; i < 1e9; i++) s += i; return a * s }', 'too many operations'],
    ['({ a }) => { for (;;) {} return a }', 'too many steps'],
    [
      '({ a }) => { let s = a; for (let i = 0; i < 9000; i++) s = Math.sin(s) * s; return s }',
      'too many operations: ',
    ],
    ['({ a }) => { const f = (n) => f(n + 1); return f(a) }', 'recursion'],
    ['({ a }) => { const f = (n) => n < 1 ? 1 : f(n - 1) + f(n - 1); return a * f(60) }', 'too many steps'],
    ['({ a }) => { const w = Array(1e9); return a }', 'an array of this length'],
    ...[
      'w = w.concat(w)',
      'w = [...w, ...w]',
      'w = Array.from(w.concat(w))',
      'w = [w, w]; const f = () => { let v = a; for (let k = 0; k < 40; k++) v = [v, v]; if (a > 1) return v }; f()',
      'for (let k = 0; k < 1e6; k++) Array(50000)',
      'w = Array(50000); for (let k = 0; k < 1e6; k++) w.fill(a)',
      'w = Array(50000); for (let k = 0; k < 1e6; k++) { const [p] = w }',
    ].map((body) => [
      `({ a }) => { let w = [a]; for (let i = 0; i < 40; i++) { ${body} } return a }`,
      'too many steps',
    ]),
    [
      '({ a }, _, { scan }) => { let w = [a]; for (let i = 0; i < 40; i++) w = [w, w]; return scan(w, (s) => s) }',
      'too many steps',
    ],
  ])('limits the work, and names the limit: %s', (source, construct) => {
    expect(errorOf(source)?.message).toMatch(new RegExp(`^${construct}`))
  })

  test.each([
    ['({ a, t }, { t: x }) => a * x', 't is the name of a parameter and of a column'],
    ['({ pi }) => pi', 'pi is a name that is not allowed'],
    ['({ $a }) => $a', '$a is a name that is not allowed'],
    ['({ sin: s }) => s', 'sin is a name that is not allowed'],
    ['(p) => p.__proto__', '__proto__ is a name that is not allowed'],
    ['({ a }, { t }, { K }, more) => a', 'a fourth argument'],
    ['({ a }) => { const w = { __proto__: a }; return a }', 'this name of a property'],
    ['(p) => { p.a = 1; return p.a }', 'a changed argument'],
    ['({ a }, {}, { list }) => { list[0] = 1; return a }', 'a changed constant'],
    ['({ a }) => a.toFixed(2)', 'toFixed of a number'],
    ['({ a }) => Math.random() * a', 'Math.random has no counterpart'],
    ['({ a }) => eval("a")', 'eval is a global object'],
    ['({ a }) => { let b; return a + b }', 'a missing value (undefined) used as a number'],
    [
      '({ a }) => { const w = [1, a]; return w[2] }',
      'a missing value (undefined), a value that is no number',
    ],
    ['function* f({ a }) { yield a }', 'a generator'],
    ['class A {}', 'a class'],
  ])('refuses the function %s', (source, construct) => {
    expect(errorOf(source, { list: [1, 2], K: 1 })?.message).toContain(construct)
  })

  test('reads unicode escapes, and getters of constants once', () => {
    expect(read('({ \\u0061b }, { größe }) => \\u0061b * gr\\u00f6ße').names).toEqual(['ab', 'größe'])
    const get = vi.fn(() => 3)
    const f = fromFunction(({ a }, _, { k }) => a * k, {
      constants: Object.defineProperty({ k: 0 }, 'k', { get, enumerable: true }),
    })
    expect(f.text).toBe('3*a')
    expect(get).toHaveBeenCalledTimes(1)
  })

  test.each([
    [{ k: null }, 'constants: k: expected a number'],
    [{ k: 3n }, 'constants: k: expected a number'],
    [{ k: () => 1 }, 'constants: k: expected a number'],
    [3, 'constants: expected an object'],
  ])('refuses the constants %o', (constants, message) => {
    expect(() => fromFunction(({ a }) => a, { constants } as never)).toThrow(message)
  })

  test('reads lists, typed arrays and objects of constants', () => {
    const constants = {
      knots: Float32Array.of(1, 2),
      grid: [
        [1, 2],
        [3, 4],
      ],
      point: { x: 5 },
    }
    const f = fromFunction(({ a }, _, { knots, grid, point }) => a * knots[1] + grid[1][0] + point.x, {
      constants,
    })
    expect(f.value([10])).toBe(28)
  })
})

describe('the limit of operations', () => {
  /** A function whose value has `count` operations. */
  const makeLong = (count: number, step: string) =>
    functionOf(`({ a, b }) => { let y = a; for (let i = 0; i < ${count}; i++) y = ${step}; return y }`)
  const readLong = (count: number, step: string) => fromFunction(makeLong(count, step) as () => number)

  test('includes the derivatives, and holds when the function is read', () => {
    // Each division adds 1 operation to the value, and 4 to the gradient.
    expect(() => readLong(10_001, 'b / y')).toThrow('too many operations: 50004')
    expect(readLong(10_000, 'b / y').parameters).toEqual(['a', 'b'])
  })

  test('counts the operations only if there can be too many', () => {
    for (const { source, constants, parameters } of cases) {
      const { graph, root } = parse(read(source, constants).text)
      if (graph.nodes.some(({ kind }) => kind === 'carried')) continue
      const most = countAtMost(graph, [root], parameters)
      const { gradient } = differentiate(graph, root, parameters, () => false)
      const isUsed = findUsed(graph, [root, ...gradient])
      const count = graph.nodes.filter(({ kind }, at) => kind === 'operation' && isUsed[at] === 1).length
      expect(count, source).toBeLessThanOrEqual(most)
    }
  })
})

describe('the result', () => {
  const t = Float64Array.from({ length: 40 }, (_, i) => i / 8)
  const y = t.map((at) => 3 * Math.exp(-0.7 * at) + 0.5)
  const start = { a: 1, b: 1, c: 0 }
  const decay = fromFunction(({ a, b, c }, { t }) => a * Math.exp(-b * t) + c)
  const text = expression('a*exp(-b*t) + c')

  test('has the text of the function, and the names of its arguments', () => {
    expect(decay.text).toBe('a*exp(-b*t) + c')
    expect(decay.names).toEqual(['a', 'b', 't', 'c'])
    // biome-ignore lint/correctness/noUnusedFunctionParameters: a parameter without effect
    const swapped = fromFunction(({ rate, scale, unused }, { t }) => scale * Math.exp(-rate * t))
    expect(swapped.text).toBe('rate, scale, unused, t\nscale*exp(-rate*t)')
    expect(swapped.names).toEqual(['rate', 'scale', 'unused', 't'])
    const twice = fromFunction(({ a, b }, { t }) => {
      const u = Math.exp(-b * t)
      return (a - u) / u
    })
    expect(twice.text).toBe('a, b, t\nu = exp(-b*t);\n(a - u)/u')
    expect(twice.text).toBe(expression(twice.text).text)
  })

  test('names what is used twice, so that the text grows with the work and not with the tree', () => {
    const steps = fromFunction(({ k }, { x }) => {
      let y = x
      for (let i = 0; i < 100; i++) y = y - k * y * (1 - y * y)
      return y
    })
    expect(steps.text.length).toBeLessThan(10_000)
    expect(steps.text.split('\n').length).toBeLessThan(250)
  })

  test('has the same text, names and programs, whichever of them is read first', () => {
    const make = () =>
      fromFunction(({ k, s, unused }) => {
        let y = 0.5
        for (let i = 0; i < 30; i++) y = y - k * y * (1 - y * y) + Math.max(s, y) / 3
        return unused > 2 ? y : y * y
      })
    const programsOf = (f: Expression) =>
      (({ value, gradient, hessian, together }) => [value, gradient, hessian(), together(), together(true)])(
        f.programs([]),
      )
    const [first, second, third] = [make(), make(), make()]
    const { text, names } = first
    const programs = programsOf(second)
    expect(programsOf(first)).toEqual(programs)
    expect(second.text).toBe(text)
    expect(second.names).toEqual(names)
    expect(JSON.parse(JSON.stringify(third))).toEqual({ text, names, parameters: names })
    expect(Object.freeze(make()).text).toBe(text)
    // The gradient is compiled first, with the same constants as the value.
    const { gradient, value } = third.programs([])
    expect([value, gradient]).toEqual(programs.slice(0, 2))
    const x = [0.3, 0.7, 3]
    expect(third.value(x)).toBe(expression(text).value(x))
  })

  test.each([{}, ...waysToRun(1)])('gives the bits of the same expression in fits: %j', (way) => {
    const [found, wanted] = [decay, text].map((model) => fitOne(model, { t, y }, { start, ...way }))
    expect(found.values).toEqual(wanted.values)
    expect(found.errors).toEqual(wanted.errors)
    expect(found.values.b).toBeCloseTo(0.7, 6)
    const [many, others] = [decay, text].map((model) =>
      fitManySync(model, { t, y: [y, y] }, { start, ...way }),
    )
    expect(many.at(1).values).toEqual(others.at(1).values)
    const shared = { shared: ['b'], start, ...way } as const
    const [one, other] = [decay, text].map((model) => fitSharedSync(model, { t, y: [y, y] }, shared))
    expect(one.at(0).values).toEqual(other.at(0).values)
  })

  test('is an objective with exact first and second derivatives', () => {
    const rosenbrock = fromFunction(({ x, y }) => (1 - x) ** 2 + 100 * (y - x ** 2) ** 2)
    const plain = expression('(1 - x)^2 + 100*(y - x^2)^2')
    const [found, wanted] = [rosenbrock, plain].map((f) => minimize(f, { x: -1.5, y: 2 }, lbfgs()))
    expect(found.x).toEqual(wanted.x)
    const starts = { x: [-1.5, 0], y: [2, 3] }
    const [many, others] = [rosenbrock, plain].map((f) =>
      minimizeManySync(f, starts, adam({ lr: 0.1 }), { maxIterations: 20 }),
    )
    expect(many.x).toEqual(others.x)
  })

  test('keeps a plain function as it is', () => {
    const called = ({ a, b, c }: Record<'a' | 'b' | 'c', number>, x: number) => a * Math.exp(-b * x) + c
    const found = fitOne(called, { t, y }, { start })
    expect(found.values.b).toBeCloseTo(0.7, 6)
    expect(found.engineReasons.join()).toContain('fromFunction')
  })
})
