/** Node without WebAssembly: code that needs WebAssembly memory runs in TypeScript. */

import { describe, expect, test } from 'vitest'
import { home, inChild } from './children.js'

const calls = {
  minimizeMany: "minimizeMany(expression('(x - 1)^2'), { x: [1, 2, 3] }, adam(), options)",
  minimizeManySync: "minimizeManySync(expression('(x - 1)^2'), { x: [1, 2, 3] }, adam(), options)",
  fit: 'fit(decay, { t, y }, { ...start, ...options })',
  fitMany: 'fitMany(decay, { t, y: [y, y] }, { ...start, ...options })',
  fitShared:
    "fitShared(decay, { t: t.map(() => t), y: t.map(() => y) }, { ...start, ...options, shared: ['a'] })",
}

/** Returns the error, or the engine with its reasons, the numbers of a result and the numbers of a profile. */
const body = (engine: string | undefined) => `
  const { adam, expression, fit, fitMany, fitShared, minimizeMany, minimizeManySync, profile } = antigrad
  const decay = expression('a*exp(-b*t) + c')
  const [t, y] = [[0, 1, 2, 3, 4, 5], [3, 2, 1.5, 1.2, 1.1, 1]]
  const start = { start: { a: 1, b: 1, c: 0 } }
  const options = ${JSON.stringify({ engine })}
  const found = {}
  const all = { ${Object.entries(calls).map(([name, call]) => `${name}: () => ${call}`)} }
  for (const [name, call] of Object.entries(all)) {
    try {
      const result = await call()
      const { engine, engineReasons, x, values } = result
      const low = name === 'fit' ? profile(result, 'a').a.low : null
      found[name] = { engine, engineReasons, numbers: { x, values, low } }
    } catch (thrown) {
      found[name] = String(thrown)
    }
  }
  return found`

type Found = Readonly<
  Record<keyof typeof calls, { engine: string; engineReasons: string[]; numbers: object }>
>
const run = (engine: string | undefined, flags: string[]) =>
  inChild(body(engine), { flags, folder: home }) as Found

describe('under the command node --jitless,', () => {
  const expected = run('typescript', [])

  test.each([undefined, 'typescript'])(
    'batches and fits with the engine option %s compute the same bits as the TypeScript engine',
    (engine) => {
      const found = run(engine, ['--jitless'])
      for (const name of Object.keys(calls) as (keyof Found)[]) {
        expect(found[name]).toMatchObject({ engine: 'typescript', numbers: expected[name].numbers })
      }
      if (engine === undefined)
        expect(found.fit.engineReasons).toContain('native: there is no WebAssembly here')
    },
  )

  test.each(['native', 'wasm'])(
    'a request for the engine %s throws an error that explains the reason',
    (engine) => {
      const found = run(engine, ['--jitless'])
      for (const said of Object.values(found)) expect(said).toMatch(/^EngineError: .*WebAssembly/)
    },
  )
})
