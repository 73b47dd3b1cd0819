/**
 * Mutated saved runs, safetensors files, expressions, tables, JSON and links of pages. Each mutant is accepted, or
 * refused with a typed error, within little time and memory. ANTIGRAD_TEST_BYTES sets the number of mutants; `npm run
 * fuzz -- --bytes` runs more. Rust tests (tests/many.rs, tests/arena/hostile.rs) and `npm run fuzz -- --spoil` cover
 * batches and tables of arenas.
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
  'an input of the kind %s with mutated bytes is accepted, or refused with a typed error',
  async (target) => {
    const { found, inputs, taken } = await fuzzBytes(file, target, { seed: 1, runs, seconds: 600 })
    expect(found).toBeNull()
    expect(inputs).toBeGreaterThanOrEqual(runs)
    // The unmodified corpus and some mutants are accepted. Mutants that are refused at once test little.
    expect(taken).toBeGreaterThan(corpus[target].length)
  },
  700_000,
)

test('the fuzz test ends at its time limit even if untested inputs remain in the corpus', async () => {
  const { found, inputs } = await fuzzBytes(file, 'expressions', { seed: 1, runs: 1e9, seconds: 1 })
  expect(found).toBeNull()
  expect(inputs).toBeGreaterThan(corpus.expressions.length)
}, 60_000)
