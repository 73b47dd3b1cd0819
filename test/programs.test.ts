/**
 * After each call of a random program, every engine must have the same bits and must throw the same errors, and a
 * rejected call must have changed no state. ANTIGRAD_TEST_RUNS sets the number of programs, and ANTIGRAD_TEST_SEED sets
 * the seed. `npm run fuzz` runs further programs.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { engines } from 'antigrad'
import { afterAll, expect, test } from 'vitest'
import { home } from './children.js'
import { ProcessHost } from './programs/hosts.js'
import { found } from './programs/regressions.js'
import { Runner, search } from './programs/search.js'

const programs = Number(process.env.ANTIGRAD_TEST_RUNS ?? 160)
const seed = Number(process.env.ANTIGRAD_TEST_SEED ?? 2)

const runner = new Runner(home)
afterAll(() => runner.end())

test('every engine is available for random programs', () => {
  expect(engines()).toMatchObject({ wasm: { available: true }, native: { available: true } })
})

test.each(Object.entries(found))(
  'a program that once failed on an engine succeeds: %s',
  async (_, program) => {
    expect(await runner.run(program)).toBeNull()
  },
)

test.each([
  ['runs forever', 'for (;;);', 'no answer within 2 s'],
  ['waits forever', 'setInterval(() => {}, 1e9)', 'nothing is done for 2 s'],
])('the test stops a program that %s', async (_, body, message) => {
  const file = join(mkdtempSync(join(tmpdir(), 'antigrad-host-')), 'child.mjs')
  writeFileSync(file, `console.log('ready')\nprocess.stdin.once('data', () => { ${body} })`)
  const host = new ProcessHost('one', home, [process.execPath], Promise.resolve(file), 2000)
  expect(await host.ask(found['so were the starts of a fit'], false)).toMatchObject({ message })
  rmSync(dirname(file), { recursive: true })
})

test(
  `${programs} random programs have the same outcome on all engines`,
  async () => {
    const random = new Runner(home)
    const failure = await search(random, { seed, programs, shrinking: 30_000 })
    await random.end()
    expect(failure).toBeNull()
    const calls = ['set', 'freeze', 'unfreeze', 'add', 'appendRows', 'load', 'fresh', 'restore', 'remember']
    const expected = [
      ...['step', 'stepAsync'].flatMap((call) => [`${call}: true`, `${call}: false`]),
      ...[...calls, 'zeroGrad', 'gradientPoint', 'bring', 'other', 'runs', 'fits'].map(
        (call) => `${call}: done`,
      ),
      ...['step', 'stepAsync', 'set', 'freeze', 'appendRows', 'add', 'runs', 'fits'].map(
        (call) => `${call}: threw`,
      ),
      ...['step', 'stepAsync', 'set', 'freeze', 'add', 'restore'].map((call) => `${call}: interrupted`),
    ]
    // A smaller number of programs may not reach every call.
    const missing = expected.filter((call) => !random.reached.has(call))
    if (programs >= 160) expect(missing).toEqual([])
  },
  60_000 + programs * 1000,
)
