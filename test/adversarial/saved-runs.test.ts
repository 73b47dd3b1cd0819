/** Attacks with saved runs. */

import { AntigradError, adam, BusyError, CheckpointError, Optimizer } from 'antigrad'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { engineNames, inBits } from '../helpers.js'
import {
  type Anything,
  at,
  changed,
  changesNothing,
  everything,
  later,
  load,
  places,
  refusal,
  refused,
  type UnderWay,
  underWay,
} from './subject.js'

const whole = underWay().save() as Anything
const fields = [
  ...Object.keys(whole).map((name) => [name, [name]] as const),
  ...Object.keys(whole.tensors.w).map((name) => [`tensors.w.${name}`, ['tensors', 'w', name]] as const),
  ...['t', 'product1'].map((name) => [`clock.${name}`, ['tensors', 'w', 'clock', name]] as const),
  ...['m', 'v'].map((name) => [`state.${name}`, ['tensors', 'w', 'state', name]] as const),
  ...['values', 'count', 'product'].map(
    (name) => [`average.${name}`, ['tensors', 'w', 'average', name]] as const,
  ),
  ...['values', 'present'].map(
    (name) => [`accumulated.${name}`, ['tensors', 'w', 'accumulated', name]] as const,
  ),
]

test.each(fields)('a saved run without %s is refused', (_, path) => {
  refused(
    changed((saved) => {
      const [record, key] = at(saved, path)
      delete record[key]
    }),
  )
})

describe('the structure of a saved run', () => {
  test.each([
    ['a cycle', (saved: Anything) => (saved.structure.body.list[0] = saved.structure)],
    ['a name twice', (saved: Anything) => (saved.structure.more = 'w')],
    ['a name that is not its place', (saved: Anything) => (saved.structure.w = 'cold')],
    ['a tensor that it does not have', (saved: Anything) => delete saved.structure.w],
    ['a tensor that is not there', (saved: Anything) => delete saved.tensors.w],
    ['a tensor too many', (saved: Anything) => (saved.tensors['body.list.1'] = saved.tensors.w)],
    ['no tensor', (saved: Anything) => Object.assign(saved, { structure: {}, tensors: {} })],
    [
      'an array for two tensors',
      (saved: Anything) => (saved.tensors.cold.params = saved.tensors['body.b'].params),
    ],
    ['__proto__ in place of one', (saved: Anything) => (saved.tensors = JSON.parse('{ "__proto__": {} }'))],
  ])('is refused: %s', (name, change) => {
    // `restore` copies the input, so two tensors may share one array.
    if (name === 'an array for two tensors') refusal(() => load(changed(change)))
    else if (name === 'no tensor') {
      refusal(() => load(changed(change)))
      changesNothing((optimizer) => optimizer.restore(changed(change)))
    } else refused(changed(change))
  })

  test('is refused if 100,000 levels deep or with many references to one object', () => {
    let deep: Anything = 'w'
    for (let k = 0; k < 100_000; k++) deep = [deep]
    let wide: Anything = []
    for (let k = 0; k < 60; k++) wide = [wide, wide]
    let rule: Anything = adam()
    for (let k = 0; k < 100_000; k++) rule = { name: 'delayedStart', updates: 1, rule }
    let lr: Anything = 1
    for (let k = 0; k < 100_000; k++) lr = { schedule: 'warmup', value: lr, steps: 1, from: null }
    for (const change of [
      (saved: Anything) => (saved.structure = deep),
      (saved: Anything) => (saved.structure.more = wide),
      (saved: Anything) => (saved.rule = rule),
      (saved: Anything) => (saved.tensors.w.rule = { ...adam(), lr }),
      (saved: Anything) => (saved.groups = [{ match: deep }]),
      (saved: Anything) => (saved.groups = [{ match: wide, lrScale: NaN }]),
      (saved: Anything) => (saved.options = { average: deep }),
    ])
      refused(changed(change))
  })

  test('can be nested as deeply as the parameters, but no deeper', () => {
    const nested = (levels: number, inner: Anything) => {
      let all = { w: inner }
      for (let k = 1; k < levels; k++) all = { a: all } as Anything
      return all
    }
    const saved: Anything = new Optimizer(nested(100, new Float32Array(1)), adam()).save()
    expect(inBits(load(saved).save())).toBe(inBits(saved))
    const [[name, tensor]] = Object.entries(saved.tensors)
    const deeper = { structure: nested(101, `a.${name}`), tensors: { [`a.${name}`]: tensor } }
    expect(refusal(() => load({ ...saved, ...deeper }))).toBeInstanceOf(CheckpointError)
  })

  test('can contain tensors named __proto__ and constructor', () => {
    const params = JSON.parse('{ "__proto__": [0], "constructor": [0] }', (_, inner) =>
      Array.isArray(inner) ? Float32Array.of(1) : inner,
    )
    const optimizer = new Optimizer(params as { constructor: Float32Array }, adam())
    optimizer.step(params)
    const loaded = Optimizer.load(optimizer.save())
    expect(Object.keys(loaded.params as object)).toEqual(['__proto__', 'constructor'])
    expect(inBits(loaded.save())).toBe(inBits(optimizer.save()))
    const [many, others] = [1, 2].map((length) => {
      return new Optimizer(
        Array.from({ length: 5000 }, () => new Float32Array(length)),
        adam(),
      )
    })
    const error = refusal(() => many.restore(others.save())) as CheckpointError
    expect(error.differences.length).toBe(5000)
  })
})

