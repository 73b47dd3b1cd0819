/** Expressions with many rows: an engine evaluates their programs with the bits of TypeScript. */

import { expression as inPackage, lbfgs, minimize, newton, standardErrors } from 'antigrad'
import { afterEach, describe, expect, test } from 'vitest'
import { type BoundExpression, expression } from '../dist/expressions/expression.js'
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
/** Recurrences whose instructions depend on earlier rows in different ways. */
const recurrences = {
  'two states, one of which is a shift':
    'q[0] = 1; h[0] = 1; q = y^2; h = a^2 + b*q[t-1] + c*h[t-1]; 0.5*(log(h) + q/h)',
  'coupled states': `u[0] = a; v[0] = b; u = a*u[t-1]/9 + b*v[t-1]/9 + y; v = c*u[t-1] - b*v[t-1]/9
    (u - v - y)^2`,
  'several lags': 'h[0] = 0.1; h[-2] = c; h = a/4 + b*h[t-1]/4 + c*h[t-3]/4; (h - y)^2',
  'lags of a column': 'y[0] = c; (y - a*y[t-1] - b*y[t-2])^2',
  functions: 'h[0] = 1; h = exp(a*sin(h[t-1]) - b*y/3); abs(h - c) + h',
  'a state that nothing else reads': 'h[0] = c; h = max(a*h[t-1]/4, y - b); sum(y*a*c) + h[end]^2',
}

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
  const subjects: Record<string, () => BoundExpression> = {
    sums: () => expression(many).with(data),
    'a recurrence': () => recurrence(carried).with({ y: data.y }),
  }
  for (const [name, text] of Object.entries(recurrences))
    subjects[name] = () => recurrence(text).with({ y: data.y })
  test.each(Object.entries(subjects))('%s', (_, make) => {
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
