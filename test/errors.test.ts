/**
 * Promise 4, errors before effects: a call that throws names the argument, the expected and the received value, and has
 * changed nothing.
 */

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import * as antigrad from 'antigrad'
import {
  AntigradError,
  ArgumentError,
  adagrad,
  adam,
  adamw,
  delayedStart,
  EngineError,
  engines,
  gradientDescent,
  minimize,
  nesterov,
  Optimizer,
  type OptimizerOptions,
  OptionError,
  type Rule,
  rmsprop,
  rosenbrock,
  sgd,
  TensorError,
  warmup,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { definitions } from '../dist/rules/definitions.js'
import { examplesOf } from '../scripts/lib/option-examples.mjs'
import { home, inChild, noWasmMemory, withCopy } from './children.js'
import { snapshot } from './helpers.js'

/** Arguments of any type. */
// biome-ignore lint/suspicious/noExplicitAny: what the types forbid is what is tested
type Anything = any

/** Returns the exception after checking that it is a complete error of the library and of this kind. */
function refusal(call: () => unknown, Kind: typeof ArgumentError, argument?: string): ArgumentError {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(Kind)
    expect(error).toBeInstanceOf(AntigradError)
    const { name, message, expected, received, argument: named } = error as ArgumentError
    expect(name).toBe(Kind.name)
    const said = `${named}: expected ${expected}, got ${received}`
    expect(message.slice(0, said.length)).toBe(said)
    // Only a suggestion may follow.
    expect(message.slice(said.length)).toMatch(/^( \((did you mean .*\?|.* is for .*)\))?$/)
    expect(message.length).toBeLessThan(600)
    // The error may name a part of the argument, for example in schedules.
    if (argument !== undefined) expect(`${named}: `.startsWith(`${argument}: `), named).toBe(true)
    return error as ArgumentError
  }
  throw new Error('nothing was thrown')
}

/** An optimizer in the middle of a run with clipping and a skipped tensor, and therefore with two update counts. */
function underWay(rule: Rule = adam({ lr: 0.1 }), options: OptimizerOptions = { clip: { norm: 1 } }) {
  const optimizer = new Optimizer(
    { w: Float32Array.of(1, -0, 3), nested: { list: [Float32Array.of(4, 5)] } },
    rule,
    options,
  )
  optimizer.gradientPoint()
  optimizer.step({ w: Float32Array.of(1, 2, 3), nested: { list: [Float32Array.of(4, 5)] } })
  optimizer.gradientPoint()
  optimizer.step({ w: Float32Array.of(3, 2, 1) })
  optimizer.gradientPoint()
  return optimizer
}

type UnderWay = ReturnType<typeof underWay>

/** Expects that the call throws an error, and that no later step can detect a change. */
function changesNothing(
  call: (optimizer: UnderWay) => unknown,
  Kind: typeof ArgumentError,
  argument?: string,
  make: () => UnderWay = underWay,
): ArgumentError {
  const optimizer = make()
  const before = snapshot(optimizer)
  const error = refusal(() => call(optimizer), Kind, argument)
  expect(snapshot(optimizer)).toBe(before)
  const untouched = make()
  for (const each of [optimizer, untouched]) {
    each.step({ w: Float32Array.of(-1, 0, 1), nested: { list: [null] } })
    each.gradientPoint()
    each.step({ w: Float32Array.of(1, 1, 1), nested: { list: [Float32Array.of(2, 2)] } })
  }
  expect(snapshot(optimizer)).toBe(snapshot(untouched))
  return error
}

function detached(array: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  structuredClone(array.buffer, { transfer: [array.buffer] })
  return array
}

/** An array that is nested `depth` levels deep. */
function nest(depth: number): unknown {
  let node: unknown = Float32Array.of(1)
  for (let i = 0; i < depth; i++) node = [node]
  return node
}

class LyingTag extends Int8Array {
  override get [Symbol.toStringTag](): Anything {
    return 'Float32Array'
  }
}

class LyingLength extends Float32Array {
  override get length() {
    return 3
  }
}

const cycle: Anything[] = [Float32Array.of(1)]
cycle.push(cycle)
const shared = [Float32Array.of(1)]

