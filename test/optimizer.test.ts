/** The facade: shapes, views, skipped tensors, counts, options between steps, the choice of engine. */

import { gradientDescent, Optimizer } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { engineNames } from './helpers.js'

describe.each(engineNames)('%s', (engine) => {
  test('a tensor without a gradient stays, after complete steps too', () => {
    const ones = () => Float32Array.of(1, 1)
    const optimizer = new Optimizer({ x: ones(), y: ones() }, gradientDescent({ lr: 1 }), { engine })
    optimizer.step({ x: ones(), y: ones() })
    optimizer.step({ x: ones() })
    optimizer.step({ x: ones(), y: null })
    expect(optimizer.params).toEqual({ x: Float32Array.of(-2, -2), y: Float32Array.of(0, 0) })
    expect(optimizer.state.y.updates).toBe(1)
  })
})
