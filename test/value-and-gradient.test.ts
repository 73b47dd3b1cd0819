/** Value and gradient of an expression in one program: the same bits as in separate programs. */

import { expression, lbfgs, minimize } from 'antigrad'
import { describe, expect, test, vi } from 'vitest'
import { ProgramRunner } from '../dist/expressions/run.js'
import { arrayOf, type Dtype, inBits, random } from './helpers.js'

const next = random(41)
const column = (length: number) => Float64Array.from({ length }, () => 2 * next() - 1)
const texts: readonly [text: string, columns: readonly string[]][] = [
  ['100*(y - x^2)^2 + (1 - x)^2', []],
  ['x', []],
  ['7 + 0*x', []],
  ['exp(-x)*sin(y)/sqrt(x^2 + y^2) + atan2(y, x)', []],
  ['x > y ? x^3 : log(y)*abs(x)', []],
  ['(a*exp(-b*t) - u)^2', ['t', 'u']],
  ['a*t + b', ['t']],
]

describe.each(texts)('%s', (text, columns) => {
  const f = expression(text)
  const { parameters, value, gradient, hessian, together } = f.programs(columns)

  test.each([0, 1, 40, 300])('has the bits of separate programs with %i rows', (rows) => {
    const data = columns.map(() => column(rows))
    for (const dtype of ['float32', 'float64'] as const satisfies readonly Dtype[]) {
      for (const scale of [1, 1e-300, NaN, Infinity, 0]) {
        const x = arrayOf[dtype].from(parameters.map(() => scale * next()))
        const outputs = [value, gradient, hessian(), together(), together(true)].map((program) => {
          const machine = new ProgramRunner(program, dtype)
          machine.run(x, data, rows, rows > 256)
          return program.outputs.map((slot) => machine.slots[slot])
        })
        const [v, g, h, both, all] = outputs
        expect(inBits(both)).toBe(inBits([...v, ...g]))
        expect(inBits(all)).toBe(inBits([...v, ...g, ...h]))
      }
    }
  })
})

test('lbfgs has the same results with one program, in fewer calls', () => {
  const valley = () => expression('(1 - x)^2 + 100*(y - x^2)^2')
  for (const start of [Float32Array.of(-1.5, 2), Float64Array.of(-1.5, 2)]) {
    const f = valley()
    const called = {
      parameters: f.parameters,
      value: (x: ArrayLike<number>) => f.value(x),
      gradient: f.gradient.bind(f) as never,
    }
    expect(inBits(minimize(valley(), start, lbfgs()))).toBe(inBits(minimize(called, start, lbfgs())))
  }
  const value = vi.spyOn(Object.getPrototypeOf(valley()), 'value')
  minimize(valley(), [-1.5, 2], lbfgs())
  expect(value).not.toHaveBeenCalled()
  value.mockRestore()
})

test('lbfgs calls replaced functions of an expression', () => {
  for (const name of ['value', 'gradient'] as const) {
    const f = expression('(1 - x)^2 + 100*(y - x^2)^2')
    const spy = vi.spyOn(f, name)
    const { evaluations } = minimize(f, [-1.5, 2], lbfgs())
    expect(spy.mock.calls.length).toBe(evaluations[`${name}s`])
  }
})