describe('invalid parameters of an optimizer', () => {
  const f32 = Float32Array.of(1, 2)
  const bad: [title: string, params: unknown, argument: string, received?: string][] = [
    ['nothing', undefined, 'params', 'undefined'],
    ['null', null, 'params', 'null'],
    ['a number', 1, 'params', '1'],
    ['a string', 'weights', 'params', '"weights"'],
    ['a function', () => f32, 'params', 'a function'],
    ['a symbol', Symbol('w'), 'params', 'Symbol(w)'],
    ['no tensor in a list', [], 'params', 'an array of length 0'],
    ['no tensor in a record', {}, 'params', 'an object with the keys (none)'],
    ['no tensor, nested', { a: [], b: [{}] }, 'params', 'an object with the keys a, b'],
    ['plain numbers', [1, 2], 'params.0', '1'],
    ['plain numbers, nested', { a: f32, b: [1, 2] }, 'params.b.0', '1'],
    ['integers', { w: new Int32Array(2) }, 'params.w', 'an Int32Array of length 2'],
    ['big integers', [new BigInt64Array(2)], 'params.0', 'a BigInt64Array of length 2'],
    ['a DataView', { w: new DataView(new ArrayBuffer(8)) }, 'params.w', 'a DataView'],
    ['an ArrayBuffer', { w: f32, b: new ArrayBuffer(8) }, 'params.b', 'an ArrayBuffer'],
    ['a map', { w: f32, b: new Map([['w', f32]]) }, 'params.b', 'a Map'],
    ['a set', [f32, new Set([f32])], 'params.1', 'a Set'],
    ['a promise', { w: f32, b: Promise.resolve(f32) }, 'params.b', 'a Promise'],
    ['a hole in a list', Object.assign(new Array(3), { 0: f32, 2: f32 }), 'params.1', 'undefined'],
    ['two dtypes', { w: f32, b: new Float64Array(1) }, 'params.b', 'a Float64Array of length 1'],
    ['a detached array', { w: f32, b: detached(Float32Array.of(1, 2)) }, 'params.b', 'a detached one'],
    ['a cycle', cycle, 'params.1'],
    ['one list twice', { a: shared, b: shared }, 'params.b'],
    ['one array twice', { a: f32, b: [f32] }, 'params.b.0', 'a second use of a'],
    ['a dotted name twice', { 'a.b': f32, a: { b: f32.slice() } }, 'params.a.b', 'a duplicate'],
    ['a number for a name twice', { 'a.0': f32, a: [f32.slice()] }, 'params.a.0', 'a duplicate'],
    ["TensorFlow's", { w: f32, b: { dataSync: () => f32, shape: [2] } }, 'params.b'],
    ['a list a hundred thousand deep', nest(100_000), `params${'.0'.repeat(100)}`],
    ['a proxy of an array', { w: new Proxy(f32, {}) }, 'params.w.0', '1'],
    ['integers that lie', { w: new LyingTag(2) }, 'params.w', 'an Int8Array of length 2'],
  ]

  test.each(bad)('are refused: %s', (_, params, argument, received) => {
    const error = refusal(() => new Optimizer(params as Anything, adam()), TensorError, argument)
    if (received !== undefined) expect(error.received).toBe(received)
  })

  test('cause an error that names two of the tensors if the dtypes differ', () => {
    const error = refusal(
      () => new Optimizer({ w: f32, deep: { b: new Float64Array(1) } }, adam()),
      TensorError,
    )
    expect(error.message).toBe(
      'params.deep.b: expected a Float32Array (the dtype of w), got a Float64Array of length 1',
    )
  })

  test('cause an error that explains how to convert the value to a typed array', () => {
    const tensor = { dataSync: () => f32 }
    const hint = (type: string) => ` (${type}.from(list) makes one)`
    const wanted = 'a Float32Array or Float64Array, or an array or object of them'
    const expected = (params: unknown) =>
      refusal(() => new Optimizer(params as Anything, adam()), TensorError).expected
    expect(expected({ w: [1, 2] })).toBe(wanted + hint('Float64Array'))
    expect(expected({ w: tensor })).toBe(`${wanted} (dataSync() gives the numbers of such a tensor)`)
    expect(expected({ w: 'x' })).toBe(wanted)
    const optimizer = new Optimizer({ w: f32 }, adam())
    const step = (w: unknown) => refusal(() => optimizer.step({ w: w as Anything }), TensorError).expected
    expect(step([1, 2])).toBe(`a Float32Array of length 2${hint('Float32Array')}`)
    expect(step(tensor)).toContain('dataSync()')
    expect(step(new Float32Array(3))).toBe('a Float32Array of length 2')
  })

  test('are not modified by the refused call', () => {
    const w = Float32Array.of(1, -0)
    const params = { w, b: new Float64Array(1) }
    refusal(() => new Optimizer(params, adam()), TensorError)
    expect(Object.is(w[1], -0) && w[0] === 1 && Object.keys(params).join() === 'w,b').toBe(true)
  })
})

