/**
 * Recorded runs of optimizers keep their bits after each call. Cohorts, clocks, steps and saved runs are implemented
 * once for all engines, so comparisons between engines cannot test them. The programs come from a random search and are
 * kept as data. ANTIGRAD_WRITE=1 records the current bits, and CHANGELOG.md should explain the change.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { digest } from './bits.js'
import { agree } from './programs/engine-agreement.js'
import type { ModelProgram } from './programs/models.js'

interface Kept {
  readonly program: ModelProgram
  /** For each call, the place of the call and a hash of the visible results. */
  came: readonly string[]
}

/** Errors are recorded with their kinds and arguments, because other tests check the messages. */
const withoutWords = (seen: string) =>
  seen.replaceAll(/("error":"\w+(?: of [^:"]*)?)(?::(?:\\.|[^"\\])*)?"/g, '$1"')

/** Kernel hashes are excluded, because the hashes change with every comment in the sources. */
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
  'the recorded program $k still computes the recorded bits',
  async ({ program, came }) => {
    expect(await come(program)).toEqual(came)
  },
)
