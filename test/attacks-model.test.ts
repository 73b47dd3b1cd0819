/** What an enemy has tried on groups and matches, and on what changes which tensors there are. */

import { adam, BusyError, ema, layerwise, Optimizer, swa } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { type Anything, changesNothing, everything, gradients, later, refusal, underWay } from './attacked.js'
import { engineNames, inBits } from './helpers.js'

const cycle: Anything[] = ['w']
cycle.push(cycle)

const odd: readonly (readonly [name: string, value: Anything])[] = [
  ['null', null],
  ['NaN', NaN],
  ['-1', -1],
  ['0.5', 0.5],
  ['Infinity', Infinity],
  ['a bigint', 1n],
  ['a symbol', Symbol('x')],
  ['a text', 'x'],
  ['a number object', new Number(3)],
  ['an inherited record', Object.create({ batches: 2, steps: 2, maxRank: 1, match: 'w', average: 'swa' })],
  ['a map', new Map([['batches', 2]])],
  ['a typed array', Float32Array.of(1)],
  ['a sparse list', Array(2)],
  ['a huge list', Array(100_000).fill(0)],
  ['a cycle', cycle],
  ['a record with __proto__', JSON.parse('{ "__proto__": { "batches": 2, "steps": 2, "match": "w" } }')],
]

describe.each(odd)('%s', (name, value) => {
  const make = (options: Anything) => new Optimizer({ w: Float32Array.of(1, 2) }, adam(), options)
  const isList = Array.isArray(value)

  test('as an option', () => {
    const isRecord = typeof value === 'object' && value !== null
    refusal(() => make({ groups: value }), isList ? undefined : 'groups')
    refusal(() => make({ groups: [value] }), isRecord && !isList ? undefined : 'groups[0]')
    refusal(() => make({ groups: [{ match: value, rule: null }] }))
    refusal(() => make({ groups: [{ match: 'w', frozen: value }] }), 'groups[0]: frozen')
    if (name !== '0.5')
      refusal(() => make({ groups: [{ match: 'w', lrScale: value }] }), 'groups[0]: lrScale')
    refusal(() => make({ groups: [{ match: 'w', rule: value }] }), 'groups[0]: rule')
    if (name !== '0.5') refusal(() => make({ groups: [{ match: 'none', eps: value }] }), 'groups[0]: eps')
    refusal(() => make({ groups: [{ match: 'none', maximize: value }] }), 'groups[0]: maximize')
    // What is inherited is not looked at, as in parameters.
    if (value !== null && name !== 'an inherited record') refusal(() => make({ shapes: value }), 'shapes')
    if (value !== null) refusal(() => make({ shapes: { w: value } }), 'shapes.w')
    refusal(() => make({ accumulate: value }))
    refusal(() => make({ accumulate: { batches: value } }), 'accumulate: batches')
    refusal(() => make({ accumulate: { batches: 2, reduce: value } }), 'accumulate: reduce')
    if (value !== null) refusal(() => make({ average: value }))
    if (value !== null && !isRecord) refusal(() => make({ lookahead: value }), 'lookahead')
    refusal(() => make({ lookahead: { steps: value } }), 'lookahead: steps')
    if (name !== '0.5') refusal(() => make({ lookahead: { alpha: value } }), 'lookahead: alpha')
    refusal(() => make({ onNonFinite: value }), 'onNonFinite')
    refusal(() => make({ onNonFinite: 'skip', maxSkips: value }), 'maxSkips')
    refusal(() => make({ norms: value }), 'norms')
    if (name !== '0.5') refusal(() => ema(value), 'ema: decay')
    refusal(() => ema(0.5, { corrected: value }), 'ema: corrected')
    refusal(() => swa({ start: value }), 'swa: start')
    refusal(() => swa({ every: value }), 'swa: every')
    if (!isRecord) refusal(() => ema(0.5, value), 'ema: options')
    if (!isRecord) refusal(() => swa(value), 'swa: options')
    if (name !== '0.5') refusal(() => layerwise(['w'], value), 'layerwise: decay')
    refusal(() => layerwise(value, 0.5 + 1), isList ? 'layerwise: decay' : 'layerwise: layers')
  })

  test('in a method of an optimizer under way', () => {
    const isMatch = name === 'a cycle' || typeof value === 'string'
    for (const method of ['freeze', 'thaw', 'set'] as const) {
      const call = (optimizer: Anything) => optimizer[method](value, { lr: 1 })
      changesNothing(call, isMatch || name === 'a text' ? `${method}: match` : undefined)
    }
    changesNothing((optimizer: Anything) => optimizer.set({ beta1: name === '0.5' ? 1 : value }))
    changesNothing((optimizer: Anything) => optimizer.set('w', name === '0.5' ? { beta1: 1 } : { lr: value }))
    changesNothing((optimizer: Anything) => optimizer.add(value))
    changesNothing((optimizer: Anything) => optimizer.add({ w: Float32Array.of(1) }, value))
    changesNothing((optimizer: Anything) =>
      optimizer.add({ z: Float32Array.of(1) }, { shapes: { z: value ?? 1 } }),
    )
    changesNothing((optimizer: Anything) => optimizer.add({ z: Float32Array.of(1) }, { groups: value }))
    changesNothing((optimizer: Anything) => optimizer.grow(value, Float32Array.of(1, 2)), 'grow: name')
    changesNothing((optimizer: Anything) => optimizer.grow('w', value), 'grow: rows')
    changesNothing((optimizer: Anything) => optimizer.restore(value))
    changesNothing(
      (optimizer: Anything) => optimizer.restore(optimizer.save(), { partial: value }),
      'restore: partial',
    )
    changesNothing(
      (optimizer: Anything) => optimizer.restore(optimizer.save(), { onWarning: value }),
      'restore: onWarning',
    )
    refusal(() => Optimizer.load(value))
    const saved = underWay().save()
    refusal(() => Optimizer.load(saved, { onWarning: value }), 'onWarning')
    if (typeof value !== 'object' || value === null) {
      changesNothing((optimizer: Anything) => optimizer.restore(optimizer.save(), value), 'restore: options')
      refusal(() => Optimizer.load(saved, value), 'options')
    }
  })
})