describe('invalid gradients', () => {
  const g = Float32Array.of(1, 2, 3)
  const bad: [title: string, gradients: unknown, argument: string, received?: string][] = [
    ['an array for a record', g, 'gradients', 'a Float32Array of length 3'],
    ['a number', 1, 'gradients', '1'],
    ['a string', 'w', 'gradients', '"w"'],
    ['a list for a record', [g], 'gradients', 'an array of length 1'],
    ['an empty list for a record', [], 'gradients', 'an array of length 0'],
    ['a map, which has no keys of its own', new Map([['w', g]]), 'gradients', 'a Map'],
    ['a promise that was not awaited', Promise.resolve({ w: g }), 'gradients', 'a Promise'],
    ['an unknown name', { w: g, weight: g }, 'gradients', '"weight"'],
    ['an unknown name whose value is null', { w: g, weight: null }, 'gradients', '"weight"'],
    ['an unknown name, nested', { w: g, nested: { lists: [] } }, 'gradients.nested', '"lists"'],
    ['an inherited name', { w: g, constructor: g }, 'gradients', '"constructor"'],
    ['__proto__ as a name', { w: g, ['__proto__']: g }, 'gradients', '"__proto__"'],
    ['too short', { w: Float32Array.of(1, 2) }, 'gradients.w', 'a Float32Array of length 2'],
    ['too long', { w: new Float32Array(4) }, 'gradients.w', 'a Float32Array of length 4'],
    ['the other dtype', { w: Float64Array.of(1, 2, 3) }, 'gradients.w', 'a Float64Array of length 3'],
    ['plain numbers', { w: [1, 2, 3] }, 'gradients.w', 'an array of length 3'],
    ['a number for a tensor', { w: 0 }, 'gradients.w', '0'],
    ['integers', { w: new Int32Array(3) }, 'gradients.w', 'an Int32Array of length 3'],
    ['integers that lie', { w: new LyingTag(3) }, 'gradients.w', 'an Int8Array of length 3'],
    ['a length that lies', { w: new LyingLength(4) }, 'gradients.w', 'a Float32Array of length 4'],
    ['a proxy', { w: new Proxy(g, {}) }, 'gradients.w'],
    ['an object that is no array', { w: Object.create(Float32Array.prototype) }, 'gradients.w'],
    ['a detached array', { w: detached(Float32Array.of(1, 2, 3)) }, 'gradients.w', 'a detached one'],
    ['a record for a list', { w: g, nested: { list: { 0: g } } }, 'gradients.nested.list'],
    ['a list that is too long', { w: g, nested: { list: [null, null] } }, 'gradients.nested.list'],
    [
      'the last one',
      { w: g, nested: { list: [g] } },
      'gradients.nested.list.0',
      'a Float32Array of length 3',
    ],
  ]

  test.each(bad)('are refused: %s', (_, gradients, argument, received) => {
    const error = changesNothing((optimizer) => optimizer.step(gradients as Anything), TensorError, argument)
    if (received !== undefined) expect(error.received).toBe(received)
  })

  test("are refused if a value is not an array of the tensor's length", () => {
    const optimizer = new Optimizer([g, g.slice()], gradientDescent())
    for (const gradients of [[], [g], [g, g, g], { 0: g, 1: g }, { length: 2 }, g]) {
      refusal(() => optimizer.step(gradients as Anything), TensorError, 'gradients')
    }
    expect(optimizer.updates).toBe(0)
  })

  test('are refused if an empty tensor has a detached array', () => {
    const optimizer = new Optimizer([g, new Float32Array(0)], gradientDescent())
    const gone = detached(Float32Array.of(1))
    const error = refusal(() => optimizer.step([g, gone]), TensorError, 'gradients.1')
    expect(error.received).toBe('a detached one')
    expect(optimizer.updates).toBe(0)
  })

  test('are refused for a single tensor if the gradients are an object or an array of arrays', () => {
    const optimizer = new Optimizer(g, gradientDescent())
    for (const gradients of [{}, [g], { g }, 'g', true]) {
      refusal(() => optimizer.step(gradients as Anything), TensorError, 'gradients')
    }
    expect(optimizer.updates).toBe(0)
  })
})

