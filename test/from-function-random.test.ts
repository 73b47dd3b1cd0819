/** Random functions: as JavaScript with the library's own functions in place of Math, and as programs, the same bits. */

import { expression } from 'antigrad'
import { fromFunction } from 'antigrad/from-function'
import { type TransformOptions, transformSync } from 'esbuild'
import * as fc from 'fast-check'
import { minifySync } from 'vite'
import { expect, test } from 'vitest'
import { toScalarOperation } from '../dist/expressions/operations.js'
import { elementary } from '../dist/functions/index.js'
import ts from './types/oldest/node_modules/typescript/lib/typescript.js'

const { abs, floor, sqrt, PI } = Math

// Minima of 0 and −0 are the second operand, as in expressions.
const min = toScalarOperation('min', 'float64')
const max = toScalarOperation('max', 'float64')

/** Integer powers are products, as in expressions. */
function pow(x: number, n: number): number {
  let product: number | undefined
  let square = x
  for (let rest = abs(n); rest > 0; rest >>= 1) {
    if (rest & 1) product = product === undefined ? square : product * square
    if (rest > 1) square *= square
  }
  return product ?? 1
}

const { exp, log, sin, cos, tanh, atan, log1p, expm1 } = elementary('float64')
const library = { abs, floor, min, max, sqrt, PI, pow, exp, log, sin, cos, tanh, atan, log1p, expm1 }

const names = ['a', 'b', 'x']
const unary = ['exp', 'sin', 'cos', 'tanh', 'atan', 'abs', 'sqrt', 'log', 'expm1', 'floor']

/** Numbers, conditions and statements as text. Statements assign the variables u, v and the array w. */
const { number, statement } = fc.letrec<{ number: string; condition: string; statement: string }>((tie) => ({
  number: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...names, 'u', 'v', 'w[0]', 'w[1]', 'Math.PI', '0.5', '2', '-3'),
    fc
      .tuple(tie('number'), fc.constantFrom('+', '-', '*', '/'), tie('number'))
      .map(([p, o, q]) => `(${p} ${o} ${q})`),
    fc.tuple(fc.constantFrom(...unary), tie('number')).map(([f, p]) => `Math.${f}(${p})`),
    fc
      .tuple(fc.constantFrom('min', 'max'), tie('number'), tie('number'))
      .map(([f, p, q]) => `Math.${f}(${p}, ${q})`),
    fc.tuple(tie('number'), fc.integer({ min: 1, max: 5 })).map(([p, n]) => `Math.pow(${p}, ${n})`),
    fc.tuple(tie('condition'), tie('number'), tie('number')).map(([c, p, q]) => `(${c} ? ${p} : ${q})`),
    fc
      .tuple(tie('number'), fc.constantFrom('1', '0.7', '3'))
      .map(([p, q]) => `(40 * Math.atan(${p}) % ${q})`),
    tie('number').map((p) => `(- ${p})`),
    fc.tuple(fc.constantFrom('f', 'g'), tie('number')).map(([f, p]) => `${f}(${p})`),
    fc.tuple(fc.constantFrom('u', 'v'), tie('number')).map(([u, p]) => `(${u} = ${p})`),
  ),
  condition: fc.oneof(
    { depthSize: 'small' },
    fc
      .tuple(tie('number'), fc.constantFrom('<', '<=', '>', '>=', '===', '!=='), tie('number'))
      .map((parts) => parts.join(' ')),
    fc
      .tuple(tie('condition'), fc.constantFrom('&&', '||'), tie('condition'))
      .map(([p, o, q]) => `(${p}) ${o} (${q})`),
    tie('condition').map((c) => `!(${c})`),
  ),
  statement: fc.oneof(
    { depthSize: 'small' },
    fc
      .tuple(fc.constantFrom('u', 'v', 'w[0]', 'w[1]'), fc.constantFrom('=', '+=', '-=', '*='), tie('number'))
      .map((parts) => `${parts.join(' ')};`),
    fc
      .tuple(tie('condition'), tie('statement'), tie('statement'))
      .map(([c, p, q]) => `if (${c}) { ${p} } else { ${q} }`),
    fc.tuple(tie('condition'), tie('statement')).map(([c, p]) => `if (${c}) { ${p} }`),
    fc.tuple(tie('condition'), tie('number')).map(([c, p]) => `if (${c}) return ${p};`),
    fc
      .tuple(fc.integer({ min: 0, max: 3 }), tie('statement'))
      .map(([n, p]) => `for (let i = 0; i < ${n}; i++) { ${p} u += i; }`),
    fc.tuple(tie('condition'), tie('number')).map(([c, p]) => `${c} && (v = ${p});`),
    fc.tuple(tie('statement'), tie('statement')).map((parts) => parts.join(' ')),
    tie('number').map((p) => `for (const e of [${p}, u]) v += e;`),
    fc.constantFrom(
      'h();',
      '[u, v] = [v, u];',
      'w = [v, u];',
      'u++;',
      '{ const { p, q } = { p: u, q: v }; u = p - q; }',
    ),
  ),
}))