describe.each(engineNames)("%s: the user's code in the middle", (engine) => {
  /** Everything that changes something, or looks at what is being changed. */
  const calls: readonly (readonly [name: string, call: (optimizer: Anything) => unknown])[] = [
    ['step', (optimizer) => optimizer.step(gradients())],
    ['set', (optimizer) => optimizer.set({ lr: 1 })],
    ['set of some', (optimizer) => optimizer.set('w', { lr: 1 })],
    ['freeze', (optimizer) => optimizer.freeze('w')],
    ['thaw', (optimizer) => optimizer.thaw('cold')],
    ['add', (optimizer) => optimizer.add({ y: Float32Array.of(1) }, { shapes: { y: [1] } })],
    ['grow', (optimizer) => optimizer.grow('w', Float32Array.of(1, 2))],
    ['save', (optimizer) => optimizer.save()],
    ['restore', (optimizer) => optimizer.restore(underWay().save())],
    ['point', (optimizer) => optimizer.point()],
    ['state', (optimizer) => optimizer.state],
    ['zeroGrad', (optimizer) => optimizer.zeroGrad()],
  ]
  const saved = underWay().save()
  const yes = (run: () => unknown) => {
    run()
    return true
  }
  /** An object, one of whose properties runs something when it is read. */
  const trap = (object: object, name: string, run: () => void, value: unknown) =>
    Object.defineProperty({ ...object }, name, {
      enumerable: true,
      get() {
        run()
        return value
      },
    }) as Anything
  const ways: readonly (readonly [name: string, way: (optimizer: Anything, run: () => void) => unknown])[] = [
    ['a match of freeze', (optimizer, run) => optimizer.freeze(() => yes(run))],
    ['a match of thaw', (optimizer, run) => optimizer.thaw(['w', () => yes(run)])],
    ['a match of set', (optimizer, run) => optimizer.set(() => yes(run), { lr: 2 })],
    ['an option of set', (optimizer, run) => optimizer.set('w', trap({}, 'lr', run, 2))],
    [
      'a match of add',
      (optimizer, run) =>
        optimizer.add(
          { z: Float32Array.of(1) },
          { shapes: { z: [1] }, groups: [{ match: () => yes(run), frozen: true }] },
        ),
    ],
    [
      'what is added',
      (optimizer, run) => optimizer.add(trap({}, 'z', run, Float32Array.of(1)), { shapes: { z: [1] } }),
    ],
    [
      'its shapes',
      (optimizer, run) => optimizer.add({ z: Float32Array.of(1) }, { shapes: trap({}, 'z', run, [1]) }),
    ],
    ['what is restored', (optimizer, run) => optimizer.restore(trap(saved, 'updates', run, 2))],
    ['options of restore', (optimizer, run) => optimizer.restore(saved, trap({}, 'partial', run, false))],
    ['a warning', (optimizer, run) => optimizer.restore({ ...saved, equations: {} }, { onWarning: run })],
    [
      'a gradient',
      (optimizer, run) => optimizer.step(trap(gradients(), 'w', run, Float32Array.of(1, 1, 1, 1, 1, 1))),
    ],
  ]

  test.each(ways)('%s', (_, way) => {
    for (const [name, call] of calls) {
      const [optimizer, untouched] = [underWay(engine), underWay(engine)]
      const before = everything(optimizer)
      let ran = 0
      // What is thrown out of it ends the call, and nothing has happened.
      expect(
        () =>
          way(optimizer, () => {
            ran++
            call(optimizer)
          }),
        name,
      ).toThrow(BusyError)
      expect(() =>
        way(optimizer, () => {
          throw new EvalError('mine')
        }),
      ).toThrow(EvalError)
      expect(ran).toBe(1)
      expect(everything(optimizer)).toBe(before)
      expect(later(optimizer)).toBe(later(untouched))
      // Where it is caught, the call goes on as if nobody had tried.
      const [tried, quiet] = [underWay(engine), underWay(engine)]
      way(tried, () => expect(() => call(tried)).toThrow(BusyError))
      way(quiet, () => {})
      expect(everything(tried)).toBe(everything(quiet))
    }
  })

  test('a schedule', () => {
    let run = () => {}
    const options: Anything = { accumulate: 1, onNonFinite: 'propagate', maxSkips: undefined }
    const make = () => underWay(engine, options)
    const [optimizer, untouched] = [make(), make()]
    for (const each of [optimizer, untouched]) each.set('w', { lr: () => (yes(run) ? 0.1 : 0) })
    const states = () => inBits([optimizer.params, optimizer.average, optimizer.report(), optimizer.updates])
    const before = states()
    for (const [name, call] of calls) {
      run = () => call(optimizer)
      expect(() => optimizer.step(gradients()), name).toThrow(BusyError)
      // A report may ask the schedule too.
      run = () => {}
      expect(states()).toBe(before)
    }
    for (const each of [optimizer, untouched]) each.step(gradients())
    expect(inBits([optimizer.params, optimizer.average])).toBe(inBits([untouched.params, untouched.average]))
  })

  test('what a match is told is frozen, and changes nothing', () => {
    const [optimizer, untouched] = [underWay(engine), underWay(engine)]
    const told: Anything[] = []
    for (const each of [optimizer, untouched])
      each.freeze((tensor) => yes(() => told.push(tensor)) && tensor.name === 'w')
    for (const tensor of told) {
      expect(Object.isFrozen(tensor)).toBe(true)
      if (tensor.shape !== undefined) expect(Object.isFrozen(tensor.shape)).toBe(true)
    }
    expect(later(optimizer)).toBe(later(untouched))
  })

  test('tensors that go away while they are matched', () => {
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
