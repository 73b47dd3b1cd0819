/** The equations in docs/rules-*.md match the loops, operation by operation. */

import { parseSync } from 'oxc-parser'
import { expect, test } from 'vitest'
import { equationsOf } from '../scripts/lib/equations.mjs'

/** The equations of a loop with the given statements per element. */
function equations(statements: string, before = '') {
  const loop = `(f) => (theta, g, { m, v }, { decay, beta1, oneMinusBeta1, eps }, from, to, { rate }, direction) => {
    ${before}
    for (let i = from; i < to; i++) { ${statements} }
  }`
  const [statement] = parseSync('loop.ts', loop).program.body as unknown as { expression: object }[]
  return equationsOf(statement.expression)
}

test.each([
  ['m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * g[i]))', "m' = β₁·m + (1−β₁)·g"],
  ['theta[i] = f(f(theta[i] * decay) - f(rate * g[i]))', "θ' = θ·d − rate·g"],
  ['theta[i] = f(theta[i] - f(rate - eps))', "θ' = θ − (rate − ε)"],
  ['m[i] = f(f(g[i] * g[i]) * g[i])', "m' = g·g·g"],
  ['m[i] = f(g[i] * f(g[i] * g[i]))', "m' = g·(g·g)"],
  ['m[i] = f(f(g[i] / eps) * rate)', "m' = (g/ε)·rate"],
  ['m[i] = f(f(g[i] * eps) / rate)', "m' = (g·ε)/rate"],
  ['m[i] = f(g[i] / f(eps / rate))', "m' = g/(ε/rate)"],
  ['m[i] = f(f(Math.sqrt(f(v[i] + eps))) + f(Math.sqrt(v[i])))', "m' = √(v + ε) + √v"],
  ['m[i] = f(Math.abs(g[i]) + signum(g[i]))', "m' = |g| + sign(g)"],
  ['m[i] = f(rate * (g[i] > 0 ? 1 : g[i] < 0 ? eps : rate))', "m' = rate·(g > 0 ? 1 : g < 0 ? ε : rate)"],
])('the equation text of the loop “%s” is correct', (statement, expected) => {
  expect(equations(statement)).toBe(expected)
})

test("the equation text marks an assigned variable with a prime (m'), except for the update direction u", () => {
  const statements = 'm[i] = g[i]; v[i] = f(v[i] + m[i]); direction[i] = f(v[i] * direction[i])'
  expect(equations(statements)).toBe("m' = g; v' = v + m'; u = v'·u")
})

test('the equation text substitutes the value of a constant that is used only once', () => {
  const statements = 'const kept = f(beta1 * m[i]); m[i] = g[i]; v[i] = f(kept * rate)'
  expect(equations(statements)).toBe("m' = g; v' = β₁·m·rate")
  const twice = 'const delta1 = f(g[i] - m[i]); v[i] = f(delta1 * delta1)'
  expect(equations(twice)).toBe("δ₁ = g − m; v' = δ₁·δ₁")
})

test('the equation text omits the special case of a division by 0', () => {
  const statements = 'const root = f(v[i] + eps); m[i] = root === 0 ? 0 : f(g[i] / root)'
  expect(equations(statements)).toBe("m' = g/(v + ε)")
})

test.each([
  ['a statement before', 'm[i] = g[i]', 'const x = rate'],
  ['an if statement', 'if (g[i] > 0) m[i] = g[i]', ''],
  ['a sum', 'm[i] += g[i]', ''],
  ['another function', 'm[i] = f(Math.max(g[i], 0))', ''],
  ['another index', 'm[i] = g[i + 1]', ''],
])('a loop with %s cannot be written as a sequence of equations', (_, statements, before) => {
  expect(equations(statements, before)).toBe(null)
})
