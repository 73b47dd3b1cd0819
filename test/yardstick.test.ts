/** The yardstick of `npm run bench -- --targets` has every rule, and counts what its stages need. */

import { expect, test } from 'vitest'
import { all, needsOf } from '../bench/lib/yardstick.mjs'
import type { Kernel } from '../dist/arena/kernel.js'
import { definitions } from '../dist/rules/definitions.js'

/** limits.c has no pass over more. */
const MOST_READ = 6

const kernels = new Map<string, Kernel>(
  Object.values(definitions).flatMap((definition) =>
    definition.kernels.map((kernel) => [kernel.name, kernel]),
  ),
)

test('every rule is on it', () => {
  expect(Object.keys(all)).toEqual(expect.arrayContaining(Object.keys(definitions)))
})

test.each([...kernels.values()])('$name has a pass', (kernel) => {
  const { written, read } = needsOf(kernel)
  const arrays = [...written, ...read]
  expect(written.length).toBeGreaterThanOrEqual(1)
  expect(arrays.length).toBeLessThanOrEqual(MOST_READ)
  expect(new Set(arrays).size).toBe(arrays.length)
})

test.each([
  ['Adam', ['params', 'm', 'v'], ['grads'], 1, 1],
  ['Adadelta', ['params', 'v', 'w'], ['grads'], 1, 2],
  ['GradientDescent', ['params'], ['grads'], 0, 0],
  // Directions go where the gradients were, and what is summed is read.
  ['Lamb', ['grads', 'm', 'v'], ['params'], 1, 1],
  ['BothNorms', ['grads'], ['params'], 0, 0],
  ['Scaled', ['params'], ['grads'], 0, 0],
  ['ProdigyMoments', ['grads', 's', 'm', 'v'], ['params', 'start'], 0, 0],
  ['Prodigy', ['params'], ['m', 'v'], 1, 1],
  ['ScheduleFreePoint', ['point'], ['params', 'z'], 0, 0],
  ['NewtonSchulz', ['grads'], [], 0, 0],
  ['Factored', ['params', 'grads'], [], 0, 0],
  // A matrix has them by element, too.
  ['Sm3Covered', ['grads'], [], 1, 1],
])('%s writes %j, reads %j, and has %i ÷ and %i √', (name, written, read, divisions, roots) => {
  const found = needsOf(kernels.get(name) as Kernel)
  expect({ ...found, read: [...found.read].sort() }).toEqual({
    written,
    read: [...read].sort(),
    divisions,
    roots,
  })
})
