/**
 * The yardstick of `npm run bench -- --targets` covers every rule, and counts the memory passes and the operations of
 * the rule's stages.
 */

import { expect, test } from 'vitest'
import { all, needsOf } from '../bench/lib/yardstick.mjs'
import type { Kernel } from '../dist/arena/kernel.js'
import { definitions } from '../dist/rules/definitions.js'

/** The maximum number of arrays that a pass in limits.c reads. */
const MOST_READ = 6

const kernels = new Map<string, Kernel>(
  Object.values(definitions).flatMap((definition) =>
    definition.kernels.map((kernel) => [kernel.name, kernel]),
  ),
)

test('the memory passes of the benchmark include a pass for every rule', () => {
  expect(Object.keys(all)).toEqual(expect.arrayContaining(Object.keys(definitions)))
})

test.each([...kernels.values()])(
  'the kernel $name has a corresponding memory pass in the benchmark',
  (kernel) => {
    const { written, read } = needsOf(kernel)
    const arrays = [...written, ...read]
    expect(written.length).toBeGreaterThanOrEqual(1)
    expect(arrays.length).toBeLessThanOrEqual(MOST_READ)
    expect(new Set(arrays).size).toBe(arrays.length)
  },
)

test.each([
  ['Adam', ['params', 'm', 'v'], ['grads'], 1, 1],
  ['Adadelta', ['params', 'v', 'w'], ['grads'], 1, 2],
  ['GradientDescent', ['params'], ['grads'], 0, 0],
  // Directions overwrite the gradients, and summed arrays are read.
  ['Lamb', ['grads', 'm', 'v'], ['params'], 1, 1],
  ['BothNorms', ['grads'], ['params'], 0, 0],
  ['Scaled', ['params'], ['grads'], 0, 0],
  ['ProdigyMoments', ['grads', 's', 'm', 'v'], ['params', 'start'], 0, 0],
  ['Prodigy', ['params'], ['m', 'v'], 1, 1],
  ['ScheduleFreePoint', ['point'], ['params', 'z'], 0, 0],
  ['NewtonSchulz', ['grads'], [], 0, 0],
  ['Factored', ['params', 'grads'], [], 0, 0],
  // Per element, a matrix also has the following arrays.
  ['Sm3Covered', ['grads'], [], 1, 1],
])(
  'the kernel %s writes %j, reads %j, and computes %i divisions and %i square roots',
  (name, written, read, divisions, roots) => {
    const found = needsOf(kernels.get(name) as Kernel)
    expect({ ...found, read: [...found.read].sort() }).toEqual({
      written,
      read: [...read].sort(),
      divisions,
      roots,
    })
  },
)
