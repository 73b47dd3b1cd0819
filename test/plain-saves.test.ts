/** A saved run is plain data: typed arrays, and values that JSON preserves. */

import { adamw, ema, momentum, noDecay, Optimizer, warmup } from 'antigrad'
import { expect, test } from 'vitest'

test('a conversion to JSON preserves a saved run exactly, except for the typed arrays', () => {
  const params = {
    embed: Float32Array.of(1, 2),
    body: { weight: Float32Array.of(3), bias: Float32Array.of(4) },
  }
  const optimizer = new Optimizer(params, adamw({ lr: warmup(1e-3, { steps: 3 }) }), {
    shapes: { embed: [2], body: { weight: [1, 1] } },
    groups: [
      noDecay(),
      { match: 'body.weight', rule: momentum() },
      { match: 'embed', frozen: true, lrScale: 0.5 },
    ],
    clip: { norm: 1 },
    accumulate: 2,
    average: ema(),
    lookahead: {},
    onNonFinite: 'skip',
  })
  optimizer.step(params)
  const withoutArrays = (_: string, value: unknown) => (ArrayBuffer.isView(value) ? 'an array' : value)
  const plain = (saved: unknown): unknown => {
    if (ArrayBuffer.isView(saved)) return 'an array'
    if (typeof saved !== 'object' || saved === null) return saved
    if (Array.isArray(saved)) return saved.map(plain)
    return Object.fromEntries(Object.entries(saved).map(([key, value]) => [key, plain(value)]))
  }
  const saved = optimizer.save()
  expect(plain(saved)).toStrictEqual(JSON.parse(JSON.stringify(saved, withoutArrays)))
  expect(saved.groups).toStrictEqual([
    { match: ['**.bias', { maxRank: 1 }], weightDecay: 0 },
    { match: 'body.weight', rule: momentum() },
    { match: 'embed', frozen: true, lrScale: 0.5 },
  ])
})
