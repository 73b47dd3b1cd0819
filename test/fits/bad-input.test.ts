/** Invalid calls, each with the error that names the invalid argument, and unusual calls that are no error. */

import {
  type AntigradError,
  ArgumentError,
  adam,
  ExpressionError,
  expression,
  lamb,
  OptionError,
} from 'antigrad'
import {
  type FitManyOptions,
  fitMany,
  fitManySync,
  fit as fitOne,
  fitReasons,
  models,
  ruleMethod,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import type { Anything } from '../adversarial/subject.js'

const decay = expression('a*exp(-b*t) + c')
const t = [0, 1, 2, 3, 4, 5]
const y = [3, 2, 1.4, 1.2, 1.05, 1]
const data = { t, y }
const start = { a: 1, b: 1, c: 0 }
const boxed = { start: 1, min: 0, max: 9 }

type Class = new (...args: never[]) => AntigradError
interface Call {
  model?: unknown
  data?: unknown
  options?: unknown
}

/** An array whose memory was transferred. */
function detached(): Float64Array {
  const numbers = new Float64Array(6)
  structuredClone(numbers, { transfer: [numbers.buffer] })
  return numbers
}

/** Options together with a valid start. */
const by = (options: object): Call => ({ options: { start, ...options } })
/** An entry for a, together with valid entries. */
const a = (entry: unknown): Call => ({ options: { start: { ...start, a: entry } } })
const of = (columns: unknown, options: object = { start }): Call => ({ data: columns, options })

/** The call, the argument that the error names, and the error class if it is not OptionError. */
type Wrong = readonly [title: string, call: Call, argument: string, wanted?: Class]

const wrong: readonly Wrong[] = [
  ['no model', { model: undefined }, 'model'],
  ['null for the model', { model: null }, 'model'],
  ['a text for the model', { model: 'a*exp(-b*t) + c' }, 'model'],
  ['a function for the model', { model: (x: number) => x }, 'model'],
  ['a list for the model', { model: [decay] }, 'model: text'],
  ['an object for the model', { model: {} }, 'model: text'],
  ['a model whose text is a number', { model: { text: 5 } }, 'model: text'],
  ['a maker of models that is not called', { model: models.line }, 'model'],
  ['an expression that has its data', { model: decay.with({ t }) }, 'model: text'],
  ['a model whose text is none', { model: { text: 'a*(', x: 't', parameters: {} } }, '', ExpressionError],
  ['a model with nothing but a text', { model: { text: 'a*t' }, options: { start: { a: 1 } } }, 'model: x'],
  [
    'a model whose parameters are none',
    { model: { text: 'a*t', x: 't', parameters: null }, options: { start: { a: 1 } } },
    'model: parameters',
  ],
  [
    'a model whose guess is none',
    { model: { text: 'a*t', x: 't', parameters: {}, guess: 5 }, options: { start: { a: 1 } } },
    'model: guess',
  ],
  ['a model without parameters', { model: expression('2*t'), options: {} }, 'start'],
  [
    'more than 256 parameters',
    {
      model: expression(Array.from({ length: 257 }, (_, i) => `p${i}*t^${i}`).join('+')),
      options: { start: Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`p${i}`, 1])) },
    },
    'start',
  ],

  ['no data', of(undefined), 'data'],
  ['null for data', of(null), 'data'],
  ['a number for data', of(5), 'data'],
  ['a text for data', of('t'), 'data'],
  ['empty data', of({}), 'y'],
  ['no column to meet', of({ t }), 'y'],
  ['two columns of which none is y', of({ t, u: y, z: y }), 'y'],
  ['a model without its column', of({ y }), 'start: t'],
  ['a text for a column', of({ t, y: 'abc' }), 'data: y'],
  ['null for a column', of({ t: null, y }), 'data: t'],
  ['a number for a column', of({ t: 5, y }), 'data: t'],
  ['texts in a column', of({ t, y: ['3', '2', '1', '1', '1', '1'] }), 'data: y[0]'],
  ['a text in a column', of({ t, y: [3, 2, 1, 'one', 1, 1] }), 'data: y[3]'],
  ['a text in a fit', of({ t, y: [y, y, [3, 2, 1, 1, 'one', 1]] }), 'data: y[2][4]'],
  ['undefined in a fit', of({ t, y: [y, [3, undefined, 1, 1, 1, 1]] }), 'data: y[1][1]'],
  ['a fit of integers', of({ t, y: [y, new Int32Array(6)] }), 'data: y[1]'],
  ['a fit whose memory is gone', of({ t, y: [y, y, detached()] }), 'data: y[2]'],
  ['BigInts in a column', of({ t, y: BigInt64Array.of(3n, 2n, 1n, 1n, 1n, 1n) }), 'data: y'],
  ['a set for a column', of({ t, y: new Set(y) }), 'data: y'],
  ['an object with a length for a column', of({ t, y: { length: 6 } }), 'data: y'],
  ['lists of lists of lists', of({ t, y: [[y]] }), 'data: y[0][0]'],
  ['lists and numbers in a column', of({ t, y: [y, 1] }), 'data: y[1]'],
  ['columns of different lengths', of({ t, y: y.slice(1) }), 'data: y'],
  ['a fit whose columns have different lengths', of({ t, y: [y, y.slice(1)] }), 'data: y'],
  ['columns of different numbers of fits', of({ t: [t, t, t], y: [y, y] }), 'data: y'],
  ['empty columns', of({ t: [], y: [] }), 'data: t'],
  ['a column that is called as a number', of({ t, π: y }), 'data'],
  ['a column of the number in the model', of({ t, pi: t, y }), 'data'],
  ['counts below 0', of({ t, y: [3, 2, -1, 1, 1, 1] }, { start, loss: 'poisson' }), 'data: y'],

  ['null for options', { options: null }, 'options'],
  ['a number for options', { options: 5 }, 'options'],
  ['an unknown option', by({ maxIter: 10 }), 'options'],
  ["minimizeMany's dtype", by({ dtype: 'float32' }), 'options'],
  ['a number for y', by({ y: 5 }), 'y'],
  ['a y that is no column', by({ y: 'z' }), 'y'],
  ['a y that the model uses', by({ y: 't' }), 'y'],
  ['a text for sigma', by({ sigma: 'one' }), 'sigma'],
  ['one number for sigma', by({ sigma: 0.1 }), 'sigma'],
  ['a σ of 0', by({ sigma: [1, 1, 0, 1, 1, 1] }), 'sigma'],
  ['a σ below 0', by({ sigma: [1, 1, -1, 1, 1, 1] }), 'sigma'],
  ['a σ that is NaN', by({ sigma: [1, 1, NaN, 1, 1, 1] }), 'sigma'],
  ['an infinite σ', by({ sigma: [1, 1, Infinity, 1, 1, 1] }), 'sigma'],
  ['σ of another length', by({ sigma: [1, 1] }), 'sigma'],
  ['σ of another number of fits', of({ t, y: [y, y] }, { start, sigma: [y, y, y] }), 'sigma'],
  ['a weight below 0', by({ weights: [1, 1, -1, 1, 1, 1] }), 'weights'],
  ['a weight that is NaN', by({ weights: [1, 1, NaN, 1, 1, 1] }), 'weights'],
  ['an infinite weight', by({ weights: [1, 1, Infinity, 1, 1, 1] }), 'weights'],
  ['texts for weights', by({ weights: ['1', '1', '1', '1', '1', '1'] }), 'weights[0]'],
  ['weights of another length', by({ weights: [1, 1] }), 'weights'],
  ['weights beside sigma', by({ weights: y, sigma: y }), 'weights'],
  ['1 for absoluteSigma', by({ absoluteSigma: 1 }), 'absoluteSigma'],
  ['an unknown loss', by({ loss: 'l2' }), 'loss'],
  ['a loss that every object has', by({ loss: 'toString' }), 'loss'],
  ['null for the loss', by({ loss: null }), 'loss'],
  ['a symbol for the loss', by({ loss: Symbol('huber') }), 'loss'],
  ['a scale of 0', by({ loss: 'huber', lossScale: 0 }), 'lossScale'],
  ['a scale below 0', by({ loss: 'huber', lossScale: -1 }), 'lossScale'],
  ['a scale that is NaN', by({ loss: 'huber', lossScale: NaN }), 'lossScale'],
  ['a text for the scale', by({ loss: 'huber', lossScale: '1' }), 'lossScale'],
  ['a tolerance below 0', by({ tolerance: -1 }), 'tolerance'],
  ['a tolerance that is NaN', by({ tolerance: NaN }), 'tolerance'],
  ['a text for the tolerance', by({ tolerance: '1e-8' }), 'tolerance'],
  ['no iterations', by({ maxIterations: 0 }), 'maxIterations'],
  ['half an iteration', by({ maxIterations: 1.5 }), 'maxIterations'],
  ['infinitely many iterations', by({ maxIterations: Infinity }), 'maxIterations'],
  ['no starts', by({ multiStart: 0 }), 'multiStart: count'],
  ['5,000 starts', by({ multiStart: 5000 }), 'multiStart: count'],
  ['a text for starts', by({ multiStart: '5' }), 'multiStart'],
  ['starts without their number', by({ multiStart: { count: undefined } }), 'multiStart: count'],
  ['an unknown field of starts', by({ multiStart: { count: 5, points: 3 } }), 'multiStart'],
  ['an unknown sample', by({ multiStart: { count: 5, sample: 'halton' } }), 'multiStart: sample'],
  ['a seed below 0', by({ multiStart: { count: 5, seed: -1 } }), 'multiStart: seed'],
  ['several starts without bounds', by({ multiStart: 5 }), 'start: a'],
  [
    'several starts with one bound',
    { options: { start: { a: boxed, b: boxed, c: { start: 0, min: 0 } }, multiStart: 5 } },
    'start: c',
  ],
  ['a name for the method', by({ method: 'adam' }), 'method'],
  ['a rule for the method', by({ method: adam() }), 'method'],
  ['an unknown engine', by({ engine: 'gpu' }), 'the option engine'],
  ['an unknown instruction set', by({ engine: 'native', instructionSet: 'mmx' }), 'instructionSet'],
  ['an instruction set of any engine', by({ instructionSet: 'scalar' }), 'instructionSet'],
  ["WebAssembly's instruction set", by({ engine: 'wasm', instructionSet: 'simd128' }), 'instructionSet'],
  ['no threads', by({ threads: 0 }), 'threads'],
  ['half a thread', by({ threads: 0.5 }), 'threads'],
  ['a text for onProgress', by({ onProgress: 'tell' }), 'onProgress'],
  ['an object for the signal', by({ signal: { aborted: false } }), 'signal'],
  ['null for the signal', by({ signal: null }), 'signal'],

  ['no start', { options: {} }, 'start: a'],
  ['null for the start', { options: { start: null } }, 'start: a'],
  ['a number for the start', { options: { start: 1 } }, 'start'],
  ['a start without a parameter', { options: { start: { a: 1, b: 1 } } }, 'start: c'],
  ['a start of an unknown name', { options: { start: { ...start, d: 1 } } }, 'start'],
  ['a parameter that is called as a number', { options: { start: { ...start, pi: 3 } } }, 'start'],
  ['a start of a column', { options: { start: { ...start, t: 1 } } }, 'start'],
  ['a text for a parameter', a('1'), 'start: a'],
  ['null for a parameter', a(null), 'start: a'],
  ['a parameter that starts at NaN', a(NaN), 'start: a: start'],
  ['a parameter that starts at infinity', a({ start: -Infinity }), 'start: a: start'],
  ['a text where a parameter starts', a({ start: '1' }), 'start: a: start'],
  ['a list that has NaN', a([1, NaN]), 'start: a: start[1]'],
  ['a list that has a text', a([1, '1']), 'start: a: start[1]'],
  ['an empty list', a([]), 'start: a'],
  [
    'starts of another number of fits',
    of({ t, y: [y, y] }, { start: { ...start, a: [1, 2, 3] } }),
    'start: a',
  ],
  ['starts of two numbers of fits', { options: { start: { a: [1, 2], b: [1, 2, 3], c: 0 } } }, 'start: b'],
  ['a parameter without a start', a({ min: 0 }), 'start: a'],
  ['an unknown field of a parameter', a({ start: 1, lower: 0 }), 'start: a'],
  ['a min that is NaN', a({ start: 1, min: NaN }), 'start: a: min'],
  ['a text for max', a({ start: 1, max: '5' }), 'start: a: max'],
  ['min above max', a({ start: 1, min: 2, max: 1 }), 'start: a'],
  ['an infinite min', a({ start: 1, min: Infinity }), 'start: a'],
  ['1 for fixed', a({ start: 1, fixed: 1 }), 'start: a: fixed'],
  ['fixed nowhere', a({ fixed: true }), 'start: a: start'],
  [
    'all fixed',
    {
      options: {
        start: { a: { start: 1, fixed: true }, b: { start: 1, fixed: true }, c: { start: 1, fixed: true } },
      },
    },
    'start',
  ],
  ['a number for expr', a({ expr: 5 }), 'start: a: expr'],
  ['an expr that is none', a({ expr: '2*(' }), '', ExpressionError],
  ['an expr with a start', a({ expr: 'b', start: 1 }), 'start: a'],
  ['an expr with a bound', a({ expr: 'b', min: 0 }), 'start: a'],
  ['an expr of itself', a({ expr: 'a + 1' }), 'start: a: expr'],
  [
    'exprs in a circle',
    { options: { start: { a: { expr: 'b' }, b: { expr: 'c' }, c: { expr: '2*a' } } } },
    '',
  ],
  ['an expr of an unknown name', a({ expr: 'b + q' }), 'start: a: expr'],
  ['an expr of a column', a({ expr: 'b + t' }), 'start: a: expr'],
]