describe('an optimizer refuses', () => {
  describe.each(Object.entries(definitions))('the rule %s', (_, { name, options, wantsShapes }) => {
    const rule = { ...antigrad }[name as keyof typeof antigrad] as unknown as (options?: Anything) => Rule
    const forged = (changes: object) => ({ ...rule(), ...changes }) as Rule
    const shapes = { w: [3, 1], nested: { list: [[1, 2]] } }
    const around = { clip: { norm: 1 }, ...(wantsShapes ? { shapes } : {}) }
    const underRule = () => underWay(rule(), around)

    test('with invalid option values', () => {
      expect(Object.keys(rule())).toEqual(['name', ...Object.keys(options)])
    })

    for (const [option, definition] of Object.entries(options)) {
      test(`with ${option} out of range`, () => {
        const argument = `${name}: ${option}`
        for (const value of examplesOf(definition, antigrad).refused) {
          const error = refusal(() => rule({ [option]: value }), OptionError, argument)
          // If the value is an object, the message may refer to a part of the object.
          const isRead = Object(value) === value || (definition.read !== undefined && !definition.schedulable)
          expect(isRead || error.expected.startsWith(definition.expected), error.message).toBe(true)
          refusal(() => new Optimizer(shared, forged({ [option]: value })), OptionError, argument)
          changesNothing((o) => o.set({ [option]: value }), OptionError, argument, underRule)
        }
      })
    }

    test('with unknown option names', () => {
      for (const key of ['learningRate', 'LR', 'name', '', 'constructor', 'toString', '__proto__', '0']) {
        const unknown = Object.defineProperty({}, key, { value: 'adam', enumerable: true })
        const argument = `${name}: options`
        const error = refusal(() => rule(unknown), OptionError, argument)
        expect(error.received).toBe(JSON.stringify(key))
        expect(error.expected).toBe(`one of ${Object.keys(rule()).slice(1).join(', ')}`)
        changesNothing((o) => o.set(unknown), OptionError, argument, underRule)
        if (key === 'name') continue
        const from = Object.defineProperty({ ...rule() }, key, { value: 'adam', enumerable: true })
        refusal(() => new Optimizer(shared, from as Rule), OptionError, argument)
      }
    })

    test('with options that are not an object', () => {
      for (const options of [null, 1, 'lr', true, () => {}]) {
        refusal(() => rule(options), OptionError, `${name}: options`)
        changesNothing((o) => o.set(options as Anything), OptionError, `${name}: options`, underRule)
      }
    })

    // Rprop's learning rate is only the initial step size.
    if (options.lr.schedulable) {
      test('with a schedule that becomes invalid during a run', () => {
        let lr: unknown = 1e-3
        for (const wrong of [NaN, -1, Infinity, undefined, null, '1', 1n, {}]) {
          const step = (optimizer: UnderWay) => {
            lr = wrong
            try {
              optimizer.step({ w: Float32Array.of(9, 9, 9) })
            } finally {
              lr = 1e-3
            }
          }
          // The tensor is a matrix, because some rules accept only matrices.
          const begin = () => underWay(rule({ lr: () => lr }), { shapes: { w: [1, 3] } })
          changesNothing(step, OptionError, `${name}: lr at t = 2`, begin)
        }
      })
    }
  })

  test('a value that is not a rule', () => {
    const values = [
      undefined,
      null,
      'adam',
      adam,
      {},
      { name: 'Adam' },
      { name: 'constructor' },
      { name: '__proto__' },
      { name: ['adam'] },
      { name: Symbol('adam') },
      [],
    ]
    expect(refusal(() => new Optimizer(shared, { name: 'Adam' } as Anything), OptionError).message).toBe(
      `rule: expected one of ${[...Object.keys(definitions).sort(), 'delayedStart'].join(', ')}, or another imported rule, got "Adam"`,
    )
    for (const rule of values) {
      refusal(() => new Optimizer(shared, rule as Anything), OptionError, 'rule')
      refusal(() => delayedStart(1, rule as Anything), OptionError, 'delayedStart: rule')
    }
  })

  test('a delayed start with an invalid rule or an invalid count of updates', () => {
    const circular: Anything = { name: 'delayedStart', updates: 0 }
    circular.rule = circular
    for (const inner of [delayedStart(0, adam()), circular, undefined, { name: 'delayedStart' }]) {
      refusal(() => delayedStart(1, inner), OptionError, 'delayedStart: rule')
      const forged: Anything = { name: 'delayedStart', updates: 1, rule: inner }
      refusal(() => new Optimizer(shared, forged), OptionError, 'delayedStart: rule')
    }
    for (const updates of [-1, 0.5, NaN, Infinity, '1', null, undefined, 1n]) {
      refusal(() => delayedStart(updates as number, adam()), OptionError, 'delayedStart: updates')
      const forged: Anything = { name: 'delayedStart', updates, rule: adam() }
      refusal(() => new Optimizer(shared, forged), OptionError, 'delayedStart: updates')
    }
    const options: Anything = { name: 'delayedStart', updates: 1, rule: { ...adam(), lr: -1 } }
    refusal(() => new Optimizer(shared, options), OptionError, 'adam: lr')
    refusal(() => delayedStart(1, options.rule), OptionError, 'adam: lr')
    const unknown: Anything = { name: 'delayedStart', updates: 1, rule: adam(), lr: 1 }
    refusal(() => new Optimizer(shared, unknown), OptionError, 'delayedStart: options')
  })

  test('a rule with conflicting options', () => {
    refusal(() => sgd({ nesterov: true }), OptionError, 'sgd: nesterov')
    const error = refusal(
      () => sgd({ nesterov: true, momentum: 0.9, dampening: 0.1 }),
      OptionError,
      'sgd: nesterov',
    )
    expect(error.received).toBe('a momentum of 0.9 and a dampening of 0.1')
  })

  const changesState: [rule: Rule, options: Anything][] = [
    [adam(), { amsgrad: true }],
    [adamw({ amsgrad: true }), { amsgrad: false }],
    [sgd(), { momentum: 0.9 }],
    [sgd({ momentum: 0.9 }), { momentum: 0 }],
    [sgd({ momentum: 0.9 }), { nesterov: true, lr: 9 }],
    [rmsprop(), { momentum: 0.5 }],
    [rmsprop({ momentum: 0.5 }), { lr: 9, momentum: 0 }],
    [nesterov(), { form: 'shifted' }],
    [adagrad(), { initialAccumulator: 1 }],
    [delayedStart(1, sgd()), { momentum: 0.9 }],
  ]
  test.each(changesState)('a call of `set` that would change the state arrays: %o, %o', (rule, options) => {
    changesNothing(
      (o) => o.set(options),
      OptionError,
      'set: options',
      () => underWay(rule),
    )
  })

  test('all changes of a `set` call if one option is invalid', () => {
    changesNothing((o) => o.set({ lr: 5, beta1: 0.5, eps: NaN }), OptionError, 'adam: eps')
    changesNothing((o) => o.set({ lr: 5, nonsense: 1 } as Anything), OptionError, 'adam: options')
    changesNothing(
      (o) => o.set({ updates: 3 } as Anything),
      OptionError,
      'adam: options',
      () => underWay(delayedStart(1, adam())),
    )
  })
})

