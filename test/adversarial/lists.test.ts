/** Attacks with arrays, prototypes and results: large values, shared values, and values that change later. */

import { adam, adamw, ema, layerDecay, type Match, noDecay, Optimizer, sgd } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { inChild } from '../children.js'
import { engineNames, inBits } from '../helpers.js'
import { type Anything, everything, later, refusal, shapes, underWay } from './subject.js'

const numbers = () => Float32Array.of(1, 2)

describe('the match of a group', () => {
  const unused = (match: Match) =>
    new Optimizer({ w: numbers() }, sgd(), { groups: [{ match, frozen: true }] }).report().unusedGroups

  test('can be a nested array that contains the same array many times', () => {
    for (const [pattern, expected] of [
      ['w', []],
      ['v', [0]],
    ] as const) {
      let match: Match = pattern
      for (let k = 0; k < 9; k++) match = Array<Match>(100).fill(match)
      expect(unused(match)).toEqual(expected)
    }
    let deep: Match = 'w'
    for (let k = 0; k < 100_000; k++) deep = [deep]
    refusal(() => unused(deep), 'groups[0]: match')
  })

  test('is read once, so later changes of the match have no effect', () => {
    const match: Match[] = ['w']
    const group = { match, frozen: true }
    const optimizer = new Optimizer({ w: numbers() }, sgd(), { groups: [group] })
    match[0] = '**'
    group.frozen = false
    optimizer.add({ v: numbers() })
    expect(optimizer.report().tensors.map(({ frozen }) => frozen)).toEqual([true, false])
    let reads = 0
    const fickle = {
      get maxRank() {
        return reads++ === 0 ? 1 : NaN
      },
    }
    optimizer.add({ u: numbers() }, { shapes: { u: [2] }, groups: [{ match: ['none', fickle], lr: 1 }] })
    expect(reads).toBe(1)
  })

  test('can be a long pattern that matches long names', () => {
    const name = 'a'.repeat(200_000)
    const make = (match: Match) =>
      new Optimizer({ [name]: numbers() }, sgd(), { groups: [{ match, frozen: true }] })
    expect(make('**a**a').report().unusedGroups).toEqual([])
    expect(make('**a**b').report().unusedGroups).toEqual([0])
    expect(unused('*'.repeat(10_001))).toEqual([])
  })
})

test('an optimizer supports more tensors than a call can have arguments', () => {
  const many = () => Array.from({ length: 150_000 }, () => Float64Array.of(1))
  const optimizer = new Optimizer(many(), sgd({ lr: 1 }), { clip: { norm: 1 }, engine: 'typescript' })
  // The square of the value overflows.
  optimizer.step(many().map(() => Float64Array.of(1e200)))
  expect(optimizer.lastStep.norm / (1e200 * Math.sqrt(150_000))).toBeCloseTo(1, 6)
  optimizer.add(many())
  optimizer.freeze('**')
  expect(optimizer.step()).toBe(false)
  optimizer.unfreeze('2')
  optimizer.grads[2][0] = 1
  optimizer.step()
  expect(optimizer.params[2][0]).toBeCloseTo(-1 / Math.sqrt(150_000), 3)
})

test('a group refuses an option value that no rule accepts, even if the group matches no tensor yet', () => {
  const make = (group: object) =>
    new Optimizer({ w: numbers() }, sgd(), { groups: [{ match: 'none', ...group }] })
  refusal(() => make({ eps: NaN }), 'groups[0]: eps')
  refusal(() => make({ eps: () => 1 }), 'groups[0]: eps')
  refusal(() => make({ form: 'none' }), 'groups[0]: form')
  refusal(
    () => make({ lr: { schedule: 'warmup', value: NaN, steps: 1, from: null } }),
    'groups[0]: lr: warmup: value',
  )
  // Each value is valid for some rule.
  for (const form of ['torch', 'optax', 'essay']) make({ form })
  make({ lr: () => 1, weightDecay: { schedule: 'warmup', value: 1, steps: 1, from: null } })
})

test('a parameter average refuses the options of other kinds of averages', () => {
  refusal(() => ema(0.5, { decay: 0.1 } as Anything), 'ema: options')
  refusal(() => ema(0.5, { average: 'swa', start: 0, every: 1 } as Anything), 'ema: options')
  const mixed: Anything = { ...ema(0.5), start: 3 }
  refusal(() => new Optimizer(numbers(), sgd(), { average: mixed }), 'average')
})