/** All arguments of a call; missing ones are replaced by valid ones. */
function argumentsOf(call: Call): [Anything, Anything, Anything] {
  const { model, data: columns, options } = { model: decay, data, options: { start }, ...call } as Anything
  return [model, columns, options]
}

test('the function ruleMethod refuses a method that is not a rule for batches of fits', () => {
  expect(() => ruleMethod(adam as never)).toThrow('rule')
  expect(() => ruleMethod(lamb())).toThrow('rule')
})

test('the list of invalid fit calls contains more than 60 unique titles', () => {
  expect(wrong.length).toBeGreaterThan(60)
  expect(new Set(wrong.map(([title]) => title)).size).toBe(wrong.length)
})

function expectError(error: unknown, argument: string, Wanted: Class): void {
  expect(error).toBeInstanceOf(Wanted)
  if (argument !== '') expect((error as ArgumentError).argument).toBe(argument)
  if (error instanceof ArgumentError) expect(error.message).toContain(`${error.argument}: expected `)
}

/** The exception of a call. */
function thrown(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  throw new Error('nothing is thrown')
}

for (const [title, call, argument, Wanted = OptionError] of wrong) {
  test(`fits refuse ${title}`, async () => {
    const [model, columns, options] = argumentsOf(call)
    const isOfPromise = ['signal', 'onProgress', 'threads'].includes(argument)
    expectError(
      thrown(() => fitManySync(model, columns, options)),
      argument,
      Wanted,
    )
    if (!isOfPromise)
      expectError(
        thrown(() => fitOne(model, columns, options)),
        argument,
        Wanted,
      )
    const seen: number[] = []
    const onProgress = (done: number) => seen.push(done)
    const watched = typeof options === 'object' && options !== null ? { onProgress, ...options } : options
    const error = await fitMany(model, columns, watched).then(
      () => new Error('nothing is thrown'),
      (why) => why,
    )
    expectError(error, argument, Wanted)
    expect(seen).toEqual([])
  })
}