test('conversion of an optimizer to JSON throws an error', () => {
  const { message } = changesNothing((o) => JSON.stringify({ o }), OptionError, 'JSON.stringify')
  expect(message).toBe(
    'JSON.stringify: expected save() with structuredClone or v8.serialize, got a whole optimizer',
  )
})

describe('invalid warm-ups', () => {
  const bad: [argument: string, value: unknown, options: unknown][] = [
    ...[undefined, null, '1', NaN, Infinity, {}, [1], { schedule: 'warmup' }].map(
      (value): [string, unknown, unknown] => ['warmup: value', value, { steps: 2 }],
    ),
    ...[undefined, null, 0, -1, 1.5, NaN, Infinity, '2', 2n].map((steps): [string, unknown, unknown] => [
      'warmup: steps',
      1,
      { steps },
    ]),
    ...[NaN, Infinity, '0', {}].map((from): [string, unknown, unknown] => [
      'warmup: from',
      1,
      { steps: 2, from },
    ]),
    ['warmup: options', 1, { steps: 2, to: 1 }],
    ['warmup: options', 1, undefined],
    ['warmup: options', 1, null],
    ['warmup: options', 1, 100],
  ]
  test.each(bad)('are refused because of the argument %s: warmup(%o, %o)', (argument, value, options) => {
    refusal(() => warmup(value as number, options as Anything), OptionError, argument)
  })

  test('are refused if a warm-up contains itself', () => {
    const circular: Anything = { schedule: 'warmup', steps: 2, from: null }
    circular.value = circular
    refusal(() => adam({ lr: circular }), OptionError, 'adam: lr')
    refusal(() => warmup(circular, { steps: 2 }), OptionError, 'warmup: value')
  })
})

describe('invalid constructor options of an optimizer', () => {
  const positive = [0, -1, NaN, Infinity, -Infinity, '1', null, true, 1n, [1], {}]
  const bad: [argument: string, options: unknown][] = [
    ...[null, 1, 'wasm', true, () => {}].map((options): [string, unknown] => ['options', options]),
    ['options', { clips: { norm: 1 } }],
    ['options', { clipNorm: 1 }],
    ['options', { ['__proto__']: {} }],
    ['clip', { clip: { norms: 1 } }],
    ...[null, 1, '1', true].map((clip): [string, unknown] => ['clip', { clip }]),
    ...positive.map((norm): [string, unknown] => ['clip: norm', { clip: { norm } }]),
    ...positive.map((value): [string, unknown] => ['clip: value', { clip: { norm: 1, value } }]),
    ...[null, 0, 1, 'true', {}].map((zeroGrads): [string, unknown] => ['zeroGrads', { zeroGrads }]),
    ...[null, '', 'rust', 'Native', 'constructor', 0, ['wasm']].map((engine): [string, unknown] => [
      'the option engine',
      { engine },
    ]),
    ['instructionSet', { instructionSet: 'avx2' }],
    ['instructionSet', { engine: 'wasm', instructionSet: 'simd128' }],
    ['instructionSet', { engine: 'native', instructionSet: 'avx1024' }],
    ['instructionSet', { engine: 'native', instructionSet: '' }],
    ['instructionSet', { engine: 'native', instructionSet: 1 }],
    ['instructionSet', { engine: 'native', instructionSet: null }],
    ...[0, -1, 1.5, 257, NaN, Infinity, '2', null].map((threads): [string, unknown] => [
      'threads',
      { threads },
    ]),
  ]
  test.each(bad)('are refused because of the option %s: %o', (argument, options) => {
    refusal(() => new Optimizer(shared, adam(), options as Anything), OptionError, argument)
  })

  test('cause an error that lists the available instruction sets', () => {
    const { expected } = refusal(
      () => new Optimizer(shared, adam(), { engine: 'native', instructionSet: 'mmx' }),
      OptionError,
    )
    expect(expected).toBe(`one of ${engines().native.instructionSets.join(', ')}`)
  })
})

