/** What an enemy has tried with the arrays of saved runs, and with warnings. */

import { BusyError, CheckpointError, Optimizer } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { type Anything, changed, everything, later, load, refusal, refused, underWay } from './attacked.js'
import { engineNames } from './helpers.js'

describe('arrays', () => {
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
  ])('%s are copied', (_, made) => {
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
  describe.each(spoilers)('%s', (_, spoil) => {
    const prepared = () =>
      changed(({ tensors }) => {
        const resizable = new Float32Array(new Resizable(24, { maxByteLength: 24 }))
        resizable.set(tensors.w.slow)
        tensors.w.slow = resizable
      })

    test('before, by a getter behind it, or by a warning', () => {
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

  test.each(engineNames)("%s: the optimizer's own views, of one another", (engine) => {
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
        // It thaws, and so moves.
        tensors.cold = { ...tensors.cold, frozen: false, clock: tensors.w.clock }
        tensors.cold.state = { m: copy(params.cold), v: copy(params.body.b) }
      })
    copied.restore(swapped((view) => view.slice()))
    optimizer.restore(swapped((view) => view))
    expect(everything(optimizer)).toBe(everything(copied))
    expect(later(optimizer)).toBe(later(copied))
  })
})

describe('warnings', () => {
  const old = () => ({ ...underWay().save(), equations: {} })

  test('what they throw ends the call before anything has happened', () => {
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