describe('an exception in user code during a fit', () => {
  const mine = new RangeError('mine')
  const failing = (field: string, beside: object) =>
    Object.defineProperty({ ...beside }, field, {
      enumerable: true,
      get() {
        throw mine
      },
    })

  test.each([
    ['of a getter of data', failing('y', { t }), { start }],
    ['of a getter of options', data, failing('loss', { start })],
    ['of a getter of start', data, { start: failing('b', start) }],
    ['of a getter of a parameter', data, { start: { ...start, b: failing('min', { start: 1 }) } }],
    ['of a getter of multiStart', data, { start, multiStart: failing('seed', { count: 3 }) }],
    [
      'of a column',
      {
        t,
        y: new Proxy([...y], { get: (list, key) => (key === '3' ? thrownBy(mine) : Reflect.get(list, key)) }),
      },
      { start },
    ],
  ])('is propagated: %s', async (_, columns, options) => {
    expect(thrown(() => fitManySync(decay, columns as Anything, options as Anything))).toBe(mine)
    await expect(fitMany(decay, columns as Anything, options as Anything)).rejects.toBe(mine)
  })

  test('is propagated from a guess of starting values', () => {
    const guess = () => thrownBy(mine)
    const model = { text: 'a*t', x: 't', parameters: {}, guess }
    expect(thrown(() => fitOne(model, data))).toBe(mine)
  })
})