describe('the function minimize refuses', () => {
  const f = (x: ArrayLike<number>) => x[0] * x[0]
  const bad: [argument: string, call: () => unknown][] = [
    ...[undefined, null, 1, 'f', {}, { value: 1 }, { gradient: f }].map(
      (objective): [string, () => unknown] => [
        'objective',
        () => minimize(objective as Anything, [1], adam()),
      ],
    ),
    ['objective: gradient', () => minimize({ value: f, gradient: 1 } as Anything, [1], adam())],
    ...[undefined, null, 1, '1', [], ['1'], [1, null], {}, new Int32Array(1), new Float64Array(0), [1n]].map(
      (x): [string, () => unknown] => ['x', () => minimize(f, x as Anything, adam())],
    ),
    ...[undefined, null, 'adam', {}].map((rule): [string, () => unknown] => [
      'rule',
      () => minimize(f, [1], rule as Anything),
    ]),
    ...[-1, NaN, Infinity, '1', null].map((tolerance): [string, () => unknown] => [
      'tolerance',
      () => minimize(f, [1], adam(), { tolerance: tolerance as number }),
    ]),
    ...[-1, 0.5, NaN, Infinity, '1', null].map((maxIterations): [string, () => unknown] => [
      'maxIterations',
      () => minimize(f, [1], adam(), { maxIterations: maxIterations as number }),
    ]),
    ...['float16', null, 64].map((dtype): [string, () => unknown] => [
      'dtype',
      () => minimize(f, [1], adam(), { dtype: dtype as Anything }),
    ]),
    ...[null, true, 1].map((callback): [string, () => unknown] => [
      'callback',
      () => minimize(f, [1], adam(), { callback: callback as Anything }),
    ]),
    ['options', () => minimize(f, [1], adam(), { iterations: 5 } as Anything)],
    ['options', () => minimize(f, [1], adam(), { zeroGrads: true } as Anything)],
    ['options', () => minimize(f, [1], adam(), null as Anything)],
    ['clip: norm', () => minimize(f, [1], adam(), { clip: { norm: -1 } })],
  ]
  test.each(bad)('an invalid argument %s', (argument, call) => {
    refusal(call, OptionError, argument)
  })

  test('an unknown option, and the error lists the valid options', () => {
    const { expected } = refusal(() => minimize(f, [1], adam(), { maxIter: 1 } as Anything), OptionError)
    expect(expected).toBe(
      'one of tolerance, maxIterations, dtype, callback, bounds, constraints, clip, engine, instructionSet, threads',
    )
  })

  test('every invalid argument before calling a user function', () => {
    let calls = 0
    const count = () => ++calls
    const objective = { value: count, gradient: () => void count() }
    refusal(() => minimize(objective, [1], adam(), { maxIterations: -1 }), OptionError)
    refusal(() => minimize(objective, [1], { name: 'adam', lr: -1 } as Anything), OptionError)
    refusal(() => minimize(objective, [1], adam(), { engine: 'rust' as Anything }), OptionError)
    expect(calls).toBe(0)
  })

  test('an invalid objective', () => {
    for (const x of [NaN, Infinity, '1', null]) {
      refusal(() => rosenbrock({ a: x as number }), OptionError, 'rosenbrock: a')
      refusal(() => rosenbrock({ b: x as number }), OptionError, 'rosenbrock: b')
    }
    for (const condition of [0.5, -1, NaN, Infinity, '2', null]) {
      refusal(() => antigrad.bowl({ condition: condition as number }), OptionError, 'bowl: condition')
    }
    for (const options of [null, 1, 'a', { A: 1 }, { condition: 2, a: 1 }]) {
      refusal(() => rosenbrock(options as Anything), OptionError, 'rosenbrock: options')
      refusal(() => antigrad.bowl(options as Anything), OptionError, 'bowl: options')
    }
    for (const x of [undefined, null, 1, [1], [1, 2, 3]]) {
      refusal(() => antigrad.beale().value(x as Anything), TensorError, 'beale: x')
      refusal(() => antigrad.beale().gradient(x as Anything, []), TensorError, 'beale: x')
    }
  })
})

describe('unusual but valid parameters', () => {
  class Tensor extends Float32Array {}
  const sharedMemory = new Float32Array(new SharedArrayBuffer(16), 4, 2)
  const otherRealm: Float32Array = runInNewContext('Float32Array.of(1, 2)')
  const window = new Float32Array(new ArrayBuffer(64), 8, 2)
  const odd: [string, Float32Array][] = [
    ['of a subclass', Tensor.of(1, 2)],
    ['over shared memory', sharedMemory],
    ['of another realm', otherRealm],
    ['in the middle of a buffer', window],
    ['frozen around', Object.preventExtensions(Float32Array.of(1, 2))],
  ]
  test.each(odd)('are accepted: %s', (_, array) => {
    array.set([1, 2])
    const optimizer = new Optimizer({ w: array, other: array.slice() }, gradientDescent({ lr: 1 }))
    optimizer.step({ w: array })
    expect(optimizer.params.w).toEqual(Float32Array.of(0, 0))
    expect(optimizer.params.other).toEqual(Float32Array.of(1, 2))
    expect(Object.getPrototypeOf(optimizer.params.w)).toBe(Float32Array.prototype)
    expect([...array]).toEqual([1, 2])
  })

  test('are read with their true length, even if a subclass overrides the property `length`', () => {
    const optimizer = new Optimizer(new LyingLength([1, 2, 3, 4]), gradientDescent({ lr: 1 }))
    expect(optimizer.params).toEqual(Float32Array.of(1, 2, 3, 4))
  })

  test('can be arrays and objects of another realm', () => {
    const params = runInNewContext('({ list: [Float32Array.of(1)], record: { b: Float32Array.of(2) } })')
    const optimizer = new Optimizer(params as { list: Float32Array[]; record: { b: Float32Array } }, adam())
    optimizer.step(params)
    expect(optimizer.params.list[0][0]).toBeCloseTo(0.999)
    expect(optimizer.params.record.b[0]).toBeCloseTo(1.999)
  })

  test('can have any string as a name', () => {
    const params = Object.create(null)
    for (const name of ['__proto__', 'constructor', 'hasOwnProperty', '', 'a.b', '0', 'toString']) {
      Object.defineProperty(params, name, { value: Float32Array.of(1), enumerable: true })
    }
    const optimizer = new Optimizer(params as Record<string, Float32Array>, gradientDescent({ lr: 1 }))
    expect(Object.keys(optimizer.params)).toEqual(Object.keys(params))
    for (const name of Object.keys(params)) {
      optimizer.step(Object.defineProperty({}, name, { value: Float32Array.of(1), enumerable: true }))
      const own = Object.getOwnPropertyDescriptor(optimizer.params, name)
      expect(own?.value).toEqual(Float32Array.of(0))
    }
    expect(Object.getPrototypeOf(optimizer.params)).toBe(Object.prototype)
    expect(({} as Anything).polluted).toBeUndefined()
  })

  test('do not include inherited and non-enumerable properties', () => {
    const params = Object.create({ inherited: Float32Array.of(1) }, { hidden: { value: Float32Array.of(1) } })
    params.w = Float32Array.of(1)
    expect(Object.keys(new Optimizer(params, adam()).params)).toEqual(['w'])
  })

  test('are read once per optimizer call', () => {
    let reads = 0
    const getter = {
      get w() {
        reads++
        return reads === 1 ? Float32Array.of(1) : 'something else'
      },
    } as unknown as { w: Float32Array }
    const optimizer = new Optimizer(getter, gradientDescent({ lr: 1 }))
    reads = 0
    optimizer.step(getter)
    expect(optimizer.params.w[0]).toBe(0)
  })

  test('may have getters that throw exceptions, which the constructor propagates', () => {
    const optimizer = underWay()
    const before = snapshot(optimizer)
    const gradients = {
      w: Float32Array.of(9, 9, 9),
      get nested(): never {
        throw new RangeError('mine')
      },
    }
    expect(() => optimizer.step(gradients)).toThrow(new RangeError('mine'))
    expect(snapshot(optimizer)).toBe(before)
  })
})

