/**
 * Whatever is done to a model, every engine has the same bits after each call, and so has a run that was saved
 * and went on elsewhere. ANTIGRAD_TEST_RUNS says how many random models are tried, ANTIGRAD_TEST_SEED which.
 */

import { AntigradError } from 'antigrad'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { reference, type Variant, variants } from '../support.js'
import { type Command, type Scenario, scenario } from './scenarios.js'
import { follow, planOf, World } from './worlds.js'

const runs = Number(process.env.ANTIGRAD_TEST_RUNS ?? 50)
const seed = Number(process.env.ANTIGRAD_TEST_SEED ?? 1)

const threaded: Variant = { name: 'native, 3 threads', engine: 'native', threads: 3 }
const own = variants.filter(({ name }) => /^(wasm|native (scalar|avx2|neon))$/.test(name))
/** The first world stays in TypeScript; the others move among these. */
const places = [reference, ...own, threaded]

/** How often a command gave what, or threw. */
const counts = new Map<string, number>()
const count = (what: string) => void counts.set(what, (counts.get(what) ?? 0) + 1)

test('every engine is among the places', () => {
  expect(new Set(places.map(({ engine }) => engine))).toEqual(new Set(['typescript', 'wasm', 'native']))
})

test(
  `the same bits after every call, in ${runs} random models`,
  async () => {
    await fc.assert(fc.asyncProperty(scenario, agree), { numRuns: runs, seed })
    const calls = [
      'set',
      'freeze',
      'thaw',
      'add',
      'grow',
      'load',
      'fresh',
      'restore',
      'remember',
      'zeroGrad',
      'point',
    ]
    const expected = [
      ...['step', 'stepAsync'].flatMap((call) => [`${call}: true`, `${call}: false`]),
      ...calls.map((call) => `${call}: done`),
      ...['step', 'set', 'freeze', 'grow', 'restore'].map((call) => `${call}: threw`),
    ]
    // Fewer may happen not to reach all.
    if (runs >= 50) expect([...counts.keys()]).toEqual(expect.arrayContaining(expected))
  },
  60_000 + runs * 3000,
)

async function agree(scenario: Scenario): Promise<void> {
  const plan = planOf(scenario)
  const made = await Promise.all(
    [reference, ...places].map((_, k) =>
      outcomeOf(async () => new World(scenario, plan, places, Math.max(0, k - 1), k === 0)),
    ),
  )
  const [first] = made
  for (const { error } of made) expect(error).toBe(first.error)
  if (first.error !== null) return count('no optimizer')
  const worlds = made.map(({ value }) => value as World)
  sameIn(worlds, null, 'at first')
  for (const [k, command] of scenario.commands.entries()) {
    const before = worlds[0].seen(null)
    const place = `command ${k}, ${command.call}`
    const [expected, ...others] = await Promise.all(
      worlds.map((world) => outcomeOf(() => world.obey(command, plan))),
    )
    others.forEach((other, i) => {
      expect(other, `${place}, ${worlds[i + 1].variant.name}`).toEqual(expected)
    })
    const answer = typeof expected.value === 'boolean' ? expected.value : 'done'
    count(`${command.call}: ${expected.error === null ? answer : 'threw'}`)
    if (expected.error === null) follow(plan, command)
    else expect(worlds[0].seen(null), `${place} threw`).toBe(before)
    sameIn(worlds, expected.error === null ? command : null, place)
  }
}

function sameIn([steady, ...worlds]: readonly World[], command: Command | null, place: string): void {
  const expected = steady.seen(command)
  for (const world of worlds) expect(world.seen(command), `${place}, ${world.variant.name}`).toBe(expected)
}

async function outcomeOf<T>(call: () => Promise<T>): Promise<{ value: T | null; error: string | null }> {
  try {
    return { value: (await call()) ?? null, error: null }
  } catch (error) {
    if (!(error instanceof AntigradError)) throw error
    return { value: null, error: `${error.name}: ${error.message}` }
  }
}
