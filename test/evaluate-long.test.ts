/** Expressions with many rows: an engine evaluates their programs with the bits of TypeScript. */

import { expression as inPackage, lbfgs, minimize, newton, standardErrors } from 'antigrad'
import { afterEach, describe, expect, test } from 'vitest'
import { expression } from '../dist/expressions/expression.js'
import { recurrence } from '../dist/expressions/recurrences.js'
import { extensions } from '../dist/extensions.js'
import { evaluateLong } from '../dist/many/evaluate.js'
import type { Anything } from './adversarial/subject.js'
import { random } from './bits.js'

afterEach(() => {
  delete extensions.evaluateLong
})

const next = random(11)
const columnsOf = (rows: number) => {
  const t = Float64Array.from({ length: rows }, (_, i) => (4 * i) / rows)
  return { t, y: t.map((ti) => 3 * Math.exp(-0.7 * ti) + 0.3 + 0.05 * next()) }
}
const text = '(a*exp(-b*t) + c - y)^2'
const carried = 'h[0] = c; h = a + b*h[t-1]; (h - y)^2'

/** All results at a point. */
function resultsOf(make: () => ReturnType<ReturnType<typeof expression>['with']>, x: ArrayLike<number>) {
  const objective = make()
  const { length } = objective.parameters
  const [gradient, hessian] = [new Float64Array(length), new Float64Array(length * length)]
  objective.gradient(x, gradient)
  try {
    objective.hessian(x, hessian)
  } catch {
    // A recurrence has no second derivatives.
  }
  return [objective.value(x), ...gradient, ...hessian]
}

describe.each([255, 256, 257, 1000, 5001])('%i rows', (rows) => {
  const data = columnsOf(rows)
  const many = `${text} + ${Array.from({ length: 8 }, (_, i) => `1e-3*sin(a*t + ${i})`).join(' + ')}`
  test.each([
    ['sums', () => expression(many).with(data)],
    ['a recurrence', () => recurrence(carried).with({ y: data.y })],
  ])('%s', (_, make) => {
    for (const x of [
      [1, 0.5, 0.2],
      [3, -0.7, -0],
      [Number.NaN, 1, 1],
      [1e200, Infinity, -1e200],
    ]) {
      const plain = resultsOf(make as Anything, x)
      let count = 0
      extensions.evaluateLong = (asked) => {
        const done = evaluateLong(asked)
        if (done) count++
        return done
      }
      expect(resultsOf(make as Anything, x)).toEqual(plain)
      delete extensions.evaluateLong
      expect(count).toBeGreaterThan(rows > 1000 ? 0 : -1)
    }
  })
})

test('float32 points and short programs stay in TypeScript', () => {
  const asked: unknown[] = []
  extensions.evaluateLong = (one) => {
    asked.push(one)
    return undefined
  }
  expression(text)
    .with(columnsOf(5000))
    .value(Float32Array.of(1, 1, 1))
  expression(text).with(columnsOf(20)).value([1, 1, 1])
  expect(asked).toEqual([])
  expression(text).with(columnsOf(5000)).value([1, 1, 1])
  expect(asked).toHaveLength(1)
})

test('evaluations of two expressions, and of one program at several points, do not mix', () => {
  extensions.evaluateLong = evaluateLong
  const [one, other] = [expression(text).with(columnsOf(4000)), expression(text).with(columnsOf(4000))]
  const values = [one, other, one, other].map((objective, i) => objective.value([1, i % 3, 0]))
  delete extensions.evaluateLong
  const plain = [one, other, one, other].map((objective, i) => objective.value([1, i % 3, 0]))
  expect(values).toEqual(plain)
  expect(values[0]).not.toBe(values[1])
})

test('the package gives the same bits before and after it loads the extension', () => {
  const data = columnsOf(4000)
  const run = () => {
    const objective = inPackage(text).with(data)
    const found = [lbfgs(), newton()].map((method) => minimize(objective, [1, 1, 0], method))
    const { errors } = standardErrors(objective, found[0].x, { kind: 'sum-of-squares', observations: 4000 })
    return [...found.flatMap(({ x, value, iterations }) => [...x, value, iterations]), ...errors]
  }
  const first = run()
  // The extension is loaded after 4 million operations.
  for (let k = 0; k < 3; k++) expect(run()).toEqual(first)
})