describe('an unavailable engine', () => {
  const force = `return thrownBy(() => new antigrad.Optimizer(new Float32Array(3), antigrad.adam(),
    { engine: 'native' }))`
  const addonFile = readdirSync(join(home, 'native')).find((name) => name.endsWith('.node')) as string

  /** A copy of the package with a file of the given text instead of the addon. */
  const withAddon = <T>(text: string | null, use: (folder: string) => T): T =>
    withCopy((folder) => {
      if (text !== null) {
        mkdirSync(join(folder, 'native'))
        writeFileSync(join(folder, 'native', addonFile), text)
      }
      return use(folder)
    })

  test('causes an error if an option or environment variable requests the engine', () => {
    withAddon(null, (folder) => {
      expect(existsSync(join(folder, 'native'))).toBe(false)
      const missing = {
        is: 'EngineError',
        antigrad: true,
        engine: 'native',
        reasons: [expect.stringContaining('is not installed')],
        message: expect.stringMatching(
          /^the engine native was requested but cannot run: antigrad-.* is not installed/,
        ),
      }
      expect(inChild(force, { folder })).toMatchObject(missing)
      const byEnvironment = `return thrownBy(() => new antigrad.Optimizer(new Float32Array(3), antigrad.adam()))`
      const env = { ANTIGRAD_ENGINE: 'native' }
      expect(inChild(byEnvironment, { folder, env })).toMatchObject(missing)
      const withSet = force.replace("engine: 'native'", "engine: 'native', instructionSet: 'avx2'")
      expect(inChild(withSet, { folder })).toMatchObject(missing)
    })
  })

  test('is replaced by the next best engine, and the optimizer reports the reasons', () => {
    const report = withAddon(null, (folder) =>
      inChild(
        `const large = new antigrad.Optimizer(new Float32Array(1000), antigrad.adam())
        return { engine: large.engine, reasons: large.engineReasons, native: antigrad.engines().native }`,
        { folder },
      ),
    )
    expect(report).toMatchObject({
      engine: 'wasm',
      reasons: [
        expect.stringContaining('at least'),
        expect.stringMatching(/^native: antigrad-.* is not installed/),
      ],
      native: { available: false, reasons: expect.arrayContaining([]), instructionSets: [] },
    })
  })

  test('causes an error if the addon is corrupted', () => {
    const error = withAddon('no addon', (folder) => inChild(force, { folder }))
    expect(error).toMatchObject({
      is: 'EngineError',
      message: expect.stringMatching(
        /does not load: .*(invalid ELF header|file too short|not a mach-o|Win32)/,
      ),
    })
  })

  test('causes an error if the addon has another version', () => {
    const error = withAddon(null, (folder) => {
      const stub = join(folder, 'stub.cjs')
      writeFileSync(stub, 'exports.hash = () => 7')
      return inChild(force, { folder, env: { ANTIGRAD_ADDON: stub } })
    })
    expect(error).toMatchObject({ is: 'EngineError', reasons: [expect.stringContaining('another version')] })
  })

  test.each([
    ['WebAssembly does not exist', 'delete globalThis.WebAssembly', 'there is no WebAssembly here'],
    [
      'it may not compile',
      "WebAssembly.Module = class { constructor() { throw new WebAssembly.CompileError('forbidden here') } }",
      'the module does not compile: forbidden here',
    ],
    ['there is no memory', noWasmMemory, 'no WebAssembly memory: could not allocate memory'],
  ])('is replaced or reported if WebAssembly cannot run: %s', (_, before, reason) => {
    const body = `const params = Float32Array.of(1, 2), rule = antigrad.gradientDescent({ lr: 1 })
      const error = thrownBy(() => new antigrad.Optimizer(params, rule, { engine: 'wasm' }))
      const optimizer = new antigrad.Optimizer(params, rule)
      optimizer.step(params)
      return { error, engine: optimizer.engine, reasons: optimizer.engineReasons, params: [...optimizer.params] }`
    expect(inChild(body, { before })).toMatchObject({
      error: { is: 'EngineError', engine: 'wasm', message: expect.stringContaining(reason) },
      engine: 'native',
      reasons: [expect.stringContaining('fewer than'), expect.stringContaining(reason)],
      params: [0, 0],
    })
  })

  test('is replaced by the TypeScript engine if no other engine runs', () => {
    const body = `const optimizer = new antigrad.Optimizer(Float32Array.of(1, 2), antigrad.gradientDescent({ lr: 1 }))
      optimizer.step(Float32Array.of(1, 2))
      return { engine: optimizer.engine, count: optimizer.engineReasons.length, params: [...optimizer.params] }`
    const result = withCopy((folder) => inChild(body, { folder, before: 'delete globalThis.WebAssembly' }))
    expect(result).toEqual({ engine: 'typescript', count: 3, params: [0, 0] })
  })

  test.each(['rust', 'WASM', 'native '])(
    'causes an error if the environment variable contains the invalid name %j',
    (name) => {
      const body = `return thrownBy(() => new antigrad.Optimizer(new Float32Array(3), antigrad.adam()))`
      const error = inChild(body, { env: { ANTIGRAD_ENGINE: name } })
      expect(error).toMatchObject({
        is: 'OptionError',
        argument: 'the environment variable ANTIGRAD_ENGINE',
        received: JSON.stringify(name),
      })
    },
  )
})