const source = fc.tuple(fc.array(statement, { maxLength: 5 }), number).map(
  ([statements, result]) => `({ a, b }, { x }) => {
  let u = a, v = 1, w = [b, 2]
  const f = (y) => { if (y > u) return y * a; v += 1; return y - v }
  function g(y) { const z = y > 0 ? y : -y; return z / (1 + z) }
  const h = () => { w[0] += u; if (x > 0) { u -= 1; return } v = w[1] }
  ${statements.map((one) => `{ ${one} }`).join('\n  ')}
  return ${result}
}`,
)

/** The function after a build, whose code assigns the function to a global variable. */
const built = (text: string, build: (code: string) => string) =>
  build(`globalThis.model = ${text}`).split(/globalThis\.model ?= ?/)[1]
const byEsbuild = (options: TransformOptions) => (code: string) => transformSync(code, options).code
const byTypeScript = (target: ts.ScriptTarget) => (code: string) =>
  ts.transpileModule(code, { fileName: 'model.js', compilerOptions: { target } }).outputText

const tools: Readonly<Record<string, (code: string) => string>> = {
  none: (code) => code,
  'esbuild, minified': byEsbuild({ minify: true }),
  'esbuild, ES2015 with names': byEsbuild({ target: 'es2015', keepNames: true }),
  'TypeScript, ES2015': byTypeScript(ts.ScriptTarget.ES2015),
  'TypeScript, ES5': byTypeScript(ts.ScriptTarget.ES5),
  'Oxc, minified': (code) => minifySync('model.js', code).code,
}
const values = [-3, -1, -0.25, 0, 0.5, 1, 2.5, 700]
const point = fc.tuple(fc.constantFrom(...values), fc.constantFrom(...values), fc.constantFrom(...values))

/** The function of a source, with the library's functions as Math. */
const compile = (text: string) =>
  new Function('Math', '__name', `return (${text.trim().replace(/;$/, '')})`)(library, (f: unknown) => f)

test('random functions give the same bits as programs and as JavaScript', () => {
  fc.assert(
    fc.property(
      source,
      fc.array(point, { minLength: 1, maxLength: 4 }),
      fc.constantFrom(...Object.keys(tools)),
      (text, points, tool) => {
        // Oxc replaces Math.pow by **, which cannot be replaced by the library's power. The source itself is run.
        const fn = compile(text)
        const f = fromFunction(compile(built(text, tools[tool])))
        const again = expression(f.text)
        for (const [a, b, x] of points) {
          const given = f.names.map((name) => ({ a, b, x })[name as 'a'])
          const wanted = fn({ a, b }, { x })
          // The value of 0/0 and the sign of 0 in minima and remainders are not part of the promise.
          expect(f.value(given) + 0, `${tool}: ${text}`).toBe(wanted + 0)
          expect(again.value(given)).toBe(f.value(given))
          const [slopes, others] = [Float64Array.from(given), Float64Array.from(given)]
          f.gradient(given, slopes)
          again.gradient(given, others)
          expect(others).toEqual(slopes)
        }
      },
    ),
    { numRuns: 180 },
  )
})