function thrownBy(error: Error): never {
  throw error
}

test('a fit reads each option, starting value and parameter entry once', () => {
  const reads = new Map<string, number>()
  const watched = <T extends object>(name: string, object: T): T =>
    new Proxy(object, {
      get(target, key) {
        const path = `${name}.${String(key)}`
        reads.set(path, (reads.get(path) ?? 0) + 1)
        return Reflect.get(target, key)
      },
    })
  const parameter = watched('a', { start: 1, min: 0, max: 9 })
  const options = watched('options', {
    ...{ loss: 'huber' as const, lossScale: 1, tolerance: 1e-8, maxIterations: 100, absoluteSigma: true },
    ...{ start: watched('start', { ...start, a: parameter }), multiStart: 1, sigma: y, y: 'y' },
  })
  fitManySync(decay, watched('data', { ...data }), options)
  expect(reads.get('options.loss')).toBe(1)
  expect([...reads].filter(([, count]) => count > 1)).toEqual([])
})

test('a fit leaves its arguments unchanged', () => {
  const given = {
    data: { t: [...t], y: Float64Array.from(y) },
    options: { start: { ...start, a: [1] }, weights: [...y] },
  }
  const copy = structuredClone(given)
  fitManySync(decay, given.data, given.options)
  expect(given).toEqual(copy)
})