test.each([
  [
    'a rule of another name',
    (saved: Anything) => (saved.tensors.w.rule = { ...saved.tensors.w.rule, name: 'none' }),
  ],
  ['an unknown option', (saved: Anything) => (saved.tensors.w.rule = { ...saved.tensors.w.rule, none: 1 })],
  ['an option out of range', (saved: Anything) => (saved.rule = { ...saved.rule, beta1: 1 })],
  ['state of another rule', (saved: Anything) => (saved.tensors.w.rule = { ...saved.rule, amsgrad: true })],
  ['state of a frozen tensor', (saved: Anything) => (saved.tensors.cold.state = { m: new Float32Array(2) })],
  ['an average nobody wants', (saved: Anything) => delete saved.options.average],
  ['accumulation nobody wants', (saved: Anything) => delete saved.options.accumulate],
  ['slow weights nobody wants', (saved: Anything) => delete saved.options.lookahead],
  ['more batches than there are', (saved: Anything) => (saved.batches = 2)],
  ['an option of nobody', (saved: Anything) => (saved.options.clip = { none: 1 })],
  ['a shape below nothing', (saved: Anything) => (saved.tensors.w.shape = [-3, -2])],
  ['another format', (saved: Anything) => (saved.format = 'safetensors')],
  ['another version', (saved: Anything) => (saved.version = 4)],
  ['another dtype', (saved: Anything) => (saved.dtype = 'float64')],
  ['groups that say nothing', (saved: Anything) => (saved.groups = [{}])],
  [
    'numbers of groups from a list of its own',
    (saved: Anything) => {
      saved.tensors.w.groups = Object.assign([null], { map: () => [0] })
    },
  ],
])('a saved run is refused: %s', (_, change) => {
  refused(changed(change))
})

const odd = fc.oneof(
  fc.constantFrom<Anything>(
    null,
    undefined,
    NaN,
    -0,
    -1,
    0.5,
    2 ** 53,
    Infinity,
    1n,
    '',
    '__proto__',
    true,
    false,
  ),
  fc.constantFrom<Anything>(
    [],
    {},
    [null],
    Array(3),
    new Float32Array(3),
    new Float64Array(6),
    new Map(),
    () => 1,
  ),
  fc.anything(),
)

test('a saved run with an arbitrary value in any field is refused, or the loaded optimizer continues', () => {
  const all = places(whole).filter(({ length }) => length > 0)
  fc.assert(
    fc.property(fc.constantFrom(...all), odd, fc.boolean(), (path, value, isGone) => {
      const saved: Anything = structuredClone(whole)
      const [record, key] = at(saved, path)
      if (isGone) delete record[key]
      else record[key] = value
      const optimizer = underWay()
      const before = everything(optimizer)
      const restore = () => {
        optimizer.restore(saved, { onWarning: () => {} })
        return optimizer
      }
      for (const go of [() => load(saved), restore]) {
        let went: UnderWay
        try {
          went = go()
        } catch (error) {
          expect(error).toBeInstanceOf(AntigradError)
          expect(everything(optimizer)).toBe(before)
          continue
        }
        // An option may have become a function that returns arbitrary values.
        try {
          for (let k = 0; k < 2; k++) went.step()
          load(went.save())
        } catch (error) {
          expect(error).toBeInstanceOf(AntigradError)
        }
      }
    }),
    { numRuns: 500 },
  )
})

