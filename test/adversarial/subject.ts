/** An optimizer with all possible options, and checks that a call leaves the optimizer unchanged. */

import {
  AntigradError,
  ArgumentError,
  adam,
  adamw,
  constant,
  cosine,
  delayedStart,
  ema,
  joined,
  multiStep,
  muon,
  noise,
  Optimizer,
  type OptimizerOptions,
  piecewiseInterpolate,
  prodigy,
} from 'antigrad'
import { expect } from 'vitest'
import { type engineNames, inBits } from '../helpers.js'

/** Arguments of any type. */
// biome-ignore lint/suspicious/noExplicitAny: what the types forbid is what is tested
export type Anything = any

export const gradients = () => ({
  w: Float32Array.of(1, -2, 3, -4, 5, -6),
  body: { b: Float32Array.of(0.5, 0.25), list: [Float32Array.of(2)] },
  cold: Float32Array.of(1, 1),
})

export const shapes = { w: [3, 2], body: { b: [2], list: [[1]] }, cold: [2] }

/**
 * An optimizer in the middle of a run. One batch of the third update is accumulated, and the clocks of tensors differ.
 */
export function underWay(engine?: (typeof engineNames)[number], options: OptimizerOptions = {}) {
  const params = {
    w: Float32Array.of(1, -0, 3, 4, 5, 6),
    body: { b: Float32Array.of(7, 8), list: [Float32Array.of(9)] },
    cold: Float32Array.of(10, 11),
  }
  const optimizer = new Optimizer(params, adam({ lr: 0.1 }), {
    shapes,
    groups: [
      { match: 'cold', frozen: true },
      { match: ['**.b', { maxRank: 0 }], lrScale: 0.5 },
    ],
    clip: { norm: 4 },
    accumulate: 2,
    average: ema(0.5),
    lookahead: { steps: 2, alpha: 0.5 },
    onNonFinite: 'skip',
    maxConsecutiveSkips: 3,
    recordNorms: true,
    ...(engine && { engine }),
    ...(options as object),
  })
  const { w } = gradients()
  for (let k = 0; k < 3; k++) optimizer.step(gradients())
  for (let k = 0; k < 2; k++) optimizer.step({ w })
  return optimizer
}

export type UnderWay = ReturnType<typeof underWay>

type Seen = 'lastStep' | 'params' | 'average' | 'grads' | 'save' | 'report'

/** All contents of an optimizer as bits. */
export function everything(optimizer: Pick<Optimizer, Seen>): string {
  const { norm, norms, reason, skipped, consecutiveSkips, lr } = optimizer.lastStep
  const { params, average, grads } = optimizer
  const last = { norm, norms, reason, skipped, skips: consecutiveSkips, lr }
  return inBits({ saved: optimizer.save(), report: optimizer.report(), last, params, average, grads })
}

/** The result of further steps with an optimizer. */
export function later(optimizer: UnderWay): string {
  for (let k = 0; k < 4; k++) optimizer.step(gradients())
  return everything(optimizer)
}

/** Returns the exception after checking that it is a complete error of the library. */
export function refusal(call: () => unknown, argument?: string): AntigradError {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(AntigradError)
    const { message } = error as AntigradError
    expect(message.length).toBeLessThan(5000)
    if (error instanceof ArgumentError) {
      // A suggestion may follow.
      expect(message.startsWith(`${error.argument}: expected ${error.expected}, got ${error.received}`)).toBe(
        true,
      )
      if (argument !== undefined) expect(error.argument).toBe(argument)
    } else if (argument !== undefined) expect(message).toContain(argument)
    return error as AntigradError
  }
  throw new Error('nothing was thrown')
}

/** Expects that the call throws an error of the library and changes nothing, including later steps. */
export function changesNothing(call: (optimizer: UnderWay) => unknown, argument?: string): AntigradError {
  const [optimizer, untouched] = [underWay(), underWay()]
  const before = everything(optimizer)
  const error = refusal(() => call(optimizer), argument)
  expect(everything(optimizer)).toBe(before)
  expect(later(optimizer)).toBe(later(untouched))
  return error
}

export const load = (saved: Anything): UnderWay => Optimizer.load(saved) as unknown as UnderWay

/** A modified copy of the saved run. */
export function changed(change: (saved: Anything) => unknown): Anything {
  const saved = underWay().save()
  change(saved)
  return saved
}

/**
 * Expects that `load` and `restore` refuse the saved run with an error that names the place, and then accept the
 * original.
 */
export function refused(saved: Anything, argument?: string): void {
  const error = refusal(() => load(saved), argument)
  expect(changesNothing((optimizer) => optimizer.restore(saved), argument).message).toBe(error.message)
  changesNothing((optimizer) => optimizer.restore(saved, { partial: true }), argument)
  const optimizer = underWay()
  const saved2 = optimizer.save()
  refusal(() => optimizer.restore(saved))
  optimizer.restore(saved2)
  expect(later(optimizer)).toBe(later(load(saved2)))
}

/** All paths in a saved run. */
export function places(value: Anything, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [path]
  return [path, ...Object.keys(value).flatMap((key) => places(value[key], [...path, key]))]
}

/** The object that contains the last name of the path, and the last name. */
export const at = (saved: Anything, path: readonly string[]): [Anything, string] => [
  path.slice(0, -1).reduce((inner, name) => inner[name], saved),
  path.at(-1) as string,
]

/** An optimizer whose saved run has all possible contents: schedules with lists, nested rules, matches, sums … */
export function rich() {
  const params = {
    w: Float32Array.of(1, 2, 3, 4, 5, 6),
    body: { list: [Float32Array.of(9), Float32Array.of(8, 7)] },
    cold: Float32Array.of(10, 11),
    far: Float32Array.of(1),
  }
  const lr = joined([constant(0.1), piecewiseInterpolate(0.1, { boundaries: [4], scales: [0.5] })], {
    boundaries: [3],
  })
  const optimizer = new Optimizer(params, adam({ lr }), {
    shapes: { w: [3, 2], cold: [2] },
    groups: [
      { match: 'cold', frozen: true },
      { match: 'w', rule: muon({ coefficients: [[3, -5, 2]], lr: multiStep(0.1, { milestones: [2] }) }) },
      { match: ['**.0', ['none']], lrScale: 0.5, beta1: 0.8, clip: { adaptive: 0.1 } },
      { match: 'body.list.1', rule: delayedStart(1, adamw({ lr: cosine(0.1, { steps: 5 }) })) },
      { match: 'far', rule: prodigy() },
    ],
    clip: { norm: 4, adaptive: { factor: 0.1 }, noise: noise() },
    accumulate: 2,
    average: ema(0.5),
    lookahead: { steps: 2 },
    onNonFinite: 'skip',
  })
  for (let k = 0; k < 3; k++) optimizer.step(params)
  return optimizer
}
