/** User code that calls the library during a call, and calls during `stepAsync`. */

import { BusyError, NonFiniteError, Optimizer, sgd } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { engineNames, inBits } from '../helpers.js'
import { build, match, type Place, placesOf } from './argument-places.js'
import { calls, run } from './calls.js'
import { type Anything, everything, gradients, later, underWay } from './subject.js'

const saved = () => underWay().save()
const methods = calls.flatMap(({ of, args }) =>
  of.filter((name) => name.startsWith('Optimizer#')).map((name) => [name, args] as const),
)

/** All calls that change an optimizer, or read contents that are being changed. */
const inner: readonly (readonly [name: string, call: (optimizer: Anything) => unknown])[] = [
  ...methods
    .filter(([name]) => !/#(report|toJSON|stepAsync|restore)$/.test(name))
    .map(([name, args], k) => {
      return [
        `${name} ${k}`,
        (optimizer: Anything) => run(name, optimizer, Object.values(build({ ...args }))),
      ] as const
    }),
  ['step()', (optimizer) => optimizer.step()],
  ['restore', (optimizer) => optimizer.restore(saved())],
  ['state', (optimizer) => optimizer.state],
]

/** Hooks for user code: a getter with the correct value, or a match function. */
const ways: readonly (readonly [name: string, way: (optimizer: Anything, run: () => void) => unknown])[] = [
  ...methods
    .filter(([name]) => /#(step|set|freeze|unfreeze|add)$/.test(name))
    .flatMap(([name, args]) =>
      placesOf(args)
        .filter(({ path, kind }) => path.length === 2 || kind === match)
        .map((place) => {
          const way = (optimizer: Anything, code: () => void) =>
            run(name, optimizer, Object.values(build({ ...args }, [place.path, trap(place, code)])))
          return [`${name}: ${place.path.join('.')}`, way] as const
        }),
    ),
  ['a getter of the saved run', (optimizer, run) => optimizer.restore(record(saved(), 'updates', run))],
  [
    'options of restore',
    (optimizer, run) => optimizer.restore(saved(), record({ partial: false }, 'partial', run)),
  ],
  [
    'a warning callback',
    (optimizer, run) => optimizer.restore({ ...saved(), equations: {} }, { onWarning: run }),
  ],
]

function trap({ kind, good }: Place, code: () => void): PropertyDescriptor {
  return kind === match ? { value: after(code, true) } : { get: after(code, good) }
}

const record = (object: Anything, name: string, code: () => void): Anything =>
  Object.defineProperty({ ...object }, name, { get: after(code, object[name]), enumerable: true })

const after =
  <T>(code: () => void, value: T) =>
  () => {
    code()
    return value
  }

describe.each(engineNames)('on the engine %s,', (engine) => {
  test.each(ways)('an optimizer call from within %s is refused', (_, way) => {
    for (const [name, call] of inner) {
      const [optimizer, untouched] = [underWay(engine), underWay(engine)]
      const before = everything(optimizer)
      let ran = 0
      // If the exception escapes, the exception ends the call, and nothing has changed.
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
      // If the exception is caught, the call continues undisturbed.
      const [tried, quiet] = [underWay(engine), underWay(engine)]
      way(tried, () => expect(() => call(tried), name).toThrow(BusyError))
      way(quiet, () => {})
      expect(everything(tried)).toBe(everything(quiet))
    }
  })

  test('an optimizer call from within a schedule function is refused', () => {
    let code = () => {}
    const options: Anything = { accumulate: 1, onNonFinite: 'propagate', maxConsecutiveSkips: undefined }
    const [optimizer, untouched] = [underWay(engine, options), underWay(engine, options)]
    for (const each of [optimizer, untouched]) each.set('w', { lr: after(() => code(), 0.1) })
    const states = () => inBits([optimizer.params, optimizer.average, optimizer.report(), optimizer.updates])
    const before = states()
    for (const [name, call] of inner) {
      code = () => call(optimizer)
      expect(() => optimizer.step(gradients()), name).toThrow(BusyError)
      // A report may also call the schedule.
      code = () => {}
      expect(states()).toBe(before)
    }
    for (const each of [optimizer, untouched]) each.step(gradients())
    expect(inBits([optimizer.params, optimizer.average])).toBe(inBits([untouched.params, untouched.average]))
  })

  test('a call of stepAsync from within a step is refused, and the step completes', async () => {
    const [optimizer, untouched] = [underWay(engine), underWay(engine)]
    for (let k = 0; k < 4; k++) {
      const step = optimizer.stepAsync(gradients())
      for (const [name, call] of inner) expect(() => call(optimizer), name).toThrow(BusyError)
      await expect(optimizer.stepAsync(gradients())).rejects.toThrow(BusyError)
      // These properties remain readable.
      optimizer.report()
      optimizer.average
      expect(optimizer.lastStep.consecutiveSkips).toBe(0)
      expect(await step).toBe(untouched.step(gradients()))
    }
    optimizer.zeroGrad()
    untouched.zeroGrad()
    expect(everything(optimizer)).toBe(everything(untouched))
    expect(later(optimizer)).toBe(later(untouched))
  })

  test('a refused call of stepAsync leaves a partly accumulated gradient unchanged', async () => {
    const options: Anything = { onNonFinite: 'throw', maxConsecutiveSkips: undefined }
    const [optimizer, untouched] = [underWay(engine, options), underWay(engine, options)]
    const state = () => inBits([optimizer.save(), optimizer.report()])
    for (let k = 0; k < 3; k++) {
      const before = state()
      const nothing = { ...gradients(), w: new Float32Array(6).fill(NaN) }
      await expect(optimizer.stepAsync(nothing)).rejects.toThrow(NonFiniteError)
      await expect(optimizer.stepAsync({ w: new Float32Array(5) })).rejects.toThrow('gradients.w')
      expect(state()).toBe(before)
      expect(await optimizer.stepAsync(gradients())).toBe(untouched.step(gradients()))
    }
    for (const each of [optimizer, untouched]) each.zeroGrad()
    expect(everything(optimizer)).toBe(everything(untouched))
  })
})

test.each([...inner, ['stepAsync()', (optimizer: Anything) => optimizer.stepAsync()] as const])(
  'a getter cannot call %s during a step on the fast path',
  async (_, call) => {
    const optimizer = new Optimizer({ w: Float64Array.of(1) }, sgd({ lr: 0.25 }))
    for (let k = 0; k < 3; k++) optimizer.step({ w: Float64Array.of(1) })
    let inner: unknown
    optimizer.step({
      get w() {
        try {
          inner = call(optimizer)
        } catch (thrown) {
          inner = thrown
        }
        return Float64Array.of(1)
      },
    })
    expect(await Promise.resolve(inner).catch((thrown) => thrown)).toBeInstanceOf(BusyError)
    expect([optimizer.updates, optimizer.params.w[0]]).toEqual([4, 0])
    optimizer.step()
    optimizer.step({ w: Float64Array.of(-1) })
    expect([optimizer.updates, optimizer.rule.lr]).toEqual([6, 0.25])
  },
)

test('an optimizer does not remain busy after a stepAsync call that updates no tensor', async () => {
  const optimizer = new Optimizer({ w: Float32Array.of(1) }, sgd())
  optimizer.freeze('**')
  expect(await optimizer.stepAsync({ w: Float32Array.of(1) })).toBe(false)
  optimizer.unfreeze('**')
  expect(optimizer.step({ w: Float32Array.of(1) })).toBe(true)
})