describe('the arrays of a saved run', () => {
  class Lying extends Float32Array {
    override get length() {
      return 1
    }
    override slice(): Anything {
      throw new EvalError('mine')
    }
    override set() {
      throw new EvalError('mine')
    }
  }
  const Resizable = ArrayBuffer as Anything

  test.each([
    ['of a subclass', (array: Float32Array) => new Lying(array)],
    [
      'shared',
      (array: Float32Array) => {
        const shared = new Float32Array(new SharedArrayBuffer(array.byteLength))
        shared.set(array)
        return shared
      },
    ],
    [
      'of a buffer that may shrink',
      (array: Float32Array) => {
        const resizable = new Float32Array(new Resizable(array.byteLength, { maxByteLength: 4096 }))
        resizable.set(array)
        return resizable
      },
    ],
  ])('are copied: %s', (_, made) => {
    const saved = changed(({ tensors }) => {
      for (const tensor of Object.values<Anything>(tensors)) {
        tensor.params = made(tensor.params)
        for (const name of Object.keys(tensor.state)) tensor.state[name] = made(tensor.state[name])
        tensor.average.values = made(tensor.average.values)
        tensor.accumulated.values = made(tensor.accumulated.values)
        tensor.slow = made(tensor.slow)
      }
    })
    const restored = underWay()
    restored.restore(saved)
    expect(later(load(saved))).toBe(later(underWay()))
    expect(later(restored)).toBe(later(underWay()))
  })

  const spoilers = [
    [
      'transferred',
      (array: Float32Array) => structuredClone(null, { transfer: [array.buffer as ArrayBuffer] }),
    ],
    ['shrunk', (array: Float32Array) => (array.buffer as Anything).resize(4)],
  ] as const
  describe.each(spoilers)('(%s)', (_, spoil) => {
    const prepared = () =>
      changed(({ tensors }) => {
        const resizable = new Float32Array(new Resizable(24, { maxByteLength: 24 }))
        resizable.set(tensors.w.slow)
        tensors.w.slow = resizable
      })

    test('are refused if a later getter or warning callback changes an array', () => {
      const before = prepared()
      spoil(before.tensors.w.slow)
      refused(before, 'slow')
      const optimizer = underWay()
      const untouched = everything(optimizer)
      for (const go of [load, (saved: Anything) => optimizer.restore(saved)]) {
        const saved = prepared()
        const { slow } = saved.tensors.w
        const { updates } = saved
        const getter = Object.defineProperty({ ...saved }, 'updates', {
          enumerable: true,
          get() {
            spoil(slow)
            return updates
          },
        })
        expect(refusal(() => go(getter))).toBeInstanceOf(CheckpointError)
      }
      const saved = { ...prepared(), equations: {} }
      const onWarning = () => spoil(saved.tensors.w.slow)
      expect(refusal(() => optimizer.restore(saved, { onWarning }))).toBeInstanceOf(CheckpointError)
      expect(everything(optimizer)).toBe(untouched)
    })
  })

  test.each(engineNames)(
    'may be state views of the same optimizer, assigned to other fields: %s',
    (engine) => {
      const optimizer = underWay(engine)
      const copied = underWay(engine)
      const swapped = (copy: (view: Anything) => Anything) =>
        changed(({ tensors }) => {
          const { params, average, state } = optimizer as Anything
          tensors.w.params = copy(average.w)
          tensors.w.average.values = copy(params.w)
          tensors.w.state.m = copy(state.w.v)
          tensors.w.state.v = copy(state.w.m)
          tensors.cold.params = copy(params.body.b)
          tensors['body.b'].params = copy(params.cold)
          // The tensor is unfrozen, and therefore moves.
          tensors.cold = { ...tensors.cold, frozen: false, clock: tensors.w.clock }
          tensors.cold.state = { m: copy(params.cold), v: copy(params.body.b) }
        })
      copied.restore(swapped((view) => view.slice()))
      optimizer.restore(swapped((view) => view))
      expect(everything(optimizer)).toBe(everything(copied))
      expect(later(optimizer)).toBe(later(copied))
    },
  )
})

describe('a warning callback', () => {
  const old = () => ({ ...underWay().save(), equations: {} })

  test('can throw an exception, which ends load and restore before any change', () => {
    const onWarning = () => {
      throw new EvalError('mine')
    }
    const optimizer = underWay()
    const before = everything(optimizer)
    expect(() => optimizer.restore(old(), { onWarning })).toThrow(EvalError)
    expect(() => Optimizer.load(old(), { onWarning })).toThrow(EvalError)
    expect(everything(optimizer)).toBe(before)
    const stepping = () => optimizer.step()
    expect(() => optimizer.restore(old(), { onWarning: stepping })).toThrow(BusyError)
    expect(everything(optimizer)).toBe(before)
  })
})

test('error messages truncate a tensor name of a million letters', () => {
  const name = 'n'.repeat(1e6)
  const saved: Anything = new Optimizer({ [name]: Float32Array.of(1) }, adam()).save()
  for (const change of ['rule', 'own', 'lrScale', 'clip', 'groups', 'params', 'state', 'shape', 'clock']) {
    const other: Anything = structuredClone(saved)
    other.tensors[name][change] = 1n << 10_000_000n
    const from = process.cpuUsage()
    const { message } = refusal(() => Optimizer.load(other))
    expect(message.length).toBeLessThan(2000)
    const { user, system } = process.cpuUsage(from)
    expect((user + system) / 1e6, change).toBeLessThan(0.1)
  }
  expect(Optimizer.load(saved).save()).toEqual(saved)
})
