/**
 * One arena with two rules. Tensors are sorted by rule, have separate state arrays and kernels, and have the bits of
 * separate optimizers. (Optimizers with groups rely on mixed arenas.)
 */

import { adam, nesterov, Optimizer, type Rule } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { Arena } from '../dist/arena/arena.js'
import { GRADIENTS, NORM, PARAMETERS, POINT, SQUARES } from '../dist/arena/manifest.js'
import { native } from '../dist/engines/native.js'
import { typescript } from '../dist/engines/typescript.js'
import { wasm } from '../dist/engines/wasm.js'
import { Cohorts } from '../dist/model/cohorts.js'
import { RuleInUse } from '../dist/rules/active-rule.js'
import { resolve } from '../dist/rules/resolve.js'
import { dtypes, type FloatArray, inBits, noise } from './helpers.js'

const rules: Rule[] = [adam({ lr: 0.1, weightDecay: 0.1 }), nesterov({ lr: 0.01, form: 'shifted' })]
/** Several tensors per rule. The tensors of the second rule begin in the middle of the plane. */
const lengths = [
  [100, 3, 17_000],
  [40, 0, 33_000, 1],
]

describe.each([native, wasm, typescript])('two rules in one optimizer on $name', (engine) => {
  test.each(dtypes)('compute the same bits as two separate optimizers: %s', (dtype) => {
    const uses = rules.map((rule) => new RuleInUse(resolve(rule)))
    const families = uses.map((use, k) => ({
      tensors: lengths[k].length,
      state: use.state,
      byTensor: use.byTensor,
      coefficients: use.definition.coefficientCount,
    }))
    const owners = lengths.flatMap((own, k) => own.map(() => k))
    const all = lengths.flat()
    const arena = new Arena(dtype, all, families)
    const runner = engine.attach(arena, { threads: 2 })
    const firstArrays = owners.map((k) => arena.firstArrays[k])
    const tensors = owners.map((k) => uses[k])
    const cohorts = new Cohorts(arena, firstArrays, Infinity)
    for (const [i, use] of tensors.entries()) cohorts.assign(i, use)
    cohorts.layOut(null)
    all.forEach((length, i) => {
      arena.view(PARAMETERS, i).set(noise(i, length, dtype))
    })
    const apart = rules.map((rule, k) => {
      const values = all.map((length, i) => noise(i, length, dtype)).filter((_, i) => owners[i] === k)
      return new Optimizer(values, rule, { engine: engine.name })
    })

    for (let t = 0; t < 4; t++) {
      cohorts.preparePoint()
      runner.run(POINT)
      const gradients = all.map((length, i) => noise(100 * t + i, length, dtype))
      gradients.forEach((gradient, i) => {
        arena.view(GRADIENTS, i).set(gradient)
      })
      runner.run(NORM)
      const squares = arena.numbers(SQUARES)
      gradients.forEach((gradient, i) => {
        const sum = [...gradient].reduce((total, x) => total + x * x, 0)
        expect(squares[i]).toBeCloseTo(sum, 8)
      })
      cohorts.prepare(1)
      runner.run(0)
      cohorts.commit()
      apart.forEach((optimizer, k) => {
        optimizer.gradientPoint()
        optimizer.step(gradients.filter((_, i) => owners[i] === k))
      })
    }
    const seen = (array: number) => all.map((_, i): FloatArray => arena.view(array, i))
    const expected = inBits(apart.flatMap(({ params }) => [...params]))
    expect(inBits(seen(PARAMETERS)) === expected).toBe(true)
    uses.forEach((use, k) => {
      use.state.forEach((name, n) => {
        const own = all.flatMap((_, i) => (owners[i] === k ? [arena.view(arena.firstArrays[k] + n, i)] : []))
        const states = apart[k].state as unknown as Record<string, FloatArray>[]
        expect(inBits(own) === inBits(states.map((state) => state[name])), name).toBe(true)
      })
    })
  })
})