test('a fit accepts frozen data and options', () => {
  const frozen = Object.freeze({ start: Object.freeze({ ...start, a: Object.freeze({ start: 1 }) }) })
  expect(
    fitOne(decay, Object.freeze({ t: Object.freeze([...t]), y: Object.freeze([...y]) }), frozen).reason,
  ).toBe('converged')
})

describe('a fit with difficult input', () => {
  const good = fitOne(decay, data, { start })
  const odd: readonly (readonly [title: string, column: Anything, reason: string])[] = [
    ['a row that is NaN', y.map((x, k) => (k === 2 ? NaN : x)), 'not-finite'],
    ['an infinite row', y.map((x, k) => (k === 2 ? -Infinity : x)), 'not-finite'],
    ['two rows', y.slice(0, 2), 'too-few-points'],
    ['one row', y.slice(0, 1), 'too-few-points'],
  ]

  test.each(odd)('ends with a reason: %s', (_, column, reason) => {
    const own = [y, column, y]
    const many = fitManySync(decay, { t: own.map(({ length }) => t.slice(0, length)), y: own }, { start })
    expect(Array.from(many.reason, (k) => fitReasons[k])).toEqual(['converged', reason, 'converged'])
    for (const name of ['a', 'b', 'c'] as const) {
      expect([many.values[name][0], many.values[name][2]]).toEqual([good.values[name], good.values[name]])
      expect(many.values[name][1]).toBeNaN()
      expect(many.errors[name][1]).toBeNaN()
    }
    for (const said of [many.chiSquared, many.rSquared, many.aic]) expect(said[1]).toBeNaN()
  })

  test('reports an infinite squared residual without affecting other fits of the batch', () => {
    const wild = y.map((x, k) => (k === 2 ? 1e200 : x))
    const many = fitManySync(decay, { t, y: [y, wild, y] }, { start })
    expect([many.reason[0], many.reason[2]].map((k) => fitReasons[k])).toEqual(['converged', 'converged'])
    for (const name of ['a', 'b', 'c'] as const) {
      expect([many.values[name][0], many.values[name][2]]).toEqual([good.values[name], good.values[name]])
    }
    expect(many.chiSquared[1]).toBe(Infinity)
  })

  test('reports starting values that are not finite', () => {
    const from = {
      start: { ...start, b: { start: 1, min: -400, max: 400 }, a: { start: 1, min: -9, max: 9 } },
    }
    const bounded = { start: { ...from.start, c: { start: 1, min: -9, max: 9 } }, multiStart: 40 }
    const one = fitOne(expression('a*exp(-b*t*9) + c'), data, bounded)
    expect(one.reason).toBe('converged')
    const ended = one.minima.reduce((sum, { starts }) => sum + starts, 0)
    expect(ended).toBeGreaterThan(1)
    expect(ended).toBeLessThan(40)
    const costs = one.minima.map(({ chiSquared }) => chiSquared)
    expect(costs).toEqual([...costs].sort((a, b) => a - b))
    expect(one.chiSquared).toBe(costs[0])
  })

  test('converges if the tolerance is large', () => {
    for (const tolerance of [1e-1, 1e-2, 1e-4]) {
      expect(fitOne(decay, data, { start, tolerance }).reason).toBe('converged')
    }
  })

  test('reports that the model is not finite at the starting values', () => {
    const many = fitManySync(expression('a*log(b + t) + c'), { t, y }, { start: { ...start, b: [-5, 1] } })
    expect(fitReasons[many.reason[0]]).toBe('not-finite')
    expect(fitReasons[many.reason[1]]).not.toBe('not-finite')
  })

  test('reports parameters that the data cannot distinguish', () => {
    const one = fitOne(expression('(a + d)*exp(-b*t) + c'), data, { start: { ...start, d: 1 } })
    expect(one.reason).toBe('singular')
    expect([one.errors.a, one.errors.d]).toEqual([NaN, NaN])
  })

  test('reports a parameter that has no influence on the model', () => {
    expect(fitOne(expression('a*exp(-b*t) + c + 0*d'), data, { start: { ...start, d: 1 } }).reason).toBe(
      'singular',
    )
  })

  test('returns values without standard errors if there are as many rows as parameters', () => {
    const one = fitOne(decay, { t: t.slice(0, 3), y: y.slice(0, 3) }, { start })
    expect(one.reason).toBe('converged')
    expect(one.degreesOfFreedom).toBe(0)
    for (const name of ['a', 'b', 'c'] as const) expect(one.errors[name]).toBeNaN()
    expect([one.reducedChiSquared, ...Object.values(one.intervals()).flat()].every(Number.isNaN)).toBe(true)
  })

  test('reports too few rows if weights of 0 exclude rows', () => {
    expect(fitOne(decay, data, { start, weights: [1, 1, 0, 0, 0, 0] }).reason).toBe('too-few-points')
  })

  test('reports that the limit of iterations was reached', () => {
    expect(fitOne(decay, data, { start, maxIterations: 2 }).reason).toBe('max-iterations')
  })
})

