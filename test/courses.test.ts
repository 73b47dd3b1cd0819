/**
 * Lives of optimizers come to what they came to, to the bit, after each call: what all engines do alike, as cohorts,
 * clocks, steps and saved runs are written once, no comparison among them shows. The programs are those of a random
 * search, kept as data. ANTIGRAD_WRITE=1 writes what they come to now, and CHANGELOG.md should say why.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { digest } from './bits.js'
import { agree } from './programs/engine-agreement.js'
import type { ModelProgram } from './programs/models.js'

interface Kept {
  readonly program: ModelProgram
  /** By call: its place, and a hash of what was to be seen there. */
  came: readonly string[]
}

/** Errors by their kinds and arguments: their words are others' to test. */
const withoutWords = (seen: string) =>
  seen.replaceAll(/("error":"\w+(?: of [^:"]*)?)(?::(?:\\.|[^"\\])*)?"/g, '$1"')

/** Kernels' hashes change with every comment in their sources. */
const withoutHashes = (saved: string) => saved.replace(/"equations":\{(?:"\w+":\d+,?)*\}/, '')

const hash = (text: string) =>
  digest([Uint32Array.from(text, (unit) => unit.charCodeAt(0))])
    .split('-')[0]
    .padStart(8, '0')

async function come(program: ModelProgram): Promise<string[]> {
  const { trail, saved } = await agree(program)
  const places = trail.map(([place, seen]) => `${place}: ${hash(withoutWords(seen))}`)
  return [...places, `saved: ${saved === null ? 'not' : hash(withoutHashes(saved))}`]
}

const file = new URL('data/courses.json', import.meta.url)
const kept: Kept[] = JSON.parse(readFileSync(file, 'utf8'))
if (process.env.ANTIGRAD_WRITE) {
  for (const one of kept) one.came = await come(one.program)
  writeFileSync(file, `[\n${kept.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`)
}

test.each(kept.map(({ program, came }, k) => ({ k, program, came })))(
  'life $k',
  async ({ program, came }) => {
    expect(await come(program)).toEqual(came)
  },
)