test('properties of Object.prototype are not read as options', () => {
  const body = `
    const { Optimizer, adam, adamw, ema, swa, noDecay, layerDecay } = antigrad
    const params = { w: Float32Array.of(1, 2), bias: Float32Array.of(3) }
    const optimizer = new Optimizer(params, adamw({ lr: 0.1 }), {
      shapes: { w: [2], bias: [1] },
      groups: [noDecay(), { match: { maxRank: 0 }, eps: 1 }, ...layerDecay(['bias', 'w'], 0.5)],
      lookahead: { alpha: 0.25 },
      average: ema(0.5),
    })
    swa({})
    for (let k = 0; k < 3; k++) optimizer.step(params)
    optimizer.appendRows('w', Float32Array.of(1))
    optimizer.add({ z: Float32Array.of(1) }, { shapes: { z: [1] } })
    const saved = optimizer.save()
    const loaded = Optimizer.load(saved)
    loaded.restore(saved)
    loaded.freeze('z')
    for (let k = 0; k < 3; k++) loaded.step({ bias: params.bias })
    const thrown = [
      () => loaded.freeze({}),
      () => Optimizer.load({ ...saved, updates: undefined }),
      () => new Optimizer(params, adam(), { groups: [{}] }),
    ].map(thrownBy)
    const { params: { w, bias }, average } = loaded
    return [[...w], [...bias], [...average.w], loaded.report(), saved, thrown.map(({ message }) => message)]`
  const names = [
    ...[
      'accumulate',
      'recordNorms',
      'maxConsecutiveSkips',
      'frozen',
      'lrScale',
      'match',
      'maxRank',
      'rule',
      'partial',
      'engine',
    ],
    ...[
      'corrected',
      'start',
      'every',
      'steps',
      'batches',
      'reduce',
      'onWarning',
      'threads',
      'updates',
      'average',
    ],
  ]
  const polluted = `for (const name of ${JSON.stringify(names)}) Object.prototype[name] = name === 'frozen' || 3`
  expect(inChild(body, { before: polluted })).toEqual(inChild(body))
})

describe('an object that the library returns', () => {
  /** Overwrites everything writable, recursively. */
  function spoil(value: Anything): void {
    if (typeof value !== 'object' || value === null) return
    if (ArrayBuffer.isView(value)) return void (value as Float32Array).fill(77)
    for (const key of Object.keys(value)) {
      spoil(value[key])
      Reflect.set(value, key, 77)
      Reflect.deleteProperty(value, key)
    }
    if (Array.isArray(value)) Reflect.apply(() => Object.isFrozen(value) || value.push(77), null, [])
  }

  test.each([
    ['save()', (optimizer: Anything) => optimizer.save()],
    ['report()', (optimizer: Anything) => optimizer.report()],
    ['last.norms', (optimizer: Anything) => optimizer.lastStep.norms],
    ['last.skipped', (optimizer: Anything) => optimizer.lastStep.skipped],
  ])('gives no access to the optimizer: %s', (_, resultOf) => {
    const [optimizer, untouched] = [underWay(), underWay()]
    const before = everything(optimizer)
    spoil(resultOf(optimizer))
    expect(everything(optimizer)).toBe(before)
    expect(later(optimizer)).toBe(later(untouched))
  })

  test('stays unchanged during later steps, changes of options and appended rows', () => {
    const optimizer = underWay()
    const saved = optimizer.save()
    const before = inBits(saved)
    later(optimizer)
    optimizer.appendRows('w', Float32Array.of(1, 2))
    optimizer.freeze('body.b')
    optimizer.set({ lr: 1 })
    expect(inBits(saved)).toBe(before)
  })

  test('is independent of the saved run that load or restore received', () => {
    const saved = underWay().save()
    const loaded = [Optimizer.load(saved) as unknown as ReturnType<typeof underWay>, underWay()]
    loaded[1].restore(saved)
    const before = loaded.map(everything)
    spoil(saved)
    expect(loaded.map(everything)).toEqual(before)
    for (const each of loaded) expect(later(each)).toBe(later(underWay()))
  })

  test('is a new object for each call of noDecay or layerDecay', () => {
    const [first] = layerDecay(['w'], 0.5)
    expect(Object.isFrozen(first) || first !== layerDecay(['w'], 0.5)[0]).toBe(true)
    const group = noDecay()
    const optimizer = new Optimizer({ w: numbers() }, adamw(), { shapes: { w: [2] }, groups: [group] })
    ;(group.match as Match[]).length = 0
    optimizer.add({ v: numbers() }, { shapes: { v: [2] } })
    expect(optimizer.report().tensors.map(({ groups }) => groups)).toEqual([[0], [0]])
    expect(shapes.w).toEqual([3, 2])
    expect(adam().lr).toBe(1e-3)
  })
})

describe.each(engineNames)('the tensor description for a match function on the engine %s', (engine) => {
  test('is frozen, and gives no access to the optimizer', () => {
    const [optimizer, untouched] = [underWay(engine), underWay(engine)]
    const told: Anything[] = []
    for (const each of [optimizer, untouched])
      each.freeze((tensor) => told.push(tensor) > 0 && tensor.name === 'w')
    for (const tensor of told) {
      expect(Object.isFrozen(tensor)).toBe(true)
      if (tensor.shape !== undefined) expect(Object.isFrozen(tensor.shape)).toBe(true)
    }
    expect(later(optimizer)).toBe(later(untouched))
  })

  test('may describe a tensor whose memory the function transfers', () => {
    const optimizer = underWay(engine)
    const before = everything(optimizer)
    const z = Float32Array.of(1, 2)
    const match = () => {
      structuredClone(null, { transfer: [z.buffer] })
      return true
    }
    refusal(() => optimizer.add({ z }, { shapes: { z: [2] }, groups: [{ match, frozen: true }] }), 'params.z')
    expect(everything(optimizer)).toBe(before)
  })
})