describe('a method of a fit result', () => {
  const options: FitManyOptions = { start }
  const many = fitManySync(decay, { t, y: [y, y] }, options)
  const one = many.at(0) as Anything

  test.each<[string, () => unknown, string]>([
    ['two fits of fit()', () => fitOne(decay, { t, y: [y, y] }, options), 'data'],
    ['a fit before the first', () => many.at(-1), 'fit'],
    ['a fit after the last', () => many.at(2), 'fit'],
    ['half a fit', () => many.at(0.5), 'fit'],
    ['a level of 0', () => one.intervals(0), 'level'],
    ['a level of 1', () => one.intervals(1), 'level'],
    ['a level that is NaN', () => one.intervals(NaN), 'level'],
    ['a text for a level', () => one.band(undefined, { level: '0.9' }), 'level'],
    ['an unknown kind of band', () => one.band(undefined, { kind: 'both' }), 'kind'],
    ['no column of the model', () => one.predict({}), 'at'],
    ['a column of another name', () => one.band({ x: t }), 'at'],
  ])('refuses invalid arguments: %s', (_, call, argument) => {
    expectError(thrown(call), argument, ArgumentError)
  })

  test('refuses data columns of different lengths', () => {
    const two = fitOne(
      expression('a*u + b*v'),
      { u: t, v: y, y: [5, 4, 3, 2, 1, 0] },
      { start: { a: 1, b: 1 } },
    )
    expectError(
      thrown(() => two.predict({ u: t, v: y.slice(1) })),
      'at: v',
      OptionError,
    )
  })
})