describe('a memory error', () => {
  test('is thrown if memory cannot be allocated', () => {
    const before = `${noWasmMemory}
      const Whole = ArrayBuffer
      globalThis.ArrayBuffer = class extends Whole {
        constructor(length) {
          if (length > 1e6) throw new RangeError('Array buffer allocation failed')
          super(length)
        }
      }`
    const body = `const error = thrownBy(() => new antigrad.Optimizer(new Float32Array(1e6), antigrad.adam()))
      return { error, small: new antigrad.Optimizer(new Float32Array(3), antigrad.adam()).engine }`
    expect(inChild(body, { before })).toMatchObject({
      error: {
        is: 'MemoryError',
        antigrad: true,
        message: expect.stringMatching(
          /^no memory for an arena of 16\d+ bytes: could not allocate memory; Array buffer allocation failed$/,
        ),
      },
      small: 'native',
    })
  })

  test.each(['native', 'typescript'])(
    "is thrown on the engine %s if the optimizer's memory was transferred",
    (engine) => {
      const body = `
      const g = Float32Array.of(1, 2)
      const rules = [antigrad.adam(), antigrad.nesterov({ form: 'shifted' })]
      return rules.map((rule) => {
        const optimizer = new antigrad.Optimizer({ w: g }, rule, { engine: '${engine}', clip: { norm: 1 } })
        optimizer.step({ w: g })
        optimizer.gradientPoint()
        const { buffer } = optimizer.params.w
        const moved = structuredClone(buffer, { transfer: [buffer] })
        const before = [...new Uint8Array(moved)].join()
        const errors = [
          () => optimizer.step(),
          () => optimizer.step({ w: g }),
          () => optimizer.zeroGrad(),
          () => optimizer.gradientPoint(),
          () => optimizer.state,
        ].map(thrownBy)
        return { errors, same: before === [...new Uint8Array(moved)].join(), updates: optimizer.updates }
      })`
      const gone = {
        is: 'TensorError',
        antigrad: true,
        argument: 'optimizer',
        received: expect.stringContaining('detached'),
      }
      const results = inChild(body, { before: noWasmMemory }) as { errors: unknown[] }[]
      for (const { errors, ...rest } of results) {
        expect(rest).toEqual({ same: true, updates: 1 })
        expect(errors).toHaveLength(5)
        for (const error of errors) expect(error).toMatchObject(gone)
      }
    },
  )

  test('is not caused by an attempt to transfer WebAssembly memory', () => {
    const optimizer = new Optimizer(Float32Array.of(1, 2), gradientDescent({ lr: 1 }))
    const { buffer } = optimizer.params
    // Node 20 clones the object, and later versions refuse to clone the object.
    try {
      structuredClone(buffer, { transfer: [buffer] })
    } catch {}
    optimizer.step(Float32Array.of(1, 2))
    expect(optimizer.params).toEqual(Float32Array.of(0, 0))
  })
})

test('every error of the library is an AntigradError whose `name` is the class name', () => {
  const kinds = [ArgumentError, OptionError, TensorError, EngineError, antigrad.MemoryError]
  for (const Kind of kinds) {
    expect(Kind.prototype).toBeInstanceOf(AntigradError)
    expect(Kind.prototype).toBeInstanceOf(Error)
  }
  const error = refusal(() => adam({ lr: 'x'.repeat(10_000) as Anything }), OptionError, 'adam: lr')
  expect(error.received.length).toBeLessThan(120)
})
