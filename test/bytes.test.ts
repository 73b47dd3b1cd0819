/**
 * Saved runs, safetensors files, expressions, tables, JSON and the pages' links, mutated: each is taken or refused in a
 * typed error, soon and with little memory. ANTIGRAD_TEST_BYTES says how many of each; `npm run fuzz -- --bytes` goes
 * on. Batches and tables of arenas are Rust's (tests/many.rs, tests/arena/hostile.rs), and `npm run fuzz -- --spoil`'s.
 */

import { beforeAll, expect, test } from 'vitest'
import { corpus, type Target } from './bytes/corpus.js'
import { fuzzBytes } from './bytes/fuzz.js'
import { home } from './children.js'
import { bundle } from './programs/hosts.js'

const runs = Number(process.env.ANTIGRAD_TEST_BYTES ?? 300)

let file: string
beforeAll(async () => {
  file = await bundle(home, 'bytes')
})

test.each(Object.keys(corpus) as Target[])(
  '%s',
  async (target) => {
    const { found, inputs, taken } = await fuzzBytes(file, target, { seed: 1, runs, seconds: 600 })
    expect(found).toBeNull()
    expect(inputs).toBeGreaterThanOrEqual(runs)
    // As they are, and some others: what is refused at once says little.
    expect(taken).toBeGreaterThan(corpus[target].length)
  },
  700_000,
)

test('the time that is given ends it, however many there are to read', async () => {
  const { found, inputs } = await fuzzBytes(file, 'expressions', { seed: 1, runs: 1e9, seconds: 1 })
  expect(found).toBeNull()
  expect(inputs).toBeGreaterThan(corpus.expressions.length)
}, 60_000)
