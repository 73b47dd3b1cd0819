/** In any state that a run can reach, the saved run can be read again and continues with the same bits. */

import * as antigrad from 'antigrad'
import { ema, Optimizer, type Rule, swa } from 'antigrad'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { definitions } from '../../dist/rules/definitions.js'
import { inBits } from '../helpers.js'

type Make = (options: object) => Rule

const rules = Object.keys(definitions).map(
  (name) => [name, (antigrad as never as Record<string, Make>)[name]] as const,
)

const strange = fc.constantFrom(Infinity, -Infinity, NaN, 0, -0, 1, -1, 1e-320, 1e30, -1e200, 1.7e308)
const four = fc.array(strange, { minLength: 4, maxLength: 4 })
const LAST = Number.MAX_SAFE_INTEGER

describe.each(rules)('saved runs of %s', (name, make) => {
  const { options } = definitions[name as keyof typeof definitions]
  const rates = 'lr' in options ? [undefined, 1e-300, 1e30, 1e154, Number.MAX_VALUE] : [undefined]
  const wantsPoint = definitions[name as keyof typeof definitions].wantsPoint

  test('preserve arbitrary parameter values, learning rates and update counts', () => {
    fc.assert(
      fc.property(
        four,
        fc.array(four, { minLength: 1, maxLength: 6 }),
        fc.constantFrom(...rates),
        fc.boolean(),
        fc.constantFrom(0, 1, 2, 3),
        fc.boolean(),
        (initial, gradients, lr, isSingle, left, isLate) => {
          const array = (x: readonly number[]) => (isSingle ? Float32Array.from(x) : Float64Array.from(x))
          const go = (optimizer: Optimizer<Float64Array>) => {
            for (const gradient of gradients) {
              if (wantsPoint) optimizer.gradientPoint()
              optimizer.step(array(gradient) as never)
            }
          }
          let optimizer = new Optimizer(
            array(initial) as Float64Array,
            make(lr === undefined ? {} : { lr }),
            {
              shapes: [2, 2] as never,
              average: isSingle ? ema() : swa(),
              engine: 'typescript',
            },
          ) as Optimizer<Float64Array>
          if (isLate) {
            go(optimizer)
            // biome-ignore lint/suspicious/noExplicitAny: counts are only read for users
            const saved: any = optimizer.save()
            saved.updates = saved.tensors[''].clock.t = saved.tensors[''].average.count = LAST - left
            optimizer = Optimizer.load(saved, { engine: 'typescript' })
          }
          go(optimizer)
          const again = Optimizer.load<Float64Array>(structuredClone(optimizer.save()), {
            engine: 'typescript',
          })
          expect(inBits(again.save())).toBe(inBits(optimizer.save()))
          go(optimizer)
          go(again)
          expect(inBits(again.save())).toBe(inBits(optimizer.save()))
        },
      ),
      { numRuns: 60 },
    )
  })
})
