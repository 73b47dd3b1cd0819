/** Functions that are read: arrays and objects of fixed shape, choices of them, and the code of compilers. */

import { fromFunction } from 'antigrad/from-function'
import { describe, expect, test } from 'vitest'
import { refusal } from './adversarial/subject.js'

const compile = (source: string) => new Function(`return (${source})`)()
const constants = { table: { b: 2, 10: 4, 2: 3 }, rows: [{ id: 1, v: 3 }, { id: 2, v: 5 }] } // biome-ignore format: short

/** Compares a function of a, b and x with the function run by JavaScript. */
function expectRead(source: string): void {
  const fn = compile(source)
  const f = fromFunction(fn, { constants })
  for (const [a, b, x] of [
    [1.5, -0.25, 2],
    [-2, 3, 0.5],
    [0.75, 4, -1],
  ]) {
    const given = f.names.map((name) => ({ a, b, x })[name as 'a'])
    expect(f.value(given), `${source}\n${f.text}`).toBeCloseTo(fn({ a, b }, { x }, constants), 12)
  }
}

const methods = [
  'for (const [i, v] of [a, b, x].entries()) s += (i + 1) * v',
  'for (const i of [a, b].keys()) s += [a, b][i] * (i + 2) * x',
  'for (const v of [a, b].values()) s += v * x',
  'const v = [a, b, x]; s = v.at(-1) * v.at(0) + v.at(1)',
  's = [a, b].flatMap((v) => [v * x, v, [1]][1]).concat([a, b], x).reduce((p, q) => p + q * q, 0)',
  's = [a, b, x].reduceRight((p, q) => p * x + q)',
  's = [a, b, x].every((v) => v > 0) ? a : [a, b].some((v) => v < -1) ? b : x',
  'let n = 0; const all = [a, b, x].every((v) => { n += 1; return v > 0 }); s = all ? n : 10 * n + a',
  's = [a, b, x].reduceRight((p, q, i) => p * i + q, 0)',
  's = [1, 2, 3, 4].filter((k) => k % 2 === 0).map((k) => a * k + b).reduce((p, q) => p - q)',
  'const { v } = rows.find((row) => row.id === 2); s = v * x + rows.findIndex((row) => row.id === 2) * a',
  's = rows.findIndex((row) => row.id === 7) * a + (rows.find((row) => row.id === 7) === undefined ? b : x)',
  'const v = [a, b, x].reverse(); s = v[0] - v[1] * v[2]',
  's = Array.of(a, b, x).reduce((p, q) => p + q * q) + Array.from([a, b], (v, i) => v * i)[1]',
]
const objects = [
  'for (const [name, v] of Object.entries(table)) s = s * a + (name === "b" ? b : v)',
  's = Object.values({ u: a, v: b * x }).reduce((p, q) => p - q) * Object.keys(table).length',
  'const o = Object.assign(Object.assign({}, { u: a, v: b }), { v: x }); s = o.u - o.v',
  's = Number(x > 1) * a + Number(b) + Math.min(a, Number.MAX_VALUE)',
  'const y = Math.sqrt(a); s = isNaN(y) ? b : Number.isNaN(y) ? x : y',
  'const y = Math.log(x); s = Number.isFinite(y) && isFinite(b) ? y : -50',
]
const choices = [
  'const pick = () => { if (x > 1) return [a, b]; return [b, a] }; const [u, v] = pick(); s = u * x - v',
  'const f = x > 1 ? (u) => a * u : (u) => { s += 1; return b - u }; s += f(x)',
  'const list = x > 1 ? [a, b] : [b, 3]; for (const v of list) s = 2 * s + v; s += Math.max(...list)',
  's = (x > 1 ? [a, b] : [b, 3]).map((v, i) => v * i).reduce((p, q) => p + q)',
  'const o = x > 1 ? { k: a } : undefined; s = o === undefined ? b : a',
]
const compiled = [
  'var f = function (u) { var k = arguments.length > 1 && arguments[1] !== void 0 ? arguments[1] : 2; return u * k }; s = f(a) + f(b, x)',
  'var sum = function () { for (var n = arguments.length, v = new Array(n), k = 0; k < n; k++) v[k] = arguments[k]; return v.reduce(function (p, q) { return p + q }) }; s = sum(a, b, x)',
  'var _c = { u: { w: a } }.u, _d = _c === void 0 ? {} : _c; s = _d.w * x',
]

describe('a function is read like JavaScript runs it', () => {
  test.each([...methods, ...objects, ...choices, ...compiled])('%s', (statements) => {
    expectRead(`({ a, b }, { x }, { table, rows }) => { let s = 0; ${statements}; return s }`)
  })
})

test.each([
  ['const f = [a, x].filter(¦(v) => v > 0); s = f[0]', 'a selection that depends'],
  ['s = [].reduce(¦(p, q) => p + q)', 'the first element of an empty array'],
  ['s = Object.keys(¦a).length', 'the names of a number'],
  ['s = Object.¦freeze([a])[0]', 'Object.freeze has no counterpart'],
  ['const f = function (u) { ¦arguments[0] = 1; return u }; s = f(a)', 'a changed constant'],
  ['s = (¦x > 1 ? a : [a])(x)', 'a call of a number'],
  ['¦async function f() { return a } s = f()', 'an async function'],
  ['function¦* f() { yield a } s = a', 'a generator'],
  ['s = ¦__spreadArray([a], [b])[0]', '__spreadArray is a helper of a compiler'],
  ['s = ¦_sliced_to_array([a, b], 2)[0]', 'is a helper of a compiler'],
  ['s = ¦_slicedToArray([a, b], 2)[0]', 'compile for ES2018 or later'],
])('refuses at the right position: %s', (statements, message) => {
  const marked = `({ a, b }, { x }) => { let s = 0; ${statements}; return s }`
  const error = refusal(() => fromFunction(compile(marked.replace('¦', ''))))
  expect(error.message).toContain(message)
  expect(error).toMatchObject({ name: 'FunctionError', position: marked.indexOf('¦') })
})
