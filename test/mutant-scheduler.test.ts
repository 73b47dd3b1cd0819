/**
 * A mutation test tries mutants one after the other in one process. The results are valid even if a mutant breaks the
 * process permanently.
 */

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { triedBy } from '../scripts/lib/mutant-scheduler.mjs'
import { sitesIn, sourcesAt } from '../scripts/lib/mutants.mjs'
import { home } from './children.js'

const tests = `
import { beforeEach, describe, expect, test } from ${JSON.stringify(
  pathToFileURL(join(home, 'scripts/lib/mutant-tests.mjs')).href,
)}
let [made, kept, begun] = [Number(process.env.ANTIGRAD_MISTAKE ?? 0), 0, 0]
const reached = new Set()
globalThis.chooseMistake = (number) => {
  made = number
  const all = [...reached]
  reached.clear()
  return all
}
const isMade = (number) => reached.add(number) && made === number
const constant = isMade(6) ? 2 : 1
if (isMade(7)) throw new Error('cannot be loaded')
test('fails without any', () => expect(1).toBe(2))
describe.each([1, 2])('case %s', (x) => {
  beforeEach(() => void begun++)
  test.each([[3, 4]])('with %s', (y, z) => {
    expect([x, y, z]).toEqual([expect.any(Number), 3, 4])
    if (x === 2 && isMade(1)) throw new Error('seen')
    if (isMade(2)) kept = 1
    expect(kept).toBe(0)
    if (isMade(3)) process.exit(7)
    isMade(4)
    expect(constant).toBe(1)
    expect(begun).toBeGreaterThan(0)
  })
})
`

test('the mutation test reports the surviving mutants, and the caught mutants with the tests that failed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'antigrad-'))
  try {
    mkdirSync(join(folder, 'test'))
    writeFileSync(join(folder, 'test/a.test.mjs'), tests)
    const told: Record<number, string> = {}
    const left = await triedBy(folder, 'test/a.test.mjs', {}, [7, 4, 2, 6, 1, 3, 5], (number, outcome) => {
      told[number] = outcome
    })
    expect(left.sort()).toEqual([4, 5])
    expect(told).toEqual({
      1: 'found by test/a.test.mjs: case 2 > with 3',
      // The damage by a mutant persists only in the mutant's process.
      2: expect.stringMatching(/^found by test\/a\.test\.mjs: case \d > with 3$/),
      3: 'found by test/a.test.mjs: 7',
      // A separate process is needed for values that are created when a module loads.
      6: expect.stringMatching(/^found by test\/a\.test\.mjs: case \d > with 3$/),
      7: 'found by test/a.test.mjs: 0',
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the mutation test selects mutants from a given commit, in the file order of the working tree', () => {
  const folder = mkdtempSync(join(tmpdir(), 'antigrad-'))
  const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, stdio: 'ignore' })
  const names = ['src/a/x.ts', 'src/a-b.ts', 'src/c.ts']
  try {
    mkdirSync(join(folder, 'src/a'), { recursive: true })
    for (const name of names) writeFileSync(join(folder, name), 'f(x < y)\n')
    git('init')
    git('add', '.')
    git('-c', 'user.name=a', '-c', 'user.email=a@b.c', 'commit', '-m', 'one')
    writeFileSync(join(folder, names[0]), 'f(x > y)\n')
    rmSync(join(folder, names[1]))
    const found = sitesIn(['src'], new Set(), sourcesAt('HEAD', folder))
    const site = { line: 1, before: 'f(x < y)', after: 'f(x <= y)' }
    expect(found.filter(({ after }) => after === site.after)).toEqual(
      names.map((file) => ({ file, ...site })),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})
