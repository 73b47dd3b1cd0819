/** Small files that are large in memory: lists of 2³² − 1 holes, and whatever else has numbers for names. */

import { deserialize, serialize } from 'node:v8'
import {
  AntigradError,
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
  piecewiseInterpolate,
  prodigy,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { type Anything, at, places } from './attacked.js'

/** All that a save can have: schedules with lists, a rule in a rule, coefficients, matches, averages, sums. */
function rich() {
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

const target = rich()
const whole = target.save() as Anything
const all = places(whole).filter(({ length }) => length > 0)
const silent = { onWarning: () => {} }
const LONGEST = 2 ** 32 - 1
/** Larger than any list that a save has, and too small to be slow by itself. */
const bytes = new Uint8Array(2 ** 24)
const text = new String('x'.repeat(2 ** 24))

const values: Readonly<Record<string, (value: unknown) => unknown>> = {
  'a list of holes': () => new Array(LONGEST),
  'its own elements, and holes': (value) => {
    const list = Array.isArray(value) ? [...value] : [value]
    list.length = LONGEST
    return list
  },
  'a list of holes with the names of a record': (value) => Object.assign(new Array(LONGEST), value),
  'a list of such lists': () => [new Array(LONGEST), new Array(LONGEST), new Array(LONGEST)],
  'many bytes': () => bytes,
  'a String': () => text,
}

/** Seconds, and MB on the heap, of a call that throws one of our errors or goes well. */
function cost(call: () => unknown): readonly [seconds: number, size: number] {
  const before = process.memoryUsage().heapUsed
  const from = process.cpuUsage()
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(AntigradError)
    expect((error as Error).message.length).toBeLessThan(2000)
  }
  const { user, system } = process.cpuUsage(from)
  return [(user + system) / 1e6, (process.memoryUsage().heapUsed - before) / 2 ** 20]
}

describe.each(Object.entries(values))('%s', (name, hostile) => {
  test.each(['load', 'restore'])('%s', (call) => {
    for (const path of all) {
      const saved: Anything = structuredClone(whole)
      const [record, key] = at(saved, path)
      record[key] = hostile(record[key])
      const isSparse = name.includes('list') || name.includes('holes')
      const given = isSparse ? deserialize(serialize(saved)) : saved
      const go = () => (call === 'load' ? Optimizer.load(given, silent) : target.restore(given, silent))
      const [seconds, size] = cost(go)
      // The first run may have been compiled.
      expect(seconds < 0.1 || cost(go)[0] < 0.1, `${path.join('.')}: ${seconds} s`).toBe(true)
      expect(size, path.join('.')).toBeLessThan(32)
    }
  })

  test('is refused in place of whatever is no number', () => {
    for (const path of all) {
      const saved: Anything = structuredClone(whole)
      const [record, key] = at(saved, path)
      // Hashes of kernels that a run does not have are not looked at, and others only warn.
      if (path[0] === 'equations' && path.length > 1) continue
      record[key] = hostile(record[key])
      expect(() => Optimizer.load(saved, silent), path.join('.')).toThrow(AntigradError)
    }
  })
})

test('a name of a million letters is not all of a message', () => {
  const name = 'n'.repeat(1e6)
  const saved: Anything = new Optimizer({ [name]: Float32Array.of(1) }, adam()).save()
  for (const change of ['rule', 'own', 'lrScale', 'clip', 'groups', 'params', 'state', 'shape', 'clock']) {
    const other: Anything = structuredClone(saved)
    other.tensors[name][change] = 1n << 10_000_000n
    expect(cost(() => Optimizer.load(other))[0], change).toBeLessThan(0.1)
  }
  expect(Optimizer.load(saved).save()).toEqual(saved)
})