test('a batch of fits needs little memory even if one data array is much longer than the other arrays', () => {
  const [count, long] = [20_000, 5000]
  const list = (length: number) => Float64Array.from({ length }, (_, k) => k + 1)
  const columns = ['x', 'y'].map(() => Array.from({ length: count }, (_, fit) => list(fit === 0 ? long : 2)))
  let most = 0
  // Memory is measured in the middle of the copy.
  Object.defineProperty(columns[0], count / 2, {
    get() {
      most = process.memoryUsage().arrayBuffers
      return list(2)
    },
  })
  const before = process.memoryUsage().arrayBuffers
  const [x, y] = columns
  const { values } = fitManySync(expression('a*x'), { x, y }, { start: { a: 2 } })
  expect(values.a[count - 1]).toBeCloseTo(1, 9)
  expect(most - before).toBeLessThan(64 * 1024 * 1024)
})

test('a fit moves a starting value to the nearest bound, and a message names the affected fit', () => {
  const beyond = { ...start, a: { start: 12, max: 9 }, b: { start: [1, 5], min: 0, max: 2 } }
  const fits = fitManySync(decay, { t, y: [y, y] }, { start: beyond })
  expect(fits.at(0).message).toBe('start a = 12 is out of bounds: moved to the bound')
  expect(fits.at(1).message).toBe('start a = 12, b = 5 is out of bounds: moved to the bound')
  const within = { ...start, a: { start: 9, max: 9 }, b: { start: [1, 2], min: 0, max: 2 } }
  const others = fitManySync(decay, { t, y: [y, y] }, { start: within })
  expect([others.at(0).message, others.at(1).message]).toEqual(['', ''])
  expect(fits.at(1).values).toEqual(others.at(1).values)
})
