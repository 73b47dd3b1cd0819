/** Long programs that compute values again have fewer slots, and the same bits. */

import { lbfgs, minimizeManySync } from 'antigrad'
import { fromFunction } from 'antigrad/from-function'
import { describe, expect, test } from 'vitest'
import { compile, type Program } from '../dist/expressions/program.js'
import { ProgramRunner } from '../dist/expressions/run.js'
import { fromFunction as read } from '../dist/from-function/index.js'
import { shortenLifetimes } from '../dist/many/recompute.js'

const pendulum = ({ k, c, x }: Record<'k' | 'c' | 'x', number>) => {
  let [u, v] = [x, 0]
  for (let i = 0; i < 800; i++) {
    const w = v + 0.01 * (-k * Math.sin(u) - c * v * v)
    u += 0.01 * w
    v = Math.max(w, -k) + (u > 2 ? c * u : 0)
  }
  return (u - 0.3) ** 2 + (v + 0.1) ** 2
}

function outputsOf(program: Program, x: readonly number[]) {
  const runner = new ProgramRunner(program, 'float64')
  runner.run(x, [], 0)
  return program.outputs.map((slot) => runner.slots[slot])
}

/** The program of the value and the gradient. */
function together(f: (names: never) => number): Program {
  const { graph, parameters, value, gradient } = read(f as typeof pendulum).nodes([])
  return compile(graph, [value, ...gradient], parameters, [])
}

describe('values that are computed again', () => {
  test('leave fewer slots, and at most half as many further instructions', () => {
    const program = together(pendulum)
    const short = shortenLifetimes(program)
    expect(program.slots).toBeGreaterThan(3000)
    expect(short.slots).toBeLessThan(program.slots / 5)
    expect(short.head.length).toBeGreaterThan(program.head.length)
    expect(short.head.length).toBeLessThan(1.5 * program.head.length)
  })

  test.each([
    [9, 0.2, 1],
    [1, -2, 3],
    [Number.NaN, 1, 1],
    [1e300, 1, -0],
  ])('do not change a bit at %d, %d, %d', (...x) => {
    const program = together(pendulum)
    expect(outputsOf(shortenLifetimes(program), x)).toEqual(outputsOf(program, x))
  })

  test('are not in programs of few slots, or of rows', () => {
    const short = together(({ k, x }: Record<'k' | 'x', number>) => Math.sin(k * x))
    expect(shortenLifetimes(short)).toBe(short)
    const long = together(pendulum)
    const rows = { ...long, body: [long.head[0]] }
    expect(shortenLifetimes(rows)).toBe(rows)
  })
})

test('the bits of runs in lanes are the bits of one run', () => {
  const f = fromFunction(pendulum)
  const starts = { k: [9, 8, 7], c: [0.2, 0.1, 0.3], x: [1, 1.1, 0.9] }
  const { value } = minimizeManySync(f, starts, lbfgs(), { maxIterations: 2, engine: 'typescript' })
  const other = minimizeManySync(f, starts, lbfgs(), { maxIterations: 2 })
  expect([...other.value]).toEqual([...value])
})
