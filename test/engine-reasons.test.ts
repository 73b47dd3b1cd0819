/** Promise 5: every call that selects an engine reports the engine and the reasons. */

import { adam, expression, lbfgs, minimize, minimizeMany, minimizeManySync } from 'antigrad'
import { fitManySync, fit as fitOne, ruleMethod } from 'antigrad/fit'
import { expect, test } from 'vitest'
import { inChild, withCopy } from './children.js'
import { engineNames } from './helpers.js'

const order = 'native is tried first, then wasm, then typescript'
const valley = expression('(x - 1)^2 + 2*(y + 1)^2')
const data = { t: [0, 1, 2, 3], y: [1, 3, 5, 7.5] }
const start = { a: 1, b: 1 }

/** The reports of each call, in the same order as the results below. */
const said = `
  const valley = antigrad.expression('(x - 1)^2 + 2*(y + 1)^2')
  const line = antigrad.expression('a*t + b')
  const said = (options = {}) => {
    const many = antigrad.minimizeManySync(valley, [1, 2], antigrad.adam(), { maxIterations: 3, ...options })
    const found = antigrad.fitManySync(line, { t: [0, 1, 2, 3], y: [1, 3, 5, 7.5] }, { start: { a: 1, b: 1 }, ...options })
    return [many, found, found.at(0)].map(({ engine, engineReasons }) => [engine, ...engineReasons])
  }\n`
const thrice = (...expected: unknown[]) => [expected, expected, expected]

const noModules =
  "WebAssembly.Module = class { constructor() { throw new WebAssembly.CompileError('forbidden here') } }"
const missing = expect.stringMatching(/^native: antigrad-.* is not installed/)
const refused = 'wasm: the module does not compile: forbidden here'

test.each(engineNames)('an option can request the engine %s', async (engine) => {
  const reasons = { engine, engineReasons: ['requested by the option engine'] }
  const rule = adam({ lr: 0.1 })
  expect(minimize(valley, [1, 2], rule, { engine, maxIterations: 3 })).toMatchObject(reasons)
  expect(minimizeManySync(valley, [1, 2], rule, { engine })).toMatchObject(reasons)
  expect(await minimizeMany(valley, [1, 2], rule, { engine })).toMatchObject(reasons)
  for (const method of [undefined, rule]) {
    const options = { start, engine, ...(method && { method: ruleMethod(method) }) }
    expect(fitOne(expression('a*t + b'), data, options)).toMatchObject(reasons)
    expect(fitManySync(expression('a*t + b'), data, options)).toMatchObject(reasons)
  }
})

test.each(engineNames)('an environment variable can request the engine %s', (engine) => {
  const asked = 'requested by the environment variable ANTIGRAD_ENGINE'
  expect(
    inChild(`${said} return [said(), said({ engine: 'typescript' })]`, { env: { ANTIGRAD_ENGINE: engine } }),
  ).toEqual([thrice(engine, asked), thrice('typescript', 'requested by the option engine')])
})

test('minimizeMany and fits use the native engine by default', () => {
  expect(inChild(`${said} return said()`)).toEqual(thrice('native', order))
})

test('the reported reasons explain that the addon is missing or that WebAssembly is unavailable', () => {
  withCopy((folder) => {
    expect(inChild(`${said} return said()`, { folder })).toEqual(thrice('wasm', order, missing))
    expect(inChild(`${said} return said()`, { folder, before: noModules })).toEqual(
      thrice('typescript', order, missing, refused),
    )
    const forced = "return ['native', 'wasm'].map((engine) => thrownBy(() => said({ engine })))"
    const message = (engine: string, reason: string) => ({
      ...{ is: 'EngineError', engine },
      message: expect.stringMatching(`^the engine ${engine} was requested but cannot run: .*${reason}`),
    })
    expect(inChild(said + forced, { folder, before: noModules })).toMatchObject([
      message('native', 'is not installed'),
      message('wasm', 'forbidden here'),
    ])
  })
})

test('minimize reports the reason for its choice of engine, and runs methods such as lbfgs in TypeScript', () => {
  const small =
    inChild(`const { engine, engineReasons } = antigrad.minimize(antigrad.bowl(), [1, 2], antigrad.adam())
    return [engine, ...engineReasons]`)
  expect(small).toEqual(['wasm', 'the optimizer has fewer than 128 parameters'])
  expect(minimize(valley, [1, 2], lbfgs())).toMatchObject({
    engine: 'typescript',
    engineReasons: ['methods run in TypeScript'],
  })
})

test('loading the package on a big-endian processor throws an error that names the required byte order', () => {
  const before = `(await import('node:os')).default.endianness = () => 'BE'
    ;(await import('node:module')).syncBuiltinESMExports()`
  expect(() => inChild('return antigrad.engines()', { before })).toThrow(
    /EngineError: the engine typescript and all others need a little-endian processor: this one is big-endian/,
  )
})
